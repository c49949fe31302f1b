//! A message: a head of fixed form, then options (RFC 2131 §2, RFC 2132 §2).

use std::ops::Range;

use crate::framed::{u16_at, u32_at};

/// Bytes of a head, without the file's and the server's names.
const SHORT_HEAD: usize = 44;
/// Where the server's name is, the file's name, and the options.
const SERVER_NAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;
/// Marks options.
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const OPTIONS: usize = 240;
/// Options looked at, at most.
const OPTIONS_MAX: usize = 512;

/// Kinds of messages (RFC 2132 §9.6, RFC 3203, RFC 4388).
pub(super) mod kind {
    /// BOOTP has none.
    pub(crate) const NONE: u8 = 0;
    pub(crate) const DISCOVER: u8 = 1;
    pub(crate) const OFFER: u8 = 2;
    pub(crate) const REQUEST: u8 = 3;
    pub(crate) const DECLINE: u8 = 4;
    pub(crate) const ACK: u8 = 5;
    pub(crate) const NAK: u8 = 6;
    pub(crate) const RELEASE: u8 = 7;
    pub(crate) const INFORM: u8 = 8;
    pub(crate) const FORCE_RENEW: u8 = 9;
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) asks: bool,
    pub(super) id: u32,
    pub(super) kind: u8,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt<'b> {
    pub(super) code: u8,
    pub(super) value: &'b [u8],
    /// Where its value begins.
    pub(super) at: usize,
}

// === impl Letter ===

impl<'b> Letter<'b> {
    /// Reads one.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let &[op @ (1 | 2), _, hardware_len, hops, ..] = bytes else { return None };
        if bytes.len() < SHORT_HEAD || hardware_len > 16 || hops > 16 {
            return None;
        }
        let mut letter = Self { bytes, asks: op == 1, id: u32_at(bytes, 4)?, kind: kind::NONE };
        let named = letter.options().find(|option| option.code == 53);
        letter.kind = named.and_then(|option| option.value.first().copied()).unwrap_or(kind::NONE);
        Some(letter)
    }

    /// Whether nobody else's messages look like it.
    pub(super) fn is_sure(&self) -> bool {
        self.bytes.get(236..OPTIONS) == Some(&COOKIE[..])
            && self.bytes.get(1).is_some_and(|hardware| *hardware <= 40)
            && u16_at(self.bytes, 10).is_some_and(|flags| flags & 0x7fff == 0)
            && self.kind <= 18
    }

    /// The client's hardware address.
    pub(super) fn hardware(&self) -> &'b [u8] {
        let len = usize::from(self.bytes.get(2).copied().unwrap_or(0)).min(16);
        self.bytes.get(28..28 + len).unwrap_or_default()
    }

    /// The same in short (FNV-1a), 24 bits of it.
    pub(super) fn hardware_hash(&self) -> u32 {
        let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        self.hardware().iter().fold(0x811c_9dc5, mix) >> 8
    }

    /// The address at `at`, unless it is not set.
    pub(super) fn address(&self, at: usize) -> Option<std::net::Ipv4Addr> {
        u32_at(self.bytes, at).filter(|address| *address != 0).map(std::net::Ipv4Addr::from)
    }

    /// The server's name, unless options are there instead.
    pub(super) fn server_name(&self) -> &'b [u8] {
        if self.overload() & 2 == 0 { self.text(SERVER_NAME) } else { &[] }
    }

    /// The file to start, unless options are there instead.
    pub(super) fn file(&self) -> &'b [u8] {
        if self.overload() & 1 == 0 { self.text(FILE) } else { &[] }
    }

    fn text(&self, place: Range<usize>) -> &'b [u8] {
        let bytes = self.bytes.get(place).unwrap_or_default();
        bytes.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn overload(&self) -> u8 {
        let own = |option: &Opt<'_>| option.code == 52;
        let found = self.options_in(OPTIONS..self.bytes.len()).find(own);
        found.and_then(|option| option.value.first().copied()).unwrap_or(0) & 3
    }

    /// The options, those that stand where names would be included (RFC 2132 §9.3).
    pub(super) fn options(&self) -> impl Iterator<Item = Opt<'b>> + use<'b> {
        let all = self.options_in(OPTIONS..self.bytes.len());
        let overload = self.overload();
        let part = |set: bool, place: Range<usize>| if set { place } else { 0..0 };
        all.chain(self.options_in(part(overload & 1 != 0, FILE)))
            .chain(self.options_in(part(overload & 2 != 0, SERVER_NAME)))
            .take(OPTIONS_MAX)
    }

    fn options_in(&self, place: Range<usize>) -> impl Iterator<Item = Opt<'b>> + use<'b> {
        let marked = self.bytes.get(236..OPTIONS) == Some(&COOKIE[..]);
        let bytes = if marked { self.bytes } else { &[] };
        let (mut at, end) = (place.start, place.end.min(bytes.len()));
        std::iter::from_fn(move || {
            loop {
                let rest = bytes.get(at..end)?;
                let &code = rest.first()?;
                match code {
                    0 => at += 1,
                    255 => return None,
                    _ => {
                        let len = usize::from(*rest.get(1)?);
                        let value = rest.get(2..2 + len).or_else(|| rest.get(2..))?;
                        let value_at = at + 2;
                        at = value_at + len;
                        return Some(Opt { code, value, at: value_at });
                    }
                }
            }
        })
    }

    /// Where secrets are: what authentication carries.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Range<usize>> + use<'b> {
        let own = self.options().filter(|option| option.code == 90);
        own.map(|option| option.at..option.at + option.value.len())
    }
}
