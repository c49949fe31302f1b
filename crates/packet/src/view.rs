//! Bytes that were captured, with how many there were on the wire, and what may come next in them.

use crate::{Content, Header, LinkType, Packet, Unread, address::Addresses, fragments::Fragment};

/// The captured beginning of something that was `wire` bytes long; `bytes.len() <= wire` always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub bytes: &'a [u8],
    pub wire: usize,
}

/// What a [`View`] is the beginning of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layer {
    Link(LinkType),
    Ethernet,
    EtherType(u16),
    Ppp,
    /// IP, version by its first nibble.
    Ip,
    Ipv4,
    Ipv6,
    /// What the IP header before announced by this number.
    Protocol(u8),
}

/// What reading one header led to.
pub(crate) enum Step<'a> {
    /// Another header of the same packet.
    Next(Layer, View<'a>),
    /// A packet inside the packet.
    Inside(Layer, View<'a>),
    /// What an IP header with these addresses announced by this number.
    Carries(Addresses, u8, View<'a>),
    /// A part of an IP packet.
    Part(Fragment<'a>),
    /// The end of the way.
    Found(Content<'a>),
}

pub(crate) type Read<'a> = Result<Step<'a>, Unread>;

// === impl View ===

impl<'a> View<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8], wire: usize) -> Self {
        Self { bytes, wire: wire.max(bytes.len()) }
    }

    #[inline]
    pub fn of(packet: &Packet<'a>) -> Self {
        Self::new(packet.bytes, packet.wire_len as usize)
    }

    /// Splits the `N` bytes of a header off.
    #[inline]
    pub fn head<const N: usize>(self, header: Header) -> Result<(&'a [u8; N], Self), Unread> {
        match self.bytes.split_first_chunk() {
            Some((head, bytes)) => Ok((head, Self { bytes, wire: self.wire - N })),
            None => Err(self.short_of(N, header)),
        }
    }

    /// What comes after the first `n` bytes, which must have been captured.
    #[inline]
    pub fn skip(self, n: usize, header: Header) -> Result<Self, Unread> {
        match self.bytes.get(n..) {
            Some(bytes) => Ok(Self { bytes, wire: self.wire - n }),
            None => Err(self.short_of(n, header)),
        }
    }

    /// The first `n` bytes; all of it when it is shorter.
    #[inline]
    pub fn limit(self, n: usize) -> Self {
        Self { bytes: self.bytes.get(..n).unwrap_or(self.bytes), wire: self.wire.min(n) }
    }

    /// Bytes that the snap length took.
    #[inline]
    pub fn cut(self) -> u32 {
        u32::try_from(self.wire - self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Why a header of `n` bytes is not there: taken by the snap length, or never sent.
    #[cold]
    fn short_of(self, n: usize, header: Header) -> Unread {
        if self.wire >= n { Unread::Truncated(header) } else { Unread::Bad(header) }
    }
}
