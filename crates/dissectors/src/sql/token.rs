//! SQL cut into tokens, without comments. Never fails: what does not end, ends with the text.

use super::Dialect;

/// Comments inside each other, at most.
const COMMENTS_MAX: usize = 32;

/// One token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As written, quotes included.
    pub text: &'a [u8],
    /// Where it begins.
    pub at: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A keyword or a plain name.
    Word,
    /// A name in quotes.
    Name,
    /// A string literal.
    Text,
    /// A number.
    Number,
    /// `?` or `$1`.
    Placeholder,
    /// Any other byte.
    Mark(u8),
}

/// The tokens of a text; cheap to clone, so that one can look ahead.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

// === impl Token ===

impl Token<'_> {
    /// Whether it is this keyword.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether it is one of these keywords.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Where it ends.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

// === impl Tokens ===

impl<'a> Tokens<'a> {
    /// The tokens of `text`.
    pub fn of(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, at: 0, dialect }
    }

    /// The next one, which stays.
    pub fn peek(&self) -> Option<Token<'a>> {
        self.clone().next()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over blanks and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = match rest {
                [b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z', ..] => return,
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0, ..] => 1,
                [b'-', b'-', after @ ..] if self.dashes_comment(after) => line(rest),
                [b'#', ..] if self.dialect == Dialect::MySql => line(rest),
                // MySQL: what is in `/*! … */` is carried out.
                [b'/', b'*', b'!', after @ ..] if self.dialect == Dialect::MySql => {
                    3 + after.iter().take_while(|byte| byte.is_ascii_digit()).count()
                }
                [b'*', b'/', ..] if self.dialect == Dialect::MySql => 2,
                [b'/', b'*', ..] => comment(rest, self.dialect != Dialect::MySql),
                _ => return,
            };
            self.at += blank;
        }
    }

    /// MySQL: `--` begins a comment only with a blank behind it.
    fn dashes_comment(&self, after: &[u8]) -> bool {
        self.dialect != Dialect::MySql || after.first().is_none_or(|byte| *byte <= b' ')
    }

    fn measure(&self, rest: &[u8]) -> (Kind, usize) {
        let my_sql = self.dialect == Dialect::MySql;
        match rest {
            [first, second, ..] if begins_word(*first) && !matches!(second, b'\'' | b'&') => {
                (Kind::Word, word(rest))
            }
            [b'\'', ..] => (Kind::Text, quoted(rest, b'\'', my_sql)),
            [b'"', ..] if my_sql => (Kind::Text, quoted(rest, b'"', true)),
            [b'"', ..] => (Kind::Name, quoted(rest, b'"', false)),
            [b'`', ..] if my_sql => (Kind::Name, quoted(rest, b'`', false)),
            [b'[', ..] if self.dialect == Dialect::SqlServer => {
                (Kind::Name, quoted(rest, b']', false))
            }
            [b'e' | b'E', b'\'', ..] if self.dialect == Dialect::PostgreSql => {
                (Kind::Text, 1 + quoted(&rest[1..], b'\'', true))
            }
            [b'b' | b'B' | b'n' | b'N' | b'x' | b'X', b'\'', ..] => {
                (Kind::Text, 1 + quoted(&rest[1..], b'\'', my_sql))
            }
            [b'u' | b'U', b'&', b'\'', ..] => (Kind::Text, 2 + quoted(&rest[2..], b'\'', false)),
            [b'u' | b'U', b'&', b'"', ..] => (Kind::Name, 2 + quoted(&rest[2..], b'"', false)),
            [b'$', ..] => self.dollar(rest),
            [b'?', ..] if self.dialect != Dialect::PostgreSql => (Kind::Placeholder, 1),
            [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => (Kind::Number, number(rest)),
            [b'@', ..] if self.dialect != Dialect::PostgreSql => (Kind::Word, word(rest)),
            [first, ..] if begins_word(*first) => (Kind::Word, word(rest)),
            [first, ..] => (Kind::Mark(*first), 1),
            [] => (Kind::Mark(0), 0),
        }
    }

    /// `$1`, `$$text$$`, `$tag$text$tag$`.
    fn dollar(&self, rest: &[u8]) -> (Kind, usize) {
        let behind = rest.get(1..).unwrap_or_default();
        let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            return (Kind::Placeholder, 1 + digits);
        }
        let tag = behind.iter().take_while(|b| begins_word(**b) || b.is_ascii_digit()).count();
        if self.dialect != Dialect::PostgreSql || behind.get(tag) != Some(&b'$') {
            return (Kind::Mark(b'$'), 1);
        }
        let (fence, inner) = rest.split_at_checked(tag + 2).unwrap_or((rest, &[]));
        let end = memchr::memmem::find(inner, fence).map_or(inner.len(), |at| at + fence.len());
        (Kind::Text, fence.len() + end)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = self.rest();
        let (kind, size) = self.measure(rest);
        let text = rest.get(..size).filter(|text| !text.is_empty())?;
        let at = self.at;
        self.at += size;
        Some(Token { kind, text, at })
    }
}

// === lengths ===

fn line(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

fn comment(rest: &[u8], nests: bool) -> usize {
    let mut depth = 1;
    let mut at = 2;
    while depth > 0 && depth <= COMMENTS_MAX {
        let behind = rest.get(at..).unwrap_or_default();
        let Some(next) = memchr::memchr2(b'*', b'/', behind) else { return rest.len() };
        at += next;
        match rest.get(at..at + 2) {
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            Some(b"/*") if nests => (depth, at) = (depth + 1, at + 2),
            _ => at += 1,
        }
    }
    at.min(rest.len())
}

/// A text in quotes, of which the first byte is the opening one; a doubled quote is one of its bytes.
fn quoted(rest: &[u8], close: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        at += 1;
        if *byte == b'\\' && escapes {
            at += 1;
        } else if *byte == close {
            if rest.get(at) != Some(&close) {
                return at;
            }
            at += 1;
        }
    }
    rest.len()
}

fn number(rest: &[u8]) -> usize {
    let is_part = |at: usize| match rest.get(at) {
        Some(b'+' | b'-') => matches!(rest.get(at - 1), Some(b'e' | b'E')) && rest[0] != b'0',
        Some(byte) => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'),
        None => false,
    };
    (1..rest.len()).find(|at| !is_part(*at)).unwrap_or(rest.len())
}

fn word(rest: &[u8]) -> usize {
    rest.iter().position(|byte| !PARTS[usize::from(*byte)]).unwrap_or(rest.len())
}

/// Whether a byte may be part of a word, by the byte: most of a statement is words.
static PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = byte >= 0x80
            || matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | b'@');
        byte += 1;
    }
    parts
};

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, dialect: Dialect) -> Vec<String> {
        let tokens = Tokens::of(text.as_bytes(), dialect);
        tokens.map(|token| String::from_utf8_lossy(token.text).into_owned()).collect()
    }

    #[test]
    fn strings_comments_and_names_end_where_the_dialect_says() {
        use Dialect::{MySql, PostgreSql, SqlServer};
        for (text, dialect, wanted) in [
            ("a 'b''c' \"d\"\"e\"", PostgreSql, &["a", "'b''c'", "\"d\"\"e\""][..]),
            (r"'\' x", PostgreSql, &[r"'\'", "x"]),
            (r"E'\' x' y", PostgreSql, &[r"E'\' x'", "y"]),
            (r"'\' x' y", MySql, &[r"'\' x'", "y"]),
            ("$$a 'b$$ $x$ $$ $x$ $1", PostgreSql, &["$$a 'b$$", "$x$ $$ $x$", "$1"]),
            ("/* a /* b */ c */ d -- e\nf", PostgreSql, &["d", "f"]),
            ("/* a /* b */ c", MySql, &["c"]),
            ("/*!40000 c */ d # e\n--f", MySql, &["c", "d", "-", "-", "f"]),
            ("`a``b`.c", MySql, &["`a``b`", ".", "c"]),
            ("[a b].c", SqlServer, &["[a b]", ".", "c"]),
            ("1.5e-3-0x1f+.5", MySql, &["1.5e-3", "-", "0x1f", "+", ".5"]),
            ("'never", PostgreSql, &["'never"]),
            ("$x$never", PostgreSql, &["$x$never"]),
            ("/* never", PostgreSql, &[]),
        ] {
            assert_eq!(tokens(text, dialect), wanted, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_once_and_to_the_end(text in proptest::collection::vec(0u8..=255, 0..200)) {
            for dialect in [Dialect::PostgreSql, Dialect::MySql, Dialect::SqlServer] {
                let mut last = 0;
                for token in Tokens::of(&text, dialect) {
                    assert!(token.at >= last && !token.text.is_empty());
                    last = token.end();
                }
                assert!(last <= text.len());
            }
        }
    }
}
