//! Replies of a code and lines of text, as SMTP (RFC 5321 §4.2) and FTP (RFC 959 §4.2) have them, and
//! the commands of one line that they are to.

use std::borrow::Cow;

use dissect::{Found, Hello, Sink, Verdict};
use model::{Message, Outcome, Side, Status};

use crate::framed::{Halt, Read};

/// Bytes of one line at most. Some servers take ten times what the specifications allow.
const LINE_MAX: usize = 8 << 10;
/// Bytes of one reply at most.
const REPLY_MAX: usize = 48 << 10;
/// Bytes kept of what is said before a reply (a go-ahead, the start of a transfer).
const BEFORE_MAX: usize = 256;
/// Stands in a record between a reply and what was said before it.
const BEFORE: u8 = 0;
/// Replies of one packet looked at to know who speaks.
const PROBED_MAX: usize = 6;
/// Letters of a command at most.
const VERB_MAX: usize = 16;
/// Letters of what stands where a command does.
const LONG_VERB_MAX: usize = 512;

/// A whole reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// Bytes of it.
    pub(crate) size: usize,
}

/// Where the server's next message may start after a loss.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Anchor {
    /// Nothing was seen of the server.
    #[default]
    Unseen,
    /// Its bytes are read.
    Reading,
    /// Some of them were lost and the client has not asked since.
    Lost,
    /// It has: what the server sends next was asked for, and begins where a packet does.
    Asked,
}

/// What the server said before the reply that is still to come.
#[derive(Debug, Default)]
pub(crate) struct Before(Option<Box<[u8]>>);

// === impl Before ===

impl Before {
    /// Keeps it: the message begins with the reply, so that one without the other is still known.
    pub(crate) fn keep(&mut self, said: &[u8]) {
        self.0 = Some(said.get(..BEFORE_MAX).unwrap_or(said).into());
    }

    /// Writes it down behind the reply.
    pub(crate) fn record(&mut self, sink: &mut Sink<'_, '_>) {
        if let Some(said) = self.0.take() {
            sink.record(&[BEFORE]);
            sink.record(&said);
        }
    }

    /// It was to something else.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

// === impl Reply ===

impl Reply {
    /// Reads the reply at the front.
    pub(crate) fn read(input: &[u8]) -> Read<Self> {
        let (code, size) = first_line(input)?;
        if input.get(3) != Some(&b'-') {
            return Ok(Self { code, size });
        }
        let digits = input.get(..3).unwrap_or_default();
        let mut at = size;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if at > REPLY_MAX {
                return Err(Halt::Bad);
            }
            let end = line(rest).map_err(|halt| match halt {
                Halt::Short(need) => Halt::Short(at + need),
                Halt::Bad => Halt::Bad,
            })?;
            at += end;
            // What is between may be any text (RFC 959), or has the code and a hyphen (RFC 5321).
            let is_last =
                rest.starts_with(digits) && matches!(rest.get(3), Some(b' ' | b'\r' | b'\n'));
            if is_last {
                return Ok(Self { code, size: at });
            }
        }
    }

    /// Whether there is another reply to the same command.
    pub(crate) fn is_preliminary(self) -> bool {
        (100..200).contains(&self.code)
    }
}

/// The code of the line at the front, and the bytes of that line.
pub(crate) fn first_line(input: &[u8]) -> Read<(u16, usize)> {
    for (at, byte) in input.iter().take(4).enumerate() {
        let fits = match at {
            0 => matches!(byte, b'1'..=b'5'),
            1 | 2 => byte.is_ascii_digit(),
            _ => matches!(byte, b' ' | b'-' | b'\r' | b'\n'),
        };
        if !fits {
            return Err(Halt::Bad);
        }
    }
    let size = line(input)?;
    let code = input.get(..3).unwrap_or_default();
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Ok((code, size))
}

/// Bytes of the line at the front.
pub(crate) fn line(input: &[u8]) -> Read<usize> {
    let looked = input.get(..LINE_MAX).unwrap_or(input);
    match memchr::memchr(b'\n', looked) {
        Some(at) => Ok(at + 1),
        None if looked.len() == LINE_MAX => Err(Halt::Bad),
        None => Err(Halt::Short(input.len() + 1)),
    }
}

/// A line without its end.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A command's verb and what follows it.
pub(crate) fn words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    words_up_to(line, VERB_MAX)
}

/// The same of a line that is certainly a command, known or not: the server answers it.
pub(crate) fn long_words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    words_up_to(line, LONG_VERB_MAX)
}

fn words_up_to(line: &[u8], verb_max: usize) -> Option<(&[u8], &[u8])> {
    let line = without_end(line);
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end)?;
    let is_verb =
        (1..=verb_max).contains(&verb.len()) && verb.iter().all(u8::is_ascii_alphanumeric);
    is_verb.then(|| (verb, rest.trim_ascii()))
}

/// The reply in a record, and what was said before it.
fn parts(record: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(BEFORE, record) {
        Some(at) => {
            (record.get(..at).unwrap_or_default(), record.get(at + 1..).unwrap_or_default())
        }
        None => (record, &[]),
    }
}

/// The code and the text of each line of the replies in a record, in the order in which they came.
pub(crate) fn lines(record: &[u8]) -> impl Iterator<Item = (Option<u16>, &[u8])> {
    let (reply, before) = parts(record);
    lines_of(before).chain(lines_of(reply))
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = (Option<u16>, &[u8])> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let code = first_line(line).ok().map(|(code, _)| code);
        let text = without_end(line);
        (code, if code.is_some() { text.get(4..).unwrap_or_default() } else { text })
    })
}

/// The code of the last reply in a record, and the text of its last line.
pub(crate) fn last(record: &[u8]) -> Option<(u16, &[u8])> {
    let (reply, _) = parts(record);
    let (code, text) = lines_of(reply).last()?;
    Some((code?, text))
}

/// How a call ended by the last reply in a record.
pub(crate) fn status(message: &Message) -> Option<Status<'_>> {
    let (code, text) = last(&message.record)?;
    let outcome = match code {
        200..400 => Outcome::Ok,
        400.. => Outcome::Error,
        _ => Outcome::Unknown,
    };
    let code = Cow::Owned(code.to_string().into_bytes());
    Some(Status { code, text: text.into(), outcome })
}

// === impl Anchor ===

impl Anchor {
    /// The client asked something.
    pub(crate) fn asked(&mut self) {
        if *self == Self::Lost {
            *self = Self::Asked;
        }
    }

    /// Bytes of the server were lost before any of them were seen.
    pub(crate) fn lost(&mut self) {
        if *self == Self::Unseen {
            *self = Self::Lost;
        }
    }

    /// Where the server's next reply begins: the middle of one looks like its start.
    pub(crate) fn find(&mut self, input: &[u8]) -> Found {
        let may_start = matches!(self, Self::Unseen | Self::Asked);
        if may_start {
            match first_line(input) {
                Ok(_) => return Found::At(0),
                Err(Halt::Short(_)) => return Found::Maybe(0),
                Err(Halt::Bad) => {}
            }
        }
        *self = Self::Lost;
        Found::Nowhere
    }
}

/// What the first bytes look like, by who can have said them: replies begin with a digit, commands with a
/// letter.
pub(crate) fn probe(
    hello: &Hello<'_>,
    client: fn(&Hello<'_>) -> Verdict,
    server: fn(&Hello<'_>) -> Verdict,
) -> Verdict {
    let verdict = match hello.bytes.first() {
        Some(b'1'..=b'5') => server(hello),
        Some(first) if first.is_ascii_alphabetic() => client(hello),
        _ => Verdict::No,
    };
    match verdict {
        Verdict::Maybe if !hello.more => Verdict::No,
        Verdict::Is(side) if hello.from.is_some_and(|from| from != side) => Verdict::No,
        verdict => verdict,
    }
}

/// Whether replies are those of a server whose own ones `says_so` knows. Replies with one of the codes in
/// `common` say nothing, but another may follow.
pub(crate) fn probe_server(
    hello: &Hello<'_>,
    common: &[u16],
    says_so: impl Fn(u16, &[u8]) -> bool,
) -> Verdict {
    let mut rest = hello.bytes;
    for _ in 0..PROBED_MAX {
        let reply = match Reply::read(rest) {
            Ok(reply) => reply,
            Err(Halt::Short(_)) => return Verdict::Maybe,
            Err(Halt::Bad) => return Verdict::No,
        };
        let said = rest.get(..reply.size).unwrap_or_default();
        if hello.from_usual_port || says_so(reply.code, said) {
            return Verdict::Is(Side::Server);
        }
        if !common.contains(&reply.code) {
            return Verdict::No;
        }
        rest = rest.get(reply.size..).unwrap_or_default();
        if rest.is_empty() {
            return Verdict::Maybe;
        }
    }
    Verdict::No
}
