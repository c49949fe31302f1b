//! The streams that one connection carries (RFC 9000 §2), put in order and handed on: all together
//! to the reader of HTTP/3, or each by itself to whoever recognises it.

use std::collections::{BTreeMap, BTreeSet};

use dissect::{Heritage, Opens, Sink};
use model::{Cover, Side, Timestamp, Transport, Why};

use super::{
    assembly::{Assembly, Next},
    mux,
};

/// Streams of one connection that may be open at a time; what is said on others is lost.
const OPEN_MAX: usize = 4_096;
/// Streams remembered beside those that are over one after the other.
const OVER_MAX: usize = 4_096;
/// What a stream is charged beside what it keeps.
const COST: usize = size_of::<Assembly>() + 64;
/// Bytes that wait behind holes of all streams of a connection.
const HELD_MAX: usize = 4 << 20;
/// How often holes are looked after, in nanoseconds.
const LOOK_NS: u64 = 500_000_000;

/// Set in a stream's number where the server opened it (RFC 9000 §2.1).
const BY_SERVER: u64 = 1;
/// Set where only its opener sends.
const ONE_WAY: u64 = 2;

/// How streams are handed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum How {
    /// Not at all yet.
    #[default]
    Closed,
    /// All together, on this channel.
    Together(u64),
    /// Each on a channel of its own, from this one on.
    Each(u64),
}

/// The streams of a connection.
#[derive(Debug, Default)]
pub struct Streams {
    how: How,
    /// By stream and sender.
    open: BTreeMap<(u64, u8), Assembly>,
    /// What is over, by sender and the two lowest bits of the stream's number.
    over: [[Over; 4]; 2],
    /// What channels of streams are covered by.
    cover: Option<Cover>,
    looked: Timestamp,
    /// Senders who said that the connection is over.
    ended: [bool; 2],
    /// What was put aside for holes, with what it is charged.
    held: usize,
    /// There is no memory for what waits.
    is_short: bool,
}

/// Streams of one kind that are over: those below a number, and some above it.
#[derive(Debug, Default)]
struct Over {
    below: u64,
    above: BTreeSet<u64>,
}

// === impl Streams ===

impl Streams {
    /// Payload can be read from here on, wrapped in `cover`. `channel` is the first that nobody uses.
    pub fn begin(&mut self, channel: u64, cover: Cover, sink: &mut Sink<'_, '_>) {
        if self.how != How::Closed {
            return;
        }
        if !cover.alpn.starts_with("h3") {
            (self.how, self.cover) = (How::Each(channel), Some(cover));
            return;
        }
        self.how = How::Together(channel);
        let speaks = Some(Heritage { name: mux::HTTP3.into(), ..Heritage::default() });
        let transport = Some(Transport::Tcp);
        let opens = Opens { cover: Some(cover), speaks, transport, ..Opens::default() };
        sink.inner_opens(channel, opens);
    }

    /// Whether they are handed on.
    pub fn is_begun(&self) -> bool {
        self.how != How::Closed
    }

    /// What was said so far was for nothing: it is said again, on the same streams.
    pub fn begin_again(&mut self, sink: &mut Sink<'_, '_>) {
        self.end(Side::Client, Why::Reset, sink);
        *self = Self::default();
    }

    /// A piece of a stream of `from` came at `now`.
    pub fn piece(
        &mut self,
        from: Side,
        id: u64,
        (offset, bytes, is_last): (u64, &[u8], bool),
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) {
        if !self.expects(from, id) {
            return;
        }
        let key = (id, from as u8);
        let is_new = !self.open.contains_key(&key);
        if is_new && self.open.len() >= OPEN_MAX {
            return;
        }
        if is_new {
            self.open_channel(id, from, sink);
        }
        let how = self.how;
        let assembly = self.open.entry(key).or_default();
        let before = assembly.held();
        let mut end = End { how, id, is_said: false };
        assembly.add(offset, bytes, is_last, now, &mut |next| end.say(next, sink));
        let (after, is_over) = (assembly.held(), assembly.is_over());
        self.held = (self.held + after).saturating_sub(before);
        if is_over {
            self.open.remove(&key);
            self.note_over(from, id);
            end.finish(sink);
        } else if after > 0 && self.held > if self.is_short { 0 } else { HELD_MAX } {
            self.give_up_hole(from, id, sink);
        }
    }

    /// Whether something waits for bytes before it.
    pub fn waits(&self) -> bool {
        self.held > 0
    }

    /// There is no memory for what waits: nothing is waited for from here on.
    pub fn shed(&mut self) {
        self.is_short = true;
    }

    /// The sender gives a stream up.
    pub fn reset(&mut self, from: Side, id: u64, code: u64, sink: &mut Sink<'_, '_>) {
        if !self.expects(from, id) {
            return;
        }
        self.give_up(from, id, sink);
        self.note_over(from, id);
        match self.how {
            How::Closed => {}
            How::Together(channel) => {
                sink.inner_with(channel, |all| mux::reset(id, code, all));
            }
            How::Each(first) => sink.inner_ends(first.wrapping_add(id), Why::Reset),
        }
    }

    /// `from` wants no more of the other side's stream.
    pub fn stop(&mut self, id: u64, code: u64, sink: &mut Sink<'_, '_>) {
        if let How::Together(channel) = self.how {
            sink.inner_with(channel, |all| mux::stopped(id, code, all));
        }
    }

    /// Gives up holes of `from` that nobody fills any more.
    pub fn look_after(&mut self, from: Side, now: Timestamp, sink: &mut Sink<'_, '_>) {
        if self.held == 0 || now.since(self.looked) < LOOK_NS {
            return;
        }
        self.looked = now;
        let is_stale = |assembly: &Assembly| assembly.is_stale(now);
        let mine = self.open.iter().filter(|((_, side), _)| *side == from as u8);
        let stale: Vec<u64> =
            mine.filter(|(_, assembly)| is_stale(assembly)).map(|((id, _), _)| *id).collect();
        for id in stale {
            self.give_up_hole(from, id, sink);
        }
    }

    /// `from` sends nothing more, because of `why`.
    pub fn end(&mut self, from: Side, why: Why, sink: &mut Sink<'_, '_>) {
        if std::mem::replace(&mut self.ended[from as usize], true) {
            return;
        }
        let mine = self.open.keys().filter(|(_, side)| *side == from as u8);
        for id in mine.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.give_up(from, id, sink);
            if let How::Each(first) = self.how {
                sink.inner_ends(first.wrapping_add(id), why);
            }
        }
        if let How::Together(channel) = self.how {
            sink.inner_ends(channel, why);
        }
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        let over: usize = self.over.iter().flatten().map(|over| over.above.len() * 16).sum();
        self.held + self.open.len() * COST + over
    }

    /// Whether `from` may say something on a stream that was not heard before.
    fn expects(&self, from: Side, id: u64) -> bool {
        let opener = if id & BY_SERVER == 0 { Side::Client } else { Side::Server };
        let may = id & ONE_WAY == 0 || opener == from;
        may && !self.ended[from as usize] && !self.over_of(from, id).has(id >> 2)
    }

    fn over_of(&self, from: Side, id: u64) -> &Over {
        let [a, b, c, d] = &self.over[from as usize];
        match id & 3 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }

    fn note_over(&mut self, from: Side, id: u64) {
        let [a, b, c, d] = &mut self.over[from as usize];
        let over = match id & 3 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        over.add(id >> 2);
    }

    /// One side of a stream that is handed on by itself; the other side of one way says nothing.
    fn open_channel(&mut self, id: u64, from: Side, sink: &mut Sink<'_, '_>) {
        let How::Each(first) = self.how else { return };
        let other = (id, from.other() as u8);
        if self.open.contains_key(&other) || self.over_of(from.other(), id).has(id >> 2) {
            return;
        }
        let transport = Some(Transport::Tcp);
        let opens = Opens { cover: self.cover.clone(), transport, ..Opens::default() };
        sink.inner_opens(first.wrapping_add(id), opens);
    }

    /// Hands out what waits on a stream, without what did not come.
    fn give_up(&mut self, from: Side, id: u64, sink: &mut Sink<'_, '_>) {
        let Some(mut assembly) = self.open.remove(&(id, from as u8)) else { return };
        self.held = self.held.saturating_sub(assembly.held());
        let mut end = End { how: self.how, id, is_said: false };
        assembly.give_up(&mut |next| end.say(next, sink));
        if assembly.is_over() {
            self.note_over(from, id);
            end.finish(sink);
        }
    }

    fn give_up_hole(&mut self, from: Side, id: u64, sink: &mut Sink<'_, '_>) {
        let how = self.how;
        let Some(assembly) = self.open.get_mut(&(id, from as u8)) else { return };
        let before = assembly.held();
        let mut end = End { how, id, is_said: false };
        assembly.give_up_hole(&mut |next| end.say(next, sink));
        let (after, is_over) = (assembly.held(), assembly.is_over());
        self.held = (self.held + after).saturating_sub(before);
        if is_over {
            self.open.remove(&(id, from as u8));
            self.note_over(from, id);
            end.finish(sink);
        }
    }
}

/// Where what is in order of one stream goes.
struct End {
    how: How,
    id: u64,
    /// That the stream ends was said with its last bytes.
    is_said: bool,
}

// === impl End ===

impl End {
    fn say(&mut self, next: Next<'_>, sink: &mut Sink<'_, '_>) {
        match (self.how, next) {
            (How::Closed, _) => {}
            (How::Together(channel), Next::Bytes(bytes, is_last)) => {
                self.is_said |= is_last;
                sink.inner_with(channel, |all| mux::says(self.id, bytes, is_last, all));
            }
            (How::Together(channel), Next::Lost(len)) => {
                sink.inner_with(channel, |all| mux::lost(self.id, len, all));
            }
            (How::Each(first), Next::Bytes(bytes, _)) => {
                sink.inner(first.wrapping_add(self.id), bytes);
            }
            (How::Each(first), Next::Lost(len)) => {
                sink.inner_gap(first.wrapping_add(self.id), len, Why::Gap);
            }
        }
    }

    /// The stream is at its end.
    fn finish(&mut self, sink: &mut Sink<'_, '_>) {
        match self.how {
            How::Closed => {}
            How::Together(_) if self.is_said => {}
            How::Together(channel) => {
                sink.inner_with(channel, |all| mux::says(self.id, &[], true, all));
            }
            How::Each(first) => sink.inner_ends(first.wrapping_add(self.id), Why::Closed),
        }
    }
}

// === impl Over ===

impl Over {
    fn has(&self, number: u64) -> bool {
        number < self.below || self.above.contains(&number)
    }

    fn add(&mut self, number: u64) {
        self.above.insert(number);
        while self.above.remove(&self.below) {
            self.below += 1;
        }
        if self.above.len() > OVER_MAX {
            // The oldest that is not over yet was never seen, or will not be.
            self.below = self.above.pop_first().map_or(self.below, |first| first + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over_in_little_room() {
        let mut over = Over::default();
        for number in [0, 2, 1, 5, 3] {
            over.add(number);
        }
        assert_eq!((over.below, over.above.len()), (4, 1));
        assert!(over.has(0) && over.has(5) && !over.has(4) && !over.has(6));
        for number in 6..20_000 {
            over.add(number);
        }
        assert!(over.above.len() <= OVER_MAX && over.has(19_999));
    }
}
