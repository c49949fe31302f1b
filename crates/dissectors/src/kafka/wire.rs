//! Kafka's primitive types, read one after the other, and the heads of requests and responses.
//!
//! <https://kafka.apache.org/protocol#protocol_types>. A message is a size and so many bytes. A
//! request begins with its API's key and version, a number that the response repeats, and the name
//! of the client; a response begins with the number alone.

use super::schema::{self, Api};

/// Bytes of the size before a message.
pub const SIZE: usize = 4;
/// Bytes before the client's name in a request.
const FIXED: usize = 8;
/// The request that came before request headers had a client's name.
const CONTROLLED_SHUTDOWN: i16 = 7;
/// The response whose header never has tagged fields, so that every client can read it (KIP-511).
pub const API_VERSIONS: i16 = 18;

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// There are not that many bytes.
    Short,
    /// This can't be right.
    Bad,
}

/// Reads forward through bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    /// The API's number.
    pub key: i16,
    /// The version of the message.
    pub version: i16,
    /// The number that its response repeats.
    pub correlation: i32,
    /// The client's name for itself.
    pub client: Option<&'b [u8]>,
    /// Where the head ends.
    pub end: usize,
}

/// Length of what follows: of a string, of bytes, of an array; none for null.
pub type Length = Option<usize>;

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// From the front of `bytes`.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where it is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'b [u8], Halt> {
        let (taken, _) = self.rest().split_at_checked(len).ok_or(Halt::Short)?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let (taken, _) = self.rest().split_first_chunk::<N>().ok_or(Halt::Short)?;
        self.at += N;
        Ok(*taken)
    }

    /// One byte, signed.
    pub fn int8(&mut self) -> Result<i8, Halt> {
        self.array().map(i8::from_be_bytes)
    }

    /// Two bytes, signed.
    pub fn int16(&mut self) -> Result<i16, Halt> {
        self.array().map(i16::from_be_bytes)
    }

    /// Two bytes, unsigned.
    pub fn uint16(&mut self) -> Result<u16, Halt> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn int32(&mut self) -> Result<i32, Halt> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub fn int64(&mut self) -> Result<i64, Halt> {
        self.array().map(i64::from_be_bytes)
    }

    /// Eight bytes, IEEE 754.
    pub fn float64(&mut self) -> Result<f64, Halt> {
        self.array().map(f64::from_be_bytes)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<[u8; 16], Halt> {
        self.array()
    }

    /// Seven bits a byte, the lowest first.
    pub fn varint(&mut self) -> Result<u64, Halt> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Halt::Bad)
    }

    /// The same with the sign in the lowest bit.
    pub fn zigzag(&mut self) -> Result<i64, Halt> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The length of a string.
    pub fn string_length(&mut self, flexible: bool) -> Result<Length, Halt> {
        if flexible {
            return self.compact_length();
        }
        length(self.int16()?.into())
    }

    /// The length of bytes, or how many elements an array has.
    pub fn length(&mut self, flexible: bool) -> Result<Length, Halt> {
        if flexible {
            return self.compact_length();
        }
        length(self.int32()?.into())
    }

    /// One more than the length, so that null is 0.
    fn compact_length(&mut self) -> Result<Length, Halt> {
        match self.varint()?.checked_sub(1) {
            Some(len) if len > i32::MAX.cast_unsigned().into() => Err(Halt::Bad),
            Some(len) => usize::try_from(len).map(Some).map_err(|_| Halt::Bad),
            None => Ok(None),
        }
    }

    /// Skips tagged fields.
    pub fn skip_tags(&mut self) -> Result<(), Halt> {
        // Every turn takes at least two bytes.
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = usize::try_from(self.varint()?).map_err(|_| Halt::Bad)?;
            self.take(size)?;
        }
        Ok(())
    }
}

fn length(len: i64) -> Result<Length, Halt> {
    match len {
        -1 => Ok(None),
        len => usize::try_from(len).map(Some).map_err(|_| Halt::Bad),
    }
}

// === impl Request ===

impl<'b> Request<'b> {
    /// Reads the head of the request at the front of `message`, which is behind its size.
    pub fn read(message: &'b [u8]) -> Result<Self, Halt> {
        let mut cursor = Cursor::new(message);
        let (key, version) = (cursor.int16()?, cursor.int16()?);
        let correlation = cursor.int32()?;
        if key == CONTROLLED_SHUTDOWN && version == 0 {
            return Ok(Self { key, version, correlation, client: None, end: FIXED });
        }
        // The client's name is never compact (KIP-482).
        let client = match cursor.string_length(false)? {
            Some(len) => Some(cursor.take(len)?),
            None => None,
        };
        if schema::api(key).is_some_and(|api| api.is_flexible(version)) {
            cursor.skip_tags()?;
        }
        Ok(Self { key, version, correlation, client, end: cursor.at() })
    }

    /// The API, if it is known.
    pub fn api(&self) -> Option<&'static Api> {
        schema::api(self.key)
    }

    /// Whether its name could be one: no control characters in it.
    pub fn has_a_name(&self) -> bool {
        let Some(name) = self.client else { return true };
        str::from_utf8(name).is_ok_and(|name| !name.contains(char::is_control))
    }
}

/// Where the body of a response begins, behind its size.
pub fn response_body(api: &Api, version: i16, message: &[u8]) -> Result<usize, Halt> {
    let mut cursor = Cursor::new(message);
    cursor.int32()?;
    if api.is_flexible(version) && api.key != API_VERSIONS {
        cursor.skip_tags()?;
    }
    Ok(cursor.at())
}

/// The version in which a response was written: a broker that does not know the version of an
/// `ApiVersions` request answers in version 0 (KIP-511).
pub fn response_version(api: &Api, version: i16, body: &[u8]) -> i16 {
    const UNSUPPORTED_VERSION: [u8; 2] = 35i16.to_be_bytes();
    if api.key == API_VERSIONS && body.starts_with(&UNSUPPORTED_VERSION) { 0 } else { version }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_seven_bits_a_byte() {
        let read = |bytes: &[u8]| Cursor::new(bytes).varint();
        assert_eq!(read(&[0x7f]), Ok(127));
        assert_eq!(read(&[0x80, 1]), Ok(128));
        assert_eq!(read(&[0x80]), Err(Halt::Short));
        assert_eq!(read(&[0x80; 11]), Err(Halt::Bad));
        assert_eq!(Cursor::new(&[3]).zigzag(), Ok(-2));
        let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Cursor::new(&least).zigzag(), Ok(i64::MIN));
    }

    #[test]
    fn a_length_is_never_negative() {
        assert_eq!(Cursor::new(&[0xff, 0xff]).string_length(false), Ok(None));
        assert_eq!(Cursor::new(&[0xff, 0xfe]).string_length(false), Err(Halt::Bad));
        assert_eq!(Cursor::new(&[0]).length(true), Ok(None));
        assert_eq!(Cursor::new(&[1]).length(true), Ok(Some(0)));
        assert_eq!(Cursor::new(&[0xff; 9]).length(true), Err(Halt::Short));
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).length(true), Err(Halt::Bad));
    }

    #[test]
    fn heads_of_three_generations() {
        let old = Request::read(b"\0\x07\0\0\0\0\0\x09\0\0\0\x01").unwrap();
        assert_eq!((old.correlation, old.client, old.end), (9, None, 8));
        let plain = Request::read(b"\0\x03\0\x01\0\0\0\x09\0\x02abxx").unwrap();
        assert_eq!((plain.client, plain.end), (Some(&b"ab"[..]), 12));
        let flexible = Request::read(b"\0\x03\0\x0c\0\0\0\x09\xff\xff\x01\x05\x02zzxx").unwrap();
        assert_eq!((flexible.client, flexible.end), (None, 15));
        assert_eq!(Request::read(b"\0\x03\0\x01\0\0\0\x09\0\x03ab").unwrap_err(), Halt::Short);
    }
}
