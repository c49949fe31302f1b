//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Headline, Message, Side, Tell};

use crate::{
    fields::{fields, integer, some_text, text},
    replies,
};

/// Lines of a reply and recipients told one by one, at most.
const LIST_MAX: usize = 64;

fields! {
    Command = "smtp.command" Text, "The command in upper case; login for what a client answers to log in";
    Argument = "smtp.argument" Text, "What follows the command, as sent";
    From = "smtp.from" Text, "The sender's address in MAIL";
    To = "smtp.to" Text, "A recipient's address in RCPT";
    Hello = "smtp.hello" Text, "What the client calls itself";
    Code = "smtp.response.code" Integer, "The last reply's code";
    Enhanced = "smtp.response.enhanced_code" Text, "The enhanced status code: 5.7.1";
    Lines = "smtp.response.lines" Text many, "The lines of the replies; the go-ahead before a mail among them";
    Subject = "smtp.mail.subject" Text, "The mail's subject, as sent";
    MailFrom = "smtp.mail.from" Text, "The mail's From line, as sent";
    MailTo = "smtp.mail.to" Text, "The mail's To line, as sent";
    MessageId = "smtp.mail.message_id" Text, "The mail's Message-ID";
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
    let (method, rest) = command(&request.record);
    let endpoint = match &*method {
        b"MAIL" | b"RCPT" => address(rest),
        b"DATA" | b"BDAT" => subject(&request.body.kept),
        b"login" => None,
        _ => Some(rest),
    };
    let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty()).map(Cow::Borrowed);
    Headline { method: Some(method), endpoint, version: None, status }
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    if message.from == Side::Server {
        return tell_reply(message, to);
    }
    let (command, rest) = command(&message.record);
    text(to, At::Command, &command);
    some_text(to, At::Argument, rest);
    match &*command {
        b"MAIL" => some_text(to, At::From, address(rest).unwrap_or_default()),
        b"RCPT" => some_text(to, At::To, address(rest).unwrap_or_default()),
        b"EHLO" | b"HELO" | b"LHLO" => some_text(to, At::Hello, rest),
        b"DATA" | b"BDAT" => tell_mail(&message.body.kept, to),
        _ => {}
    }
}

fn tell_reply(message: &Message, to: &mut dyn Tell) {
    let Some((code, last)) = replies::last(&message.record) else { return };
    integer(to, At::Code, code);
    let word = last.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_enhanced = word.len() >= 5
        && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && word.iter().filter(|byte| **byte == b'.').count() == 2;
    if is_enhanced {
        text(to, At::Enhanced, word);
    }
    for (_, line) in replies::lines(&message.record).take(LIST_MAX) {
        text(to, At::Lines, line);
    }
}

fn tell_mail(mail: &[u8], to: &mut dyn Tell) {
    for (at, name) in [
        (At::Subject, &b"subject"[..]),
        (At::MailFrom, b"from"),
        (At::MailTo, b"to"),
        (At::MessageId, b"message-id"),
    ] {
        some_text(to, at, header(mail, name).unwrap_or_default());
    }
    for line in head_lines(mail).take(LIST_MAX) {
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
            to.header(name, value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
    to.body(BodyFacts { media_type: Some("message/rfc822"), encoding: None });
}

/// The verb in upper case, and what follows it.
fn command(record: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    match replies::words(record) {
        Some((verb, rest)) => (verb.to_ascii_uppercase().into(), rest),
        None => (Cow::Borrowed(b"login"), &[]),
    }
}

/// The address between angle brackets, or the word behind the colon.
fn address(rest: &[u8]) -> Option<&[u8]> {
    let colon = rest.iter().position(|byte| *byte == b':')?;
    let rest = rest.get(colon + 1..)?.trim_ascii();
    match rest.strip_prefix(b"<") {
        Some(rest) => rest.split(|byte| *byte == b'>').next(),
        None => rest.split(|byte| *byte == b' ').next(),
    }
}

fn subject(mail: &[u8]) -> Option<&[u8]> {
    header(mail, b"subject")
}

/// The first line of the header called `name`.
fn header<'m>(mail: &'m [u8], name: &[u8]) -> Option<&'m [u8]> {
    head_lines(mail).find_map(|line| {
        let (start, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

/// The lines of a mail before its text; what is left of one where bytes are missing is not told.
fn head_lines(mail: &[u8]) -> impl Iterator<Item = &[u8]> {
    mail.split_inclusive(|byte| *byte == b'\n')
        .map_while(|line| line.strip_suffix(b"\n"))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
}
