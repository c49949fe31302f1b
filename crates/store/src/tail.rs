//! Calls as they come: a bounded queue for each listener, shared in memory.

use std::sync::Arc;

use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

use crate::Row;

/// Hands calls to whoever listens; waits for nobody.
#[derive(Debug)]
pub struct Tails(Sender<Arc<Chunk>>);

/// Calls that were appended together.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// How many calls were appended before the first of these.
    pub(crate) first: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) bytes: usize,
}

/// Listens to calls as they are appended.
#[derive(Debug)]
pub struct Tail {
    receiver: Receiver<Arc<Chunk>>,
    /// The number of the next call.
    next: u64,
    /// A chunk that came after others were missed.
    held: Option<Arc<Chunk>>,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// Calls that were appended, in order.
    Calls(Calls),
    /// So many calls were not heard: the listener was too slow.
    Missed(u64),
}

/// Calls that are shared with the store and other listeners.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Chunk>);

/// Chunks that a listener may be behind.
const BEHIND_MAX: usize = 128;

// === impl Tails ===

impl Tails {
    /// Nobody listens yet.
    #[must_use]
    pub fn new() -> Self {
        Self(channel(BEHIND_MAX).0)
    }

    pub(crate) fn send(&self, chunk: &Arc<Chunk>) {
        // An error says that nobody listens.
        drop(self.0.send(chunk.clone()));
    }

    /// Hands calls on, of which `before` others came before.
    pub fn hand_on(&self, before: u64, rows: Vec<Row>) {
        self.send(&Arc::new(Chunk::new(before, rows)));
    }

    /// Whether somebody listens.
    #[must_use]
    pub fn are_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Listens from call number `next` on.
    #[must_use]
    pub fn listen(&self, next: u64) -> Tail {
        Tail { receiver: self.0.subscribe(), next, held: None }
    }
}

impl Default for Tails {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Tail ===

impl Tail {
    /// What comes next; `None` when the store is closed. May be dropped and asked again at any time
    /// without losing anything.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(chunk) = self.held.take() {
                return Some(self.hear(chunk));
            }
            match self.receiver.recv().await {
                Ok(chunk) => return Some(self.hear(chunk)),
                // The next chunk says how many calls these were.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn hear(&mut self, chunk: Arc<Chunk>) -> Event {
        let missed = chunk.first.saturating_sub(self.next);
        if missed > 0 {
            self.next = chunk.first;
            self.held = Some(chunk);
            return Event::Missed(missed);
        }
        self.next = chunk.first.saturating_add(chunk.rows.len() as u64);
        Event::Calls(Calls(chunk))
    }
}

// === impl Calls ===

impl std::ops::Deref for Calls {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.0.rows
    }
}

// === impl Chunk ===

impl Chunk {
    pub(crate) fn new(first: u64, rows: Vec<Row>) -> Self {
        let bytes = rows.iter().map(Row::memory_bytes).sum();
        Self { first, rows, bytes }
    }
}
