//! Text for people, of a size that is known before it is written.

/// Bytes of it at most, without the mark of what was cut.
const MAX: usize = 1 << 10;
/// Says that something is left out.
const CUT: &[u8] = "…".as_bytes();

/// A text being written; what is over its size is left out and marked.
pub struct Text {
    bytes: [u8; MAX + CUT.len()],
    len: usize,
    is_cut: bool,
}

// === impl Text ===

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; MAX + CUT.len()], len: 0, is_cut: false }
    }
}

impl Text {
    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether nothing more is taken.
    pub fn is_full(&self) -> bool {
        self.is_cut
    }

    /// Appends a word, behind a blank if it is not the first; quoted as `redis-cli` quotes, if it
    /// must be. `cut` says that there was more of it.
    pub fn word(&mut self, word: &[u8], cut: bool) {
        if self.len > 0 {
            self.push(b" ");
        }
        if !word.is_empty() && word.iter().all(|byte| is_plain(*byte)) {
            self.push(word);
        } else {
            self.quoted(word);
        }
        if cut {
            self.cut();
        }
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8], cut: bool) {
        self.push(bytes);
        if cut {
            self.cut();
        }
    }

    /// Nothing more is to come: something was left out.
    pub fn cut(&mut self) {
        if self.is_cut {
            return;
        }
        self.is_cut = true;
        // Not in the middle of a character.
        while self.bytes().len() == MAX
            && self.bytes().utf8_chunks().last().is_some_and(|last| {
                let bad = last.invalid();
                !bad.is_empty() && bad.first().is_some_and(|byte| *byte >= 0xc0)
            })
        {
            self.len -= 1;
        }
        if let Some(room) = self.bytes.get_mut(self.len..self.len + CUT.len()) {
            room.copy_from_slice(CUT);
            self.len += CUT.len();
        }
    }

    fn quoted(&mut self, word: &[u8]) {
        self.push(b"\"");
        if let Ok(text) = std::str::from_utf8(word) {
            self.escaped(text);
            self.push(b"\"");
            return;
        }
        for chunk in word.utf8_chunks() {
            self.escaped(chunk.valid());
            for byte in chunk.invalid() {
                self.hex(*byte);
            }
            if self.is_cut {
                return;
            }
        }
        self.push(b"\"");
    }

    /// Runs of what needs no escape at once, the rest one by one.
    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_escape) {
            let (run, after) = rest.split_at(at);
            self.push(run.as_bytes());
            // What needs an escape is a character of one byte.
            let (byte, after) = after.split_at(1);
            self.escape(byte.as_bytes()[0]);
            rest = after;
        }
        self.push(rest.as_bytes());
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.push(b"\\\""),
            b'\\' => self.push(b"\\\\"),
            b'\n' => self.push(b"\\n"),
            b'\r' => self.push(b"\\r"),
            b'\t' => self.push(b"\\t"),
            byte => self.hex(byte),
        }
    }

    fn hex(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        self.push(&[b'\\', b'x', high, low]);
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.is_cut {
            return;
        }
        let fits = bytes.len().min(MAX - self.len);
        let (Some(room), Some(text)) =
            (self.bytes.get_mut(self.len..self.len + fits), bytes.get(..fits))
        else {
            return;
        };
        room.copy_from_slice(text);
        self.len += fits;
        if fits < bytes.len() {
            self.cut();
        }
    }
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f)
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'&' | b'('..=b'[' | b']'..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&[u8]]) -> String {
        let mut text = Text::default();
        for word in words {
            text.word(word, false);
        }
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn words_are_quoted_where_they_must_be() {
        assert_eq!(words(&[b"SET", b"a", b"b c", b""]), r#"SET a "b c" """#);
        assert_eq!(words(&[b"SET", "ä\"\n".as_bytes(), b"\xff\x01"]), r#"SET "ä\"\n" "\xff\x01""#);
    }

    #[test]
    fn what_is_too_long_is_cut_and_marked() {
        let text = words(&[&[b'a'; 2_000]]);
        assert!(text.ends_with("a…") && text.len() == 1_024 + 3, "{}", text.len());
        let text = words(&[b"x", "ä".repeat(1_000).as_bytes()]);
        assert!(text.ends_with("ä…"));
    }
}
