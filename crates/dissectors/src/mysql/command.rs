//! What clients ask: the command bytes of MySQL and of MariaDB.

/// A command by its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Command(pub u8);

/// How a command is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Not at all.
    Nothing,
    /// By OK, EOF, an error, or result sets.
    Results,
    /// By what was prepared.
    Prepared,
    /// By column definitions.
    Columns,
    /// By rows without their definitions.
    Rows,
    /// By a line of text.
    Text,
    /// As a login is.
    Login,
    /// By events without end.
    Events,
}

/// `COM_QUIT`
pub const QUIT: Command = Command(0x01);
/// `COM_INIT_DB`
pub const INIT_DB: Command = Command(0x02);
/// `COM_QUERY`
pub const QUERY: Command = Command(0x03);
/// `COM_FIELD_LIST`
pub const FIELD_LIST: Command = Command(0x04);
/// `COM_STATISTICS`
pub const STATISTICS: Command = Command(0x09);
/// `COM_CHANGE_USER`
pub const CHANGE_USER: Command = Command(0x11);
/// `COM_BINLOG_DUMP`
pub const BINLOG_DUMP: Command = Command(0x12);
/// `COM_STMT_PREPARE`
pub const PREPARE: Command = Command(0x16);
/// `COM_STMT_EXECUTE`
pub const EXECUTE: Command = Command(0x17);
/// `COM_STMT_SEND_LONG_DATA`
pub const LONG_DATA: Command = Command(0x18);
/// `COM_STMT_CLOSE`
pub const CLOSE: Command = Command(0x19);
/// `COM_STMT_RESET`
pub const RESET: Command = Command(0x1a);
/// `COM_STMT_FETCH`
pub const FETCH: Command = Command(0x1c);
/// `COM_BINLOG_DUMP_GTID`
pub const BINLOG_DUMP_GTID: Command = Command(0x1e);
/// `COM_RESET_CONNECTION`
pub const RESET_CONNECTION: Command = Command(0x1f);
/// `COM_STMT_BULK_EXECUTE` of MariaDB
pub const BULK_EXECUTE: Command = Command(0xfa);
/// What a replica says it has: the first byte of an acknowledgement (semi-synchronous replication).
pub const REPLICA_ACK: Command = Command(0xef);

/// Bytes of a command that names a schema.
const SCHEMA_MAX: usize = 260;
/// Bytes of one that names a few things: a table and a column, a host, a user.
const TEXTS_MAX: usize = 1 << 10;

/// The names of the commands from 0 on, without `COM_`.
const NAMES: [&str; 0x22] = [
    "SLEEP",
    "QUIT",
    "INIT_DB",
    "QUERY",
    "FIELD_LIST",
    "CREATE_DB",
    "DROP_DB",
    "REFRESH",
    "SHUTDOWN",
    "STATISTICS",
    "PROCESS_INFO",
    "CONNECT",
    "PROCESS_KILL",
    "DEBUG",
    "PING",
    "TIME",
    "DELAYED_INSERT",
    "CHANGE_USER",
    "BINLOG_DUMP",
    "TABLE_DUMP",
    "CONNECT_OUT",
    "REGISTER_SLAVE",
    "STMT_PREPARE",
    "STMT_EXECUTE",
    "STMT_SEND_LONG_DATA",
    "STMT_CLOSE",
    "STMT_RESET",
    "SET_OPTION",
    "STMT_FETCH",
    "DAEMON",
    "BINLOG_DUMP_GTID",
    "RESET_CONNECTION",
    "CLONE",
    "SUBSCRIBE_GROUP_REPLICATION_STREAM",
];

// === impl Command ===

impl Command {
    /// Its name without `COM_`; nothing for a byte that is none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            BULK_EXECUTE => Some("STMT_BULK_EXECUTE"),
            REPLICA_ACK => Some("SEMI_SYNC_ACK"),
            Self(byte) => NAMES.get(usize::from(byte)).copied(),
        }
    }

    /// Whether its payload is SQL.
    pub fn is_sql(self) -> bool {
        matches!(self, QUERY | PREPARE)
    }

    /// Whether its payload begins with the number of a prepared statement.
    pub fn is_of_statement(self) -> bool {
        matches!(self, EXECUTE | LONG_DATA | CLOSE | RESET | FETCH | BULK_EXECUTE)
    }

    /// How it is answered.
    pub fn answer(self) -> Answer {
        match self {
            QUIT | LONG_DATA | CLOSE | REPLICA_ACK => Answer::Nothing,
            PREPARE => Answer::Prepared,
            FIELD_LIST => Answer::Columns,
            FETCH => Answer::Rows,
            STATISTICS => Answer::Text,
            CHANGE_USER => Answer::Login,
            BINLOG_DUMP | BINLOG_DUMP_GTID => Answer::Events,
            _ => Answer::Results,
        }
    }

    /// Whether all that follows is the name of a schema.
    pub fn names_a_schema(self) -> bool {
        matches!(self.0, 0x02 | 0x05 | 0x06)
    }

    /// Whether a command of `len` bytes, this one included, can be: the fixed parts are there, and
    /// little else where there is little to say.
    pub fn fits(self, len: usize) -> bool {
        match self.0 {
            0x00 | 0x0b | 0x0f | 0x10 | 0x14 => false,
            0x01 | 0x09 | 0x0a | 0x0d | 0x0e | 0x1d | 0x1f => len == 1,
            0x07 => len == 2,
            0x08 => len <= 2,
            0x1b => len == 3,
            0x0c | 0x19 | 0x1a => len == 5,
            0x1c => len == 9,
            0x02 | 0x05 | 0x06 => (2..=SCHEMA_MAX).contains(&len),
            0x04 | 0x12 | 0x15 => (2..=TEXTS_MAX).contains(&len),
            0x03 | 0x16 => len > 1,
            0x17 => len >= 10,
            0x18 | 0xfa => len >= 7,
            0xef => (10..=TEXTS_MAX).contains(&len),
            _ => self.name().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_bytes() {
        for (command, name) in [
            (QUIT, "QUIT"),
            (CHANGE_USER, "CHANGE_USER"),
            (PREPARE, "STMT_PREPARE"),
            (FETCH, "STMT_FETCH"),
            (RESET_CONNECTION, "RESET_CONNECTION"),
            (BULK_EXECUTE, "STMT_BULK_EXECUTE"),
        ] {
            assert_eq!(command.name(), Some(name));
        }
        assert_eq!(Command(0x22).name(), None);
    }
}
