//! Arguments of methods and properties of messages: what they are, and how they are read.
//!
//! One interpreter walks what the tables declare (AMQP 0-9-1 §4.2.5): bits that follow each other
//! share an octet, short strings have one octet of length, long strings and tables four.

use super::{
    field_table::{self, FieldTable},
    fields::At,
};

/// One argument or property.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// How it is written.
    pub kind: Kind,
    /// The field it is told as; `None` for what is reserved.
    pub field: Option<At>,
}

/// How an argument is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// One bit.
    Bit,
    /// A number of one octet.
    Octet,
    /// A number of two octets.
    Short,
    /// A number of four octets.
    Long,
    /// A number of eight octets.
    LongLong,
    /// A string of up to 255 octets.
    ShortStr,
    /// A longer one.
    LongStr,
    /// A longer one that is for nobody's eyes.
    Secret,
    /// A field table.
    Table,
}

/// What an argument holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'m> {
    /// A bit.
    Bit(bool),
    /// A number.
    Number(u64),
    /// A string.
    Text(&'m [u8]),
    /// A field table.
    Table(FieldTable<'m>),
}

/// The bytes do not hold what was declared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Short;

/// Walks over the arguments of a method; ends where one can't be read.
#[derive(Clone, Copy, Debug)]
pub struct Args<'m> {
    declared: &'static [Arg],
    rest: &'m [u8],
    /// The octet that bits are being taken from, and the mask of the next one; 0 for none.
    bits: (u8, u8),
}

// === impl Arg ===

impl Arg {
    /// One that is told as a field.
    pub const fn new(kind: Kind, field: At) -> Self {
        Self { kind, field: Some(field) }
    }

    /// One that says nothing any more.
    pub const fn reserved(kind: Kind) -> Self {
        Self { kind, field: None }
    }
}

// === impl Kind ===

impl Kind {
    /// A value that is not a bit, off the front of `rest`.
    pub fn read<'m>(self, rest: &mut &'m [u8]) -> Result<Value<'m>, Short> {
        Ok(match self {
            Self::Bit | Self::Octet => Value::Number(number(rest, 1)?),
            Self::Short => Value::Number(number(rest, 2)?),
            Self::Long => Value::Number(number(rest, 4)?),
            Self::LongLong => Value::Number(number(rest, 8)?),
            Self::ShortStr => Value::Text(short_str(rest)?),
            Self::LongStr | Self::Secret => Value::Text(long_str(rest)?),
            Self::Table => Value::Table(FieldTable(long_str(rest)?)),
        })
    }
}

/// A number of up to eight octets, off the front of `rest`.
pub fn number(rest: &mut &[u8], octets: usize) -> Result<u64, Short> {
    let (bytes, after) = rest.split_at_checked(octets).ok_or(Short)?;
    *rest = after;
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A short string, off the front of `rest`.
pub fn short_str<'m>(rest: &mut &'m [u8]) -> Result<&'m [u8], Short> {
    let len = number(rest, 1)?;
    bytes(rest, len)
}

/// A long string, off the front of `rest`.
pub fn long_str<'m>(rest: &mut &'m [u8]) -> Result<&'m [u8], Short> {
    let len = number(rest, 4)?;
    bytes(rest, len)
}

fn bytes<'m>(rest: &mut &'m [u8], len: u64) -> Result<&'m [u8], Short> {
    let len = usize::try_from(len).map_err(|_| Short)?;
    let (bytes, after) = rest.split_at_checked(len).ok_or(Short)?;
    *rest = after;
    Ok(bytes)
}

// === impl Args ===

impl<'m> Args<'m> {
    /// The arguments in `bytes`, as `declared`.
    pub fn new(declared: &'static [Arg], bytes: &'m [u8]) -> Self {
        Self { declared, rest: bytes, bits: (0, 0) }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'m [u8] {
        self.rest
    }

    /// The value told as `field`.
    pub fn find(mut self, field: At) -> Option<Value<'m>> {
        self.find_map(|(arg, value)| (arg.field == Some(field)).then_some(value))
    }

    /// The text told as `field`.
    pub fn text(self, field: At) -> Option<&'m [u8]> {
        match self.find(field)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number told as `field`.
    pub fn number(self, field: At) -> Option<u64> {
        match self.find(field)? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the bit told as `field` is there and set.
    pub fn is_set(self, field: At) -> bool {
        matches!(self.find(field), Some(Value::Bit(true)))
    }

    /// Whether everything declared is there, and nothing else; tables are looked into.
    pub fn are_exact(mut self) -> bool {
        let sound = self.all(|(arg, value)| match value {
            Value::Table(table) => field_table::is_sound(table),
            Value::Text(name) if arg.kind == Kind::ShortStr => !name.contains(&0),
            _ => true,
        });
        sound && self.declared.is_empty() && self.rest.is_empty()
    }

    fn bit(&mut self) -> Option<bool> {
        let (octet, mask) = match self.bits {
            (_, 0) => {
                let (octet, rest) = self.rest.split_first()?;
                self.rest = rest;
                (*octet, 1)
            }
            bits => bits,
        };
        self.bits = (octet, mask << 1);
        Some(octet & mask != 0)
    }
}

impl<'m> Iterator for Args<'m> {
    type Item = (Arg, Value<'m>);

    fn next(&mut self) -> Option<(Arg, Value<'m>)> {
        let (arg, declared) = self.declared.split_first()?;
        let value = if arg.kind == Kind::Bit {
            Value::Bit(self.bit()?)
        } else {
            self.bits = (0, 0);
            arg.kind.read(&mut self.rest).ok()?
        };
        self.declared = declared;
        Some((*arg, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static DECLARED: [Arg; 5] = [
        Arg::reserved(Kind::Short),
        Arg::new(Kind::ShortStr, At::Queue),
        Arg::new(Kind::Bit, At::Passive),
        Arg::new(Kind::Bit, At::Durable),
        Arg::new(Kind::Long, At::MessageCount),
    ];

    #[test]
    fn bits_share_an_octet() {
        let args = Args::new(&DECLARED, b"\0\0\x02ab\x02\0\0\0\x09");
        assert_eq!(args.text(At::Queue), Some(&b"ab"[..]));
        assert!(!args.is_set(At::Passive) && args.is_set(At::Durable));
        assert_eq!(args.number(At::MessageCount), Some(9));
        assert!(args.are_exact());
    }

    #[test]
    fn what_is_too_short_or_too_long_is_not_exact() {
        for bytes in
            [&b"\0\0\x02ab\x02\0\0\0"[..], b"\0\0\x09ab", b"", b"\0\0\x02ab\x02\0\0\0\x09x"]
        {
            assert!(!Args::new(&DECLARED, bytes).are_exact());
        }
    }

    #[test]
    fn nine_bits_take_two_octets() {
        static NINE: [Arg; 9] = [Arg::new(Kind::Bit, At::NoAck); 9];
        let args = Args::new(&NINE, b"\0\x01");
        let bits: Vec<_> = args.map(|(_, value)| matches!(value, Value::Bit(true))).collect();
        assert_eq!(bits.iter().filter(|bit| **bit).count(), 1);
        assert_eq!(bits.last(), Some(&true));
    }
}
