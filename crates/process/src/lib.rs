//! Which process owns a socket, and which container owns the process.
//!
//! A [`Source`] listens to the kernel and fills a table; [`Owners`] answer from it, in any number of
//! threads, without a lock. Connections from before the start come from the kernel's tables of sockets.
//! What can be had on a machine, and by what right, says [`doctor`]. See `docs/PROCESSES.md`.

mod cgroup;
mod clock;
pub mod doctor;
mod facts;
mod homes;
mod hooks;
mod mounts;
mod proc;
mod snapshot;
mod sockets;
mod source;
mod table;

pub use cgroup::container;
pub use facts::{Container, Process, Runtime};
pub use hooks::{Choice, Hook};
pub use source::{Counts, Options, Owners, Source};
pub use table::Ask;
