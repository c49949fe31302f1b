//! Reads both sides of a connection: what each of them waits for, and where each message ends
//! (RFC 9112 §6.3).

use dissect::{Dissector, Found, Next, Pair, Sink, Step, Turns, UNTIL_END};
use memchr::memchr;
use model::Side;

use super::{
    chunks::Line,
    head::{Coding, Flaw, Head, Length},
    record::{self, INTERIMS_MAX, Interims, Question},
    start::{self, METHODS, Start, What, is_token, without_cr},
    switch,
};

/// What a response begins with, and a body hardly ever.
const RESPONSE: &[u8] = b"HTTP/1.";

/// Both sides of a connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    awaits: [Awaits; 2],
    /// Interim answers to the request that is answered next.
    interims: Interims,
    /// The client asked to speak something else: what it sends after that can only be read once it
    /// was answered.
    asked_to_switch: bool,
    /// Bytes of the client were put off for that.
    put_off: bool,
}

/// What comes next from one side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Awaits {
    #[default]
    Head,
    /// The line before the first chunk.
    FirstChunk,
    /// The end of a chunk, and the line before the next.
    NextChunk,
    /// A field line after the last chunk, or the empty line.
    Trailer,
    /// The last byte of a head, and enough behind it to say whether it has the body that it
    /// announces: the request was not seen, it may have been HEAD.
    Proof(Extent),
    /// Nothing: nobody knows where the body of the last request ended.
    Nothing,
}

/// How a body's end is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extent {
    Empty,
    Bytes(u64),
    Chunked,
    UntilEnd,
    /// Not at all.
    Unknown,
}

// === impl Dissector ===

impl Dissector for Talk {
    /// Pipelining is allowed (RFC 9112 §9.3.2), and neither browsers nor proxies do it.
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match *self.of(from) {
            Awaits::Head => self.head(from, input, sink),
            Awaits::FirstChunk => self.chunk(from, input, 0, sink),
            Awaits::NextChunk => match line_end(input) {
                Some(Ok(skip)) => self.chunk(from, input, skip, sink),
                Some(Err(())) => Step::Lost,
                None => Step::Need(input.len() + 1),
            },
            Awaits::Trailer => self.trailer(from, input, sink),
            Awaits::Proof(extent) => self.proof(from, input, extent, sink),
            Awaits::Nothing => Step::Lost,
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        match from {
            Side::Client if *self.of(from) == Awaits::Nothing => return Found::Nowhere,
            Side::Client => self.put_off = false,
            // The lost bytes may have been the answer.
            Side::Server => (self.interims, self.asked_to_switch) = (Interims::default(), false),
        }
        *self.of(from) = Awaits::Head;
        begins_here(from, input)
    }
}

// === impl Talk ===

impl Talk {
    fn of(&mut self, side: Side) -> &mut Awaits {
        let [client, server] = &mut self.awaits;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn head(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.put_off = self.asked_to_switch,
            // The switch was refused: what the client sent meanwhile comes first.
            Side::Server if self.put_off && !self.asked_to_switch => return Step::Wait,
            Side::Server => {}
        }
        if self.put_off && from == Side::Client {
            return Step::Wait;
        }
        // RFC 9112 §2.2: empty lines before a message are to be ignored.
        match line_end(input) {
            Some(Ok(took)) => return Step::Took(took),
            None => return Step::Need(2),
            Some(Err(())) => {}
        }
        match Head::read(from, input) {
            Err(Flaw::Short) => Step::Need(input.len() + 1),
            Err(Flaw::Foreign) => Step::Lost,
            Err(Flaw::Http2) => Step::Leave,
            Ok(head) => match head.start.what {
                What::Request { .. } => self.request(&head, input, sink),
                What::Response { status, .. } => self.response(&head, status, input, sink),
            },
        }
    }

    fn request(&mut self, head: &Head, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        write_down(head, input, Interims::default(), sink);
        self.asked_to_switch = head.upgrade || head.is_method(input, b"CONNECT");
        let extent = match (head.coding, head.length) {
            (Coding::Chunked, _) => Extent::Chunked,
            (Coding::Other, _) | (_, Length::Invalid) => Extent::Unknown,
            (_, Length::Bytes(bytes)) => Extent::Bytes(bytes),
            (_, Length::Absent) => Extent::Empty,
        };
        self.body(Side::Client, head.len, extent, sink)
    }

    fn response(
        &mut self,
        head: &Head,
        status: u16,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        if status < 200 && status != 101 {
            self.remember(status);
            return Step::Took(head.len);
        }
        let question = sink.question().and_then(Question::of);
        let tunnel = question.is_some_and(Question::is_connect) && status < 300;
        write_down(head, input, std::mem::take(&mut self.interims), sink);
        if status == 101 {
            switch::bequeath(sink);
            sink.finish();
            return Step::Become { took: head.len, next: Next::Bequeathed };
        }
        if tunnel {
            sink.finish();
            return Step::Become { took: head.len, next: Next::Detect };
        }
        self.asked_to_switch &= question.is_some_and(|question| !question.asks_to_switch());
        let extent = match (head.coding, head.length) {
            _ if matches!(status, 204 | 304) || question.is_some_and(Question::is_head) => {
                Extent::Empty
            }
            (Coding::Chunked, _) => Extent::Chunked,
            (Coding::Absent, Length::Bytes(bytes)) => Extent::Bytes(bytes),
            _ => Extent::UntilEnd,
        };
        if question.is_some() || matches!(extent, Extent::Empty | Extent::Bytes(0)) {
            return self.body(Side::Server, head.len, extent, sink);
        }
        let last = head.len - 1;
        match self.proof(Side::Server, input.get(last..).unwrap_or_default(), extent, sink) {
            Step::Took(n) => Step::Took(last + n),
            Step::Body { head, body } => Step::Body { head: last + head, body },
            _ => {
                *self.of(Side::Server) = Awaits::Proof(extent);
                Step::Took(last)
            }
        }
    }

    /// `took` bytes end the head; the body follows.
    fn body(&mut self, from: Side, took: usize, extent: Extent, sink: &mut Sink<'_, '_>) -> Step {
        *self.of(from) = match extent {
            Extent::Chunked => Awaits::FirstChunk,
            Extent::Unknown => Awaits::Nothing,
            _ => Awaits::Head,
        };
        match extent {
            Extent::Bytes(0) | Extent::Empty | Extent::Unknown => {
                sink.finish();
                Step::Took(took)
            }
            Extent::Bytes(body) => Step::Body { head: took, body },
            Extent::UntilEnd => Step::Body { head: took, body: UNTIL_END },
            Extent::Chunked => Step::Took(took),
        }
    }

    /// After the last byte of a head whose request was not seen. If another response follows right
    /// there, it had no body; the first bytes of one rarely look like that.
    fn proof(&mut self, from: Side, input: &[u8], extent: Extent, sink: &mut Sink<'_, '_>) -> Step {
        let after = input.get(1..).unwrap_or_default();
        if after.starts_with(RESPONSE) {
            return self.body(from, 1, Extent::Empty, sink);
        }
        if RESPONSE.starts_with(after) {
            return Step::Need(input.len() + 1);
        }
        self.body(from, 1, extent, sink)
    }

    /// `skip` bytes end the chunk before.
    fn chunk(&mut self, from: Side, input: &[u8], skip: usize, sink: &mut Sink<'_, '_>) -> Step {
        let after = input.get(skip..).unwrap_or_default();
        let (line_len, size) = match Line::read(after) {
            Line::Chunk { line_len, size } => (line_len, size),
            Line::Short => return Step::Need(input.len() + 1),
            Line::Foreign => return Step::Lost,
        };
        let head = skip + line_len;
        if size > 0 {
            *self.of(from) = Awaits::NextChunk;
            return Step::Part { head, body: size };
        }
        // Nearly always there are no trailers.
        if after.get(line_len..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
            *self.of(from) = Awaits::Head;
            sink.finish();
            return Step::Took(head + 2);
        }
        *self.of(from) = Awaits::Trailer;
        Step::Took(head)
    }

    fn trailer(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(end) = memchr(b'\n', input) else { return Step::Need(input.len() + 1) };
        let line = input.get(..=end).unwrap_or_default();
        if matches!(line, b"\n" | b"\r\n") {
            *self.of(from) = Awaits::Head;
            sink.finish();
        } else if sink.recorded().len() + line.len() <= sink.limits().unread_bytes_max {
            // What is beyond is only skipped: trailers have no other end than the sender's will.
            sink.record(line);
        }
        Step::Took(line.len())
    }

    fn remember(&mut self, status: u16) {
        let repeated = self.interims.iter().rfind(|code| **code > 0) == Some(&status);
        let free = self.interims.iter_mut().find(|code| **code == 0);
        if let (Some(free), false) = (free, repeated) {
            *free = status;
        }
    }
}

fn write_down(head: &Head, input: &[u8], interims: Interims, sink: &mut Sink<'_, '_>) {
    sink.begin(Pair::InOrder);
    sink.record(&record::facts(head, input, interims));
    sink.record(input.get(..head.len).unwrap_or_default());
    if head.timed {
        sink.timed();
    }
}

/// Length of the line end at the front of `input`; nothing while that is open.
fn line_end(input: &[u8]) -> Option<Result<usize, ()>> {
    match input {
        [b'\r', b'\n', ..] => Some(Ok(2)),
        [b'\n', ..] => Some(Ok(1)),
        [b'\r'] => None,
        _ => Some(Err(())),
    }
}

/// A message begins where a packet does, or it is not looked for: a body may hold anything, stored
/// conversations too. A first line is only believed together with the line after it.
fn begins_here(from: Side, input: &[u8]) -> Found {
    let Some(end) = memchr(b'\n', input) else {
        let fits = start::could_begin(from, input);
        return if fits { Found::Maybe(0) } else { Found::Nowhere };
    };
    let (line, rest) = input.split_at(end);
    match Start::of(from, without_cr(line)).map(|start| start.what) {
        None => return Found::Nowhere,
        // `ET /login` is the rest of something.
        Some(What::Request { method_len, .. }) if !is_known(line, method_len) => {
            return Found::Nowhere;
        }
        Some(_) => {}
    }
    let rest = rest.get(1..).unwrap_or_default();
    let name = rest.iter().position(|b| !is_token(*b)).unwrap_or(rest.len());
    let after = rest.get(name..).unwrap_or_default();
    match (name, after.trim_ascii_start().first()) {
        (0, _) => match line_end(rest) {
            Some(Ok(_)) => Found::At(0),
            None => Found::Maybe(0),
            Some(Err(())) if rest.is_empty() => Found::Maybe(0),
            Some(Err(())) => Found::Nowhere,
        },
        (_, None) => Found::Maybe(0),
        (_, Some(b':')) => Found::At(0),
        _ => Found::Nowhere,
    }
}

fn is_known(line: &[u8], method_len: usize) -> bool {
    line.get(..method_len).is_some_and(|method| METHODS.contains(&method))
}

const _: () = assert!(size_of::<Talk>() <= 64 && INTERIMS_MAX == 4);
