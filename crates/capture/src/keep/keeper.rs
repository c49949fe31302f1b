//! Writes packets down as they come, in a thread of its own: a slow disk loses kept packets, and
//! never keeps the capture waiting.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use model::{Source, Timestamp};
use packet::{LinkType, Packet};

use super::folder::{KeepError, Segment, failed, segments};
use crate::{
    Batch, IntakeCount,
    write::{self, Enhanced},
};

/// What is kept is at least so much.
const BYTES_MIN: u64 = 8 << 20;
/// What is kept is in so many files: the oldest of them leaves at once.
const SEGMENTS: u64 = 16;
const SEGMENT_BYTES_MAX: u64 = 256 << 20;
/// Batches, and lists of calls, that may wait for the disk.
const WAITING_MAX: usize = 64;
/// Secrets that are repeated in each file, so that the rest can be read without those before it.
const SECRET_BYTES_MAX: usize = 1 << 20;

/// Takes packets and calls to be kept; clones are the same.
#[derive(Clone, Debug)]
pub struct Keeper {
    work: SyncSender<Work>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    packets_lost: AtomicU64,
    calls_lost: AtomicU64,
}

#[derive(Debug)]
enum Work {
    Packets(Arc<Batch>, Arc<Vec<Source>>),
    Secrets(Vec<u8>),
    /// Lines of [`Entry`](super::Entry).
    Calls(Vec<u8>),
}

/// Waits until everything is written.
#[derive(Debug)]
pub struct Closing(JoinHandle<Result<(), KeepError>>);

// === impl Keeper ===

impl Keeper {
    /// Keeps at most `bytes` in a folder, which is made if need be. What an earlier run has kept there
    /// counts, too. When all clones are dropped, [`Closing`] comes to its end.
    ///
    /// # Errors
    /// When the folder can't be written to.
    pub fn open(folder: &Path, bytes: u64) -> Result<(Self, Closing), KeepError> {
        if bytes < BYTES_MIN {
            return Err(KeepError::TooSmall { asked: bytes, min: BYTES_MIN });
        }
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut writer = Writer {
            folder: folder.to_owned(),
            bytes_max: bytes,
            segment_bytes_max: (bytes / SEGMENTS).min(SEGMENT_BYTES_MAX),
            done: VecDeque::from(segments(folder)?),
            open: None,
            secrets: VecDeque::new(),
            secret_bytes: 0,
            text: Vec::new(),
        };
        writer.make_room(0)?;
        let (work, todo) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || writer.run(&todo))
            .map_err(failed(folder))?;
        Ok((Self { work, counts: Arc::default() }, Closing(thread)))
    }

    /// Keeps the packets of a batch; never waits.
    pub fn packets(&self, batch: &Arc<Batch>, sources: &Arc<Vec<Source>>) {
        if batch.is_empty() {
            return;
        }
        let lost = batch.len() as u64;
        let work = Work::Packets(Arc::clone(batch), Arc::clone(sources));
        self.put(work, &self.counts.packets_lost, lost);
    }

    /// Keeps lines of a key log.
    pub fn secrets(&self, lines: &[u8]) {
        self.put(Work::Secrets(lines.to_vec()), &self.counts.calls_lost, 0);
    }

    /// Keeps lines of [`Entry`](super::Entry).
    pub fn calls(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        let lost = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.put(Work::Calls(lines.to_vec()), &self.counts.calls_lost, lost);
    }

    /// What was not kept.
    #[must_use]
    pub fn counts(&self) -> [IntakeCount; 2] {
        let count = |name, words, value: &AtomicU64| {
            let value = value.load(Ordering::Relaxed);
            IntakeCount { name, words, value, is_loss: true }
        };
        [
            count(
                "packets_not_kept",
                "packets not kept: the disk was too slow or failed",
                &self.counts.packets_lost,
            ),
            count(
                "calls_not_kept",
                "calls that `callscope pcap` won't find: the disk was too slow or failed",
                &self.counts.calls_lost,
            ),
        ]
    }

    fn put(&self, work: Work, count: &AtomicU64, lost: u64) {
        match self.work.try_send(work) {
            Ok(()) => {}
            // Gone: the writer has failed, and says why when it is waited for.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                count.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

// === impl Closing ===

impl Closing {
    /// Waits until everything is written.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn wait(self) -> Result<(), KeepError> {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The one who writes.
struct Writer {
    folder: PathBuf,
    bytes_max: u64,
    segment_bytes_max: u64,
    /// The oldest first.
    done: VecDeque<Segment>,
    open: Option<Open>,
    /// Lines of key logs, the oldest first.
    secrets: VecDeque<Vec<u8>>,
    secret_bytes: usize,
    text: Vec<u8>,
}

/// The files that are written to.
struct Open {
    segment: Segment,
    packets: File,
    calls: File,
    /// Numbers of the interfaces described, by source and link type.
    interfaces: HashMap<(u32, LinkType), u32>,
}

// === impl Writer ===

impl Writer {
    fn run(mut self, todo: &Receiver<Work>) -> Result<(), KeepError> {
        for work in todo {
            match work {
                Work::Packets(batch, sources) => self.packets(&batch, &sources)?,
                Work::Secrets(lines) => self.learn(lines)?,
                Work::Calls(lines) => self.calls(&lines)?,
            }
        }
        Ok(())
    }

    fn packets(&mut self, batch: &Batch, sources: &[Source]) -> Result<(), KeepError> {
        let Some(first) = batch.get(0) else { return Ok(()) };
        self.turn(first.at, batch.bytes_read())?;
        let Self { open: Some(open), text, .. } = self else { return Ok(()) };
        text.clear();
        for packet in batch.packets().filter(|packet| is_captured(packet, sources)) {
            let interface = open.interface(packet.source, packet.link, sources, text);
            let (at, wire_len, bytes) = (packet.at, packet.wire_len, packet.bytes);
            write::packet(&Enhanced { interface, at, wire_len, bytes, comment: None }, text);
        }
        self.write_packets()
    }

    /// Writes the text, after whatever has to leave for it.
    fn write_packets(&mut self) -> Result<(), KeepError> {
        self.make_room(self.text.len() as u64)?;
        let Self { open: Some(open), text, .. } = self else { return Ok(()) };
        open.packets.write_all(text).map_err(failed(&open.segment.packets))?;
        open.segment.bytes += text.len() as u64;
        Ok(())
    }

    fn calls(&mut self, lines: &[u8]) -> Result<(), KeepError> {
        self.make_room(lines.len() as u64)?;
        // Calls come of packets: there is a file, unless the packets were lost.
        let Some(open) = &mut self.open else { return Ok(()) };
        open.calls.write_all(lines).map_err(failed(&open.segment.calls))?;
        open.segment.bytes += lines.len() as u64;
        Ok(())
    }

    fn learn(&mut self, lines: Vec<u8>) -> Result<(), KeepError> {
        if self.open.is_some() {
            self.text.clear();
            write::secrets(&lines, &mut self.text);
            self.write_packets()?;
        }
        self.secret_bytes += lines.len();
        self.secrets.push_back(lines);
        while self.secret_bytes > SECRET_BYTES_MAX {
            let Some(oldest) = self.secrets.pop_front() else { break };
            self.secret_bytes -= oldest.len();
        }
        Ok(())
    }

    /// Goes on to new files where there are none, or where those there are would be too long.
    fn turn(&mut self, at: Timestamp, bytes: u64) -> Result<(), KeepError> {
        let fits = |open: &Open| open.segment.bytes + bytes <= self.segment_bytes_max;
        if self.open.as_ref().is_some_and(fits) {
            return Ok(());
        }
        self.done.extend(self.open.take().map(|open| open.segment));
        // A clock that was set back must not lead to a file that is there already.
        let after = self.done.back().map_or(0, |last| last.from.0 + 1);
        let segment = Segment::new(&self.folder, Timestamp(at.0.max(after)));
        self.open = Some(Open::create(segment)?);
        self.text.clear();
        write::section(&mut self.text);
        self.secrets.iter().for_each(|lines| write::secrets(lines, &mut self.text));
        self.write_packets()
    }

    /// Has the oldest leave until there is room for so many bytes more.
    fn make_room(&mut self, bytes: u64) -> Result<(), KeepError> {
        let open = self.open.as_ref().map_or(0, |open| open.segment.bytes);
        let mut all = self.done.iter().map(|segment| segment.bytes).sum::<u64>() + open + bytes;
        while all > self.bytes_max {
            let Some(oldest) = self.done.pop_front() else { break };
            oldest.remove()?;
            all -= oldest.bytes;
        }
        Ok(())
    }
}

/// Whether an interface has seen it: what others have made (what was encrypted, in the clear) would be
/// a second conversation between the same ends for whoever reads the file.
fn is_captured(packet: &Packet<'_>, sources: &[Source]) -> bool {
    sources.get(packet.source as usize).is_none_or(|source| source.kind == "interface")
}

// === impl Open ===

impl Open {
    fn create(segment: Segment) -> Result<Self, KeepError> {
        let packets = File::create(&segment.packets).map_err(failed(&segment.packets))?;
        let calls = File::create(&segment.calls).map_err(failed(&segment.calls))?;
        Ok(Self { segment, packets, calls, interfaces: HashMap::new() })
    }

    /// The number of an interface; describes it if it is the first packet of it here.
    fn interface(
        &mut self,
        source: u32,
        link: LinkType,
        sources: &[Source],
        text: &mut Vec<u8>,
    ) -> u32 {
        let next = self.interfaces.len() as u32;
        *self.interfaces.entry((source, link)).or_insert_with(|| {
            let known = sources.get(source as usize);
            write::interface(known.unwrap_or(&Source::default()), link, text);
            next
        })
    }
}
