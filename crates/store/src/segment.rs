//! A sealed file: calls in columns, sorted by time, never changed again.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};

use crate::{
    Row, batch,
    columns::{STORED, Stored, What},
};

/// A sealed file, as its name tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Segment {
    /// The log that it was written from.
    pub(crate) number: u64,
    /// When its first call began, in nanoseconds since 1970.
    pub(crate) from_ns: i64,
    /// When its last call began.
    pub(crate) to_ns: i64,
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) path: PathBuf,
}

/// Calls that are turned into columns at once while a file is written.
const BATCH_CALLS: usize = 1024;
/// Calls in a row group: what a query can pass over by its statistics.
const GROUP_CALLS: usize = 32 << 10;
/// Bytes of a page: what has to be read to get at one call.
const PAGE_BYTES: usize = 128 << 10;
const PAGE_CALLS: usize = 8 << 10;
/// How a Parquet file begins and ends.
const MAGIC: &[u8; 4] = b"PAR1";

// === impl Segment ===

impl Segment {
    /// `calls-0000000012-1769684901123456789-1769684999000000000-1234.parquet`: log, times, calls.
    pub(crate) fn name(number: u64, from_ns: i64, to_ns: i64, calls: usize) -> String {
        format!("calls-{number:010}-{from_ns:019}-{to_ns:019}-{calls}.parquet")
    }

    /// The sealed file of this name, unless it is somebody else's.
    pub(crate) fn named(folder: &Path, name: &str, bytes: u64) -> Option<Self> {
        let numbers = name.strip_prefix("calls-")?.strip_suffix(".parquet")?;
        let mut numbers = numbers.split('-');
        let segment = Self {
            number: numbers.next()?.parse().ok()?,
            from_ns: numbers.next()?.parse().ok()?,
            to_ns: numbers.next()?.parse().ok()?,
            calls: numbers.next()?.parse().ok()?,
            bytes,
            path: folder.join(name),
        };
        numbers.next().is_none().then_some(segment)
    }

    /// Whether it begins and ends as a Parquet file does: cheap, and finds files cut short.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        let mut mark = [0; 4];
        if self.bytes < 12 {
            return Ok(false);
        }
        file.read_exact(&mut mark)?;
        if mark != *MAGIC {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut mark)?;
        Ok(mark == *MAGIC)
    }
}

/// Writes calls to a file of columns: first under a passing name, then on disk, then under its own.
/// `out` is the file of the passing name.
pub(crate) fn write(
    rows: &mut [&Row],
    number: u64,
    folder: &Path,
    passing: &Path,
    out: impl Write + Send,
) -> Result<Segment, ParquetError> {
    rows.sort_by(|a, b| (a.time_ns(), a.raw_id()).cmp(&(b.time_ns(), b.raw_id())));
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err(ParquetError::General("no calls".into()));
    };
    let name = Segment::name(number, first.time_ns(), last.time_ns(), rows.len());
    let io = |error: io::Error| ParquetError::External(Box::new(error));
    write_columns(rows, out)?.flush().map_err(io)?;
    File::open(passing).and_then(|file| file.sync_all()).map_err(io)?;
    let path = folder.join(&name);
    fs::rename(passing, &path).map_err(io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    let bytes = fs::metadata(&path).map_err(io)?.len();
    Segment::named(folder, &name, bytes).ok_or(ParquetError::General("a name".into()))
}

fn write_columns<W: Write + Send>(rows: &[&Row], out: W) -> Result<W, ParquetError> {
    let columns: Vec<usize> = (0..STORED.len()).collect();
    let mut writer = ArrowWriter::try_new(out, crate::columns::schema(), Some(properties()))?;
    for rows in rows.chunks(BATCH_CALLS) {
        writer.write(&batch::of_rows(rows, &columns)?)?;
    }
    writer.into_inner()
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let builder = WriterProperties::builder()
        .set_created_by(concat!("callscope ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_CALLS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(PAGE_CALLS)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    STORED.iter().fold(builder, column).build()
}

/// How a column is written.
fn column(builder: WriterPropertiesBuilder, stored: &Stored) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(stored.name);
    match stored.what {
        What::Time => builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
        What::Number(_) | What::Template => builder,
        // As small as the different values are few.
        What::Word(_) | What::Text(_) | What::ServerName => {
            builder.set_column_bloom_filter_enabled(path, true)
        }
        What::Rest | What::Piece(_) => builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path, EnabledStatistics::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_inside() {
        let name = Segment::name(12, 5, 1_769_684_901_123_456_789, 34);
        let segment = Segment::named(Path::new("/x"), &name, 99).unwrap();
        assert_eq!((segment.number, segment.from_ns, segment.calls), (12, 5, 34));
        for name in
            ["calls-1-2-3.parquet", "a.parquet", "calls-1-2-3-4-5.parquet", "calls-x-2-3-4.parquet"]
        {
            assert_eq!(Segment::named(Path::new("/x"), name, 99), None, "{name}");
        }
    }
}
