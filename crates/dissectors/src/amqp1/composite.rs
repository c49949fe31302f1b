//! What is described by a number: performatives, states, termini, sections of messages, and the names
//! and types of their fields, as the specification's tables have them.

use super::types::{Items, Value, extent, is_sound, value};
use crate::amqp::At;

/// A described list (or map, or value) of the specification.
#[derive(Debug)]
pub struct Composite {
    /// Its number.
    pub code: u64,
    /// Its name, which is also the middle of its symbol: `amqp:open:list`.
    pub name: &'static str,
    /// Its fields, in order.
    pub fields: &'static [Named],
}

/// A field of a composite.
#[derive(Debug)]
pub struct Named {
    /// Its name in the specification.
    pub name: &'static str,
    kind: Kind,
    /// What it is told as.
    pub at: Option<At>,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Bool,
    Number,
    Text,
    Symbol,
    Symbols,
    Binary,
    Time,
    Map,
    /// A composite whose fields are told too.
    Inside,
    Any,
    /// For nobody's eyes.
    Secret,
}

macro_rules! composites {
    ($($constant:ident $code:literal $name:literal {
        $($field:literal $kind:ident $($at:ident)?),* $(,)?
    })*) => {
        $(#[doc = $name] pub const $constant: u64 = $code;)*
        static COMPOSITES: &[Composite] = &[$(Composite { code: $code, name: $name, fields: &[
            $(Named { name: $field, kind: Kind::$kind, at: at!($($at)?) }),*
        ] }),*];
    };
}

macro_rules! at {
    () => {
        None
    };
    ($at:ident) => {
        Some(At::$at)
    };
}

composites! {
    OPEN 0x10 "open" {
        "container-id" Text ContainerId, "hostname" Text Hostname, "max-frame-size" Number FrameMax,
        "channel-max" Number ChannelMax, "idle-time-out" Number IdleTimeout,
        "outgoing-locales" Symbols, "incoming-locales" Symbols,
        "offered-capabilities" Symbols, "desired-capabilities" Symbols, "properties" Map,
    }
    BEGIN 0x11 "begin" {
        "remote-channel" Number RemoteChannel, "next-outgoing-id" Number NextOutgoingId,
        "incoming-window" Number IncomingWindow, "outgoing-window" Number OutgoingWindow,
        "handle-max" Number HandleMax, "offered-capabilities" Symbols,
        "desired-capabilities" Symbols, "properties" Map,
    }
    ATTACH 0x12 "attach" {
        "name" Text LinkName, "handle" Number Handle, "role" Bool,
        "snd-settle-mode" Number SndSettleMode, "rcv-settle-mode" Number RcvSettleMode,
        "source" Inside, "target" Inside, "unsettled" Map, "incomplete-unsettled" Bool,
        "initial-delivery-count" Number, "max-message-size" Number MaxMessageSize,
        "offered-capabilities" Symbols, "desired-capabilities" Symbols, "properties" Map,
    }
    FLOW 0x13 "flow" {
        "next-incoming-id" Number NextIncomingId, "incoming-window" Number IncomingWindow,
        "next-outgoing-id" Number NextOutgoingId, "outgoing-window" Number OutgoingWindow,
        "handle" Number Handle, "delivery-count" Number DeliveryCount, "link-credit" Number LinkCredit,
        "available" Number Available, "drain" Bool Drain, "echo" Bool Echo, "properties" Map,
    }
    TRANSFER 0x14 "transfer" {
        "handle" Number Handle, "delivery-id" Number DeliveryId, "delivery-tag" Binary LinkDeliveryTag,
        "message-format" Number MessageFormat, "settled" Bool Settled, "more" Bool,
        "rcv-settle-mode" Number RcvSettleMode, "state" Inside, "resume" Bool Resume,
        "aborted" Bool, "batchable" Bool,
    }
    DISPOSITION 0x15 "disposition" {
        "role" Bool, "first" Number First, "last" Number Last, "settled" Bool Settled,
        "state" Inside, "batchable" Bool,
    }
    DETACH 0x16 "detach" { "handle" Number Handle, "closed" Bool Closed, "error" Inside }
    END 0x17 "end" { "error" Inside }
    CLOSE 0x18 "close" { "error" Inside }
    _ERROR 0x1d "error" {
        "condition" Symbol ErrorCondition, "description" Text ErrorDescription, "info" Map,
    }
    RECEIVED 0x23 "received" { "section-number" Number, "section-offset" Number }
    ACCEPTED 0x24 "accepted" {}
    REJECTED 0x25 "rejected" { "error" Inside }
    RELEASED 0x26 "released" {}
    MODIFIED 0x27 "modified" {
        "delivery-failed" Bool DeliveryFailed, "undeliverable-here" Bool UndeliverableHere,
        "message-annotations" Map,
    }
    _SOURCE 0x28 "source" {
        "address" Any SourceAddress, "durable" Number, "expiry-policy" Symbol, "timeout" Number,
        "dynamic" Bool, "dynamic-node-properties" Map, "distribution-mode" Symbol, "filter" Map,
        "default-outcome" Any, "outcomes" Symbols, "capabilities" Symbols,
    }
    _TARGET 0x29 "target" {
        "address" Any TargetAddress, "durable" Number, "expiry-policy" Symbol, "timeout" Number,
        "dynamic" Bool, "dynamic-node-properties" Map, "capabilities" Symbols,
    }
    _DELETE_ON_CLOSE 0x2b "delete-on-close" {}
    _DELETE_ON_NO_LINKS 0x2c "delete-on-no-links" {}
    _DELETE_ON_NO_MESSAGES 0x2d "delete-on-no-messages" {}
    _DELETE_ON_NOTHING 0x2e "delete-on-no-links-or-messages" {}
    COORDINATOR 0x30 "coordinator" { "capabilities" Symbols }
    DECLARE 0x31 "declare" { "global-id" Any }
    DISCHARGE 0x32 "discharge" { "txn-id" Binary TransactionId, "fail" Bool TransactionFails }
    DECLARED 0x33 "declared" { "txn-id" Binary TransactionId }
    TRANSACTIONAL_STATE 0x34 "transactional-state" {
        "txn-id" Binary TransactionId, "outcome" Inside,
    }
    SASL_MECHANISMS 0x40 "sasl-mechanisms" { "sasl-server-mechanisms" Symbols Mechanisms }
    SASL_INIT 0x41 "sasl-init" {
        "mechanism" Symbol Mechanism, "initial-response" Secret, "hostname" Text Hostname,
    }
    SASL_CHALLENGE 0x42 "sasl-challenge" { "challenge" Secret }
    SASL_RESPONSE 0x43 "sasl-response" { "response" Secret }
    SASL_OUTCOME 0x44 "sasl-outcome" { "code" Number SaslCode, "additional-data" Secret }
    HEADER 0x70 "header" {
        "durable" Bool Durable, "priority" Number Priority, "ttl" Number Ttl,
        "first-acquirer" Bool FirstAcquirer, "delivery-count" Number FailedDeliveries,
    }
    DELIVERY_ANNOTATIONS 0x71 "delivery-annotations" {}
    MESSAGE_ANNOTATIONS 0x72 "message-annotations" {}
    PROPERTIES 0x73 "properties" {
        "message-id" Any MessageId, "user-id" Binary UserId, "to" Any To, "subject" Text Subject,
        "reply-to" Any ReplyTo, "correlation-id" Any CorrelationId, "content-type" Symbol ContentType,
        "content-encoding" Symbol ContentEncoding, "absolute-expiry-time" Time ExpiryTime,
        "creation-time" Time CreationTime, "group-id" Text GroupId,
        "group-sequence" Number GroupSequence, "reply-to-group-id" Text ReplyToGroupId,
    }
    APPLICATION_PROPERTIES 0x74 "application-properties" {}
    DATA 0x75 "data" {}
    AMQP_SEQUENCE 0x76 "amqp-sequence" {}
    AMQP_VALUE 0x77 "amqp-value" {}
    FOOTER 0x78 "footer" {}
}

/// A composite's value, read.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'m> {
    /// What it is.
    pub composite: &'static Composite,
    items: Items<'m>,
}

/// The composite that a descriptor (a value of its own) stands for.
pub fn described(mut descriptor: &[u8]) -> Option<&'static Composite> {
    match value(&mut descriptor).ok()? {
        Value::Unsigned(code) => find(code),
        Value::Symbol(symbol) => {
            let rest = symbol.strip_prefix(b"amqp:")?;
            let name = rest.split(|byte| *byte == b':').next()?;
            COMPOSITES.iter().find(|composite| composite.name.as_bytes() == name)
        }
        _ => None,
    }
}

/// The composite with a number. They are in order.
pub fn find(code: u64) -> Option<&'static Composite> {
    let at = COMPOSITES.binary_search_by_key(&code, |composite| composite.code).ok()?;
    COMPOSITES.get(at)
}

/// Octets of the composite at the front, as far as its head tells; `None` if no described value of
/// the specification begins there.
pub fn at_front(input: &[u8]) -> Option<&'static Composite> {
    let rest = input.strip_prefix(&[0])?;
    described(rest.get(..extent(rest).ok()?)?)
}

// === impl Fields ===

impl<'m> Fields<'m> {
    /// The fields of the described list in `bytes`.
    pub fn of(mut bytes: &'m [u8]) -> Option<Self> {
        Self::within(value(&mut bytes).ok()?)
    }

    /// The fields of a described list.
    pub fn within(of: Value<'m>) -> Option<Self> {
        let Value::Described { descriptor, value: mut list } = of else { return None };
        let composite = described(descriptor)?;
        let Value::List(items) = value(&mut list).ok()? else { return None };
        Some(Self { composite, items })
    }

    /// The fields that are there, in order.
    pub fn named(self) -> impl Iterator<Item = (&'static Named, Value<'m>)> {
        let pairs = self.composite.fields.iter().zip(self.items);
        pairs.filter(|(_, value)| *value != Value::Null)
    }

    /// The field called `name`.
    pub fn get(self, name: &str) -> Option<Value<'m>> {
        self.named().find_map(|(named, value)| (named.name == name).then_some(value))
    }

    /// The octets of the field called `name`.
    pub fn octets(self, name: &str) -> Option<&'m [u8]> {
        self.get(name)?.octets()
    }

    /// Whether the field called `name` is true; the default of all of them is not.
    pub fn is_set(self, name: &str) -> bool {
        self.get(name) == Some(Value::Bool(true))
    }

    /// The first `N` fields, by their places. Cheaper than to ask for each.
    pub fn first<const N: usize>(self) -> [Value<'m>; N] {
        let mut fields = [Value::Null; N];
        fields.iter_mut().zip(self.items).for_each(|(field, value)| *field = value);
        fields
    }

    /// Whether all its fields have the types that the specification wants, and no more are there.
    pub fn are_exact(self) -> bool {
        let mut items = self.items;
        let count = usize::try_from(items.count).unwrap_or(usize::MAX);
        count <= self.composite.fields.len()
            && self.composite.fields.iter().take(count).all(|named| {
                items.next().is_some_and(|value| value == Value::Null || named.kind.is(value))
            })
    }
}

// === impl Named ===

impl Named {
    /// Whether it is for nobody's eyes.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// Whether the fields inside it are told too.
    pub fn is_inside(&self) -> bool {
        self.kind == Kind::Inside
    }
}

// === impl Kind ===

impl Kind {
    fn is(self, of: Value<'_>) -> bool {
        match self {
            Self::Bool => matches!(of, Value::Bool(_)),
            Self::Number => matches!(of, Value::Unsigned(_)),
            Self::Text => matches!(of, Value::Text(text) if std::str::from_utf8(text).is_ok()),
            Self::Symbol => matches!(of, Value::Symbol(text) if text.is_ascii()),
            Self::Symbols => matches!(of, Value::Symbol(_) | Value::Array(_)),
            Self::Binary | Self::Secret => matches!(of, Value::Binary(_)),
            Self::Time => matches!(of, Value::Timestamp(_)),
            Self::Map => matches!(of, Value::Map(_)),
            Self::Any => true,
            Self::Inside => match of {
                Value::Described { descriptor, value } => {
                    described(descriptor).is_some() && is_sound(value)
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(COMPOSITES.is_sorted_by_key(|composite| composite.code));
    }

    #[test]
    fn fields_are_known_by_their_places() {
        let disposition = b"\0\x53\x15\xc0\x0a\x05\x41\x43\x52\x04\x41\0\x53\x24\x45";
        let fields = Fields::of(disposition).unwrap();
        assert!(fields.are_exact() && fields.is_set("role") && fields.is_set("settled"));
        assert_eq!(fields.get("last"), Some(Value::Unsigned(4)));
        assert_eq!(fields.get("batchable"), None);
        let state = fields.get("state").and_then(Fields::within).unwrap();
        assert_eq!(state.composite.code, ACCEPTED);
    }

    #[test]
    fn a_symbol_says_the_same_as_a_number() {
        assert_eq!(described(b"\xa3\x0eamqp:open:list").unwrap().code, OPEN);
        assert_eq!(described(b"\xa3\x10amqp:data:binary").unwrap().code, DATA);
        assert!(described(b"\xa3\x0eamqp:nope:list").is_none());
        assert!(described(b"\x53\x19").is_none());
    }

    #[test]
    fn other_types_are_not_exact() {
        let exact = |bytes| Fields::of(bytes).is_some_and(Fields::are_exact);
        assert!(exact(b"\0\x53\x17\x45"));
        assert!(exact(b"\0\x53\x16\xc0\x04\x02\x52\x01\x41"));
        assert!(!exact(b"\0\x53\x16\xc0\x03\x01\x54\x01"));
        assert!(!exact(b"\0\x53\x17\xc0\x03\x02\x40\x40"));
        assert!(!exact(b"\0\x53\x17\xc0\x02\x01\x41"));
    }
}
