//! The type system (part 1): values, each with a constructor that says what it is and how wide.
//!
//! ```text
//!  ┌─────────────┬──────────┐     ┌──────┬────────────┬───────┐
//!  │ constructor │ data …   │     │ 0x00 │ descriptor │ value │   a described value
//!  └─────────────┴──────────┘     └──────┴────────────┴───────┘
//! ```
//!
//! The first half of a constructor tells the width: nothing, 1, 2, 4, 8 or 16 octets, or a size of one
//! or of four octets before the data.

/// Values inside each other, at most.
pub const DEPTH_MAX: usize = 16;
/// Values looked at inside one, at most.
const VALUES_MAX: usize = 4 << 10;
/// The constructor of described values.
const DESCRIBED: u8 = 0;

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'m> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// `ubyte`, `ushort`, `uint`, `ulong`.
    Unsigned(u64),
    /// `byte`, `short`, `int`, `long`.
    Signed(i64),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// `decimal32`, `decimal64`, `decimal128` in IEEE 754's binary integer form.
    Decimal(&'m [u8]),
    /// A character of Unicode.
    Char(u32),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid(&'m [u8]),
    /// Octets.
    Binary(&'m [u8]),
    /// Text.
    Text(&'m [u8]),
    /// A name out of some domain.
    Symbol(&'m [u8]),
    /// Values of any types.
    List(Items<'m>),
    /// Keys and values in turn.
    Map(Items<'m>),
    /// Values of one type.
    Array(Items<'m>),
    /// A value, and what it stands for.
    Described {
        /// The descriptor, a value of its own.
        descriptor: &'m [u8],
        /// The value, with its constructor.
        value: &'m [u8],
    },
}

/// The values in a list, a map or an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Items<'m> {
    /// How many are announced.
    pub count: u32,
    /// What describes each of an array's elements.
    pub descriptor: Option<&'m [u8]>,
    /// The constructor that an array's elements share.
    code: Option<u8>,
    rest: &'m [u8],
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// So many octets are needed, from the value's first on.
    Short(usize),
    /// This is none.
    Bad,
}

/// Octets of the value at the front: only its head has to be there.
pub fn extent(input: &[u8]) -> Result<usize, Flaw> {
    extent_within(input, DEPTH_MAX)
}

fn extent_within(input: &[u8], depth: usize) -> Result<usize, Flaw> {
    let code = *input.first().ok_or(Flaw::Short(1))?;
    if code != DESCRIBED {
        return Ok(1 + width(code, input.get(1..).unwrap_or_default()).map_err(|f| f.behind(1))?);
    }
    let depth = depth.checked_sub(1).ok_or(Flaw::Bad)?;
    let rest = input.get(1..).unwrap_or_default();
    let descriptor = extent_within(rest, depth).map_err(|flaw| flaw.behind(1))?;
    let at = descriptor.checked_add(1).ok_or(Flaw::Bad)?;
    let rest = input.get(at..).ok_or(Flaw::Short(at + 1))?;
    let value = extent_within(rest, depth).map_err(|flaw| flaw.behind(at))?;
    at.checked_add(value).ok_or(Flaw::Bad)
}

/// The value at the front; `input` is moved behind it.
pub fn value<'m>(input: &mut &'m [u8]) -> Result<Value<'m>, Flaw> {
    let all = *input;
    let len = extent(all)?;
    let (this, rest) = all.split_at_checked(len).ok_or(Flaw::Short(len))?;
    let (code, data) = this.split_first().ok_or(Flaw::Short(1))?;
    let value = if *code == DESCRIBED {
        let (descriptor, value) = data.split_at_checked(extent(data)?).ok_or(Flaw::Bad)?;
        Value::Described { descriptor, value }
    } else {
        plain(*code, data)?
    };
    *input = rest;
    Ok(value)
}

/// Whether `input` is one value, all the way down.
pub fn is_sound(input: &[u8]) -> bool {
    let mut left = VALUES_MAX;
    let mut rest = input;
    value(&mut rest).is_ok_and(|value| rest.is_empty() && sound(value, DEPTH_MAX, &mut left))
}

fn sound(of: Value<'_>, depth: usize, left: &mut usize) -> bool {
    let (Some(depth), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        return false;
    };
    *left = fewer;
    let mut all = |mut bytes: &[u8]| {
        value(&mut bytes).is_ok_and(|value| bytes.is_empty() && sound(value, depth, left))
    };
    match of {
        Value::Described { descriptor, value } => all(descriptor) && all(value),
        Value::Text(text) => std::str::from_utf8(text).is_ok(),
        Value::Symbol(text) => text.is_ascii(),
        Value::Map(items) if items.count % 2 == 1 => false,
        Value::List(items) | Value::Map(items) | Value::Array(items) => {
            let mut items = items;
            for _ in 0..items.count.min(u32::try_from(VALUES_MAX).unwrap_or(u32::MAX)) {
                if !items.next().is_some_and(|value| sound(value, depth, left)) {
                    return false;
                }
            }
            items.count > 0 || items.rest.is_empty()
        }
        _ => true,
    }
}

/// Octets of the data behind a constructor, the size before it included.
fn width(code: u8, data: &[u8]) -> Result<usize, Flaw> {
    let sized = |octets: usize| -> Result<usize, Flaw> {
        let size = number(data.get(..octets).ok_or(Flaw::Short(octets))?);
        let size = usize::try_from(size).map_err(|_| Flaw::Bad)?;
        size.checked_add(octets).ok_or(Flaw::Bad)
    };
    match code >> 4 {
        4 => Ok(0),
        wide @ 5..=9 => Ok(1 << (wide - 5)),
        0xa | 0xc | 0xe => sized(1),
        0xb | 0xd | 0xf => sized(4),
        _ => Err(Flaw::Bad),
    }
}

/// A value that is not described, of all its data.
fn plain(code: u8, data: &[u8]) -> Result<Value<'_>, Flaw> {
    let sized = data.get(if code >> 4 & 1 == 0 { 1.. } else { 4.. }).unwrap_or_default();
    Ok(match code {
        0x40 => Value::Null,
        0x41 => Value::Bool(true),
        0x42 => Value::Bool(false),
        0x43 | 0x44 => Value::Unsigned(0),
        0x45 => Value::List(Items { count: 0, descriptor: None, code: None, rest: &[] }),
        0x56 => match data {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return Err(Flaw::Bad),
        },
        0x50 | 0x52 | 0x53 | 0x60 | 0x70 | 0x80 => Value::Unsigned(number(data)),
        0x51 | 0x54 | 0x55 | 0x61 | 0x71 | 0x81 => Value::Signed(signed(data)),
        0x72 => Value::Float(f32::from_bits(u32::try_from(number(data)).map_err(|_| Flaw::Bad)?)),
        0x73 => Value::Char(u32::try_from(number(data)).map_err(|_| Flaw::Bad)?),
        0x74 | 0x84 | 0x94 => Value::Decimal(data),
        0x82 => Value::Double(f64::from_bits(number(data))),
        0x83 => Value::Timestamp(signed(data)),
        0x98 => Value::Uuid(data),
        0xa0 | 0xb0 => Value::Binary(sized),
        0xa1 | 0xb1 => Value::Text(sized),
        0xa3 | 0xb3 => Value::Symbol(sized),
        0xc0 => Value::List(Items::of(sized, 1)?),
        0xd0 => Value::List(Items::of(sized, 4)?),
        0xc1 => Value::Map(Items::of(sized, 1)?),
        0xd1 => Value::Map(Items::of(sized, 4)?),
        0xe0 => Value::Array(Items::of(sized, 1)?.of_one_type()?),
        0xf0 => Value::Array(Items::of(sized, 4)?.of_one_type()?),
        _ => return Err(Flaw::Bad),
    })
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn signed(octets: &[u8]) -> i64 {
    let start = if octets.first().is_some_and(|octet| *octet > 127) { -1 } else { 0 };
    octets.iter().fold(start, |number, octet| number << 8 | i64::from(*octet))
}

// === impl Items ===

impl<'m> Items<'m> {
    fn of(sized: &'m [u8], octets: usize) -> Result<Self, Flaw> {
        let (count, rest) = sized.split_at_checked(octets).ok_or(Flaw::Bad)?;
        let count = u32::try_from(number(count)).map_err(|_| Flaw::Bad)?;
        Ok(Self { count, descriptor: None, code: None, rest })
    }

    /// An array has its constructor before the elements, once for all.
    fn of_one_type(self) -> Result<Self, Flaw> {
        let (code, rest) = self.rest.split_first().ok_or(Flaw::Bad)?;
        if *code != DESCRIBED {
            return Ok(Self { code: Some(*code), rest, ..self });
        }
        let (descriptor, rest) = rest.split_at_checked(extent(rest)?).ok_or(Flaw::Bad)?;
        let (code, rest) = rest.split_first().ok_or(Flaw::Bad)?;
        Ok(Self { descriptor: Some(descriptor), code: Some(*code), rest, ..self })
    }

    fn element(&mut self) -> Result<Value<'m>, Flaw> {
        let Some(code) = self.code else { return value(&mut self.rest) };
        let (data, rest) = self.rest.split_at_checked(width(code, self.rest)?).ok_or(Flaw::Bad)?;
        self.rest = rest;
        plain(code, data)
    }
}

/// Ends where one can't be read.
impl<'m> Iterator for Items<'m> {
    type Item = Value<'m>;

    fn next(&mut self) -> Option<Value<'m>> {
        self.count = self.count.checked_sub(1)?;
        let value = self.element().ok();
        if value.is_none() {
            self.count = 0;
            self.rest = &[];
        }
        value
    }
}

// === impl Value ===

impl<'m> Value<'m> {
    /// The number, where it is one that is not negative.
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(number),
            _ => None,
        }
    }

    /// The number that fits a channel or a handle.
    pub fn uint(self) -> Option<u32> {
        u32::try_from(self.unsigned()?).ok()
    }

    /// The octets of a text, a symbol or a binary.
    pub fn octets(self) -> Option<&'m [u8]> {
        match self {
            Self::Text(octets) | Self::Symbol(octets) | Self::Binary(octets) => Some(octets),
            _ => None,
        }
    }
}

// === impl Flaw ===

impl Flaw {
    /// The same, seen from `octets` further in front.
    fn behind(self, octets: usize) -> Self {
        match self {
            Self::Short(need) => Self::Short(need.saturating_add(octets)),
            Self::Bad => Self::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mut bytes: &[u8]) -> Result<Value<'_>, Flaw> {
        value(&mut bytes)
    }

    #[test]
    fn numbers_of_all_widths() {
        assert_eq!(one(b"\x43"), Ok(Value::Unsigned(0)));
        assert_eq!(one(b"\x52\xff"), Ok(Value::Unsigned(255)));
        assert_eq!(one(b"\x60\x01\x00"), Ok(Value::Unsigned(256)));
        assert_eq!(one(b"\x54\xfe"), Ok(Value::Signed(-2)));
        assert_eq!(one(b"\x71\x7f\xff\xff\xff"), Ok(Value::Signed(i64::from(i32::MAX))));
        assert_eq!(one(b"\x81\x80\0\0\0\0\0\0\0"), Ok(Value::Signed(i64::MIN)));
        assert_eq!(one(b"\x70\0\0"), Err(Flaw::Short(5)));
    }

    #[test]
    fn a_head_tells_how_long_it_is() {
        assert_eq!(extent(b""), Err(Flaw::Short(1)));
        assert_eq!(extent(b"\0"), Err(Flaw::Short(2)));
        assert_eq!(extent(b"\0\x53"), Err(Flaw::Short(4)));
        assert_eq!(extent(b"\0\x53\x10\xd0"), Err(Flaw::Short(8)));
        assert_eq!(extent(b"\0\x53\x10\xd0\0\0\x01\0"), Ok(0x108));
        assert_eq!(extent(b"\x30"), Err(Flaw::Bad));
    }

    #[test]
    fn arrays_share_a_constructor() {
        let Ok(Value::Array(items)) = one(b"\xe0\x08\x02\xa3\x02ab\x02cd") else { panic!() };
        let all: Vec<_> = items.collect();
        assert_eq!(all, [Value::Symbol(b"ab"), Value::Symbol(b"cd")]);
        let Ok(Value::Array(items)) = one(b"\xe0\x05\x02\0\x53\x24\x45") else { panic!() };
        assert_eq!((items.descriptor, items.count()), (Some(&b"\x53\x24"[..]), 2));
    }

    #[test]
    fn what_lies_is_unsound() {
        for bytes in [
            &b"\xc0\x03\x02\x41"[..],
            b"\xc0\x02\x02\x41",
            b"\xc1\x02\x01\x41",
            b"\xa1\x01\xff",
            b"\xa3\x01\xff",
            b"\x56\x02",
            b"\x41\x41",
            b"\xc0\x02\x00\x41",
        ] {
            assert!(!is_sound(bytes), "{}", bytes.escape_ascii());
        }
        assert!(is_sound(b"\xc1\x05\x02\xa1\x01k\x43"));
    }

    #[test]
    fn depth_and_breadth_are_bounded() {
        assert!(!is_sound(&[b"\0".repeat(40), b"\x40".repeat(41)].concat()));
        assert!(!is_sound(b"\xe0\x02\xff\x41\x00"));
        assert!(!is_sound(b"\xf0\0\0\0\x05\xff\xff\xff\xff\x41"));
        let mut bytes = b"\x45".to_vec();
        for _ in 0..20 {
            let size = u8::try_from(bytes.len() + 1).unwrap();
            bytes = [&[0xc0, size, 1], &bytes[..]].concat();
        }
        assert!(!is_sound(&bytes));
    }
}
