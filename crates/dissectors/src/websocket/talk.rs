//! Frames of both sides to messages (RFC 6455 §5.4).

use dissect::{Dissector, Found, Opening, Pair, Role, Sink, Step};
use model::Side;

use super::{
    frame::{Flaw, Frame, Opcode},
    inflate::{self, Inflater},
    origin::{Deflate, Origin},
    probe,
    record::Facts,
};

/// The lane of messages with data; control frames come between their fragments.
const DATA: u64 = 0;
/// The lane of control frames.
const CONTROL: u64 = 1;
/// Bytes unmasked at a time.
const STEP: usize = 1 << 10;

/// Both sides of a connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    origin: Origin,
    halves: [Half; 2],
}

/// One side.
#[derive(Debug, Default)]
struct Half {
    /// The message with data that is open.
    message: Option<Facts>,
    /// Payload of a compressed frame that is still to come, its key (turned to the next byte), and
    /// whether the frame ends its message.
    rest: Option<Rest>,
    inflater: Option<Box<Inflater>>,
    /// There was no room for a window: messages stay as they are.
    no_window: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    len: u64,
    key: [u8; 4],
    fin: bool,
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if let Some(rest) = self.half(from).rest {
            return self.compressed(from, rest, input, sink);
        }
        let frame = match Frame::read(input) {
            Ok(frame) => frame,
            Err(Flaw::Short(need)) => return Step::Need(need),
            Err(Flaw::Foreign) => return Step::Lost,
        };
        if !frame.is_masked_as(from) || (frame.compressed && self.origin.deflate == Deflate::Never)
        {
            return Step::Lost;
        }
        if frame.opcode.is_control() {
            return self.control(&frame, input, sink);
        }
        self.data(from, &frame, sink)
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        let half = self.half(from);
        half.rest = None;
        if let Some(inflater) = &mut half.inflater {
            inflater.forget();
        }
        probe::begins_here(from, input)
    }
}

// === impl Talk ===

impl Talk {
    /// After the handshake that was left, if one was.
    pub(super) fn new(opening: &Opening<'_>) -> Self {
        Self { origin: Origin::of(opening), ..Self::default() }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.halves;
        if side == Side::Client { client } else { server }
    }

    /// A control frame: a message of its own, taken whole.
    fn control(&mut self, frame: &Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(total) = frame.total() else { return Step::Lost };
        if input.len() < total {
            return Step::Need(total);
        }
        let payload = frame.payload(input);
        let mut facts = Facts::new(frame.opcode, false);
        let mut text = &payload[..];
        if frame.opcode == Opcode::Close
            && let Some((code, reason)) = payload.split_first_chunk()
        {
            (facts.close, text) = (u16::from_be_bytes(*code), reason);
        }
        sink.turn_to(CONTROL);
        sink.begin_as(Role::Asks, Pair::OneWay);
        facts.record(&self.origin, sink);
        sink.body(text);
        sink.finish();
        Step::Took(total)
    }

    /// A frame of a message with data.
    fn data(&mut self, from: Side, frame: &Frame, sink: &mut Sink<'_, '_>) -> Step {
        sink.turn_to(DATA);
        let open = self.half(from).message;
        let facts = match (open, frame.opcode) {
            (Some(open), Opcode::Continuation) if sink.is_open() => {
                Facts { fragments: open.fragments.saturating_add(1), ..open }
            }
            _ if sink.is_open() => {
                // The end of the message before was lost.
                self.half(from).message = None;
                sink.finish();
                return Step::Took(0);
            }
            (_, Opcode::Continuation) => return self.skip(from, frame),
            _ => self.begin(frame, sink),
        };
        self.half(from).message = Some(facts);
        if facts.compressed && self.has_window(from, sink) {
            return self.begin_compressed(from, frame, sink);
        }
        let opaque = facts.compressed;
        if frame.fin {
            self.half(from).message = None;
            Facts { opaque, ..facts }.amend(&self.origin, sink);
        }
        if let Some(key) = frame.key {
            sink.masked(key);
        }
        match (frame.len, frame.fin) {
            (0, true) => {
                sink.finish();
                Step::Took(frame.head)
            }
            (0, false) => Step::Took(frame.head),
            (body, true) => Step::Body { head: frame.head, body },
            (body, false) => Step::Part { head: frame.head, body },
        }
    }

    /// The rest of a message whose first frame was not seen: nobody knows what it was.
    fn skip(&mut self, from: Side, frame: &Frame) -> Step {
        if let Some(inflater) = &mut self.half(from).inflater {
            inflater.forget();
        }
        match frame.len {
            0 => Step::Took(frame.head),
            body => Step::Part { head: frame.head, body },
        }
    }

    fn begin(&self, frame: &Frame, sink: &mut Sink<'_, '_>) -> Facts {
        let facts = Facts::new(frame.opcode, frame.compressed);
        sink.begin_as(Role::Asks, Pair::OneWay);
        facts.record(&self.origin, sink);
        facts
    }

    /// Makes a window for this side, if there is room for one.
    fn has_window(&mut self, from: Side, sink: &mut Sink<'_, '_>) -> bool {
        let others = usize::from(self.half(from.other()).inflater.is_some());
        let half = self.half(from);
        if half.inflater.is_none() && !half.no_window {
            half.no_window = !sink.hold((others + 1) * inflate::COST);
            if !half.no_window {
                half.inflater = Some(Box::new(Inflater::new()));
            }
        }
        half.inflater.is_some()
    }

    fn begin_compressed(&mut self, from: Side, frame: &Frame, sink: &mut Sink<'_, '_>) -> Step {
        let rest = Rest { len: frame.len, key: frame.key.unwrap_or_default(), fin: frame.fin };
        if rest.len > 0 {
            self.half(from).rest = Some(rest);
        } else if rest.fin {
            self.end_compressed(from, sink);
        }
        Step::Took(frame.head)
    }

    /// Payload of a compressed frame: decoded as it comes, since the next message needs its window.
    fn compressed(
        &mut self,
        from: Side,
        rest: Rest,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        sink.turn_to(DATA);
        let take = usize::try_from(rest.len).map_or(input.len(), |len| len.min(input.len()));
        let mut key = rest.key;
        if let Some(inflater) = &mut self.half(from).inflater {
            let mut clear = [0; STEP];
            for piece in input.get(..take).unwrap_or_default().chunks(STEP) {
                for ((clear, byte), key) in clear.iter_mut().zip(piece).zip(key.iter().cycle()) {
                    *clear = byte ^ key;
                }
                let clear = clear.get(..piece.len()).unwrap_or_default();
                inflater.feed(clear, &mut |text| sink.body(text));
            }
        }
        key.rotate_left(take % 4);
        let len = rest.len - take as u64;
        self.half(from).rest = (len > 0).then_some(Rest { len, key, ..rest });
        if len == 0 && rest.fin {
            self.end_compressed(from, sink);
        }
        Step::Took(take)
    }

    fn end_compressed(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        let forgets = match self.origin.deflate {
            Deflate::Agreed { client_forgets, server_forgets } => {
                if from == Side::Client {
                    client_forgets
                } else {
                    server_forgets
                }
            }
            _ => false,
        };
        let half = self.half(from);
        let whole = match &mut half.inflater {
            Some(inflater) => inflater.end(forgets, &mut |text| sink.body(text)),
            None => false,
        };
        if let Some(facts) = half.message.take() {
            Facts { opaque: !whole, ..facts }.amend(&self.origin, sink);
        }
        sink.finish();
    }
}

const _: () = assert!(STEP.is_multiple_of(4), "the key is turned once for all pieces");
