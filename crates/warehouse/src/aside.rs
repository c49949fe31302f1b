//! Calls that an engine refuses for good: they are put aside, so that others can go on.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use store::Row;

use crate::place::fnv;

/// A folder of calls that were refused, of a bounded size.
#[derive(Debug)]
pub(crate) struct Aside {
    folder: PathBuf,
    /// What its files are called, before their numbers.
    name: String,
    bytes_max: u64,
    /// Hashes of the keys of calls that were put aside: some come again, when they are sealed.
    known: HashSet<u64>,
}

/// Calls put aside that are known again.
const KNOWN_MAX: usize = 1 << 17;
/// Bytes of the calls that one sink put aside.
const BYTES_MAX: u64 = 256 << 20;

// === impl Aside ===

impl Aside {
    pub(crate) fn new(folder: PathBuf, name: String) -> Self {
        Self { folder, name, bytes_max: BYTES_MAX, known: HashSet::new() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a call was put aside before.
    pub(crate) fn knows(&self, row: &Row) -> bool {
        !self.known.is_empty() && self.known.contains(&hash(row))
    }

    /// Writes calls down, a line of NDJSON each; the oldest files make room.
    pub(crate) fn put(&mut self, rows: &[Row]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let files = self.files()?;
        let number = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
        let path = self.folder.join(format!("{}-{number:08}.ndjson", self.name));
        let passing = path.with_extension("tmp");
        let mut out = BufWriter::new(File::create(&passing)?);
        for row in rows {
            out.write_all(row.json().as_bytes())?;
            out.write_all(b"\n")?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let bytes = fs::metadata(&passing)?.len();
        let mut all = bytes + files.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        for (_, bytes, path) in files {
            if all <= self.bytes_max {
                break;
            }
            remove(&path)?;
            all -= bytes;
        }
        fs::rename(&passing, path)?;
        let room = KNOWN_MAX.saturating_sub(self.known.len());
        self.known.extend(rows.iter().take(room).map(hash));
        Ok(())
    }

    /// Its files with their numbers and bytes, the oldest first.
    fn files(&self) -> io::Result<Vec<(u64, u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if let Some(number) = self.number(&path) {
                files.push((number, fs::metadata(&path)?.len(), path));
            }
        }
        files.sort();
        Ok(files)
    }

    fn number(&self, path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        let number = name.strip_prefix(&self.name)?.strip_prefix('-')?;
        number.strip_suffix(".ndjson")?.parse().ok()
    }
}

fn hash(row: &Row) -> u64 {
    fnv(format!("{} {}", row.time_ns(), row.id()).as_bytes())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        // Somebody took it away to look at it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32) -> Row {
        let line = format!(
            r#"{{"id":"{number}","time":"2026-01-29T00:00:00.000000000Z","protocol":"x","src":{{"ip":"a","port":1}},"dst":{{"ip":"b","port":2}}}}"#
        );
        Row::of_line(&line).unwrap()
    }

    #[test]
    fn the_folder_is_bounded_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused");
        let one = row(0).json().len() as u64 + 1;
        let new = || Aside { bytes_max: 3 * one, ..Aside::new(path.clone(), "there".into()) };
        fs::create_dir(&path).unwrap();
        fs::write(path.join("others-1.ndjson"), "x".repeat(1000)).unwrap();
        for number in 0..5 {
            new().put(&[row(number)]).unwrap();
        }
        let kept: Vec<_> = new().files().unwrap().into_iter().map(|(number, ..)| number).collect();
        assert_eq!(kept, [3, 4, 5]);
        let text = fs::read_to_string(path.join("there-00000005.ndjson")).unwrap();
        assert_eq!(text, format!("{}\n", row(4).json()));
        assert!(path.join("others-1.ndjson").exists());
    }
}
