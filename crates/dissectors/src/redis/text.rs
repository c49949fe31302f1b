//! Text for people, of a size that is known before it is written.

use content::short::push_few;

/// Bytes of it at most, without the mark of what was cut.
pub const MAX: usize = 1 << 10;
/// Says that something is left out.
const CUT: &[u8] = "…".as_bytes();
/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// A text being written; what is over its size is left out and marked.
#[derive(Default)]
pub struct Text {
    /// More than [`MAX`] only while a word is written.
    bytes: Vec<u8>,
    is_cut: bool,
}

// === impl Text ===

impl Text {
    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing more is taken.
    pub fn is_full(&self) -> bool {
        self.is_cut
    }

    /// Appends a word, behind a blank if it is not the first; quoted as `redis-cli` quotes, if it
    /// must be. `cut` says that there was more of it.
    pub fn word(&mut self, word: &[u8], cut: bool) {
        if self.is_cut {
            return;
        }
        if !self.bytes.is_empty() {
            self.bytes.push(b' ');
        }
        if !word.is_empty() && all(word, is_plain) {
            self.run(word);
        } else {
            self.quoted(word);
        }
        self.end(cut);
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8], cut: bool) {
        if !self.is_cut {
            self.run(bytes);
            self.end(cut);
        }
    }

    /// Nothing more is to come: something was left out.
    pub fn cut(&mut self) {
        if self.is_cut {
            return;
        }
        self.is_cut = true;
        if self.bytes.len() == MAX && ends_in_a_character(&self.bytes) {
            self.bytes.pop();
        }
        self.bytes.extend_from_slice(CUT);
    }

    /// Holds the size.
    fn end(&mut self, cut: bool) {
        if self.bytes.len() > MAX {
            self.bytes.truncate(MAX);
            self.cut();
        } else if cut {
            self.cut();
        }
    }

    /// As many bytes as can be needed.
    fn run(&mut self, bytes: &[u8]) {
        push_few(&mut self.bytes, bytes.get(..=MAX).unwrap_or(bytes));
    }

    fn quoted(&mut self, word: &[u8]) {
        self.bytes.push(b'"');
        // No byte becomes less than one; a character cut at the end is over the size.
        let word = word.get(..MAX + 4).unwrap_or(word);
        if std::str::from_utf8(word).is_ok() {
            self.escaped(word);
        } else {
            self.mended(word);
        }
        self.bytes.push(b'"');
    }

    /// What is not UTF-8 byte by byte.
    fn mended(&mut self, word: &[u8]) {
        for chunk in word.utf8_chunks() {
            self.escaped(chunk.valid().as_bytes());
            for byte in chunk.invalid() {
                self.bytes.extend_from_slice(&hex(*byte));
            }
        }
    }

    /// Blocks without anything to escape at once, the others byte by byte.
    fn escaped(&mut self, text: &[u8]) {
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            if all(block, stands_for_itself) {
                self.bytes.extend_from_slice(block);
            } else {
                block.iter().for_each(|byte| self.escape(*byte));
            }
        }
        rest.iter().for_each(|byte| self.escape(*byte));
    }

    /// Four bytes at once, and back to where the escape ends.
    #[inline]
    fn escape(&mut self, byte: u8) {
        let (len, escape) = &ESCAPES[usize::from(byte)];
        self.bytes.extend_from_slice(escape);
        self.bytes.truncate(self.bytes.len() - escape.len() + usize::from(*len));
    }
}

/// Whether a character begins in the last bytes and does not end there.
fn ends_in_a_character(bytes: &[u8]) -> bool {
    let end = bytes.last_chunk::<4>().map_or(bytes, |end| end);
    end.utf8_chunks()
        .last()
        .is_some_and(|last| last.invalid().first().is_some_and(|byte| *byte >= 0xc0))
}

/// Whether it is so of all bytes; a block at a time, so that the compiler compares them at once.
#[inline]
fn all(bytes: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let all_of = |all, byte: &u8| all & is(*byte);
    blocks.iter().all(|block| block.iter().fold(true, all_of)) && rest.iter().all(|byte| is(*byte))
}

#[inline]
const fn stands_for_itself(byte: u8) -> bool {
    (byte >= 0x20) & (byte != b'"') & (byte != b'\\') & (byte != 0x7f)
}

/// What needs no quotes around it.
#[inline]
fn is_plain(byte: u8) -> bool {
    (byte > b' ') & (byte < 0x7f) & (byte != b'"') & (byte != b'\'') & (byte != b'\\')
}

// === escapes ===

/// For each byte what stands for it, and how many bytes that is.
static ESCAPES: [(u8, [u8; 4]); 256] = {
    let mut table = [(0, [0; 4]); 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = escape_of(byte as u8);
        byte += 1;
    }
    table
};

const fn escape_of(byte: u8) -> (u8, [u8; 4]) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ if stands_for_itself(byte) => return (1, [byte, 0, 0, 0]),
        _ => return (4, hex(byte)),
    };
    (2, [b'\\', letter, 0, 0])
}

const fn hex(byte: u8) -> [u8; 4] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [b'\\', b'x', DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]
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
        for len in 1_000..1_100 {
            let (fits, text) = (len <= 1_024, words(&[&vec![b'a'; len]]));
            assert_eq!(text.len(), if fits { len } else { 1_024 + 3 });
            assert_eq!(text.ends_with('…'), !fits);
        }
    }

    #[test]
    fn every_byte_is_escaped_at_every_place() {
        for (byte, place) in (0..128_u8).flat_map(|byte| (0..40).map(move |place| (byte, place))) {
            let escape = match byte {
                b'"' | b'\\' => format!("\\{}", char::from(byte)),
                b'\n' => r"\n".to_owned(),
                b'\r' => r"\r".to_owned(),
                b'\t' => r"\t".to_owned(),
                b' '..=b'~' => char::from(byte).to_string(),
                byte => format!("\\x{byte:02x}"),
            };
            let mut word = vec![b' '; 40];
            word[place] = byte;
            let wanted = format!("\"{}{escape}{}\"", " ".repeat(place), " ".repeat(39 - place));
            assert_eq!(words(&[&word]), wanted);
        }
    }
}
