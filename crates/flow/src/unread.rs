//! What was carried and could not be read: of which servers, how much, and why.

use std::net::IpAddr;

use hashbrown::HashMap;
use model::{Endpoint, Timestamp, Transport};

/// Servers that are told apart in one shard; all others are one without an address.
const SERVERS_MAX: usize = 512;

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// It is in no known protocol.
    Unknown,
    /// Its beginning was not captured, and what came later told nobody what it is.
    JoinedLate,
    /// Bytes of it were lost before anybody knew what it is.
    Gap,
    /// It is encrypted, and there are no secrets for it.
    Sealed,
}

/// What could not be read of the connections of one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unread {
    /// The server; none for all those that there was no room for.
    pub server: Option<Endpoint>,
    /// What it is reached by.
    pub transport: Transport,
    /// Why.
    pub reason: Reason,
    /// Connections, and conversations without one.
    pub flows: u64,
    /// Bytes of their payload.
    pub bytes: u64,
    /// When the last of them came.
    pub last: Timestamp,
}

/// What could not be read, by server and reason. Bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(HashMap<(Option<Endpoint>, Transport, Reason), Sum>);

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    flows: u64,
    bytes: u64,
    last: Timestamp,
}

// === impl Reason ===

impl Reason {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown-protocol",
            Self::JoinedLate => "joined-late",
            Self::Gap => "gap",
            Self::Sealed => "encrypted",
        }
    }
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn add(
        &mut self,
        server: Endpoint,
        transport: Transport,
        reason: Reason,
        (flows, bytes): (u64, u64),
        at: Timestamp,
    ) {
        let mut key = (Some(server), transport, reason);
        if self.0.len() >= SERVERS_MAX && !self.0.contains_key(&key) {
            key.0 = None;
        }
        let sum = self.0.entry(key).or_default();
        sum.flows += flows;
        sum.bytes += bytes;
        sum.last = sum.last.max(at);
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Unread> {
        self.0.iter().map(|((server, transport, reason), sum)| Unread {
            server: *server,
            transport: *transport,
            reason: *reason,
            flows: sum.flows,
            bytes: sum.bytes,
            last: sum.last,
        })
    }
}

/// Takes those of the same server and reason together, those with the most bytes first.
pub(crate) fn join(all: &mut Vec<Unread>) {
    let key = |one: &Unread| {
        let place = one.server.map(|server| (server.ip, server.port));
        (place.unwrap_or((IpAddr::from([0; 16]), 0)), one.server.is_none(), one.reason)
    };
    all.sort_by_key(|one| (key(one), one.transport as u8));
    all.dedup_by(|next, first| {
        let is_same = key(next) == key(first) && next.transport == first.transport;
        if is_same {
            first.flows += next.flows;
            first.bytes += next.bytes;
            first.last = first.last.max(next.last);
        }
        is_same
    });
    all.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| key(a).cmp(&key(b))));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> Endpoint {
        Endpoint { ip: [10, 0, 0, 1].into(), port }
    }

    #[test]
    fn servers_without_room_are_one() {
        let mut ledger = Ledger::default();
        let ports = 1..=u16::try_from(SERVERS_MAX).unwrap() + 7;
        for port in ports {
            ledger.add(server(port), Transport::Tcp, Reason::Unknown, (1, 10), Timestamp(7));
        }
        let others: Vec<_> = ledger.all().filter(|one| one.server.is_none()).collect();
        assert_eq!((others.len(), others[0].flows, others[0].bytes), (1, 7, 70));
    }

    #[test]
    fn what_shards_say_of_one_server_is_taken_together() {
        let one = |port, reason, bytes| Unread {
            server: Some(server(port)),
            transport: Transport::Tcp,
            reason,
            flows: 1,
            bytes,
            last: Timestamp(bytes),
        };
        let mut all = vec![
            one(80, Reason::Unknown, 5),
            one(443, Reason::Sealed, 7),
            one(80, Reason::Gap, 1),
            one(80, Reason::Unknown, 6),
        ];
        join(&mut all);
        let told: Vec<_> = all.iter().map(|one| (one.reason, one.flows, one.bytes)).collect();
        assert_eq!(told, [(Reason::Unknown, 2, 11), (Reason::Sealed, 1, 7), (Reason::Gap, 1, 1)]);
    }
}
