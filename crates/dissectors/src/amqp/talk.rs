//! Reads both sides of a connection, frame by frame.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use dissect::{Dissector, Found, Pair, Role, Sink, Step};
use model::{Side, Why};

use super::{
    args::Value,
    chain,
    channel::{Asked, Channel, Content, Leaving, answers, asks},
    fields::At,
    frame::{END, Frame, HEAD, HELLO, HELLO_LEN, Halt, Type, is_hello},
    method::{self, Flow, Method},
    properties::Header,
    record,
};

/// The lane of what belongs to no message.
const NOBODY: u64 = u64::MAX;
/// Channels followed on one connection; brokers allow two thousand.
const CHANNELS_MAX: usize = 8 << 10;
/// What a channel is charged for itself.
const CHANNEL_COST: usize = size_of::<(u16, Channel)>() + 32;
/// The state is charged in steps of this many bytes; what is less than one is not.
const CHARGE_STEP: usize = 4 << 10;

/// Both sides of a connection.
#[derive(Debug, Default)]
pub struct Talk {
    channels: BTreeMap<u16, Channel>,
    ends: [Ends; 2],
    /// The last id given to a call.
    last_id: u64,
    leaving: Leaving,
    /// Bytes of the channels, and how many of them are charged.
    weight: usize,
    charged: usize,
}

/// What comes next from one side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Ends {
    #[default]
    Frame,
    /// The octet behind a part of a message.
    Part,
    /// The octet behind the last part.
    Message,
}

/// A method, read.
#[derive(Clone, Copy)]
struct Told<'b> {
    from: Side,
    channel: u16,
    method: &'static Method,
    args: &'b [u8],
    payload: &'b [u8],
    whole: usize,
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let step = self.step(from, input, sink);
        if let Step::Took(_) | Step::Part { .. } = step
            && let Some((id, why)) = self.leaving.pop_front()
        {
            sink.abandon(NOBODY, id, why);
        }
        step
    }

    fn lost(&mut self, from: Side) {
        for channel in self.channels.values_mut() {
            channel.lost(from, &mut self.leaving);
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.ends[from as usize] = Ends::Frame;
        chain::find(from, input)
    }
}

// === impl Talk: frames ===

impl Talk {
    /// The next frame, or what is left of it.
    fn step(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.ends[from as usize] != Ends::Frame {
            return self.end_of_part(from, input, sink);
        }
        if input.first() == Some(&b'A') {
            return self.hello(from, input, sink);
        }
        let read = Frame::of(input).and_then(|frame| match frame.kind {
            Type::Method => self.method(from, frame, input, sink),
            Type::Header => self.header(from, frame, input, sink),
            Type::Body => self.body(from, frame, input, sink),
            Type::Heartbeat => pass_by(frame, input, sink),
        });
        read.unwrap_or_else(|halt| match halt {
            Halt::Short(need) => Step::Need(need),
            Halt::Bad => Step::Lost,
        })
    }

    /// §4.2.2: the client begins with it; a server that wants another version sends its own.
    fn hello(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if input.iter().zip(HELLO).any(|(have, want)| have != want) {
            return Step::Lost;
        }
        let Some(hello) = input.get(..HELLO_LEN) else { return Step::Need(HELLO_LEN) };
        sink.turn_to(NOBODY);
        if from == Side::Server {
            sink.begin_as(Role::Asks, Pair::OneWay);
            record::write_refusal(hello, sink);
            sink.finish();
        } else if !is_hello(hello) {
            return Step::Lost;
        }
        for (_, mut channel) in std::mem::take(&mut self.channels) {
            channel.closed(&mut self.leaving);
        }
        self.weight = 0;
        self.channels.insert(0, Channel::opened());
        Step::Took(HELLO_LEN)
    }

    fn end_of_part(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let ends = std::mem::take(&mut self.ends[from as usize]);
        if input.first() != Some(&END) {
            return Step::Lost;
        }
        if ends == Ends::Message {
            sink.finish();
        }
        Step::Took(1)
    }

    /// The header of a message (§4.2.6.1).
    fn header(
        &mut self,
        from: Side,
        frame: Frame,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let payload = frame.payload(input)?;
        let content = self.channels.get_mut(&frame.channel).map(|c| &mut c.contents[from as usize]);
        let Some(content @ Content::Header) = content else {
            return pass_by(frame, input, sink);
        };
        let header = Header::of(payload).ok_or(Halt::Bad)?;
        sink.turn_to(frame.channel.into());
        record::write_header(payload, sink);
        *content = Content::Body(header.size);
        if header.size == 0 {
            *content = Content::None;
            sink.finish();
        }
        Ok(Step::Took(frame.whole()))
    }

    /// A part of a message (§4.2.6.2).
    fn body(
        &mut self,
        from: Side,
        frame: Frame,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let size = u64::from(frame.size);
        if size == 0 {
            return pass_by(frame, input, sink);
        }
        let content = self.channels.get_mut(&frame.channel).map(|c| &mut c.contents[from as usize]);
        let ends = &mut self.ends[from as usize];
        *ends = Ends::Part;
        match content {
            Some(Content::Body(left)) if *left < size => {
                *ends = Ends::Frame;
                return Err(Halt::Bad);
            }
            Some(content @ Content::Body(_)) => {
                sink.turn_to(frame.channel.into());
                let Content::Body(left) = *content else { return Err(Halt::Bad) };
                *content = Content::Body(left - size);
                if left == size {
                    *content = Content::None;
                    *ends = Ends::Message;
                }
            }
            _ => sink.turn_to(NOBODY),
        }
        Ok(Step::Part { head: HEAD, body: size })
    }

    fn method(
        &mut self,
        from: Side,
        frame: Frame,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let payload = frame.payload(input)?;
        let (key, args) = payload.split_first_chunk::<4>().ok_or(Halt::Bad)?;
        let Frame { channel, .. } = frame;
        sink.turn_to(channel.into());
        if sink.is_open() {
            // It was broken off: no method comes in the middle of a message.
            if let Some(channel) = self.channels.get_mut(&channel) {
                channel.contents[from as usize] = Content::None;
            }
            sink.finish();
            return Ok(Step::Took(0));
        }
        let Some(method) = method::find(u32::from_be_bytes(*key)) else {
            begin(asks(from), Pair::OneWay, sink);
            record::write(channel, payload, None, sink);
            sink.finish();
            return Ok(Step::Took(frame.whole()));
        };
        if !method.by.is(from) || (channel == 0) != method.is_of_connection() {
            return Err(Halt::Bad);
        }
        let told = Told { from, channel, method, args, payload, whole: frame.whole() };
        Ok(self.told(told, sink))
    }
}

// === impl Talk: methods ===

impl Talk {
    fn told(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
        if !self.is_followed(told.channel) {
            begin(asks(told.from), Pair::OneWay, sink);
            return write(told, sink);
        }
        let before = self.weigh(told.channel);
        let step = self.tell(told, sink);
        self.weight = (self.weight + self.weigh(told.channel)).saturating_sub(before);
        if told.method.key == method::CHANNEL_CLOSE_OK {
            self.forget(told.channel);
        }
        self.charge(told.channel, sink);
        step
    }

    fn tell(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
        match told.method.flow {
            Flow::Asks | Flow::AsksOnce => self.ask(told, sink),
            Flow::Answers(_) | Flow::AnswersWithMessage(_) => self.answer(told, sink),
            Flow::Settles => return self.settle(told, sink),
            Flow::Publishes => self.publish(told, sink),
            Flow::Delivers => self.deliver(told, sink),
            Flow::Tells | Flow::Returns => begin(asks(told.from), Pair::OneWay, sink),
        }
        if matches!(told.method.key, method::RECOVER | method::RECOVER_ASYNC) {
            let (channel, leaving) = self.channel(told.channel);
            channel.forget_deliveries(Why::Reset, leaving);
        }
        write_or_go_on(told, &mut self.channel(told.channel).0.contents[told.from as usize], sink)
    }

    fn ask(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let args = told.method.read(told.args);
        let no_ack = args.is_set(At::NoAck);
        let key = told.method.key;
        let id = self.next_id();
        let (channel, leaving) = self.channel(told.channel);
        match key {
            method::CHANNEL_OPEN => {
                let contents = channel.contents;
                channel.closed(leaving);
                *channel = Channel::opened();
                channel.contents = contents;
            }
            method::CHANNEL_CLOSE | method::CONNECTION_CLOSE => channel.closing(leaving),
            method::CONFIRM_SELECT => channel.confirm(),
            _ => {}
        }
        if args.is_set(At::NoWait) {
            if let (method::CONSUME, Some(tag)) = (key, args.text(At::ConsumerTag)) {
                channel.consume(hash(tag), no_ack);
            }
            return begin(asks(told.from), Pair::OneWay, sink);
        }
        channel.ask(told.from, Asked { id, key, no_ack }, leaving);
        begin(asks(told.from), Pair::Id(id), sink);
    }

    fn answer(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let unknown = self.next_id();
        let (channel, leaving) = self.channel(told.channel);
        let asked = channel.answer(told.from, told.method, leaving);
        if asked.is_none() && told.method.key == method::CHANNEL_OPEN_OK {
            // It was closed and opened again unseen: tags begin anew.
            channel.closed(leaving);
        }
        if let Some(Asked { key: method::CONSUME, no_ack, .. }) = asked
            && let Some(tag) = told.method.read(told.args).text(At::ConsumerTag)
        {
            channel.consume(hash(tag), no_ack);
        }
        let id = asked.map_or(unknown, |asked| asked.id);
        begin(answers(told.from), Pair::Id(id), sink);
    }

    fn publish(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let id = self.next_id();
        let confirmed = self.channel(told.channel).0.publish(id);
        begin(None, if confirmed { Pair::Id(id) } else { Pair::OneWay }, sink);
    }

    fn deliver(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) {
        let id = self.next_id();
        let mut args = told.method.read(told.args).map(|(_, value)| value);
        let acked = match (args.next(), args.next()) {
            (Some(Value::Text(consumer)), Some(Value::Number(tag))) => {
                self.channel(told.channel).0.deliver(hash(consumer), tag, id)
            }
            _ => false,
        };
        begin(Some(Role::Asks), if acked { Pair::Id(id) } else { Pair::OneWay }, sink);
    }

    /// One frame may settle many messages: it answers one in each call, and is taken with the last.
    fn settle(&mut self, told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
        let args = told.method.read(told.args);
        let tag = args.number(At::DeliveryTag);
        let multiple = args.is_set(At::Multiple);
        let channel = self.channel(told.channel).0;
        let Some((id, more)) = tag.and_then(|tag| channel.settle(told.from, tag, multiple)) else {
            begin(asks(told.from), Pair::OneWay, sink);
            return write(told, sink);
        };
        begin(answers(told.from), Pair::Id(id), sink);
        let whole = write(told, sink);
        if more { Step::Took(0) } else { whole }
    }
}

// === impl Talk: channels ===

impl Talk {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn channel(&mut self, number: u16) -> (&mut Channel, &mut Leaving) {
        (self.channels.entry(number).or_default(), &mut self.leaving)
    }

    fn weigh(&self, number: u16) -> usize {
        self.channels.get(&number).map_or(0, |channel| CHANNEL_COST + channel.weight())
    }

    /// Whether there is room for what is known of a channel. What has a message needs it.
    fn is_followed(&self, number: u16) -> bool {
        self.channels.len() < CHANNELS_MAX || self.channels.contains_key(&number)
    }

    /// The channel is closed.
    fn forget(&mut self, number: u16) {
        self.weight = self.weight.saturating_sub(self.weigh(number));
        if let Some(mut channel) = self.channels.remove(&number) {
            channel.closed(&mut self.leaving);
        }
    }

    /// Charges what is known of the channels; what the budget refuses is forgotten.
    fn charge(&mut self, number: u16, sink: &mut Sink<'_, '_>) {
        let steps = self.weight / CHARGE_STEP * CHARGE_STEP;
        if steps == self.charged {
            return;
        }
        if sink.hold(steps) {
            self.charged = steps;
        } else {
            let contents = self.channels.get(&number).map(|channel| channel.contents);
            self.forget(number);
            if let Some(contents) = contents {
                self.channel(number).0.contents = contents;
                self.weight += self.weigh(number);
            }
        }
    }
}

fn begin(role: Option<Role>, pair: Pair, sink: &mut Sink<'_, '_>) {
    match role {
        Some(role) => sink.begin_as(role, pair),
        None => sink.begin(pair),
    }
}

/// A method that stands alone.
fn write(told: Told<'_>, sink: &mut Sink<'_, '_>) -> Step {
    record::write(told.channel, told.payload, Some(told.method), sink);
    sink.finish();
    Step::Took(told.whole)
}

/// A method, and the message that may follow it.
fn write_or_go_on(told: Told<'_>, content: &mut Content, sink: &mut Sink<'_, '_>) -> Step {
    if !told.method.has_message() {
        return write(told, sink);
    }
    record::write(told.channel, told.payload, Some(told.method), sink);
    *content = Content::Header;
    Step::Took(told.whole)
}

/// A frame that belongs to no message.
fn pass_by(frame: Frame, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
    frame.payload(input)?;
    sink.turn_to(NOBODY);
    Ok(Step::Took(frame.whole()))
}

fn hash(tag: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    tag.hash(&mut hasher);
    hasher.finish()
}
