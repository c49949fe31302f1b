//! What is written down of a message, and how it is read again.
//!
//! ```text
//! │ 0x10 │ flags │ channel (2) │ address (2) │ performative (2) │ address … │ performative … │ sections … │
//! ```
//!
//! The address of the link that it is sent on, where that is known; the performative as its frame has it,
//! secrets replaced; the sections of a message that are not its body. All are cut where they are long.

use dissect::Sink;
use memchr::memmem;
use model::Message;

use super::{
    composite::Fields,
    types::{Value, extent},
};

/// How a record of this version begins; those of 0-9-1 begin by other numbers.
const MARK: u8 = 0x10;
const HEAD: usize = 8;
const FLAGS_AT: usize = 1;
/// Bytes kept of a performative.
const PERFORMATIVE_MAX: usize = (64 << 10) - 1;
/// What stands for a secret: a symbol.
const MASK: &[u8] = b"\xa3\x03***";
/// What a token is put by (Claims-based Security).
const PUT_TOKEN: &[u8] = b"put-token";

/// The `attach` of its link was seen.
pub const KNOWN: u8 = 1;
/// It is sent to a transaction coordinator.
pub const COORDINATED: u8 = 2;
/// Its body is a text.
pub const TEXT: u8 = 4;
/// Its body is for nobody's eyes.
pub const HIDDEN: u8 = 8;
/// It was taken back by its sender.
pub const ABORTED: u8 = 16;

/// The record of a message, read again.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    flags: u8,
    /// The channel.
    pub channel: u16,
    /// The address of its link; empty where it is not known, or there is none.
    pub address: &'m [u8],
    /// Its performative, as it was sent.
    pub performative: &'m [u8],
    /// The sections of the message, the body aside.
    pub sections: &'m [u8],
}

/// What is known of a message besides its performative.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'b> {
    /// What is known of it from the start.
    pub flags: u8,
    /// The channel.
    pub channel: u16,
    /// The address of its link.
    pub address: &'b [u8],
}

/// Writes a performative down.
pub fn write(about: About<'_>, performative: &[u8], sink: &mut Sink<'_, '_>) {
    let Some(fields) = Fields::of(performative) else { return };
    if fields.composite.fields.iter().any(super::composite::Named::is_secret) {
        let masked = mask(performative, fields);
        write_parts(about, &masked, sink);
    } else {
        let kept = performative.get(..PERFORMATIVE_MAX).unwrap_or(performative);
        write_parts(about, kept, sink);
    }
}

fn write_parts(about: About<'_>, performative: &[u8], sink: &mut Sink<'_, '_>) {
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
    let [c0, c1] = about.channel.to_be_bytes();
    let ([a0, a1], [p0, p1]) = (len(about.address), len(performative));
    sink.record(&[MARK, about.flags, c0, c1, a0, a1, p0, p1]);
    sink.record(about.address);
    sink.record(performative);
}

/// The same list with its secrets replaced, and no longer than is kept.
fn mask(performative: &[u8], fields: Fields<'_>) -> Vec<u8> {
    let descriptor = performative.get(1..).and_then(|rest| rest.get(..extent(rest).ok()?));
    let mut items = Vec::new();
    let mut count = 0_u32;
    for (named, value) in fields.composite.fields.iter().zip(fields.first::<4>()) {
        match value {
            Value::Null => items.push(0x40),
            _ if named.is_secret() => items.extend_from_slice(MASK),
            Value::Unsigned(code) => items.extend([0x50, u8::try_from(code).unwrap_or(u8::MAX)]),
            Value::Symbol(text) | Value::Text(text) => {
                let text = text.get(..255).unwrap_or(text);
                let code = if matches!(value, Value::Text(_)) { 0xa1 } else { 0xa3 };
                items.extend([code, u8::try_from(text.len()).unwrap_or(0)]);
                items.extend_from_slice(text);
            }
            _ => items.push(0x40),
        }
        count += 1;
    }
    let size = u32::try_from(items.len() + 4).unwrap_or(0).to_be_bytes();
    let head: [&[u8]; 5] =
        [&[0], descriptor.unwrap_or_default(), &[0xd0], &size, &count.to_be_bytes()];
    [&head.concat()[..], &items].concat()
}

/// Adds to the flags of the open message.
pub fn mark(flag: u8, sink: &mut Sink<'_, '_>) {
    if let Some(flags) = sink.recorded().get(FLAGS_AT) {
        let flags = flags | flag;
        sink.amend(FLAGS_AT, &[flags]);
    }
}

/// Whether what was written down of a message says that its body is a token.
pub fn puts_a_token(recorded: &[u8]) -> bool {
    memmem::find(recorded, PUT_TOKEN).is_some()
}

/// Whether a record is of this version.
pub fn is_ours(message: &Message) -> bool {
    message.record.first() == Some(&MARK)
}

// === impl Record ===

impl<'m> Record<'m> {
    /// The record of `message`; `None` if it is of another version.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (head, rest) = message.record.split_first_chunk::<HEAD>()?;
        let [MARK, flags, c0, c1, a0, a1, p0, p1] = *head else { return None };
        let (address, rest) = rest.split_at_checked(u16::from_be_bytes([a0, a1]).into())?;
        let (performative, sections) =
            rest.split_at_checked(u16::from_be_bytes([p0, p1]).into())?;
        let channel = u16::from_be_bytes([c0, c1]);
        Some(Self { flags, channel, address, performative, sections })
    }

    /// Whether a flag is set.
    pub fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The fields of its performative, as far as they were kept.
    pub fn fields(&self) -> Option<Fields<'m>> {
        Fields::of(self.performative)
    }
}
