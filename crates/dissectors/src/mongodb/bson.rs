//! Documents in BSON (<https://bsonspec.org/spec.html>): a walk over the elements of one, one value a
//! step, that allocates nothing and ends at the first damage or where the bytes end.
//!
//! ```text
//!   document   │ int32 length │ element … │ 00 │         the length counts itself and the last byte
//!   element    │ type │ name … 00 │ value │
//! ```

/// Bytes of the smallest document.
pub const DOCUMENT_MIN: usize = 5;
/// Documents inside each other at most; servers allow 180 for what they store.
pub const DEPTH_MAX: usize = 200;

/// The bytes of a document or an array, perhaps not all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Document<'b> {
    /// What is between its length and its last byte, as far as it is there.
    inner: &'b [u8],
    /// Whether it is all there.
    pub whole: bool,
}

/// Walks over the elements of a document.
#[derive(Clone, Debug)]
pub struct Elements<'b> {
    rest: &'b [u8],
    whole: bool,
}

/// One element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Element<'b> {
    pub name: &'b [u8],
    pub value: Value<'b>,
    /// All of its bytes, type and name included, as far as they are there.
    pub bytes: &'b [u8],
}

/// A value; what holds bytes borrows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    Double(f64),
    String(&'b [u8]),
    Document(Document<'b>),
    Array(Document<'b>),
    Binary {
        subtype: u8,
        bytes: &'b [u8],
    },
    Undefined,
    ObjectId(&'b [u8; 12]),
    Bool(bool),
    /// Milliseconds since 1970.
    Date(i64),
    Null,
    Regex {
        pattern: &'b [u8],
        options: &'b [u8],
    },
    DbPointer {
        namespace: &'b [u8],
        id: &'b [u8; 12],
    },
    Code(&'b [u8]),
    Symbol(&'b [u8]),
    CodeWithScope {
        code: &'b [u8],
        scope: Document<'b>,
    },
    Int32(i32),
    Timestamp {
        seconds: u32,
        increment: u32,
    },
    Int64(i64),
    Decimal128(u128),
    MinKey,
    MaxKey,
}

/// Why a walk ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Halt {
    /// The bytes end before the document does.
    Cut,
    /// This is no BSON.
    Bad,
}

/// Takes things off the front of bytes.
struct Cursor<'b>(&'b [u8]);

// === impl Document ===

impl<'b> Document<'b> {
    /// The document at the front of `bytes`, and the bytes behind it.
    pub fn split(bytes: &'b [u8]) -> Result<(Self, &'b [u8]), Halt> {
        let (length, rest) = bytes.split_first_chunk().ok_or(Halt::Cut)?;
        let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| Halt::Bad)?;
        if length < DOCUMENT_MIN {
            return Err(Halt::Bad);
        }
        match rest.split_at_checked(length - 4) {
            Some(([inner @ .., 0], behind)) => Ok((Self { inner, whole: true }, behind)),
            Some(_) => Err(Halt::Bad),
            None => Ok((Self { inner: rest, whole: false }, &[])),
        }
    }

    /// The last elements of a document, without its first ones; perhaps with more behind them.
    pub fn tail(bytes: &'b [u8]) -> Self {
        Self { inner: bytes, whole: true }
    }

    pub fn elements(&self) -> Elements<'b> {
        Elements { rest: self.inner, whole: self.whole }
    }

    /// The value of the element `name`, if it is there.
    pub fn get(&self, name: &str) -> Option<Value<'b>> {
        self.elements()
            .map_while(Result::ok)
            .find(|element| element.name == name.as_bytes())
            .map(|element| element.value)
    }

    /// Its first element.
    pub fn first(&self) -> Option<Element<'b>> {
        self.elements().next()?.ok()
    }

    /// Bytes of it that are there, with its length and its last byte.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        4 + self.inner.len() + usize::from(self.whole)
    }
}

// === impl Elements ===

impl<'b> Iterator for Elements<'b> {
    type Item = Result<Element<'b>, Halt>;

    /// Every step takes at least two bytes.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            // A document that is cut between two elements says so once.
            let whole = std::mem::replace(&mut self.whole, true);
            return (!whole).then_some(Err(Halt::Cut));
        }
        let before = self.rest;
        let mut cursor = Cursor(before);
        let element = cursor.element();
        let cut = matches!(element, Err(Halt::Cut)) && !self.whole;
        self.rest = if element.is_ok() { cursor.0 } else { &[] };
        let taken = before.len() - cursor.0.len();
        Some(match element {
            Ok((name, value)) => {
                let bytes = before.get(..taken).unwrap_or(before);
                Ok(Element { name, value, bytes })
            }
            Err(_) => {
                self.whole = true;
                Err(if cut { Halt::Cut } else { Halt::Bad })
            }
        })
    }
}

// === impl Value ===

impl<'b> Value<'b> {
    /// As a whole number, if it is a number.
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Self::Int32(n) => Some(n.into()),
            Self::Int64(n) => Some(n),
            Self::Bool(b) => Some(b.into()),
            Self::Double(n) if n.fract() == 0.0 && n.abs() < 9e15 => whole(n),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&'b [u8]> {
        match *self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    pub fn document(&self) -> Option<Document<'b>> {
        match *self {
            Self::Document(document) => Some(document),
            _ => None,
        }
    }

    pub fn array(&self) -> Option<Document<'b>> {
        match *self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }
}

/// A number without a fraction that is small enough.
fn whole(n: f64) -> Option<i64> {
    format!("{n:.0}").parse().ok()
}

/// Whether there is such a type of element.
pub fn is_type(byte: u8) -> bool {
    matches!(byte, 0x01..=0x13 | 0x7f | 0xff)
}

// === impl Cursor ===

impl<'b> Cursor<'b> {
    fn element(&mut self) -> Result<(&'b [u8], Value<'b>), Halt> {
        let [kind] = *self.array::<1>()?;
        if !is_type(kind) {
            return Err(Halt::Bad);
        }
        let name = self.cstring()?;
        Ok((name, self.value(kind)?))
    }

    fn value(&mut self, kind: u8) -> Result<Value<'b>, Halt> {
        Ok(match kind {
            0x01 => Value::Double(f64::from_le_bytes(*self.array()?)),
            0x02 => Value::String(self.string()?),
            0x03 => Value::Document(self.document()?),
            0x04 => Value::Array(self.document()?),
            0x05 => self.binary()?,
            0x06 => Value::Undefined,
            0x07 => Value::ObjectId(self.array()?),
            0x08 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [_] => return Err(Halt::Bad),
            },
            0x09 => Value::Date(i64::from_le_bytes(*self.array()?)),
            0x0a => Value::Null,
            0x0b => Value::Regex { pattern: self.cstring()?, options: self.cstring()? },
            0x0c => Value::DbPointer { namespace: self.string()?, id: self.array()? },
            0x0d => Value::Code(self.string()?),
            0x0e => Value::Symbol(self.string()?),
            0x0f => self.code_with_scope()?,
            0x10 => Value::Int32(i32::from_le_bytes(*self.array()?)),
            0x11 => Value::Timestamp {
                increment: u32::from_le_bytes(*self.array()?),
                seconds: u32::from_le_bytes(*self.array()?),
            },
            0x12 => Value::Int64(i64::from_le_bytes(*self.array()?)),
            0x13 => Value::Decimal128(u128::from_le_bytes(*self.array()?)),
            0x7f => Value::MaxKey,
            _ => Value::MinKey,
        })
    }

    fn array<const N: usize>(&mut self) -> Result<&'b [u8; N], Halt> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Halt::Cut)?;
        self.0 = rest;
        Ok(array)
    }

    fn take(&mut self, n: usize) -> Result<&'b [u8], Halt> {
        let (bytes, rest) = self.0.split_at_checked(n).ok_or(Halt::Cut)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, Halt> {
        usize::try_from(i32::from_le_bytes(*self.array()?)).map_err(|_| Halt::Bad)
    }

    fn cstring(&mut self) -> Result<&'b [u8], Halt> {
        let end = memchr::memchr(0, self.0).ok_or(Halt::Cut)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    fn string(&mut self) -> Result<&'b [u8], Halt> {
        let length = self.length()?;
        match self.take(length)? {
            [text @ .., 0] => Ok(text),
            _ => Err(Halt::Bad),
        }
    }

    fn document(&mut self) -> Result<Document<'b>, Halt> {
        let (document, rest) = Document::split(self.0)?;
        self.0 = rest;
        Ok(document)
    }

    fn binary(&mut self) -> Result<Value<'b>, Halt> {
        let length = self.length()?;
        let [subtype] = *self.array::<1>()?;
        let bytes = self.take(length)?;
        // Subtype 2, "old", repeats the length in front of the bytes.
        let bytes = match (subtype, bytes) {
            (2, [_, _, _, _, bytes @ ..]) => bytes,
            (2, _) => return Err(Halt::Bad),
            _ => bytes,
        };
        Ok(Value::Binary { subtype, bytes })
    }

    fn code_with_scope(&mut self) -> Result<Value<'b>, Halt> {
        let length = self.length()?.checked_sub(4).ok_or(Halt::Bad)?;
        let mut inside = Cursor(self.take(length)?);
        let bad = |_| Halt::Bad;
        let code = inside.string().map_err(bad)?;
        let scope = inside.document().map_err(bad)?;
        if !scope.whole || !inside.0.is_empty() {
            return Err(Halt::Bad);
        }
        Ok(Value::CodeWithScope { code, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"a": "bc", "d": {"e": 1}}`
    const DOC: &[u8] = b"\x1e\0\0\0\x02a\0\x03\0\0\0bc\0\x03d\0\x0c\0\0\0\x10e\0\x01\0\0\0\0\0";

    #[test]
    fn elements_come_in_order() {
        let (document, behind) =
            Document::split(&[DOC, b"more"].concat()).map(|(d, b)| (d.size(), b.len())).unwrap();
        assert_eq!((document, behind), (DOC.len(), 4));
        let (document, _) = Document::split(DOC).unwrap();
        assert_eq!(document.get("a"), Some(Value::String(b"bc")));
        let inner = document.get("d").and_then(|d| d.document()).unwrap();
        assert_eq!(inner.get("e").and_then(|e| e.integer()), Some(1));
        assert_eq!(document.first().unwrap().bytes.len(), 10);
    }

    #[test]
    fn a_document_cut_anywhere_says_so_and_tells_what_is_there() {
        for len in 4..DOC.len() {
            let (document, _) = Document::split(&DOC[..len]).unwrap();
            assert!(!document.whole);
            assert_eq!(document.get("a").is_some(), len >= 14, "{len}");
            let last = document.elements().last();
            let inner =
                last.as_ref().and_then(|e| e.as_ref().ok()).and_then(|e| e.value.document());
            assert!(
                matches!(last, Some(Err(Halt::Cut))) || inner.is_some_and(|d| !d.whole),
                "{len}"
            );
        }
    }

    #[test]
    fn what_claims_too_much_is_bad() {
        let claims: [&[u8]; 6] = [
            b"\x04\0\0\0",
            b"\xff\xff\xff\xff\0",
            b"\x08\0\0\0\x02a\0\0",
            b"\x0d\0\0\0\x02a\0\xff\xff\xff\x7f\0\0",
            b"\x09\0\0\0\x08a\0\x02\0",
            b"\x08\0\0\0\x30a\0\0",
        ];
        for claim in claims {
            let bad = match Document::split(claim) {
                Err(halt) => halt == Halt::Bad,
                Ok((document, _)) => matches!(document.elements().last(), Some(Err(Halt::Bad))),
            };
            assert!(bad, "{claim:?}");
        }
    }
}
