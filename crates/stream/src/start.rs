//! How a connection begins and is torn down: SYN and RST.

use model::{Dir, Mark};
use packet::Segment;

use crate::{
    Connection, End, Outlet,
    assembler::{Around, Phase},
    connection::opener_by,
    seq::Seq,
};

/// A SYN this far ahead is that of an open connection; farther, or behind, it is a new one.
const SYN_WINDOW: i32 = 64 << 10;

/// A connection that was idle for so long may be replaced by any other SYN.
const SYN_IDLE_NS: u64 = 1_000_000_000;

/// An RST this far from `next` is believed. Wider than RFC 5961 asks of a receiver: a third party
/// may have missed segments, and the RST may answer an older one.
const RST_WINDOW: i32 = 1 << 20;

// === impl Connection ===

impl Connection {
    /// Whether this SYN begins another connection on the same ports.
    pub(crate) fn is_reused_by(&self, segment: &Segment<'_>, now: Mark) -> bool {
        let half = self.half(segment.dir);
        let start = Seq(segment.seq).plus(1);
        if half.phase == Phase::Unknown {
            return self.closed();
        }
        if half.start == start || self.is_early_open(segment) {
            return false;
        }
        let is_idle = now.at.since(self.last_at) > SYN_IDLE_NS;
        if self.is_late(start, segment.dir) && !is_idle {
            return false;
        }
        let ahead = Seq(segment.seq).ahead_of(half.next);
        half.phase == Phase::Pinned
            || self.closed()
            || is_idle
            || !(0..=SYN_WINDOW).contains(&ahead)
    }

    /// Whether a SYN comes only now, by reordering, after we joined its direction as if without it.
    fn is_late(&self, start: Seq, dir: Dir) -> bool {
        let half = self.half(dir);
        !half.from_start && (0..=SYN_WINDOW).contains(&half.start.ahead_of(start))
    }

    /// Whether the SYN brings the data (RFC 7413) that a SYN-ACK seen before has acknowledged.
    fn is_early_open(&self, segment: &Segment<'_>) -> bool {
        let half = self.half(segment.dir);
        let end = Seq(segment.seq).plus(1).plus(segment.payload.len() as u32).plus(segment.cut);
        half.from_start && half.start == end && half.next == end && half.held.is_none()
    }

    /// Takes a SYN, or a SYN-ACK, which also proves where the other direction starts.
    pub(crate) fn synchronise<O: Outlet>(
        &mut self,
        segment: &Segment<'_>,
        around: &mut Around<'_, O>,
    ) {
        let start = Seq(segment.seq).plus(1);
        let is_early_open = self.is_early_open(segment);
        let is_late = self.is_late(start, segment.dir);
        let half = self.half_mut(segment.dir);
        if half.start == start && !is_early_open {
            half.catch_up(segment.dir, around);
        }
        match half.phase {
            Phase::Unknown => half.begin(start, Phase::Open, true),
            Phase::Pinned | Phase::Touched if is_early_open => half.begin(start, Phase::Open, true),
            _ if is_late && half.start != start => half.phase = half.phase.max(Phase::Touched),
            _ if half.start != start => {
                around.counts.odd_syns += 1;
                return;
            }
            Phase::Pinned | Phase::Touched => {
                half.from_start = true;
                half.phase = Phase::Open;
            }
            Phase::Open | Phase::Doubtful | Phase::Ended => half.from_start = true,
        }
        self.opener = self.opener.or(opener_by(segment));
        if segment.flags.ack() {
            self.prove_start(segment);
        }
        self.take(segment, start, around);
    }

    /// The acknowledgment of a SYN-ACK is where the other direction starts.
    fn prove_start(&mut self, segment: &Segment<'_>) {
        let ack = Seq(segment.ack);
        let peer = self.half_mut(segment.dir.flip());
        if peer.phase == Phase::Unknown {
            peer.begin(ack, Phase::Pinned, true);
        }
        peer.from_start |= peer.start == ack;
    }

    /// Takes an RST (RFC 9293 §3.5.3).
    pub(crate) fn reset<O: Outlet>(&mut self, segment: &Segment<'_>, around: &mut Around<'_, O>) {
        let half = self.half(segment.dir);
        let ahead = Seq(segment.seq).ahead_of(half.next);
        if half.is_seen() && !(-RST_WINDOW..=RST_WINDOW).contains(&ahead) {
            around.counts.resets_ignored += 1;
            return;
        }
        self.finish(End::Reset, around);
    }
}
