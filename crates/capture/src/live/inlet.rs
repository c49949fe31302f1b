//! Where packets that no interface has seen come in: what others have found out, told as packets.
//!
//! How a source of clear text is put in, by whoever composes the program:
//!
//! ```text
//! let mut tap = Tap::open(…)?;
//! let inlet = tap.inlet(Source { kind: "ebpf", name: "tls".into(), interface: None }, LAG)?;
//! thread: loop { taps.read(wait, packets); inlet.put(made) }     // before the tap is read
//! ```
//!
//! - Each packet is a whole IP packet ([`LinkType::RAW`]) with the real addresses and ports of the
//!   connection, its sequence numbers counting the bytes of the clear text.
//! - Its [`Made::scope`] is another one than that of the packets of the same connection on the wire, or
//!   the two would be read as one stream: `FlowKey::UNDER_COVER` is set in it.
//! - Its [`Made::at`] is by the clock of the machine, as packets have it; an inlet's packets come in that
//!   order. All other packets wait for `lag`, which is how late one may be put in: shorter is sooner seen.
//! - Packets of an inlet are not kept (`keep` takes those of interfaces alone), and need not pass `--filter`.
//! - What finds no room is lost and counted; [`Inlet::put`] never waits, and needs no lock of the caller's.
//! - The thread ends when it likes: at the stop everything put in until then is read.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use model::Timestamp;
use packet::LinkType;
use rustix::event::{EventfdFlags, eventfd};

use super::TapError;

/// Bytes that wait in an inlet at most; what comes then is lost, and counted.
const BYTES_MAX: usize = 64 << 20;
/// What a waiting packet costs beside its bytes.
const PACKET_BYTES: usize = 64;

/// A packet that was made, not captured.
#[derive(Clone, Debug)]
pub struct Made {
    /// When what it tells of happened, by the clock of the machine (as packets are stamped).
    pub at: Timestamp,
    /// What its first byte is the beginning of.
    pub link: LinkType,
    /// The address space that it belongs to; 0 is that of all interfaces but `lo`s of others.
    pub scope: u16,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The end that packets are put into; clones are the same.
#[derive(Clone, Debug)]
pub struct Inlet(Arc<Pipe>);

#[derive(Debug)]
struct Pipe {
    waiting: Mutex<Waiting>,
    event: OwnedFd,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    packets: VecDeque<Made>,
    bytes: usize,
}

/// The end that they are taken out of.
#[derive(Debug)]
pub(super) struct Outlet {
    pipe: Arc<Pipe>,
    /// The number of its source.
    pub(super) source: u32,
    /// How long after it happened a packet may still be put in, in nanoseconds.
    pub(super) lag_ns: u64,
    taken: VecDeque<Made>,
}

/// Makes both ends.
pub(super) fn inlet(source: u32, lag_ns: u64) -> Result<(Inlet, Outlet), TapError> {
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|error| {
        TapError::Io { what: "can't make an inlet".to_owned(), source: error.into() }
    })?;
    let pipe = Arc::new(Pipe { waiting: Mutex::default(), event, lost: AtomicU64::new(0) });
    Ok((Inlet(pipe.clone()), Outlet { pipe, source, lag_ns, taken: VecDeque::new() }))
}

// === impl Inlet ===

impl Inlet {
    /// Puts packets in, in the order in which they are to be read; never waits. What finds no room is
    /// lost, and counted.
    pub fn put(&self, packets: impl IntoIterator<Item = Made>) {
        let mut waiting = lock(&self.0.waiting);
        let was_empty = waiting.packets.is_empty();
        for packet in packets {
            let bytes = waiting.bytes + packet.bytes.len() + PACKET_BYTES;
            if bytes > BYTES_MAX {
                self.0.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            waiting.bytes = bytes;
            waiting.packets.push_back(packet);
        }
        let wake = was_empty && !waiting.packets.is_empty();
        drop(waiting);
        if wake {
            // It can only fail when nobody has read it 2^64 times.
            let _ = rustix::io::write(&self.0.event, &1_u64.to_ne_bytes());
        }
    }
}

// === impl Outlet ===

impl Outlet {
    /// Takes what was put in, if all that was taken before is gone.
    pub(super) fn refill(&mut self) {
        if !self.taken.is_empty() {
            return;
        }
        // First the bell, then the packets: one put in between rings again. Nothing to read is no
        // error, nobody has rung.
        let _ = rustix::io::read(&self.pipe.event, &mut [0; 8]);
        let mut waiting = lock(&self.pipe.waiting);
        std::mem::swap(&mut self.taken, &mut waiting.packets);
        waiting.bytes = 0;
    }

    /// The next packet of those taken.
    pub(super) fn peek(&self) -> Option<&Made> {
        self.taken.front()
    }

    /// Done with the packet that [`Outlet::peek`] gave.
    pub(super) fn advance(&mut self) {
        self.taken.pop_front();
    }

    /// Packets that found no room.
    pub(super) fn lost(&self) -> u64 {
        self.pipe.lost.load(Ordering::Relaxed)
    }

    /// To wait for.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.event.as_fd()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
