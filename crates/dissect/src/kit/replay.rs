//! A case played to a dissector, and what came out of it.

use model::{
    BodyFacts, BodyText, Budget, Lore, Mark, Message, Pairing, Protocol, Side, Tell, Timestamp,
    Transport, Value, Why,
};

use super::case::{Case, Turn};
use crate::{
    Context, Counts, Dissection, Done, Heritage, Inner, Limits, Opening, Outlet, Pool, Secrets,
    Standing, Taught,
};

/// How a case is played.
#[derive(Debug)]
pub struct Replay<'c> {
    case: &'c Case,
    size: usize,
    lost: Option<usize>,
    first: usize,
}

/// A call that came out, kept whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What was spoken.
    pub protocol: &'static Protocol,
    /// Which halves there are.
    pub pairing: Pairing,
    /// The request.
    pub request: Option<Half>,
    /// The response.
    pub response: Option<Half>,
    /// What is not there.
    pub missing: Option<Why>,
}

/// A message that came out, without its times.
#[derive(Clone, Debug, PartialEq)]
pub struct Half {
    /// Who sent it.
    pub from: Side,
    /// What the dissector wrote down.
    pub record: Vec<u8>,
    /// Why something is missing.
    pub missing: Option<Why>,
    body: Vec<u8>,
    body_size: u64,
    wire_bytes: u64,
    head_bytes: u64,
    missing_bytes: u64,
    repeats: u32,
    /// Offset of its first and last piece's turn in the case.
    turns: (u64, u64),
    lore: Learned,
}

/// What the conversation had learned: how much of it depends on what was lost before, so it is not part of
/// what two messages are compared by.
#[derive(Clone, Debug)]
struct Learned(Lore);

impl PartialEq for Learned {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

// === impl Replay ===

impl<'c> Replay<'c> {
    /// Everything, turn by turn.
    #[must_use]
    pub fn new(case: &'c Case) -> Self {
        Self { case, size: usize::MAX, lost: None, first: 0 }
    }

    /// In pieces of `size` bytes.
    #[must_use]
    pub fn pieces(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Without piece number `lost`, from 0.
    #[must_use]
    pub fn lose(self, lost: usize) -> Self {
        Self { lost: Some(lost), ..self }
    }

    /// Joined mid-stream at turn `first`.
    #[must_use]
    pub fn join_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// What comes out.
    ///
    /// # Panics
    /// When the conversation still holds memory after it was closed.
    #[must_use]
    pub fn run(&self, dissection: &'static Dissection) -> Vec<Kept> {
        let mut talk = (dissection.open)(&Opening {
            transport: self.case.transport(),
            heritage: &self.case.heritage,
            by: self.case.by,
            inside: None,
        });
        if self.case.late || self.first > 0 {
            talk.joined_late(Timestamp(0), Why::CaptureStart);
        }
        let mut stage = Stage::default();
        let mut piece = 0;
        let mut now = 0;
        for (turn, what) in self.case.turns.iter().enumerate().skip(self.first) {
            now += 1;
            let mark = Mark { at: Timestamp(now * 1_000), frame: turn as u64 + 1 };
            match what {
                Turn::Wait(ms) => {
                    now += ms * 1_000;
                    stage.with(|cx| talk.tick(Timestamp(now * 1_000), cx));
                }
                Turn::Gap(side, len) => stage.with(|cx| talk.gap(*side, mark, *len, Why::Gap, cx)),
                Turn::End(side) => stage.with(|cx| talk.end(*side, mark, Why::Closed, cx)),
                Turn::Says(side, bytes) => {
                    for bytes in bytes.chunks(self.size) {
                        let lost = self.lost == Some(piece);
                        piece += 1;
                        if lost {
                            stage
                                .with(|cx| talk.gap(*side, mark, bytes.len() as u64, Why::Gap, cx));
                            continue;
                        }
                        let standing = stage.with(|cx| talk.data(*side, mark, bytes, 0, cx));
                        if !matches!(standing, Standing::Ours) {
                            stage.finish(&mut *talk, mark);
                            return stage.calls;
                        }
                    }
                }
            }
        }
        stage.finish(&mut *talk, Mark { at: Timestamp((now + 1) * 1_000), frame: 0 });
        stage.calls
    }
}

/// Plays any bytes as a conversation: for fuzzers. The first byte of each step says who speaks, how
/// much, and whether it is lost.
///
/// # Panics
/// When a dissector does, or when memory is not given back: both are findings.
pub fn fuzz(dissection: &'static Dissection, data: &[u8]) {
    for transport in dissection.transports {
        let mut talk = (dissection.open)(&Opening {
            transport: *transport,
            heritage: &[],
            by: None,
            inside: None,
        });
        let mut stage = Stage::default();
        let mut now = 0;
        let Some((first, mut input)) = data.split_first() else { return };
        if first & 1 == 1 {
            talk.joined_late(Timestamp(0), Why::CaptureStart);
        }
        while let [what, len, rest @ ..] = input {
            now += 1_000_000 * u64::from(what >> 4);
            let mark = Mark { at: Timestamp(now), frame: now };
            let side = if what & 1 == 0 { Side::Client } else { Side::Server };
            let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*len)));
            input = rest;
            let standing = match what & 0x0e {
                0x0e => {
                    stage.with(|cx| talk.gap(side, mark, u64::from(*len), Why::Gap, cx));
                    Standing::Ours
                }
                0x0c => {
                    stage.with(|cx| talk.tick(Timestamp(now), cx));
                    Standing::Ours
                }
                _ if bytes.is_empty() => Standing::Ours,
                _ => stage.with(|cx| {
                    talk.data(
                        side,
                        mark,
                        bytes,
                        u32::from(what & 2) * u32::from(*transport == Transport::Udp),
                        cx,
                    )
                }),
            };
            if !matches!(standing, Standing::Ours) {
                break;
            }
        }
        stage.finish(&mut *talk, Mark { at: Timestamp(now), frame: now });
        for call in &stage.calls {
            let _ = call.headline();
            for half in [&call.request, &call.response].into_iter().flatten() {
                let _ = half.told(call.protocol);
            }
        }
    }
}

/// What a conversation needs around it.
struct Stage {
    limits: Limits,
    budget: Budget,
    pool: Pool,
    counts: Counts,
    secrets: Secrets,
    inner: Inner,
    heritage: Heritage,
    taught: Taught,
    calls: Vec<Kept>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            limits: Limits { unread_bytes_max: 64 << 10, ..Limits::default() },
            budget: Budget::new(16 << 20),
            pool: Pool::default(),
            counts: Counts::default(),
            secrets: Secrets::new(),
            inner: Inner::default(),
            heritage: Heritage::default(),
            taught: Taught::default(),
            calls: Vec::new(),
        }
    }
}

impl Stage {
    fn with<R>(&mut self, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut collect = Collect(&mut self.calls);
        self.inner.clear();
        f(&mut Context {
            limits: &self.limits,
            budget: &mut self.budget,
            pool: &mut self.pool,
            counts: &mut self.counts,
            secrets: &self.secrets,
            inner: &mut self.inner,
            heritage: &mut self.heritage,
            taught: &mut self.taught,
            outlet: &mut collect,
        })
    }

    fn finish(&mut self, talk: &mut dyn crate::Conversation, mark: Mark) {
        self.with(|cx| {
            for side in [Side::Client, Side::Server] {
                let _ = talk.leftover(side, cx);
            }
            talk.close(mark, Why::CaptureEnd, cx);
        });
        assert_eq!(self.budget.used(), 0, "memory that was not given back");
    }
}

struct Collect<'a>(&'a mut Vec<Kept>);

impl Outlet for Collect<'_> {
    fn done(&mut self, done: &Done<'_>) {
        self.0.push(Kept {
            protocol: done.protocol,
            pairing: done.pairing,
            request: done.request.map(Half::of),
            response: done.response.map(Half::of),
            missing: done.missing.map(|m| m.why),
        });
    }
}

// === impl Kept ===

impl Kept {
    /// The call in one line: pairing, method, endpoint, status, and why something is missing.
    #[must_use]
    pub fn headline(&self) -> String {
        let (request, response) =
            (self.request.as_ref().map(Half::message), self.response.as_ref().map(Half::message));
        let headline = (self.protocol.headline)(request.as_ref(), response.as_ref());
        let text = |value: Option<&[u8]>| match value {
            None => "-".to_owned(),
            Some(value) => value.escape_ascii().to_string(),
        };
        let mut line = format!(
            "{} {} {} {}",
            self.pairing.name(),
            text(headline.method.as_deref()),
            text(headline.endpoint.as_deref()),
            text(headline.status.as_ref().map(|s| &*s.code)),
        );
        if let Some(why) = self.missing {
            line += &format!(" missing={}", why.name());
        }
        line
    }
}

// === impl Half ===

impl Half {
    fn of(message: &Message) -> Self {
        Self {
            from: message.from,
            record: message.record.clone(),
            missing: message.missing,
            body: message.body.kept.clone(),
            body_size: message.body.size,
            wire_bytes: message.wire_bytes,
            head_bytes: message.head_bytes,
            missing_bytes: message.missing_bytes,
            repeats: message.repeats,
            turns: (message.first.frame, message.last.frame),
            lore: Learned(message.lore.clone()),
        }
    }

    /// Whether it began in the same turn and says the same, as far as it goes.
    pub(super) fn same_place(&self, other: &Self) -> bool {
        self.turns.0 == other.turns.0 && (self.record == other.record || other.missing.is_some())
    }

    /// Whether it began in the same turn and tells everything that `other` tells: what was lost
    /// before a message (an interim answer) may be told of it, and is then only not told.
    pub(super) fn says_all_of(&self, other: &Self, protocol: &'static Protocol) -> bool {
        let told = self.told(protocol);
        self.turns.0 == other.turns.0 && other.told(protocol).iter().all(|fact| told.contains(fact))
    }

    /// As a message again.
    #[must_use]
    pub fn message(&self) -> Message {
        let mut message = Message::new(self.from, Mark::default());
        message.record.clone_from(&self.record);
        message.body.kept.clone_from(&self.body);
        message.body.size = self.body_size;
        message.missing = self.missing;
        message.wire_bytes = self.wire_bytes;
        message.head_bytes = self.head_bytes;
        message.missing_bytes = self.missing_bytes;
        message.repeats = self.repeats;
        message.lore = self.lore.0.clone();
        message
    }

    /// Everything its protocol tells of it, as (name, value): fields by their names, headers as
    /// `header:NAME`, and `body`, `size`, `body.size`, `media_type`, `encoding`, `repeats`.
    #[must_use]
    pub fn told(&self, protocol: &'static Protocol) -> Vec<(String, String)> {
        let mut told = Told {
            protocol,
            pairs: vec![
                ("body".into(), self.body.escape_ascii().to_string()),
                ("size".into(), self.wire_bytes.to_string()),
                ("body.size".into(), self.body_size.to_string()),
                ("missing_bytes".into(), self.missing_bytes.to_string()),
                ("repeats".into(), self.repeats.to_string()),
            ],
        };
        (protocol.tell)(&self.message(), &mut told);
        told.pairs
    }
}

struct Told {
    protocol: &'static Protocol,
    pairs: Vec<(String, String)>,
}

impl Tell for Told {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let name = self.protocol.fields[index].name.to_owned();
        let value = match value {
            Value::Text(text) => text.escape_ascii().to_string(),
            Value::Integer(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
        };
        self.pairs.push((name, value));
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        self.pairs
            .push((format!("header:{}", name.escape_ascii()), value.escape_ascii().to_string()));
    }

    fn body(&mut self, facts: BodyFacts<'_>) {
        let named = [("media_type", facts.media_type), ("encoding", facts.encoding)];
        self.pairs.extend(
            named
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))),
        );
    }

    fn body_text(&mut self, text: BodyText<'_>) {
        let whole = if text.whole { "body_text" } else { "body_text_cut" };
        self.pairs.push(("media_type".to_owned(), text.media_type.to_owned()));
        self.pairs.push((whole.to_owned(), text.text.escape_ascii().to_string()));
    }
}
