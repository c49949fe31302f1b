//! Every method: its number, its name, who sends it, what it wants, and its arguments.
//!
//! AMQP 0-9-1 (amqp0-9-1.xml) with what RabbitMQ adds: `connection.blocked`, `unblocked` and
//! `update-secret`, `exchange.bind` and `unbind`, `basic.nack`, `confirm`; and `access`, which older
//! clients still ask for.

use model::Side;

use super::{
    args::{Arg, Args, Kind},
    fields::At,
};

/// One method.
#[derive(Debug)]
pub struct Method {
    /// The class and the number, one behind the other.
    pub key: u32,
    /// The name with its class: `basic.publish`.
    pub name: &'static str,
    /// Who sends it.
    pub by: By,
    /// What it wants.
    pub flow: Flow,
    /// Its arguments, in order.
    pub args: &'static [Arg],
}

/// Who sends a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Both.
    Either,
}

/// What a method wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// An answer, unless its no-wait bit is set.
    Asks,
    /// The same; there is no second such question before the answer, so that the answer is known
    /// whatever was lost.
    AsksOnce,
    /// Nothing: it answers the method of its class with this number.
    Answers(u16),
    /// Nothing.
    Tells,
    /// A message follows; nothing is wanted.
    Returns,
    /// A message follows, which the server may confirm.
    Publishes,
    /// A message follows, which the client may acknowledge.
    Delivers,
    /// A message follows; it answers the method of its class with this number.
    AnswersWithMessage(u16),
    /// Nothing: it settles messages.
    Settles,
}

/// The method with this class and number.
pub fn find(key: u32) -> Option<&'static Method> {
    METHODS.binary_search_by_key(&key, |method| method.key).ok().and_then(|at| METHODS.get(at))
}

/// The number of a method as frames say it.
pub const fn key(class: u16, number: u16) -> u32 {
    (class as u32) << 16 | number as u32
}

pub const CHANNEL_OPEN: u32 = key(20, 10);
pub const CHANNEL_OPEN_OK: u32 = key(20, 11);
pub const CHANNEL_CLOSE: u32 = key(20, 40);
pub const CHANNEL_CLOSE_OK: u32 = key(20, 41);
pub const CONNECTION_CLOSE: u32 = key(10, 50);
pub const CONSUME: u32 = key(60, 20);
pub const GET_EMPTY: u32 = key(60, 72);
pub const ACK: u32 = key(60, 80);
pub const REJECT: u32 = key(60, 90);
pub const RECOVER_ASYNC: u32 = key(60, 100);
pub const RECOVER: u32 = key(60, 110);
pub const NACK: u32 = key(60, 120);
pub const CONFIRM_SELECT: u32 = key(85, 10);

// === impl Method ===

impl Method {
    /// The name without its class.
    pub fn operation(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, name)| name)
    }

    /// Whether a message follows it.
    pub fn has_message(&self) -> bool {
        matches!(
            self.flow,
            Flow::Returns | Flow::Publishes | Flow::Delivers | Flow::AnswersWithMessage(_)
        )
    }

    /// Whether it speaks of the connection: those are on channel 0, the others never.
    pub fn is_of_connection(&self) -> bool {
        self.key >> 16 == 10
    }

    /// The question that it answers.
    pub fn answers(&self) -> Option<u32> {
        match self.flow {
            Flow::Answers(number) | Flow::AnswersWithMessage(number) => {
                Some(self.key & 0xffff_0000 | u32::from(number))
            }
            _ => None,
        }
    }

    /// Its arguments in a payload, class and number aside.
    pub fn read<'m>(&self, args: &'m [u8]) -> Args<'m> {
        Args::new(self.args, args)
    }
}

// === impl By ===

impl By {
    /// Whether `side` sends it.
    pub fn is(self, side: Side) -> bool {
        match self {
            Self::Client => side == Side::Client,
            Self::Server => side == Side::Server,
            Self::Either => true,
        }
    }
}

// The arguments.

const VERSION: Arg = Arg::reserved(Kind::Octet);
const RESERVED_SHORT: Arg = Arg::reserved(Kind::Short);
const RESERVED_STR: Arg = Arg::reserved(Kind::ShortStr);
const RESERVED_LONG_STR: Arg = Arg::reserved(Kind::LongStr);
const RESERVED_BIT: Arg = Arg::reserved(Kind::Bit);
const TABLE: Arg = Arg::reserved(Kind::Table);
const SECRET: Arg = Arg::reserved(Kind::Secret);
const MECHANISMS: Arg = Arg::new(Kind::LongStr, At::Mechanisms);
const MECHANISM: Arg = Arg::new(Kind::ShortStr, At::Mechanism);
const LOCALES: Arg = Arg::new(Kind::LongStr, At::Locale);
const LOCALE: Arg = Arg::new(Kind::ShortStr, At::Locale);
const CHANNEL_MAX: Arg = Arg::new(Kind::Short, At::ChannelMax);
const FRAME_MAX: Arg = Arg::new(Kind::Long, At::FrameMax);
const HEARTBEAT: Arg = Arg::new(Kind::Short, At::Heartbeat);
const VIRTUAL_HOST: Arg = Arg::new(Kind::ShortStr, At::VirtualHost);
const REPLY_CODE: Arg = Arg::new(Kind::Short, At::ReplyCode);
const REPLY_TEXT: Arg = Arg::new(Kind::ShortStr, At::ReplyText);
const FAILED: Arg = Arg::new(Kind::Long, At::FailedMethod);
const REASON: Arg = Arg::new(Kind::ShortStr, At::Reason);
const REALM: Arg = Arg::new(Kind::ShortStr, At::Realm);
const EXCHANGE: Arg = Arg::new(Kind::ShortStr, At::Exchange);
const EXCHANGE_TYPE: Arg = Arg::new(Kind::ShortStr, At::ExchangeType);
const SOURCE: Arg = Arg::new(Kind::ShortStr, At::Source);
const QUEUE: Arg = Arg::new(Kind::ShortStr, At::Queue);
const ROUTING_KEY: Arg = Arg::new(Kind::ShortStr, At::RoutingKey);
const CONSUMER_TAG: Arg = Arg::new(Kind::ShortStr, At::ConsumerTag);
const DELIVERY_TAG: Arg = Arg::new(Kind::LongLong, At::DeliveryTag);
const MESSAGE_COUNT: Arg = Arg::new(Kind::Long, At::MessageCount);
const CONSUMER_COUNT: Arg = Arg::new(Kind::Long, At::ConsumerCount);
const PREFETCH_SIZE: Arg = Arg::new(Kind::Long, At::PrefetchSize);
const PREFETCH_COUNT: Arg = Arg::new(Kind::Short, At::PrefetchCount);
const ACTIVE: Arg = Arg::new(Kind::Bit, At::Active);
const PASSIVE: Arg = Arg::new(Kind::Bit, At::Passive);
const DURABLE: Arg = Arg::new(Kind::Bit, At::Durable);
const EXCLUSIVE: Arg = Arg::new(Kind::Bit, At::Exclusive);
const AUTO_DELETE: Arg = Arg::new(Kind::Bit, At::AutoDelete);
const INTERNAL: Arg = Arg::new(Kind::Bit, At::Internal);
const NO_WAIT: Arg = Arg::new(Kind::Bit, At::NoWait);
const IF_UNUSED: Arg = Arg::new(Kind::Bit, At::IfUnused);
const IF_EMPTY: Arg = Arg::new(Kind::Bit, At::IfEmpty);
const NO_LOCAL: Arg = Arg::new(Kind::Bit, At::NoLocal);
const NO_ACK: Arg = Arg::new(Kind::Bit, At::NoAck);
const MANDATORY: Arg = Arg::new(Kind::Bit, At::Mandatory);
const IMMEDIATE: Arg = Arg::new(Kind::Bit, At::Immediate);
const REDELIVERED: Arg = Arg::new(Kind::Bit, At::Redelivered);
const MULTIPLE: Arg = Arg::new(Kind::Bit, At::Multiple);
const REQUEUE: Arg = Arg::new(Kind::Bit, At::Requeue);
const GLOBAL: Arg = Arg::new(Kind::Bit, At::Global);

macro_rules! methods {
    ($($class:literal $number:literal $name:literal $by:ident $flow:expr, [$($arg:ident)*])*) => {
        &[$(Method {
            key: key($class, $number),
            name: $name,
            by: By::$by,
            flow: $flow,
            args: &[$($arg),*],
        }),*]
    };
}

use Flow::{
    Answers, AnswersWithMessage, Asks, AsksOnce, Delivers, Publishes, Returns, Settles, Tells,
};

/// All of them, by rising number.
#[rustfmt::skip]
static METHODS: &[Method] = methods! {
    10 10 "connection.start" Server AsksOnce, [VERSION VERSION TABLE MECHANISMS LOCALES]
    10 11 "connection.start-ok" Client Answers(10), [TABLE MECHANISM SECRET LOCALE]
    10 20 "connection.secure" Server AsksOnce, [SECRET]
    10 21 "connection.secure-ok" Client Answers(20), [SECRET]
    10 30 "connection.tune" Server AsksOnce, [CHANNEL_MAX FRAME_MAX HEARTBEAT]
    10 31 "connection.tune-ok" Client Answers(30), [CHANNEL_MAX FRAME_MAX HEARTBEAT]
    10 40 "connection.open" Client AsksOnce, [VIRTUAL_HOST RESERVED_STR RESERVED_BIT]
    10 41 "connection.open-ok" Server Answers(40), [RESERVED_STR]
    10 50 "connection.close" Either AsksOnce, [REPLY_CODE REPLY_TEXT FAILED]
    10 51 "connection.close-ok" Either Answers(50), []
    10 60 "connection.blocked" Server Tells, [REASON]
    10 61 "connection.unblocked" Server Tells, []
    10 70 "connection.update-secret" Client Asks, [SECRET REASON]
    10 71 "connection.update-secret-ok" Server Answers(70), []
    20 10 "channel.open" Client AsksOnce, [RESERVED_STR]
    20 11 "channel.open-ok" Server Answers(10), [RESERVED_LONG_STR]
    20 20 "channel.flow" Either Asks, [ACTIVE]
    20 21 "channel.flow-ok" Either Answers(20), [ACTIVE]
    20 40 "channel.close" Either AsksOnce, [REPLY_CODE REPLY_TEXT FAILED]
    20 41 "channel.close-ok" Either Answers(40), []
    30 10 "access.request" Client Asks, [REALM EXCLUSIVE PASSIVE ACTIVE RESERVED_BIT RESERVED_BIT]
    30 11 "access.request-ok" Server Answers(10), [RESERVED_SHORT]
    40 10 "exchange.declare" Client Asks, [RESERVED_SHORT EXCHANGE EXCHANGE_TYPE PASSIVE DURABLE AUTO_DELETE INTERNAL NO_WAIT TABLE]
    40 11 "exchange.declare-ok" Server Answers(10), []
    40 20 "exchange.delete" Client Asks, [RESERVED_SHORT EXCHANGE IF_UNUSED NO_WAIT]
    40 21 "exchange.delete-ok" Server Answers(20), []
    40 30 "exchange.bind" Client Asks, [RESERVED_SHORT EXCHANGE SOURCE ROUTING_KEY NO_WAIT TABLE]
    40 31 "exchange.bind-ok" Server Answers(30), []
    40 40 "exchange.unbind" Client Asks, [RESERVED_SHORT EXCHANGE SOURCE ROUTING_KEY NO_WAIT TABLE]
    40 51 "exchange.unbind-ok" Server Answers(40), []
    50 10 "queue.declare" Client Asks, [RESERVED_SHORT QUEUE PASSIVE DURABLE EXCLUSIVE AUTO_DELETE NO_WAIT TABLE]
    50 11 "queue.declare-ok" Server Answers(10), [QUEUE MESSAGE_COUNT CONSUMER_COUNT]
    50 20 "queue.bind" Client Asks, [RESERVED_SHORT QUEUE EXCHANGE ROUTING_KEY NO_WAIT TABLE]
    50 21 "queue.bind-ok" Server Answers(20), []
    50 30 "queue.purge" Client Asks, [RESERVED_SHORT QUEUE NO_WAIT]
    50 31 "queue.purge-ok" Server Answers(30), [MESSAGE_COUNT]
    50 40 "queue.delete" Client Asks, [RESERVED_SHORT QUEUE IF_UNUSED IF_EMPTY NO_WAIT]
    50 41 "queue.delete-ok" Server Answers(40), [MESSAGE_COUNT]
    50 50 "queue.unbind" Client Asks, [RESERVED_SHORT QUEUE EXCHANGE ROUTING_KEY TABLE]
    50 51 "queue.unbind-ok" Server Answers(50), []
    60 10 "basic.qos" Client Asks, [PREFETCH_SIZE PREFETCH_COUNT GLOBAL]
    60 11 "basic.qos-ok" Server Answers(10), []
    60 20 "basic.consume" Client Asks, [RESERVED_SHORT QUEUE CONSUMER_TAG NO_LOCAL NO_ACK EXCLUSIVE NO_WAIT TABLE]
    60 21 "basic.consume-ok" Server Answers(20), [CONSUMER_TAG]
    60 30 "basic.cancel" Either Asks, [CONSUMER_TAG NO_WAIT]
    60 31 "basic.cancel-ok" Either Answers(30), [CONSUMER_TAG]
    60 40 "basic.publish" Client Publishes, [RESERVED_SHORT EXCHANGE ROUTING_KEY MANDATORY IMMEDIATE]
    60 50 "basic.return" Server Returns, [REPLY_CODE REPLY_TEXT EXCHANGE ROUTING_KEY]
    60 60 "basic.deliver" Server Delivers, [CONSUMER_TAG DELIVERY_TAG REDELIVERED EXCHANGE ROUTING_KEY]
    60 70 "basic.get" Client Asks, [RESERVED_SHORT QUEUE NO_ACK]
    60 71 "basic.get-ok" Server AnswersWithMessage(70), [DELIVERY_TAG REDELIVERED EXCHANGE ROUTING_KEY MESSAGE_COUNT]
    60 72 "basic.get-empty" Server Answers(70), [RESERVED_STR]
    60 80 "basic.ack" Either Settles, [DELIVERY_TAG MULTIPLE]
    60 90 "basic.reject" Client Settles, [DELIVERY_TAG REQUEUE]
    60 100 "basic.recover-async" Client Tells, [REQUEUE]
    60 110 "basic.recover" Client Asks, [REQUEUE]
    60 111 "basic.recover-ok" Server Answers(110), []
    60 120 "basic.nack" Either Settles, [DELIVERY_TAG MULTIPLE REQUEUE]
    85 10 "confirm.select" Client Asks, [NO_WAIT]
    85 11 "confirm.select-ok" Server Answers(10), []
    90 10 "tx.select" Client Asks, []
    90 11 "tx.select-ok" Server Answers(10), []
    90 20 "tx.commit" Client Asks, []
    90 21 "tx.commit-ok" Server Answers(20), []
    90 30 "tx.rollback" Client Asks, []
    90 31 "tx.rollback-ok" Server Answers(30), []
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_under_its_number() {
        for method in METHODS {
            assert_eq!(find(method.key).map(|found| found.name), Some(method.name));
        }
        assert!(find(key(60, 99)).is_none());
        assert_eq!(METHODS.len(), 66);
    }

    #[test]
    fn every_answer_has_its_question_from_the_other_side() {
        for method in METHODS {
            let Some(question) = method.answers() else { continue };
            let question = find(question).unwrap();
            assert!(matches!(question.flow, Flow::Asks | Flow::AsksOnce), "{}", method.name);
            let other = match method.by {
                By::Client => By::Server,
                By::Server => By::Client,
                By::Either => By::Either,
            };
            assert_eq!(question.by, other, "{}", method.name);
        }
    }
}
