//! What following a cluster costs the API server, and how it went.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

macro_rules! counts {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// What following a cluster cost so far.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub struct Load {
            $($(#[$about])* pub $name: u64,)*
        }

        /// The same, while it is counted.
        #[derive(Debug, Default)]
        pub(crate) struct Counts {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counts {
            /// The counts now.
            pub(crate) fn load(&self) -> Load {
                Load { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Load {
            /// The counts, by their names.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counts! {
    /// Requests sent.
    requests,
    /// Bytes of answers received, without their heads.
    bytes,
    /// Watches open now.
    open,
    /// Kinds that were listed since the last time that they had to be.
    listed,
    /// Changes that watches told.
    changes,
    /// Changes that were known before, or older than what was known.
    old_changes,
    /// Bookmarks received.
    bookmarks,
    /// Watches that went on after they had ended, whoever ended them.
    restarts,
    /// Waits before another try.
    waits,
    /// Waits that the API server asked for (`Retry-After`).
    waits_asked,
    /// Lists because there was none before.
    lists_first,
    /// Lists because the resource version was too old (410).
    lists_gone,
    /// Lists because the one before broke off.
    lists_broken,
    /// Lists because a watch told what can't be read, or failed too often.
    lists_doubt,
    /// Connections that broke.
    broken,
    /// Connections on which nothing came for too long.
    stalled,
    /// Answers that said no.
    refused,
    /// Times that credentials were read again.
    renewed,
    /// Times that nobody took what was told, and reading had to wait.
    held_up,
}

/// Something that is counted for as long as it is.
#[derive(Debug)]
pub(crate) struct Open(Arc<Counts>);

/// One more.
pub(crate) fn one(count: &AtomicU64) {
    some(count, 1);
}

/// So many more.
pub(crate) fn some(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
}

// === impl Open ===

impl Open {
    pub(crate) fn new(counts: &Arc<Counts>) -> Self {
        one(&counts.open);
        Self(counts.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Load ===

impl Load {
    /// Lists, whatever the cause.
    #[must_use]
    pub fn lists(&self) -> u64 {
        self.lists_first + self.lists_gone + self.lists_broken + self.lists_doubt
    }
}
