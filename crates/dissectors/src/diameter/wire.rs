//! A message: its head and its AVPs (RFC 6733 §3, §4.1).

use super::avps;
use crate::framed::{Halt, Read, u24_at, u32_at};

/// Bytes of a head.
pub(super) const HEAD: usize = 20;
/// AVPs looked at, at most.
const AVPS_MAX: usize = 4_096;
/// How deep groups are followed.
pub(super) const DEPTH_MAX: u32 = 8;
/// The largest message.
const LEN_MAX: u32 = 4 << 20;

/// What stands in front of the AVPs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) len: u32,
    pub(super) flags: u8,
    pub(super) command: u32,
    pub(super) application: u32,
    pub(super) hop_by_hop: u32,
    pub(super) end_to_end: u32,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avp<'b> {
    pub(super) code: u32,
    pub(super) vendor: u32,
    pub(super) value: &'b [u8],
    /// Where the value begins.
    pub(super) at: usize,
}

/// The attributes one after the other in some bytes, as far as they can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avps<'b> {
    bytes: &'b [u8],
    at: usize,
    left: usize,
}

// === impl Head ===

impl Head {
    /// Reads it.
    pub(super) fn read(input: &[u8]) -> Read<Self> {
        // A wrong start is known before the rest is there.
        if input.first().is_some_and(|version| *version != 1) {
            return Err(Halt::Bad);
        }
        let short = Halt::Short(HEAD);
        let len = u24_at(input, 1).ok_or(short)?;
        let flags = *input.get(4).ok_or(short)?;
        let head = Self {
            len,
            flags,
            command: u24_at(input, 5).ok_or(short)?,
            application: u32_at(input, 8).ok_or(short)?,
            hop_by_hop: u32_at(input, 12).ok_or(short)?,
            end_to_end: u32_at(input, 16).ok_or(short)?,
        };
        // An answer is no error of a request, and is not sent again (§3).
        let request = head.is_request();
        let sound = (20..=LEN_MAX).contains(&len)
            && len % 4 == 0
            && flags & 0x0f == 0
            && (!request || flags & 0x20 == 0)
            && (request || flags & 0x10 == 0);
        if sound { Ok(head) } else { Err(Halt::Bad) }
    }

    /// Whether it asks.
    pub(super) fn is_request(self) -> bool {
        self.flags & 0x80 != 0
    }
}

// === impl Avps ===

impl<'b> Avps<'b> {
    /// Those of a message.
    pub(super) fn of(message: &'b [u8]) -> Self {
        Self { bytes: message, at: HEAD, left: AVPS_MAX }
    }

    /// Those inside a group whose value is at `at` in `message`.
    pub(super) fn inside(message: &'b [u8], group: &Avp<'_>) -> Self {
        let bytes = message.get(..group.at + group.value.len()).unwrap_or(message);
        Self { bytes, at: group.at, left: AVPS_MAX }
    }

    /// Whether the first AVP of a message begins as one does.
    pub(super) fn may_begin(start: &[u8], head: &Head) -> bool {
        if head.len == 20 {
            return true;
        }
        let (Some(code), Some(flags), Some(len)) =
            (u32_at(start, 0), start.get(4), u24_at(start, 5))
        else {
            return false;
        };
        let least = if flags & 0x80 != 0 { 12 } else { 8 };
        code != 0 && code < 1 << 24 && flags & 0x1f == 0 && (least..=head.len - 20).contains(&len)
    }
}

impl<'b> Iterator for Avps<'b> {
    type Item = Avp<'b>;

    fn next(&mut self) -> Option<Avp<'b>> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.bytes.get(self.at..)?;
        let code = u32_at(rest, 0)?;
        let flags = *rest.get(4)?;
        let len = usize::try_from(u24_at(rest, 5)?).ok()?;
        let (head, vendor) = if flags & 0x80 != 0 { (12, u32_at(rest, 8)?) } else { (8, 0) };
        if len < head {
            return None;
        }
        let value = rest.get(head..len).or_else(|| rest.get(head..))?;
        let at = self.at + head;
        self.at = self.at.checked_add(len.next_multiple_of(4))?;
        Some(Avp { code, vendor, value, at })
    }
}

/// Tells each place in a message that holds a secret.
pub(super) fn secrets(message: &[u8], mut hide: impl FnMut(usize)) {
    walk(Avps::of(message), message, 0, &mut hide);
}

fn walk(all: Avps<'_>, message: &[u8], depth: u32, hide: &mut impl FnMut(usize)) {
    for avp in all {
        if avps::is_secret(avp.vendor, avp.code) {
            (avp.at..avp.at + avp.value.len()).for_each(&mut *hide);
        } else if depth < DEPTH_MAX && avps::is_group(avp.vendor, avp.code) {
            walk(Avps::inside(message, &avp), message, depth + 1, hide);
        }
    }
}
