//! Commands: arrays of strings, and lines of words.

use dissect::{Pair, Sink, Step};

use super::{
    inline,
    record::{ARGUMENTS_MAX, command_head},
    secrets::{HIDDEN, Secrets},
    session::{Database, Words, may_change},
    wire::{self, Bulk, Halt},
};

/// Arguments of a command at most; Redis takes no more.
const ARGUMENTS_COUNT_MAX: u64 = i32::MAX as u64;

/// The command of one side that is being read.
#[derive(Debug, Default)]
pub struct Commands {
    /// Arguments still to come.
    left: u32,
    /// Bytes still to come of a secret that is too large to be waited for.
    hidden_left: u32,
    /// Bytes of arguments in the record.
    used: u16,
    /// The index of the next argument, as far as anybody asks.
    index: u16,
    secrets: Secrets,
    awaits: Awaits,
    /// The record is full: the rest goes to the body.
    full: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Awaits {
    /// An argument, or the next command.
    #[default]
    Argument,
    /// The line end after payload.
    LineEnd,
    /// The rest of a secret.
    Secret,
}

/// The front of a command in the form of an array.
#[derive(Clone, Copy, Debug)]
pub struct Front<'b> {
    /// How many arguments it says to have, its name included.
    pub count: u32,
    /// Bytes before its first argument.
    pub head: usize,
    /// Its first words.
    pub words: Words<'b>,
}

// === impl Front ===

impl<'b> Front<'b> {
    /// Reads `*2\r\n$3\r\nGET\r\n`, and what else must be known before a command begins.
    #[inline]
    pub fn read(input: &'b [u8]) -> Result<Self, Halt> {
        let nothing = Words { name: &[], first: &[], second: &[] };
        let rest = match input {
            [b'*', b'-', b'1', b'\r', b'\n', ..] => {
                return Ok(Self { count: 0, head: 5, words: nothing });
            }
            [b'*', b'-', ..] if b"*-1\r\n".starts_with(input) => return Err(Halt::Short(5)),
            [b'*', rest @ ..] => rest,
            _ => return Err(Halt::Bad),
        };
        let (count, head) = wire::number(rest).map_err(|halt| halt.after(1))?;
        let head = head + 1;
        let count = u32::try_from(count).ok().filter(|n| u64::from(*n) <= ARGUMENTS_COUNT_MAX);
        let Some(count) = count else { return Err(Halt::Bad) };
        if count == 0 {
            return Ok(Self { count, head, words: nothing });
        }
        let (name, at) = argument(input, head)?;
        let Some(name) = name else { return Err(Halt::Bad) };
        let mut words = Words { name, ..nothing };
        if may_change(name) {
            let mut at = at;
            for (word, wanted) in [&mut words.first, &mut words.second].into_iter().zip(1..) {
                if wanted < count {
                    let (text, next) = argument(input, at)?;
                    let Some(text) = text else { break };
                    (*word, at) = (text, next);
                }
            }
        }
        Ok(Self { count, head, words })
    }
}

/// The argument at `at` and where the next begins; none where it is payload.
#[inline]
fn argument(input: &[u8], at: usize) -> Result<(Option<&[u8]>, usize), Halt> {
    let rest = input.get(at..).unwrap_or_default();
    let bulk = wire::bulk(rest).map_err(|halt| halt.after(at))?;
    if !bulk.is_small() {
        return Ok((None, at));
    }
    let (text, size) = wire::small(rest, bulk).map_err(|halt| halt.after(at))?;
    Ok((Some(text), at + size))
}

// === impl Commands ===

impl Commands {
    /// Whether a command is being read.
    pub fn is_open(&self) -> bool {
        self.left > 0 || self.awaits != Awaits::Argument
    }

    /// Begins the command in the form of an array whose front was read, and reads on.
    #[inline]
    pub fn begin(
        &mut self,
        front: &Front<'_>,
        pair: Pair,
        db: Option<Database>,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        sink.begin(pair);
        sink.record(&command_head(front.count, db));
        *self =
            Self { left: front.count, secrets: Secrets::of(front.words.name), ..Self::default() };
        self.arguments(input, front.head, sink)
    }

    /// Reads on.
    pub fn go_on(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let at = match self.awaits {
            Awaits::Argument => 0,
            Awaits::Secret => self.hide(input),
            Awaits::LineEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.awaits = Awaits::Argument;
                    if self.full {
                        sink.body(b"\r\n");
                    }
                    2
                }
                [b'\r'] => return Step::Need(2),
                _ => return Step::Lost,
            },
        };
        self.arguments(input, at, sink)
    }

    /// Reads arguments from `at` on, as many as there are.
    #[inline]
    fn arguments(&mut self, input: &[u8], mut at: usize, sink: &mut Sink<'_, '_>) -> Step {
        // Bytes from `run` to `at` were read and not yet written down.
        let mut run = at;
        while self.left > 0 && self.awaits == Awaits::Argument {
            let rest = input.get(at..).unwrap_or_default();
            let next = wire::bulk(rest).and_then(|bulk| {
                if bulk.is_small() {
                    wire::small(rest, bulk).map(|(text, size)| (bulk, size, Some(text)))
                } else {
                    Ok((bulk, bulk.head, None))
                }
            });
            let (bulk, size, text) = match next {
                Ok(next) => next,
                Err(halt) if at == 0 => return halt.step(),
                Err(_) => break,
            };
            let index = u32::from(self.index);
            let hidden = self.secrets.hides(index, index + self.left, text);
            let Some(hidden_left) =
                (if text.is_none() && hidden { tail_of(bulk) } else { Some(0) })
            else {
                return Step::Lost;
            };
            if hidden || !self.fits(size) {
                self.write(input.get(run..at), sink);
                run = at;
                self.full |= !self.fits(if hidden { HIDDEN.len() } else { size });
            }
            self.index = self.index.saturating_add(1);
            self.left -= 1;
            at += size;
            if hidden {
                self.count(HIDDEN.len());
                self.write(Some(HIDDEN), sink);
                run = at;
            } else {
                self.count(size);
            }
            if text.is_some() {
                continue;
            }
            if hidden {
                self.hidden_left = hidden_left;
                self.awaits = Awaits::Secret;
                at += self.hide(input.get(at..).unwrap_or_default());
                run = at;
                continue;
            }
            self.write(input.get(run..at), sink);
            self.awaits = Awaits::LineEnd;
            return Step::Part { head: at, body: bulk.len };
        }
        self.write(input.get(run..at), sink);
        if !self.is_open() {
            sink.finish();
        }
        Step::Took(at)
    }

    /// Reads a command in the form of a line of words.
    pub fn inline(
        &mut self,
        words: inline::Words<'_>,
        pair: Pair,
        db: Option<Database>,
        size: usize,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let count = u32::try_from(words.clone().count()).unwrap_or(u32::MAX);
        sink.begin(pair);
        sink.record(&command_head(count, db));
        let mut name = [0; 16];
        let name = words.clone().next().map_or(&[][..], |word| word.copy_to(&mut name));
        *self = Self { secrets: Secrets::of(name), ..Self::default() };
        for (word, index) in words.zip(0..) {
            self.word(word, index, count, sink);
        }
        sink.finish();
        Step::Took(size)
    }

    /// Writes one word of a line down as if it had come in an array.
    fn word(&mut self, word: inline::Word<'_>, index: u32, count: u32, sink: &mut Sink<'_, '_>) {
        let len = word.bytes().count();
        let mut text = [0; wire::SMALL_MAX as usize];
        let is_small = len <= text.len();
        let kept = word.copy_to(&mut text);
        if self.secrets.hides(index, count, is_small.then_some(kept)) {
            self.full |= !self.fits(HIDDEN.len());
            self.count(HIDDEN.len());
            return self.write(Some(HIDDEN), sink);
        }
        let mut head = [0; 24];
        let head = announcement(len, &mut head);
        let size = if is_small { head.len() + len + 2 } else { head.len() };
        self.full |= !self.fits(size);
        self.count(size);
        self.write(Some(head), sink);
        if is_small {
            self.write(Some(kept), sink);
            return self.write(Some(b"\r\n"), sink);
        }
        let mut piece = [0; 256];
        let mut bytes = word.bytes();
        loop {
            let filled = piece.iter_mut().zip(&mut bytes).map(|(to, byte)| *to = byte).count();
            sink.body(piece.get(..filled).unwrap_or_default());
            if filled < piece.len() {
                break;
            }
        }
        if self.full {
            sink.body(b"\r\n");
        }
    }

    /// Skips what is there of a secret; how many bytes.
    fn hide(&mut self, input: &[u8]) -> usize {
        let left = usize::try_from(self.hidden_left).unwrap_or(usize::MAX);
        let skip = left.min(input.len());
        self.hidden_left -= u32::try_from(skip).unwrap_or(self.hidden_left);
        if self.hidden_left == 0 {
            self.awaits = Awaits::Argument;
        }
        skip
    }

    fn fits(&self, size: usize) -> bool {
        self.full || usize::from(self.used) + size <= ARGUMENTS_MAX
    }

    fn count(&mut self, size: usize) {
        if !self.full {
            self.used += u16::try_from(size).unwrap_or(0);
        }
    }

    fn write(&self, bytes: Option<&[u8]>, sink: &mut Sink<'_, '_>) {
        match bytes {
            None | Some([]) => {}
            Some(bytes) if self.full => sink.body(bytes),
            Some(bytes) => sink.record(bytes),
        }
    }
}

/// What follows the announcement of a secret; none where that is more than anybody sends.
fn tail_of(bulk: Bulk) -> Option<u32> {
    bulk.len.checked_add(2).and_then(|n| u32::try_from(n).ok())
}

/// `$5\r\n`.
fn announcement(len: usize, to: &mut [u8; 24]) -> &[u8] {
    use std::io::Write;
    let mut rest = &mut to[..];
    let room = rest.len();
    let left = write!(rest, "${len}\r\n").map_or(room, |()| rest.len());
    to.get(..room - left).unwrap_or_default()
}
