//! Events of the binary log: their heads, and what the common ones are about.
//!
//! ```text
//!  0   1          5      6           10      14        18      20
//! ┌───┬──────────┬──────┬───────────┬───────┬─────────┬───────┬──────┐
//! │ 0 │ time (4) │ type │ server(4) │ size  │ next at │ flags │ data │
//! └───┴──────────┴──────┴───────────┴───────┴─────────┴───────┴──────┘
//! ```
//!
//! With semi-synchronous replication `ef` and a flag stand before the time.

use super::wire::{Cursor, HEADER};

/// Bytes before the head of an event: the packet's, and a zero.
const FRONT: usize = HEADER + 1;
/// The first of two bytes that ask for an acknowledgement.
const SEMI_SYNC: u8 = 0xef;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'b> {
    /// Its type.
    pub kind: u8,
    /// The server it was made on.
    pub server: u32,
    /// Where the next one is.
    pub next_at: u32,
    /// Whether the server waits for an acknowledgement.
    pub wants_ack: bool,
    data: &'b [u8],
}

// === impl Event ===

impl<'b> Event<'b> {
    /// Reads the packet in a body.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(body.get(FRONT..)?);
        let mut wants_ack = false;
        if let [SEMI_SYNC, wants @ (0 | 1), rest @ ..] = cursor.rest() {
            (wants_ack, cursor) = (*wants == 1, Cursor(rest));
        }
        cursor.long()?;
        let kind = cursor.byte()?;
        let server = cursor.long()?;
        cursor.long()?;
        let next_at = cursor.long()?;
        cursor.short()?;
        Some(Self { kind, server, next_at, wants_ack, data: cursor.rest() })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self.kind {
            1 => "START_EVENT",
            2 => "QUERY_EVENT",
            3 => "STOP_EVENT",
            4 => "ROTATE_EVENT",
            5 => "INTVAR_EVENT",
            13 => "RAND_EVENT",
            14 => "USER_VAR_EVENT",
            15 => "FORMAT_DESCRIPTION_EVENT",
            16 => "XID_EVENT",
            17 => "BEGIN_LOAD_QUERY_EVENT",
            18 => "EXECUTE_LOAD_QUERY_EVENT",
            19 => "TABLE_MAP_EVENT",
            20 | 23 | 30 => "WRITE_ROWS_EVENT",
            21 | 24 | 31 => "UPDATE_ROWS_EVENT",
            22 | 25 | 32 => "DELETE_ROWS_EVENT",
            26 => "INCIDENT_EVENT",
            27 => "HEARTBEAT_EVENT",
            29 => "ROWS_QUERY_EVENT",
            33 => "GTID_EVENT",
            34 => "ANONYMOUS_GTID_EVENT",
            35 => "PREVIOUS_GTIDS_EVENT",
            36 => "TRANSACTION_CONTEXT_EVENT",
            37 => "VIEW_CHANGE_EVENT",
            38 => "XA_PREPARE_EVENT",
            39 => "PARTIAL_UPDATE_ROWS_EVENT",
            40 => "TRANSACTION_PAYLOAD_EVENT",
            41 => "HEARTBEAT_EVENT_V2",
            160 => "ANNOTATE_ROWS_EVENT",
            161 => "BINLOG_CHECKPOINT_EVENT",
            162 => "MARIADB_GTID_EVENT",
            163 => "GTID_LIST_EVENT",
            164 => "START_ENCRYPTION_EVENT",
            _ => "EVENT",
        }
    }

    /// What it is about: a file of the log, a table.
    pub fn about(&self) -> Option<Vec<u8>> {
        let mut cursor = Cursor(self.data);
        match self.kind {
            4 => {
                cursor.quad()?;
                Some(file_name(cursor.rest()).to_vec())
            }
            19 => {
                cursor.take(8)?;
                let (schema, _) = (cursor.sized()?, cursor.byte()?);
                let table = cursor.sized()?;
                Some([schema, b".", table].concat())
            }
            _ => None,
        }
    }

    /// The statement it holds, and its schema.
    pub fn statement(&self) -> Option<(&'b [u8], &'b [u8])> {
        let mut cursor = Cursor(self.data);
        match self.kind {
            2 => {
                cursor.quad()?;
                let schema_len = cursor.byte()?;
                cursor.short()?;
                let variables_len = cursor.short()?;
                cursor.take(variables_len.into())?;
                let schema = cursor.take(schema_len.into())?;
                cursor.byte()?;
                Some((cursor.rest(), schema))
            }
            160 => Some((cursor.rest(), &[])),
            _ => None,
        }
    }
}

/// `binlog.000002`; a checksum may follow.
fn file_name(data: &[u8]) -> &[u8] {
    let dot = data.iter().position(|byte| *byte == b'.').unwrap_or(data.len());
    let digits = data.iter().skip(dot + 1).take(6).take_while(|byte| byte.is_ascii_digit()).count();
    data.get(..dot + 1 + digits).unwrap_or_default()
}

// === impl Cursor ===

impl<'b> Cursor<'b> {
    /// A length of one byte, and as many bytes.
    fn sized(&mut self) -> Option<&'b [u8]> {
        let len = self.byte()?;
        self.take(len.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 1, 0, 9, 9, 9, 9, kind, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0], data]
            .concat()
    }

    #[test]
    fn events_say_what_they_are_about() {
        let map = event(19, b"\x01\0\0\0\0\0\0\0\x04shop\0\x05items\0");
        let read = Event::read(&map).unwrap();
        assert_eq!((read.name(), read.server, read.next_at), ("TABLE_MAP_EVENT", 1, 4));
        assert_eq!(read.about().unwrap(), b"shop.items");
        let rotate = event(4, b"\x04\0\0\0\0\0\0\0binlog.000002\xde\xad");
        assert_eq!(Event::read(&rotate).unwrap().about().unwrap(), b"binlog.000002");
        let query = event(2, b"\x01\0\0\0\0\0\0\0\x01\0\0\x02\0xxa\0BEGIN");
        assert_eq!(Event::read(&query).unwrap().statement(), Some((&b"BEGIN"[..], &b"a"[..])));
        for len in 0..map.len() {
            let _ = Event::read(&map[..len]).and_then(|event| event.about());
        }
    }
}
