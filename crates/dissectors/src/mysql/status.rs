//! How an answer ended: OK, EOF and error packets.

use super::{record::Shape, wire::Cursor};

/// Flag: another result follows.
pub const MORE_RESULTS: u16 = 0x0008;
/// Flag: rows wait for `FETCH`.
pub const CURSOR_EXISTS: u16 = 0x0040;
/// Flag: what changed in the session is told.
const SESSION_CHANGED: u16 = 0x4000;

/// The names of the status flags, by bit.
const FLAGS: [&str; 15] = [
    "IN_TRANS",
    "AUTOCOMMIT",
    "",
    "MORE_RESULTS_EXISTS",
    "NO_GOOD_INDEX_USED",
    "NO_INDEX_USED",
    "CURSOR_EXISTS",
    "LAST_ROW_SENT",
    "DB_DROPPED",
    "NO_BACKSLASH_ESCAPES",
    "METADATA_CHANGED",
    "QUERY_WAS_SLOW",
    "PS_OUT_PARAMS",
    "IN_TRANS_READONLY",
    "SESSION_STATE_CHANGED",
];

/// What an OK or EOF packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Done<'b> {
    /// Rows changed.
    pub affected: u64,
    /// The number the last new row was given.
    pub last_insert_id: u64,
    /// Flags.
    pub status: u16,
    /// Warnings.
    pub warnings: u16,
    /// A line for people.
    pub info: &'b [u8],
    /// What changed in the session.
    pub changes: &'b [u8],
}

/// What an error packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Failure<'b> {
    /// The error's number.
    pub number: u16,
    /// Its SQLSTATE; empty before 4.1.
    pub state: &'b [u8],
    /// What is wrong.
    pub message: &'b [u8],
}

/// Something that changed in the session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change<'b> {
    /// A variable and its value.
    Variable(&'b [u8], &'b [u8]),
    /// The default schema.
    Schema(&'b [u8]),
    /// Anything else, by its name.
    Other(&'static str, &'b [u8]),
}

// === impl Done ===

impl<'b> Done<'b> {
    /// Reads the payload of an OK packet, or of an EOF packet.
    pub fn read(payload: &'b [u8], shape: Shape) -> Self {
        let mut cursor = Cursor(payload.get(1..).unwrap_or_default());
        let mut done = Self::default();
        if shape == Shape::Eof {
            done.warnings = cursor.short().unwrap_or_default();
            done.status = cursor.short().unwrap_or_default();
            return done;
        }
        done.affected = cursor.count().unwrap_or_default();
        done.last_insert_id = cursor.count().unwrap_or_default();
        done.status = cursor.short().unwrap_or_default();
        done.warnings = cursor.short().unwrap_or_default();
        done.read_texts(cursor);
        done
    }

    /// The texts have lengths where the session's changes are tracked, and none elsewhere.
    fn read_texts(&mut self, mut cursor: Cursor<'b>) {
        let rest = cursor.rest();
        if self.status & SESSION_CHANGED != 0 {
            self.info = cursor.text().unwrap_or_default();
            self.changes = cursor.text_or_less().map_or(&[], |(changes, _)| changes);
            return;
        }
        self.info = match cursor.text() {
            Some(info) if cursor.rest().is_empty() => info,
            _ => rest,
        };
    }

    /// What changed in the session.
    pub fn changes(&self) -> impl Iterator<Item = Change<'b>> {
        let mut cursor = Cursor(self.changes);
        std::iter::from_fn(move || {
            let kind = cursor.byte()?;
            let data = cursor.text()?;
            Some((kind, data))
        })
        .flat_map(|(kind, data)| Change::read(kind, data))
    }
}

/// The names of status flags.
pub fn flags(status: u16) -> impl Iterator<Item = &'static str> {
    FLAGS
        .iter()
        .enumerate()
        .filter(move |(bit, name)| status >> bit & 1 == 1 && !name.is_empty())
        .map(|(_, name)| *name)
}

// === impl Failure ===

impl<'b> Failure<'b> {
    /// Reads the payload of an error packet.
    pub fn read(payload: &'b [u8]) -> Self {
        let mut cursor = Cursor(payload.get(1..).unwrap_or_default());
        let number = cursor.short().unwrap_or_default();
        match cursor.rest() {
            [b'#', rest @ ..] if rest.len() >= 5 => {
                let (state, message) = rest.split_at(5);
                Self { number, state, message }
            }
            message => Self { number, state: &[], message },
        }
    }
}

// === impl Change ===

impl<'b> Change<'b> {
    /// One kind of change may hold several (MariaDB: variables).
    fn read(kind: u8, data: &'b [u8]) -> Vec<Self> {
        let mut cursor = Cursor(data);
        match kind {
            0 => std::iter::from_fn(|| Some(Self::Variable(cursor.text()?, cursor.text()?)))
                .take(16)
                .collect(),
            1 => cursor.text().map(Self::Schema).into_iter().collect(),
            2 => vec![Self::Other("state", cursor.text().unwrap_or_default())],
            3 => {
                cursor.byte();
                vec![Self::Other("gtids", cursor.text().unwrap_or_default())]
            }
            4 => vec![Self::Other("transaction", cursor.text().unwrap_or_default())],
            5 => vec![Self::Other("transaction_state", cursor.text().unwrap_or_default())],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_packets_say_what_was_done() {
        let done = Done::read(b"\0\x03\x07\x02\0\x01\0", Shape::Ok);
        assert_eq!((done.affected, done.last_insert_id), (3, 7));
        assert_eq!((done.status, done.warnings), (2, 1));
        assert_eq!(flags(done.status).collect::<Vec<_>>(), ["AUTOCOMMIT"]);
    }

    #[test]
    fn a_line_for_people_has_a_length_or_none() {
        assert_eq!(Done::read(b"\0\0\0\x02\0\0\0\x03abc", Shape::Ok).info, b"abc");
        assert_eq!(
            Done::read(b"\0\0\0\x02\0\0\0Rows matched: 1", Shape::Ok).info,
            b"Rows matched: 1"
        );
        assert_eq!(Done::read(b"\0\0\0", Shape::Ok), Done::default());
    }

    #[test]
    fn changes_of_the_session_are_told() {
        let changes = b"\x00\x0f\x0aautocommit\x03OFF\x01\x05\x04shop";
        let done = Done { changes, ..Done::default() };
        let all: Vec<_> = done.changes().collect();
        assert_eq!(all, [Change::Variable(b"autocommit", b"OFF"), Change::Schema(b"shop")]);
    }

    #[test]
    fn errors_have_a_state_since_4_1() {
        let new = Failure::read(b"\xff\x7a\x04#42S02Table 'a.b' doesn't exist");
        assert_eq!((new.number, new.state), (1146, &b"42S02"[..]));
        let old = Failure::read(b"\xff\x15\x04Access denied");
        assert_eq!((old.number, old.message), (1045, &b"Access denied"[..]));
        assert_eq!(Failure::read(b"\xff").number, 0);
    }
}
