//! Both directions of one SCTP association (RFC 9260): chunks of data to whole messages, each once, in the
//! order in which they were sent; what is not in the capture said.
//!
//! ```text
//! Bundle ─► Half (by transmission sequence numbers) ─► parts of a message ─► Messages: message | gap | end
//! ```
//!
//! It is known by its verification tags: each side chose the one that it wants to see, whatever addresses
//! the packets go between.

mod half;

use model::{Budget, Dir, Mark, Timestamp};
use packet::Bundle;

use self::half::{Ahead, Half};
use crate::{
    End, Outlet,
    chunk::{Init, Kind, Sack, kind},
};

/// Takes what an association delivers.
pub trait Messages: Outlet {
    /// The next message of `dir`; `cut` bytes of its end were taken by the snap length. `protocol` is the
    /// payload protocol identifier that its sender gave, 0 for none.
    fn message(&mut self, dir: Dir, mark: Mark, protocol: u32, bytes: &[u8], cut: u32);
}

/// Both directions of one association, as a third party sees them.
#[derive(Debug, Default)]
pub struct Association {
    halves: [Half; 2],
    opener: Option<Dir>,
    /// Both sides have agreed.
    established: bool,
}

/// Whether a packet belonged to the association.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Belongs {
    /// It did, and was taken.
    Yes,
    /// It is of a new association between the same ports, and was not touched: the caller flushes this
    /// one and offers the packet to another.
    ToAnother,
    /// It has another tag, and is of no association that is known.
    Nowhere,
}

/// What an association did not deliver, or delivered once only.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AssociationCounts {
    /// Chunks of data that came again.
    pub repeated_chunks: u64,
    /// Chunks of data that are not in the capture.
    pub lost_chunks: u64,
    /// Messages of which a part is not there.
    pub broken_messages: u64,
    /// Packets with a tag that is not the association's.
    pub other_tags: u64,
    /// Messages given up for a limit on memory.
    pub budget_messages: u64,
}

// === impl AssociationCounts ===

impl AssociationCounts {
    /// All of them: name, words for people, count, whether calls may be missing for it.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &'static str, u64, bool); 5] {
        [
            (
                "repeated_chunks",
                "Chunks of SCTP sent again, or captured twice",
                self.repeated_chunks,
                false,
            ),
            ("lost_chunks", "Chunks of SCTP that are not in the capture", self.lost_chunks, true),
            (
                "broken_messages",
                "Messages over SCTP of which a part is not there",
                self.broken_messages,
                true,
            ),
            (
                "other_tags",
                "Packets of SCTP with another tag or a number far off, ignored",
                self.other_tags,
                false,
            ),
            (
                "budget_chunks",
                "Chunks of SCTP given up for a limit on memory",
                self.budget_messages,
                true,
            ),
        ]
    }
}

/// What is lent for one call.
pub(crate) struct Lent<'a, M> {
    pub(crate) now: Mark,
    pub(crate) budget: &'a mut Budget,
    pub(crate) counts: &'a mut AssociationCounts,
    pub(crate) out: &'a mut M,
}

// === impl Association ===

impl Association {
    /// Takes a packet; messages that are whole and in order leave through `out`.
    pub fn bundle<M: Messages>(
        &mut self,
        bundle: &Bundle<'_>,
        dir: Dir,
        mark: Mark,
        (budget, counts): (&mut Budget, &mut AssociationCounts),
        out: &mut M,
    ) -> Belongs {
        let mut lent = Lent { now: mark, budget, counts, out };
        match self.belongs(bundle, dir) {
            Belongs::Yes => {}
            other => {
                lent.counts.other_tags += u64::from(other == Belongs::Nowhere);
                return other;
            }
        }
        for half in Dir::BOTH {
            self.half(half).count_packet(half, &mut lent);
        }
        for chunk in bundle.chunks() {
            self.chunk(&chunk, dir, &mut lent);
        }
        Belongs::Yes
    }

    /// When to call [`Association::expire`]; `None` while nothing is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.halves.iter().filter_map(Half::deadline).min()
    }

    /// Gives up what was waited for too long.
    pub fn expire<M: Messages>(
        &mut self,
        now: Mark,
        (budget, counts): (&mut Budget, &mut AssociationCounts),
        out: &mut M,
    ) {
        let mut lent = Lent { now, budget, counts, out };
        for dir in Dir::BOTH {
            self.half(dir).expire(dir, &mut lent);
        }
    }

    /// Everything held leaves in order, holes become gaps; directions that have not ended do now.
    pub fn flush<M: Messages>(
        &mut self,
        now: Mark,
        (budget, counts): (&mut Budget, &mut AssociationCounts),
        out: &mut M,
    ) {
        self.end(End::Flushed, &mut Lent { now, budget, counts, out });
    }

    /// Which direction opened it: sent the INIT. `None` when it was joined later.
    #[must_use]
    pub fn opener(&self) -> Option<Dir> {
        self.opener
    }

    /// Whether `dir` is seen from its first chunk of data.
    #[must_use]
    pub fn from_start(&self, dir: Dir) -> bool {
        self.of(dir).from_start
    }

    /// Whether both directions have ended.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.halves.iter().all(|half| half.ended)
    }

    /// The tag of packets that go `dir`, once it is known.
    #[must_use]
    pub fn tag(&self, dir: Dir) -> Option<u32> {
        self.of(dir).tag
    }

    fn of(&self, dir: Dir) -> &Half {
        let [ab, ba] = &self.halves;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    fn half(&mut self, dir: Dir) -> &mut Half {
        let [ab, ba] = &mut self.halves;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    /// Whether the packet has the tag that its receiver chose (RFC 9260 §8.5).
    fn belongs(&mut self, bundle: &Bundle<'_>, dir: Dir) -> Belongs {
        let Some(first) = bundle.chunks().next() else { return Belongs::Nowhere };
        if first.kind == kind::INIT {
            return self.is_invited(Init::read(first.value), dir);
        }
        // Who does not know the peer's tag sends back its own (§8.5.1).
        let reflected = matches!(first.kind, kind::ABORT | kind::SHUTDOWN_COMPLETE)
            && first.flags & kind::REFLECTED != 0;
        let tag = self.of(if reflected { dir.flip() } else { dir }).tag;
        match tag {
            Some(tag) if tag == bundle.tag => Belongs::Yes,
            None => {
                self.half(dir).tag = Some(bundle.tag);
                Belongs::Yes
            }
            // A server chooses another one for each INIT that it sees (§5.2.1).
            Some(_) if !self.established && !self.of(dir).spoken && first.kind != kind::ABORT => {
                self.half(dir).tag = Some(bundle.tag);
                Belongs::Yes
            }
            Some(_) if reflected || first.kind == kind::ABORT => Belongs::Nowhere,
            Some(_) if self.of(dir).invited => Belongs::Nowhere,
            Some(_) => Belongs::ToAnother,
        }
    }

    /// Whether an INIT is this association's: its first, again, or one that crossed the peer's.
    fn is_invited(&self, init: Option<Init>, dir: Dir) -> Belongs {
        let Some(init) = init else { return Belongs::Nowhere };
        let back = self.of(dir.flip());
        let same = back.tag.is_none_or(|tag| tag == init.tag);
        let fresh = !self.established && !self.of(dir).spoken && !back.spoken;
        if (same || fresh) && !self.closed() { Belongs::Yes } else { Belongs::ToAnother }
    }

    fn chunk<M: Messages>(&mut self, chunk: &packet::Chunk<'_>, dir: Dir, lent: &mut Lent<'_, M>) {
        match Kind::read(chunk) {
            Some(Kind::Data(data)) => {
                self.established = true;
                self.half(dir).data(dir, &data, lent);
            }
            Some(Kind::Init(init)) => {
                self.opener.get_or_insert(dir);
                self.begin(dir, init);
            }
            Some(Kind::InitAck(init)) => {
                self.opener.get_or_insert(dir.flip());
                self.begin(dir, init);
            }
            Some(Kind::Sack(Sack { cumulative, .. })) => {
                self.half(dir.flip()).acknowledged(dir.flip(), cumulative, lent);
            }
            Some(Kind::Forward(tsn)) => self.half(dir).skip_to(dir, tsn, Ahead::Abandoned, lent),
            Some(Kind::Cookie) => self.established = true,
            Some(Kind::Abort) => self.end(End::Reset, lent),
            Some(Kind::ShutdownComplete) => self.end(End::Fin, lent),
            Some(Kind::Shutdown) | None => {}
        }
    }

    /// The sender tells the tag that it wants to see, and where it begins to count.
    fn begin(&mut self, dir: Dir, init: Init) {
        let back = self.half(dir.flip());
        (back.tag, back.invited) = (Some(init.tag), true);
        self.half(dir).begin(init.tsn);
    }

    fn end<M: Messages>(&mut self, how: End, lent: &mut Lent<'_, M>) {
        for dir in Dir::BOTH {
            self.half(dir).end(dir, how, lent);
        }
    }
}
