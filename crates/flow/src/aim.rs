//! Which flows are meant at all, by their ends.

use std::sync::{Arc, Mutex, PoisonError};

use model::{FlowKey, Timestamp};

/// Decides by its ends whether a new flow is to be read. Asked for every packet of a flow that is not, so it
/// has to know its answer.
pub trait Aim: Send {
    /// Whether it is to be read, as far as is known now.
    fn is_meant(&mut self, key: &FlowKey, at: Timestamp) -> bool;
}

/// One worker's, for all its shards.
#[derive(Clone)]
pub(crate) struct Aimed(Arc<Mutex<dyn Aim>>);

// === impl Aimed ===

impl Aimed {
    pub(crate) fn new(aim: impl Aim + 'static) -> Self {
        Self(Arc::new(Mutex::new(aim)))
    }

    pub(crate) fn is_meant(&self, key: &FlowKey, at: Timestamp) -> bool {
        // Nobody else waits for it: a worker's shards take turns.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_meant(key, at)
    }
}
