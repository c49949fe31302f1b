//! Two peers that talk, and a capture that sees what they send: cut, lost, twice, in another order.

use model::Dir;
use packet::{Segment, TcpFlags};
use proptest::prelude::*;

use super::kit::segment;

/// Something that a peer does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Sends its next bytes. Lost: the network loses them after the capture, or before it.
    Send(Dir, u16, Lost),
    /// Sends everything again that was not acknowledged to it, in pieces of another size.
    Resend(Dir, u16),
    /// Acknowledges what it has.
    Ack(Dir),
    /// Asks whether the other is still there.
    KeepAlive(Dir),
}

/// Where the network loses a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lost {
    No,
    AfterCapture,
    BeforeCapture,
}

/// What the capture does with one packet.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    pub is_lost: bool,
    pub is_twice: bool,
    /// How many places later it is captured.
    pub late: u8,
    /// How many payload bytes are kept.
    pub snap: usize,
}

/// A packet as sent: its place in the stream, not in the numbers.
#[derive(Clone, Debug)]
pub struct Sent {
    pub dir: Dir,
    pub flags: u8,
    /// Offset of the first byte; the SYN has none.
    pub at: u32,
    pub len: u32,
    /// Offset up to which the other direction was received, a FIN counts as one.
    pub acked: u32,
}

/// What one peer knows.
#[derive(Clone, Default)]
struct Peer {
    sent: u32,
    acked: u32,
    received: Vec<bool>,
    is_ended: bool,
    has_peers_end: bool,
}

/// Both peers, and what passed between them.
pub struct Talk {
    peers: [Peer; 2],
    pub packets: Vec<Sent>,
    pub isn: [u32; 2],
}

pub fn dir() -> impl Strategy<Value = Dir> {
    prop_oneof![Just(Dir::Ab), Just(Dir::Ba)]
}

pub fn act() -> impl Strategy<Value = Act> {
    let lost = prop_oneof![12 => Just(Lost::No), 1 => Just(Lost::AfterCapture), 1 => Just(Lost::BeforeCapture)];
    prop_oneof![
        10 => (dir(), 2..300_u16, lost).prop_map(|(dir, len, lost)| Act::Send(dir, len, lost)),
        2 => (dir(), 20..400_u16).prop_map(|(dir, len)| Act::Resend(dir, len)),
        3 => dir().prop_map(Act::Ack),
        1 => dir().prop_map(Act::KeepAlive),
    ]
}

/// The byte of `dir` at `offset`: so that no byte can stand at another place unnoticed.
pub fn byte(dir: Dir, offset: u32) -> u8 {
    let salt = if dir == Dir::Ab { 0x9E37_79B1_u32 } else { 0x85EB_CA77 };
    (offset.wrapping_add(1).wrapping_mul(salt).rotate_left(11).wrapping_mul(0xC2B2_AE3D) >> 24)
        as u8
}

pub fn index(dir: Dir) -> usize {
    usize::from(dir == Dir::Ba)
}

// === impl Talk ===

impl Talk {
    /// A whole conversation: handshake, the acts, what is lost sent again, an orderly end.
    pub fn of(acts: &[Act], isn: [u32; 2]) -> Self {
        let mut talk = Self { peers: Default::default(), packets: Vec::new(), isn };
        talk.open();
        acts.iter().for_each(|act| talk.act(*act));
        for dir in [Dir::Ab, Dir::Ba, Dir::Ab] {
            talk.resend(dir, 100);
            talk.act(Act::Ack(dir.flip()));
        }
        for dir in [Dir::Ab, Dir::Ba] {
            let at = talk.peers[index(dir)].sent;
            talk.send(dir, TcpFlags::FIN | TcpFlags::ACK, at, 0);
            talk.peers[index(dir)].is_ended = true;
            talk.peers[index(dir.flip())].has_peers_end = true;
            talk.act(Act::Ack(dir.flip()));
        }
        talk
    }

    /// Bytes that `dir` sent.
    pub fn total(&self, dir: Dir) -> u32 {
        self.peers[index(dir)].sent
    }

    fn open(&mut self) {
        let acts = [
            (Dir::Ab, TcpFlags::SYN),
            (Dir::Ba, TcpFlags::SYN | TcpFlags::ACK),
            (Dir::Ab, TcpFlags::ACK),
        ];
        acts.into_iter().for_each(|(dir, flags)| self.send(dir, flags, 0, 0));
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Send(dir, len, lost) => {
                let at = self.peers[index(dir)].sent;
                self.peers[index(dir)].sent += u32::from(len);
                if lost != Lost::BeforeCapture {
                    self.send(dir, TcpFlags::ACK, at, u32::from(len));
                }
                if lost == Lost::No {
                    self.arrive(dir, at, u32::from(len));
                }
            }
            Act::Resend(dir, len) => self.resend(dir, u32::from(len)),
            Act::Ack(dir) => self.send(dir, TcpFlags::ACK, self.place(dir), 0),
            Act::KeepAlive(dir) if self.peers[index(dir)].sent > 0 => {
                self.send(dir, TcpFlags::ACK, self.place(dir) - 1, 0);
            }
            Act::KeepAlive(_) => {}
        }
    }

    /// The next place of `dir`, its FIN counted.
    fn place(&self, dir: Dir) -> u32 {
        let peer = &self.peers[index(dir)];
        peer.sent + u32::from(peer.is_ended)
    }

    fn resend(&mut self, dir: Dir, size: u32) {
        let peer = &self.peers[index(dir)];
        let (mut at, end) = (peer.acked, peer.sent);
        while at < end {
            let len = size.min(end - at);
            self.send(dir, TcpFlags::ACK, at, len);
            self.arrive(dir, at, len);
            at += len;
        }
    }

    /// Sends a packet, which tells the other how far its bytes have come if it gets there.
    fn send(&mut self, dir: Dir, flags: u8, at: u32, len: u32) {
        let has = &self.peers[index(dir)];
        let received = has.received.iter().take_while(|is_here| **is_here).count() as u32;
        let acked = received + u32::from(has.has_peers_end);
        self.packets.push(Sent { dir, flags, at, len, acked });
        if len == 0 {
            self.peers[index(dir.flip())].acked = received;
        }
    }

    fn arrive(&mut self, dir: Dir, at: u32, len: u32) {
        let (at, end) = (at as usize, (at + len) as usize);
        let acked = self.packets.last().map_or(0, |sent| sent.acked);
        let peer = &mut self.peers[index(dir.flip())];
        peer.received.resize(peer.received.len().max(end), false);
        peer.received[at..end].fill(true);
        peer.acked = peer.acked.max(acked.min(peer.sent));
    }

    /// What the capture holds of it, by the place in `packets`.
    pub fn captured(&self, fates: &[Fate]) -> Vec<(usize, Fate)> {
        let fate = |n: usize| fates[n % fates.len()];
        let mut order: Vec<(usize, usize)> = Vec::new();
        for n in 0..self.packets.len() {
            let Fate { is_lost, is_twice, late, .. } = fate(n);
            if !is_lost {
                order.push((n + usize::from(late), n));
            }
            if is_twice {
                order.push((n + usize::from(late / 2) + 3, n));
            }
        }
        order.sort_by_key(|(place, _)| *place);
        order.into_iter().map(|(_, n)| (n, fate(n))).collect()
    }

    /// The segment of a packet as captured, with its payload in `room`.
    pub fn segment<'r>(&self, n: usize, fate: Fate, room: &'r mut Vec<u8>) -> Segment<'r> {
        let sent = &self.packets[n];
        let is_syn = sent.flags & TcpFlags::SYN != 0;
        let start = |dir: Dir| self.isn[index(dir)].wrapping_add(1);
        room.clear();
        room.extend((sent.at..sent.at + sent.len).map(|at| byte(sent.dir, at)));
        let payload = &room[..room.len().min(fate.snap)];
        Segment {
            flags: TcpFlags(sent.flags),
            ack: start(sent.dir.flip()).wrapping_add(sent.acked),
            cut: sent.len - payload.len() as u32,
            payload,
            ..segment(
                sent.dir,
                start(sent.dir).wrapping_add(sent.at).wrapping_sub(u32::from(is_syn)),
            )
        }
    }
}
