//! Calls elsewhere: in `ClickHouse`, from 18.16 to today's, or as files in object storage.
//!
//! [`Sending`] sends the calls of a store there, as they come; [`Warehouse`] asks them back, and gives the
//! answers that a store gives ([`store::Source`]). `docs/SINKS.md` says what is promised.

mod answer;
mod aside;
mod binary;
mod bucket;
mod client;
mod connector;
mod destination;
mod dialect;
mod door;
mod grouping;
mod hearing;
mod knowing;
mod place;
mod schema;
mod sending;
mod sent;
mod shipping;
mod source;
mod sql;

pub use bucket::Bucket;
pub use connector::{connector, roots};
pub use destination::Destination;
pub use door::{Refusal, deepest};
pub use place::{Flaw, Place};
pub use sending::Sending;
pub use sent::Sent;
pub use source::Warehouse;
