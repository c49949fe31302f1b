//! What client and server can: the flags both sides show at login.

/// A set of flags; those of MariaDB alone are above bit 31.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Capabilities(pub u64);

/// Not set by MariaDB, which then has 32 flags more.
pub const LONG_PASSWORD: u64 = 1;
/// The login names a schema.
pub const CONNECT_WITH_DB: u64 = 1 << 3;
/// The connection is compressed with zlib after the login.
pub const COMPRESS: u64 = 1 << 5;
/// The form of 4.1 is spoken.
pub const PROTOCOL_41: u64 = 1 << 9;
/// TLS follows.
pub const SSL: u64 = 1 << 11;
/// What proves the password has a length of one byte before it.
pub const SECURE_CONNECTION: u64 = 1 << 15;
/// The login names its method.
pub const PLUGIN_AUTH: u64 = 1 << 19;
/// The login tells of the client.
pub const CONNECT_ATTRS: u64 = 1 << 20;
/// What proves the password has a length of any size before it.
pub const PLUGIN_AUTH_LENENC: u64 = 1 << 21;
/// Result sets have no EOF packets.
pub const DEPRECATE_EOF: u64 = 1 << 24;
/// The connection is compressed with zstd after the login.
pub const ZSTD: u64 = 1 << 26;

const NAMES: [&str; 39] = [
    "LONG_PASSWORD",
    "FOUND_ROWS",
    "LONG_FLAG",
    "CONNECT_WITH_DB",
    "NO_SCHEMA",
    "COMPRESS",
    "ODBC",
    "LOCAL_FILES",
    "IGNORE_SPACE",
    "PROTOCOL_41",
    "INTERACTIVE",
    "SSL",
    "IGNORE_SIGPIPE",
    "TRANSACTIONS",
    "RESERVED",
    "SECURE_CONNECTION",
    "MULTI_STATEMENTS",
    "MULTI_RESULTS",
    "PS_MULTI_RESULTS",
    "PLUGIN_AUTH",
    "CONNECT_ATTRS",
    "PLUGIN_AUTH_LENENC_CLIENT_DATA",
    "CAN_HANDLE_EXPIRED_PASSWORDS",
    "SESSION_TRACK",
    "DEPRECATE_EOF",
    "OPTIONAL_RESULTSET_METADATA",
    "ZSTD_COMPRESSION_ALGORITHM",
    "QUERY_ATTRIBUTES",
    "MULTI_FACTOR_AUTHENTICATION",
    "CAPABILITY_EXTENSION",
    "SSL_VERIFY_SERVER_CERT",
    "REMEMBER_OPTIONS",
    "MARIADB_PROGRESS",
    "MARIADB_COM_MULTI",
    "MARIADB_STMT_BULK_OPERATIONS",
    "MARIADB_EXTENDED_METADATA",
    "MARIADB_CACHE_METADATA",
    "MARIADB_BULK_UNIT_RESULTS",
    "MARIADB_MULTI_FACTOR",
];

// === impl Capabilities ===

impl Capabilities {
    /// Whether `flag` is among them.
    pub fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| *name)
    }
}
