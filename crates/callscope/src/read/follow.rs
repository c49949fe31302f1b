//! A capture file that is still written to: its end is waited at, until somebody says stop.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use capture::live::Stop;

/// How often the end of the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Reads a file as it grows.
///
/// It comes to its end when the bell is rung, or when the file was replaced or cut (rotation): what
/// was written until then is read.
pub struct Growing {
    file: File,
    path: PathBuf,
    stop: Stop,
    read_bytes: u64,
}

// === impl Growing ===

impl Growing {
    /// Opens a file, from its beginning.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path, stop: Stop) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, path: path.to_owned(), stop, read_bytes: 0 })
    }

    /// Whether nothing will be written any more to what we have open.
    fn was_replaced(&self) -> bool {
        let (Ok(ours), Ok(there)) = (self.file.metadata(), fs::metadata(&self.path)) else {
            return true;
        };
        (ours.dev(), ours.ino()) != (there.dev(), there.ino()) || ours.len() < self.read_bytes
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked before reading: what was written before is still read.
            let at_end = self.stop.is_rung() || self.was_replaced();
            let count = self.file.read(buffer)?;
            self.read_bytes += count as u64;
            if count > 0 || at_end || buffer.is_empty() {
                return Ok(count);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_written_later_is_read_and_the_bell_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing");
        let mut file = File::create(&path).unwrap();
        let stop = Stop::new().unwrap();
        let mut growing = Growing::open(&path, stop.clone()).unwrap();
        let writer = thread::spawn(move || {
            thread::sleep(LOOK_EVERY);
            file.write_all(b"later").unwrap();
            stop.ring();
        });
        let mut text = String::new();
        growing.read_to_string(&mut text).unwrap();
        writer.join().unwrap();
        assert_eq!(text, "later");
    }

    #[test]
    fn a_file_that_was_replaced_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing");
        fs::write(&path, b"old").unwrap();
        let mut growing = Growing::open(&path, Stop::new().unwrap()).unwrap();
        fs::rename(&path, folder.path().join("rotated")).unwrap();
        fs::write(&path, b"new").unwrap();
        let mut text = String::new();
        growing.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
    }
}
