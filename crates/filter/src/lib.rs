//! The query language: text to a typed condition over calls.
//!
//! It is CEL (the Common Expression Language) over the columns of a call, with no errors left for
//! when records are asked: what is not there is missing, and a comparison with it is decided.
//! `docs/QUERY.md` is its reference. No protocol is known here by name: tables come from the caller.

mod aliases;
mod ast;
mod calls;
mod column;
mod columns;
mod common;
mod compile;
mod complete;
mod condition;
mod context;
mod derive;
mod fault;
mod functions;
mod lex;
mod moment;
mod names;
mod near;
mod need;
mod net;
mod parse;
mod record;
mod seq;
mod step;
mod template;
mod term;
mod test;
mod text;
mod value;

pub use aliases::Alias;
pub use column::{Column, End, Fact, Half, Item, Type};
pub use columns::{Columns, FieldColumn, Named, ProtocolTable};
pub use complete::{Candidate, Completion};
pub use condition::Condition;
pub use fault::Fault;
pub use functions::{Function, functions};
pub use need::{Literal, Need, Op};
pub use parse::TEXT_BYTES_MAX;
pub use record::Record;
pub use step::{STEPS, step, step_after, step_number};
pub use template::{NoTemplate, Template, give_templates, given_template, template};
pub use value::Value;
