//! What TLS libraries read and write, seen by eBPF: no keys, and no restart of the application.
//!
//! [`Taps`] loads the programs of `ebpf/tls.c`, finds the libraries of all processes and attaches to
//! them; [`Streams`] puts what comes in order and names its connection; [`Packets`] makes packets of
//! it, so that it goes the way of everything else. Everything is held by file descriptors: when the
//! process ends, however it ends, nothing is left in the kernel.

mod counts;
mod go;
mod kernel;
mod library;
mod mapped;
mod packets;
mod pclntab;
mod places;
mod record;
mod sites;
mod streams;
mod survey;
mod taps;
mod watch;

pub use counts::{Counts, Line, Lost};
pub use kernel::TapError;
pub use library::{Kind, Library, Site, Untapped};
pub use packets::{Made, Packets};
pub use record::{Piece, Record, Role, Socket, Way, What};
pub use sites::Program;
pub use streams::{Flow, Outlet, Streams};
pub use survey::{Row, Survey};
pub use taps::{Settings, Taps};
pub use watch::Found;
