//! Reads both sides of a connection, frame by frame (RFC 9113 §6).

use dissect::{Dissector, Found, Pair, Sink, Step};
use model::{Side, Why};

use super::{
    block::{Block, promised},
    chain::{self, PREFACE},
    frame::{ACK, END_STREAM, Frame, HEADER_LEN, PADDED, PAYLOAD_MAX, Type},
    headers::{self, Made, Outcome, Told},
    hpack::{Decoder, Flaw},
    tunnel::{Head, Tunnels},
};
use crate::{
    http::{
        View,
        cut_off::CutOff,
        record::{self, Interims, Listed},
        switch::Switch,
    },
    over_http::grpc::Reflection,
};

/// Streams whose interim answers are remembered.
const INTERIMS_MAX: usize = 64;
/// Answered streams that are remembered.
const ANSWERED_MAX: usize = 64;
/// Requests of one connection that a GOAWAY is looked for; streams are opened at will.
const REFUSED_MAX: usize = 1 << 16;
/// `SETTINGS_MAX_FRAME_SIZE`.
const MAX_FRAME_SIZE: u16 = 5;
/// Longer frames are not waited for.
const HEARD_MAX: usize = 256 << 10;
/// Settings are few; longer frames of them are passed by.
const SETTINGS_LEN_MAX: usize = 1 << 10;

/// The stream on which a request is answered that was sent before (RFC 7540 §3.2).
const UPGRADED: u32 = 1;

/// Both sides of a connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// The request by which the connection was upgraded, until it is answered.
    upgraded: Option<Box<[u8]>>,
    halves: [Half; 2],
    /// Interim answers before the one that is awaited, by stream. Hardly ever any.
    interims: Vec<(u32, Interims)>,
    /// Bytes of both header tables and of what was learned, as charged.
    held: usize,
    /// The highest stream that the client opened.
    opened: u32,
    /// Streams of requests with a body that were answered lately: the server may reset them after it,
    /// for it does not want the rest (RFC 9113 §8.1).
    answered: Vec<u32>,
    /// The server goes away: what it refuses is answered up to here.
    refused_to: u32,
    /// Descriptors of gRPC that the server tells.
    reflection: Option<Box<Reflection>>,
    /// Tunnels through this connection. Hardly ever any.
    tunnels: Tunnels,
}

/// One side.
#[derive(Debug, Default)]
struct Half {
    awaits: Awaits,
    decoder: Decoder,
    /// Of streams above this one everything was seen that this side said on them.
    seen_above: u32,
    /// The longest payload that it may send, as the other side said; 0 for the usual one.
    payload_max: u32,
}

/// What comes next from one side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Awaits {
    #[default]
    Frame,
    /// The rest of a payload that says nothing, and whether the stream ends with it.
    Rest { stream: u32, left: usize, ends: bool },
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if let Awaits::Rest { stream, left, ends } = self.half(from).awaits {
            sink.turn_to(stream.into());
            return self.rest(from, (stream, left, ends), input, sink);
        }
        // A frame that begins like the preface would be five million bytes long.
        if from == Side::Client && input.first() == PREFACE.first() {
            return preface(input);
        }
        let Some(frame) = Frame::of(input) else { return Step::Need(HEADER_LEN) };
        if !frame.is_legal() {
            return Step::Lost;
        }
        sink.turn_to(frame.lane());
        match frame.kind {
            Type::Data => self.data(from, frame, input, sink),
            Type::Headers | Type::PushPromise => self.block(from, frame, input, sink),
            Type::RstStream => self.reset(from, frame, input, sink),
            Type::Settings => self.settings(from, frame, input),
            Type::GoAway => self.go_away(from, frame, input, sink),
            Type::Continuation => {
                // Its block began unseen.
                self.half(from).decoder.forget();
                self.pass_by(from, frame)
            }
            _ => self.pass_by(from, frame),
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        let opened = self.opened;
        if let (Side::Server, Some(reflection)) = (from, &mut self.reflection) {
            reflection.lose_place();
        }
        self.tunnels.lose(from);
        let half = self.half(from);
        half.awaits = Awaits::Frame;
        half.decoder.forget();
        half.seen_above = opened;
        let payload_max = PAYLOAD_MAX.max(half.payload_max as usize);
        chain::find(from, input, payload_max)
    }
}

// === impl Talk ===

impl Talk {
    /// A connection that begins, or that an exchange of HTTP/1 agreed on.
    pub(super) fn new(switch: Option<Switch<'_>>) -> Self {
        let request = switch.and_then(Switch::request);
        Self { upgraded: request.map(|view| headers::of_request(view).into()), ..Self::default() }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.halves;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// §6.1: padding is no part of the body.
    fn data(&mut self, from: Side, frame: Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let (head, padding) = match input.get(HEADER_LEN) {
            _ if !frame.has(PADDED) => (HEADER_LEN, 0),
            Some(padding) => (HEADER_LEN + 1, usize::from(*padding)),
            None => return Step::Need(HEADER_LEN + 1),
        };
        let Some(body) = frame.whole().checked_sub(head + padding) else { return Step::Lost };
        if let Err(need) = self.hear(from, frame, input.get(head..head + body), sink) {
            return need;
        }
        let ends = frame.has(END_STREAM);
        self.tunnels.data(from, frame.stream.into(), (body > 0, ends && padding == 0), sink);
        if ends {
            self.note_end(from, frame.stream, sink);
        }
        if padding > 0 {
            self.half(from).awaits = Awaits::Rest { stream: frame.stream, left: padding, ends };
        }
        match (u64::try_from(body).unwrap_or(0), ends && padding == 0) {
            (0, true) => {
                sink.finish();
                Step::Took(head)
            }
            (0, false) => Step::Took(head),
            (body, true) => Step::Body { head, body },
            (body, false) => Step::Part { head, body },
        }
    }

    /// The server may be telling descriptors: their payload has to be there.
    fn hear(
        &mut self,
        from: Side,
        frame: Frame,
        payload: Option<&[u8]>,
        sink: &mut Sink<'_, '_>,
    ) -> Result<(), Step> {
        let Some(reflection) = &mut self.reflection else { return Ok(()) };
        if from == Side::Client || !reflection.listens(frame.stream) {
            return Ok(());
        }
        if frame.whole() > HEARD_MAX {
            reflection.forget(frame.stream);
            return Ok(());
        }
        let Some(payload) = payload else { return Err(Step::Need(frame.whole())) };
        let coding = View::of_record(sink.recorded()).and_then(|view| view.field(b"grpc-encoding"));
        if reflection.hear(frame.stream, payload, coding.as_deref()) {
            reflection.join(sink.known());
            sink.teach(reflection.lore().clone(), reflection.bytes());
        }
        if frame.has(END_STREAM) {
            reflection.forget(frame.stream);
        }
        self.charge(from, sink);
        Ok(())
    }

    /// HEADERS and `PUSH_PROMISE`, with their CONTINUATIONs.
    fn block(&mut self, from: Side, frame: Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let (block, took) = match Block::of(frame, input) {
            Block::Whole(block, took) => (block, took),
            Block::Short(need) => return Step::Need(need),
            Block::Broken => return Step::Lost,
        };
        let pushed = frame.kind == Type::PushPromise;
        let stream = if pushed { promised(frame, input) } else { Some(frame.stream) };
        let Some(stream) = stream else { return Step::Lost };
        sink.turn_to(stream.into());
        if from == Side::Client {
            self.opened = self.opened.max(stream);
        }
        let own = self.reflection.as_ref().map(|it| it.lore()).filter(|lore| !lore.is_none());
        let lore = own.unwrap_or(sink.known()).clone();
        let told = Told {
            from,
            version: b'2',
            ends: frame.has(END_STREAM),
            stream: stream.into(),
            alone: false,
            pushed,
            upgraded: None,
            from_start: stream > self.half(from).seen_above,
            interims: self.interims(from, stream),
            lore: &lore,
        };
        match self.list(told, stream, &block, sink) {
            Ok(()) => Step::Took(took),
            Err(Flaw) => Step::Lost,
        }
    }

    /// A whole block of a stream that the sink is turned to.
    fn list(
        &mut self,
        told: Told<'_>,
        stream: u32,
        block: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<(), Flaw> {
        let Told { from, interims, .. } = told;
        let answers = from == Side::Server && stream == UPGRADED;
        let upgraded = if answers { self.upgraded.take() } else { None };
        let told = Told { upgraded: upgraded.as_deref(), ..told };
        let made = headers::read(told, (&mut self.half(from).decoder, block), sink);
        self.charge(from, sink);
        let Outcome { made, reflection, tunnel, status } = made?;
        let head = Head { asks: tunnel, status, ends: told.ends };
        self.tunnels.head(from, stream.into(), head, sink);
        if reflection && from == Side::Client && !told.pushed {
            self.reflection.get_or_insert_default().listen(stream);
        }
        match made {
            Made::Interim(status) => {
                self.remember(stream, interims, status);
                self.upgraded = upgraded;
            }
            _ if told.ends && !told.pushed => {
                self.note_end(from, stream, sink);
                sink.finish();
            }
            _ => {}
        }
        Ok(())
    }

    /// Charges the header tables, and what was learned; what the budget refuses is forgotten.
    fn charge(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        for _ in 0..3 {
            let tables: usize = self.halves.iter().map(|half| half.decoder.held()).sum();
            let now = tables + self.reflection.as_ref().map_or(0, |it| it.held());
            if now == self.held || sink.hold(now) {
                self.held = now;
                return;
            }
            if self.reflection.take().is_none() {
                self.half(from).decoder.forget();
            }
        }
    }

    /// §6.5. The sizes of header tables are said again in the blocks themselves (RFC 7541 §4.2).
    fn settings(&mut self, from: Side, frame: Frame, input: &[u8]) -> Step {
        if frame.has(ACK) || frame.len > SETTINGS_LEN_MAX {
            return self.pass_by(from, frame);
        }
        let Some(payload) = input.get(HEADER_LEN..frame.whole()) else {
            return Step::Need(frame.whole());
        };
        for setting in payload.chunks_exact(6) {
            if let [a, b, c, d, e, f] = setting
                && u16::from_be_bytes([*a, *b]) == MAX_FRAME_SIZE
            {
                self.half(from.other()).payload_max = u32::from_be_bytes([*c, *d, *e, *f]);
            }
        }
        Step::Took(frame.whole())
    }

    /// §6.8: the server did not look at the requests on streams above the one that it names. They are
    /// answered by this, one in each call; the frame is taken after the last of them.
    fn go_away(&mut self, from: Side, frame: Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some((last, code)) = words(input) else { return Step::Need(HEADER_LEN + 8) };
        let last = last & 0x7fff_ffff;
        if from == Side::Server && last < self.opened {
            let first = self.refused_to.max(last.saturating_add(1) | 1);
            for stream in (first..=self.opened).step_by(2).take(REFUSED_MAX) {
                self.refused_to = stream.saturating_add(2);
                sink.turn_to(stream.into());
                if !sink.is_open() && sink.question_by_id(stream.into()).is_some() {
                    answer_by(CutOff::GoAway(code), stream, sink);
                    return Step::Took(0);
                }
            }
        }
        self.pass_by(from, frame)
    }

    fn pass_by(&mut self, from: Side, frame: Frame) -> Step {
        if frame.len > 0 {
            let rest = Awaits::Rest { stream: 0, left: frame.len, ends: false };
            self.half(from).awaits = rest;
        }
        Step::Took(HEADER_LEN)
    }

    /// The rest of a payload: padding, or what is of no interest.
    fn rest(
        &mut self,
        from: Side,
        (stream, left, ends): (u32, usize, bool),
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let took = left.min(input.len());
        let left = left - took;
        self.half(from).awaits =
            if left == 0 { Awaits::Frame } else { Awaits::Rest { stream, left, ends } };
        if left == 0 && ends {
            self.tunnels.data(from, stream.into(), (false, true), sink);
            sink.finish();
        }
        Step::Took(took)
    }

    /// §6.4: the sender wants no more of this stream, and sends no more on it.
    fn reset(&mut self, from: Side, frame: Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let payload = input.get(HEADER_LEN..frame.whole());
        let Some(code) = payload.and_then(<[u8]>::first_chunk) else {
            return Step::Need(frame.whole());
        };
        let how = CutOff::Reset(u32::from_be_bytes(*code));
        let id = u64::from(frame.stream);
        if let Some(reflection) = &mut self.reflection {
            reflection.forget(frame.stream);
        }
        self.tunnels.reset(frame.stream.into(), sink);
        if sink.is_open() {
            headers::amend(sink, |facts| record::end_early(facts, how));
            sink.abandon(id, id, Why::Reset);
        } else if from == Side::Server
            && frame.stream > self.half(from).seen_above
            && !self.answered.contains(&frame.stream)
            && sink.question_by_id(id).is_some()
        {
            answer_by(how, frame.stream, sink);
        } else {
            headers::amend_asked(id, sink, |facts| record::end_early(facts, how));
            sink.abandon(id, id, Why::Reset);
        }
        Step::Took(frame.whole())
    }

    /// An answer ends; its request perhaps not yet.
    fn note_end(&mut self, from: Side, stream: u32, sink: &Sink<'_, '_>) {
        let request = if from == Side::Server { sink.question().and_then(View::of) } else { None };
        if request.is_some_and(View::announced_a_body) {
            if self.answered.len() >= ANSWERED_MAX {
                self.answered.remove(0);
            }
            self.answered.push(stream);
        }
    }

    /// The interim answers before the message that begins; they are forgotten.
    fn interims(&mut self, from: Side, stream: u32) -> Interims {
        if from == Side::Client || self.interims.is_empty() {
            return Interims::default();
        }
        let at = self.interims.iter().position(|(of, _)| *of == stream);
        at.map_or(Interims::default(), |at| self.interims.swap_remove(at).1)
    }

    fn remember(&mut self, stream: u32, mut interims: Interims, status: u16) {
        let repeated = interims.iter().rfind(|code| **code > 0) == Some(&status);
        let free = interims.iter_mut().find(|code| **code == 0);
        if let (Some(free), false) = (free, repeated) {
            *free = status;
        }
        if self.interims.len() >= INTERIMS_MAX {
            self.interims.remove(0);
        }
        self.interims.push((stream, interims));
    }
}

fn preface(input: &[u8]) -> Step {
    match input {
        _ if input.starts_with(PREFACE) => Step::Took(PREFACE.len()),
        _ if PREFACE.starts_with(input) => Step::Need(PREFACE.len()),
        _ => Step::Lost,
    }
}

/// The pending request of a stream is answered by that the server does not answer it.
fn answer_by(how: CutOff, stream: u32, sink: &mut Sink<'_, '_>) {
    let id = u64::from(stream);
    sink.begin(Pair::Id(id));
    sink.record(&Listed { version: b'2', stream, cut_off: Some(how), ..Listed::default() }.facts());
    sink.finish();
    sink.abandon(id, id, Why::Reset);
}

/// The first two numbers of a payload.
fn words(input: &[u8]) -> Option<(u32, u32)> {
    let [a, b, c, d, e, f, g, h] = input.get(HEADER_LEN..)?.first_chunk::<8>()?;
    Some((u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h])))
}
