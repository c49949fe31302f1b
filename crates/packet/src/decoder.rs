//! From a packet to what it carries: a straight way for the ordinary, a loop for everything else.

use model::Timestamp;

use crate::{
    Content, Counts, Header, LinkType, Packet, Unread,
    address::{Address, Addresses, Context},
    fragments::{Fragment, Fragments, Whole},
    ip::{self, Ip},
    link, ppp, transport, tunnel,
    view::{Layer, Read, Step, View},
};

/// Packets in packets.
const TUNNELS_MAX: usize = 8;
/// Headers of one packet.
const HEADERS_MAX: usize = 64;
/// Fragmented packets inside of fragmented packets.
const WHOLES_MAX: usize = 4;

/// Decodes packets; keeps fragments until their packet is whole, and counts what it can't use.
#[derive(Debug)]
pub struct Decoder {
    seed: u64,
    fragments: Fragments,
    counts: Counts,
    /// The packets last put together, the outermost first.
    wholes: [Vec<u8>; WHOLES_MAX],
}

/// What a [`Decoder`] may use, and the seed of its hashes.
#[derive(Clone, Copy, Debug)]
pub struct DecoderLimits {
    /// Memory for fragments of all packets together.
    pub fragment_bytes_max: usize,
    /// Packets of which fragments are kept, those just done included.
    pub fragmented_packets_max: usize,
    /// Payload of one fragmented packet.
    pub packet_bytes_max: usize,
    /// How long fragments wait for the others, in packet time.
    pub fragment_age_ns_max: u64,
    /// Key of [`Segment::hash`](crate::Segment) and [`Datagram::hash`](crate::Datagram).
    pub seed: u64,
}

/// Where the walk through a packet ended.
enum End<'a> {
    Found(Content<'a>),
    /// It goes on in a packet put together; so many tunnels deep.
    Whole(Whole, usize),
}

// === impl DecoderLimits ===

impl Default for DecoderLimits {
    fn default() -> Self {
        Self {
            fragment_bytes_max: 4 << 20,
            fragmented_packets_max: 4096,
            packet_bytes_max: 64 << 10,
            fragment_age_ns_max: 30_000_000_000,
            seed: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

// === impl Decoder ===

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new(limits: DecoderLimits) -> Self {
        Self {
            seed: limits.seed,
            fragments: Fragments::new(limits),
            counts: Counts::default(),
            wholes: Default::default(),
        }
    }

    /// What the packet carries, borrowed from it, or from `self` when it was fragmented. Allocates
    /// for fragments only. Each [`Content::Nothing`] is counted by name.
    #[inline]
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Content<'a> {
        let context = Context { scope: packet.scope, seed: self.seed };
        match straight(context, packet) {
            Some(content) => content,
            None => self.walk(context, packet),
        }
    }

    /// What was not understood, by name.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Memory that waiting fragments hold.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.fragments.held_bytes()
    }

    /// The way of everything that is not ordinary.
    #[inline(never)]
    fn walk<'a>(&'a mut self, context: Context, packet: &Packet<'a>) -> Content<'a> {
        let Self { fragments, counts, wholes, .. } = self;
        let mut walk =
            Walk { context, at: packet.at, addresses: Addresses::NONE, fragments, counts };
        let mut end = walk.run(Layer::Link(packet.link), View::of(packet), 0);
        for buffer in wholes {
            match end {
                Ok(End::Found(content)) => return content,
                Ok(End::Whole(whole, tunnels)) => {
                    *buffer = whole.bytes;
                    walk.addresses = whole.addresses;
                    end = walk.run(
                        Layer::Protocol(whole.protocol),
                        View::new(buffer, whole.wire),
                        tunnels,
                    );
                }
                Err(_) => break,
            }
        }
        match end {
            Ok(End::Found(content)) => return content,
            Ok(End::Whole(..)) => counts.add(Unread::FragmentsNested, 1),
            Err(unread) => counts.add(unread, 1),
        }
        Content::Nothing
    }
}

/// What an ordinary packet carries, as a [`Decoder`] with this seed would say; None of any other, which
/// takes a decoder.
#[inline]
#[must_use]
pub fn glance<'a>(packet: &Packet<'a>, seed: u64) -> Option<Content<'a>> {
    straight(Context { scope: packet.scope, seed }, packet)
}

/// Ethernet, perhaps a VLAN, IP, TCP or UDP; everything else is left to the walk.
#[inline]
fn straight<'a>(context: Context, packet: &Packet<'a>) -> Option<Content<'a>> {
    if packet.link != LinkType::ETHERNET {
        return None;
    }
    let ([.., t0, t1], mut rest) = View::of(packet).head::<14>(Header::Ethernet).ok()?;
    let mut kind = u16::from_be_bytes([*t0, *t1]);
    if kind == link::ETHER_VLAN {
        let ([_, _, t0, t1], tagged) = rest.head::<4>(Header::Vlan).ok()?;
        (kind, rest) = (u16::from_be_bytes([*t0, *t1]), tagged);
    }
    match kind {
        link::ETHER_IPV4 => straight_ip(context, ip::read_v4(rest).ok()?),
        link::ETHER_IPV6 => straight_ip(context, ip::read_v6(rest).ok()?),
        _ => None,
    }
}

#[inline(always)]
fn straight_ip<'a, A: Address>(context: Context, ip: Ip<'a, A>) -> Option<Content<'a>> {
    match ip.protocol {
        _ if ip.is_fragment() => None,
        transport::TCP => Some(Content::Tcp(transport::tcp(context, ip.pair, ip.payload).ok()?)),
        transport::UDP => {
            let udp = transport::udp(ip.payload).ok()?;
            if tunnel::is_port(udp.src_port, udp.dst_port) {
                return None;
            }
            Some(Content::Udp(transport::datagram(context, ip.pair, ip.id, udp)))
        }
        _ => None,
    }
}

/// A walk through the headers of one packet.
struct Walk<'d> {
    context: Context,
    at: Timestamp,
    /// Of the last IP header.
    addresses: Addresses,
    fragments: &'d mut Fragments,
    counts: &'d mut Counts,
}

// === impl Walk ===

impl Walk<'_> {
    /// Reads header after header, from `layer` on.
    fn run<'a>(
        &mut self,
        mut layer: Layer,
        mut view: View<'a>,
        mut tunnels: usize,
    ) -> Result<End<'a>, Unread> {
        for _ in 0..HEADERS_MAX {
            match self.read(layer, view)? {
                Step::Next(next, rest) => (layer, view) = (next, rest),
                Step::Inside(next, rest) => {
                    (layer, view) = (next, rest);
                    tunnels += 1;
                }
                Step::Carries(addresses, protocol, rest) => {
                    self.addresses = addresses;
                    (layer, view) = (Layer::Protocol(protocol), rest);
                }
                Step::Part(part) => return self.join(&part, tunnels),
                Step::Found(content) => return Ok(End::Found(content)),
            }
            if tunnels > TUNNELS_MAX {
                return Err(Unread::TunnelsNested);
            }
        }
        Err(Unread::TooManyHeaders)
    }

    #[inline]
    fn read<'a>(&self, layer: Layer, view: View<'a>) -> Read<'a> {
        match layer {
            Layer::Link(link) => link::read(link, view),
            Layer::Ethernet => link::ethernet(view),
            Layer::EtherType(number) => link::ether_type(number, view),
            Layer::Ppp => ppp::ppp(view),
            Layer::Ip => ip::any(view),
            Layer::Ipv4 => self.ipv4(view),
            Layer::Ipv6 => self.ipv6(view),
            Layer::Protocol(protocol) => {
                transport::read(self.context, self.addresses, protocol, view)
            }
        }
    }

    fn ipv4<'a>(&self, view: View<'a>) -> Read<'a> {
        let ip = ip::read_v4(view)?;
        match straight_ip(self.context, ip) {
            Some(content) => Ok(Step::Found(content)),
            None => ip::v4(ip),
        }
    }

    fn ipv6<'a>(&self, view: View<'a>) -> Read<'a> {
        let ip = ip::read_v6(view)?;
        match straight_ip(self.context, ip) {
            Some(content) => Ok(Step::Found(content)),
            None => Ok(Step::Carries(Addresses::V6(ip.pair), ip.protocol, ip.payload)),
        }
    }

    #[cold]
    fn join<'a>(&mut self, part: &Fragment<'_>, tunnels: usize) -> Result<End<'a>, Unread> {
        let whole = self.fragments.add(part, self.context.scope, self.at, self.counts)?;
        Ok(End::Whole(whole, tunnels))
    }
}
