//! Replies: scalars, aggregates, and the pushes between them.
//!
//! A string is the body of its message; an aggregate is too, in RESP. Where a value ends is told by
//! one count of the elements still to come, however deep they are; only aggregates whose end is
//! marked (`*?`, which no server sends yet) need a place to put the count aside.

mod elements;

use dissect::{Pair, Sink, Step};

use self::elements::{Hides, Taken};
use super::{
    record::{ATTRIBUTED, ATTRIBUTES_MAX, Command, LINE_KEPT_MAX, NULL, STREAMED, reply_head},
    secrets,
    session::{Course, Replies as Answered, Session, is},
    wire::{self, Element, Halt},
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
