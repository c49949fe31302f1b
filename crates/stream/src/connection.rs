//! Both directions of one TCP connection, delivered in causal order.
//!
//! ```text
//! Ab  ──── request (acked by the response) ────►
//! Ba  ◄─── response: its `ack` is a gate; it leaves when Ab has got there ───
//! ```

use model::{Budget, Dir, Mark, Timestamp};
use packet::{Segment, TcpFlags};

use crate::{
    Assembler, Counts, End, Outlet,
    assembler::{Around, Phase},
    part::Part,
    seq::Seq,
};

/// Both directions of one TCP connection (RFC 9293), as a third party sees them.
#[derive(Debug)]
pub struct Connection {
    pub(crate) halves: [Assembler; 2],
    pub(crate) last_at: Timestamp,
    pub(crate) opener: Option<Dir>,
}

/// Whether a segment belonged to the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Outcome {
    /// It did, and was taken.
    Same,
    /// It is the SYN of a new connection on the same ports, and was not touched: the caller flushes
    /// this connection and offers the segment to a new one.
    Reused,
}

// === impl Connection: the public side ===

impl Connection {
    /// A connection of which `first` is the first segment. It is not taken yet: offer it to
    /// [`Connection::segment`], too.
    #[must_use]
    pub fn new(first: &Segment<'_>) -> Self {
        let opener = opener_by(first);
        Self { halves: Default::default(), last_at: Timestamp(0), opener }
    }

    /// Takes a segment; what is in order leaves through `out`.
    #[inline]
    pub fn segment(
        &mut self,
        segment: &Segment<'_>,
        mark: Mark,
        budget: &mut Budget,
        counts: &mut Counts,
        out: &mut impl Outlet,
    ) -> Outcome {
        if !self.is_in_order(segment) {
            return self.out_of_order(segment, &mut Around { now: mark, budget, counts, out });
        }
        self.last_at = mark.at;
        if !segment.payload.is_empty() {
            let part = Part { seq: Seq(segment.seq), bytes: segment.payload, cut: 0 };
            self.half_mut(segment.dir).deliver(segment.dir, part, mark, counts, out);
        }
        Outcome::Same
    }

    /// When to call [`Connection::expire`]; `None` while nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.is_quiet() {
            return None;
        }
        self.halves.iter().filter_map(|half| half.waiting()?.deadline()).min()
    }

    /// Gives up what was waited for too long. The same happens by itself when a segment comes, so
    /// it does not matter how late this is called.
    pub fn expire(
        &mut self,
        now: Mark,
        budget: &mut Budget,
        counts: &mut Counts,
        out: &mut impl Outlet,
    ) {
        if !self.is_quiet() {
            self.give_up_overdue(&mut Around { now, budget, counts, out });
        }
    }

    /// Everything held leaves in order, holes become gaps; directions that have not ended do now.
    pub fn flush(
        &mut self,
        now: Mark,
        budget: &mut Budget,
        counts: &mut Counts,
        out: &mut impl Outlet,
    ) {
        self.finish(End::Flushed, &mut Around { now, budget, counts, out });
    }

    /// Which direction opened the connection: sent the SYN, or was answered by a SYN-ACK. `None`
    /// when it was joined later.
    #[must_use]
    pub fn opener(&self) -> Option<Dir> {
        self.opener
    }

    /// Whether `dir` is seen from its first byte: by its SYN, or by the peer's SYN-ACK, which proves
    /// where it starts.
    #[must_use]
    pub fn from_start(&self, dir: Dir) -> bool {
        self.half(dir).from_start
    }

    /// Whether both directions have ended.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.halves.iter().all(|half| half.phase == Phase::Ended)
    }
}

// === impl Connection: the straight line ===

impl Connection {
    /// Whether the segment may leave as it is: it is next, nothing is held, and it acknowledges
    /// nothing that was not delivered.
    #[inline]
    fn is_in_order(&self, segment: &Segment<'_>) -> bool {
        const CONTROL: u8 = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::ACK;
        let (half, peer) = (self.half(segment.dir), self.half(segment.dir.flip()));
        segment.flags.0 & CONTROL == TcpFlags::ACK
            && segment.seq == half.next.0
            && segment.cut == 0
            && (half.phase == Phase::Open || (half.is_seen() && segment.payload.is_empty()))
            && peer.is_seen()
            && Seq(segment.ack).ahead_of(peer.next) <= 0
            && (segment.ack == peer.next.0 || !peer.ends_in_gap())
            && half.held.is_none()
            && peer.held.is_none()
            && segment.payload.len() <= Part::LEN_MAX
    }

    #[inline]
    pub(crate) fn half(&self, dir: Dir) -> &Assembler {
        let [ab, ba] = &self.halves;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    #[inline]
    pub(crate) fn half_mut(&mut self, dir: Dir) -> &mut Assembler {
        let [ab, ba] = &mut self.halves;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    fn is_quiet(&self) -> bool {
        self.halves.iter().all(|half| half.held.is_none())
    }
}

// === impl Connection: everything else ===

impl Connection {
    fn out_of_order<O: Outlet>(
        &mut self,
        segment: &Segment<'_>,
        around: &mut Around<'_, O>,
    ) -> Outcome {
        if segment.flags.syn() && !segment.flags.rst() && self.is_reused_by(segment, around.now) {
            around.counts.reused += 1;
            return Outcome::Reused;
        }
        self.last_at = around.now.at;
        if !self.is_quiet() {
            self.halves.iter_mut().for_each(Assembler::count_packet);
            self.give_up_overdue(around);
        }
        match segment.flags {
            flags if flags.rst() => self.reset(segment, around),
            flags if flags.syn() => self.synchronise(segment, around),
            _ => self.take(segment, Seq(segment.seq), around),
        }
        if !self.is_quiet() {
            self.pump(around);
            self.settle(around);
            self.give_up_overdue(around);
        }
        Outcome::Same
    }
}

/// The direction that opened the connection, if the segment says so.
pub(crate) fn opener_by(segment: &Segment<'_>) -> Option<Dir> {
    match (segment.flags.syn(), segment.flags.ack()) {
        (false, _) => None,
        (true, false) => Some(segment.dir),
        (true, true) => Some(segment.dir.flip()),
    }
}
