//! The pipe that a body runs through: source → stage → … → stage → bytes, pulled from its end.

use crate::{
    Failure,
    coder::{Coder, Coding, Then},
    coding::CODINGS_MAX,
};

/// Buffers and decoders, kept from one body to the next.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    spill: Vec<u8>,
    idle: Vec<Stage>,
    stages: Vec<Stage>,
}

/// The kept bytes that were not read yet.
pub(crate) struct Source<'a> {
    pub(crate) left: &'a [u8],
    pub(crate) whole: bool,
}

/// One coding being undone, and its input, which the stage before it (or the source) wrote.
struct Stage {
    coder: Coder,
    input: Vec<u8>,
    at: usize,
    filled: usize,
    input_end: Option<End>,
    made_bytes: u64,
}

/// Why no more comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Finished,
    Cut,
    TooMuch,
    Failed(Failure),
}

/// Bytes that a stage may make, whatever the limit says: counting them takes a millisecond.
const COUNTED_BYTES_MIN: u64 = 1 << 20;

/// Bytes that a stage may make beyond those kept.
const COUNTED_BYTES_MAX: u64 = 64 << 20;

const CHUNK_BYTES: usize = 16 << 10;

// === impl Scratch ===

impl Scratch {
    /// What the last run wrote, and more behind it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes a stage for each of `codings`, the first to be undone first.
    pub(crate) fn set_up(&mut self, codings: &[Coding]) {
        self.idle.append(&mut self.stages);
        for &coding in codings {
            let idle = self.idle.iter().position(|stage| stage.coder.coding() == coding);
            let mut stage = match idle {
                Some(index) => self.idle.swap_remove(index),
                None => Stage::new(Coder::new(coding)),
            };
            stage.begin();
            self.stages.push(stage);
        }
        self.idle.truncate(CODINGS_MAX);
    }

    /// Fills `bytes` up to `limit` and counts the rest.
    pub(crate) fn run(&mut self, mut source: Source<'_>, limit: usize) -> (u64, End) {
        let made_bytes_max = made_bytes_max(limit);
        let mut kept = 0;
        while kept < limit {
            if self.bytes.len() <= kept {
                self.bytes.resize((2 * kept).max(CHUNK_BYTES).min(limit), 0);
            }
            let room_end = self.bytes.len().min(limit);
            let room = &mut self.bytes[kept..room_end];
            let (wrote, end) = pull(&mut self.stages, &mut source, room, made_bytes_max);
            kept += wrote;
            if let Some(end) = end {
                return (kept as u64, end);
            }
        }
        let mut total = kept as u64;
        self.spill.resize(CHUNK_BYTES, 0);
        loop {
            let (wrote, end) = pull(&mut self.stages, &mut source, &mut self.spill, made_bytes_max);
            total += wrote as u64;
            if let Some(end) = end {
                return (total, end);
            }
        }
    }
}

fn made_bytes_max(limit: usize) -> u64 {
    let limit = limit as u64;
    limit.saturating_mul(64).clamp(COUNTED_BYTES_MIN, COUNTED_BYTES_MAX).max(limit)
}

impl Stage {
    fn new(coder: Coder) -> Self {
        Self { coder, input: Vec::new(), at: 0, filled: 0, input_end: None, made_bytes: 0 }
    }

    /// Forgets the body before, keeps the memory.
    fn begin(&mut self) {
        self.coder.begin();
        (self.at, self.filled, self.input_end, self.made_bytes) = (0, 0, None, 0);
    }
}

/// Fills `out` from the last of `stages`: until it is full, or until the end that is given back.
fn pull(
    stages: &mut [Stage],
    source: &mut Source<'_>,
    out: &mut [u8],
    made_bytes_max: u64,
) -> (usize, Option<End>) {
    let Some((stage, before)) = stages.split_last_mut() else { return source.pull(out) };
    let mut wrote = 0;
    while wrote < out.len() {
        if stage.at == stage.filled && stage.input_end.is_none() {
            stage.input.resize(CHUNK_BYTES, 0);
            (stage.filled, stage.input_end) =
                pull(before, source, &mut stage.input, made_bytes_max);
            stage.at = 0;
        }
        let (made, end) = stage.step(&mut out[wrote..], made_bytes_max);
        wrote += made;
        if end.is_some() {
            return (wrote, end);
        }
    }
    (wrote, None)
}

impl Source<'_> {
    fn pull(&mut self, out: &mut [u8]) -> (usize, Option<End>) {
        let (front, rest) = self.left.split_at(self.left.len().min(out.len()));
        out[..front.len()].copy_from_slice(front);
        self.left = rest;
        let end = if self.whole { End::Finished } else { End::Cut };
        (front.len(), rest.is_empty().then_some(end))
    }
}

impl Stage {
    fn step(&mut self, out: &mut [u8], made_bytes_max: u64) -> (usize, Option<End>) {
        let step = self.coder.step(&self.input[self.at..self.filled], out);
        self.at += step.read;
        self.made_bytes += step.wrote as u64;
        let stuck = step.read == 0 && step.wrote == 0;
        let end = match step.then {
            Then::Done => Some(End::Finished),
            Then::TooMuch => Some(End::TooMuch),
            Then::Failed(failure) => Some(End::Failed(failure)),
            Then::More if self.made_bytes > made_bytes_max => Some(End::TooMuch),
            Then::More if stuck => self.end_when_stuck(),
            Then::More => None,
        };
        (step.wrote, end)
    }

    /// No input was read though there is room: either there is none left, or the decoder is at a
    /// loss.
    fn end_when_stuck(&self) -> Option<End> {
        if self.at < self.filled {
            return Some(End::Failed(Failure::Damaged));
        }
        match self.input_end? {
            End::Finished if !self.coder.may_end() => Some(End::Failed(Failure::EndsEarly)),
            end => Some(end),
        }
    }
}
