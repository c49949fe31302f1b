//! Packets of the binary protocol (memcached, doc/protocol-binary.txt). Numbers are big-endian.
//!
//! ```text
//!   0       1       2        4        5       6        8        12       16      24
//!   ├───────┼───────┼────────┼────────┼───────┼────────┼────────┼────────┼───────┼──────────────
//!   │magic  │opcode │key len │extras  │ type  │vbucket │ body   │ opaque │  CAS  │ extras │ key │ value
//!   │80 81  │       │        │ len    │  0    │status  │ len    │        │       │
//! ```

use super::text::{Halt, VALUE_MAX};

/// Bytes of a header.
pub const HEADER: usize = 24;
/// First byte of a request.
pub const REQUEST: u8 = 0x80;
/// First byte of a response.
pub const RESPONSE: u8 = 0x81;
/// Bytes of a key at most; names of statistics are longer than keys may be.
const KEY_MAX: usize = 1 << 10;

/// The operations that are treated on their own.
pub const QUIT: u8 = 0x07;
pub const STAT: u8 = 0x10;
pub const SASL_AUTH: u8 = 0x21;
pub const SASL_STEP: u8 = 0x22;

/// The first 24 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub is_request: bool,
    pub opcode: u8,
    pub key: usize,
    pub extras: usize,
    /// Of a response.
    pub status: u16,
    pub body: u64,
    pub opaque: u32,
    pub cas: u64,
}

/// An operation: its name, the same without quiet, and how many bytes of extras its request has.
struct Operation {
    opcode: u8,
    name: &'static str,
    quiet: bool,
    extras: &'static [usize],
}

const fn op(opcode: u8, name: &'static str, extras: &'static [usize]) -> Operation {
    Operation { opcode, name, quiet: false, extras }
}

const fn quiet(opcode: u8, name: &'static str, extras: &'static [usize]) -> Operation {
    Operation { opcode, name, quiet: true, extras }
}

static OPERATIONS: [Operation; 47] = [
    op(0x00, "get", &[0]),
    op(0x01, "set", &[8]),
    op(0x02, "add", &[8]),
    op(0x03, "replace", &[8]),
    op(0x04, "delete", &[0]),
    op(0x05, "incr", &[20]),
    op(0x06, "decr", &[20]),
    op(QUIT, "quit", &[0]),
    op(0x08, "flush_all", &[0, 4]),
    quiet(0x09, "getq", &[0]),
    op(0x0a, "noop", &[0]),
    op(0x0b, "version", &[0]),
    op(0x0c, "getk", &[0]),
    quiet(0x0d, "getkq", &[0]),
    op(0x0e, "append", &[0]),
    op(0x0f, "prepend", &[0]),
    op(STAT, "stats", &[0]),
    quiet(0x11, "setq", &[8]),
    quiet(0x12, "addq", &[8]),
    quiet(0x13, "replaceq", &[8]),
    quiet(0x14, "deleteq", &[0]),
    quiet(0x15, "incrq", &[20]),
    quiet(0x16, "decrq", &[20]),
    quiet(0x17, "quitq", &[0]),
    quiet(0x18, "flush_allq", &[0, 4]),
    quiet(0x19, "appendq", &[0]),
    quiet(0x1a, "prependq", &[0]),
    op(0x1b, "verbosity", &[4]),
    op(0x1c, "touch", &[4]),
    op(0x1d, "gat", &[4]),
    quiet(0x1e, "gatq", &[4]),
    op(0x20, "sasl_list_mechs", &[0]),
    op(SASL_AUTH, "sasl_auth", &[0]),
    op(SASL_STEP, "sasl_step", &[0]),
    op(0x23, "gatk", &[4]),
    quiet(0x24, "gatkq", &[4]),
    op(0x30, "rget", &[0]),
    op(0x31, "rset", &[0]),
    quiet(0x32, "rsetq", &[0]),
    op(0x33, "rappend", &[0]),
    quiet(0x34, "rappendq", &[0]),
    op(0x35, "rprepend", &[0]),
    quiet(0x36, "rprependq", &[0]),
    op(0x37, "rdelete", &[0]),
    quiet(0x38, "rdeleteq", &[0]),
    op(0x3d, "set_vbucket", &[0, 4]),
    op(0x3e, "get_vbucket", &[0]),
];

// === impl Header ===

impl Header {
    /// The header at the front of `bytes`.
    #[inline]
    pub fn of(bytes: &[u8]) -> Result<Self, Halt> {
        let header = bytes.first_chunk::<HEADER>().ok_or(Halt::Short(HEADER))?;
        let [magic, opcode, k0, k1, extras, _, s0, s1, rest @ ..] = *header;
        let [b0, b1, b2, b3, o0, o1, o2, o3, cas @ ..] = rest;
        let this = Self {
            is_request: magic == REQUEST,
            opcode,
            key: u16::from_be_bytes([k0, k1]).into(),
            extras: extras.into(),
            status: u16::from_be_bytes([s0, s1]),
            body: u32::from_be_bytes([b0, b1, b2, b3]).into(),
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
            cas: u64::from_be_bytes(cas),
        };
        let good = matches!(magic, REQUEST | RESPONSE)
            && this.key <= KEY_MAX
            && this.body <= VALUE_MAX
            && (this.key + this.extras) as u64 <= this.body;
        if good { Ok(this) } else { Err(Halt::Bad) }
    }

    /// Bytes before the value.
    pub fn front(&self) -> usize {
        HEADER + self.extras + self.key
    }

    pub fn value(&self) -> u64 {
        self.body - (self.extras + self.key) as u64
    }

    /// Whether it may hold a password or what proves one.
    pub fn is_secret(&self) -> bool {
        matches!(self.opcode, SASL_AUTH | SASL_STEP)
    }

    pub fn is_quiet(&self) -> bool {
        operation(self.opcode).is_some_and(|operation| operation.quiet)
    }

    /// Whether nothing of another protocol looks like it: a known operation, with the extras it must
    /// have, with a key where it needs one.
    pub fn is_certain(&self, data_type: u8) -> bool {
        let Some(operation) = operation(self.opcode) else { return false };
        if data_type != 0 {
            return false;
        }
        if !self.is_request {
            return matches!(self.status, 0..=9 | 0x20 | 0x21 | 0x81..=0x86)
                && matches!(self.extras, 0 | 4);
        }
        let keyed = matches!(self.opcode, 0..=6 | 9 | 0x0c..=0x0f | 0x11..=0x16 | 0x19..=0x1a);
        let is_bare = matches!(self.opcode, QUIT | 0x0a | 0x0b | 0x17);
        operation.extras.contains(&self.extras)
            && (!keyed || (1..=250).contains(&self.key))
            && (!is_bare || self.body == 0)
            && (!matches!(self.opcode, 0 | 4 | 9 | 0x0c | 0x0d | 0x14) || self.value() == 0)
    }
}

fn operation(opcode: u8) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.opcode == opcode)
}

/// The operation's name; none for what is not known.
pub fn name(opcode: u8) -> Option<&'static str> {
    operation(opcode).map(|operation| operation.name)
}

/// A status in a word, and whether it is an error.
pub fn status(status: u16, opcode: u8) -> (&'static str, bool) {
    let is_get = matches!(opcode, 0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24);
    match status {
        0 if is_get => ("HIT", false),
        0 => match opcode {
            0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a => ("STORED", false),
            0x04 | 0x14 => ("DELETED", false),
            0x1c => ("TOUCHED", false),
            _ => ("OK", false),
        },
        1 if is_get => ("MISS", false),
        1 => ("NOT_FOUND", false),
        2 => ("EXISTS", false),
        3 => ("VALUE_TOO_LARGE", true),
        4 => ("INVALID_ARGUMENTS", true),
        5 => ("NOT_STORED", false),
        6 => ("NON_NUMERIC", true),
        7 => ("WRONG_VBUCKET", true),
        0x20 => ("AUTH_ERROR", true),
        0x21 => ("AUTH_CONTINUE", false),
        0x81 => ("UNKNOWN_COMMAND", true),
        0x82 => ("OUT_OF_MEMORY", true),
        0x83 => ("NOT_SUPPORTED", true),
        0x84 => ("INTERNAL_ERROR", true),
        0x85 => ("BUSY", true),
        0x86 => ("TEMPORARY_FAILURE", true),
        _ => ("ERROR", true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_contradicts_itself_is_bad() {
        let mut get = [0; HEADER];
        (get[0], get[3], get[11]) = (REQUEST, 3, 3);
        assert!(Header::of(&get).is_ok_and(|header| header.is_certain(0) && header.front() == 27));
        get[11] = 2;
        assert_eq!(Header::of(&get).err(), Some(Halt::Bad));
        assert_eq!(Header::of(&get[..23]).err(), Some(Halt::Short(HEADER)));
    }

    #[test]
    fn no_operation_is_listed_twice() {
        for pair in OPERATIONS.windows(2) {
            assert!(pair[0].opcode < pair[1].opcode, "{}", pair[1].name);
        }
    }
}
