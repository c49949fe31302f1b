//! A small network: steps written in bytes become well-formed packets of a few connections.
//!
//! A step is `[what, who, len, bytes …]`. `what` is an [`Act`] in its low bits and the time since the
//! last packet in its high bits, `who` is the peer and the direction.

use std::net::Ipv4Addr;

use dissectors::ALL;
use packet::TcpFlags;

use crate::Input;

/// Peers (address and port pairs) that talk.
pub const PEERS: usize = 16;
/// Bit of `who` that says that the server sends.
pub const FROM_SERVER: u8 = 0x80;

const ETHERNET: usize = 14;
const IP: usize = 20;
const TCP: usize = 20;
const UDP: usize = 8;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// What happens in one step; the numbers are those in the input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// The next bytes of a connection.
    Data = 0,
    /// The same as one datagram.
    Datagram = 1,
    /// The next bytes of a connection, not in the capture.
    Lost = 2,
    /// A connection opens (SYN, or SYN and ACK of the server).
    Open = 3,
    /// One side is done.
    Fin = 4,
    /// A reset.
    Reset = 5,
    /// Bytes out of their place: the first byte says how far ahead or back.
    Elsewhere = 6,
    /// The next bytes, but the capture holds only the first half of the packet.
    Cut = 7,
}

/// A packet as captured.
#[derive(Debug)]
pub struct Sent {
    /// Nanoseconds since the epoch.
    pub at: u64,
    /// The captured bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Bytes on the wire.
    pub wire_len: u32,
}

/// The numbers of all connections.
#[derive(Debug)]
pub struct Network {
    now: u64,
    next: [[u32; 2]; PEERS],
}

/// One packet to be written.
struct Segment<'d> {
    peer: usize,
    from_server: bool,
    seq: u32,
    ack: u32,
    flags: u8,
    payload: &'d [u8],
}

// === impl Network ===

impl Default for Network {
    fn default() -> Self {
        // Some of the connections come past the end of the numbers.
        let next = std::array::from_fn(|peer| [peer as u32 * 1_000, u32::MAX - peer as u32 * 40]);
        Self { now: 1_700_000_000_000_000_000, next }
    }
}

impl Network {
    /// Does the step at the front of `input`; the packet that is captured of it.
    pub fn step(&mut self, input: &mut Input<'_>) -> Option<Sent> {
        let (what, who, len) = (input.byte(), input.byte(), input.byte());
        let payload = input.piece(usize::from(len));
        let act = Act::of(what);
        self.now += pause(what >> 3);
        let (peer, from_server) = (usize::from(who) % PEERS, who & FROM_SERVER != 0);
        if act == Act::Datagram {
            return Some(self.sent(datagram(peer, from_server, payload)));
        }
        let segment = self.segment(act, peer, from_server, payload)?;
        let mut sent = self.sent(segment.bytes());
        if act == Act::Cut {
            sent.bytes.truncate(sent.bytes.len() - payload.len().div_ceil(2));
        }
        Some(sent)
    }

    fn segment<'d>(
        &mut self,
        act: Act,
        peer: usize,
        from_server: bool,
        payload: &'d [u8],
    ) -> Option<Segment<'d>> {
        let [seq, ack] = self.numbers(peer, from_server);
        let ack_flag = TcpFlags::ACK;
        let (flags, payload, seq, taken) = match act {
            Act::Lost => {
                self.advance(peer, from_server, payload.len());
                return None;
            }
            Act::Open if from_server => (TcpFlags::SYN | ack_flag, &[][..], seq, 1),
            Act::Open => (TcpFlags::SYN, &[][..], seq, 1),
            Act::Fin => (TcpFlags::FIN | ack_flag, payload, seq, payload.len() + 1),
            Act::Reset => (TcpFlags::RST | ack_flag, &[][..], seq, 0),
            Act::Elsewhere => {
                let (far, payload) = payload.split_first().unwrap_or((&0, &[]));
                let far = i32::from(*far as i8) * 8;
                (ack_flag, payload, seq.wrapping_add_signed(far), 0)
            }
            _ => (ack_flag | TcpFlags::PSH, payload, seq, payload.len()),
        };
        self.advance(peer, from_server, taken);
        Some(Segment { peer, from_server, seq, ack, flags, payload })
    }

    /// The sender's number and that of its peer.
    fn numbers(&self, peer: usize, from_server: bool) -> [u32; 2] {
        let [client, server] = self.next[peer];
        if from_server { [server, client] } else { [client, server] }
    }

    fn advance(&mut self, peer: usize, from_server: bool, len: usize) {
        let next = &mut self.next[peer][usize::from(from_server)];
        *next = next.wrapping_add(len as u32);
    }

    fn sent(&self, bytes: Vec<u8>) -> Sent {
        Sent { at: self.now, wire_len: bytes.len() as u32, bytes }
    }
}

// === impl Act ===

impl Act {
    fn of(what: u8) -> Self {
        use Act::{Cut, Data, Datagram, Elsewhere, Fin, Lost, Open, Reset};
        [Data, Datagram, Lost, Open, Fin, Reset, Elsewhere, Cut][usize::from(what & 7)]
    }
}

/// Nanoseconds between packets: mostly little, sometimes more than any timer waits.
fn pause(how: u8) -> u64 {
    match how {
        31 => 400_000_000_000,
        24.. => 1_000_000_000 * u64::from(how),
        _ => 100_000 * u64::from(how),
    }
}

/// The client's and the server's port: usual ports of all protocols in turn, and one that is none's.
#[must_use]
pub fn ports(peer: usize) -> (u16, u16) {
    let usual = ALL.iter().flat_map(|dissection| dissection.ports).chain([&31_999]);
    let server = usual.copied().cycle().nth(peer).unwrap_or(0);
    (40_000 + peer as u16, server)
}

// === writing ===

impl Segment<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            headers(self.peer, self.from_server, PROTOCOL_TCP, TCP + self.payload.len());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([(TCP as u8 / 4) << 4, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(self.payload);
        bytes
    }
}

fn datagram(peer: usize, from_server: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = headers(peer, from_server, PROTOCOL_UDP, UDP + payload.len());
    bytes.extend(((UDP + payload.len()) as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// Ethernet, IPv4 (RFC 791 §3.1) and the two ports.
fn headers(peer: usize, from_server: bool, protocol: u8, len: usize) -> Vec<u8> {
    let (client, server) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 1, peer as u8));
    let (client_port, server_port) = ports(peer);
    let mut ends = [(client, client_port), (server, server_port)];
    if from_server {
        ends.reverse();
    }
    let [(src, src_port), (dst, dst_port)] = ends;
    let mut bytes = Vec::with_capacity(ETHERNET + IP + len);
    bytes.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0]);
    bytes.extend(((IP + len) as u16).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    bytes.extend(src.octets());
    bytes.extend(dst.octets());
    bytes.extend(src_port.to_be_bytes());
    bytes.extend(dst_port.to_be_bytes());
    bytes
}
