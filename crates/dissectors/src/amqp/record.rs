//! What is written down of a message, and how it is read again.
//!
//! ```text
//! │ flags │ channel (2) │ method bytes (2) │ class (2) │ number (2) │ arguments … │ header … │
//! ```
//!
//! The method as its frame has it, secrets replaced, and the payload of the header frame where a
//! message follows: class, weight, size of the body, flags and properties. Both are cut where they
//! are long.

use dissect::Sink;
use model::Message;

use super::{
    args::{Args, Kind},
    method::{self, Method},
};

/// Bytes kept of a method's arguments.
const ARGS_MAX: usize = 8 << 10;
/// Bytes kept of a message's header.
const HEADER_MAX: usize = 8 << 10;
const HEAD: usize = 5;
/// Bytes of class and number.
const KEY: usize = 4;
/// The server does not speak the version that the client asked for (§4.2.2).
const REFUSAL: u8 = 1;
/// What stands for a secret.
const MASK: &[u8] = b"***";

/// The record of a message, read again.
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    /// The channel.
    pub channel: u16,
    /// Its class and number.
    pub key: u32,
    /// Its arguments, as far as they were kept.
    pub args: &'m [u8],
    /// The payload of the message's header; empty without one.
    pub header: &'m [u8],
}

/// Writes a method down, with its secrets masked.
pub fn write(
    channel: u16,
    payload: &[u8],
    method: Option<&'static Method>,
    sink: &mut Sink<'_, '_>,
) {
    let (key, args) = payload.split_at_checked(KEY).unwrap_or_default();
    let secret =
        method.is_some_and(|method| method.args.iter().any(|arg| arg.kind == Kind::Secret));
    match method.filter(|_| secret) {
        None => write_parts(channel, &[key, args.get(..ARGS_MAX).unwrap_or(args)], sink),
        Some(method) => match around_secret(method.read(args)) {
            Some((before, after)) if args.len() <= ARGS_MAX => {
                let parts: [&[u8]; 5] = [key, before, &[0, 0, 0, 3], MASK, after];
                write_parts(channel, &parts, sink);
            }
            _ => write_parts(channel, &[key], sink),
        },
    }
}

/// Writes down that a server refuses the version that was asked for, and which one it wants.
pub fn write_refusal(hello: &[u8], sink: &mut Sink<'_, '_>) {
    sink.record(&[REFUSAL, 0, 0, 0, 0]);
    sink.record(hello);
}

/// Writes the header of a message behind its method.
pub fn write_header(payload: &[u8], sink: &mut Sink<'_, '_>) {
    sink.record(payload.get(..HEADER_MAX).unwrap_or(payload));
}

/// The version that a server wants, where it refused another one.
pub fn refusal(message: &Message) -> Option<&[u8]> {
    match &*message.record {
        [REFUSAL, _, _, _, _, b'A', b'M', b'Q', b'P', version @ ..] => Some(version),
        _ => None,
    }
}

fn write_parts(channel: u16, parts: &[&[u8]], sink: &mut Sink<'_, '_>) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let [c0, c1] = channel.to_be_bytes();
    let [l0, l1] = u16::try_from(len).unwrap_or(0).to_be_bytes();
    sink.record(&[0, c0, c1, l0, l1]);
    parts.iter().for_each(|part| sink.record(part));
}

/// What is before and behind the secret among some arguments.
fn around_secret(mut args: Args<'_>) -> Option<(&[u8], &[u8])> {
    let all = args.rest();
    loop {
        let before = args.rest().len();
        let (arg, _) = args.next()?;
        if arg.kind == Kind::Secret {
            return Some((all.get(..all.len() - before)?, args.rest()));
        }
    }
}

// === impl Record ===

impl<'m> Record<'m> {
    /// The record of `message`; `None` for a refusal.
    pub fn of(message: &'m Message) -> Option<Self> {
        let (head, rest) = message.record.split_first_chunk::<HEAD>()?;
        let [0, c0, c1, l0, l1] = *head else { return None };
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (method, header) = rest.split_at_checked(len)?;
        let (key, args) = method.split_first_chunk::<KEY>()?;
        let channel = u16::from_be_bytes([c0, c1]);
        Some(Self { channel, key: u32::from_be_bytes(*key), args, header })
    }

    /// What method it is.
    pub fn method(&self) -> Option<&'static Method> {
        method::find(self.key)
    }

    /// Its arguments; none if the method is not known.
    pub fn args(&self) -> Args<'m> {
        self.method().map_or(Args::new(&[], b""), |method| method.read(self.args))
    }
}
