//! Arguments without a frame that are longer than what is kept of bytes: walked over as they come.

use super::walk::{DEPTH_MAX, Walker, kind};
use crate::framed::{Halt, Read};

/// Bytes of one message, at most.
const SIZE_MAX: u64 = 256 << 20;

/// Where in the arguments of a message the next bytes are.
#[derive(Debug)]
pub(super) struct Loose {
    compact: bool,
    /// What is open, the innermost last; empty at the end.
    open: Vec<Level>,
    size: u64,
}

/// How far the bytes at hand lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// So many bytes, perhaps more than there are yet, and it goes on.
    More(u64),
    /// So many bytes, and the message is at its end.
    End(u64),
}

/// Something open.
#[derive(Clone, Copy, Debug)]
enum Level {
    /// A struct, and the number of its last field.
    Struct(i16),
    /// A list, a set, or keys and values in turn; how many are left (at least one).
    Items { odd: u8, even: u8, left: u64 },
}

// === impl Loose ===

impl Loose {
    /// Before the first field.
    pub(super) fn new(compact: bool) -> Self {
        Self { compact, open: vec![Level::Struct(0)], size: 0 }
    }

    /// Goes on; `Short` where not even one value's front is there.
    pub(super) fn walk(&mut self, input: &[u8]) -> Read<Way> {
        let mut at = 0;
        loop {
            let rest = usize::try_from(at).ok().and_then(|at| input.get(at..)).unwrap_or_default();
            match self.step(rest) {
                Ok(size) => {
                    at += size;
                    self.size += size;
                    if self.size > SIZE_MAX {
                        return Err(Halt::Bad);
                    }
                }
                Err(Halt::Short(_)) if at > 0 => return Ok(Way::More(at)),
                Err(halt) => return Err(halt),
            }
            if self.open.is_empty() {
                return Ok(Way::End(at));
            }
        }
    }

    /// Over one field or item, or to its first inner one: how many bytes that are.
    fn step(&mut self, input: &[u8]) -> Read<u64> {
        let mut walker = Walker::new(self.compact, input, 0);
        let Some(top) = self.open.last_mut() else { return Ok(0) };
        match top {
            Level::Struct(last) => {
                walker.last = *last;
                let Some(field) = walker.field()? else {
                    self.open.pop();
                    return Ok(1);
                };
                let last_now = walker.last;
                // A truth value of the compact protocol is in the field's front.
                let (size, inner) = match field.truth {
                    Some(_) => (walker.at as u64, None),
                    None => value(self.compact, field.kind, &mut walker)?,
                };
                *last = last_now;
                self.open_level(inner)?;
                Ok(size)
            }
            Level::Items { odd, even, left } => {
                let kind = if *left % 2 == 0 { *even } else { *odd };
                let (size, inner) = value(self.compact, kind, &mut walker)?;
                *left -= 1;
                if *left == 0 {
                    self.open.pop();
                }
                self.open_level(inner)?;
                Ok(size)
            }
        }
    }

    fn open_level(&mut self, inner: Option<Level>) -> Read<()> {
        if self.open.len() > DEPTH_MAX as usize {
            return Err(Halt::Bad);
        }
        self.open.extend(inner);
        Ok(())
    }
}

/// Where the value at the walker's place ends, or where what is in it begins.
fn value(compact: bool, kind: u8, walker: &mut Walker<'_>) -> Read<(u64, Option<Level>)> {
    let fixed = |walker: &Walker<'_>, size: u64| Ok((walker.at as u64 + size, None));
    match kind {
        kind::BOOL | kind::BYTE => fixed(walker, 1),
        kind::DOUBLE => fixed(walker, 8),
        kind::UUID => fixed(walker, 16),
        kind::I16 | kind::I32 | kind::I64 if compact => {
            walker.number()?;
            fixed(walker, 0)
        }
        kind::I16 => fixed(walker, 2),
        kind::I32 => fixed(walker, 4),
        kind::I64 => fixed(walker, 8),
        kind::STRING => {
            let len = walker.text_len()?;
            fixed(walker, len as u64)
        }
        kind::STRUCT => Ok((walker.at as u64, Some(Level::Struct(0)))),
        kind::MAP => {
            let (keys, values, len) = walker.map_head()?;
            let left = len.checked_mul(2).ok_or(Halt::Bad)?;
            Ok((walker.at as u64, items(values, keys, left)))
        }
        kind::SET | kind::LIST => {
            let (kind, len) = walker.list_head()?;
            Ok((walker.at as u64, items(kind, kind, len)))
        }
        _ => Err(Halt::Bad),
    }
}

fn items(odd: u8, even: u8, left: u64) -> Option<Level> {
    (left > 0).then_some(Level::Items { odd, even, left })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thrift::walk;

    /// A list of structs, a map, texts, numbers and truth values.
    fn arguments(compact: bool) -> Vec<u8> {
        if compact {
            return b"\x19\x2c\x18\x03abc\x11\0\x15\x04\0\x1b\x01\x85\x01x\x06\x18\x81\x01"
                .iter()
                .copied()
                .chain([7; 129])
                .chain([0])
                .collect();
        }
        b"\x0f\0\x01\x0c\0\0\0\x02\x0b\0\x01\0\0\0\x03abc\x02\0\x02\x01\0\x08\0\x01\0\0\0\x04\0\x0d\0\x02\x0b\x0a\0\0\0\x01\0\0\0\x01x\0\0\0\0\0\0\0\x05\x10\0\x03"
            .iter()
            .copied()
            .chain([7; 16])
            .chain([0])
            .collect()
    }

    #[test]
    fn the_end_is_found_however_the_bytes_are_cut() {
        for compact in [false, true] {
            let bytes = arguments(compact);
            assert_eq!(walk::end(compact, &bytes, 0), Ok(bytes.len()), "compact: {compact}");
            for cut in 1..=bytes.len() {
                let (mut loose, mut at, mut there) = (Loose::new(compact), 0, 0);
                let end = loop {
                    there = (there + cut).min(bytes.len());
                    if at > there {
                        continue;
                    }
                    match loose.walk(&bytes[at..there]) {
                        Ok(Way::More(size)) => at += usize::try_from(size).unwrap(),
                        Ok(Way::End(size)) => break at + usize::try_from(size).unwrap(),
                        Err(Halt::Short(_)) => assert!(there < bytes.len(), "in pieces of {cut}"),
                        Err(Halt::Bad) => panic!("in pieces of {cut}"),
                    }
                };
                assert_eq!(end, bytes.len(), "in pieces of {cut}");
            }
        }
    }

    #[test]
    fn what_never_ends_is_no_message() {
        let deep = [12, 0, 1].repeat(40);
        assert_eq!(Loose::new(false).walk(&deep), Err(Halt::Bad));
        assert_eq!(Loose::new(false).walk(&[99, 0, 0]), Err(Halt::Bad));
        let huge = b"\x0b\0\x01\x3f\xff\xff\xff";
        assert_eq!(Loose::new(false).walk(huge), Err(Halt::Bad));
    }
}
