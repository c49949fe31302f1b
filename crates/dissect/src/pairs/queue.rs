//! The in-order exchanges of a conversation; nothing but a pointer until there is one.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
};

use super::exchange::Exchange;

static EMPTY: VecDeque<Exchange> = VecDeque::new();

/// A queue that takes room with its first exchange: most open connections have nothing pending.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a million of them are empty")]
pub(super) struct Queue(Option<Box<VecDeque<Exchange>>>);

// === impl Queue ===

impl Deref for Queue {
    type Target = VecDeque<Exchange>;

    fn deref(&self) -> &VecDeque<Exchange> {
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

impl DerefMut for Queue {
    fn deref_mut(&mut self) -> &mut VecDeque<Exchange> {
        self.0.get_or_insert_default()
    }
}
