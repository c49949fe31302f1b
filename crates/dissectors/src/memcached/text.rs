//! Lines of the text protocol and the meta commands (memcached, doc/protocol.txt).
//!
//! ```text
//!   set KEY FLAGS EXPTIME BYTES [noreply]      ms KEY BYTES FLAG…
//!   DATA                                       DATA
//! ```

use super::LINE_MAX;

/// Bytes of a key at most.
pub const KEY_MAX: usize = 250;
/// Bytes of a value; servers take 1 MiB unless told otherwise, and 1 GiB at most.
pub const VALUE_MAX: u64 = 1 << 30;
/// Words of a line that are looked at.
const WORDS_MAX: usize = 8;

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// Not worth trying before there are so many bytes.
    Short(usize),
    /// It is nothing of ours.
    Bad,
}

/// A command, as its line says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Command<'b> {
    pub name: &'b [u8],
    /// Bytes of the value that follows.
    pub value: Option<u64>,
    pub answered: Answered,
}

/// Whether a command is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answered {
    Always,
    Never,
    /// Only if it does not go as expected (the meta flag `q`).
    Perhaps,
}

/// What an answer begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// `VALUE`: a value of so many bytes, and more after it until `END`.
    Value(u64),
    /// `VA`: a value of so many bytes.
    Meta(u64),
    /// One of many lines, until `END`.
    Item,
    /// That is all.
    Line,
    /// A line of `watch`, which nobody asked for.
    Log,
}

/// The line at the front of `input` without its end, and its bytes with it.
#[inline]
pub fn line(input: &[u8]) -> Result<(&[u8], usize), Halt> {
    let within = input.get(..LINE_MAX).unwrap_or(input);
    let Some(end) = memchr::memchr(b'\n', within) else {
        return Err(if within.len() < LINE_MAX { Halt::Short(input.len() + 1) } else { Halt::Bad });
    };
    let line = input.get(..end).unwrap_or_default();
    Ok((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// The number that a word is.
#[inline]
pub fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 20 {
        return None;
    }
    word.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(digit.into())
    })
}

/// As a number that may be negative.
pub fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(word) => number(word).and_then(|n| i64::try_from(n).ok()).map(|n| -n),
        None => number(word).and_then(|n| i64::try_from(n).ok()),
    }
}

// === commands ===

/// How many words a command of this name has at least and at most, without `noreply`; none for what
/// is no command.
pub fn arity(name: &[u8]) -> Option<(usize, usize)> {
    Some(match name {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" => (5, 5),
        b"cas" => (6, 6),
        b"get" | b"gets" => (2, usize::MAX),
        b"gat" | b"gats" | b"lru" | b"slabs" => (3, usize::MAX),
        b"delete" => (2, 3),
        b"incr" | b"decr" | b"touch" => (3, 3),
        b"mg" | b"md" | b"ma" | b"me" | b"lru_crawler" => (2, usize::MAX),
        b"ms" => (3, usize::MAX),
        b"mn" | b"version" | b"quit" | b"misbehave" | b"refresh_certs" => (1, 1),
        b"stats" | b"watch" | b"extstore" => (1, usize::MAX),
        b"flush_all" | b"shutdown" => (1, 2),
        b"verbosity" | b"cache_memlimit" | b"debugtime" => (2, 2),
        _ => return None,
    })
}

pub fn is_storage(name: &[u8]) -> bool {
    matches!(name, b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas")
}

pub fn is_retrieval(name: &[u8]) -> bool {
    matches!(name, b"get" | b"gets" | b"gat" | b"gats")
}

/// The meta commands that have a key.
pub fn is_meta(name: &[u8]) -> bool {
    matches!(name, b"mg" | b"ms" | b"md" | b"ma" | b"me")
}

impl<'b> Command<'b> {
    /// The command in `line`; whatever a client may type is one.
    #[inline]
    pub fn of(line: &'b [u8]) -> Self {
        let mut array = [&b""[..]; WORDS_MAX];
        let mut count = 0;
        for (place, word) in array.iter_mut().zip(words(line)) {
            *place = word;
            count += 1;
        }
        let first = array.get(..count).unwrap_or_default();
        let name = first.first().copied().unwrap_or_default();
        if is_storage(name) {
            return Self::storage(name, line, first);
        }
        let (value, answered) = match name {
            b"quit" => (None, Answered::Never),
            b"ms" => (first.get(2).and_then(|word| value_bytes(word)), quiet(line)),
            b"mg" | b"md" | b"ma" => (None, quiet(line)),
            _ if is_silent(name, line) => (None, Answered::Never),
            _ => (None, Answered::Always),
        };
        Self { name, value, answered }
    }

    /// Where the line is wrong the server takes no value.
    fn storage(name: &'b [u8], line: &'b [u8], words: &[&'b [u8]]) -> Self {
        let value = words.get(4).and_then(|word| value_bytes(word));
        let answered = if is_silent(name, line) { Answered::Never } else { Answered::Always };
        Self { name, value: value.filter(|_| is_well_formed(words)), answered }
    }
}

/// Whether a line ends in `noreply`, where that is no key: the server then says nothing, not even that
/// something is wrong with the line, unless words are missing or too many.
fn is_silent(name: &[u8], line: &[u8]) -> bool {
    let Some((least, most)) = arity(name) else { return false };
    let is_keyed = matches!(name, b"get" | b"gets" | b"gat" | b"gats" | b"stats");
    let least = if name == b"delete" { 3 } else { least.max(2) };
    let count = words(line).take(WORDS_MAX).count();
    !is_keyed
        && (least..=most.saturating_add(1)).contains(&count)
        && words(line).last() == Some(b"noreply")
}

/// Whether the key and the numbers are such that nothing is wrong with the line.
fn is_well_formed(words: &[&[u8]]) -> bool {
    let [name, rest @ ..] = words else { return false };
    let key = rest.first().copied().unwrap_or_default();
    if key.len() > KEY_MAX {
        return false;
    }
    let numeric = |at: usize| words.get(at).is_some_and(|word| signed(word).is_some());
    let end = if *name == b"cas" { 6 } else { 5 };
    let tail = words.get(end..).unwrap_or_default();
    (2..end).all(numeric) && matches!(tail, [] | [b"noreply"])
}

fn value_bytes(word: &[u8]) -> Option<u64> {
    number(word).filter(|bytes| *bytes <= VALUE_MAX)
}

/// The meta flag `q`.
fn quiet(line: &[u8]) -> Answered {
    let is_quiet = words(line).skip(2).any(|flag| flag == b"q");
    if is_quiet { Answered::Perhaps } else { Answered::Always }
}

/// The token behind a meta flag: `O` gives what the answer repeats.
pub fn flag(line: &[u8], letter: u8) -> Option<&[u8]> {
    words(line).skip(1).find_map(|word| match word {
        [first, token @ ..] if *first == letter => Some(token),
        _ => None,
    })
}

// === answers ===

/// What the answer in `line` begins; none for what is no answer.
#[inline]
pub fn answer(line: &[u8]) -> Option<Answer> {
    let mut rest = words(line);
    let first = rest.next()?;
    let bytes = |word: Option<&[u8]>| word.and_then(value_bytes);
    Some(match first {
        b"VALUE" => Answer::Value(bytes(rest.nth(2))?),
        b"VA" => Answer::Meta(bytes(rest.next())?),
        b"STAT" | b"ITEM" | b"PREFIX" => Answer::Item,
        b"STORED" | b"NOT_STORED" | b"EXISTS" | b"NOT_FOUND" | b"DELETED" | b"TOUCHED" | b"END"
        | b"OK" | b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR" | b"VERSION" | b"RESET"
        | b"BUSY" | b"BADCLASS" | b"NOSPARE" | b"NOTFULL" | b"UNSAFE" | b"SAME" | b"HD" | b"EN"
        | b"NF" | b"NS" | b"EX" | b"MN" | b"ME" => Answer::Line,
        _ if first.starts_with(b"key=") => Answer::Item,
        _ if first.starts_with(b"ts=") => Answer::Log,
        // Counters; decreased ones may have spaces behind.
        _ if number(first).is_some() && rest.next().is_none() => Answer::Line,
        _ => return None,
    })
}

/// Whether a command may be answered by a line that begins so. An error may answer everything.
pub fn may_answer(name: &[u8], line: &[u8]) -> bool {
    let first = words(line).next().unwrap_or_default();
    if is_error(first) || arity(name).is_none() {
        return true;
    }
    let is_number = number(first).is_some();
    match name {
        _ if is_storage(name) => {
            matches!(first, b"STORED" | b"NOT_STORED" | b"EXISTS" | b"NOT_FOUND")
        }
        _ if is_retrieval(name) => matches!(first, b"VALUE" | b"END"),
        b"incr" | b"decr" => is_number || first == b"NOT_FOUND",
        b"touch" => matches!(first, b"TOUCHED" | b"NOT_FOUND"),
        b"delete" => matches!(first, b"DELETED" | b"NOT_FOUND"),
        b"mn" => first == b"MN",
        b"me" => matches!(first, b"ME" | b"EN"),
        _ if is_meta(name) => matches!(first, b"VA" | b"HD" | b"EN" | b"NF" | b"NS" | b"EX"),
        b"version" => first == b"VERSION",
        _ => {
            !is_number
                && !matches!(first, b"VALUE" | b"STORED" | b"DELETED" | b"TOUCHED" | b"VA" | b"HD")
        }
    }
}

pub fn is_error(word: &[u8]) -> bool {
    matches!(word, b"ERROR" | b"CLIENT_ERROR" | b"SERVER_ERROR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> (Option<u64>, Answered) {
        let command = Command::of(line.as_bytes());
        (command.value, command.answered)
    }

    #[test]
    fn values_and_silence_are_as_the_line_says() {
        assert_eq!(of("set a 0 0 5"), (Some(5), Answered::Always));
        assert_eq!(of("set a 0 -1 5 noreply"), (Some(5), Answered::Never));
        assert_eq!(of("cas a 0 0 5 77 noreply"), (Some(5), Answered::Never));
        assert_eq!(of("ms a 5 T0 q"), (Some(5), Answered::Perhaps));
        assert_eq!(of("mg a v q O9"), (None, Answered::Perhaps));
        assert_eq!(of("delete a noreply"), (None, Answered::Never));
        assert_eq!(of("get noreply"), (None, Answered::Always));
        assert_eq!(of("quit"), (None, Answered::Never));
    }

    #[test]
    fn what_is_wrong_has_no_value_and_is_answered_unless_it_says_noreply() {
        assert_eq!(of("set a 0 0 x"), (None, Answered::Always));
        assert_eq!(of("set a 0 0 -1"), (None, Answered::Always));
        assert_eq!(of("set a 0 0 x noreply"), (None, Answered::Never));
        assert_eq!(of("incr a x noreply"), (None, Answered::Never));
        assert_eq!(of("set a noreply"), (None, Answered::Always));
        assert_eq!(of("set a 0 0 1 2 3 noreply"), (None, Answered::Always));
        assert_eq!(of("delete noreply"), (None, Answered::Always));
        assert_eq!(of("flush_all noreply"), (None, Answered::Never));
        assert_eq!(of(&format!("set {} 0 0 1", "k".repeat(251))), (None, Answered::Always));
        assert_eq!(of(""), (None, Answered::Always));
    }

    #[test]
    fn answers_are_known_by_their_first_word() {
        assert_eq!(answer(b"VALUE a 0 5"), Some(Answer::Value(5)));
        assert_eq!(answer(b"VALUE a 0 5 77"), Some(Answer::Value(5)));
        assert_eq!(answer(b"VA 5 f0"), Some(Answer::Meta(5)));
        assert_eq!(answer(b"42  "), Some(Answer::Line));
        assert_eq!(answer(b"key=a exp=-1"), Some(Answer::Item));
        assert_eq!(answer(b"hello"), None);
        assert_eq!(answer(b"VALUE a 0 x"), None);
        assert!(may_answer(b"get", b"END") && !may_answer(b"get", b"STORED"));
        assert!(may_answer(b"get", b"SERVER_ERROR out of memory"));
    }
}
