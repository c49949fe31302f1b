//! What a segment tells of where the two directions are: its own by its number, the other by its
//! acknowledgment.

use model::{Dir, Why};
use packet::{Segment, TcpFlags};

use crate::{
    Assembler, Connection, Outlet,
    assembler::{Around, Phase},
    part::Part,
    seq::Seq,
};

// === impl Connection ===

impl Connection {
    /// A keep-alive: at most one byte, just before `next` (RFC 9293 §3.8.4). Also a lone byte that
    /// nobody pushed, where nothing was seen of the direction: it can't be told from one.
    pub(crate) fn is_probe(&self, segment: &Segment<'_>, part: &Part<'_>) -> bool {
        let half = self.half(segment.dir);
        if segment.flags.fin() || segment.flags.syn() || part.len() > 1 {
            return false;
        }
        match half.phase {
            Phase::Unknown => part.len() == 1 && segment.flags.0 & TcpFlags::PSH == 0,
            Phase::Doubtful => part.is_empty() && part.seq == half.next.before(),
            _ => part.seq == half.next.before() && half.next != half.start,
        }
    }

    /// Whether the part is near enough; far away it is ignored until others agree with it.
    pub(crate) fn is_near<O: Outlet>(
        &mut self,
        dir: Dir,
        part: &Part<'_>,
        around: &mut Around<'_, O>,
    ) -> bool {
        let half = self.half_mut(dir);
        let is_known = half.is_seen() || half.from_start;
        if !is_known || half.phase == Phase::Ended {
            return true;
        }
        if !half.is_far(part.seq) {
            if let Some(held) = half.held.as_deref_mut() {
                held.stray = None;
            }
            return true;
        }
        if !half.stray(part.seq, false, around.budget) {
            around.counts.outside_window += 1;
            return false;
        }
        self.jump(dir, part.seq, around);
        true
    }

    /// Learns from the acknowledgment where the other direction is. `Some` if it has not been
    /// delivered up to there: then this segment has to wait for it.
    pub(crate) fn acknowledge<O: Outlet>(
        &mut self,
        segment: &Segment<'_>,
        around: &mut Around<'_, O>,
    ) -> Option<Seq> {
        if !segment.flags.ack() {
            return None;
        }
        let (dir, ack) = (segment.dir.flip(), Seq(segment.ack));
        let peer = self.half_mut(dir);
        peer.note_first_ack(ack);
        let ahead = ack.ahead_of(peer.next);
        match peer.phase {
            Phase::Unknown => peer.begin(ack, Phase::Pinned, false),
            Phase::Ended => {}
            _ if ahead <= 0 => {}
            Phase::Pinned if !peer.from_start && ahead > Assembler::AHEAD_MAX => {
                peer.begin(ack, Phase::Pinned, false);
            }
            // Of a direction that is never seen nothing is expected: whether this is a loss is said by
            // its first bytes.
            Phase::Pinned if !peer.from_start => peer.next = ack,
            _ if ahead > Assembler::AHEAD_MAX => {
                if peer.stray(ack, true, around.budget) {
                    self.jump(dir, ack, around);
                }
            }
            Phase::Pinned => {
                // Where it starts may have become known only now.
                peer.catch_up(dir, around);
                peer.lose(dir, ack, Why::Gap, around.now, around);
            }
            Phase::Touched if ahead == 1 && peer.may_be_one_short() => {
                peer.begin(ack, Phase::Touched, false);
            }
            _ => return self.wait_for(dir, ack, around),
        }
        None
    }

    /// Remembers that `dir` was received up to `acked`.
    fn wait_for<O: Outlet>(
        &mut self,
        dir: Dir,
        acked: Seq,
        around: &mut Around<'_, O>,
    ) -> Option<Seq> {
        while self.half(dir).next.ahead_of(acked) < 0 {
            if self.half_mut(dir).note_acked(acked, around.now, around.budget) {
                return Some(acked);
            }
            // No memory even for that, so there is nothing held either.
            self.half_mut(dir).lose(dir, acked, Why::Budget, around.now, around);
        }
        None
    }
}
