//! What a router or a host said of somebody else's packet.

use std::net::IpAddr;

use crate::Timestamp;

/// An ICMP or ICMPv6 error about a packet of a flow (RFC 792, RFC 4443 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Who said it.
    pub from: IpAddr,
    /// What was said.
    pub says: Says,
    /// The size of packets in bytes that would have passed; only where one was too big.
    pub mtu: Option<u32>,
}

/// A notice that a flow got, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Noticed {
    /// The notice.
    pub notice: Notice,
    /// When it was captured.
    pub at: Timestamp,
}

/// What an error says, in words that both versions share.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Says {
    NetUnreachable,
    HostUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    /// Somebody does not let it pass.
    Prohibited,
    /// For another reason.
    Unreachable,
    /// A fragment would have been needed.
    TooBig,
    /// It went through too many hops.
    TimeExceeded,
    ReassemblyTimeExceeded,
    ParameterProblem,
    Redirect,
    SourceQuench,
}

// === impl Says ===

impl Says {
    /// The words in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NetUnreachable => "net unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::Prohibited => "prohibited",
            Self::Unreachable => "unreachable",
            Self::TooBig => "packet too big",
            Self::TimeExceeded => "time exceeded",
            Self::ReassemblyTimeExceeded => "reassembly time exceeded",
            Self::ParameterProblem => "parameter problem",
            Self::Redirect => "redirect",
            Self::SourceQuench => "source quench",
        }
    }

    /// Whether the packet did not arrive, and another one like it won't either.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::TooBig | Self::Redirect | Self::SourceQuench)
    }
}
