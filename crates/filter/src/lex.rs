//! Text to words and signs, by the grammar of CEL.

use std::ops::Range;

use crate::Fault;

/// A word, a literal or a sign.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    /// A name between back quotes: only after a dot.
    Quoted(String),
    Int(u64),
    Float(f64),
    Text(String),
    Sign(&'static str),
    End,
}

/// Signs, the longer ones first.
const SIGNS: [&str; 23] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", "{", "}", ".", ",", "?",
    ":", "+", "-", "*", "/",
];

/// Reads tokens one after the other.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

// === impl Lexer ===

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token and where it is; [`Token::End`] for ever at the end.
    pub(crate) fn next(&mut self) -> Result<(Token, Range<usize>), Fault> {
        self.skip_blank();
        let from = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, from..from)) };
        let token = match first {
            '"' | '\'' => self.text(false)?,
            'r' | 'R' | 'b' | 'B' if self.quote_follows() => self.prefixed()?,
            'a'..='z' | 'A'..='Z' | '_' => self.name(),
            '0'..='9' => self.number()?,
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number()?,
            '`' => self.quoted()?,
            _ => self.sign(first)?,
        };
        Ok((token, from..self.at))
    }

    /// Blanks, and comments: `//` as in CEL, `#` as in examples.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !(trimmed.starts_with("//") || trimmed.starts_with('#')) {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// Whether a prefix of one or two letters stands before a quote.
    fn quote_follows(&self) -> bool {
        let mut bytes = self.rest().bytes().skip(1);
        match bytes.next() {
            Some(b'"' | b'\'') => true,
            Some(b'r' | b'R' | b'b' | b'B') => matches!(bytes.next(), Some(b'"' | b'\'')),
            _ => false,
        }
    }

    fn prefixed(&mut self) -> Result<Token, Fault> {
        let len = self.rest().find(['"', '\'']).unwrap_or(0);
        let raw = self.rest()[..len].contains(['r', 'R']);
        self.at += len;
        self.text(raw)
    }

    fn name(&mut self) -> Token {
        let rest = self.rest();
        let len =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += len;
        Token::Name(rest[..len].to_owned())
    }

    fn quoted(&mut self) -> Result<Token, Fault> {
        let rest = &self.rest()[1..];
        let Some(len) = rest.find(['`', '\n']).filter(|at| rest[*at..].starts_with('`')) else {
            return Err(Fault::new(self.at..self.text.len(), "the name is not ended by `"));
        };
        self.at += len + 2;
        Ok(Token::Quoted(rest[..len].to_owned()))
    }

    fn sign(&mut self, first: char) -> Result<Token, Fault> {
        let rest = self.rest();
        if first == '%' {
            self.at += 1;
            return Ok(Token::Sign("%"));
        }
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.at += sign.len();
            return Ok(Token::Sign(sign));
        }
        let at = self.at..self.at + first.len_utf8();
        let fault = Fault::new(at, format!("{first} means nothing here"));
        Err(match first {
            '=' => fault.hint("equal is =="),
            '&' => fault.hint("and is &&"),
            '|' => fault.hint("or is ||"),
            '“' | '”' | '‘' | '’' => fault.hint("text stands between \" and \""),
            '~' => fault.hint("text.matches(\"…\") compares with a pattern"),
            _ => fault,
        })
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let (from, rest) = (self.at, self.rest());
        if rest.starts_with("0x") || rest.starts_with("0X") {
            let digits = &rest[2..];
            let len = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            self.at += 2 + len;
            let number = u64::from_str_radix(&digits[..len], 16);
            return self.end_number(from, number.ok().map(Token::Int));
        }
        let bytes = rest.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let digits = |mut at: usize| {
            while digit(at) {
                at += 1;
            }
            at
        };
        let mut len = digits(0);
        let mut whole = true;
        if bytes.get(len) == Some(&b'.') && digit(len + 1) {
            (len, whole) = (digits(len + 1), false);
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            if digit(len + 1 + sign) {
                (len, whole) = (digits(len + 1 + sign), false);
            }
        }
        self.at += len;
        let text = &rest[..len];
        let token = if whole {
            text.parse().ok().map(Token::Int)
        } else {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Token::Float)
        };
        self.end_number(from, token)
    }

    /// `1u` is `1`; `5m` is none.
    fn end_number(&mut self, from: usize, token: Option<Token>) -> Result<Token, Fault> {
        let is_int = matches!(token, Some(Token::Int(_)));
        if is_int && self.rest().starts_with(['u', 'U']) {
            self.at += 1;
        }
        let rest = self.rest();
        let tail =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if tail > 0 {
            let at = from..self.at + tail;
            let fault = Fault::new(at.clone(), format!("{} is no number", &self.text[at.clone()]));
            return Err(fault.hint(format!("a span of time is duration(\"{}\")", &self.text[at])));
        }
        token.ok_or_else(|| Fault::new(from..self.at, "the number is too large"))
    }

    /// Text in one quote or three, of either kind.
    fn text(&mut self, raw: bool) -> Result<Token, Fault> {
        let from = self.at;
        let rest = self.rest();
        let one = &rest[..1];
        let quote = if rest.starts_with(&one.repeat(3)) { one.repeat(3) } else { one.to_owned() };
        self.at += quote.len();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(&quote) {
                self.at += quote.len();
                return Ok(Token::Text(text));
            }
            let Some(next) = rest.chars().next().filter(|c| *c != '\n' || quote.len() == 3) else {
                let fault = Fault::new(from..self.at, "the text is not ended");
                return Err(fault.hint(format!("write {quote} behind it")));
            };
            self.at += next.len_utf8();
            if next == '\\' && !raw {
                text.push(self.escape()?);
            } else {
                text.push(next);
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let from = self.at - 1;
        let Some(letter) = self.rest().chars().next() else {
            return Err(Fault::new(from..self.at, "the text is not ended"));
        };
        self.at += letter.len_utf8();
        let number = |lexer: &mut Self, len: usize, radix: u32| {
            let digits =
                lexer.rest().get(..len).filter(|text| text.chars().all(|c| c.is_digit(radix)));
            let code = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
            lexer.at += digits.map_or(0, str::len);
            code.and_then(char::from_u32)
        };
        let meant = match letter {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'v' => Some('\x0b'),
            '\\' | '"' | '\'' | '`' | '?' => Some(letter),
            'x' | 'X' => number(self, 2, 16),
            'u' => number(self, 4, 16),
            'U' => number(self, 8, 16),
            '0'..='3' => {
                self.at -= 1;
                number(self, 3, 8)
            }
            _ => None,
        };
        meant.ok_or_else(|| {
            let fault = Fault::new(from..self.at, "this escape is not known");
            fault.hint("a backslash is \\\\; in r\"…\" it stands for itself")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token> {
        let mut lexer = Lexer::new(text);
        let mut all = Vec::new();
        loop {
            match lexer.next().unwrap().0 {
                Token::End => return all,
                token => all.push(token),
            }
        }
    }

    #[test]
    fn texts_are_read_in_every_way_to_write_them() {
        let text = "a\n\"\u{e9}";
        for written in [r#""a\n\"é""#, r"'a\n\x22\u00e9'", "'''a\n\"é'''", r#""a\012\"\U000000e9""#]
        {
            assert_eq!(all(written), [Token::Text(text.into())], "{written}");
        }
        assert_eq!(all(r#"r"\d" b'x'"#), [Token::Text(r"\d".into()), Token::Text("x".into())]);
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(all("0x1F 12u 7"), [Token::Int(31), Token::Int(12), Token::Int(7)]);
        assert_eq!(all("1.5 2e3 .5"), [Token::Float(1.5), Token::Float(2000.0), Token::Float(0.5)]);
        assert_eq!(all("a.b[1].c").len(), 8);
    }

    #[test]
    fn what_is_no_token_is_pointed_at() {
        for (text, at) in [("a = b", 2..3), ("x > 5m", 4..6), ("\"abc", 0..4), ("'a\\q'", 2..4)] {
            let mut lexer = Lexer::new(text);
            let fault = loop {
                match lexer.next() {
                    Ok((Token::End, _)) => panic!("{text} is read"),
                    Ok(_) => {}
                    Err(fault) => break fault,
                }
            };
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.hint.is_some(), "{text}");
        }
    }
}
