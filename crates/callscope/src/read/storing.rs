//! `--store` and `--sink`: calls go to a store instead of out, and from there to an engine.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use store::{Options, Row, Store};
use tempfile::TempDir;
use warehouse::Sending;

use crate::args::ShowArgs;

/// A store that calls are read into.
pub struct Storing {
    store: Arc<Store>,
    /// Dropped when there is nothing more to look after.
    done: Sender<()>,
    keeper: JoinHandle<()>,
    sending: Option<Sending>,
    /// Where calls wait that are sent and not kept; removed at the end.
    passing: Option<TempDir>,
}

/// Takes lines, appends calls.
struct Lines {
    store: Arc<Store>,
    /// A line whose end has not come.
    begun: Vec<u8>,
    rows: Vec<Row>,
}

/// Calls that are appended together.
const ROWS: usize = 256;
/// How often a store is to be looked after.
const EVERY: Duration = Duration::from_secs(1);

// === impl Storing ===

impl Storing {
    /// Opens the store that the arguments name, or makes it; a passing one where calls are only sent. None
    /// if they are neither kept nor sent.
    pub fn open(args: &ShowArgs) -> Result<Option<Self>> {
        let passing = match (&args.store, &args.sink) {
            (None, None) => return Ok(None),
            (Some(_), _) => None,
            (None, Some(_)) => Some(tempfile::Builder::new().prefix("callscope-").tempdir()?),
        };
        let folder = args.store.as_deref().or(passing.as_ref().map(TempDir::path));
        let Some(folder) = folder else { return Ok(None) };
        let bytes_max = args.store_size;
        let columns = Arc::new(filter::Columns::new(&crate::protocols::tables()));
        let options = Options { bytes_max, ..Options::default() };
        let store = Arc::new(Store::open(folder, columns, options, crate::query::now())?);
        let (done, is_done) = channel();
        let kept = store.clone();
        let keep = move || {
            while is_done.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = kept.maintain(crate::query::now()) {
                    eprintln!("callscope: {error}");
                }
            }
        };
        let keeper = thread::Builder::new().name("store".into()).spawn(keep)?;
        let sending =
            args.sink.as_ref().map(|place| crate::sink::begin(&store, place)).transpose()?;
        Ok(Some(Self { store, done, keeper, sending, passing }))
    }

    /// Where lines of NDJSON go.
    pub fn lines(&self) -> Box<dyn Write + Send> {
        let store = self.store.clone();
        Box::new(Lines { store, begun: Vec::new(), rows: Vec::new() })
    }

    /// Sends what waits, seals what is not in files yet, and says what was lost.
    pub fn close(self, quiet: bool) -> Result<()> {
        let is_kept = self.passing.is_none();
        if let Some(sending) = self.sending {
            let sent = sending.sent();
            crate::sink::end(sending, is_kept)?;
            if !quiet {
                eprintln!("{} calls were sent to {}.", sent.calls(), sent.name());
            }
        }
        drop(self.done);
        drop(self.keeper.join());
        if !is_kept {
            return Ok(());
        }
        self.store.seal().context("calls that could not be sealed stay in the store's log")?;
        let facts = self.store.facts();
        for count in facts.counts.iter().filter(|count| count.is_loss && count.value > 0) {
            eprintln!("callscope: {} {}", count.value, count.about);
        }
        if !quiet {
            let bytes = bytesize::ByteSize(facts.file_bytes);
            eprintln!("The store has {} calls in {} files, {bytes}.", facts.calls, facts.files);
        }
        Ok(())
    }
}

// === impl Lines ===

impl Lines {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let text = str::from_utf8(line).map_err(io::Error::other)?;
        let row = Row::of_line(text).map_err(|_| io::Error::other("a line that is no call"))?;
        self.rows.push(row);
        if self.rows.len() >= ROWS { self.append() } else { Ok(()) }
    }

    fn append(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.store.append(rows, crate::query::now()).map_err(io::Error::other)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if piece.last() != Some(&b'\n') {
                self.begun.extend_from_slice(piece);
            } else if self.begun.is_empty() {
                self.line(piece)?;
            } else {
                self.begun.extend_from_slice(piece);
                let line = std::mem::take(&mut self.begun);
                self.line(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.append()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Err(error) = self.append() {
            eprintln!("callscope: {error}");
        }
    }
}
