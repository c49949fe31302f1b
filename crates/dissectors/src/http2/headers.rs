//! A header block read into a record, and what it turns out to be while it is read; the same for
//! HTTP/2 and HTTP/3, which compress it in different ways.

use dissect::{Pair, Sink};
use model::{Lore, Side};

use super::hpack::{Decoder, Field, Flaw};
use crate::{
    http::{
        View,
        head::comes_in_time,
        list,
        record::{self, Facts, Interims, Listed},
    },
    over_http::grpc,
};

/// Bytes put together before they are written down.
const BUFFER_LEN: usize = 1 << 10;
/// More of a list is not written down: a few bytes may stand for very many.
const LIST_MAX: usize = 256 << 10;

/// A header block: who sent it, and what is known before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'t> {
    pub(crate) from: Side,
    /// The digit of the version: 2 or 3.
    pub(crate) version: u8,
    /// Its side says nothing more on the stream after it.
    pub(crate) ends: bool,
    /// The stream that is spoken of; another one than the frame's where it is promised.
    pub(crate) stream: u64,
    /// Nobody asks for it, nor answers it.
    pub(crate) alone: bool,
    /// A request that the server makes up, to answer it (§8.4).
    pub(crate) pushed: bool,
    /// The request that this answers, where it was sent before HTTP/2 was spoken (RFC 7540 §3.2): a
    /// list of its fields.
    pub(crate) upgraded: Option<&'t [u8]>,
    /// Everything said on this stream by this side was seen.
    pub(crate) from_start: bool,
    /// Interim answers before it.
    pub(crate) interims: Interims,
    /// What was learned on this connection.
    pub(crate) lore: &'t Lore,
}

/// What a block turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Made {
    /// Not known yet.
    Open,
    /// The head of a message, or its trailers.
    Written,
    /// An interim answer, with its status (RFC 9110 §15.2).
    Interim(u16),
    /// Trailers of a message that was not seen.
    Nothing,
}

/// A block that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) made: Made,
    /// It asks for descriptors of gRPC: the answers tell what later messages are read with.
    pub(crate) reflection: bool,
    /// It asks for a tunnel.
    pub(crate) tunnel: bool,
    /// The status of an answer.
    pub(crate) status: u16,
}

/// A block that can be decoded.
pub(crate) trait Decode {
    /// Hands out its fields in order.
    fn decode(self, to: &mut impl FnMut(Field<'_>)) -> Result<(), Flaw>;
}

/// Writes a list down while it is decoded.
struct Writer<'w, 'r, 'c> {
    told: Told<'w>,
    sink: &'w mut Sink<'r, 'c>,
    made: Made,
    /// The facts to be written in front; `None` where the list is trailers.
    head: Option<Listed>,
    status: u16,
    connect: bool,
    reflection: bool,
    tunnel: bool,
    partial: bool,
    timed: bool,
    /// More fields came than are written down.
    over_limit: bool,
    content_type_at: Option<usize>,
    written: usize,
    buffer: [u8; BUFFER_LEN],
    filled: usize,
}

/// Reads a block. The sink has to be turned to the stream.
pub(crate) fn read(
    told: Told<'_>,
    block: impl Decode,
    sink: &mut Sink<'_, '_>,
) -> Result<Outcome, Flaw> {
    let mut writer = Writer {
        told,
        sink,
        made: Made::Open,
        head: None,
        status: 0,
        connect: false,
        reflection: false,
        tunnel: false,
        partial: false,
        timed: false,
        over_limit: false,
        content_type_at: None,
        written: 0,
        buffer: [0; BUFFER_LEN],
        filled: 0,
    };
    let read = block.decode(&mut |field| writer.field(field));
    writer.partial |= read.is_err();
    writer.end();
    read.map(|()| Outcome {
        made: writer.made,
        reflection: writer.reflection,
        tunnel: writer.tunnel,
        status: writer.status,
    })
}

// === impl Decode ===

impl Decode for (&mut Decoder, &[u8]) {
    fn decode(self, to: &mut impl FnMut(Field<'_>)) -> Result<(), Flaw> {
        let (decoder, block) = self;
        decoder.decode(block, to)
    }
}

// === impl Writer ===

impl Writer<'_, '_, '_> {
    fn field(&mut self, field: Field<'_>) {
        let Field { name, value } = field;
        if let Some(name) = name {
            self.note(name, value.unwrap_or_default());
        }
        self.partial |= name.is_none() || value.is_none();
        let cost = list::cost(name, value);
        if self.written + cost > LIST_MAX {
            if !self.over_limit {
                self.sink.over_limit();
            }
            (self.partial, self.over_limit) = (true, true);
            return;
        }
        self.written += cost;
        list::write(name, value, &mut |piece| self.push(piece));
    }

    /// Looks whether a field says what the block is.
    #[inline]
    fn note(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b":status" => self.status = number(value),
            b":method" => {
                self.connect = value == b"CONNECT";
                self.tunnel = self.connect;
            }
            b":protocol" => self.connect = false,
            b":path" => self.reflection = grpc::is_reflection(value),
            b"content-type" => {
                self.timed |= comes_in_time(value);
                self.content_type_at.get_or_insert(self.written);
            }
            _ => {}
        }
        if self.made == Made::Open {
            self.decide(name);
        }
    }

    /// What the block is, by the first name that is known. Pseudo-header fields come first, and only
    /// in heads (RFC 9113 §8.3).
    fn decide(&mut self, name: &[u8]) {
        let pseudo = name.first() == Some(&b':');
        let open = self.sink.is_open();
        match self.status {
            100..200 => self.made = Made::Interim(self.status),
            // What came before on this stream was an interim answer whose status was not known.
            1.. if open => self.begin_again(),
            _ if open => self.made = Made::Written,
            _ if pseudo => self.begin(),
            _ if self.filled == 0 => self.made = Made::Nothing,
            _ => self.decide_in_doubt(),
        }
    }

    /// No name says what it is: unknown ones come first, or all are. Trailers end the stream.
    fn decide_in_doubt(&mut self) {
        let ends = self.told.ends;
        let asked =
            self.told.from == Side::Server && self.sink.question_by_id(self.told.stream).is_some();
        if self.sink.is_open() {
            self.made = Made::Written;
        } else if !ends || self.told.from_start && asked {
            self.begin();
        } else {
            self.made = Made::Nothing;
        }
    }

    /// What is promised and its answer are one message, for nobody asks; so are the answer to an
    /// upgrade and what it answers, for its request was another call.
    fn begin(&mut self) {
        let Told { version, pushed, stream, upgraded, interims, .. } = self.told;
        let alone = self.told.alone || pushed || upgraded.is_some();
        self.sink.begin(if alone { Pair::OneWay } else { Pair::Id(stream) });
        if !self.told.lore.is_none() {
            self.sink.attach(self.told.lore.clone());
        }
        self.sink.record(&Listed::default().facts());
        self.sink.record(upgraded.unwrap_or_default());
        self.head = Some(Listed {
            request: self.told.from == Side::Client,
            version,
            stream: short(stream),
            pushed,
            upgraded: upgraded.is_some(),
            interims,
            skipped: upgraded.map_or(0, <[u8]>::len),
            ..Listed::default()
        });
        self.made = Made::Written;
    }

    /// The list that is written down already is not the message's, but what was promised.
    fn begin_again(&mut self) {
        let recorded = self.sink.recorded();
        self.head = Some(Listed {
            version: self.told.version,
            stream: short(self.told.stream),
            pushed: recorded.first_chunk().is_some_and(record::is_pushed),
            interims: self.told.interims,
            skipped: recorded.len().saturating_sub(size_of::<Facts>()),
            ..Listed::default()
        });
        self.made = Made::Written;
    }

    fn push(&mut self, piece: &[u8]) {
        if self.filled + piece.len() > BUFFER_LEN {
            self.flush();
        }
        match self.buffer.get_mut(self.filled..self.filled + piece.len()) {
            Some(place) => {
                place.copy_from_slice(piece);
                self.filled += piece.len();
            }
            None if self.made == Made::Written => self.sink.record(piece),
            None => {}
        }
    }

    fn flush(&mut self) {
        if self.made == Made::Open {
            self.decide_in_doubt();
        }
        if self.made == Made::Written {
            self.sink.record(self.buffer.get(..self.filled).unwrap_or_default());
        }
        self.filled = 0;
    }

    /// The block is at its end.
    fn end(&mut self) {
        self.flush();
        if self.made != Made::Written {
            return;
        }
        if let Some(head) = &mut self.head {
            head.status = self.status;
            head.connect = self.connect;
            head.partial = self.partial;
            head.content_type_at = self.content_type_at;
            head.announced = !self.told.pushed && !self.told.ends;
            // A promise alone has no answer yet.
            let list_len = head.skipped + self.written;
            head.list_len = list_len;
            head.skipped = if self.told.pushed { list_len } else { head.skipped };
            self.sink.amend(0, &head.facts());
        } else if self.partial {
            amend(self.sink, record::mark_partial);
        }
        if self.timed && !self.told.pushed {
            self.sink.timed();
        }
    }
}

/// The list that a request of HTTP/1 would have been.
pub(crate) fn of_request(view: View<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let authority = view.authority().unwrap_or_default();
    for (name, value) in [
        (&b":method"[..], view.method()),
        (b":scheme", view.scheme().unwrap_or(b"http")),
        (b":path", view.target()),
        (b":authority", &*authority),
    ] {
        if bytes.len() + value.len() <= LIST_MAX {
            list::write(Some(name), Some(value), &mut |piece| bytes.extend_from_slice(piece));
        }
    }
    bytes
}

/// Changes the facts of the open message.
pub(crate) fn amend(sink: &mut Sink<'_, '_>, change: impl FnOnce(&mut Facts)) {
    let Some(facts) = sink.recorded().first_chunk() else { return };
    let mut facts: Facts = *facts;
    change(&mut facts);
    sink.amend(0, &facts);
}

/// Changes the facts of a request that waits for its answer.
pub(super) fn amend_asked(id: u64, sink: &mut Sink<'_, '_>, change: impl FnOnce(&mut Facts)) {
    let asked = sink.asked_by_id(id).and_then(|message| message.record.first_chunk());
    let Some(mut facts): Option<Facts> = asked.copied() else { return };
    change(&mut facts);
    sink.amend_asked(id, 0, &facts);
}

/// Streams are not numbered beyond this by anybody.
fn short(stream: u64) -> u32 {
    u32::try_from(stream).unwrap_or(u32::MAX)
}

/// Three digits; 0 for anything else.
fn number(status: &[u8]) -> u16 {
    let [a, b, c] = status else { return 0 };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    match (digit(a), digit(b), digit(c)) {
        (Some(a), Some(b), Some(c)) => 100 * a + 10 * b + c,
        _ => 0,
    }
}
