//! The call log: append, seal, scan, retain.
//!
//! A [`Store`] is a folder. Finished calls ([`Row`]) are appended to a log and kept in memory, where
//! they are found at once; when enough of them are together they are sealed: written to a Parquet
//! file, sorted by time. `docs/STORE.md` describes the files and what is promised.
//!
//! The store has no clock and no thread. Whoever owns it says what time it is, and calls
//! [`Store::maintain`] about once a second. Queries block: ask them from a thread that may wait.

mod aggregate;
mod ask;
mod batch;
mod columns;
mod elsewhere;
mod engine;
mod error;
mod facts;
mod figures;
mod folder;
mod group;
mod json;
mod lean;
mod log;
mod memory;
mod names;
mod need;
mod order;
mod outbox;
mod packets;
mod part;
mod partial;
mod record;
mod row;
mod scan;
mod segment;
mod sieve;
mod source;
mod spread;
mod stamp;
mod state;
mod store;
mod tail;
mod tally;
mod test;

pub use ask::{
    Aggregate, Amount, By, Cell, Heading, Measure, Missing, Order, Page, Scan, Searched, Select,
    Stop, Table,
};
pub use elsewhere::{Cells, Counting, Found, Held, Kept, Kind, Look, kept_column, kept_columns};
pub use error::StoreError;
pub use facts::{Count, Facts};
pub use json::Malformed;
pub use order::Place;
pub use outbox::{Outbox, Sealed};
pub use packets::{Captured, PacketsAsked, PacketsOf, PacketsTold};
pub use part::Part;
pub use partial::{Durations, Group, Partial, Sum};
pub use record::View;
pub use row::{Key, Row};
pub use source::{Member, Source};
pub use stamp::write as moment;
pub use store::{Options, Store};
pub use tail::{Calls, Event, Tail, Tails};
