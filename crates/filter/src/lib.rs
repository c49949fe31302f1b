//! The query language: text to a typed condition over calls.
//!
//! It is CEL (the Common Expression Language) over the columns of a call, with no errors left for
//! when records are asked: what is not there is missing, and a comparison with it is decided.
//! `docs/QUERY.md` is its reference. No protocol is known here by name: tables come from the caller.

mod aliases;
mod column;
mod columns;
mod common;
mod condition;
mod fault;
mod need;
mod record;
mod value;

pub use aliases::Alias;
pub use column::{Column, End, Fact, Half, Item, Type};
pub use columns::{Columns, FieldColumn, Named, ProtocolTable};
pub use condition::Condition;
pub use fault::Fault;
pub use need::{Literal, Need, Op};
pub use record::Record;
pub use value::Value;
