//! Reads both sides of a connection, frame by frame.

use std::collections::BTreeMap;

use dissect::{Dissector, Found, Next, Pair, Role, Sink, Step};
use model::{Side, Why};

use super::{
    chain,
    composite::{
        ATTACH, BEGIN, CLOSE, DETACH, DISPOSITION, END, FLOW, Fields, OPEN, SASL_CHALLENGE,
        SASL_INIT, SASL_MECHANISMS, SASL_OUTCOME, SASL_RESPONSE, TRANSFER,
    },
    frame::{Frame, HELLO, HELLO_LEN, Halt, Layer, layer},
    link::{Attach, Delivery},
    payload::{Part, Payload},
    record::{self, About},
    roles::{Pending, answers, asks, begin, both},
    session::{Gone, Leaving, NOBODY, Session, lane},
    settle::Disposition,
    transfer::{self, Place, Transfer},
};
use crate::amqp;

/// Sessions followed on one connection.
const SESSIONS_MAX: usize = 1 << 10;
/// The state is charged in steps of this many bytes; what is less than one is not.
const CHARGE_STEP: usize = 4 << 10;

/// Both sides of a connection.
#[derive(Debug, Default)]
pub struct Talk {
    sessions: BTreeMap<u32, Session>,
    /// The session of each channel, by its sender.
    channels: [BTreeMap<u16, u32>; 2],
    payloads: [Option<Payload>; 2],
    /// The layer that the client asked for, until the server has answered.
    asked: Option<Layer>,
    opening: Pending,
    closing: Pending,
    login: Pending,
    challenge: Pending,
    last_id: u64,
    last_session: u32,
    leaving: Leaving,
    charged: usize,
}

/// A performative, read.
#[derive(Clone, Copy)]
struct Told<'b> {
    from: Side,
    frame: Frame,
    performative: &'b [u8],
    fields: Fields<'b>,
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let step = self.step(from, input, sink);
        if let Step::Took(_) | Step::Part { .. } = step
            && let Some(gone) = self.leaving.pop_front()
        {
            sink.abandon(gone.lane, gone.id, gone.why);
        }
        step
    }

    fn lost(&mut self, from: Side) {
        self.payloads[from as usize] = None;
        // The answer may be among it: what comes then is another one. Servers that break down close a
        // connection twice.
        let once = [&mut self.opening, &mut self.closing, &mut self.login];
        let once = once.into_iter().filter_map(|pending| pending.take_if(|(by, _)| *by != from));
        // Of these there may be several, and the one that is answered is among it.
        for (_, id) in once.chain(self.challenge.take()) {
            self.leaving.push_back(Gone { lane: NOBODY, id, why: Why::Gap });
        }
        let leaving = &mut self.leaving;
        self.sessions.retain(|_, session| {
            let is_sure = session.lose(from, leaving);
            if !is_sure {
                session.over(Why::Gap, leaving);
            }
            is_sure
        });
        let known = &self.sessions;
        self.channels.iter_mut().for_each(|map| map.retain(|_, key| known.contains_key(key)));
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        chain::find(from, input)
    }
}

// === impl Talk: frames ===

impl Talk {
    fn step(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if let Some(payload) = &mut self.payloads[from as usize] {
            if payload.left > 0 {
                let step = payload.read(input, 0, sink);
                self.payload_read(from);
                return step;
            }
            self.payloads[from as usize] = None;
        }
        if input.first() == Some(&b'A') {
            return self.hello(from, input, sink);
        }
        if from == Side::Client && self.asked == Some(Layer::Tls) {
            return Step::Wait;
        }
        self.frame(from, input, sink).unwrap_or_else(|halt| match halt {
            Halt::Short(need) => Step::Need(need),
            Halt::Bad => Step::Lost,
        })
    }

    /// §2.2: both sides say what they want to speak; a server that wants something else says that.
    fn hello(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if input.iter().zip(HELLO).any(|(have, want)| have != want) {
            return Step::Lost;
        }
        let Some(hello) = input.get(..HELLO_LEN) else { return Step::Need(HELLO_LEN) };
        let layer = layer(hello);
        sink.turn_to(NOBODY);
        if from == Side::Client {
            if layer.is_none() {
                return Step::Lost;
            }
            self.asked = layer;
            self.forget_sessions(Why::Closed);
            return Step::Took(HELLO_LEN);
        }
        match self.asked.take() {
            asked if asked.is_some() && asked != layer || layer.is_none() => {
                sink.begin_as(Role::Asks, Pair::OneWay);
                amqp::record::write_refusal(hello, sink);
                sink.finish();
            }
            Some(Layer::Tls) => {
                return Step::Become { took: HELLO_LEN, next: Next::Within("tls") };
            }
            _ => {}
        }
        Step::Took(HELLO_LEN)
    }

    fn frame(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let frame = Frame::of(input)?;
        let performative = frame.performative(input)?;
        if performative.is_empty() {
            sink.turn_to(NOBODY);
            return Ok(Step::Took(frame.size));
        }
        let fields = Fields::of(performative).ok_or(Halt::Bad)?;
        let code = fields.composite.code;
        let told = Told { from, frame, performative, fields };
        if code == TRANSFER && !frame.is_sasl {
            return self.transfer(told, input, sink);
        }
        // Only transfers have a payload.
        if frame.body + performative.len() != frame.size {
            return Err(Halt::Bad);
        }
        sink.turn_to(NOBODY);
        match (code, frame.is_sasl) {
            (OPEN, false) => both(&mut self.opening, &mut self.last_id, from, sink),
            (CLOSE, false) => self.close(told, sink),
            (BEGIN, false) => self.begin(told, sink),
            (END, false) => self.end_session(told, sink),
            (ATTACH, false) => return self.attach(told, sink),
            (DETACH, false) => return self.detach(told, sink),
            (FLOW, false) => return Ok(self.flow(told, sink)),
            (DISPOSITION, false) => return Ok(self.disposition(told, sink)),
            (SASL_MECHANISMS..=SASL_OUTCOME, true) => self.sasl(code, from, sink)?,
            _ => return Err(Halt::Bad),
        }
        self.charge(sink);
        Ok(write(told, About::default(), sink))
    }
}

// === impl Talk: the connection ===

impl Talk {
    /// Part 5 §5.3: the server offers, the client chooses, the server judges; in between it may ask.
    fn sasl(&mut self, code: u64, from: Side, sink: &mut Sink<'_, '_>) -> Result<(), Halt> {
        let by_client = matches!(code, SASL_INIT | SASL_RESPONSE);
        if by_client != (from == Side::Client) {
            return Err(Halt::Bad);
        }
        self.last_id += 1;
        let id = self.last_id;
        let asked = match code {
            SASL_INIT => &mut self.login,
            SASL_CHALLENGE => &mut self.challenge,
            SASL_OUTCOME | SASL_RESPONSE => {
                let asked = if by_client { self.challenge.take() } else { self.login.take() };
                begin(answers(from), Pair::Id(asked.map_or(id, |(_, id)| id)), sink);
                return Ok(());
            }
            _ => {
                begin(asks(from), Pair::OneWay, sink);
                return Ok(());
            }
        };
        if let Some((_, id)) = asked.replace((from, id)) {
            self.leaving.push_back(Gone { lane: NOBODY, id, why: Why::Gap });
        }
        begin(asks(from), Pair::Id(id), sink);
        Ok(())
    }

    fn close(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        both(&mut self.closing, &mut self.last_id, told.from, sink);
        self.forget_sessions(Why::Closed);
    }

    fn forget_sessions(&mut self, why: Why) {
        for (_, mut session) in std::mem::take(&mut self.sessions) {
            session.over(why, &mut self.leaving);
        }
        self.channels = [BTreeMap::new(), BTreeMap::new()];
    }

    /// Charges what is known of the sessions; what the budget refuses is forgotten.
    fn charge(&mut self, sink: &mut Sink<'_, '_>) {
        let weight: usize = self.sessions.values().map(Session::weight).sum();
        let steps = weight / CHARGE_STEP * CHARGE_STEP;
        if steps == self.charged {
            return;
        }
        if sink.hold(steps) {
            self.charged = steps;
        } else {
            self.forget_sessions(Why::Budget);
        }
    }
}

// === impl Talk: sessions ===

impl Talk {
    /// §2.5.1: who names the other's channel answers.
    fn begin(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let (from, channel) = (told.from, told.frame.channel);
        let [remote] = told.fields.first();
        self.last_id += 1;
        let id = self.last_id;
        let Some(remote) = remote.uint().and_then(|remote| u16::try_from(remote).ok()) else {
            self.forget_session(from, channel, Why::Gap);
            begin(asks(from), Pair::Id(id), sink);
            if let Some(session) = self.session(from, channel) {
                session.is_known = true;
                session.beginning = Some((from, id));
            } else {
                self.leaving.push_back(Gone { lane: NOBODY, id, why: Why::Budget });
            }
            return;
        };
        let key = self.channels[from.other() as usize].get(&remote).copied();
        if self.channels[from as usize].get(&channel).copied() != key || key.is_none() {
            self.forget_session(from, channel, Why::Gap);
        }
        let beginning = self.session(from.other(), remote).and_then(|session| {
            session.is_known = true;
            session.channels[from as usize] = Some(channel);
            session.beginning.take()
        });
        if let Some(key) = self.channels[from.other() as usize].get(&remote) {
            self.channels[from as usize].insert(channel, *key);
        }
        begin(answers(from), Pair::Id(beginning.map_or(id, |(_, id)| id)), sink);
    }

    /// §2.5.5. Nothing but the other's end follows.
    fn end_session(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let (from, channel) = (told.from, told.frame.channel);
        let found = self.known(from, channel).map(|session| {
            (session.ending.take(), session.is_known && !session.has_lost(from.other()))
        });
        match found {
            Some((Some((by, id)), _)) if by != from => {
                begin(answers(from), Pair::Id(id), sink);
                self.forget_session(from, channel, Why::Closed);
            }
            Some((_, true)) => {
                self.last_id += 1;
                let id = self.last_id;
                begin(asks(from), Pair::Id(id), sink);
                let Self { sessions, channels, leaving, .. } = self;
                let key = channels[from as usize].get(&channel);
                if let Some(session) = key.and_then(|key| sessions.get_mut(key)) {
                    session.ending = Some((from, id));
                    session.forget_deliveries(Why::Closed, leaving);
                }
            }
            _ => {
                begin(asks(from), Pair::OneWay, sink);
                self.forget_session(from, channel, Why::Closed);
            }
        }
    }

    /// The session that `from` sends on a channel; one that was not begun is not known.
    fn session(&mut self, from: Side, channel: u16) -> Option<&mut Session> {
        if let Some(key) = self.channels[from as usize].get(&channel) {
            return self.sessions.get_mut(key);
        }
        if self.sessions.len() >= SESSIONS_MAX {
            return None;
        }
        self.last_session = self.last_session.wrapping_add(1);
        self.channels[from as usize].insert(channel, self.last_session);
        let session = self.sessions.entry(self.last_session);
        Some(session.or_insert_with(|| Session::on(from, channel)))
    }

    /// The same, if there is one.
    fn known(&mut self, from: Side, channel: u16) -> Option<&mut Session> {
        self.sessions.get_mut(self.channels[from as usize].get(&channel)?)
    }

    fn forget_session(&mut self, from: Side, channel: u16, why: Why) {
        let Some(key) = self.channels[from as usize].remove(&channel) else { return };
        let Some(mut session) = self.sessions.remove(&key) else { return };
        session.over(why, &mut self.leaving);
        if let Some(other) = session.channels[from.other() as usize] {
            let map = &mut self.channels[from.other() as usize];
            if map.get(&other) == Some(&key) {
                map.remove(&other);
            }
        }
    }
}

// === impl Talk: links ===

impl Talk {
    /// §2.6.1: the other end has the same name and the other role.
    fn attach(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let Told { from, frame, fields, .. } = told;
        let attach = Attach::of(from, fields).ok_or(Halt::Bad)?;
        self.join(from, frame.channel, attach);
        self.last_id += 1;
        let id = self.last_id;
        let key = self.session_key(from, frame.channel);
        let session = key.and_then(|key| self.sessions.get_mut(&key));
        let Some(session) = session else {
            begin(asks(from), Pair::OneWay, sink);
            return Ok(write(told, About { channel: frame.channel, ..About::default() }, sink));
        };
        let channel = frame.channel;
        if let Some(link) = session.awaited(from, attach) {
            let asked = link.attaching.take().map_or(id, |(_, id)| id);
            link.attach(from, attach);
            begin(answers(from), Pair::Id(asked), sink);
        } else {
            begin(asks(from), Pair::Id(id), sink);
            match session.add(from, attach, &mut self.leaving) {
                Some(link) => link.attaching = Some((from, id)),
                None => self.leaving.push_back(Gone { lane: NOBODY, id, why: Why::Budget }),
            }
        }
        let link = session.link(from, attach.handle);
        let about = link.map_or(About { channel, ..About::default() }, |link| link.about(channel));
        let step = write(told, about, sink);
        self.charge(sink);
        Ok(step)
    }

    /// A link's name is the only one of its kind between two containers (§2.6.1): two channels of which
    /// it was not known that they are one session are, if it is attached on both.
    fn join(&mut self, from: Side, channel: u16, attach: Attach<'_>) {
        let here =
            self.known(from, channel).map(|s| (s.is_known, s.awaited(from, attach).is_some()));
        if here.is_some_and(|(is_known, is_awaited)| is_known || is_awaited) {
            return;
        }
        let there = self.sessions.iter_mut().find_map(|(key, session)| {
            let joins = !session.is_known && session.channels[from as usize].is_none();
            (joins && session.awaited(from, attach).is_some()).then_some(*key)
        });
        let Some(key) = there else { return };
        self.forget_session(from, channel, Why::Gap);
        self.channels[from as usize].insert(channel, key);
        if let Some(session) = self.sessions.get_mut(&key) {
            session.channels[from as usize] = Some(channel);
            session.is_known = true;
        }
    }

    fn session_key(&mut self, from: Side, channel: u16) -> Option<u32> {
        self.session(from, channel)?;
        self.channels[from as usize].get(&channel).copied()
    }

    /// §2.6.4.
    fn detach(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let Told { from, frame, fields, .. } = told;
        let [handle] = fields.first();
        let handle = handle.uint().ok_or(Halt::Bad)?;
        self.last_id += 1;
        let id = self.last_id;
        let channel = frame.channel;
        let key = self.channels[from as usize].get(&channel).copied();
        let Self { sessions, leaving, .. } = self;
        let unknown = About { channel, ..About::default() };
        let Some(session) = key.and_then(|key| sessions.get_mut(&key)) else {
            begin(asks(from), Pair::OneWay, sink);
            return Ok(write(told, unknown, sink));
        };
        let is_sure = session.is_known && !session.has_lost(from.other());
        let Some(link) = session.link(from, handle) else {
            begin(asks(from), Pair::OneWay, sink);
            return Ok(write(told, unknown, sink));
        };
        let waits = is_sure && link.is_known();
        let stays = match link.detaching.take() {
            Some((by, asked)) if by != from => {
                begin(answers(from), Pair::Id(asked), sink);
                false
            }
            _ if waits => {
                link.detaching = Some((from, id));
                begin(asks(from), Pair::Id(id), sink);
                true
            }
            _ => {
                begin(asks(from), Pair::OneWay, sink);
                false
            }
        };
        let step = write(told, link.about(channel), sink);
        if !stays {
            session.remove(from, handle, Why::Closed, leaving);
        }
        self.charge(sink);
        Ok(step)
    }

    /// §2.7.4: of a session, or of one of its links.
    fn flow(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
        let channel = told.frame.channel;
        let [_, _, _, _, handle] = told.fields.first();
        begin(asks(told.from), Pair::OneWay, sink);
        let session = self.known(told.from, channel);
        let link = handle.uint().and_then(|handle| session?.link(told.from, handle));
        let unknown = About { channel, ..About::default() };
        write(told, link.map_or(unknown, |link| link.about(channel)), sink)
    }
}

// === impl Talk: messages ===

impl Talk {
    /// A transfer, and what has to be remembered of it.
    fn transfer(
        &mut self,
        told: Told<'_>,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (from, channel) = (told.from, told.frame.channel);
        let before = self.room(from, channel);
        let step = self.send(told, input, sink);
        if self.room(from, channel) != before {
            self.charge(sink);
        }
        step
    }

    fn room(&mut self, from: Side, channel: u16) -> (usize, usize) {
        (self.sessions.len(), self.known(from, channel).map_or(0, |session| session.room()))
    }

    /// §2.7.5: a message is one transfer or more.
    fn send(
        &mut self,
        told: Told<'_>,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let Told { from, frame, performative, fields } = told;
        let at = frame.body + performative.len();
        let transfer = Transfer::of(frame, at, fields).ok_or(Halt::Bad)?;
        let mut payload = Payload {
            left: frame.size.checked_sub(at).ok_or(Halt::Bad)?,
            part: Part::Stray,
            ends: transfer.is_last(),
            is_secret: false,
            lane: lane(from, frame.channel, transfer.handle),
        };
        sink.turn_to(payload.lane);
        let key = self.session_key(from, frame.channel);
        let Self { sessions, leaving, last_id, .. } = self;
        let session = key.and_then(|key| sessions.get_mut(&key));
        let Some(session) = session else { return Ok(self.pass(payload, from, input, at, sink)) };
        let Some(link) = session.link_to_send(from, transfer.handle) else {
            return Ok(self.pass(payload, from, input, at, sink));
        };
        let mut delivery = match transfer.place(link, sink.is_open(), input)? {
            Place::GoesOn(delivery) => delivery,
            Place::Breaks => {
                link.break_off();
                sink.finish();
                return Ok(Step::Took(0));
            }
            Place::Begins(delivery) => {
                *last_id += 1;
                let awaits = !transfer.is_settled && !transfer.is_aborted;
                let awaits = awaits && session.send(from, delivery.id, *last_id);
                let pair = awaits.then_some(*last_id);
                begin(asks(from), pair.map_or(Pair::OneWay, Pair::Id), sink);
                Delivery { pair, ..delivery }
            }
        };
        if let Some(id) = delivery.pair.filter(|_| transfer.is_aborted) {
            session.abort(from, id);
            leaving.push_back(Gone { lane: NOBODY, id, why: Why::Reset });
            delivery.pair = None;
        }
        let Some(link) = session.link(from, transfer.handle) else { return Err(Halt::Bad) };
        if sink.is_open() && sink.recorded().is_empty() {
            record::write(link.about(frame.channel), performative, sink);
        }
        transfer::leave(link, transfer, delivery, sink);
        payload.part = delivery.part;
        payload.is_secret = link.is_secret();
        Ok(self.pass(payload, from, input, at, sink))
    }

    /// Reads the payload as far as it is there.
    fn pass(
        &mut self,
        mut payload: Payload,
        from: Side,
        input: &[u8],
        at: usize,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let step = payload.read(input, at, sink);
        self.payloads[from as usize] = Some(payload);
        self.payload_read(from);
        step
    }

    /// At the end of a frame, what comes next is remembered for the message's next one.
    fn payload_read(&mut self, from: Side) {
        let Some(payload) = self.payloads[from as usize].filter(|payload| payload.left == 0) else {
            return;
        };
        let channel = u16::try_from(payload.lane >> 32 & 0xffff).unwrap_or(0);
        let handle = u32::try_from(payload.lane & u64::from(u32::MAX)).unwrap_or(0);
        let link = self.known(from, channel).and_then(|session| session.link(from, handle));
        if let Some(delivery) = link.and_then(|link| link.delivery.as_mut()) {
            delivery.part = payload.part;
        }
    }

    /// One disposition may settle many messages: it answers one in each call, and is taken with the
    /// last.
    fn disposition(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
        let from = told.from;
        let about = About { channel: told.frame.channel, ..About::default() };
        let disposition = Disposition::of(from, told.fields);
        let Self { sessions, channels, leaving, .. } = self;
        let key = channels[from as usize].get(&told.frame.channel);
        let session = key.and_then(|key| sessions.get_mut(key));
        if let (Some(disposition), Some(session)) = (disposition, session) {
            let Disposition { sender, first, last, .. } = disposition;
            while disposition.is_forgotten
                && let Some((id, _)) = session.settle(sender, first, last)
            {
                leaving.push_back(Gone { lane: NOBODY, id, why: Why::Closed });
            }
            if disposition.is_answer
                && let Some((id, more)) = session.settle(sender, first, last)
            {
                begin(answers(from), Pair::Id(id), sink);
                let whole = write(told, about, sink);
                return if more { Step::Took(0) } else { whole };
            }
        }
        begin(asks(from), Pair::OneWay, sink);
        write(told, about, sink)
    }
}

/// A performative that stands alone.
fn write(told: Told<'_>, about: About<'_>, sink: &mut Sink<'_, '_>) -> Step {
    record::write(about, told.performative, sink);
    sink.finish();
    Step::Took(told.frame.size)
}
