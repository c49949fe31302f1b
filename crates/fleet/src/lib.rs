//! Nodes and their hub: who listens where, questions to all of them at once, and the directory that all
//! of them name calls by.
//!
//! Nodes call the hub and keep one connection (gRPC, TLS of both sides). A [`Hub`] is a
//! [`store::Source`]: whoever asks it asks all nodes, and hears who did not answer. `docs/CLUSTER.md`
//! says what is promised.

mod certificates;
mod directory;
mod fan;
mod hub;
mod listened;
mod merge;
mod node;
mod roster;
mod serve;
mod words;

pub use certificates::{Credentials, HUB_NAME, Made, make};
pub use directory::{Log, Update};
pub use hub::{Hub, HubOptions};
pub use listened::{Listened, Span};
pub use node::{Keeps, Node, NodeOptions, Said};
pub use serve::serve;

/// Messages of the protocol, as `proto/fleet.proto` describes them.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "made by a program")]
mod wire {
    tonic::include_proto!("callscope.fleet.v1");
}

/// The protocol's version that this program speaks.
pub const VERSION: u32 = 1;
/// The oldest that it understands.
pub const VERSION_MIN: u32 = 1;
/// Bytes of a message at most.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
