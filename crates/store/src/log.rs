//! The log: calls on disk before they are in a file of columns. What a crash leaves of it is read back.
//!
//! ```text
//! CALLLOG1 | record | record | …
//! record:  bytes u32 | calls u32 | CRC-32 of the lines u32 | CRC-32 of the twelve bytes before u32 | lines
//! ```
//!
//! Numbers are little-endian; lines end with a line feed each.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use crate::Row;

const MAGIC: &[u8; 8] = b"CALLLOG1";
const HEAD_LEN: usize = 16;

/// A log that is written to.
#[derive(Debug)]
pub(crate) struct Log {
    file: Arc<File>,
    bytes: u64,
    buffer: Vec<u8>,
    /// Whether all that was written is known to be on disk.
    pub(crate) is_synced: bool,
}

/// What was left of a log.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) rows: Vec<Row>,
    /// Calls of records that are not whole, as far as their number is known.
    pub(crate) calls_torn: u64,
    /// Bytes that could not be read.
    pub(crate) bytes_torn: u64,
    pub(crate) lines_refused: u64,
    pub(crate) bytes: u64,
}

/// The numbers in front of a record.
struct Head {
    bytes: u32,
    calls: u32,
    sum: u32,
}

// === impl Log ===

impl Log {
    /// A new log; what was there under this name is gone.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        if let Err(error) = file.write_all(MAGIC) {
            drop(std::fs::remove_file(path));
            return Err(error);
        }
        let bytes = MAGIC.len() as u64;
        Ok(Self { file: Arc::new(file), bytes, buffer: Vec::new(), is_synced: false })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, to be synced without holding anybody up.
    pub(crate) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Bytes that these calls will take.
    pub(crate) fn bytes_of(rows: &[Row]) -> u64 {
        let lines: u64 = rows.iter().map(|row| row.json().len() as u64 + 1).sum();
        lines + HEAD_LEN as u64
    }

    /// Writes one record. When that fails, what was written of it is taken back.
    pub(crate) fn append(&mut self, rows: &[Row]) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.resize(HEAD_LEN, 0);
        for row in rows {
            self.buffer.extend_from_slice(row.json().as_bytes());
            self.buffer.push(b'\n');
        }
        let lines = &self.buffer[HEAD_LEN..];
        let head = Head {
            bytes: u32::try_from(lines.len()).map_err(|_| io::ErrorKind::FileTooLarge)?,
            calls: u32::try_from(rows.len()).map_err(|_| io::ErrorKind::FileTooLarge)?,
            sum: crc32fast::hash(lines),
        };
        self.buffer[..HEAD_LEN].copy_from_slice(&head.write());
        self.is_synced = false;
        if let Err(error) = (&*self.file).write_all(&self.buffer) {
            self.take_back()?;
            return Err(error);
        }
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Cuts off a record that is not whole, so that later ones can be read.
    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.bytes)?;
        (&*self.file).seek(SeekFrom::Start(self.bytes))?;
        Ok(())
    }
}

/// Reads what is left of a log. A record that is damaged is passed over; one whose head is damaged
/// ends the log.
pub(crate) fn recover(path: &Path) -> io::Result<Recovered> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut recovered = Recovered { bytes: len, ..Recovered::default() };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut magic = [0; MAGIC.len()];
    let mut left = len;
    if !fill(&mut reader, &mut magic)? || magic != *MAGIC {
        recovered.bytes_torn = len;
        return Ok(recovered);
    }
    left -= MAGIC.len() as u64;
    let mut lines = Vec::new();
    while left > 0 {
        let mut head = [0; HEAD_LEN];
        let head = if fill(&mut reader, &mut head)? { Head::read(head) } else { None };
        let Some(head) = head else {
            recovered.bytes_torn += left;
            break;
        };
        left = left.saturating_sub(HEAD_LEN as u64);
        let bytes = u64::from(head.bytes).min(left);
        lines.clear();
        (&mut reader).take(bytes).read_to_end(&mut lines)?;
        left -= bytes;
        recovered.record(&head, &lines);
    }
    Ok(recovered)
}

/// Whether there were bytes enough.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

// === impl Recovered ===

impl Recovered {
    fn record(&mut self, head: &Head, lines: &[u8]) {
        let is_whole = lines.len() as u64 == u64::from(head.bytes);
        let text = str::from_utf8(lines).ok();
        let Some(text) = text.filter(|_| is_whole && crc32fast::hash(lines) == head.sum) else {
            self.calls_torn += u64::from(head.calls);
            self.bytes_torn += HEAD_LEN as u64 + lines.len() as u64;
            return;
        };
        for line in text.split_terminator('\n') {
            match Row::of_line(line) {
                Ok(row) => self.rows.push(row),
                Err(_) => self.lines_refused += 1,
            }
        }
    }
}

// === impl Head ===

impl Head {
    fn write(&self) -> [u8; HEAD_LEN] {
        let mut head = [0; HEAD_LEN];
        head[..4].copy_from_slice(&self.bytes.to_le_bytes());
        head[4..8].copy_from_slice(&self.calls.to_le_bytes());
        head[8..12].copy_from_slice(&self.sum.to_le_bytes());
        let sum = crc32fast::hash(&head[..12]);
        head[12..].copy_from_slice(&sum.to_le_bytes());
        head
    }

    fn read(head: [u8; HEAD_LEN]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        if crc32fast::hash(&head[..12]) != number(12)? {
            return None;
        }
        Some(Self { bytes: number(0)?, calls: number(4)?, sum: number(8)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::numbered;

    /// Records of one, two and three calls, and where each ends.
    fn written(folder: &Path) -> (Vec<u8>, Vec<usize>) {
        let path = folder.join("log");
        let mut log = Log::create(&path).unwrap();
        let mut ends = vec![MAGIC.len()];
        for (from, to) in [(0, 1), (1, 3), (3, 6)] {
            let rows: Vec<_> = (from..to).map(numbered).collect();
            log.append(&rows).unwrap();
            ends.push(usize::try_from(log.bytes()).unwrap());
        }
        (std::fs::read(path).unwrap(), ends)
    }

    fn recovered(folder: &Path, bytes: &[u8]) -> Recovered {
        let path = folder.join("torn");
        std::fs::write(&path, bytes).unwrap();
        recover(&path).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, _) = written(folder.path());
        let recovered = recovered(folder.path(), &bytes);
        assert_eq!(recovered.rows, (0..6).map(numbered).collect::<Vec<_>>());
        assert_eq!((recovered.bytes_torn, recovered.calls_torn), (0, 0));
    }

    #[test]
    fn a_log_torn_at_any_byte_gives_its_whole_records_and_counts_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, ends) = written(folder.path());
        for cut in 0..bytes.len() {
            let recovered = recovered(folder.path(), &bytes[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            assert_eq!(recovered.rows.len(), [0, 1, 3, 6][whole], "{cut}");
            let last = ends.iter().filter(|end| **end <= cut).max().copied().unwrap_or(0);
            assert_eq!(recovered.bytes_torn, (cut - last) as u64, "{cut}");
            if cut >= last + HEAD_LEN && last > 0 {
                assert_eq!(recovered.calls_torn, [1, 2, 3][whole], "{cut}");
            }
        }
    }

    #[test]
    fn a_byte_that_turned_costs_its_record_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, ends) = written(folder.path());
        for at in MAGIC.len()..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let recovered = recovered(folder.path(), &bytes);
            let hit = ends.iter().filter(|end| **end <= at).count() - 1;
            let in_head = at < ends[hit] + HEAD_LEN;
            let left = if in_head { [0, 1, 3][hit] } else { [5, 4, 3][hit] };
            assert_eq!(recovered.rows.len(), left, "{at}");
            assert!(recovered.bytes_torn > 0);
        }
    }
}
