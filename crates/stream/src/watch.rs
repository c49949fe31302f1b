//! What the packets of a flow say of its health: how it went, how long that took, what was sent again.
//!
//! It looks at headers alone, and holds the same few hundred bytes whatever comes.

use model::{Dir, Mark, Timestamp};
use packet::{Bundle, Segment};

use crate::{
    chunk::{Kind, Sack},
    seq::Seq,
    spans::Spans,
};

/// A flow as its packets tell it.
#[derive(Debug, Default)]
pub struct Watch {
    /// From `key.a` to `key.b`, and back.
    pub ways: [Way; 2],
    opener: Option<Dir>,
    /// When it was asked for, granted, and confirmed.
    asked_at: Option<Timestamp>,
    granted_at: Option<Timestamp>,
    confirmed_at: Option<Timestamp>,
    end: Option<Ending>,
}

/// One direction.
#[derive(Debug, Default)]
pub struct Way {
    /// Its first packet.
    pub first: Option<Mark>,
    /// Its last packet.
    pub last: Mark,
    /// Packets captured.
    pub packets: u64,
    /// Bytes of payload on the wire, those sent again included.
    pub bytes: u64,
    /// Segments whose bytes were sent before, and requests for a connection made again.
    pub retransmissions: u64,
    /// Bytes of payload that were sent before.
    pub retransmitted_bytes: u64,
    /// Segments that said that there is no room.
    pub zero_windows: u64,
    /// Probes whether the other side is there.
    pub keep_alives: u64,
    /// Resets.
    pub resets: u64,
    /// Bytes that the capture does not hold.
    pub lost_bytes: u64,
    /// From bytes to their acknowledgment.
    pub rtt: Times,
    /// It has ended in order.
    pub ended: bool,
    asked: Option<u32>,
    numbers: Spans,
    /// Bytes whose acknowledgment is waited for: the place behind them, and when they were sent.
    timed: Option<(Seq, Timestamp)>,
}

/// Times measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// The shortest, in nanoseconds.
    pub least_ns: u64,
    /// All together, in nanoseconds.
    pub sum_ns: u64,
}

/// How a flow stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Asked for, and granted; not confirmed yet.
    Opening,
    /// Bytes may go both ways.
    Open,
    /// One side is done.
    Closing,
    /// Both sides are done.
    Closed,
    /// Broken off.
    Reset,
    /// Asked for, and not granted.
    Refused,
    /// Datagrams went both ways.
    Answered,
    /// Nothing came back.
    Unanswered,
}

/// How it was broken off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Reset,
    Refused,
}

// === impl Watch ===

impl Watch {
    /// Takes a segment that went `dir`.
    pub fn segment(&mut self, segment: &Segment<'_>, dir: Dir, mark: Mark) {
        let (flags, bytes) = (segment.flags, segment.payload.len() as u64 + u64::from(segment.cut));
        self.way(dir).packet(bytes, mark);
        match (flags.syn(), flags.ack()) {
            (true, false) => self.asks(dir, segment.seq, mark.at),
            (true, true) => self.grants(dir, segment.seq, mark.at),
            (false, true) => self.confirms(dir, mark.at),
            (false, false) => {}
        }
        if flags.rst() {
            self.breaks_off(dir);
            return;
        }
        let way = self.way(dir);
        way.zero_windows += u64::from(segment.window == 0 && !flags.syn() && !flags.fin());
        if bytes > 0 || flags.fin() {
            let seq = Seq(segment.seq).plus(flags.syn().into());
            way.data(seq, (bytes, flags.fin()), mark.at);
        }
        way.ended |= flags.fin();
        if flags.ack() {
            self.way(dir.flip()).acknowledged(Seq(segment.ack), mark.at);
        }
    }

    /// Takes a packet of an association that went `dir`.
    pub fn bundle(&mut self, bundle: &Bundle<'_>, dir: Dir, mark: Mark) {
        let mut bytes = 0;
        for chunk in bundle.chunks() {
            match Kind::read(&chunk) {
                Some(Kind::Data(data)) => {
                    let len = data.bytes.len() as u64 + u64::from(data.cut);
                    self.way(dir).sent(Seq(data.tsn), (1, len), mark.at);
                    bytes += len;
                }
                Some(Kind::Init(init)) => self.asks(dir, init.tsn, mark.at),
                Some(Kind::InitAck(init)) => self.grants(dir, init.tsn, mark.at),
                Some(Kind::Cookie) => self.confirms(dir, mark.at),
                Some(Kind::Sack(Sack { cumulative, window })) => {
                    self.way(dir).zero_windows += u64::from(window == 0);
                    self.way(dir.flip()).acknowledged(Seq(cumulative).plus(1), mark.at);
                }
                Some(Kind::Abort) => self.breaks_off(dir),
                Some(Kind::Shutdown) => self.way(dir).ended = true,
                Some(Kind::Forward(_) | Kind::ShutdownComplete) | None => {}
            }
        }
        self.way(dir).packet(bytes, mark);
    }

    /// Takes a packet of `bytes` bytes of payload that is of no stream.
    pub fn packet(&mut self, bytes: u64, dir: Dir, mark: Mark) {
        self.way(dir).packet(bytes, mark);
    }

    /// A connection is asked for; `number` tells it from another one.
    pub fn asks(&mut self, dir: Dir, number: u32, at: Timestamp) {
        self.opener.get_or_insert(dir);
        self.asked_at.get_or_insert(at);
        self.way(dir).began(number);
    }

    /// A connection is granted.
    pub fn grants(&mut self, dir: Dir, number: u32, at: Timestamp) {
        self.opener.get_or_insert(dir.flip());
        self.granted_at.get_or_insert(at);
        self.way(dir).began(number);
    }

    /// Something that is sent only once a connection was granted.
    pub fn confirms(&mut self, dir: Dir, at: Timestamp) {
        if self.opener == Some(dir) && self.granted_at.is_some() {
            self.confirmed_at.get_or_insert(at);
        }
    }

    /// A side breaks the connection off, or never grants it.
    pub fn breaks_off(&mut self, dir: Dir) {
        self.way(dir).resets += 1;
        let closed = self.ways.iter().all(|way| way.ended);
        let refused = self.opener == Some(dir.flip()) && self.granted_at.is_none();
        let end = if refused && self.asked_at.is_some() { Ending::Refused } else { Ending::Reset };
        if !closed {
            self.end.get_or_insert(end);
        }
    }

    /// How a connection stands, as far as it was seen.
    #[must_use]
    pub fn state(&self) -> State {
        let done = self.ways.iter().filter(|way| way.ended).count();
        match self.end {
            Some(Ending::Refused) => return State::Refused,
            Some(Ending::Reset) => return State::Reset,
            None => {}
        }
        match done {
            2 => State::Closed,
            1 => State::Closing,
            _ if self.asked_at.is_some() && !self.is_two_way() => State::Unanswered,
            _ if self.granted_at.is_some() && self.confirmed_at.is_none() => State::Opening,
            _ => State::Open,
        }
    }

    /// How an exchange of datagrams stands.
    #[must_use]
    pub fn exchange(&self) -> State {
        if self.is_two_way() { State::Answered } else { State::Unanswered }
    }

    /// From the request for the connection to its confirmation, in nanoseconds; only where both were
    /// seen.
    #[must_use]
    pub fn handshake_ns(&self) -> Option<u64> {
        Some(self.confirmed_at?.since(self.asked_at?))
    }

    /// From the request for the connection to the answer, in nanoseconds: the way between where it is
    /// watched and the server.
    #[must_use]
    pub fn grant_ns(&self) -> Option<u64> {
        Some(self.granted_at?.since(self.asked_at?))
    }

    /// One direction.
    #[must_use]
    pub fn of(&self, dir: Dir) -> &Way {
        let [ab, ba] = &self.ways;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    /// The same, to be added to.
    pub fn way(&mut self, dir: Dir) -> &mut Way {
        let [ab, ba] = &mut self.ways;
        match dir {
            Dir::Ab => ab,
            Dir::Ba => ba,
        }
    }

    fn is_two_way(&self) -> bool {
        self.ways.iter().all(|way| way.packets > 0)
    }
}

// === impl Way ===

impl Way {
    fn packet(&mut self, bytes: u64, mark: Mark) {
        self.first.get_or_insert(mark);
        self.last = self.last.max_by_time(mark);
        self.packets += 1;
        self.bytes += bytes;
    }

    /// The same beginning again is one sent again.
    fn began(&mut self, number: u32) {
        if self.asked.replace(number) == Some(number) {
            self.retransmissions += 1;
        }
    }

    /// Bytes, and perhaps a FIN, which takes a number, too (RFC 9293 §3.4).
    fn data(&mut self, seq: Seq, (bytes, fin): (u64, bool), at: Timestamp) {
        if bytes == 1 && !fin && self.numbers.is_last(seq.0) {
            self.keep_alives += 1;
            return;
        }
        self.sent(seq, (bytes + u64::from(fin), bytes), at);
    }

    /// Numbers from `seq` on were sent: how many, and how many bytes they stand for.
    fn sent(&mut self, seq: Seq, (numbers, bytes): (u64, u64), at: Timestamp) {
        if self.numbers.add(seq.0, numbers) {
            self.retransmissions += 1;
            self.retransmitted_bytes += bytes;
            // Which of the two is acknowledged can't be told (RFC 6298 §3).
            self.timed = None;
        } else if self.timed.is_none() {
            self.timed = Some((seq.plus(u32::try_from(numbers).unwrap_or(0)), at));
        }
    }

    fn acknowledged(&mut self, ack: Seq, at: Timestamp) {
        if let Some((end, sent_at)) = self.timed
            && ack.ahead_of(end) >= 0
        {
            self.timed = None;
            self.rtt.add(at.since(sent_at));
        }
    }
}

// === impl Times ===

impl Times {
    /// Takes one more.
    pub fn add(&mut self, ns: u64) {
        self.least_ns = if self.count == 0 { ns } else { self.least_ns.min(ns) };
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.count += 1;
    }

    /// The mean, in nanoseconds.
    #[must_use]
    pub fn mean_ns(&self) -> Option<u64> {
        self.sum_ns.checked_div(self.count)
    }
}

// === impl State ===

impl State {
    /// Those that are failures.
    pub const FAILED: [Self; 3] = [Self::Reset, Self::Refused, Self::Unanswered];

    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Answered => "answered",
            Self::Unanswered => "unanswered",
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Endpoint, FlowKey, Transport};
    use packet::TcpFlags;

    use super::*;

    const SYN: u8 = TcpFlags::SYN;
    const ACK: u8 = TcpFlags::ACK;
    const FIN: u8 = TcpFlags::FIN;
    const RST: u8 = TcpFlags::RST;

    /// Segments, a millisecond apart: direction, flags, seq, ack, payload.
    fn watch(segments: &[(Dir, u8, u32, u32, usize)]) -> Watch {
        let end = |last: u8, port| Endpoint { ip: [10, 0, 0, last].into(), port };
        let (key, _) = FlowKey::of(end(1, 4_000), end(2, 80), Transport::Tcp, 0);
        let mut watch = Watch::default();
        let payload = [0; 4_096];
        for ((dir, flags, seq, ack, len), n) in segments.iter().zip(1..) {
            let segment = Segment {
                key,
                dir: *dir,
                hash: 0,
                seq: *seq,
                ack: *ack,
                flags: TcpFlags(*flags),
                window: 100,
                payload: &payload[..*len],
                cut: 0,
            };
            let mark = Mark { at: Timestamp(n * 1_000_000), frame: n };
            watch.segment(&segment, *dir, mark);
        }
        watch
    }

    const OPENED: [(Dir, u8, u32, u32, usize); 3] =
        [(Dir::Ab, SYN, 9, 0, 0), (Dir::Ba, SYN | ACK, 99, 10, 0), (Dir::Ab, ACK, 10, 100, 0)];

    #[test]
    fn a_handshake_is_timed_and_bytes_to_their_acknowledgment() {
        let talk = [(Dir::Ab, ACK, 10, 100, 5), (Dir::Ba, ACK, 100, 15, 0)];
        let watch = watch(&[&OPENED[..], &talk].concat());
        assert_eq!((watch.handshake_ns(), watch.grant_ns()), (Some(2_000_000), Some(1_000_000)));
        assert_eq!(watch.state(), State::Open);
        let way = watch.of(Dir::Ab);
        assert_eq!((way.packets, way.bytes, way.rtt.count, way.rtt.least_ns), (3, 5, 1, 1_000_000));
    }

    #[test]
    fn what_is_sent_again_is_counted_and_not_timed() {
        let again =
            [(Dir::Ab, ACK, 10, 100, 5), (Dir::Ab, ACK, 10, 100, 5), (Dir::Ba, ACK, 100, 15, 0)];
        let watch = watch(&[&OPENED[..], &again].concat());
        let way = watch.of(Dir::Ab);
        assert_eq!((way.retransmissions, way.retransmitted_bytes, way.rtt.count), (1, 5, 0));
    }

    #[test]
    fn an_end_that_is_said_again_is_counted() {
        let ends = [(Dir::Ab, FIN | ACK, 10, 100, 2), (Dir::Ab, FIN | ACK, 12, 100, 0)];
        let watch = watch(&[&OPENED[..], &ends].concat());
        let way = watch.of(Dir::Ab);
        assert_eq!((way.retransmissions, way.retransmitted_bytes), (1, 0));
    }

    #[test]
    fn a_late_segment_is_not_one_sent_again_and_a_probe_is_neither() {
        let late =
            [(Dir::Ab, ACK, 15, 100, 5), (Dir::Ab, ACK, 10, 100, 5), (Dir::Ab, ACK, 19, 100, 1)];
        let watch = watch(&[&OPENED[..], &late].concat());
        let way = watch.of(Dir::Ab);
        assert_eq!((way.retransmissions, way.keep_alives), (0, 1));
    }

    #[test]
    fn nobody_answers_or_refuses() {
        let asked = [(Dir::Ab, SYN, 9, 0, 0), (Dir::Ab, SYN, 9, 0, 0)];
        let silence = watch(&asked);
        assert_eq!((silence.state(), silence.of(Dir::Ab).retransmissions), (State::Unanswered, 1));
        let refused = watch(&[asked[0], (Dir::Ba, RST | ACK, 0, 10, 0)]);
        assert_eq!((refused.state(), refused.of(Dir::Ba).resets), (State::Refused, 1));
    }

    #[test]
    fn a_reset_behind_both_ends_does_not_break_anything_off() {
        let ends = [(Dir::Ab, FIN | ACK, 10, 100, 0), (Dir::Ba, FIN | ACK, 100, 11, 0)];
        let closed = watch(&[&OPENED[..], &ends, &[(Dir::Ab, RST, 11, 0, 0)]].concat());
        assert_eq!((closed.state(), closed.of(Dir::Ab).resets), (State::Closed, 1));
        let reset = watch(&[&OPENED[..], &ends[..1], &[(Dir::Ba, RST, 100, 0, 0)]].concat());
        assert_eq!(reset.state(), State::Reset);
        assert_eq!(watch(&[&OPENED[..], &ends[..1]].concat()).state(), State::Closing);
        assert_eq!(watch(&OPENED[..2]).state(), State::Opening);
    }
}
