//! Base64 as gRPC has it: with or without padding, several pieces one after the other (RFC 4648 §4,
//! §5; `PROTOCOL-WEB.md`, "application/grpc-web-text").

/// What was decoded, and where its pieces were.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// Offsets where a piece began after padding: in the decoded bytes, and in the text.
    pieces: Vec<(usize, usize)>,
}

/// Undoes base64 up to the first byte that is none.
pub(super) fn decode(text: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let (mut word, mut digits) = (0_u32, 0);
    for (at, byte) in text.iter().enumerate() {
        match digit(*byte) {
            Some(value) => {
                word = word << 6 | value;
                digits += 1;
                if digits == 4 {
                    decoded.push(word, 3);
                    (word, digits) = (0, 0);
                }
            }
            None if *byte == b'=' => {
                decoded.rest(word, digits);
                (word, digits) = (0, 0);
                decoded.begin_piece(at + 1);
            }
            None => break,
        }
    }
    decoded.rest(word, digits);
    decoded
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(value.into())
}

// === impl Decoded ===

impl Decoded {
    /// The first `count` bytes of the three in `word`.
    fn push(&mut self, word: u32, count: usize) {
        let [_, bytes @ ..] = word.to_be_bytes();
        self.bytes.extend(bytes.iter().take(count));
    }

    /// What is left of a piece that ends within a group.
    fn rest(&mut self, word: u32, digits: u32) {
        match digits {
            2 => self.push(word << 12, 1),
            3 => self.push(word << 6, 2),
            _ => {}
        }
    }

    fn begin_piece(&mut self, at: usize) {
        let here = self.bytes.len();
        match self.pieces.last_mut() {
            Some((decoded, text)) if *decoded == here => *text = at,
            _ => self.pieces.push((here, at)),
        }
    }

    /// Where in the text the group was that the byte at `offset` comes from.
    pub(super) fn place(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(decoded, _)| *decoded <= offset);
        let piece = after.checked_sub(1).and_then(|at| self.pieces.get(at));
        let (decoded, text) = piece.copied().unwrap_or_default();
        text + (offset - decoded) / 3 * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_may_be_missing_or_in_the_middle() {
        for text in ["aGk=", "aGk", "aA==aQ=="] {
            assert_eq!(decode(text.as_bytes()).bytes, b"hi", "{text}");
        }
        assert_eq!(decode(b"_-8").bytes, [0xff, 0xef]);
        assert_eq!(decode(b"/+8=").bytes, [0xff, 0xef]);
    }

    #[test]
    fn what_is_no_base64_ends_it() {
        assert_eq!(decode(b"aGkh aGkh").bytes, b"hi!");
        assert_eq!(decode(b"").bytes, b"");
        assert_eq!(decode(b"a").bytes, b"");
    }

    #[test]
    fn a_place_is_counted_from_its_piece() {
        let decoded = decode(b"aA==aGkhaGkh");
        assert_eq!(decoded.bytes, b"hhi!hi!");
        assert_eq!([0, 1, 3, 4].map(|at| decoded.place(at)), [0, 4, 4, 8]);
    }
}
