//! Control lines: a verb, words between blanks, and the sizes of what follows.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. Words are apart by blanks and
//! tabs; a line ends with CR LF, of which the server also takes LF alone. Verbs between servers are
//! those of `server/route.go` and `server/leafnode.go` of the reference implementation.

use dissect::Step;

use super::verb::{VERB_MAX, Verb};

/// Bytes of a line at most. Servers take 4 KiB by default; an `INFO` with many servers is longer.
pub const LINE_MAX: usize = 32 << 10;
/// Digits of a size; a server takes 64 MiB at most.
const DIGITS_MAX: usize = 10;
/// Words of a line between servers: queue groups are listed.
const WORDS_MAX: usize = 256;

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// Not before there are so many bytes.
    Short(usize),
    /// This is not NATS.
    Bad,
}

/// One line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line<'b> {
    /// Its verb.
    pub verb: Verb,
    /// What stands behind the verb, without blanks around it.
    pub rest: &'b [u8],
    /// Bytes of the whole, line end included.
    pub size: usize,
    /// What follows, for verbs that carry a message.
    pub load: Option<Load>,
}

/// The sizes of what follows a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Load {
    /// Bytes of headers.
    pub headers: u64,
    /// Bytes of payload behind them.
    pub payload: u64,
}

/// Who is at the two ends: it decides how some lines are to be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Link {
    /// A client and a server.
    #[default]
    Client,
    /// Servers of one cluster, or gateways.
    Route,
    /// A leaf node and its hub.
    Leaf,
}

/// What the words of a line mean.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Words<'b> {
    /// The account, between servers.
    pub account: Option<&'b [u8]>,
    /// The subject.
    pub subject: Option<&'b [u8]>,
    /// Where answers go.
    pub reply: Option<&'b [u8]>,
    /// The number of the subscription.
    pub sid: Option<&'b [u8]>,
    /// The queue group.
    pub queue: Option<&'b [u8]>,
    /// Messages after which a subscription ends.
    pub max: Option<&'b [u8]>,
}

// === impl Halt ===

impl Halt {
    /// As an answer to the engine, when nothing was taken.
    pub fn step(self) -> Step {
        match self {
            Self::Short(need) => Step::Need(need),
            Self::Bad => Step::Lost,
        }
    }
}

// === impl Line ===

impl<'b> Line<'b> {
    /// Reads the line at the front of `input`.
    #[inline]
    pub fn read(input: &'b [u8]) -> Result<Self, Halt> {
        let Some(end) = memchr::memchr(b'\n', input.get(..LINE_MAX).unwrap_or(input)) else {
            let over = input.len() >= LINE_MAX;
            return Err(if over { Halt::Bad } else { Halt::Short(input.len() + 1) });
        };
        let text = input.get(..end).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let verb_end = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(verb_end).ok_or(Halt::Bad)?;
        let verb = Verb::of(word).ok_or(Halt::Bad)?;
        let rest = rest.trim_ascii();
        let load = load(verb, rest)?;
        Ok(Self { verb, rest, size: end + 1, load })
    }

    /// Whether the bytes, which hold no line end, may become a line.
    pub fn may_begin(input: &[u8]) -> bool {
        let end = input.iter().position(|byte| is_blank(*byte) || *byte == b'\r');
        match end.and_then(|end| input.get(..end)) {
            Some(word) => Verb::of(word).is_some(),
            None => input.len() <= VERB_MAX && Verb::may_be(input),
        }
    }
}

// === impl Words ===

impl<'b> Words<'b> {
    /// Those behind `verb`.
    pub fn of(verb: Verb, rest: &'b [u8], link: Link) -> Self {
        let none = Self::default();
        let mut words = words(rest);
        let mut next = || words.next();
        match verb {
            Verb::Pub => Self { subject: next(), reply: before_last(rest, 2, 1), ..none },
            Verb::Hpub => Self { subject: next(), reply: before_last(rest, 3, 2), ..none },
            Verb::Hmsg if link == Link::Route => routed(rest, 2),
            Verb::Hmsg if link == Link::Leaf || count(rest) == 3 => leaf(rest, 2),
            Verb::Msg => {
                Self { subject: next(), sid: next(), reply: before_last(rest, 3, 1), ..none }
            }
            Verb::Hmsg => {
                Self { subject: next(), sid: next(), reply: before_last(rest, 4, 2), ..none }
            }
            Verb::Sub => {
                let (subject, second, third) = (next(), next(), next());
                let (queue, sid) = if third.is_some() { (second, third) } else { (None, second) };
                Self { subject, queue, sid, ..none }
            }
            Verb::Unsub => Self { sid: next(), max: next(), ..none },
            Verb::RouteSub | Verb::RouteUnsub => {
                Self { account: next(), subject: next(), queue: next(), ..none }
            }
            Verb::LeafSub | Verb::LeafUnsub => Self { subject: next(), queue: next(), ..none },
            Verb::AccountSub | Verb::AccountUnsub => Self { account: next(), ..none },
            Verb::RouteMsg => routed(rest, 1),
            // Routes pass on what came from a leaf node with the name of its cluster in front.
            Verb::LeafMsg if link == Link::Route => routed(behind_first(rest), 1),
            Verb::LeafMsg => leaf(rest, 1),
            _ => none,
        }
    }
}

/// `account subject [reply | + reply queue… | | queue…] sizes`.
fn routed(rest: &[u8], sizes: usize) -> Words<'_> {
    let mut words = words(rest);
    let (account, subject) = (words.next(), words.next());
    Words { account, subject, ..answers_to(words, rest, 2 + sizes) }
}

/// The same without an account.
fn leaf(rest: &[u8], sizes: usize) -> Words<'_> {
    let mut words = words(rest);
    let subject = words.next();
    Words { subject, ..answers_to(words, rest, 1 + sizes) }
}

fn behind_first(rest: &[u8]) -> &[u8] {
    let at = rest.iter().position(|byte| is_blank(*byte)).unwrap_or(rest.len());
    rest.get(at..).unwrap_or_default()
}

/// What stands between the subject and the sizes, `fixed` words of the line apart.
fn answers_to<'b>(
    mut words: impl Iterator<Item = &'b [u8]>,
    rest: &[u8],
    fixed: usize,
) -> Words<'b> {
    let none = Words::default();
    if count(rest) <= fixed {
        return none;
    }
    match words.next() {
        Some(b"+") => Words { reply: words.next(), queue: words.next(), ..none },
        Some(b"|") => Words { queue: words.next(), ..none },
        reply => Words { reply, ..none },
    }
}

/// The word that stands `from_end` words before the last if there are more than `fixed` of them.
fn before_last(rest: &[u8], fixed: usize, from_end: usize) -> Option<&[u8]> {
    let count = count(rest);
    (count == fixed + 1).then(|| words(rest).nth(count - from_end - 1)).flatten()
}

/// The sizes of what follows, where a message does.
#[inline]
fn load(verb: Verb, rest: &[u8]) -> Result<Option<Load>, Halt> {
    let (least, most, has_headers) = match verb {
        Verb::Pub => (2, 3, false),
        Verb::Hpub => (3, 4, true),
        Verb::Msg => (3, 4, false),
        Verb::Hmsg => (3, WORDS_MAX, true),
        Verb::RouteMsg => (3, WORDS_MAX, false),
        Verb::LeafMsg => (2, WORDS_MAX, false),
        _ => return bare(verb, rest).then_some(None).ok_or(Halt::Bad),
    };
    if !(least..=most).contains(&count(rest)) {
        return Err(Halt::Bad);
    }
    let (rest, total) = last(rest).ok_or(Halt::Bad)?;
    let total = number(total).ok_or(Halt::Bad)?;
    if !has_headers {
        return Ok(Some(Load { headers: 0, payload: total }));
    }
    let headers = last(rest).and_then(|(_, word)| number(word)).ok_or(Halt::Bad)?;
    let payload = total.checked_sub(headers).ok_or(Halt::Bad)?;
    Ok(Some(Load { headers, payload }))
}

/// Whether a line without a message may look so.
fn bare(verb: Verb, rest: &[u8]) -> bool {
    let fits = |least: usize, most: usize| (least..=most).contains(&count(rest));
    match verb {
        Verb::Ping | Verb::Pong | Verb::Ok => rest.is_empty(),
        Verb::Info | Verb::Connect => rest.first() == Some(&b'{') && rest.last() == Some(&b'}'),
        Verb::Sub => fits(2, 3),
        Verb::Unsub => fits(1, 2),
        Verb::RouteSub | Verb::RouteUnsub => fits(2, 5),
        Verb::LeafSub | Verb::LeafUnsub => fits(1, 4),
        Verb::AccountSub | Verb::AccountUnsub => fits(1, 1),
        _ => true,
    }
}

/// The words of a line.
pub fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty()).take(WORDS_MAX + 1)
}

fn count(rest: &[u8]) -> usize {
    words(rest).count()
}

/// What stands before the last word, and that word.
fn last(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = rest.trim_ascii_end();
    let at = rest.iter().rposition(|byte| is_blank(*byte))? + 1;
    rest.split_at_checked(at)
}

/// A size in decimal digits.
pub fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > DIGITS_MAX {
        return None;
    }
    word.iter()
        .try_fold(0u64, |n, digit| digit.is_ascii_digit().then(|| n * 10 + u64::from(digit - b'0')))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Line<'_>, Words<'_>) {
        let line = Line::read(text.as_bytes()).unwrap();
        (line, Words::of(line.verb, line.rest, Link::Client))
    }

    fn text(word: Option<&[u8]>) -> &str {
        std::str::from_utf8(word.unwrap_or(b"-")).unwrap()
    }

    #[test]
    fn the_words_of_every_form_are_found() {
        for (line, wanted) in [
            ("PUB a 5\r\n", "a - - -"),
            ("PUB a b 5\r\n", "a b - -"),
            ("pub\ta \t b  5 \r\n", "a b - -"),
            ("HPUB a 22 33\r\n", "a - - -"),
            ("HPUB a b 22 33\r\n", "a b - -"),
            ("SUB a 1\r\n", "a - 1 -"),
            ("SUB a q 1\r\n", "a - 1 q"),
            ("UNSUB 1\r\n", "- - 1 -"),
            ("MSG a 1 5\r\n", "a - 1 -"),
            ("MSG a 1 b 5\r\n", "a b 1 -"),
            ("HMSG a 1 22 33\r\n", "a - 1 -"),
            ("HMSG a 1 b 22 33\r\n", "a b 1 -"),
            ("RS+ $G a q 1\r\n", "a - - q"),
            ("RMSG $G a 5\r\n", "a - - -"),
            ("RMSG $G a b 5\r\n", "a b - -"),
            ("RMSG $G a + b q r 5\r\n", "a b - q"),
            ("RMSG $G a | q r 5\r\n", "a - - q"),
            ("LMSG a b 5\r\n", "a b - -"),
            ("LS+ a\n", "a - - -"),
        ] {
            let (_, w) = read(line);
            let got =
                [w.subject, w.reply, w.sid, w.queue].map(|word| text(word).to_owned()).join(" ");
            assert_eq!(got, wanted, "{line}");
        }
    }

    #[test]
    fn between_servers_headers_come_with_an_account() {
        let subject = |line: &'static str, link| {
            let line = Line::read(line.as_bytes()).unwrap();
            text(Words::of(line.verb, line.rest, link).subject)
        };
        assert_eq!(subject("HMSG $G a b 22 33\r\n", Link::Route), "a");
        assert_eq!(subject("HMSG a 22 33\r\n", Link::Leaf), "a");
        assert_eq!(subject("LMSG C $G a 33\r\n", Link::Route), "a");
    }

    #[test]
    fn sizes_are_found_at_the_end() {
        let load = |line| read(line).0.load.map(|load| (load.headers, load.payload));
        assert_eq!(load("PUB a 5\r\n"), Some((0, 5)));
        assert_eq!(load("HMSG a 1 b 22 33\r\n"), Some((22, 11)));
        assert_eq!(load("PING\r\n"), None);
    }

    #[test]
    fn what_can_be_no_line_is_bad() {
        for bad in [
            "PUB a\r\n",
            "PUB a b c 5\r\n",
            "PUB a x\r\n",
            "HPUB a 9 5\r\n",
            "HMSG a 5\r\n",
            "MSG a 5\r\n",
            "PING x\r\n",
            "CONNECT example.com:443 HTTP/1.1\r\n",
            "PUB a 99999999999\r\n",
            "GET / HTTP/1.1\r\n",
            "\r\n",
        ] {
            assert_eq!(Line::read(bad.as_bytes()), Err(Halt::Bad), "{bad}");
        }
        assert_eq!(Line::read(b"PUB a"), Err(Halt::Short(6)));
        assert_eq!(Line::read(&[b'P'; LINE_MAX]), Err(Halt::Bad));
    }
}
