//! The header of a message: how large it is, and its properties (AMQP 0-9-1 §4.2.6.1).

use super::{
    args::{Arg, Kind, Value, number},
    fields::At,
};

/// The class whose messages there are: `basic`.
const BASIC: u64 = 60;

/// The properties, from the highest flag on.
static PROPERTIES: [Arg; 14] = [
    Arg::new(Kind::ShortStr, At::ContentType),
    Arg::new(Kind::ShortStr, At::ContentEncoding),
    Arg::reserved(Kind::Table),
    Arg::new(Kind::Octet, At::DeliveryMode),
    Arg::new(Kind::Octet, At::Priority),
    Arg::new(Kind::ShortStr, At::CorrelationId),
    Arg::new(Kind::ShortStr, At::ReplyTo),
    Arg::new(Kind::ShortStr, At::Expiration),
    Arg::new(Kind::ShortStr, At::MessageId),
    Arg::new(Kind::LongLong, At::Timestamp),
    Arg::new(Kind::ShortStr, At::Type),
    Arg::new(Kind::ShortStr, At::UserId),
    Arg::new(Kind::ShortStr, At::AppId),
    Arg::new(Kind::ShortStr, At::ClusterId),
];

/// The header of a message.
#[derive(Clone, Copy, Debug)]
pub struct Header<'m> {
    /// Bytes of the body.
    pub size: u64,
    flags: u16,
    properties: &'m [u8],
}

// === impl Header ===

impl<'m> Header<'m> {
    /// The header in the payload of a frame; `None` if it is none.
    pub fn of(mut payload: &'m [u8]) -> Option<Self> {
        let class = number(&mut payload, 2).ok()?;
        let weight = number(&mut payload, 2).ok()?;
        let size = number(&mut payload, 8).ok()?;
        let flags = u16::try_from(number(&mut payload, 2).ok()?).ok()?;
        // The last flag says that more of them follow: no class has so many properties.
        let legal = class == BASIC && weight == 0 && flags & 3 == 0;
        legal.then_some(Self { size, flags, properties: payload })
    }

    /// The properties that are there, in order; ends where one can't be read.
    pub fn properties(self) -> impl Iterator<Item = (Arg, Value<'m>)> {
        let mut rest = self.properties;
        let there = (0..).zip(PROPERTIES).filter(move |(n, _)| self.flags & (0x8000 >> n) != 0);
        there.map_while(move |(_, arg)| Some((arg, arg.kind.read(&mut rest).ok()?)))
    }

    /// The text told as `field`.
    pub fn text(self, field: At) -> Option<&'m [u8]> {
        self.properties().find_map(|(arg, value)| match value {
            Value::Text(text) if arg.field == Some(field) => Some(text),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flagged_properties_are_there() {
        let payload = b"\0\x3c\0\0\0\0\0\0\0\0\0\x05\x90\x80\x04text\x02\x03m-1";
        let header = Header::of(payload).unwrap();
        assert_eq!(header.size, 5);
        assert_eq!(header.text(At::ContentType), Some(&b"text"[..]));
        assert_eq!(header.text(At::MessageId), Some(&b"m-1"[..]));
        assert_eq!(header.properties().count(), 3);
        assert_eq!(header.text(At::CorrelationId), None);
    }

    #[test]
    fn another_class_has_no_messages() {
        assert!(Header::of(b"\0\x3d\0\0\0\0\0\0\0\0\0\x05\0\0").is_none());
        assert!(Header::of(b"\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\x01").is_none());
        assert!(Header::of(b"\0\x3c\0\0").is_none());
    }
}
