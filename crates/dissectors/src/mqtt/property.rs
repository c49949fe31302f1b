//! Properties of MQTT 5 (§2.2.2).

use super::wire::{Cursor, Kind};

use Kind::{
    Auth, Connack, Connect, Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel, Suback,
    Subscribe, Unsuback, Unsubscribe,
};
use Type::{Binary, Byte, Four, Pair, Text, Two, Variable};

/// The text of what proves who somebody is.
pub const AUTHENTICATION_DATA: usize = 0x16;
/// The number that stands for a topic.
pub const TOPIC_ALIAS: usize = 0x23;
/// The media type of a message.
pub const CONTENT_TYPE: usize = 0x03;
/// Whether a message is text.
pub const PAYLOAD_FORMAT: usize = 0x01;
/// The name that a server gives to a client without one.
pub const ASSIGNED_CLIENT: usize = 0x12;
/// What anybody may say; often.
pub const USER: usize = 0x26;
/// Which subscriptions a message is for; often.
const SUBSCRIPTION: usize = 0x0b;

/// What a property is.
#[derive(Clone, Copy, Debug)]
enum Type {
    Byte,
    Two,
    Four,
    Variable,
    Text,
    Binary,
    Pair,
}

/// A line of the table of §2.2.2.2.
struct Known {
    id: usize,
    name: &'static str,
    value: Type,
    /// Where it may be, apart from a will.
    kinds: &'static [Kind],
    /// Whether a will may have it.
    will: bool,
}

/// One property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Property<'b> {
    /// Its number.
    pub id: usize,
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Value<'b>,
}

/// The value of a property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    /// A number of any size.
    Number(usize),
    /// Text, or bytes.
    Bytes(&'b [u8]),
    /// A name and its value.
    Pair(&'b [u8], &'b [u8]),
}

/// Properties, one by one; ends at the first that can't be read.
#[derive(Clone, Copy, Debug)]
pub struct Properties<'b>(Cursor<'b>);

/// Where properties stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In a packet.
    Packet(Kind),
    /// In the will of a CONNECT.
    Will,
}

const fn known(id: usize, name: &'static str, value: Type, kinds: &'static [Kind]) -> Known {
    Known { id, name, value, kinds, will: false }
}

const fn of_messages(id: usize, name: &'static str, value: Type, kinds: &'static [Kind]) -> Known {
    Known { id, name, value, kinds, will: true }
}

const ANSWERS: &[Kind] =
    &[Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth];
const ALL: &[Kind] = &[
    Connect,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
];

static TABLE: &[Known] = &[
    of_messages(PAYLOAD_FORMAT, "payload-format-indicator", Byte, &[Publish]),
    of_messages(0x02, "message-expiry-interval", Four, &[Publish]),
    of_messages(CONTENT_TYPE, "content-type", Text, &[Publish]),
    of_messages(0x08, "response-topic", Text, &[Publish]),
    of_messages(0x09, "correlation-data", Binary, &[Publish]),
    known(SUBSCRIPTION, "subscription-identifier", Variable, &[Publish, Subscribe]),
    known(0x11, "session-expiry-interval", Four, &[Connect, Connack, Disconnect]),
    known(ASSIGNED_CLIENT, "assigned-client-identifier", Text, &[Connack]),
    known(0x13, "server-keep-alive", Two, &[Connack]),
    known(0x15, "authentication-method", Text, &[Connect, Connack, Auth]),
    known(AUTHENTICATION_DATA, "authentication-data", Binary, &[Connect, Connack, Auth]),
    known(0x17, "request-problem-information", Byte, &[Connect]),
    of_messages(0x18, "will-delay-interval", Four, &[]),
    known(0x19, "request-response-information", Byte, &[Connect]),
    known(0x1a, "response-information", Text, &[Connack]),
    known(0x1c, "server-reference", Text, &[Connack, Disconnect]),
    known(0x1f, "reason-string", Text, ANSWERS),
    known(0x21, "receive-maximum", Two, &[Connect, Connack]),
    known(0x22, "topic-alias-maximum", Two, &[Connect, Connack]),
    known(TOPIC_ALIAS, "topic-alias", Two, &[Publish]),
    known(0x24, "maximum-qos", Byte, &[Connack]),
    known(0x25, "retain-available", Byte, &[Connack]),
    of_messages(USER, "user-property", Pair, ALL),
    known(0x27, "maximum-packet-size", Four, &[Connect, Connack]),
    known(0x28, "wildcard-subscription-available", Byte, &[Connack]),
    known(0x29, "subscription-identifier-available", Byte, &[Connack]),
    known(0x2a, "shared-subscription-available", Byte, &[Connack]),
];

/// Whether all of `bytes` are properties that may be in that place, each as often as it may.
pub fn are_valid(bytes: &[u8], place: Place) -> bool {
    let mut each = Properties::of(bytes);
    let mut seen = 0_u64;
    for property in each.by_ref() {
        let bit = 1 << property.id;
        let again = seen & bit != 0 && !matches!(property.id, USER | SUBSCRIPTION);
        if again || !may_be(property.id, place) {
            return false;
        }
        seen |= bit;
    }
    each.is_done()
}

fn may_be(id: usize, place: Place) -> bool {
    let found = TABLE.iter().find(|known| known.id == id);
    found.is_some_and(|known| match place {
        Place::Packet(kind) => known.kinds.contains(&kind),
        Place::Will => known.will,
    })
}

// === impl Properties ===

impl<'b> Properties<'b> {
    /// The properties in `bytes`, which are behind their length.
    pub fn of(bytes: &'b [u8]) -> Self {
        Self(Cursor(bytes))
    }

    /// Whether all bytes were read.
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// The bytes that were not read yet.
    pub fn rest(&self) -> &'b [u8] {
        self.0.0
    }

    /// The first of that number.
    pub fn find(mut self, id: usize) -> Option<Value<'b>> {
        self.find_map(|property| (property.id == id).then_some(property.value))
    }

    /// The first of that number, if it is text or bytes.
    pub fn text(self, id: usize) -> Option<&'b [u8]> {
        match self.find(id)? {
            Value::Bytes(text) => Some(text),
            _ => None,
        }
    }

    /// The alias of a topic; 0 is none (§3.3.2.3.4).
    pub fn alias(self) -> Option<u16> {
        match self.find(TOPIC_ALIAS)? {
            Value::Number(alias) => u16::try_from(alias).ok().filter(|alias| *alias > 0),
            _ => None,
        }
    }

    fn read(cursor: &mut Cursor<'b>) -> Option<Property<'b>> {
        let id = cursor.variable()?;
        let known = TABLE.iter().find(|known| known.id == id)?;
        let value = match known.value {
            Byte => Value::Number(cursor.byte()?.into()),
            Two => Value::Number(cursor.two()?.into()),
            Four => Value::Number(usize::try_from(cursor.four()?).ok()?),
            Variable => Value::Number(cursor.variable()?),
            Text | Binary => Value::Bytes(cursor.sized()?),
            Pair => Value::Pair(cursor.sized()?, cursor.sized()?),
        };
        Some(Property { id, name: known.name, value })
    }
}

impl<'b> Iterator for Properties<'b> {
    type Item = Property<'b>;

    fn next(&mut self) -> Option<Property<'b>> {
        if self.is_done() {
            return None;
        }
        let mut cursor = self.0;
        let property = Self::read(&mut cursor)?;
        self.0 = cursor;
        Some(property)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_stands_where_it_may_and_once() {
        let place = Place::Packet(Publish);
        assert!(are_valid(&[], place));
        assert!(are_valid(&[0x23, 0, 1], place));
        assert!(!are_valid(&[0x23, 0, 1, 0x23, 0, 2], place), "twice");
        assert!(!are_valid(&[0x21, 0, 1], place), "not there");
        assert!(!are_valid(&[0x23, 0], place), "half");
        assert!(!are_valid(&[0x7f], place), "unknown");
        assert!(are_valid(&[0x0b, 1, 0x0b, 2], place), "often");
        assert!(are_valid(&[0x18, 0, 0, 0, 1], Place::Will));
        assert!(!are_valid(&[0x18, 0, 0, 0, 1], place));
    }

    #[test]
    fn the_table_is_in_order_and_fits_a_mask() {
        assert!(TABLE.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(TABLE.iter().all(|known| known.id < 64));
    }
}
