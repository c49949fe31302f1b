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
        for chunk in word.utf8_chunks() {
            for c in chunk.valid().chars() {
                self.character(c);
            }
            for byte in chunk.invalid() {
                self.hex(*byte);
            }
            if self.is_cut {
                return;
            }
        }
        self.push(b"\"");
    }

    fn character(&mut self, c: char) {
        match c {
            '"' => self.push(b"\\\""),
            '\\' => self.push(b"\\\\"),
            '\n' => self.push(b"\\n"),
            '\r' => self.push(b"\\r"),
            '\t' => self.push(b"\\t"),
            '\0'..='\x1f' | '\x7f' => self.hex(c as u8),
            c => self.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
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
