//! What the workers made of each batch, put together in one order.

use std::{
    collections::VecDeque,
    io::{IoSlice, Write},
    net::IpAddr,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;
use capture::{keep::Keeper, live::Stop};
use identity::{Answers, Lesson};
use model::Timestamp;

use super::{
    naming::Answer,
    output::{Ending, Renderer, Shape},
    pipeline::lock,
};

/// Parts that wait for the other workers', and the output.
pub struct Merge {
    threads: usize,
    state: Mutex<State>,
}

struct State {
    /// Rounds that are not complete, oldest first; each with one part a worker.
    rounds: VecDeque<Vec<Option<Part>>>,
    first: usize,
    spare: Vec<Part>,
    /// Taken out while somebody writes: the others go on, and leave him their parts.
    writer: Option<Writer>,
}

struct Writer {
    ending: Ending,
    /// What name servers said up to here.
    answers: Answers,
    /// Text whose holes are filled.
    filled: Vec<u8>,
    out: Box<dyn Write + Send>,
    keeper: Option<Keeper>,
    limit: Option<Limit>,
}

/// How many calls are shown at most, and the bell to ring then.
pub(crate) struct Limit {
    /// Calls still to be shown.
    pub left: u64,
    /// Who is told that there were enough.
    pub stop: Stop,
}

/// What one worker made of one batch: rendered calls, and where each begins.
#[derive(Clone, Default)]
pub struct Part {
    /// The calls' text.
    pub text: Vec<u8>,
    /// Each call's place in the order of all calls, and where its text ends.
    pub calls: Vec<((u64, u64), usize)>,
    /// Places in the text for what name servers call an address, in its order.
    pub holes: Vec<Hole>,
    /// What calls teach about names, by the call's place in the order of all calls.
    pub lessons: Vec<((u64, u64), Lesson)>,
    /// Where calls are among the packets that are kept: lines of `capture::keep::Entry`.
    pub kept: Vec<u8>,
}

/// A place in the text for the name of an end that nobody else knows.
#[derive(Clone, Copy, Debug)]
pub struct Hole {
    /// The call's place in the order of all calls.
    pub key: (u64, u64),
    /// Where in the text.
    pub at: usize,
    /// Which end of which stream.
    pub stream: u64,
    /// Who may have asked for the name.
    pub client: IpAddr,
    /// The address.
    pub ip: IpAddr,
    /// When the call began.
    pub begin: Timestamp,
}

// === impl Merge ===

impl Merge {
    /// For `threads` workers.
    pub fn new(
        threads: usize,
        shape: &Shape,
        out: Box<dyn Write + Send>,
        keeper: Option<Keeper>,
        limit: Option<Limit>,
    ) -> Self {
        let (ending, answers) = (Ending::new(shape), Answers::default());
        let writer = Some(Writer { ending, answers, filled: Vec::new(), out, keeper, limit });
        let state = State { rounds: VecDeque::new(), first: 0, spare: Vec::new(), writer };
        Self { threads, state: Mutex::new(state) }
    }

    /// Takes what worker `index` made of batch `number`, and leaves it an empty part. Writes what is
    /// complete, unless somebody does already.
    ///
    /// # Errors
    /// When the output can't be written; nothing is written any more then.
    pub fn put(&self, index: usize, number: usize, renderer: &mut Renderer) -> Result<()> {
        let mut state = lock(&self.state);
        if self.threads > 1 {
            state.keep(self.threads, index, number, renderer);
        }
        let Some(mut writer) = state.writer.take() else { return Ok(()) };
        if self.threads == 1 {
            writer.write(std::slice::from_ref(&renderer.part))?;
            renderer.part.clear();
        }
        while let Some(parts) = state.complete() {
            drop(state);
            writer.write(&parts)?;
            state = lock(&self.state);
            state.spare.extend(parts.into_iter().map(Part::emptied));
        }
        state.writer = Some(writer);
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn finish(self) -> Result<()> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.writer {
            Some(mut writer) => writer.ending.finish(&mut writer.out),
            None => Ok(()),
        }
    }
}

// === impl State ===

impl State {
    /// Takes a worker's part of a round.
    fn keep(&mut self, threads: usize, index: usize, number: usize, renderer: &mut Renderer) {
        while self.first + self.rounds.len() <= number {
            self.rounds.push_back((0..threads).map(|_| None).collect());
        }
        let part = std::mem::replace(&mut renderer.part, self.spare.pop().unwrap_or_default());
        self.rounds[number - self.first][index] = Some(part);
    }

    /// The parts of the oldest round, if all are there.
    fn complete(&mut self) -> Option<Vec<Part>> {
        let round = self.rounds.pop_front_if(|round| round.iter().all(Option::is_some))?;
        self.first += 1;
        Some(round.into_iter().flatten().collect())
    }
}

// === impl Writer ===

impl Writer {
    fn write(&mut self, parts: &[Part]) -> Result<()> {
        if let Some(keeper) = &self.keeper {
            parts.iter().for_each(|part| keeper.calls(&part.kept));
        }
        let calls = parts.iter().map(|part| part.calls.len() as u64).sum::<u64>();
        let Some(limit) = self.limit.as_mut().filter(|_| calls > 0) else {
            return self.write_all(parts);
        };
        let shown = limit.left.min(calls);
        limit.left -= shown;
        if limit.left == 0 {
            limit.stop.ring();
        }
        if shown == calls { self.write_all(parts) } else { self.write_all(&first(parts, shown)) }
    }

    fn write_all(&mut self, parts: &[Part]) -> Result<()> {
        let runs = interleave(parts);
        let fills = self.fills(parts);
        if fills.iter().all(Vec::is_empty) {
            let slice =
                |(part, range): (usize, Range<usize>)| IoSlice::new(&parts[part].text[range]);
            return self
                .ending
                .write(&mut runs.into_iter().map(slice).collect::<Vec<_>>(), &mut self.out);
        }
        self.filled.clear();
        let mut next = vec![0; parts.len()];
        for (part, range) in runs {
            let mut from = range.start;
            while let Some((at, json)) = fills[part].get(next[part]).filter(|f| f.0 < range.end) {
                self.filled.extend_from_slice(&parts[part].text[from..*at]);
                self.filled.extend_from_slice(json);
                (from, next[part]) = (*at, next[part] + 1);
            }
            self.filled.extend_from_slice(&parts[part].text[from..range.end]);
        }
        self.ending.write(&mut [IoSlice::new(&self.filled)], &mut self.out)
    }

    /// What comes into the holes of each part. Calls are gone through in their order, so that each
    /// knows the names that were taught before it.
    fn fills(&mut self, parts: &[Part]) -> Vec<Vec<(usize, Vec<u8>)>> {
        let mut fills = vec![Vec::new(); parts.len()];
        if self.answers.is_empty() && parts.iter().all(|part| part.lessons.is_empty()) {
            return fills;
        }
        let mut steps = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let lessons = part.lessons.iter().enumerate();
            steps.extend(lessons.map(|(at, (key, _))| (*key, 0_u8, index, at)));
            steps.extend(part.holes.iter().enumerate().map(|(at, h)| (h.key, 1, index, at)));
        }
        steps.sort_unstable();
        for (_, is_hole, index, at) in steps {
            if is_hole == 0 {
                self.answers.learn(&parts[index].lessons[at].1);
                continue;
            }
            let hole = parts[index].holes[at];
            if let Some(name) =
                self.answers.of_stream(hole.stream, hole.client, hole.ip, hole.begin)
            {
                fills[index].push((hole.at, Answer::outside(&name).json));
            }
        }
        fills
    }
}

/// The first `n` calls of all parts, in the order of all calls.
fn first(parts: &[Part], n: u64) -> Vec<Part> {
    let mut keys = Vec::new();
    for (part, index) in parts.iter().zip(0..) {
        keys.extend(part.calls.iter().map(|(key, _)| (*key, index)));
    }
    keys.sort_unstable();
    keys.truncate(usize::try_from(n).unwrap_or(usize::MAX));
    let mut parts = parts.to_vec();
    for (part, index) in parts.iter_mut().zip(0..) {
        part.calls.truncate(keys.iter().filter(|(_, of)| *of == index).count());
        let end = part.calls.last().map_or(0, |(_, end)| *end);
        part.text.truncate(end);
        part.holes.retain(|hole| hole.at < end);
    }
    parts
}

/// The calls of all parts, by their order; each part is in order by itself. Calls of one part that
/// follow each other are one run of its text.
fn interleave(parts: &[Part]) -> Vec<(usize, Range<usize>)> {
    let mut runs = Vec::new();
    let mut heads = vec![0; parts.len()];
    loop {
        let next = |index: usize| Some(parts[index].calls.get(heads[index])?.0);
        let Some((_, index)) = (0..parts.len()).filter_map(|i| Some((next(i)?, i))).min() else {
            return runs;
        };
        let until = (0..parts.len()).filter(|i| *i != index).filter_map(next).min();
        let (part, head) = (&parts[index], heads[index]);
        let run = part.calls[head..].iter().take_while(|call| until.is_none_or(|u| call.0 < u));
        let end = head + run.count().max(1);
        let from = head.checked_sub(1).map_or(0, |before| part.calls[before].1);
        runs.push((index, from..part.calls[end - 1].1));
        heads[index] = end;
    }
}

// === impl Part ===

impl Part {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.calls.clear();
        self.holes.clear();
        self.lessons.clear();
        self.kept.clear();
    }

    fn emptied(mut self) -> Self {
        self.clear();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(calls: &[(u64, &str)]) -> Part {
        let mut part = Part::default();
        for (order, text) in calls {
            part.text.extend_from_slice(text.as_bytes());
            part.calls.push(((*order, 0), part.text.len()));
        }
        part
    }

    #[test]
    fn the_first_calls_are_the_first_of_all_workers() {
        let parts = [part(&[(1, "a"), (4, "d")]), part(&[(2, "b"), (2, "c"), (5, "e")])];
        let texts = |n| first(&parts, n).into_iter().map(|part| part.text).collect::<Vec<_>>();
        assert_eq!(texts(0), [b"".to_vec(), b"".to_vec()]);
        assert_eq!(texts(2), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(texts(4), [b"ad".to_vec(), b"bc".to_vec()]);
    }

    #[test]
    fn calls_of_two_workers_come_in_one_order() {
        let parts = [part(&[(1, "a"), (4, "d")]), part(&[(2, "b"), (3, "c"), (5, "e"), (6, "f")])];
        let runs: Vec<_> = interleave(&parts)
            .into_iter()
            .map(|(part, range)| parts[part].text[range].to_vec())
            .collect();
        assert_eq!(runs, [&b"a"[..], b"bc", b"d", b"ef"]);
    }
}
