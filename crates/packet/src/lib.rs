//! From the bytes of a packet to a TCP segment, a UDP datagram, chunks of SCTP, or what ICMP says. Views, checked once at the door.
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
mod icmp;
mod ip;
mod link;
mod names;
mod packet;
mod ppp;
mod sctp;
mod transport;
mod tunnel;
mod view;

pub use counts::{Count, Counts};
pub use decoder::{Decoder, DecoderLimits, glance};
pub use names::{Header, Unread};
pub use packet::{Bundle, Chunk, Content, Datagram, LinkType, Packet, Quote, Segment, TcpFlags};
