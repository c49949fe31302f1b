//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Side, Tell};

use crate::{
    fields::{fields, integer, some_text, text},
    replies,
};

/// Lines of a reply told one by one, at most.
const LIST_MAX: usize = 64;

fields! {
    Command = "ftp.command" Text, "The command in upper case";
    Argument = "ftp.argument" Text, "What follows the command; *** for a password";
    User = "ftp.user" Text, "Who logs in";
    Path = "ftp.path" Text, "The file or folder that a command is about";
    Code = "ftp.response.code" Integer, "The last reply's code";
    Lines = "ftp.response.lines" Text many, "The lines of the replies; those before a transfer among them";
    Address = "ftp.data.address" Text, "Where the data connection goes: 192.0.2.1:49152, or :49152";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let status = response.and_then(replies::status);
    let Some(request) = request else {
        let greets = response.is_some_and(|message| message.record.starts_with(b"220"));
        let method = greets.then(|| Cow::Borrowed(&b"greeting"[..]));
        return Headline { method, status, ..Headline::default() };
    };
    let (verb, rest) = replies::long_words(&request.record).unwrap_or_default();
    let endpoint = match &verb.to_ascii_uppercase()[..] {
        b"PASS" | b"ACCT" | b"ADAT" => None,
        _ => Some(rest).filter(|rest| !rest.is_empty()).map(Cow::Borrowed),
    };
    Headline { method: Some(verb.to_ascii_uppercase().into()), endpoint, version: None, status }
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    if message.from == Side::Server {
        return tell_reply(message, to);
    }
    let (verb, rest) = replies::long_words(&message.record).unwrap_or_default();
    let verb = verb.to_ascii_uppercase();
    text(to, At::Command, &verb);
    some_text(to, At::Argument, rest);
    match &verb[..] {
        b"USER" => some_text(to, At::User, rest),
        b"RETR" | b"STOR" | b"APPE" | b"DELE" | b"CWD" | b"MKD" | b"RMD" | b"RNFR" | b"RNTO"
        | b"LIST" | b"NLST" | b"MLSD" | b"MLST" | b"SIZE" | b"MDTM" | b"STOU" => {
            some_text(to, At::Path, rest);
        }
        b"PORT" => some_text(to, At::Address, by_commas(rest).unwrap_or_default()),
        b"EPRT" => some_text(to, At::Address, by_bars(rest).unwrap_or_default()),
        _ => {}
    }
}

fn tell_reply(message: &Message, to: &mut dyn Tell) {
    let Some((code, last)) = replies::last(&message.record) else { return };
    integer(to, At::Code, code);
    for (_, line) in replies::lines(&message.record).take(LIST_MAX) {
        text(to, At::Lines, line);
    }
    let between = last.iter().position(|byte| *byte == b'(').and_then(|at| last.get(at + 1..));
    let between = between.and_then(|rest| rest.split(|byte| *byte == b')').next());
    match (code, between) {
        (227, Some(numbers)) => some_text(to, At::Address, by_commas(numbers).unwrap_or_default()),
        (229, Some(bars)) => some_text(to, At::Address, by_bars(bars).unwrap_or_default()),
        _ => {}
    }
}

/// An address as RFC 959 writes it: six numbers.
fn by_commas(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let mut numbers = text.split(',').map(|number| number.trim().parse::<u8>().ok());
    let mut next = || numbers.next().flatten();
    let (a, b, c, d, high, low) = (next()?, next()?, next()?, next()?, next()?, next()?);
    Some(format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([high, low])))
}

/// An address as RFC 2428 writes it: `|2|::1|5282|`, or `|||5282|`.
fn by_bars(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let mut parts = text.split('|').skip(2);
    let (host, port) = (parts.next()?, parts.next()?);
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}
