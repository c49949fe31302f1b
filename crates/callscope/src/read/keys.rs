//! Where secrets come from: a key log file that may still be written to, and blocks in the captures.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context, Result};

/// What a block of secrets in a pcapng is called when it holds a TLS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Bytes of a key log read at a time.
const READ_BYTES_MAX: u64 = 16 << 20;

/// Lines of a key log.
#[derive(Debug)]
pub struct Key {
    /// The lines.
    pub lines: Vec<u8>,
    /// Where they came from.
    pub origin: &'static str,
}

/// Everything that secrets come from.
#[derive(Debug)]
pub struct Keys {
    keylog: Option<File>,
    /// Where the first line begins that was not read to its end.
    keylog_at: u64,
    /// Blocks in the captures that were taken.
    embedded: usize,
}

// === impl Keys ===

impl Keys {
    /// Secrets of the captures, and of a key log.
    ///
    /// # Errors
    /// When the key log can't be opened.
    pub fn open(keylog: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| {
            File::open(path).with_context(|| format!("can't read the key log {}", path.display()))
        };
        Ok(Self { keylog: keylog.map(open).transpose()?, keylog_at: 0, embedded: 0 })
    }

    /// What came since the last time.
    pub fn news(&mut self, embedded: &[(u32, Vec<u8>)]) -> Vec<Key> {
        let new = embedded.iter().skip(self.embedded);
        self.embedded = embedded.len();
        let blocks = new
            .filter(|(kind, _)| *kind == TLS_KEY_LOG)
            .map(|(_, lines)| Key { lines: lines.clone(), origin: "embedded" });
        self.lines()
            .map(|lines| Key { lines, origin: "keylog" })
            .into_iter()
            .chain(blocks)
            .collect()
    }

    /// New lines of the key log. The last one may be half a line; it is then read again.
    fn lines(&mut self) -> Option<Vec<u8>> {
        let file = self.keylog.as_mut()?;
        if file.metadata().ok()?.len() <= self.keylog_at {
            return None;
        }
        file.seek(SeekFrom::Start(self.keylog_at)).ok()?;
        let mut lines = Vec::new();
        file.take(READ_BYTES_MAX).read_to_end(&mut lines).ok()?;
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.keylog_at += whole as u64;
        Some(lines)
    }
}
