//! Segments of one connection in any order, with any loss: `[how, sizes …, (what, place, len)…]`.
//!
//! The payload is a function of the sequence number, so that whatever is delivered says where it
//! belongs: data and gaps must add up to those places, and the memory must be given back. With `how`
//! odd the peers lie (two SYNs, data after FIN, numbers anywhere): then only the memory is checked.
#![no_main]

use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use model::{Budget, Dir, Endpoint, FlowKey, Mark, Timestamp, Transport, Why};
use packet::{Segment, TcpFlags};
use stream::{Connection, Counts, End, Outcome, Outlet};

/// The first payload bytes of the two directions; the second runs past the end of the numbers.
const STARTS: [u32; 2] = [5_000, u32::MAX - 300];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let how = input.byte();
    let lens = [input.short() & 0x0fff, input.short() & 0x0fff];
    let memory = if how & 2 == 0 { 1 << 20 } else { 2_000 };
    let mut bench = Bench::new(lens, memory, how & 1 == 0);
    while !input.is_empty() {
        bench.step(&mut input);
    }
    bench.flush();
});

/// A connection and what is around it.
struct Bench {
    connection: Option<Connection>,
    budget: Budget,
    counts: Counts,
    check: Check,
    now: u64,
    frame: u64,
    /// Payload bytes that each direction has in all.
    lens: [u16; 2],
    truthful: bool,
}

/// What a step says.
struct Spot {
    dir: Dir,
    from: u32,
    len: u32,
    acked: u32,
    what: u8,
}

/// Follows the places of what is delivered.
struct Check {
    /// Places where each direction may be; `None`: anywhere.
    places: [Option<Vec<u32>>; 2],
    said: [u64; 2],
    ended: [bool; 2],
    truthful: bool,
}

// === impl Bench ===

impl Bench {
    fn new(lens: [u16; 2], memory: usize, truthful: bool) -> Self {
        Self {
            connection: None,
            budget: Budget::new(memory),
            counts: Counts::default(),
            check: Check::new(truthful),
            now: 1_000_000_000,
            frame: 0,
            lens,
            truthful,
        }
    }

    /// One segment: `[what, place, place, len, ack, ack]`.
    fn step(&mut self, input: &mut Input<'_>) {
        let (what, place, len, acked) = (input.byte(), input.short(), input.byte(), input.short());
        self.now += if what >> 5 == 7 { 9_000_000_000 } else { 1_000_000 * u64::from(what >> 5) };
        let side = usize::from(what & 1);
        let dir = [Dir::Ab, Dir::Ba][side];
        let spot = self.spot(side, dir, what, place, len, acked);
        self.offer(&spot);
        if let Some(connection) = &self.connection {
            let late = connection.deadline().is_some_and(|at| at.0 <= self.now);
            assert!(!late, "overdue right after a segment");
        }
    }

    /// Within what the two have to say, unless they lie.
    fn spot(&self, side: usize, dir: Dir, what: u8, place: u16, len: u8, acked: u16) -> Spot {
        let (place, acked) = (u32::from(place), u32::from(acked));
        if !self.truthful {
            let from = STARTS[side].wrapping_add(place << (what >> 1 & 0x0c));
            let acked = STARTS[1 - side].wrapping_add(acked);
            return Spot { dir, from, len: u32::from(len) * 8, acked, what };
        }
        let all = u32::from(self.lens[side]);
        let place = place.min(all);
        let len = (u32::from(len) * 8).min(all - place);
        // One more than there is to say acknowledges the FIN.
        let acked = acked.min(u32::from(self.lens[1 - side]) + 1).wrapping_add(STARTS[1 - side]);
        Spot { dir, from: STARTS[side].wrapping_add(place), len, acked, what }
    }

    fn offer(&mut self, spot: &Spot) {
        let payload: Vec<u8> = (0..spot.len).map(|n| byte(spot.from.wrapping_add(n))).collect();
        let flags = self.flags(spot);
        // The number of a SYN is one before its payload.
        let syn = u32::from(flags.syn());
        let cut = if spot.what & 0x10 != 0 { payload.len() / 3 } else { 0 };
        let endpoint = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
        let key = FlowKey { a: endpoint(1), b: endpoint(2), transport: Transport::Tcp, scope: 0 };
        let segment = Segment {
            key,
            dir: spot.dir,
            hash: 0,
            seq: spot.from.wrapping_sub(syn),
            ack: spot.acked,
            flags,
            window: 0,
            payload: &payload[..payload.len() - cut],
            cut: cut as u32,
        };
        if self.take(&segment) == Outcome::Reused {
            self.flush();
            self.connection = None;
            self.check = Check::new(self.truthful);
            assert_eq!(self.take(&segment), Outcome::Same, "a connection takes what opens it");
        }
    }

    /// Liars set any flags; others a SYN at their start, a FIN at their end, and a rare reset.
    fn flags(&self, spot: &Spot) -> TcpFlags {
        let (ack, fin) = (spot.what & 2 != 0, spot.what & 4 != 0);
        let syn_or_reset = spot.what & 8 != 0;
        let side = spot.dir as usize;
        let end = STARTS[side].wrapping_add(u32::from(self.lens[side]));
        let at_start = !self.truthful || spot.from == STARTS[side];
        let at_end = !self.truthful || spot.from.wrapping_add(spot.len) == end;
        let mut bits = 0;
        bits |= if ack { TcpFlags::ACK } else { 0 };
        bits |= if fin && at_end { TcpFlags::FIN } else { 0 };
        bits |= if syn_or_reset && at_start { TcpFlags::SYN } else { 0 };
        bits |= if syn_or_reset && at_end && spot.len == 0 && bits & TcpFlags::SYN == 0 {
            TcpFlags::RST
        } else {
            0
        };
        TcpFlags(bits)
    }

    fn take(&mut self, segment: &Segment<'_>) -> Outcome {
        self.frame += 1;
        let mark = Mark { at: Timestamp(self.now), frame: self.frame };
        let connection = self.connection.get_or_insert_with(|| Connection::new(segment));
        connection.segment(segment, mark, &mut self.budget, &mut self.counts, &mut self.check)
    }

    fn flush(&mut self) {
        let mark = Mark { at: Timestamp(self.now), frame: 0 };
        let Some(connection) = &mut self.connection else { return };
        connection.flush(mark, &mut self.budget, &mut self.counts, &mut self.check);
        assert!(connection.closed() && connection.deadline().is_none(), "flushed and not closed");
        assert_eq!(self.budget.used(), 0, "memory that was not given back");
        assert_eq!(self.check.ended, [true; 2], "both directions end");
        for (said, len) in self.check.said.iter().zip(self.lens) {
            // A SYN and a FIN take a place each, and may be taken for a byte that was lost.
            let most = u64::from(len) + 2;
            assert!(!self.truthful || *said <= most, "{said} bytes of {len} were said");
        }
    }
}

// === impl Check ===

impl Check {
    fn new(truthful: bool) -> Self {
        Self { places: [None, None], said: [0; 2], ended: [false; 2], truthful }
    }

    /// Where `dir` can be before `bytes`.
    fn places(&mut self, dir: Dir, bytes: &[u8]) -> Vec<u32> {
        let start = STARTS[dir as usize];
        let any = || (0..=0x1000).map(|n| start.wrapping_add(n)).collect();
        let mut places = self.places[dir as usize].take().unwrap_or_else(any);
        places.retain(|place| (0..).zip(bytes).all(|(n, b)| byte(place.wrapping_add(n)) == *b));
        places
    }
}

impl Outlet for Check {
    fn data(&mut self, dir: Dir, _: Mark, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "data without bytes");
        assert!(!self.ended[dir as usize], "data after the end");
        self.said[dir as usize] += bytes.len() as u64;
        if !self.truthful {
            return;
        }
        let mut places = self.places(dir, bytes);
        assert!(!places.is_empty(), "bytes in the wrong place");
        places.iter_mut().for_each(|place| *place = place.wrapping_add(bytes.len() as u32));
        self.places[dir as usize] = Some(places);
    }

    fn gap(&mut self, dir: Dir, _: Mark, len: u64, _: Why) {
        assert!(len > 0, "a gap of nothing");
        assert!(!self.ended[dir as usize], "a gap after the end");
        self.said[dir as usize] += len;
        for place in self.places[dir as usize].iter_mut().flatten() {
            *place = place.wrapping_add(len as u32);
        }
    }

    fn end(&mut self, dir: Dir, _: Mark, _: End) {
        assert!(!std::mem::replace(&mut self.ended[dir as usize], true), "two ends");
    }
}

/// The payload byte at a place.
fn byte(place: u32) -> u8 {
    (place.wrapping_mul(0x9e37_79b1) >> 24) as u8
}
