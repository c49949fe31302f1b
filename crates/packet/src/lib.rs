//! From the bytes of a packet to a TCP segment or a UDP datagram. Views, checked once at the door.
//!
//! ```text
//! Packet ─► link ─► ip ─────────► transport ─► Content
//!             ▲      │  ▲  fragments    │
//!             │      └──┴───── ┘        │
//!             └──────── tunnel ◄────────┘
//! ```

mod address;
mod counts;
mod decoder;
mod fragments;
mod hash;
mod ip;
mod link;
mod names;
mod packet;
mod ppp;
mod transport;
mod tunnel;
mod view;

pub use counts::{Count, Counts};
pub use decoder::{Decoder, DecoderLimits};
pub use names::{Header, Unread};
pub use packet::{Content, Datagram, LinkType, Packet, Segment, TcpFlags};
