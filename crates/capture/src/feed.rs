//! The bytes of one input, decompressed, as they come.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

use crate::sniff::Compression;

/// Decompressed bytes asked for at once: those of a failing call are lost, so that it is few.
const INFLATED_BYTES: usize = 64 * 1024;

/// An input as the operating system gives it, counted.
pub(crate) struct Raw {
    from: Box<dyn Read + Send>,
    done_bytes: u64,
}

/// The bytes of a capture.
pub(crate) enum Feed {
    /// As they are on disk; the first ones were read already.
    Plain(Raw),
    /// Several members are one file (RFC 1952 §2.2).
    Gzip(Box<MultiGzDecoder<Whole>>),
    /// Several frames are one file (RFC 8878 §3.1).
    Zstd(Box<zstd::Decoder<'static, BufReader<Whole>>>),
}

/// An input with its first bytes, which were looked at, put back.
type Whole = Chain<Cursor<Vec<u8>>, Raw>;

// === impl Raw ===

impl Raw {
    /// Counts what is read of `from`.
    pub(crate) fn new(from: Box<dyn Read + Send>) -> Self {
        Self { from, done_bytes: 0 }
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.done_bytes += count as u64;
        Ok(count)
    }
}

// === impl Feed ===

impl Feed {
    /// Decompresses `raw`, of which `head` was read already.
    pub(crate) fn decompress(
        compression: Compression,
        head: Vec<u8>,
        raw: Raw,
    ) -> io::Result<Self> {
        let whole = Cursor::new(head).chain(raw);
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(whole))),
            Compression::Zstd => Self::Zstd(Box::new(zstd::Decoder::new(whole)?)),
        })
    }

    /// The compression that is undone here, if any.
    pub(crate) fn compression(&self) -> Option<Compression> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(_) => Some(Compression::Gzip),
            Self::Zstd(_) => Some(Compression::Zstd),
        }
    }

    /// Bytes read of the input so far, as they are on disk.
    pub(crate) fn done_bytes(&self) -> u64 {
        match self {
            Self::Plain(raw) => raw.done_bytes,
            Self::Gzip(gzip) => gzip.get_ref().get_ref().1.done_bytes,
            Self::Zstd(zstd) => zstd.get_ref().get_ref().get_ref().1.done_bytes,
        }
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let few = buffer.len().min(INFLATED_BYTES);
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(gzip) => gzip.read(&mut buffer[..few]),
            Self::Zstd(zstd) => zstd.read(&mut buffer[..few]),
        }
    }
}

/// The first bytes of `from`: at least `least` unless it ends before, at most `room`, and never
/// waiting for more than that.
pub(crate) fn read_head(from: &mut impl Read, least: usize, room: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; room.max(least)];
    let mut filled = 0;
    while filled < least {
        match from.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A damaged end is met again by whoever reads on.
            Err(_) if filled >= 4 => break,
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(head)
}
