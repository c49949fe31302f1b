//! Rows as bytes: the format `RowBinary`, which all versions read and write.
//!
//! Numbers are little-endian; a text has its length in front, seven bits a byte, the lowest first; what may be
//! missing has a byte in front that is 1 if it is.

use std::borrow::Cow;

use store::{Cells, Held, Kept, Kind, Row};

/// What rows of answers begin with: no text, no number of a line, no letter.
pub(crate) const MARK: u8 = 0xA7;

/// How a column is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    is_number: bool,
    is_optional: bool,
}

/// Bytes that are no row.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

/// Bytes of one text.
const TEXT_BYTES_MAX: u64 = 64 << 20;

// === impl Shape ===

impl Shape {
    /// A number that is there.
    pub(crate) const NUMBER: Self = Self { is_number: true, is_optional: false };
    /// A number that may be missing.
    pub(crate) const MISSING_NUMBER: Self = Self { is_number: true, is_optional: true };
    /// A text that may be missing.
    pub(crate) const MISSING_TEXT: Self = Self { is_number: false, is_optional: true };

    pub(crate) fn of(kept: &Kept) -> Self {
        let is_number = matches!(kept.kind, Kind::Time | Kind::Number);
        Self { is_number, is_optional: kept.is_optional }
    }
}

/// A call as a row: all columns, and whether it has ended.
pub(crate) fn write(row: &Row, columns: &[Kept], out: &mut Vec<u8>) {
    for (held, kept) in row.held().zip(columns) {
        let shape = Shape::of(kept);
        if shape.is_optional {
            out.push(u8::from(held == Held::Missing));
        }
        match held {
            Held::Number(number) => out.extend_from_slice(&number.to_le_bytes()),
            Held::Text(text) => write_text(&text, out),
            // What can't be missing never is; were it, the row would still be one.
            Held::Missing if shape.is_optional => {}
            Held::Missing if shape.is_number => out.extend_from_slice(&[0; 8]),
            Held::Missing => out.push(0),
        }
    }
    out.push(u8::from(!row.is_open()));
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut len = text.len();
    while len >= 0x80 {
        out.push(0x80 | (len & 0x7F).to_le_bytes()[0]);
        len >>= 7;
    }
    out.push(len.to_le_bytes()[0]);
    out.extend_from_slice(text.as_bytes());
}

/// Reads one row into cells; its length, or nothing if it is not whole yet: then nothing was taken.
pub(crate) fn read(
    bytes: &[u8],
    shape: &[Shape],
    cells: &mut Cells,
) -> Result<Option<usize>, Malformed> {
    let Some(len) = row_len(bytes, shape)? else { return Ok(None) };
    let mut rest = bytes;
    for (at, shape) in shape.iter().enumerate() {
        let held = take(&mut rest, *shape)?.ok_or(Malformed)?;
        cells.push(at, &held);
    }
    cells.end_call();
    Ok(Some(len))
}

/// Reads one row by itself; with its length, or nothing if it is not whole yet.
pub(crate) fn read_row(
    bytes: &[u8],
    shape: &[Shape],
) -> Result<Option<(Vec<Held<'static>>, usize)>, Malformed> {
    let mut rest = bytes;
    let mut row = Vec::with_capacity(shape.len());
    for shape in shape {
        let Some(held) = take(&mut rest, *shape)? else { return Ok(None) };
        row.push(match held {
            Held::Missing => Held::Missing,
            Held::Number(number) => Held::Number(number),
            Held::Text(text) => Held::Text(Cow::Owned(text.into_owned())),
        });
    }
    Ok(Some((row, bytes.len() - rest.len())))
}

fn row_len(bytes: &[u8], shape: &[Shape]) -> Result<Option<usize>, Malformed> {
    let mut rest = bytes;
    for shape in shape {
        let Some(()) = skip(&mut rest, *shape)? else { return Ok(None) };
    }
    Ok(Some(bytes.len() - rest.len()))
}

/// Steps over a cell; nothing if it is not whole.
fn skip(rest: &mut &[u8], shape: Shape) -> Result<Option<()>, Malformed> {
    Ok(span(rest, shape)?.map(drop))
}

/// A cell; nothing if it is not whole.
fn take<'b>(rest: &mut &'b [u8], shape: Shape) -> Result<Option<Held<'b>>, Malformed> {
    let Some(span) = span(rest, shape)? else { return Ok(None) };
    Ok(Some(match span {
        None => Held::Missing,
        Some(bytes) if shape.is_number => {
            Held::Number(i64::from_le_bytes(bytes.try_into().map_err(|_| Malformed)?))
        }
        // What is in the tables may be somebody else's.
        Some(bytes) => Held::Text(match str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
        }),
    }))
}

/// The bytes of a cell's value: nothing if they have not all come, and of those nothing if it is missing.
#[expect(clippy::option_option, reason = "each is named above")]
fn span<'b>(rest: &mut &'b [u8], shape: Shape) -> Result<Option<Option<&'b [u8]>>, Malformed> {
    let mut after = *rest;
    if shape.is_optional {
        let Some((missing, behind)) = after.split_first() else { return Ok(None) };
        after = behind;
        match missing {
            0 => {}
            1 => {
                *rest = after;
                return Ok(Some(None));
            }
            _ => return Err(Malformed),
        }
    }
    let len = if shape.is_number {
        8
    } else {
        match length(&mut after)? {
            Some(len) => len,
            None => return Ok(None),
        }
    };
    let Some((value, behind)) = after.split_at_checked(len) else { return Ok(None) };
    *rest = behind;
    Ok(Some(Some(value)))
}

fn length(rest: &mut &[u8]) -> Result<Option<usize>, Malformed> {
    let mut len = 0_u64;
    for shift in (0..35).step_by(7) {
        let Some((byte, behind)) = rest.split_first() else { return Ok(None) };
        *rest = behind;
        len |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            let fits = len <= TEXT_BYTES_MAX;
            return if fits {
                usize::try_from(len).map(Some).map_err(|_| Malformed)
            } else {
                Err(Malformed)
            };
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use filter::Columns;
    use store::{Look, Scan, kept_columns};

    use super::*;

    const LINE: &str = r#"{"id":"5-1","time":"2026-01-29T11:08:21.123456789Z","duration_ns":354000,"protocol":"http","endpoint":"/a","status":{"code":"301","text":""},"src":{"ip":"10.0.0.1","port":36394},"dst":{"ip":"10.0.0.2","port":80},"request":{"first_ns":0,"last_ns":0,"size":304,"headers":[["Host","é"]]},"pairing":"matched","missing":null,"stream":"5"}"#;

    /// The call with a text so long that its length takes three bytes.
    fn long() -> Row {
        Row::of_line(&LINE.replace("\"é\"", &format!("\"{}\"", "x".repeat(20_000)))).unwrap()
    }

    fn written(row: &Row) -> Vec<u8> {
        let mut out = Vec::new();
        write(row, &kept_columns(), &mut out);
        // Answers don't say whether it has ended.
        out.pop();
        out
    }

    /// The shapes and cells of all columns that a whole call is made of: those of a look, out of a row of all.
    fn read_back(bytes: &[u8]) -> Row {
        let look = Look::of(&Scan::default());
        let mut cells = look.cells();
        let kept = cells.columns();
        let mut rest = bytes;
        let mut at = 0;
        for column in kept_columns() {
            let held = take(&mut rest, Shape::of(&column)).unwrap().unwrap();
            if kept.contains(&column) {
                cells.push(at, &held);
                at += 1;
            }
        }
        assert_eq!(rest, b"");
        cells.end_call();
        look.found(&mut cells, &Columns::new(&[])).unwrap().rows.remove(0)
    }

    #[test]
    fn a_call_comes_back_byte_for_byte() {
        for row in [Row::of_line(LINE).unwrap(), long()] {
            assert_eq!(read_back(&written(&row)), row);
        }
    }

    #[test]
    fn a_row_cut_anywhere_is_not_whole() {
        let bytes = written(&Row::of_line(LINE).unwrap());
        let shape: Vec<Shape> = kept_columns().iter().map(Shape::of).collect();
        for cut in 0..bytes.len() {
            assert_eq!(row_len(&bytes[..cut], &shape), Ok(None), "{cut}");
        }
        assert_eq!(row_len(&bytes, &shape), Ok(Some(bytes.len())));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let text = [Shape { is_number: false, is_optional: true }];
        assert_eq!(row_len(&[2], &text), Err(Malformed));
        assert_eq!(row_len(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], &text), Err(Malformed));
        assert_eq!(row_len(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 1], &text), Err(Malformed));
    }
}
