//! Whose a packet is, found out once for all workers.

use packet::{Content, DecoderLimits, Packet};

use crate::worker::shard_of;

/// The shard that an ordinary packet belongs to.
///
/// It is found at a glance, by whoever has the packet in its cache anyway, so that all other workers
/// need not look at it. What may concern more than its own flow (fragments, tunnels, the begin of a
/// connection) is everybody's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Whose(u8);

/// Beside the shard: it is a segment of TCP, which other workers' connections may turn out to carry.
const SEGMENT: u8 = 1 << 4;

// === impl Whose ===

impl Whose {
    /// A packet to be looked at by every worker.
    pub const EVERYBODYS: Self = Self(u8::MAX);

    /// Finds it out.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Self {
        match packet::glance(packet, DecoderLimits::default().seed) {
            Some(Content::Tcp(segment)) if !segment.flags.syn() => {
                Self(shard_of(segment.hash) | SEGMENT)
            }
            Some(Content::Udp(datagram)) => Self(shard_of(datagram.hash)),
            _ => Self::EVERYBODYS,
        }
    }

    /// The shard, unless it is everybody's.
    pub(crate) fn shard(self) -> Option<u8> {
        (self != Self::EVERYBODYS).then_some(self.0 & (SEGMENT - 1))
    }

    pub(crate) fn is_segment(self) -> bool {
        self.0 & SEGMENT != 0
    }
}
