//! A command: two lengths, a head and a body (`RemotingCommand`).

use crate::framed::{Halt, Read, u16_at, u24_at, u32_at};

/// Bytes of the two lengths.
pub(super) const PREFIX: usize = 8;
/// Bytes of a head at most.
const HEAD_MAX: usize = 48 << 10;
/// The largest command.
const SIZE_MAX: u32 = 256 << 20;
/// Bytes of a head of its own form with nothing in it.
const BINARY_LEAST: usize = 21;
/// Languages that there are (`LanguageCode`).
const LANGUAGE_MAX: u8 = 14;
/// Fields of a head looked at, at most.
const FIELDS_MAX: usize = 256;
/// Fields that hold secrets.
const SECRET: [&[u8]; 2] = [b"Signature", b"SecurityToken"];

/// A field's name and its value.
type Pair<'b> = (&'b [u8], &'b [u8]);

/// What pairing needs of a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    /// Bytes of the head.
    pub(super) head: usize,
    /// Bytes of the body.
    pub(super) body: u64,
    pub(super) code: i32,
    /// Bit 0: an answer; bit 1: nobody answers.
    pub(super) flag: u32,
    pub(super) opaque: u32,
}

// === impl Front ===

impl Front {
    /// Reads the command at the front.
    pub(super) fn read(input: &[u8]) -> Read<Self> {
        let total = u32_at(input, 0).ok_or(Halt::Short(PREFIX))?;
        let head = u24_at(input, 5).ok_or(Halt::Short(PREFIX))?;
        let form = *input.get(4).ok_or(Halt::Short(PREFIX))?;
        let size = usize::try_from(head).map_err(|_| Halt::Bad)?;
        let fits = form <= 1 && total <= SIZE_MAX && total >= head.saturating_add(4);
        if !fits || !(BINARY_LEAST..=HEAD_MAX).contains(&size) {
            return Err(Halt::Bad);
        }
        let start = input.get(PREFIX..).unwrap_or_default();
        if form == 0 && start.first().is_some_and(|byte| *byte != b'{') {
            return Err(Halt::Bad);
        }
        let bytes = start.get(..size).ok_or(Halt::Short(PREFIX + size))?;
        let parts = if form == 0 { json(bytes) } else { binary(bytes) };
        let (code, flag, opaque) = parts.ok_or(Halt::Bad)?;
        let body = u64::from(total - head - 4);
        Ok(Self { head: size, body, code, flag, opaque })
    }

    /// Whether a command may begin like this.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        bytes.len() < PREFIX
            || matches!(bytes.get(PREFIX), None | Some(b'{'))
            || bytes.get(4) == Some(&1)
    }

    /// Bytes of all.
    pub(super) fn size(&self) -> u64 {
        (PREFIX + self.head) as u64 + self.body
    }
}

/// Code, flag and number of a head in JSON. A quotation mark inside a text has a backslash in front,
/// so that no text looks like a name.
fn json(head: &[u8]) -> Option<(i32, u32, u32)> {
    if head.last() != Some(&b'}') {
        return None;
    }
    let number = |name: &[u8]| -> Option<i64> {
        let at = memchr::memmem::find(head, name)? + name.len();
        let rest = head.get(at..)?.trim_ascii_start();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-')?;
        str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
    };
    let opaque = i32::try_from(number(b"\"opaque\":")?).ok()?;
    let code = i32::try_from(number(b"\"code\":")?).ok()?;
    let flag = u32::try_from(number(b"\"flag\":")?).ok()?;
    Some((code, flag, opaque.cast_unsigned()))
}

/// The same of a head of its own form, which must fit to the byte.
fn binary(head: &[u8]) -> Option<(i32, u32, u32)> {
    let code = i32::from(u16_at(head, 0)?.cast_signed());
    let language = *head.get(2)?;
    let (opaque, flag) = (u32_at(head, 5)?, u32_at(head, 9)?);
    let (_, fields_at, fields) = remark(head)?;
    let end = fields_at.checked_add(usize::try_from(fields).ok()?)?;
    (language <= LANGUAGE_MAX && flag <= 3 && end == head.len()).then_some((code, flag, opaque))
}

/// The remark of a head of its own form, where its fields begin, and how long they are.
fn remark(head: &[u8]) -> Option<(&[u8], usize, u32)> {
    let len = usize::try_from(u32_at(head, 13)?).ok()?;
    let remark = head.get(17..)?.get(..len)?;
    Some((remark, 21 + len, u32_at(head, 17 + len)?))
}

/// The remark and the fields of a head of its own form.
pub(super) fn binary_parts(head: &[u8]) -> Option<(&[u8], Vec<Pair<'_>>)> {
    let (remark, at, _) = remark(head)?;
    Some((remark, binary_fields(head, at).map(|(name, value, _)| (name, value)).collect()))
}

fn binary_fields(head: &[u8], mut at: usize) -> impl Iterator<Item = (&[u8], &[u8], usize)> {
    let next = move || {
        let name_len = usize::from(u16_at(head, at)?);
        let name = head.get(at + 2..)?.get(..name_len)?;
        let value_at = at + 2 + name_len + 4;
        let len = usize::try_from(u32_at(head, value_at - 4)?).ok()?;
        let value = head.get(value_at..)?.get(..len)?;
        at = value_at + len;
        Some((name, value, value_at))
    };
    std::iter::from_fn(next).take(FIELDS_MAX)
}

/// Tells each place in a record that holds a secret.
pub(super) fn secrets(record: &[u8], mut hide: impl FnMut(usize)) {
    let head = record.get(PREFIX..).unwrap_or_default();
    if record.get(4) == Some(&1) {
        let Some((_, at, _)) = remark(head) else { return };
        for (name, value, at) in binary_fields(head, at) {
            if SECRET.contains(&name) {
                (at..at + value.len()).for_each(|at| hide(PREFIX + at));
            }
        }
        return;
    }
    for name in SECRET {
        let name = [b"\"", name, b"\":\""].concat();
        for found in memchr::memmem::find_iter(head, &name) {
            let from = found + name.len();
            let value = head.get(from..).unwrap_or_default();
            let mut escaped = false;
            for (at, byte) in value.iter().enumerate() {
                if *byte == b'"' && !escaped {
                    break;
                }
                escaped = *byte == b'\\' && !escaped;
                hide(PREFIX + from + at);
            }
        }
    }
}
