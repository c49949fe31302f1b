//! One folder per protocol, and the list of them.
//!
//! The list is walked by detection, filters, columns, docs, cases, fuzzers and benches: a protocol is
//! added by its folder and its line here.

pub mod dns;
pub mod http;
pub mod redis;

use dissect::Dissection;

/// All protocols, in the order in which they are tried: the surest probes first.
pub static ALL: &[&Dissection] = &[&http::DISSECTION, &redis::DISSECTION, &dns::DISSECTION];
