//! From plaintext streams to packets, as if nothing had ever been encrypted: raw IP, TCP with whole
//! sequence numbers, so that plaintext takes the same way as everything else.

use std::{collections::HashMap, net::IpAddr};

use model::{Endpoint, Timestamp};

use crate::{
    record::{Role, Way},
    streams::{Flow, Outlet},
};

/// Bytes of plaintext in one packet at most; with its headers it stays below 64 KiB.
const PAYLOAD_BYTES_MAX: usize = 32 << 10;
/// Missing bytes that one acknowledgment stands for at most: what is much farther ahead would be taken
/// for a stray packet.
const GAP_STEP: u64 = 8 << 20;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PUSH: u8 = 0x08;
const ACK: u8 = 0x10;
const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
const TCP_BYTES: usize = 20;
const TCP: u8 = 6;
const HOPS: u8 = 64;

/// Makes packets, and hands each to `take`: when it was, its number's process, its bytes.
pub struct Packets<F> {
    take: F,
    flows: HashMap<u64, Numbers>,
    packet: Vec<u8>,
}

/// A packet that was made.
#[derive(Clone, Copy, Debug)]
pub struct Made<'p> {
    /// When its bytes were read or written.
    pub at: Timestamp,
    /// The process at the tapped end.
    pub pid: u32,
    /// The inode of its network namespace.
    pub netns: u32,
    /// Its addresses mean something in that namespace alone: they are loopback's.
    pub is_local: bool,
    /// The packet, from its IP header on.
    pub bytes: &'p [u8],
}

/// The next sequence number of what the tapped end reads, and of what it writes.
#[derive(Clone, Copy, Debug)]
struct Numbers([u32; 2]);

// === impl Packets ===

impl<F: FnMut(&Made<'_>)> Packets<F> {
    /// Packets for `take`.
    pub fn new(take: F) -> Self {
        Self { take, flows: HashMap::new(), packet: Vec::new() }
    }

    /// A packet of the way `way`, with `flags`; counts what it takes of the sequence numbers.
    fn send(&mut self, flow: &Flow, way: Way, at: Timestamp, flags: u8, payload: &[u8]) {
        let Some(Numbers(next)) = self.flows.get_mut(&flow.number) else { return };
        let (seq, ack) = (next[way as usize], next[way.other() as usize]);
        let takes = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        next[way as usize] = seq.wrapping_add(takes);
        let (local, remote) = (flow.socket.local, flow.socket.remote);
        let (src, dst) = if way == Way::Written { (local, remote) } else { (remote, local) };
        self.packet.clear();
        push_ip(&mut self.packet, src.ip, dst.ip, TCP_BYTES + payload.len());
        push_tcp(&mut self.packet, src, dst, seq, ack, flags);
        self.packet.extend_from_slice(payload);
        let Flow { pid, socket, .. } = *flow;
        let is_local = local.ip.is_loopback();
        (self.take)(&Made { at, pid, netns: socket.netns, is_local, bytes: &self.packet });
    }
}

// === impl Outlet ===

impl<F: FnMut(&Made<'_>)> Outlet for Packets<F> {
    fn opened(&mut self, flow: &Flow, at: Timestamp) {
        self.flows.insert(flow.number, Numbers([1, 1]));
        let opener = match flow.role {
            Role::Client => Way::Written,
            Role::Server => Way::Read,
            Role::Unknown => return,
        };
        // Where the beginning wasn't seen, there is no beginning.
        if flow.is_whole {
            self.send(flow, opener, at, SYN, &[]);
            self.send(flow, opener.other(), at, SYN | ACK, &[]);
        }
    }

    fn data(&mut self, flow: &Flow, way: Way, at: Timestamp, bytes: &[u8]) {
        for payload in bytes.chunks(PAYLOAD_BYTES_MAX) {
            self.send(flow, way, at, ACK | PUSH, payload);
        }
    }

    fn gap(&mut self, flow: &Flow, way: Way, at: Timestamp, len: u64) {
        let mut left = len;
        // Bounded by the length of a gap, which is below 4 GiB: 512 steps.
        while left > 0 {
            let step = left.min(GAP_STEP);
            left -= step;
            let Some(Numbers(next)) = self.flows.get_mut(&flow.number) else { return };
            next[way as usize] = next[way as usize].wrapping_add(step as u32);
            // The peer acknowledges what nobody saw: so it was sent, and is lost to us.
            self.send(flow, way.other(), at, ACK, &[]);
        }
    }

    fn closed(&mut self, flow: &Flow, at: Timestamp) {
        self.send(flow, Way::Written, at, ACK | FIN, &[]);
        self.send(flow, Way::Read, at, ACK | FIN, &[]);
        self.flows.remove(&flow.number);
    }
}

/// RFC 791 §3.1, RFC 8200 §3. Checksums stay zero: nobody looks, as offloading leaves most wrong.
fn push_ip(out: &mut Vec<u8>, src: IpAddr, dst: IpAddr, payload: usize) {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let total = u16::try_from(IPV4_BYTES + payload).unwrap_or(u16::MAX);
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&total.to_be_bytes());
            out.extend_from_slice(&[0, 0, 0x40, 0, HOPS, TCP, 0, 0]);
            out.extend_from_slice(&src.octets());
            out.extend_from_slice(&dst.octets());
        }
        (src, dst) => {
            let len = u16::try_from(payload).unwrap_or(u16::MAX);
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&[TCP, HOPS]);
            out.extend_from_slice(&v6(src));
            out.extend_from_slice(&v6(dst));
        }
    }
    debug_assert!(out.len() == IPV4_BYTES || out.len() == IPV6_BYTES);
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// RFC 9293 §3.1.
fn push_tcp(out: &mut Vec<u8>, src: Endpoint, dst: Endpoint, seq: u32, ack: u32, flags: u8) {
    let ack = if flags & ACK == 0 { 0 } else { ack };
    out.extend_from_slice(&src.port.to_be_bytes());
    out.extend_from_slice(&dst.port.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    out.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Socket;

    fn flow(role: Role) -> Flow {
        let end = |ip: &str, port| Endpoint { ip: ip.parse().expect("an address"), port };
        let socket =
            Socket { local: end("10.0.0.1", 40_000), remote: end("10.0.0.2", 443), netns: 7 };
        Flow { number: 1, pid: 2, socket, role, is_whole: true }
    }

    /// Sequence and acknowledgment number, flags and payload of each packet.
    fn made(
        of: impl FnOnce(&mut Packets<&mut dyn FnMut(&Made<'_>)>),
    ) -> Vec<(u32, u32, u8, usize)> {
        let mut seen = Vec::new();
        let mut take = |made: &Made<'_>| {
            let tcp = &made.bytes[IPV4_BYTES..];
            let word =
                |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
            seen.push((word(4), word(8), tcp[13], tcp.len() - TCP_BYTES));
        };
        of(&mut Packets::new(&mut take));
        seen
    }

    #[test]
    fn a_connection_is_opened_used_and_closed() {
        let flow = flow(Role::Client);
        let at = Timestamp(5);
        let seen = made(|packets| {
            packets.opened(&flow, at);
            packets.data(&flow, Way::Written, at, b"question");
            packets.data(&flow, Way::Read, at, &[0; 40_000]);
            packets.closed(&flow, at);
        });
        let expected = [
            (1, 0, SYN, 0),
            (1, 2, SYN | ACK, 0),
            (2, 2, ACK | PUSH, 8),
            (2, 10, ACK | PUSH, 32_768),
            (32_770, 10, ACK | PUSH, 7_232),
            (10, 40_002, ACK | FIN, 0),
            (40_002, 11, ACK | FIN, 0),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_gap_is_acknowledged_and_not_sent() {
        let flow = flow(Role::Unknown);
        let at = Timestamp(5);
        let seen = made(|packets| {
            packets.opened(&flow, at);
            packets.gap(&flow, Way::Written, at, 1_000);
            packets.data(&flow, Way::Written, at, b"rest");
        });
        assert_eq!(seen, [(1, 1_001, ACK, 0), (1_001, 1, ACK | PUSH, 4)]);
    }
}
