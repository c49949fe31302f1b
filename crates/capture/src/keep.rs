//! Captured packets on disk, the oldest leaving for the newest, and their calls' places among them.
//!
//! ```text
//! DIR/01795512345678901234.pcapng   packets from that moment on (nanoseconds since 1970)
//! DIR/01795512345678901234.calls    a line for each call that was finished meanwhile
//! DIR/01795512412345678901.pcapng   …
//! ```
//!
//! Each file can be read alone, by anything that reads pcapng.

mod cut;
mod entry;
mod folder;
mod keeper;
mod wants;

pub use cut::{Cut, Kept, Shown};
pub use entry::Entry;
pub use folder::KeepError;
pub use keeper::{Closing, Keeper};
pub use wants::Want;
