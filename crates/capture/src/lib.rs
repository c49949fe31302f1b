//! Where packets come from: capture files, pipes and folders of them; interfaces, live.
//!
//! A [`Reader`] hands out [`Batch`]es: runs of whole packets in the order of the capture, several
//! files merged by time. Nothing a file claims is believed: a damaged or cut file gives all packets
//! before the damage and a [`Warning`], never a panic and never more memory than its records need.

pub mod keep;
#[cfg(target_os = "linux")]
pub mod live;

mod batch;
mod block;
mod clock;
mod error;
mod feed;
mod file;
mod folder;
mod intake;
mod ledger;
mod merge;
mod pcap;
mod pcapng;
mod reader;
mod sniff;
mod spot;
mod wire;
mod write;

pub use batch::Batch;
pub use error::{Damage, OpenError, Problem, ReadError, Warning};
pub use intake::{Intake, IntakeCount};
pub use reader::{Input, Options, Progress, Reader};
