//! A bell that anybody may ring to have an intake come to its end.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::event::{EventfdFlags, eventfd};

/// Rung once, it stays rung; clones are the same bell.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    /// Readable as soon as it was rung: whoever waits for packets waits for this, too.
    event: OwnedFd,
}

// === impl Stop ===

impl Stop {
    /// A bell that was not rung.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Bell { rung: AtomicBool::new(false), event })))
    }

    /// Has the intake hand out what it has, and end.
    pub fn ring(&self) {
        self.0.rung.store(true, Ordering::Release);
        // Nobody reads it: it can only fail when it is rung for the 2^64th time.
        let _ = rustix::io::write(&self.0.event, &1_u64.to_ne_bytes());
    }

    /// Whether it was rung.
    #[must_use]
    pub fn is_rung(&self) -> bool {
        self.0.rung.load(Ordering::Acquire)
    }

    /// Readable from when it was rung.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}
