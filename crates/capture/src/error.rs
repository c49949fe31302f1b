//! What can go wrong, each in one line that says what it is and what was expected.

use std::{fmt, io, path::PathBuf};

/// Why an input can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("{}: no such file or folder", .0.display())]
    NotFound(PathBuf),
    /// We may not read it.
    #[error("{}: permission denied", .0.display())]
    Denied(PathBuf),
    /// The operating system could not open or read it.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has no bytes.
    #[error("{0}: is empty (expected a pcap or pcapng capture, or gzip or zstd of one)")]
    Empty(String),
    /// It is something else.
    #[error(
        "{name}: not a capture file: it looks like {looks_like} (expected pcap, pcapng, gzip or zstd of one)"
    )]
    NotACapture {
        /// The file.
        name: String,
        /// What its first bytes look like.
        looks_like: String,
    },
    /// It is a capture, in a format that we don't read.
    #[error("{name}: {format} is not read here; convert it first: editcap -F pcapng IN OUT")]
    Unsupported {
        /// The file.
        name: String,
        /// The name of the format.
        format: String,
    },
    /// It is a pcap or pcapng of a version that we don't know.
    #[error("{name}: {format} version {major}.{minor} is not known (expected {expected})")]
    Version {
        /// The file.
        name: String,
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// The major version in its header.
        major: u16,
        /// The minor version in its header.
        minor: u16,
        /// What we read.
        expected: &'static str,
    },
    /// It is compressed, and its beginning can't be decompressed.
    #[error("{name}: damaged {compression}: {why}")]
    Compression {
        /// The file.
        name: String,
        /// `gzip` or `zstd`.
        compression: &'static str,
        /// What the decompressor said.
        why: String,
    },
    /// A folder without any capture.
    #[error("{}: no capture file in this folder ({files} other files)", .path.display())]
    NothingInFolder {
        /// The folder.
        path: PathBuf,
        /// How many files were looked at.
        files: usize,
    },
    /// A folder with more files than we look at.
    #[error("{}: more than {max} files in this folder", .path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
        /// The limit.
        max: usize,
    },
    /// Nothing was asked for.
    #[error("no input (expected a capture file, a folder, or - for standard input)")]
    NoInput,
}

/// Why reading can't go on. What was read before stays valid.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system could not read on.
    #[error("{file}: at byte {offset}: {source}")]
    Io {
        /// The file.
        file: String,
        /// How far it was read.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Too many files hold packets of the same moment.
    #[error("{file}: more than {max} files overlap in time; merge some of them first (mergecap)")]
    TooManyOpen {
        /// The file that could not be opened any more.
        file: String,
        /// The limit.
        max: usize,
    },
}

/// Something the user should know of a file that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// The file's name as given.
    pub file: String,
    /// Where in the (decompressed) file.
    pub offset: u64,
    /// What it is.
    pub problem: Problem,
}

/// What is wrong with a file that was read nevertheless.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// It ends inside a header or record.
    #[error("the file was cut: {left} of at least {needed} bytes of a record are there")]
    Truncated {
        /// Bytes of the last record that are there.
        left: u64,
        /// Bytes that it says it has, or that its header has.
        needed: u64,
    },
    /// It can't be read any further.
    #[error("damaged: {damage}; {}", rest(*.left))]
    Damaged {
        /// What is wrong.
        damage: Damage,
        /// Bytes from there to the end, all unread, where that is known.
        left: Option<u64>,
    },
    /// Blocks that no specification of ours has.
    #[error("skipped {count} blocks of unknown type {kind:#x}")]
    UnknownBlocks {
        /// The block type.
        kind: u32,
        /// How many.
        count: u64,
    },
    /// More TLS secrets than we keep.
    #[error("decryption secrets beyond {max} bytes are not kept")]
    SecretsDropped {
        /// The limit, for all files together.
        max: usize,
    },
    /// A file in a folder that is not a capture we can read, and why.
    #[error("skipped: {0}")]
    Skipped(String),
    /// A file that was there at the beginning and could not be opened again, and why.
    #[error("gone: {0}")]
    Gone(String),
}

/// What makes the rest of a file unreadable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Damage {
    /// A packet longer than any can be.
    #[error("a packet of {bytes} bytes (at most {max} expected)")]
    PacketTooLong {
        /// Its captured length.
        bytes: u32,
        /// The limit for this file.
        max: u32,
    },
    /// A block shorter than its type allows.
    #[error("a block of type {kind:#x} of {bytes} bytes (at least {min} expected)")]
    BlockTooShort {
        /// The block type.
        kind: u32,
        /// Its total length.
        bytes: u32,
        /// What the type needs.
        min: u32,
    },
    /// A block that has to be held whole and is too long for that.
    #[error("a block of type {kind:#x} of {bytes} bytes (at most {max} expected)")]
    BlockTooLong {
        /// The block type.
        kind: u32,
        /// Its total length.
        bytes: u32,
        /// The limit.
        max: u32,
    },
    /// The two total lengths of a block differ.
    #[error("a block begins with length {first} and ends with length {second}")]
    LengthsDiffer {
        /// The one in front.
        first: u32,
        /// The one at the end.
        second: u32,
    },
    /// A packet that says it is longer than its block.
    #[error("a packet of {bytes} bytes in a block that holds {room}")]
    PacketBeyondBlock {
        /// Its captured length.
        bytes: u32,
        /// What the block has room for.
        room: usize,
    },
    /// A packet of an interface that was not described before.
    #[error("a packet of interface {interface}, of {described} described")]
    UnknownInterface {
        /// The interface's number.
        interface: u32,
        /// How many the section has so far.
        described: usize,
    },
    /// More interfaces than any machine has.
    #[error("more than {max} interfaces")]
    TooManyInterfaces {
        /// The limit.
        max: usize,
    },
    /// A section header whose byte-order magic is none.
    #[error("a section header with byte-order magic {magic:#010x} (expected 0x1a2b3c4d)")]
    ByteOrder {
        /// What is there, read as big-endian.
        magic: u32,
    },
    /// A later section of a version that we don't know.
    #[error("a section of pcapng version {major}.{minor} (expected 1.x)")]
    Version {
        /// The major version.
        major: u16,
        /// The minor version.
        minor: u16,
    },
    /// The compressed data is damaged or cut.
    #[error("{compression}: {why}")]
    Compression {
        /// `gzip` or `zstd`.
        compression: &'static str,
        /// What the decompressor said.
        why: String,
    },
}

// === impl Warning ===

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Skipped(why) => write!(f, "skipped: {why}"),
            Problem::Gone(why) => write!(f, "gone: {why}"),
            problem => write!(f, "{}: at byte {}: {problem}", self.file, self.offset),
        }
    }
}

// === impl Problem ===

/// Says what became of the rest of a damaged file.
fn rest(left: Option<u64>) -> String {
    match left {
        Some(bytes) => format!("{bytes} bytes from there on are not read"),
        None => "the rest is not read".to_owned(),
    }
}
