//! The nouns of the system. No I/O, no clock, nothing that can fail.
//!
//! Every other crate speaks in these words; none of them knows a protocol by name.

mod budget;
mod call;
mod date;
mod flow;
mod lore;
mod message;
mod notice;
mod peer;
mod process;
mod protocol;
mod time;

pub use budget::Budget;
pub use call::{
    Call, CallId, CallSink, Cover, Missing, PairedBy, Pairing, Source, Translated, Why,
};
pub use date::Date;
pub use flow::{Dir, Endpoint, FlowKey, Side, Transport};
pub use lore::Lore;
pub use message::{Body, BodyFacts, BodyText, Mark, Message, Moment, Moments};
pub use notice::{Notice, Noticed, Says};
pub use peer::{Candidate, Doubt, Evidence, Evidences, Peer, Workload};
pub use process::{ContainerId, Process};
pub use protocol::{Field, Headline, Kind, Outcome, Protocol, Status, Tell, Value};
pub use time::Timestamp;
