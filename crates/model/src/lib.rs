//! The nouns of the system. No I/O, no clock, nothing that can fail.
//!
//! Every other crate speaks in these words; none of them knows a protocol by name.

mod budget;
mod call;
mod flow;
mod lore;
mod message;
mod peer;
mod process;
mod protocol;
mod time;

pub use budget::Budget;
pub use call::{Call, CallSink, Cover, Missing, PairedBy, Pairing, Source, Why};
pub use flow::{Dir, Endpoint, FlowKey, Side, Transport};
pub use lore::Lore;
pub use message::{Body, BodyFacts, Mark, Message, Moment, Moments};
pub use peer::{Candidate, Doubt, Evidence, Evidences, Peer, Workload};
pub use process::{ContainerId, Process};
pub use protocol::{Field, Headline, Kind, Outcome, Protocol, Status, Tell, Value};
pub use time::Timestamp;
