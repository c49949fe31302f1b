//! Replies: scalars, aggregates, and the pushes between them.
//!
//! A string is the body of its message; an aggregate is too, in RESP. Where a value ends is told by
//! one count of the elements still to come, however deep they are; only aggregates whose end is
//! marked (`*?`, which no server sends yet) need a place to put the count aside.

use dissect::{Pair, Sink, Step};

use super::{
    push::{Push, What, waits_among_messages},
    record::{ATTRIBUTED, ATTRIBUTES_MAX, Command, LINE_KEPT_MAX, NULL, STREAMED, reply_head},
    secrets::{self, HIDDEN},
    session::{Course, Replies as Answered, Session, is},
    wire::{self, Bulk, Element, Halt},
};

/// Aggregates with a marked end inside each other, at most.
const STREAMS_MAX: usize = 2;

/// The reply that is being read.
#[derive(Debug, Default)]
pub struct Replies {
    /// Elements still to come, in the innermost aggregate whose end is marked if there is one.
    left: u32,
    /// The same for those around it.
    around: [u32; STREAMS_MAX],
    /// Bytes still to come of a secret that is too large to be waited for.
    hidden_left: u32,
    /// How many aggregates whose end is marked are open.
    streams: u8,
    attribute_bytes: u8,
    attributes_full: bool,
    reads: Reads,
    hides: Hides,
    /// The line end after payload comes first.
    line_end: bool,
    /// Chunks of a string are to come.
    chunks: bool,
}

/// What is being read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Reads {
    /// Nothing: a message starts next.
    #[default]
    Nothing,
    /// A string, whose payload is the body.
    Text,
    /// An aggregate, which is the body.
    Aggregate,
    /// Attributes, which go to the record.
    Attributes,
}

/// Which elements are secrets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Hides {
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

// === impl Replies ===

impl Replies {
    /// Whether a reply is being read.
    pub fn is_open(&self) -> bool {
        self.reads != Reads::Nothing
    }

    /// Begins the reply at the front of `input`.
    #[inline]
    pub fn begin(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        let begun = match input {
            [b'$' | b'=' | b'!', ..] => self.text(input, sink),
            [kind @ (b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'('), rest @ ..] => {
                self.line(*kind, rest, session, sink)
            }
            [b'*' | b'~' | b'>' | b'%', ..] => self.aggregate(input, session, sink),
            [b'|', ..] => self.attributes(input, sink),
            _ => Err(Halt::Bad),
        };
        begun.unwrap_or_else(Halt::step)
    }

    /// Reads on.
    pub fn go_on(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        match self.reads {
            Reads::Nothing => Step::Lost,
            Reads::Text => self.text_goes_on(input, sink).unwrap_or_else(Halt::step),
            Reads::Aggregate => self.elements(input, sink),
            Reads::Attributes if self.left == 1 && self.streams == 0 && !self.chunks => {
                self.begin(input, session, sink)
            }
            Reads::Attributes => self.attributes_go_on(input, sink).unwrap_or_else(Halt::step),
        }
    }

    /// The head of the record is known; a message begins unless attributes began it.
    fn open(&mut self, kind: u8, flags: u8, elements: u32, pair: Pair, sink: &mut Sink<'_, '_>) {
        if self.reads == Reads::Attributes {
            sink.amend(0, &reply_head(kind, flags | ATTRIBUTED, self.attribute_bytes, elements));
            self.reads = Reads::Nothing;
        } else {
            sink.begin(pair);
            sink.record(&reply_head(kind, flags, 0, elements));
        }
    }

    fn close(&mut self, sink: &mut Sink<'_, '_>) {
        *self = Self::default();
        sink.finish();
    }
}

// === impl Replies: lines ===

impl Replies {
    #[inline]
    fn line(
        &mut self,
        kind: u8,
        rest: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (text, size) = wire::scalar(kind, rest).map_err(|halt| halt.after(1))?;
        let mut kept = text.get(..LINE_KEPT_MAX).unwrap_or(text);
        let mut pair = Pair::InOrder;
        match (kind, text) {
            (b'+', [b'0'..=b'9', ..]) if is_monitored(text) => {
                pair = Pair::OneWay;
                kept = secrets::open_part(kept);
            }
            (b'+', [b'C' | b'F' | b'R', ..]) => turn(text, session, sink),
            (b'-', _) if asked(sink, "SELECT") => session.db = None,
            _ => {}
        }
        self.open(kind, 0, 0, pair, sink);
        sink.record(kept);
        self.close(sink);
        Ok(Step::Took(size + 1))
    }
}

/// A line of `MONITOR`: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. Nothing else looks so.
pub fn is_monitored(text: &[u8]) -> bool {
    let at = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.');
    at.is_some_and(|at| at > 8 && text.get(at..).is_some_and(|rest| rest.starts_with(b" [")))
}

/// Answers after which the server sends something else.
#[cold]
fn turn(text: &[u8], session: &mut Session, sink: &Sink<'_, '_>) {
    if text.starts_with(b"FULLRESYNC ") {
        session.course = Course::Snapshot;
    } else if (text == b"CONTINUE" || text.starts_with(b"CONTINUE "))
        && (asked(sink, "PSYNC") || sink.question().is_none())
    {
        session.course = Course::Commands;
    } else if text == b"RESET" && asked(sink, "RESET") {
        session.db = None;
        session.replies = Answered::On;
    }
}

/// Whether the reply that comes next answers this command.
fn asked(sink: &Sink<'_, '_>, name: &str) -> bool {
    sink.question().and_then(Command::of).is_some_and(|command| is(command.name(), name))
}

// === impl Replies: strings ===

impl Replies {
    #[inline]
    fn text(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let [kind, rest @ ..] = input else { return Err(Halt::Short(1)) };
        match wire::announced(rest) {
            Ok(bulk) if bulk.is_small() => {
                let (text, size) = wire::small(input, bulk)?;
                self.open(*kind, 0, 0, Pair::InOrder, sink);
                sink.body(text);
                self.close(sink);
                Ok(Step::Took(size))
            }
            Ok(bulk) => {
                self.open(*kind, 0, 0, Pair::InOrder, sink);
                *self = Self { reads: Reads::Text, line_end: true, ..Self::default() };
                Ok(Step::Part { head: bulk.head, body: bulk.len })
            }
            Err(_) => self.odd_text(*kind, wire::element(input)?, sink),
        }
    }

    /// A null, or a string in chunks.
    fn odd_text(
        &mut self,
        kind: u8,
        element: Element,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        match element {
            Element::Leaf(size) => {
                self.open(kind, NULL, 0, Pair::InOrder, sink);
                self.close(sink);
                Ok(Step::Took(size))
            }
            Element::OpenChunks(head) => {
                self.open(kind, STREAMED, 0, Pair::InOrder, sink);
                *self = Self { reads: Reads::Text, chunks: true, ..Self::default() };
                Ok(Step::Took(head))
            }
            _ => Err(Halt::Bad),
        }
    }

    fn text_goes_on(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        if self.line_end {
            line_end(input)?;
            self.line_end = false;
            if !self.chunks {
                self.close(sink);
            }
            return Ok(Step::Took(2));
        }
        match wire::element(input)? {
            Element::Chunk(bulk) if bulk.len == 0 => {
                self.close(sink);
                Ok(Step::Took(bulk.head))
            }
            Element::Chunk(bulk) if bulk.is_small() => {
                let (text, size) = wire::small(input, bulk)?;
                sink.body(text);
                Ok(Step::Took(size))
            }
            Element::Chunk(bulk) => {
                self.line_end = true;
                Ok(Step::Part { head: bulk.head, body: bulk.len })
            }
            _ => Err(Halt::Bad),
        }
    }
}

fn line_end(input: &[u8]) -> Result<(), Halt> {
    match input {
        [b'\r', b'\n', ..] => Ok(()),
        [] | [b'\r'] => Err(Halt::Short(2)),
        _ => Err(Halt::Bad),
    }
}

// === impl Replies: aggregates ===

impl Replies {
    #[inline]
    fn aggregate(
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
    fn elements(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
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
    fn take(&mut self, element: Element) -> Option<Taken> {
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

/// What was taken of an element.
enum Taken {
    /// So many bytes, and it is done.
    Bytes(usize),
    /// Its announcement; payload follows.
    Payload(Bulk),
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
fn destination(
    what: &What<'_>,
    kind: u8,
    session: &mut Session,
    sink: &Sink<'_, '_>,
) -> Pair {
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

// === impl Replies: attributes ===

impl Replies {
    #[cold]
    fn attributes(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let Element::Aside(head, count) = wire::element(input)? else { return Err(Halt::Bad) };
        if self.reads != Reads::Attributes {
            self.open(b'|', 0, 0, Pair::InOrder, sink);
            *self = Self { left: 1, reads: Reads::Attributes, ..Self::default() };
        }
        self.left = self.left.checked_add(count).ok_or(Halt::Bad)?;
        Ok(Step::Took(head))
    }

    /// One element of the attributes.
    fn attributes_go_on(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let element = wire::element(input)?;
        let Some(Taken::Bytes(size)) = self.take(element) else { return Err(Halt::Bad) };
        let kept = input.get(..size).unwrap_or_default();
        let bytes = usize::from(self.attribute_bytes) + kept.len();
        // What came behind one that is not kept would be taken for its value.
        self.attributes_full |= bytes > ATTRIBUTES_MAX;
        if !self.attributes_full {
            self.attribute_bytes = u8::try_from(bytes).unwrap_or(u8::MAX);
            sink.record(kept);
        }
        Ok(Step::Took(size))
    }
}
