//! The elements of an aggregate: counted, kept as they are, secrets hidden.

use dissect::{Pair, Sink, Step};

use super::{
    super::{
        push::{Push, What, waits_among_messages},
        record::{Command, NULL, STREAMED},
        secrets::{self, HIDDEN},
        session::{Session, is},
        wire::{self, Bulk, Element, Halt},
    },
    Reads, Replies, line_end,
};

/// Which elements are secrets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Hides {
    /// None.
    #[default]
    Nothing,
    /// The values of settings that a word of them gives away: the answer to `CONFIG GET`.
    Settings,
    /// Those of settings that nothing else is called.
    SureSettings,
    /// The next one, of `Settings`.
    NextOfSettings,
    /// The next one, of `SureSettings`.
    NextOfSureSettings,
}

/// What was taken of an element.
pub(super) enum Taken {
    /// So many bytes, and it is done.
    Bytes(usize),
    /// Its announcement; payload follows.
    Payload(Bulk),
}

// === impl Replies: aggregates ===

impl Replies {
    #[inline]
    pub(super) fn aggregate(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let kind = input.first().copied().unwrap_or(b'*');
        let (head, count) = match wire::element(input)? {
            Element::Leaf(size) => {
                self.open(kind, NULL, 0, Pair::InOrder, sink);
                self.close(sink);
                return Ok(Step::Took(size));
            }
            Element::Open(head, count) => (head, Some(count)),
            Element::OpenStream(head) => (head, None),
            _ => return Err(Halt::Bad),
        };
        let rest = input.get(head..).unwrap_or_default();
        let push = Push::read(rest, kind, count.unwrap_or(0)).map_err(|halt| halt.after(head))?;
        let pair = match &push {
            Some(push) => destination(&push.what, kind, session, sink),
            None => Pair::InOrder,
        };
        let hides = self.secrets_of(pair, sink);
        let elements = match kind {
            b'%' => count.unwrap_or(0) / 2,
            _ => count.unwrap_or(0),
        };
        self.open(kind, if count.is_none() { STREAMED } else { 0 }, elements, pair, sink);
        sink.record(push.map_or(&[][..], |push| push.label));
        *self = Self { left: 1, reads: Reads::Aggregate, hides, ..Self::default() };
        Ok(self.elements(input, sink))
    }

    fn secrets_of(&self, pair: Pair, sink: &Sink<'_, '_>) -> Hides {
        if pair == Pair::OneWay {
            return Hides::Nothing;
        }
        let Some(question) = sink.question().and_then(Command::of) else {
            return Hides::SureSettings;
        };
        match question.name() {
            name if name.len() == 6 && is(name, "CONFIG") => Hides::Settings,
            name if name.len() == 4 && is(name, "EXEC") => Hides::SureSettings,
            _ => Hides::Nothing,
        }
    }

    /// Reads elements, as many as there are.
    #[inline]
    pub(super) fn elements(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let mut at = 0;
        // Bytes from `run` to `at` were read and not yet written down.
        let mut run = 0;
        if self.line_end {
            if let Err(halt) = line_end(input) {
                return halt.step();
            }
            self.line_end = false;
            at = 2;
        } else if self.hidden_left > 0 {
            at = self.hide(input);
            run = at;
            if self.hidden_left > 0 {
                return Step::Took(at);
            }
        }
        while self.left > 0 || self.streams > 0 {
            let rest = input.get(at..).unwrap_or_default();
            let element = match wire::element(rest) {
                Ok(element) => element,
                Err(halt) if at == 0 => return halt.step(),
                Err(_) => break,
            };
            if self.hides != Hides::Nothing
                && let Some(size) = self.secret(rest, element)
            {
                sink.body(input.get(run..at).unwrap_or_default());
                sink.body(HIDDEN);
                at += size;
                run = at;
                if self.hidden_left > 0 {
                    return Step::Took(at);
                }
                continue;
            }
            match self.take(element) {
                Some(Taken::Bytes(size)) => at += size,
                Some(Taken::Payload(bulk)) => {
                    at += bulk.head;
                    sink.body(input.get(run..at).unwrap_or_default());
                    self.line_end = true;
                    return Step::Part { head: at, body: bulk.len };
                }
                None if at == 0 => return Step::Lost,
                None => break,
            }
        }
        sink.body(input.get(run..at).unwrap_or_default());
        if self.left == 0 && self.streams == 0 {
            self.close(sink);
        }
        Step::Took(at)
    }

    /// Counts `element`; nothing if it has no place here.
    #[inline]
    pub(super) fn take(&mut self, element: Element) -> Option<Taken> {
        if self.chunks {
            return self.take_chunk(element);
        }
        let size = match element {
            Element::Leaf(size) => {
                self.left = self.left.saturating_sub(1);
                size
            }
            Element::Large(bulk) => {
                self.left = self.left.saturating_sub(1);
                return Some(Taken::Payload(bulk));
            }
            Element::Open(head, count) => {
                self.left = self.left.saturating_sub(1).checked_add(count)?;
                head
            }
            Element::Aside(head, count) => {
                self.left = self.left.checked_add(count)?;
                head
            }
            Element::OpenStream(head) => {
                let around = self.around.get_mut(usize::from(self.streams))?;
                *around = self.left.saturating_sub(1);
                self.left = 0;
                self.streams += 1;
                head
            }
            Element::CloseStream(head) if self.left == 0 => {
                self.streams = self.streams.checked_sub(1)?;
                self.left = *self.around.get(usize::from(self.streams))?;
                head
            }
            Element::OpenChunks(head) => {
                // Stays one of those to come until its last chunk.
                self.chunks = true;
                head
            }
            Element::CloseStream(_) | Element::Chunk(_) => return None,
        };
        Some(Taken::Bytes(size))
    }

    fn take_chunk(&mut self, element: Element) -> Option<Taken> {
        match element {
            Element::Chunk(bulk) if bulk.len == 0 => {
                self.chunks = false;
                self.left = self.left.saturating_sub(1);
                Some(Taken::Bytes(bulk.head))
            }
            Element::Chunk(bulk) => Some(Taken::Payload(bulk)),
            _ => None,
        }
    }

    /// Whether the element at the front of `rest` is a secret, and how many of its bytes were taken
    /// then. Also looks whether the next one is.
    fn secret(&mut self, rest: &[u8], element: Element) -> Option<usize> {
        let text = match element {
            Element::Leaf(size) if rest.first() == Some(&b'$') => {
                rest.get(..size).and_then(|text| wire::small(text, wire::bulk(text).ok()?).ok())
            }
            _ => None,
        };
        let text = text.map_or(&[][..], |(text, _)| text);
        let (hidden, next) = self.hides.look(text);
        self.hides = next;
        let size = match element {
            Element::Leaf(size) if hidden => size,
            Element::Large(bulk) if hidden => {
                self.hidden_left = bulk.len.checked_add(2).and_then(|n| u32::try_from(n).ok())?;
                let there = rest.get(bulk.head..).unwrap_or_default();
                bulk.head + self.hide(there)
            }
            _ => return None,
        };
        self.left = self.left.saturating_sub(1);
        Some(size)
    }

    fn hide(&mut self, input: &[u8]) -> usize {
        let left = usize::try_from(self.hidden_left).unwrap_or(usize::MAX);
        let skip = left.min(input.len());
        self.hidden_left -= u32::try_from(skip).unwrap_or(self.hidden_left);
        skip
    }
}

// === impl Hides ===

impl Hides {
    /// Whether `text` is a secret, and what to look for behind it.
    fn look(self, text: &[u8]) -> (bool, Self) {
        match self {
            Self::Nothing => (false, self),
            Self::Settings if secrets::names_a_secret(text) => (false, Self::NextOfSettings),
            Self::SureSettings if secrets::surely_names_a_secret(text) => {
                (false, Self::NextOfSureSettings)
            }
            Self::Settings | Self::SureSettings => (false, self),
            Self::NextOfSettings => (true, Self::Settings),
            Self::NextOfSureSettings => (true, Self::SureSettings),
        }
    }
}

/// How an array that may be a push is paired.
///
/// A command that subscribes to three channels has three confirmations: the first answers it, the
/// others are news.
fn destination(what: &What<'_>, kind: u8, session: &mut Session, sink: &Sink<'_, '_>) -> Pair {
    if let What::Confirmation { .. } = what
        && let Some(owed) = session.confirmations_owed.checked_sub(1)
    {
        session.confirmations_owed = owed;
        return Pair::OneWay;
    }
    let Some(question) = sink.question().and_then(Command::of) else { return Pair::OneWay };
    let name = question.name();
    match what {
        What::News if kind == b'*' && !waits_among_messages(name) => Pair::InOrder,
        What::Confirmation { .. } if what.answers(name, question.text(1)) => {
            let others = question.count.saturating_sub(2);
            session.confirmations_owed = u16::try_from(others).unwrap_or(u16::MAX);
            Pair::InOrder
        }
        // Confirmations too: those of an UNSUBSCRIBE from everything; no list holds a number.
        _ => Pair::OneWay,
    }
}
