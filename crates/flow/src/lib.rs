//! Packets in, calls out: flow table, detection, timers, budget. Names no protocol.
//!
//! A [`Worker`] decodes every packet and keeps the flows of some shards. The number
//! of shards is fixed, whatever the number of workers, and every worker sees every packet's time: the
//! same input gives the same calls in the same order on any number of threads, also where limits are
//! reached.

mod deliver;
mod detect;
mod flow;
mod inside;
mod report;
mod shard;
mod table;
mod twins;
mod wheel;
mod worker;

pub use report::Report;
pub use shard::Settings;
pub use worker::{SHARDS, Worker};
