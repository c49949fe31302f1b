//! What became of calls that are sent elsewhere.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use store::Outbox;

/// What became of calls that are sent: told in health and metrics.
#[derive(Debug, Default)]
pub struct Sent {
    kind: &'static str,
    name: String,
    calls: AtomicU64,
    batches: AtomicU64,
    waiting: AtomicU64,
    lost: AtomicU64,
    failures: AtomicU64,
    refused: AtomicU64,
    why_refused: Mutex<Option<String>>,
    fault: Mutex<Option<String>>,
}

// === impl Sent ===

impl Sent {
    pub(crate) fn new(kind: &'static str, name: String) -> Self {
        Self { kind, name, ..Self::default() }
    }

    /// What takes them: `clickhouse`, `files`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Where calls are sent, without passwords.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls that the engine took.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Batches that these came in.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Calls that wait in the store.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that left the store before the engine took them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Batches that the engine did not take; they were, or are, tried again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Calls that the engine refused for good, and that were put aside.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Why the last of them were refused.
    #[must_use]
    pub fn why_refused(&self) -> Option<String> {
        self.why_refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn refuse(&self, calls: u64, why: &str, folder: &Path) {
        self.refused.fetch_add(calls, Ordering::Relaxed);
        eprintln!(
            "callscope: {}: {why}; {calls} calls are not taken and lie in {}",
            self.name,
            folder.display()
        );
        *self.why_refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// What is wrong now.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn fail(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // Once for each thing that goes wrong, not once for each try.
        if fault.as_deref() != Some(why) {
            eprintln!("callscope: {}: {why}; calls wait in the store", self.name);
        }
        *fault = Some(why.to_owned());
    }

    /// The outbox as it is now.
    pub(crate) fn count(&self, outbox: &Outbox) {
        self.waiting.store(outbox.waiting(), Ordering::Relaxed);
        self.lost.store(outbox.lost(), Ordering::Relaxed);
    }

    pub(crate) fn succeed(&self, calls: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(calls, Ordering::Relaxed);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
