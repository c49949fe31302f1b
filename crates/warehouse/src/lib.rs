//! Calls in an engine elsewhere: `ClickHouse`, from 18.16 to today's.
//!
//! [`Sending`] sends the calls of a store there, as they come; [`Warehouse`] asks them back, and gives the
//! answers that a store gives ([`store::Source`]). `docs/SINKS.md` says what is promised.

mod answer;
mod binary;
mod connector;
mod dialect;
mod door;
mod grouping;
mod hearing;
mod knowing;
mod place;
mod schema;
mod sending;
mod source;
mod sql;

pub use connector::{connector, roots};
pub use door::{Refusal, deepest};
pub use place::{Flaw, Place};
pub use sending::{Sending, Sent};
pub use source::Warehouse;
