//! Is this SMTP? A greeting that says so, or a command that nobody else has. FTP greets with the same
//! code.

use dissect::{Hello, Verdict};
use model::Side;

use crate::{framed::Halt, replies};

/// Replies that say nothing by their code: a greeting without a word about itself is followed by
/// something that says more.
const COMMON: [u16; 3] = [220, 250, 354];

/// What the first bytes look like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    replies::probe(hello, client, |hello| replies::probe_server(hello, &COMMON, says_so))
}

fn client(hello: &Hello<'_>) -> Verdict {
    match replies::line(hello.bytes) {
        Ok(end) => {
            let line = hello.bytes.get(..end).unwrap_or_default();
            if is_sure(line) || hello.to_usual_port && is_command(line) {
                return Verdict::Is(Side::Client);
            }
            Verdict::No
        }
        Err(Halt::Short(_)) if is_start(hello.bytes) => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}

/// Whether nobody else says this.
pub(super) fn is_sure(line: &[u8]) -> bool {
    let upper = line.get(..16).unwrap_or(line).to_ascii_uppercase();
    let has = |start: &[u8]| upper.starts_with(start);
    let line = replies::without_end(line);
    if has(b"EHLO ") || has(b"LHLO ") {
        return line.len() > 5 && line.iter().all(|byte| matches!(byte, b' '..=b'~'));
    }
    if has(b"HELO ") {
        return line.len() > 5 && !line.get(5..).unwrap_or_default().contains(&b' ');
    }
    (has(b"MAIL FROM:") || has(b"RCPT TO:")) && line.contains(&b'@')
        || upper.starts_with(b"MAIL FROM:<>")
}

/// Whether it is a command, which others may have as well.
pub(super) fn is_command(line: &[u8]) -> bool {
    const VERBS: [&[u8]; 14] = [
        b"HELO",
        b"EHLO",
        b"LHLO",
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"BDAT",
        b"RSET",
        b"NOOP",
        b"QUIT",
        b"VRFY",
        b"EXPN",
        b"AUTH",
        b"STARTTLS",
    ];
    let verb = replies::words(line).map(|(verb, _)| verb.to_ascii_uppercase());
    verb.is_some_and(|verb| VERBS.contains(&&verb[..]))
}

/// Whether it may become a line that is sure.
fn is_start(bytes: &[u8]) -> bool {
    let upper = bytes.get(..6).unwrap_or(bytes).to_ascii_uppercase();
    let known: [&[u8]; 5] = [b"EHLO ", b"HELO ", b"LHLO ", b"MAIL F", b"RCPT T"];
    known.iter().any(|known| known.starts_with(&upper) || upper.starts_with(known))
}

/// Whether a reply can only be one of SMTP.
fn says_so(code: u16, reply: &[u8]) -> bool {
    is_greeting(reply) || is_enhanced(reply) || is_about_mail(code, reply)
}

/// Whether it says that a mail may come (§4.1.1.4), or that it was taken as the servers in use say it.
fn is_about_mail(code: u16, reply: &[u8]) -> bool {
    let start = reply.get(4..128).or_else(|| reply.get(4..)).unwrap_or_default();
    let start = start.to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&start, text).is_some();
    let number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    match code {
        354 => has(b"end") && (has(b"<crlf>.<crlf>") || has(b"<cr><lf>.<cr><lf>") || has(b"\".\"")),
        250 if start.starts_with(b"ok id=") => true,
        250 if start.starts_with(b"ok: queued as ") => true,
        250 => {
            let mut words = start.split(u8::is_ascii_whitespace);
            let mut next = || words.next().unwrap_or_default();
            next() == b"ok" && number(next()) && next() == b"qp" && number(next())
        }
        _ => false,
    }
}

fn is_greeting(reply: &[u8]) -> bool {
    reply.starts_with(b"220")
        && reply
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"SMTP") || word.eq_ignore_ascii_case(b"LMTP"))
}

/// Whether a reply carries an enhanced status code of its class (RFC 2034), or an extension that only
/// SMTP has.
fn is_enhanced(reply: &[u8]) -> bool {
    let enhanced = match reply {
        [b'2', _, _, _, b'2', b'.', digit, rest @ ..]
        | [b'4', _, _, _, b'4', b'.', digit, rest @ ..]
        | [b'5', _, _, _, b'5', b'.', digit, rest @ ..] => {
            digit.is_ascii_digit()
                && rest.iter().take(12).position(|byte| *byte == b'.').is_some_and(|at| at < 3)
        }
        _ => false,
    };
    let known: [&[u8]; 4] =
        [b"PIPELINING\r\n", b"8BITMIME\r\n", b"STARTTLS\r\n", b"ENHANCEDSTATUSCODES"];
    let extension = reply.starts_with(b"250-")
        && known.iter().any(|name| memchr::memmem::find(reply, name).is_some());
    enhanced || extension
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn verdict(bytes: &[u8], transport: Transport) -> Verdict {
        let more = transport == Transport::Tcp;
        let (to_usual_port, from_usual_port) = (false, false);
        probe(&Hello { bytes, from: None, transport, to_usual_port, from_usual_port, more })
    }

    #[test]
    fn what_is_said_of_mails_is_said_by_nobody_else() {
        let is = |reply: &[u8]| verdict(reply, Transport::Tcp) == Verdict::Is(Side::Server);
        assert!(is(b"354 START MAIL INPUT, END WITH \".\" ON A LINE BY ITSELF\r\n"));
        assert!(is(b"354 End data with <CR><LF>.<CR><LF>\r\n"));
        assert!(is(b"250 OK id=1Mugho-0003Dg-Un\r\n"));
        assert!(is(b"250 ok 1184401929 qp 26211\r\n"));
        assert!(is(b"250 Ok: queued as A47386CC102\r\n"));
        assert!(!is(b"250 OK\r\n"));
        assert!(!is(b"250 ok qp 26211\r\n"));
        assert!(!is(b"221 closing connection\r\n"));
    }
}
