//! What the tests share: segments by a few words, an outlet that writes down, a bench around them.

use std::net::IpAddr;

use model::{Budget, Dir, Endpoint, FlowKey, Mark, Timestamp, Transport, Why};
use packet::{Segment, TcpFlags};
use proptest::test_runner::{Config, RngSeed};

use crate::{Connection, Counts, End, Outcome, Outlet};

pub const MS: u64 = 1_000_000;

/// What left a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    Data(Dir, Mark, Vec<u8>),
    Gap(Dir, Mark, u64, Why),
    End(Dir, Mark, End),
}

/// Writes down what leaves, and which directions' gaps may be answers.
#[derive(Default)]
pub struct Notes(pub Vec<Event>, pub Vec<Dir>);

/// A connection with everything around it.
pub struct Bench {
    pub connection: Option<Connection>,
    pub budget: Budget,
    pub counts: Counts,
    pub notes: Notes,
    pub frame: u64,
    pub now: u64,
}

/// Thousands of cases, always the same ones; `STREAM_CASES` and `STREAM_SEED` ask for others.
pub fn config(seed: u64) -> Config {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("STREAM_CASES").and_then(|n| u32::try_from(n).ok()).unwrap_or(3000);
    let rng_seed = RngSeed::Fixed(seed ^ number("STREAM_SEED").unwrap_or(0));
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

/// A segment without anything.
pub fn segment(dir: Dir, seq: u32) -> Segment<'static> {
    let endpoint = |port| Endpoint { ip: IpAddr::from([10, 0, 0, 1]), port };
    let key = FlowKey { a: endpoint(1), b: endpoint(2), transport: Transport::Tcp, scope: 0 };
    let (flags, payload) = (TcpFlags(0), &[][..]);
    Segment { key, dir, hash: 0, seq, ack: 0, flags, window: 0, payload, cut: 0 }
}

/// One with flags (`S`, `F`, `R`, `P`; an ack sets its own) and payload.
pub fn packet<'p>(
    dir: Dir,
    flags: &str,
    seq: u32,
    ack: Option<u32>,
    payload: &'p [u8],
) -> Segment<'p> {
    let bit = |flag| match flag {
        'S' => TcpFlags::SYN,
        'F' => TcpFlags::FIN,
        'R' => TcpFlags::RST,
        _ => TcpFlags::PSH,
    };
    let bits = flags.chars().map(bit).fold(0, |all, bit| all | bit);
    let acks = if ack.is_some() { TcpFlags::ACK } else { 0 };
    let flags = TcpFlags(bits | acks);
    Segment { flags, ack: ack.unwrap_or(0), payload, ..segment(dir, seq) }
}

// === impl Notes ===

impl Outlet for Notes {
    fn data(&mut self, dir: Dir, mark: Mark, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0.push(Event::Data(dir, mark, bytes.to_vec()));
    }

    fn gap(&mut self, dir: Dir, mark: Mark, len: u64, why: Why) {
        assert!(len > 0);
        self.0.push(Event::Gap(dir, mark, len, why));
    }

    fn doubt(&mut self, dir: Dir) {
        self.1.push(dir);
    }

    fn end(&mut self, dir: Dir, mark: Mark, how: End) {
        self.0.push(Event::End(dir, mark, how));
    }
}

// === impl Bench ===

impl Bench {
    pub fn new(memory: usize) -> Self {
        Self {
            connection: None,
            budget: Budget::new(memory),
            counts: Counts::default(),
            notes: Notes::default(),
            frame: 0,
            now: 1_000_000 * MS,
        }
    }

    pub fn mark(&self) -> Mark {
        Mark { at: Timestamp(self.now), frame: self.frame }
    }

    /// Offers a segment as the next frame, 10 µs after the one before.
    pub fn offer(&mut self, segment: &Segment<'_>) -> Outcome {
        (self.frame, self.now) = (self.frame + 1, self.now + 10_000);
        let mark = self.mark();
        let connection = self.connection.get_or_insert_with(|| Connection::new(segment));
        connection.segment(segment, mark, &mut self.budget, &mut self.counts, &mut self.notes)
    }

    /// Offers one that belongs to the connection.
    pub fn take(&mut self, segment: &Segment<'_>) {
        assert_eq!(self.offer(segment), Outcome::Same);
    }

    pub fn expire(&mut self) {
        let mark = self.mark();
        let Some(connection) = &mut self.connection else { return };
        connection.expire(mark, &mut self.budget, &mut self.counts, &mut self.notes);
    }

    pub fn flush(&mut self) {
        let mark = self.mark();
        let Some(connection) = &mut self.connection else { return };
        connection.flush(mark, &mut self.budget, &mut self.counts, &mut self.notes);
        assert_eq!(self.budget.used(), 0);
        assert!(connection.closed());
        assert_eq!(connection.deadline(), None);
    }

    pub fn connection(&self) -> &Connection {
        self.connection.as_ref().unwrap()
    }

    /// What left since the last time, one word each: `>` is `Ab`; `>text`, `<gap 5`, `>fin`.
    pub fn said(&mut self) -> String {
        let arrow = |dir: &Dir| if *dir == Dir::Ab { '>' } else { '<' };
        let words = self.notes.0.drain(..).map(|event| match event {
            Event::Data(dir, _, bytes) => {
                format!("{}{}", arrow(&dir), String::from_utf8_lossy(&bytes))
            }
            Event::Gap(dir, _, len, Why::Gap) => format!("{}gap:{len}", arrow(&dir)),
            Event::Gap(dir, _, len, why) => format!("{}{}:{len}", arrow(&dir), why.name()),
            Event::End(dir, _, End::Fin) => format!("{}fin", arrow(&dir)),
            Event::End(dir, _, End::Reset) => format!("{}reset", arrow(&dir)),
            Event::End(dir, _, End::Flushed) => format!("{}flushed", arrow(&dir)),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}
