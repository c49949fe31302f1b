//! The segments of a TCP connection to its bytes: both directions in order, an answer never before
//! what it answers, and what is not in the capture said as a gap.
//!
//! ```text
//! Segment ─► Connection ─┬─► Assembler (Ab) ─┐
//!                        │     ▲ gates ▼     ├─► Outlet: data | gap | end
//!                        └─► Assembler (Ba) ─┘
//! ```
//!
//! An SCTP [`Association`] delivers whole messages the same way.
//!
//! Nothing is copied or allocated while segments come in order. No clock: time comes in with the
//! segments, and by [`Connection::expire`].

mod assembler;
mod association;
mod chunk;
mod connection;
mod counts;
mod held;
mod order;
mod outlet;
mod part;
mod place;
mod print;
mod seq;
mod spans;
mod start;
mod take;
#[cfg(test)]
mod tests;
mod watch;

pub use assembler::Assembler;
pub use association::{Association, AssociationCounts, Belongs, Messages};
pub use connection::{Connection, Outcome};
pub use counts::Counts;
pub use outlet::{End, Outlet};
pub use watch::{State, Times, Watch, Way};

/// How long missing bytes that the receiver has acknowledged may still come, by packets that the
/// capture reordered.
pub const WAIT_NS: u64 = 20_000_000;

/// How many further packets of the connection may be seen during that wait.
pub const WAIT_PACKETS: u8 = 64;

/// How long missing bytes that the receiver has not acknowledged may still come, by retransmission.
pub const RETRANSMISSION_NS: u64 = 30_000_000_000;

/// Segments that one direction may hold.
pub const HELD_SEGMENTS_MAX: usize = 1_024;

/// Payload bytes that one direction may hold.
pub const HELD_BYTES_MAX: usize = 1 << 20;
