//! A list's answer, cut into its objects as its bytes come in: no more than one of them is held.

/// Cuts one list.
#[derive(Debug)]
pub struct Cutter {
    bytes_max: usize,
    skipped_max: u64,
    depth: u32,
    /// Within a string, and whether the last byte was a backslash.
    string: Option<bool>,
    /// The last string at the top: a key, once a colon follows.
    word: Vec<u8>,
    key: Key,
    /// What is being held.
    held: Vec<u8>,
    holding: Option<Holding>,
    /// Bytes of what is too large to be held.
    skipped: u64,
}

/// A part of a list.
#[derive(Debug, Eq, PartialEq)]
pub enum Part<'p> {
    /// An object.
    Item(&'p [u8]),
    /// What the list says of itself.
    Metadata(&'p [u8]),
    /// An object that was larger than is held.
    TooLarge,
    /// An element that is no object.
    Odd,
}

/// It is no list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoList;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Items,
    Metadata,
    Other,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Holding {
    Item,
    Metadata,
}

/// Longer words at the top are no keys that matter.
const WORD_BYTES_MAX: usize = 64;
/// Deeper is no list.
const DEPTH_MAX: u32 = 512;

// === impl Cutter ===

impl Cutter {
    /// Holds objects of `bytes_max`, and gives up once `skipped_max` bytes bring nothing.
    pub fn new(bytes_max: usize, skipped_max: u64) -> Self {
        Self {
            bytes_max,
            skipped_max,
            depth: 0,
            string: None,
            word: Vec::new(),
            key: Key::Other,
            held: Vec::new(),
            holding: None,
            skipped: 0,
        }
    }

    /// Takes the next bytes. Whether the list is over.
    ///
    /// # Errors
    /// When it is none.
    pub fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(Part<'_>)) -> Result<bool, NoList> {
        for &byte in bytes {
            if self.byte(byte, take)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn byte(&mut self, byte: u8, take: &mut dyn FnMut(Part<'_>)) -> Result<bool, NoList> {
        self.hold(byte)?;
        if let Some(escaped) = self.string {
            self.in_string(byte, escaped);
            return Ok(false);
        }
        match byte {
            b'"' => {
                self.word.clear();
                self.string = Some(false);
            }
            b':' if self.depth == 1 => self.key = key(&self.word),
            b',' if self.depth == 1 => self.key = Key::Other,
            b'{' | b'[' => self.open(byte)?,
            b'}' | b']' => return self.close(take),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.depth == 0 => return Err(NoList),
            b',' => {}
            _ if self.depth == 2 && self.key == Key::Items => take(Part::Odd),
            _ => {}
        }
        Ok(false)
    }

    /// Keeps the byte, where it is of something that is held.
    fn hold(&mut self, byte: u8) -> Result<(), NoList> {
        if self.holding.is_some() && self.held.len() < self.bytes_max {
            self.held.push(byte);
            return Ok(());
        }
        self.skipped += 1;
        if self.skipped > self.skipped_max { Err(NoList) } else { Ok(()) }
    }

    fn in_string(&mut self, byte: u8, escaped: bool) {
        match byte {
            _ if escaped => self.string = Some(false),
            b'\\' => self.string = Some(true),
            b'"' => self.string = None,
            _ if self.depth == 1 && self.word.len() < WORD_BYTES_MAX => self.word.push(byte),
            _ => {}
        }
    }

    fn open(&mut self, byte: u8) -> Result<(), NoList> {
        let holding = match (self.depth, self.key, byte) {
            (0, _, b'[') => return Err(NoList),
            (1, Key::Metadata, b'{') => Some(Holding::Metadata),
            (2, Key::Items, b'{') => Some(Holding::Item),
            _ => None,
        };
        if holding.is_some() {
            self.holding = holding;
            self.held.clear();
            self.held.push(byte);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(NoList) } else { Ok(()) }
    }

    fn close(&mut self, take: &mut dyn FnMut(Part<'_>)) -> Result<bool, NoList> {
        self.depth = self.depth.checked_sub(1).ok_or(NoList)?;
        let is_whole = match self.holding {
            Some(Holding::Item) => self.depth == 2,
            Some(Holding::Metadata) => self.depth == 1,
            None => false,
        };
        if is_whole {
            let is_cut = self.held.len() >= self.bytes_max;
            take(match self.holding.take() {
                _ if is_cut => Part::TooLarge,
                Some(Holding::Metadata) => Part::Metadata(&self.held),
                _ => Part::Item(&self.held),
            });
            self.skipped = 0;
        }
        Ok(self.depth == 0)
    }
}

fn key(word: &[u8]) -> Key {
    match word {
        b"items" => Key::Items,
        b"metadata" => Key::Metadata,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"kind":"PodList","note":{"items":[{"x":1}]},"metadata":{"resourceVersion":"5","continue":"a\"}b"},
        "items":[{"metadata":{"name":"a"},"text":"}{\\"}, {"items":[{}]},7,{}]} "#;

    fn cut(pieces: &[&[u8]], bytes_max: usize) -> (Vec<String>, Result<bool, NoList>) {
        let mut cutter = Cutter::new(bytes_max, 1000);
        let mut parts = Vec::new();
        let mut done = Ok(false);
        for piece in pieces {
            done = cutter.push(piece, &mut |part| {
                parts.push(match part {
                    Part::Item(json) => format!("item {}", String::from_utf8_lossy(json)),
                    Part::Metadata(json) => format!("meta {}", String::from_utf8_lossy(json)),
                    other => format!("{other:?}"),
                });
            });
            if done != Ok(false) {
                break;
            }
        }
        (parts, done)
    }

    #[test]
    fn a_list_is_cut_the_same_wherever_its_bytes_are() {
        let whole = cut(&[LIST.as_bytes()], 1000);
        let expected = [
            r#"meta {"resourceVersion":"5","continue":"a\"}b"}"#,
            r#"item {"metadata":{"name":"a"},"text":"}{\\"}"#,
            r#"item {"items":[{}]}"#,
            "Odd",
            "item {}",
        ];
        assert_eq!(whole, (expected.map(str::to_owned).to_vec(), Ok(true)));
        for at in 0..LIST.len() {
            let (one, other) = LIST.as_bytes().split_at(at);
            assert_eq!(cut(&[one, other], 1000), whole, "{at}");
        }
    }

    #[test]
    fn a_list_broken_off_is_not_over() {
        for at in 0..LIST.trim_end().len() - 1 {
            assert_eq!(cut(&[&LIST.as_bytes()[..at]], 1000).1, Ok(false), "{at}");
        }
    }

    #[test]
    fn what_is_no_list_is_said() {
        for text in ["<html>", "[{}]", "]", "hello"] {
            assert_eq!(cut(&[text.as_bytes()], 1000).1, Err(NoList), "{text}");
        }
        assert_eq!(cut(&["{\"a\":[".repeat(600).as_bytes()], 1000).1, Err(NoList));
    }

    #[test]
    fn an_object_that_is_too_large_is_passed_over() {
        let text = format!(r#"{{"items":[{{"a":"{}"}},{{"b":1}}]}}"#, "x".repeat(100));
        let (parts, done) = cut(&[text.as_bytes()], 50);
        assert_eq!((parts, done), (vec!["TooLarge".into(), r#"item {"b":1}"#.into()], Ok(true)));
    }

    #[test]
    fn endless_bytes_come_to_an_end() {
        let text = format!(r#"{{"items":[{{"a":"{}"#, "x".repeat(5000));
        assert_eq!(cut(&[text.as_bytes()], 50).1, Err(NoList));
        assert_eq!(cut(&[" ".repeat(5000).as_bytes()], 50).1, Err(NoList));
    }
}
