//! What is said under TLS, taken where applications hand it to their library: read by a thread of its
//! own, and put beside the packets of the wire.

use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use capture::{
    Batch, Intake, IntakeCount, Progress, ReadError,
    live::{Inlet, Made, Tap},
};
use model::{FlowKey, Source};
use packet::LinkType;
use plaintext::{Counts, Packets, Settings, Taps};

/// How late what was said may be put in: looks are 10 ms apart, and an answer waits for the end of its
/// question for at most 50.
const LAG: Duration = Duration::from_millis(100);
/// How long one look waits for something.
const WAIT: Duration = Duration::from_millis(100);

/// Taps on the machine's TLS libraries, as long as it lives.
pub(super) struct Clear {
    counts: Arc<Mutex<Counts>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

/// Packets of interfaces, and what the taps count.
pub(super) struct Both {
    tap: Tap,
    clear: Clear,
}

// === impl Clear ===

impl Clear {
    /// Attaches to all libraries, and puts what they say into `tap`: of all network namespaces, or of those
    /// with these inode numbers.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn start(tap: &mut Tap, namespaces: Option<Vec<u32>>) -> Result<Self> {
        let source = Source { kind: "ebpf", name: "tls".to_owned(), interface: None };
        let inlet = tap.inlet(source, LAG)?;
        let taps = Taps::start(Settings::default())
            .context("can't tap TLS (callscope doctor says what is missing)")?;
        let counts = Arc::new(Mutex::new(taps.counts()));
        let stop = Arc::new(AtomicBool::new(false));
        let read = {
            let (counts, stop) = (Arc::clone(&counts), Arc::clone(&stop));
            move || read(taps, &inlet, namespaces.as_deref(), &counts, &stop)
        };
        let reader = thread::Builder::new().name("tls".to_owned()).spawn(read)?;
        Ok(Self { counts, stop, reader: Some(reader) })
    }

    /// Packets of `tap`, and the counts of both.
    pub(super) fn beside(self, tap: Tap) -> Both {
        Both { tap, clear: self }
    }
}

impl Drop for Clear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // A panic there was printed there.
            let _ = reader.join();
        }
    }
}

fn read(
    mut taps: Taps,
    inlet: &Inlet,
    namespaces: Option<&[u32]>,
    counts: &Mutex<Counts>,
    stop: &AtomicBool,
) {
    let made = RefCell::new(Vec::new());
    let mut packets = Packets::new(|packet: &plaintext::Made<'_>| {
        if namespaces.is_none_or(|wanted| wanted.contains(&packet.netns)) {
            made.borrow_mut().push(told(packet));
        }
    });
    // Until the stop.
    while !stop.load(Ordering::Relaxed) {
        taps.read(WAIT, &mut packets);
        inlet.put(made.borrow_mut().drain(..));
        *counts.lock().unwrap_or_else(PoisonError::into_inner) = taps.counts();
    }
}

fn told(packet: &plaintext::Made<'_>) -> Made {
    // 127.0.0.1 is somebody else in each namespace; these have numbers of their own.
    let number = packet.netns & u32::from(!FlowKey::UNDER_COVER);
    let space = u16::try_from(number).ok().filter(|_| packet.is_local).unwrap_or_default();
    Made {
        at: packet.at,
        link: LinkType::RAW,
        scope: FlowKey::UNDER_COVER | space,
        bytes: packet.bytes.to_vec(),
    }
}

// === impl Both ===

impl Intake for Both {
    fn next(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        self.tap.next(batch)
    }

    fn sources(&self) -> &[Source] {
        self.tap.sources()
    }

    fn warnings(&self) -> Vec<String> {
        self.tap.warnings()
    }

    fn secrets(&self) -> &[(u32, Vec<u8>)] {
        self.tap.secrets()
    }

    fn progress(&self) -> Progress {
        self.tap.progress()
    }

    fn counts(&mut self) -> Vec<IntakeCount> {
        let counts = *self.clear.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |line: plaintext::Line| {
            let plaintext::Line { name, words, value, is_loss } = line;
            IntakeCount { name, words, value, is_loss }
        };
        let mut all = self.tap.counts();
        all.extend(counts.lines().map(of));
        all
    }
}
