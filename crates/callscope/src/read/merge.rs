//! What the workers made of each batch, put together in one order.

use std::{collections::VecDeque, io::Write};

use anyhow::Result;

use super::output::{Ending, Renderer, Shape};

/// Parts that wait for the other workers', and the output.
pub struct Merge {
    threads: usize,
    /// Rounds that are not complete, oldest first; each with one part a worker.
    rounds: VecDeque<Vec<Option<Part>>>,
    first: usize,
    spare: Vec<Part>,
    merged: Vec<u8>,
    ending: Ending,
    out: Box<dyn Write + Send>,
}

/// What one worker made of one batch: rendered calls, and where each begins.
#[derive(Default)]
pub struct Part {
    /// The calls' text.
    pub text: Vec<u8>,
    /// Each call's place in the order of all calls, and where its text ends.
    pub calls: Vec<((u64, u64), usize)>,
}

// === impl Merge ===

impl Merge {
    /// For `threads` workers.
    pub fn new(threads: usize, shape: &Shape, out: Box<dyn Write + Send>) -> Self {
        Self {
            threads,
            rounds: VecDeque::new(),
            first: 0,
            spare: Vec::new(),
            merged: Vec::new(),
            ending: Ending::new(shape),
            out,
        }
    }

    /// Takes what worker `index` made of batch `number`, and leaves it an empty part.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn put(&mut self, index: usize, number: usize, renderer: &mut Renderer) -> Result<()> {
        if self.threads == 1 {
            self.ending.write(&renderer.part.text, &mut self.out)?;
            renderer.part.clear();
            return Ok(());
        }
        while self.first + self.rounds.len() <= number {
            self.rounds.push_back((0..self.threads).map(|_| None).collect());
        }
        let part = std::mem::replace(&mut renderer.part, self.spare.pop().unwrap_or_default());
        self.rounds[number - self.first][index] = Some(part);
        while self.rounds.front().is_some_and(|round| round.iter().all(Option::is_some)) {
            let Some(round) = self.rounds.pop_front() else { break };
            self.first += 1;
            let parts: Vec<Part> = round.into_iter().flatten().collect();
            self.merged.clear();
            interleave(&parts, &mut self.merged);
            self.ending.write(&self.merged, &mut self.out)?;
            self.spare.extend(parts.into_iter().map(Part::emptied));
        }
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn finish(&mut self) -> Result<()> {
        self.ending.finish(&mut self.out)
    }
}

/// The calls of all parts, by their order; each part is in order by itself.
fn interleave(parts: &[Part], out: &mut Vec<u8>) {
    let mut heads = vec![0; parts.len()];
    out.reserve(parts.iter().map(|part| part.text.len()).sum());
    loop {
        let next = parts
            .iter()
            .zip(&heads)
            .enumerate()
            .filter_map(|(index, (part, head))| Some((part.calls.get(*head)?.0, index)))
            .min();
        let Some((_, index)) = next else { return };
        let (part, head) = (&parts[index], heads[index]);
        let from = head.checked_sub(1).map_or(0, |before| part.calls[before].1);
        out.extend_from_slice(&part.text[from..part.calls[head].1]);
        heads[index] += 1;
    }
}

// === impl Part ===

impl Part {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.calls.clear();
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
    fn calls_of_two_workers_come_in_one_order() {
        let mut out = Vec::new();
        interleave(&[part(&[(1, "a"), (4, "d")]), part(&[(2, "b"), (3, "c"), (5, "e")])], &mut out);
        assert_eq!(out, b"abcde");
    }
}
