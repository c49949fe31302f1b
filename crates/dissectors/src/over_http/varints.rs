//! Messages of protocol buffers whose fields are known by their numbers, and the first one of a call
//! of gRPC.

use std::borrow::Cow;

use model::Message;

use super::tell::decode;
use crate::http::View;

/// Fields looked at in one message, at most.
const FIELDS_MAX: usize = 16_384;
/// Bytes in front of a message of gRPC.
const PREFIX: usize = 5;

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message one after the other, as far as it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'b> {
    bytes: &'b [u8],
    left: usize,
}

/// The first message of one side of a call of gRPC; what is compressed is undone. None where it is not
/// all there.
pub(super) fn first_message(message: &Message) -> Option<Cow<'_, [u8]>> {
    let body = &message.body.kept;
    let ([flags, len @ ..], rest) = body.split_first_chunk::<PREFIX>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let bytes = rest.get(..len).unwrap_or(rest);
    if flags & 1 == 0 {
        return Some(bytes.into());
    }
    let coding = View::of(message)?.field(b"grpc-encoding")?;
    decode(bytes, bytes.len() == len, &coding).map(Cow::Owned)
}

// === impl Fields ===

impl<'b> Fields<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, left: FIELDS_MAX }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, len: u64) -> Option<&'b [u8]> {
        let len = usize::try_from(len).ok()?;
        let (value, rest) = self.bytes.split_at_checked(len).unwrap_or((self.bytes, &[]));
        self.bytes = rest;
        Some(value)
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = (u64, Value<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.bytes(8)?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.bytes(len)?)
            }
            5 => Value::Bytes(self.bytes(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}
