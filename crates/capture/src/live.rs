//! Packets from interfaces, as they pass: one ring a network namespace, read where the kernel puts
//! them.
//!
//! ```text
//! namespace ─► packet socket ─► program (BPF) ─► ring ─┐
//! namespace ─► …                                       ├─► one order of time ─► Batch
//! Inlet (packets that others make) ────────────────────┘
//! ```
//!
//! There is one ring for all interfaces of a namespace, not one for each: packets are then in the
//! order in which the kernel saw them, and interfaces that come and go only change the program. There
//! is no fan-out to several sockets either, as every worker looks at every packet anyway, and takes the
//! flows of its own shards: the same calls in the same order for any number of threads.

mod choice;
mod error;
mod frame;
mod inlet;
mod libpcap;
mod links;
mod own;
mod post;
mod program;
mod ring;
mod space;
mod stop;
mod sys;
mod tap;

pub use error::{Capability, TapError};
pub use inlet::{Inlet, Made};
pub use libpcap::{FilterError, can_filter};
pub use space::Space;
pub use stop::Stop;
pub use tap::{Tap, TapOptions};
