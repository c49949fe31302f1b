//! Field tables (AMQP 0-9-1 §4.2.5.5), with the types that RabbitMQ reads and writes.
//!
//! Where implementations differ from the specification (`s` is a number of two octets, `x` an array
//! of octets), what they do is read: <https://www.rabbitmq.com/amqp-0-9-1-errata.html>.

use std::io::Write;

use super::args::{Short, long_str, number, short_str};

/// Tables and arrays inside each other, at most.
const DEPTH_MAX: usize = 8;
/// Values visited in one table, at most.
const VALUES_MAX: usize = 512;
/// Bytes of a name with the names of the tables it is in, at most.
const PATH_MAX: usize = 512;

/// The inside of a table.
#[derive(Clone, Copy, Debug)]
pub struct FieldTable<'m>(pub &'m [u8]);

/// One value that is no table and no array.
enum Leaf<'m> {
    Text(&'m [u8]),
    Written(String),
}

/// Calls `visit` with the path and the text of every value: `capabilities.basic.nack`, `true`.
pub fn walk(table: FieldTable<'_>, visit: &mut dyn FnMut(&[u8], &[u8])) {
    let mut walk = Walk { path: Vec::new(), left: VALUES_MAX, visit };
    let _ = walk.table(table.0, DEPTH_MAX);
}

/// Whether a table can be read to its end.
pub fn is_sound(table: FieldTable<'_>) -> bool {
    let mut walk = Walk { path: Vec::new(), left: VALUES_MAX, visit: &mut |_, _| {} };
    walk.table(table.0, DEPTH_MAX).is_ok()
}

struct Walk<'v> {
    path: Vec<u8>,
    left: usize,
    visit: &'v mut dyn FnMut(&[u8], &[u8]),
}

// === impl Walk ===

impl Walk<'_> {
    fn table(&mut self, mut rest: &[u8], depth: usize) -> Result<(), Short> {
        // Every turn takes at least two bytes, and one of the values left.
        while !rest.is_empty() {
            let name = short_str(&mut rest)?;
            self.value(name, &mut rest, depth)?;
        }
        Ok(())
    }

    fn array(&mut self, mut rest: &[u8], depth: usize) -> Result<(), Short> {
        let mut index = 0_usize;
        while !rest.is_empty() {
            self.value(index.to_string().as_bytes(), &mut rest, depth)?;
            index += 1;
        }
        Ok(())
    }

    fn value(&mut self, name: &[u8], rest: &mut &[u8], depth: usize) -> Result<(), Short> {
        self.left = self.left.checked_sub(1).ok_or(Short)?;
        let before = self.path.len();
        if before > 0 {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(name);
        if self.path.len() > PATH_MAX {
            return Err(Short);
        }
        self.typed(rest, depth)?;
        self.path.truncate(before);
        Ok(())
    }

    fn typed(&mut self, rest: &mut &[u8], depth: usize) -> Result<(), Short> {
        let kind = u8::try_from(number(rest, 1)?).map_err(|_| Short)?;
        match kind {
            b'F' => {
                let inside = long_str(rest)?;
                self.table(inside, depth.checked_sub(1).ok_or(Short)?)
            }
            b'A' => {
                let inside = long_str(rest)?;
                self.array(inside, depth.checked_sub(1).ok_or(Short)?)
            }
            _ => {
                match leaf(kind, rest)? {
                    Leaf::Text(text) => (self.visit)(&self.path, text),
                    Leaf::Written(text) => (self.visit)(&self.path, text.as_bytes()),
                }
                Ok(())
            }
        }
    }
}

fn leaf<'m>(kind: u8, rest: &mut &'m [u8]) -> Result<Leaf<'m>, Short> {
    let text = match kind {
        b'S' => return Ok(Leaf::Text(long_str(rest)?)),
        b'V' => return Ok(Leaf::Text(b"")),
        b'x' => format!("{} bytes", long_str(rest)?.len()),
        b't' => (number(rest, 1)? != 0).to_string(),
        b'b' => signed(rest, 1)?.to_string(),
        b's' | b'U' => signed(rest, 2)?.to_string(),
        b'I' => signed(rest, 4)?.to_string(),
        b'l' | b'L' => signed(rest, 8)?.to_string(),
        b'B' => number(rest, 1)?.to_string(),
        b'u' => number(rest, 2)?.to_string(),
        b'i' => number(rest, 4)?.to_string(),
        b'T' => number(rest, 8)?.to_string(),
        b'f' => float(rest)?.to_string(),
        b'd' => f64::from_bits(number(rest, 8)?).to_string(),
        b'D' => decimal(rest)?,
        _ => return Err(Short),
    };
    Ok(Leaf::Written(text))
}

fn signed(rest: &mut &[u8], octets: usize) -> Result<i64, Short> {
    let unused = 64 - 8 * u32::try_from(octets).map_err(|_| Short)?;
    Ok((number(rest, octets)? << unused).cast_signed() >> unused)
}

fn float(rest: &mut &[u8]) -> Result<f32, Short> {
    Ok(f32::from_bits(u32::try_from(number(rest, 4)?).map_err(|_| Short)?))
}

/// A number and how many of its digits are behind the point.
fn decimal(rest: &mut &[u8]) -> Result<String, Short> {
    let scale = number(rest, 1)?;
    let value = number(rest, 4)?;
    let mut text = Vec::new();
    let _ = write!(text, "{value}e-{scale}");
    String::from_utf8(text).map_err(|_| Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Vec<String> {
        let mut told = Vec::new();
        walk(FieldTable(bytes), &mut |path, text| {
            told.push(format!("{}={}", path.escape_ascii(), text.escape_ascii()));
        });
        told
    }

    #[test]
    fn values_of_all_types_are_told() {
        let bytes = [
            &b"\x01aS\0\0\0\x02hi\x01bt\x01\x01cb\xff\x01dI\xff\xff\xff\xfe"[..],
            b"\x01eF\0\0\0\x05\x01xt\0\x00",
        ];
        assert_eq!(told(bytes[0]), ["a=hi", "b=true", "c=-1", "d=-2"]);
        assert_eq!(told(b"\x01eF\0\0\0\x04\x01xt\0\x01fV"), ["e.x=false", "f="]);
        assert_eq!(told(b"\x01aA\0\0\0\x06U\0\x05s\xff\xff"), ["a.0=5", "a.1=-1"]);
        assert_eq!(told(b"\x01af\x3f\x80\0\0\x01bd\x3f\xf0\0\0\0\0\0\0"), ["a=1", "b=1"]);
        assert_eq!(told(b"\x01aD\x02\0\0\x04\xd2\x01bT\0\0\0\0\0\0\0\x07"), ["a=1234e-2", "b=7"]);
        assert_eq!(
            told(b"\x01ax\0\0\0\x03abc\x01bB\xff\x01cu\xff\xff\x01di\0\0\0\x01"),
            ["a=3 bytes", "b=255", "c=65535", "d=1"]
        );
        assert_eq!(
            told(b"\x01al\0\0\0\0\0\0\0\x01\x01bL\xff\xff\xff\xff\xff\xff\xff\xff"),
            ["a=1", "b=-1"]
        );
    }

    #[test]
    fn a_table_that_lies_ends() {
        for bytes in [&b"\x05a"[..], b"\x01aS\xff\xff\xff\xffx", b"\x01a?", b"\x01aF\0\0\0\x09"] {
            assert!(!is_sound(FieldTable(bytes)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = b"\x01at\x01".to_vec();
        for _ in 0..100 {
            let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
            bytes = [b"\x01aF", &len[..], &bytes[..]].concat();
        }
        assert!(!is_sound(FieldTable(&bytes)));
        assert!(!is_sound(FieldTable(&b"\0V".repeat(600))));
        assert!(is_sound(FieldTable(&b"\0V".repeat(500))));
    }
}
