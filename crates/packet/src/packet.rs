//! The nouns of this crate: what goes in, what comes out.

use model::{Dir, FlowKey, Notice, Timestamp};

/// A packet as captured; borrowed from the buffer or ring that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'c> {
    /// When the capture stamped it.
    pub at: Timestamp,
    /// What its first byte is the beginning of.
    pub link: LinkType,
    /// Index of the source (file and interface) it came from.
    pub source: u32,
    /// Its number in its file, from 1.
    pub frame: u64,
    /// The address space it belongs to; 0 unless told otherwise.
    pub scope: u16,
    /// The bytes that were captured.
    pub bytes: &'c [u8],
    /// The bytes it had on the wire; more than `bytes` where the snap length cut it.
    pub wire_len: u32,
}

/// A link type as numbered in the LINKTYPE_ registry of tcpdump.org.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u32);

/// What a packet turned out to carry.
#[derive(Clone, Copy, Debug)]
pub enum Content<'c> {
    /// A TCP segment.
    Tcp(Segment<'c>),
    /// A UDP datagram.
    Udp(Datagram<'c>),
    /// A packet of SCTP.
    Sctp(Bundle<'c>),
    /// A question or an answer of ICMP or ICMPv6 that carries an identifier; its payload is the whole
    /// message.
    Icmp(Datagram<'c>),
    /// An error of ICMP or ICMPv6 about a packet of a flow.
    Quote(Quote),
    /// Nothing for us, or not yet (a fragment); the decoder has counted it by name.
    Nothing,
}

/// A TCP segment (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
pub struct Segment<'c> {
    /// Its flow.
    pub key: FlowKey,
    /// Which way it went.
    pub dir: Dir,
    /// Symmetric hash of the flow: the same for both directions, equal keys have equal hashes.
    pub hash: u64,
    /// Sequence number of the first payload byte (of the SYN itself where that is set).
    pub seq: u32,
    /// Acknowledgment number; only meaningful with `flags.ack()`.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window as sent, not scaled.
    pub window: u16,
    /// The payload bytes that were captured.
    pub payload: &'c [u8],
    /// Payload bytes that the segment had on the wire but the snap length took from the capture.
    pub cut: u32,
}

/// A UDP datagram (RFC 768), or what comes as one.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'c> {
    /// Its flow.
    pub key: FlowKey,
    /// Which way it went.
    pub dir: Dir,
    /// Symmetric hash; the same for all datagrams between the same two *ports* (whatever the
    /// addresses), because a multicast question is answered from another address.
    pub hash: u64,
    /// IPv4's identification of the packet (RFC 791 §3.1); 0 for IPv6, and of no meaning then.
    pub id: u16,
    /// The payload bytes that were captured.
    pub payload: &'c [u8],
    /// Payload bytes that the datagram had on the wire but the snap length took from the capture.
    pub cut: u32,
}

/// A packet of SCTP: chunks that came together (RFC 9260 §3).
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'c> {
    /// The ends that it went between; an association may use several.
    pub key: FlowKey,
    /// Which way it went.
    pub dir: Dir,
    /// Symmetric hash; the same for all packets between the same two *ports*, because an association
    /// may have several addresses.
    pub hash: u64,
    /// The verification tag, which the receiver chose.
    pub tag: u32,
    /// The chunks that were captured; see [`Bundle::chunks`].
    pub chunks: &'c [u8],
    /// Bytes that the packet had on the wire but the snap length took from the capture.
    pub cut: u32,
}

/// One chunk (RFC 9260 §3.2).
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'c> {
    /// Its type.
    pub kind: u8,
    /// Its flags; what they mean depends on the type.
    pub flags: u8,
    /// What was captured of its value.
    pub value: &'c [u8],
    /// Bytes of its value that were not.
    pub cut: u32,
}

/// What was said of a packet of a flow, and the packet quoted (RFC 792, RFC 4443 §3).
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    /// The flow of the quoted packet.
    pub key: FlowKey,
    /// Which way the quoted packet went.
    pub dir: Dir,
    /// The hash that the flow's own packets have.
    pub hash: u64,
    /// What was said of it.
    pub notice: Notice,
}

/// The control bits of a TCP segment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpFlags(pub u8);

// === impl LinkType ===

impl LinkType {
    /// BSD loopback: a 4-byte address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, version by its first nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

// === impl TcpFlags ===

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment number means something.
    pub const ACK: u8 = 0x10;

    /// Whether FIN is set.
    #[must_use]
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// Whether SYN is set.
    #[must_use]
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    /// Whether RST is set.
    #[must_use]
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    /// Whether ACK is set.
    #[must_use]
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}
