//! Fields of messages of protocol buffers, by their numbers (protobuf.dev, encoding): what protocols need
//! that know their messages.

/// Fields looked at in one message, at most.
const FIELDS_MAX: usize = 16_384;

/// One field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message one after the other, as far as it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'b> {
    bytes: &'b [u8],
    left: usize,
    is_cut: bool,
}

// === impl Fields ===

impl<'b> Fields<'b> {
    /// Of a whole message: it ends before a field that is not all there.
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, left: FIELDS_MAX, is_cut: false }
    }

    /// Of a message whose end may not have been kept: the last field is what is there of it.
    pub(crate) fn of_cut(bytes: &'b [u8]) -> Self {
        Self { is_cut: true, ..Self::of(bytes) }
    }

    /// The first field `wanted` that is a number.
    pub(crate) fn number(mut self, wanted: u64) -> Option<u64> {
        self.find_map(|(field, value)| match value {
            Value::Number(value) if field == wanted => Some(value),
            _ => None,
        })
    }

    /// The first field `wanted` that is bytes.
    pub(crate) fn bytes(mut self, wanted: u64) -> Option<&'b [u8]> {
        self.find_map(|(field, value)| match value {
            Value::Bytes(value) if field == wanted => Some(value),
            _ => None,
        })
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.bytes
    }

    /// The next number, where numbers stand without a field around them.
    pub(crate) fn varint(&mut self) -> Option<u64> {
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

    fn take(&mut self, len: u64) -> Option<&'b [u8]> {
        let (value, rest) = match self.bytes.split_at_checked(usize::try_from(len).ok()?) {
            Some(split) => split,
            None if self.is_cut => (self.bytes, &[][..]),
            None => return None,
        };
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
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_all_there_is_told_of_a_cut_message_alone() {
        let message = b"\x08\x96\x01\x12\x05ab";
        assert_eq!(Fields::of(message).number(1), Some(150));
        assert_eq!(Fields::of(message).bytes(2), None);
        let cut = Fields::of_cut(message).nth(1);
        assert!(matches!(cut, Some((2, Value::Bytes(b"ab")))), "{cut:?}");
    }

    #[test]
    fn numbers_without_an_end_and_unknown_kinds_end_a_message() {
        assert_eq!(Fields::of(&[0xff; 64]).count(), 0);
        assert_eq!(Fields::of(b"\x08\x01\x0b").count(), 1);
    }
}
