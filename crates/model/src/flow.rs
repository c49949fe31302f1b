//! Who talks to whom: endpoints, the key of a flow, and the two words for direction.

use std::{fmt, net::IpAddr};

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// Questions of ICMP and ICMPv6 that have a number (RFC 792, RFC 4443 §4): one message a packet.
    Icmp,
    /// RFC 9260.
    Sctp,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub ip: IpAddr,
    /// TCP or UDP port; the identifier of a question of ICMP, the same at both ends (RFC 5508 §3.1).
    pub port: u16,
}

/// Which way a packet went on the wire, in terms of [`FlowKey`]; known at once.
///
/// Not to be mixed up with [`Side`]: that says who speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Dir {
    /// From `key.a` to `key.b`.
    Ab,
    /// From `key.b` to `key.a`.
    Ba,
}

/// Who sent the bytes; known after a SYN, a probe or by the port.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Asks.
    Client,
    /// Answers.
    Server,
}

/// The two endpoints of a flow in a fixed order (the lower first), so that both directions have the
/// same key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FlowKey {
    /// The lower endpoint.
    pub a: Endpoint,
    /// The higher endpoint.
    pub b: Endpoint,
    /// What carries it.
    pub transport: Transport,
    /// Which address space the addresses belong to (overlapping clusters); 0 unless told otherwise.
    pub scope: u16,
}

// === impl Transport ===

impl Transport {
    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Sctp => "sctp",
        }
    }

    /// What has this [`name`](Self::name).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Icmp, Self::Sctp].into_iter().find(|one| one.name() == name)
    }

    /// Whether its ends have ports: where they have none, an endpoint's is what tells questions apart.
    #[must_use]
    pub fn has_ports(self) -> bool {
        self != Self::Icmp
    }

    /// Whether what comes is in order, and goes on where it ended; otherwise each packet is for itself.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Tcp | Self::Sctp)
    }
}

// === impl Dir ===

impl Dir {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ab, Self::Ba];

    /// The other way.
    #[must_use]
    pub fn flip(self) -> Self {
        match self {
            Self::Ab => Self::Ba,
            Self::Ba => Self::Ab,
        }
    }
}

// === impl Side ===

impl Side {
    /// The peer.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

// === impl FlowKey ===

impl FlowKey {
    /// In `scope`: the bytes come from under a cover (what a TLS library read and wrote). The flow on
    /// the wire has the same addresses, and must not be mixed up with it.
    pub const UNDER_COVER: u16 = 1 << 15;

    /// Whether its bytes come from under a cover.
    #[must_use]
    pub fn is_under_cover(&self) -> bool {
        self.scope & Self::UNDER_COVER != 0
    }

    /// The key of a packet from `src` to `dst`, and which way it went.
    #[must_use]
    pub fn of(src: Endpoint, dst: Endpoint, transport: Transport, scope: u16) -> (Self, Dir) {
        if src <= dst {
            (Self { a: src, b: dst, transport, scope }, Dir::Ab)
        } else {
            (Self { a: dst, b: src, transport, scope }, Dir::Ba)
        }
    }

    /// Where a packet that went `dir` came from.
    #[must_use]
    pub fn src(&self, dir: Dir) -> Endpoint {
        match dir {
            Dir::Ab => self.a,
            Dir::Ba => self.b,
        }
    }

    /// Where a packet that went `dir` was sent to.
    #[must_use]
    pub fn dst(&self, dir: Dir) -> Endpoint {
        self.src(dir.flip())
    }
}

// === impl Display ===

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            IpAddr::V4(ip) => write!(f, "{ip}:{}", self.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let a = Endpoint { ip: [10, 0, 0, 1].into(), port: 40_000 };
        let b = Endpoint { ip: [10, 0, 0, 2].into(), port: 80 };
        let (there, ab) = FlowKey::of(a, b, Transport::Tcp, 0);
        let (back, ba) = FlowKey::of(b, a, Transport::Tcp, 0);
        assert_eq!(there, back);
        assert_eq!(ab, ba.flip());
        assert_eq!((there.src(ab), there.dst(ab)), (a, b));
    }

    #[test]
    fn what_is_under_a_cover_is_a_flow_of_its_own() {
        let a = Endpoint { ip: [10, 0, 0, 1].into(), port: 40_000 };
        let b = Endpoint { ip: [10, 0, 0, 2].into(), port: 443 };
        let (wire, _) = FlowKey::of(a, b, Transport::Tcp, 3);
        let (clear, _) = FlowKey::of(a, b, Transport::Tcp, 3 | FlowKey::UNDER_COVER);
        assert_ne!(wire, clear);
        assert!(clear.is_under_cover() && !wire.is_under_cover());
    }
}
