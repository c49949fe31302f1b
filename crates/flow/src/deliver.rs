//! From a carrier's bytes to a conversation, and from a conversation's calls to the sink.

use std::{collections::VecDeque, sync::Arc};

use dissect::{
    Context, Conversation, Dissection, Done, Heritage, Inner, Lens, Limits, Next, Opening, Outlet,
    Pool, Secrets, Standing, Taught,
};
use hashbrown::HashMap;
use model::{
    Budget, Call, CallId, CallSink, Dir, Endpoint, Mark, Missing, Noticed, Pairing, Protocol, Side,
    Timestamp, Why,
};
use stream::End;

use crate::{
    conn::Recognised,
    detect::{Known, Memory, Piece, Question, Unknown},
    flow::{Names, Speech, Talk},
    lores::{self, Heard},
    shard::Name,
    tally::{Tally, count},
    unread::Reason,
};

/// Pieces that may change hands within one packet.
const CHANGES_MAX: u32 = 64;

/// What the flows of a shard share.
pub(crate) struct Commons {
    pub(crate) list: &'static [&'static Dissection],
    pub(crate) lenses: &'static [Lens],
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) pool: Pool,
    pub(crate) memory: Memory,
    pub(crate) counts: dissect::Counts,
    pub(crate) tally: Tally,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) inner: Inner,
    pub(crate) heritage: Heritage,
    /// What is known of servers, and what was learned in this round.
    pub(crate) known: lores::Known,
    pub(crate) heard: Heard,
    pub(crate) taught: Taught,
    /// By what datagrams of the flow that is being read are known.
    pub(crate) names: Vec<(lores::Server, Name)>,
    /// Streams inside the flow that is being read, found so far.
    pub(crate) found: u32,
    /// Connections whose clear text comes by another way than by their wire, and how many flows each has
    /// there.
    pub(crate) uncovered: HashMap<(Endpoint, Endpoint), u32>,
}

/// What was agreed on when a conversation was handed a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreed {
    /// The call by which.
    pub(crate) by: Option<CallId>,
    /// What is to be spoken inside.
    pub(crate) inside: Option<&'static Dissection>,
}

/// How much of a flow's beginning was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    /// Nothing that counts: not even who opened it is certain.
    Unseen,
    /// Who opened it; but not where both directions begin.
    Opener,
    /// The first byte of both directions.
    Seen,
}

/// Brings what one flow carries to what is said on it.
pub(crate) struct Deliver<'a> {
    pub(crate) talk: &'a mut Talk,
    pub(crate) commons: &'a mut Commons,
    pub(crate) sink: &'a mut dyn CallSink,
    pub(crate) order: u64,
    /// When the flow's packet before this one came.
    pub(crate) last_at: Timestamp,
    /// How much of the carrier's beginning was seen.
    pub(crate) start: Start,
    /// Why flows are flushed, when they are.
    pub(crate) flushed: Why,
    /// How many streams this one is inside of.
    pub(crate) depth: u8,
}

// === impl Outlet ===

impl stream::Outlet for Deliver<'_> {
    fn data(&mut self, dir: Dir, mark: Mark, bytes: &[u8]) {
        self.say(dir, mark, bytes, 0);
    }

    fn gap(&mut self, dir: Dir, mark: Mark, len: u64, why: Why) {
        self.lost(dir, mark, len, why);
    }

    fn doubt(&mut self, dir: Dir) {
        let side = self.talk.side(dir);
        if let Speech::Speaks(..) = self.talk.speech {
            self.converse(|talk, cx| talk.doubt(side, cx));
        }
    }

    fn end(&mut self, dir: Dir, mark: Mark, how: End) {
        let why = match how {
            End::Fin => Why::Closed,
            End::Reset => Why::Reset,
            End::Flushed => self.flushed,
        };
        self.ended(dir, mark, why);
    }
}

impl stream::Messages for Deliver<'_> {
    fn message(&mut self, dir: Dir, mark: Mark, protocol: u32, bytes: &[u8], cut: u32) {
        if !self.speaks(protocol, mark) {
            self.commons.tally.unknown_bytes += bytes.len() as u64;
            return;
        }
        self.say(dir, mark, bytes, 0);
        if cut > 0 {
            self.lost(dir, mark, cut.into(), Why::Snaplen);
        }
    }
}

// === impl Deliver ===

impl Deliver<'_> {
    /// `len` bytes that went `dir` are not there.
    pub(crate) fn lost(&mut self, dir: Dir, mark: Mark, len: u64, why: Why) {
        if let Some(watched) = self.talk.watched() {
            watched.watch.way(dir).lost_bytes += len;
        }
        let side = self.talk.side(dir);
        match &mut self.talk.speech {
            Speech::Unknown(unknown) => {
                unknown.gap(dir);
                unknown.settle(&mut self.commons.budget);
            }
            Speech::Speaks(..) => self.converse(|talk, cx| talk.gap(side, mark, len, why, cx)),
            Speech::Over => {}
        }
    }

    /// Nothing more goes `dir`, because of `why`.
    pub(crate) fn ended(&mut self, dir: Dir, mark: Mark, why: Why) {
        if why != Why::Closed {
            self.talk.ended.get_or_insert(why);
        }
        let side = self.talk.side(dir);
        if let Speech::Speaks(..) = self.talk.speech {
            self.converse(|talk, cx| talk.end(side, mark, why, cx));
        }
    }

    /// Bytes that go `dir`: of a stream in order, or one datagram.
    pub(crate) fn say(&mut self, dir: Dir, mark: Mark, bytes: &[u8], cut: u32) {
        let side = self.talk.side(dir);
        match &mut self.talk.speech {
            Speech::Speaks(..) => {
                let standing = self.converse(|talk, cx| talk.data(side, mark, bytes, cut, cx));
                if !matches!(standing, Standing::Ours) {
                    self.change(standing);
                }
            }
            Speech::Unknown(_) => self.detect(dir, mark, bytes, cut),
            Speech::Over => {}
        }
    }

    /// The flow is over: everything unfinished leaves.
    pub(crate) fn close(&mut self, mark: Mark) {
        let why = self.talk.ended.unwrap_or(Why::Closed);
        match &mut self.talk.speech {
            Speech::Speaks(..) => {
                self.converse(|talk, cx| talk.close(mark, why, cx));
                self.close_inside(mark);
            }
            Speech::Unknown(_) => {
                let last = self.commons.list.len();
                count(&mut self.commons.tally.flows, last);
                self.unread();
                if let Speech::Unknown(unknown) = &mut self.talk.speech {
                    unknown.gap(Dir::Ab);
                    unknown.gap(Dir::Ba);
                    unknown.settle(&mut self.commons.budget);
                }
            }
            Speech::Over => {}
        }
        self.talk.speech = Speech::Over;
    }

    /// The clock moved.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if let Speech::Speaks(..) = self.talk.speech {
            self.converse(|talk, cx| talk.tick(now, cx));
            self.tick_inside(now);
        }
    }

    /// When the conversation has something to do by itself.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.talk.deadline(&self.commons.limits)
    }

    /// Lets the conversation do something in its context. Only while the flow speaks.
    fn converse<R: Default>(
        &mut self,
        act: impl FnOnce(&mut dyn Conversation, &mut Context<'_>) -> R,
    ) -> R {
        let (client, server, transport) =
            (self.talk.client(), self.talk.server(), self.talk.key.transport);
        let Speech::Speaks(number, conversation) = &mut self.talk.speech else {
            return R::default();
        };
        let rare = self.talk.rare.as_deref();
        let names = rare.and_then(|rare| rare.translated.as_deref());
        let cover = rare.and_then(|rare| rare.cover.as_ref());
        let is_twin = cover.is_some()
            && !self.talk.key.is_under_cover()
            && self.commons.uncovered.contains_key(&(self.talk.key.a, self.talk.key.b));
        let named = (server, self.talk.key.scope);
        self.commons.taught.known = self.commons.known.of(named);
        let sealed = self.commons.counts.sealed_bytes;
        let Commons {
            lenses,
            limits,
            budget,
            pool,
            counts,
            tally,
            secrets,
            inner,
            heritage,
            taught,
            ..
        } = &mut *self.commons;
        let mut outlet = FlowOutlet {
            call: Call {
                protocol: conversation.protocol(),
                transport,
                client: names.map_or(client, |names| names.client),
                server: names.map_or(server, |names| names.server),
                translated: None,
                stream: self.talk.stream,
                birth: self.talk.birth,
                per_mille: self.talk.per_mille,
                inside: rare.map_or(0, |rare| rare.inside),
                cover,
                number: 0,
                order: self.order,
                source: self.talk.source,
                request: None,
                response: None,
                pairing: Pairing::OneWay,
                paired_by: None,
                missing: None,
                noticed: rare.and_then(|rare| rare.noticed),
                goes_on: false,
            },
            sink: self.sink,
            names,
            numbers: &mut self.talk.numbers,
            tally,
            spoken: *number,
            lenses,
            is_twin,
        };
        let outlet = &mut outlet;
        let mut cx =
            Context { limits, budget, pool, counts, secrets, inner, heritage, taught, outlet };
        let result = act(&mut **conversation, &mut cx);
        let sealed = self.commons.counts.sealed_bytes - sealed;
        if sealed > 0 && !is_twin {
            let is_first = !std::mem::replace(&mut self.talk.sealed, true);
            let what = (u64::from(is_first), sealed);
            let ledger = &mut self.commons.tally.unread;
            ledger.add(server, transport, Reason::Sealed, what, self.last_at);
        }
        if let Some(news) = self.commons.taught.news.take() {
            self.commons.heard.hear(self.order, named, news);
        }
        let names = self.commons.taught.names.drain(..);
        self.commons.names.extend(names.map(|name| (named, name)));
        if !self.commons.inner.is_empty() {
            self.deliver_inside();
        }
        result
    }

    fn detect(&mut self, dir: Dir, mark: Mark, bytes: &[u8], cut: u32) {
        let key = self.talk.key;
        let question = Question {
            list: self.commons.list,
            withdrawn: self.talk.withdrawn,
            dir,
            mark,
            bytes,
            transport: self.talk.transport(),
            from: (self.start != Start::Unseen).then(|| self.talk.side(dir)),
            likely: self.talk.side(dir),
            src: key.src(dir),
            dst: key.dst(dir),
            from_start: self.start == Start::Seen,
        };
        let Speech::Unknown(unknown) = &mut self.talk.speech else { return };
        let known = if question.transport.is_ordered() {
            unknown.stream(&question, &mut self.commons.memory)
        } else {
            unknown.datagram(&question, &mut self.commons.memory)
        };
        unknown.settle(&mut self.commons.budget);
        match known {
            Some(known) => self.begin(known, Piece { dir, mark, bytes: Vec::new() }, bytes, cut),
            None => {
                self.commons.tally.unknown_bytes += bytes.len() as u64;
                if unknown.is_to_be_booked() {
                    self.unread();
                }
            }
        }
    }

    /// Books what nobody read of a flow that is not recognised.
    fn unread(&mut self) {
        let (server, transport) = (self.talk.server(), self.talk.transport());
        let Speech::Unknown(unknown) = &mut self.talk.speech else { return };
        let Some((is_first, bytes)) = unknown.take_unread() else { return };
        let reason = match (unknown.is_gapped(), self.start, transport) {
            (true, ..) => Reason::Gap,
            (false, Start::Seen, _) | (.., model::Transport::Udp) => Reason::Unknown,
            (false, ..) => Reason::JoinedLate,
        };
        let what = (u64::from(is_first), bytes);
        self.commons.tally.unread.add(server, transport, reason, what, self.last_at);
    }

    /// What is spoken was recognised in `bytes`.
    fn begin(&mut self, known: Known, at: Piece, bytes: &[u8], cut: u32) {
        self.talk.client = if known.from == Side::Client { at.dir } else { at.dir.flip() };
        let mut conversation =
            (self.commons.list[usize::from(known.protocol)].open)(&self.opening(&[]));
        if !known.from_start {
            let why = if known.gapped { Why::Gap } else { Why::CaptureStart };
            conversation.joined_late(self.quiet_since(at.mark, known.gapped), why);
        }
        count(&mut self.commons.tally.flows, usize::from(known.protocol));
        let how = if known.from_start { Recognised::Start } else { Recognised::Midst };
        self.recognised(conversation.protocol(), how);
        self.talk.speech = Speech::Speaks(known.protocol, conversation);
        for piece in known.held {
            self.say(piece.dir, piece.mark, &piece.bytes, 0);
        }
        self.say(at.dir, at.mark, bytes, cut);
    }

    /// Since when the flow was silent before the packet at `mark`. That nothing was seen of it before
    /// is no silence: what was lost was not seen either.
    fn quiet_since(&self, mark: Mark, gapped: bool) -> Timestamp {
        let is_first = self.order == order_of(self.talk.stream);
        if gapped || is_first { mark.at } else { self.last_at }
    }

    /// The flow speaks something else from here on, or never spoke what we took it for.
    fn change(&mut self, standing: Standing) {
        let mut pending = VecDeque::from(self.hand_over(&standing));
        for _ in 0..CHANGES_MAX {
            let Some(piece) = pending.pop_front() else { return };
            if let Speech::Unknown(_) = self.talk.speech {
                self.detect(piece.dir, piece.mark, &piece.bytes, 0);
                continue;
            }
            let side = self.talk.side(piece.dir);
            let next = self.converse(|talk, cx| talk.data(side, piece.mark, &piece.bytes, 0, cx));
            if !matches!(next, Standing::Ours) {
                self.hand_over(&next).into_iter().rev().for_each(|left| pending.push_front(left));
            }
        }
        let lost: usize = pending.iter().map(|piece| piece.bytes.len()).sum();
        self.commons.counts.skipped_bytes += lost as u64;
        for piece in pending {
            self.lost(piece.dir, piece.mark, piece.bytes.len() as u64, Why::Budget);
        }
    }

    /// Ends the conversation and begins the next; what it had not read.
    fn hand_over(&mut self, standing: &Standing) -> Vec<Piece> {
        let mut rest = Vec::new();
        for dir in [self.talk.client, self.talk.client.flip()] {
            let side = self.talk.side(dir);
            let left = self.converse(|talk, cx| talk.leftover(side, cx));
            if !left.bytes.is_empty() {
                rest.push(Piece { dir, mark: left.mark, bytes: left.bytes });
            }
        }
        let inside = self.talk.rare.as_ref().map_or(0, |rare| rare.inside);
        let by = self.commons.heritage.by.take();
        let by = by.map(|number| self.talk.call_id(inside, number));
        let agreed = Agreed { by, ..Agreed::default() };
        let mark = Mark { at: self.last_at, frame: 0 };
        self.converse(|talk, cx| talk.close(mark, Why::Closed, cx));
        self.talk.numbers.0 = self.talk.numbers.1;
        let Speech::Speaks(number, _) = self.talk.speech else { return rest };
        self.talk.speech = match standing {
            Standing::Becomes(Next::Speak(dissection)) => self.spoken(dissection, agreed),
            Standing::Becomes(Next::Within(name)) => self.named(
                name.as_bytes(),
                Agreed { inside: self.commons.list.get(usize::from(number)).copied(), by },
            ),
            Standing::Becomes(Next::Named(name)) => self.named(name.as_bytes(), agreed),
            Standing::Becomes(Next::Bequeathed) => {
                let name = std::mem::take(&mut self.commons.heritage.name);
                self.named(&name, agreed)
            }
            Standing::Becomes(Next::Detect) => Speech::Unknown(Unknown::default()),
            Standing::NotOurs | Standing::Ours => {
                self.talk.watched().into_iter().for_each(|watched| watched.spoken = None);
                self.talk.withdrawn |= 1 << (number & 63);
                self.commons.tally.withdrawn += 1;
                Speech::Unknown(Unknown::joined_late())
            }
        };
        // What nobody took is nobody's.
        self.commons.heritage.bytes.clear();
        rest
    }

    fn spoken(&mut self, dissection: &'static Dissection, agreed: Agreed) -> Speech {
        let number = self.commons.list.iter().position(|known| std::ptr::eq(*known, dissection));
        let number = number.and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX);
        count(&mut self.commons.tally.flows, usize::from(number));
        let heritage = std::mem::take(&mut self.commons.heritage.bytes);
        self.recognised(dissection.protocol, Recognised::Named);
        Speech::Speaks(
            number,
            (dissection.open)(&Opening {
                by: agreed.by,
                inside: agreed.inside,
                ..self.opening(&heritage)
            }),
        )
    }

    /// Whether a message that its sender calls `protocol` (0: says nothing) is for what is spoken; the
    /// first one of a protocol that is known decides that.
    fn speaks(&mut self, protocol: u32, mark: Mark) -> bool {
        let known = |one: &Dissection| one.names.iter().any(|name| is_payload(name, protocol));
        match &self.talk.speech {
            _ if protocol == 0 => true,
            Speech::Speaks(number, _) => known(self.commons.list[usize::from(*number)]),
            Speech::Unknown(_) => {
                let Some(dissection) = self.commons.list.iter().find(|one| known(one)) else {
                    return false;
                };
                self.talk.speech = self.spoken(dissection, Agreed::default());
                if self.start != Start::Seen
                    && let Speech::Speaks(_, conversation) = &mut self.talk.speech
                {
                    conversation.joined_late(mark.at, Why::CaptureStart);
                }
                true
            }
            Speech::Over => true,
        }
    }

    /// What the flow speaks.
    fn recognised(&mut self, protocol: &'static Protocol, how: Recognised) {
        if let Some(watched) = self.talk.watched() {
            watched.spoken = Some((protocol.name, how));
        }
    }

    /// What is known under this name, agreed on by a call.
    pub(crate) fn named(&mut self, name: &[u8], agreed: Agreed) -> Speech {
        let known = |one: &&&Dissection| {
            one.names.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
        };
        match self.commons.list.iter().find(known) {
            Some(dissection) => self.spoken(dissection, agreed),
            None => Speech::Unknown(Unknown::default()),
        }
    }

    fn opening<'h>(&self, heritage: &'h [u8]) -> Opening<'h> {
        Opening { transport: self.talk.transport(), heritage, by: None, inside: None }
    }
}

/// Adds who talked to what a conversation finished.
struct FlowOutlet<'a> {
    call: Call<'a>,
    names: Option<&'a Names>,
    sink: &'a mut dyn CallSink,
    numbers: &'a mut (u64, u64),
    tally: &'a mut Tally,
    /// Number in the list of what is spoken.
    spoken: u8,
    lenses: &'static [Lens],
    /// The same calls are told by the flow that has the connection's clear text.
    is_twin: bool,
}

impl Outlet for FlowOutlet<'_> {
    fn done(&mut self, done: &Done<'_>) {
        if self.is_twin {
            return;
        }
        let mut lenses = self.lenses.iter().filter(|lens| std::ptr::eq(lens.over, done.protocol));
        let seen = lenses.find_map(|lens| (lens.sees)(done.request, done.response));
        if !done.goes_on {
            let calls = match seen {
                Some(protocol) => self.tally.seen_as(protocol),
                None => self.tally.spoken(self.spoken),
            };
            calls[done.pairing as usize] += 1;
        }
        let noticed = self.call.noticed.filter(|noticed| concerns(noticed, done));
        let number = self.numbers.0 + done.number;
        self.numbers.1 = self.numbers.1.max(number);
        let (client, server) = match done.asker {
            Side::Client => (self.call.client, self.call.server),
            Side::Server => (self.call.server, self.call.client),
        };
        self.sink.call(&Call {
            protocol: seen.unwrap_or(done.protocol),
            client,
            server,
            translated: self.names.map(|names| &names.others[done.asker as usize]),
            number,
            request: done.request,
            response: done.response,
            pairing: done.pairing,
            paired_by: done.paired_by,
            missing: told_of(done, noticed),
            noticed,
            goes_on: done.goes_on,
            ..self.call
        });
    }
}

/// Whether it was said while the call was under way.
fn concerns(noticed: &Noticed, done: &Done<'_>) -> bool {
    let asked = done.request.map(|request| request.first.at);
    let answered = done.response.map(|response| response.last.at);
    asked.is_none_or(|at| at <= noticed.at) && answered.is_none_or(|at| noticed.at <= at)
}

/// What is missing of a call of whose flow this was said.
fn told_of(done: &Done<'_>, noticed: Option<Noticed>) -> Option<Missing> {
    let why = match noticed {
        Some(noticed) if noticed.notice.says.is_final() => Why::Unreachable,
        _ => return done.missing,
    };
    match done.missing {
        Some(missing) if done.pairing == Pairing::Unanswered => Some(Missing { why, ..missing }),
        missing => missing,
    }
}

/// Whether this name is that of a payload protocol identifier of SCTP: `ppid-46`.
fn is_payload(name: &str, protocol: u32) -> bool {
    name.strip_prefix("ppid-").and_then(|number| number.parse().ok()) == Some(protocol)
}

/// The place in the order of what the packet with this ordinal finishes.
pub(crate) fn order_of(ordinal: u64) -> u64 {
    ordinal * 2 + 1
}
