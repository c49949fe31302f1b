//! What a flow speaks: by its bytes, on any port, from the start or joined late.
//!
//! The start of each side is offered to every protocol. Where that says nothing, or the flow was
//! joined late, the start of later packets is: often at first, then ever more rarely, so that a flow
//! nobody knows costs next to nothing.

use dissect::{Dissection, Hello, Verdict};
use model::{Budget, Dir, Endpoint, Mark, Side, Transport};

/// Packets of an unknown flow that are all looked at; later ones only where their ordinal is a power
/// of two, or where the other side spoke before (a message may well begin there).
const EAGER_PIECES: u32 = 16;
/// Changes of the speaker that are looked at.
const EAGER_TURNS: u32 = 64;
/// Bytes of one side shown to probes, and kept while they say `Maybe`.
const HELLO_BYTES_MAX: usize = 4 << 10;
/// Pieces kept while probes say `Maybe`.
const HELD_PIECES_MAX: usize = 32;
/// Server endpoints whose last verdict is remembered.
const REMEMBERED: usize = 1_024;

/// A flow that was not recognised yet.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    /// Packets with payload so far.
    pieces: u32,
    /// Changes of the speaker so far, and who spoke last.
    turns: u32,
    speaker: Option<Dir>,
    /// Side starts that were already refused by all, as bits: 1 for `Dir::Ab`, 2 for `Dir::Ba`.
    refused: u8,
    /// Bytes of a side were lost.
    gapped: bool,
    /// Pieces kept while a probe wants to see more.
    held: Vec<Piece>,
    /// Bytes charged for them; what is kept is a few KiB at most.
    charged: u32,
    /// Bytes that were looked at and are not booked as unread yet.
    unread: u64,
    /// Some were booked.
    is_booked: bool,
}

/// The bytes of one packet, kept.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) dir: Dir,
    pub(crate) mark: Mark,
    pub(crate) bytes: Vec<u8>,
}

/// What detection came to.
#[derive(Debug)]
pub(crate) struct Known {
    /// Index in the list of protocols.
    pub(crate) protocol: u8,
    /// Who sent the bytes that were recognised.
    pub(crate) from: Side,
    /// The flow is read from its very first byte on.
    pub(crate) from_start: bool,
    /// Bytes of it were lost before anything was recognised.
    pub(crate) gapped: bool,
    /// What was kept, oldest first, without the piece that decided.
    pub(crate) held: Vec<Piece>,
}

/// What is asked of detection.
pub(crate) struct Question<'a> {
    pub(crate) list: &'static [&'static Dissection],
    pub(crate) withdrawn: u64,
    pub(crate) dir: Dir,
    pub(crate) mark: Mark,
    pub(crate) bytes: &'a [u8],
    pub(crate) transport: Transport,
    /// Who sent the bytes, where that is certain.
    pub(crate) from: Option<Side>,
    /// Who probably sent them.
    pub(crate) likely: Side,
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
    /// Both sides are seen from their first byte.
    pub(crate) from_start: bool,
}

/// The verdicts of a shard by server endpoint: they order candidates, they never decide.
#[derive(Debug)]
pub(crate) struct Memory {
    verdicts: Vec<Option<(Endpoint, u8)>>,
}

// === impl Unknown ===

impl Unknown {
    /// A flow whose start is behind us.
    pub(crate) fn joined_late() -> Self {
        Self { refused: 3, ..Self::default() }
    }

    /// Looks at the next piece of a stream; `None` while nothing is recognised.
    pub(crate) fn stream(&mut self, question: &Question<'_>, memory: &mut Memory) -> Option<Known> {
        if !self.worth_a_look(question.dir, question.bytes.len()) {
            self.held = Vec::new();
            return None;
        }
        let bit = 1 << question.dir as u8;
        let at_start = question.from_start && self.refused & bit == 0;
        let hello = self.hello(question);
        let shown = hello.as_deref().unwrap_or(question.bytes);
        let more = self.pieces <= EAGER_PIECES && shown.len() < HELLO_BYTES_MAX;
        let mut answer = ask_all(question, shown, more, memory);
        if hello.is_some() && !matches!(answer, Answer::Is(..)) {
            // What was kept may be no part of it: a message that begins with this packet.
            if let alone @ Answer::Is(..) = ask_all(question, question.bytes, false, memory) {
                answer = alone;
                self.refused |= bit;
                self.let_go(question.dir);
            }
        }
        match answer {
            Answer::Is(protocol, from) => {
                let held = std::mem::take(&mut self.held);
                // Where a start was refused, what is recognised now began somewhere in between.
                let from_start = question.from_start && self.refused == 0;
                let held = if from_start {
                    held
                } else {
                    held.into_iter().filter(|p| p.dir == question.dir).collect()
                };
                Some(Known { protocol, from, from_start, gapped: self.gapped, held })
            }
            Answer::Maybe => {
                self.hold(question);
                None
            }
            Answer::No if at_start => {
                self.refused |= bit;
                // The other side may still testify: it must then be read from the start.
                self.let_go(question.dir);
                None
            }
            Answer::No => {
                self.let_go(question.dir);
                None
            }
        }
    }

    /// Looks at one datagram.
    pub(crate) fn datagram(
        &mut self,
        question: &Question<'_>,
        memory: &mut Memory,
    ) -> Option<Known> {
        if !self.worth_a_look(question.dir, question.bytes.len()) {
            return None;
        }
        match ask_all(question, question.bytes, false, memory) {
            Answer::Is(protocol, from) => {
                Some(Known { protocol, from, from_start: true, gapped: false, held: Vec::new() })
            }
            _ => None,
        }
    }

    /// Bytes of a side were lost: its start says nothing any more.
    pub(crate) fn gap(&mut self, dir: Dir) {
        self.refused |= 1 << dir as u8;
        self.gapped = true;
        self.let_go(dir);
    }

    /// Whether it is time again to book what nobody read of it: not for every packet.
    pub(crate) fn is_to_be_booked(&self) -> bool {
        self.pieces.is_multiple_of(EAGER_PIECES)
    }

    /// Whether bytes of a side were lost.
    pub(crate) fn is_gapped(&self) -> bool {
        self.gapped
    }

    /// The bytes that nobody read since this was asked before, and whether it was never asked.
    pub(crate) fn take_unread(&mut self) -> Option<(bool, u64)> {
        let bytes = std::mem::take(&mut self.unread);
        (bytes > 0).then(|| (!std::mem::replace(&mut self.is_booked, true), bytes))
    }

    /// Charges what is kept; what the budget refuses is let go.
    pub(crate) fn settle(&mut self, budget: &mut Budget) {
        if self.held.is_empty() && self.charged == 0 {
            return;
        }
        let keeps: usize =
            self.held.iter().map(|piece| piece.bytes.len() + size_of::<Piece>()).sum();
        budget.release(self.charged as usize);
        self.charged = u32::try_from(keeps).unwrap_or(u32::MAX);
        if !budget.charge(self.charged as usize) {
            self.held = Vec::new();
            self.charged = 0;
        }
    }

    /// Counts a piece, and says whether to look at it.
    fn worth_a_look(&mut self, dir: Dir, bytes: usize) -> bool {
        self.pieces = self.pieces.saturating_add(1);
        self.unread = self.unread.saturating_add(bytes as u64);
        let turned = self.speaker.replace(dir) != Some(dir);
        self.turns = self.turns.saturating_add(u32::from(turned));
        self.pieces <= EAGER_PIECES
            || (turned && self.turns <= EAGER_TURNS)
            || self.pieces.is_power_of_two()
    }

    /// What this side said so far, with the new bytes behind it; `None` if these are the first.
    fn hello(&self, question: &Question<'_>) -> Option<Vec<u8>> {
        if self.held.iter().all(|piece| piece.dir != question.dir) {
            return None;
        }
        let mut bytes: Vec<u8> = self
            .held
            .iter()
            .filter(|p| p.dir == question.dir)
            .flat_map(|p| &p.bytes)
            .copied()
            .collect();
        bytes.extend_from_slice(question.bytes);
        Some(bytes)
    }

    fn hold(&mut self, question: &Question<'_>) {
        self.held.push(Piece {
            dir: question.dir,
            mark: question.mark,
            bytes: question.bytes.to_vec(),
        });
        let too_large =
            self.held.iter().map(|p| p.bytes.len()).sum::<usize>() > 2 * HELLO_BYTES_MAX;
        if self.held.len() > HELD_PIECES_MAX || too_large {
            self.held = Vec::new();
        }
    }

    fn let_go(&mut self, dir: Dir) {
        self.held.retain(|piece| piece.dir != dir);
    }
}

enum Answer {
    Is(u8, Side),
    Maybe,
    No,
}

/// Asks every protocol: first the one that this server spoke last, then those on their usual port,
/// then the rest.
fn ask_all(question: &Question<'_>, bytes: &[u8], more: bool, memory: &mut Memory) -> Answer {
    let remembered = memory.recall(question);
    let mut answer = Answer::No;
    for round in 0..3 {
        for (number, dissection) in question.list.iter().enumerate() {
            let number = u8::try_from(number).unwrap_or(u8::MAX);
            if question.withdrawn & (1 << (number & 63)) != 0
                || !dissection.transports.contains(&question.transport)
            {
                continue;
            }
            let usual = [question.src.port, question.dst.port]
                .iter()
                .any(|port| dissection.ports.contains(port));
            let turn = if remembered == Some(number) {
                0
            } else if usual {
                1
            } else {
                2
            };
            if turn != round {
                continue;
            }
            let hello = Hello {
                bytes,
                from: question.from,
                transport: question.transport,
                to_usual_port: dissection.ports.contains(&question.dst.port),
                from_usual_port: dissection.ports.contains(&question.src.port),
                more,
            };
            let from = match (dissection.probe)(&hello) {
                Verdict::Is(from) if question.from.is_none_or(|known| known == from) => from,
                Verdict::Either => question.from.unwrap_or(question.likely),
                Verdict::Maybe if more => {
                    answer = Answer::Maybe;
                    continue;
                }
                _ => continue,
            };
            memory.learn(question, from, number);
            return Answer::Is(number, from);
        }
    }
    answer
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new() -> Self {
        Self { verdicts: vec![None; REMEMBERED] }
    }

    fn recall(&self, question: &Question<'_>) -> Option<u8> {
        let known = |endpoint: Endpoint| {
            let (remembered, number) = self.verdicts[place(endpoint)]?;
            (remembered == endpoint).then_some(number)
        };
        known(question.dst).or_else(|| known(question.src))
    }

    fn learn(&mut self, question: &Question<'_>, from: Side, number: u8) {
        let server = if from == Side::Client { question.dst } else { question.src };
        self.verdicts[place(server)] = Some((server, number));
    }
}

fn place(endpoint: Endpoint) -> usize {
    let ip = match endpoint.ip {
        std::net::IpAddr::V4(ip) => u64::from(ip.to_bits()),
        std::net::IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            (bits ^ (bits >> 64)) as u64
        }
    };
    let mixed = (ip ^ (u64::from(endpoint.port) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 54) as usize % REMEMBERED
}
