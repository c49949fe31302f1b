//! What whoever starts a server decides.

use std::{path::PathBuf, sync::Arc, time::Duration};

use mask::Mask;
use warehouse::Sent;

use crate::{Audit, Grant, Login, Tokens};

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who is let in; everybody, if there are no tokens, and certificates are not asked for.
    pub tokens: Tokens,
    /// What those may do who show a certificate of the listener's authority that `tokens` does not name.
    pub certified: Option<Arc<Grant>>,
    /// Who is let in by an identity provider.
    pub login: Option<Arc<Login>>,
    /// Where it is written down who looked at what.
    pub audit: Option<Arc<Audit>>,
    /// Names by which it is reached, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The dashboard's files, instead of those that are built in.
    pub ui: Option<PathBuf>,
    /// Where uploads are put.
    pub uploads: PathBuf,
    /// Takes secrets out of calls before they are stored. While there is one, packets are shown up to
    /// the end of their headers: their payload is not stored, and not masked.
    pub mask: Option<Arc<Mask>>,
    /// Where calls are sent, and what became of them.
    pub sinks: Vec<Arc<Sent>>,
    /// What one client may cost.
    pub limits: Limits,
}

/// What one client, and all together, may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one upload.
    pub upload_bytes: u64,
    /// Bytes of all uploads that are kept.
    pub uploads_bytes: u64,
    /// How long a query may take.
    pub query_time: Duration,
    /// Queries that run at the same time; more of them wait.
    pub queries: usize,
    /// Readers of the live tail.
    pub tails: usize,
    /// Connections.
    pub connections: usize,
    /// Bytes of an expression.
    pub condition_bytes: usize,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 4 << 30,
            uploads_bytes: 16 << 30,
            query_time: Duration::from_secs(30),
            queries: 4,
            tails: 2000,
            connections: 4000,
            condition_bytes: 8 << 10,
        }
    }
}
