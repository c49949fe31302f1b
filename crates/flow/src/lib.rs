//! Packets in, calls out: flow table, detection, timers, budget. Names no protocol but its own table of
//! connections.
//!
//! A [`Worker`] decodes every packet and keeps the flows of some shards. The number
//! of shards is fixed, whatever the number of workers, and every worker sees every packet's time: the
//! same input gives the same calls in the same order on any number of threads, also where limits are
//! reached.

mod aim;
mod conn;
mod deliver;
mod detect;
mod flow;
mod inside;
mod lores;
mod report;
mod shard;
mod share;
mod table;
mod tally;
mod twins;
mod unread;
mod wheel;
mod whose;
mod worker;

pub use aim::Aim;
pub use conn::CONN;
pub use lores::{Lores, ROUNDS_BEHIND};
pub use report::Report;
pub use shard::Settings;
pub use share::{ALL, Share};
pub use unread::{Reason, Unread};
pub use whose::Whose;
pub use worker::{SHARDS, Worker};
