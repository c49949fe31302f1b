//! A message on the wire: header, questions, records (RFC 1035 §4.1).
//!
//! ```text
//!   0      2       4        6        8        10       12
//!   ├──────┼───────┼────────┼────────┼────────┼────────┼─────────────────────────
//!   │ id   │ flags │questions answers authority additional │ questions, records …
//!
//!   flags: QR  opcode(4)  AA TC RD  RA  Z AD CD  rcode(4)
//! ```

use std::ops::Range;

use super::name;

/// Bytes of a header.
pub const HEADER: usize = 12;

const QR: u16 = 0x8000;
pub const AA: u16 = 0x0400;
pub const TC: u16 = 0x0200;
pub const RD: u16 = 0x0100;
pub const RA: u16 = 0x0080;
pub const Z: u16 = 0x0040;
pub const AD: u16 = 0x0020;
pub const CD: u16 = 0x0010;

/// What went wrong in reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bad {
    /// The bytes end too early.
    Short,
    /// They can't be right.
    Damaged,
}

/// What reading gives.
pub type Read<T> = Result<T, Bad>;

/// The first twelve bytes.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub id: u16,
    pub flags: u16,
    /// Questions, answers, authorities, additionals; as claimed.
    pub counts: [u16; 4],
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

/// A question; in an UPDATE, the zone.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub name_at: usize,
    pub kind: u16,
    pub class: u16,
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    pub section: Section,
    pub name_at: usize,
    pub kind: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: Range<usize>,
}

/// One step of a walk.
#[derive(Clone, Debug)]
pub enum Item {
    Question(Question),
    Record(Record),
}

/// Walks over a message, one question or record a step, and ends with the first damage. Each step
/// takes five bytes or more, whatever the counts claim.
#[derive(Clone, Debug)]
pub struct Walk<'m> {
    message: &'m [u8],
    at: usize,
    left: [u16; 4],
}

// === impl Header ===

impl Header {
    /// The header of a message, if it is that long.
    #[inline]
    pub fn of(message: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *message.first_chunk::<HEADER>()?;
        let of = |high, low| u16::from_be_bytes([high, low]);
        Some(Self {
            id: of(a, b),
            flags: of(c, d),
            counts: [of(e, f), of(g, h), of(i, j), of(k, l)],
        })
    }

    #[inline]
    pub fn is_response(&self) -> bool {
        self.flags & QR != 0
    }

    #[inline]
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    #[inline]
    pub fn opcode(&self) -> u8 {
        (self.flags >> 11 & 0xf) as u8
    }

    /// The four bits that are in the header.
    #[inline]
    pub fn rcode(&self) -> u16 {
        self.flags & 0xf
    }

    #[inline]
    pub fn questions(&self) -> u16 {
        self.counts[0]
    }

    /// Records claimed in the three sections together.
    pub fn records(&self) -> usize {
        self.counts[1..].iter().map(|count| usize::from(*count)).sum()
    }

    /// The fewest bytes that a message with these counts can have.
    pub fn bytes_min(&self) -> usize {
        HEADER + 5 * usize::from(self.questions()) + 11 * self.records()
    }
}

// === impl Walk ===

impl<'m> Walk<'m> {
    /// Over `message`, whose header was read.
    pub fn new(message: &'m [u8], header: &Header) -> Self {
        Self { message, at: HEADER, left: header.counts }
    }

    /// The next question or record; `None` after the last one.
    pub fn step(&mut self) -> Option<Read<Item>> {
        let section = self.left.iter().position(|left| *left > 0)?;
        self.left[section] -= 1;
        let item = match section {
            0 => self.question().map(Item::Question),
            1 => self.record(Section::Answer).map(Item::Record),
            2 => self.record(Section::Authority).map(Item::Record),
            _ => self.record(Section::Additional).map(Item::Record),
        };
        if item.is_err() {
            self.left = [0; 4];
        }
        Some(item)
    }

    /// Steps over everything; `Ok` with what is left behind the last record.
    pub fn left_over(mut self) -> Read<usize> {
        while let Some(item) = self.step() {
            item?;
        }
        Ok(self.rest())
    }

    /// Bytes that no step has taken.
    pub fn rest(&self) -> usize {
        self.message.len() - self.at
    }

    fn question(&mut self) -> Read<Question> {
        let name_at = self.at;
        let end = name::skip(self.message, name_at)?;
        let fixed =
            self.message.get(end..).and_then(|rest| rest.first_chunk()).ok_or(Bad::Short)?;
        let [a, b, c, d] = *fixed;
        self.at = end + 4;
        let (kind, class) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Ok(Question { name_at, kind, class })
    }

    fn record(&mut self, section: Section) -> Read<Record> {
        let name_at = self.at;
        let end = name::skip(self.message, name_at)?;
        let fixed =
            self.message.get(end..).and_then(|rest| rest.first_chunk()).ok_or(Bad::Short)?;
        let [a, b, c, d, e, f, g, h, i, j] = *fixed;
        let start = end + 10;
        let data = start..start + usize::from(u16::from_be_bytes([i, j]));
        if data.end > self.message.len() {
            return Err(Bad::Short);
        }
        self.at = data.end;
        Ok(Record {
            section,
            name_at,
            kind: u16::from_be_bytes([a, b]),
            class: u16::from_be_bytes([c, d]),
            ttl: u32::from_be_bytes([e, f, g, h]),
            data,
        })
    }
}

impl Iterator for Walk<'_> {
    type Item = Item;

    /// The next one that can be read.
    fn next(&mut self) -> Option<Item> {
        self.step()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_thousand_records_in_no_bytes_are_one_step() {
        let message = [0, 0, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let header = Header::of(&message).unwrap();
        let mut walk = Walk::new(&message, &header);
        assert!(matches!(walk.step(), Some(Err(Bad::Short))));
        assert!(walk.step().is_none());
    }

    #[test]
    fn what_is_behind_the_last_record_is_counted() {
        let message = *b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01??";
        let header = Header::of(&message).unwrap();
        assert_eq!(Walk::new(&message, &header).left_over(), Ok(2));
    }
}
