//! Who had which socket when: written by one, read by many without a lock.
//!
//! The table is cut into many parts. A writer puts a new part in place of an old one; a reader that
//! holds the old one goes on with it.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use model::{Endpoint, Timestamp, Transport};

use crate::Process;

/// A question: whose was this end?
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The end.
    pub local: Endpoint,
    /// The other end, as seen on the wire.
    pub remote: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// When.
    pub at: Timestamp,
    /// The network namespace (its inode number) in which the packets were seen, where known: it
    /// decides between sockets that look the same, as on each namespace's own loopback.
    pub netns: Option<u32>,
}

/// A time in which a process had a socket.
#[derive(Clone, Debug)]
pub struct Tenure {
    /// The socket's own end; the address may be unspecified.
    pub local: Endpoint,
    /// The other end, if it is connected.
    pub remote: Option<Endpoint>,
    /// TCP or UDP.
    pub transport: Transport,
    /// The inode number of its network namespace.
    pub netns: u32,
    /// When it began; 0 if that was before we came.
    pub since: Timestamp,
    /// When it ended; the end of time while it lasts.
    pub until: Timestamp,
    /// Tells sockets apart that live at the same time; 0 where it isn't known.
    pub socket: u64,
    /// How it got to its ends.
    pub role: Role,
    /// Who had it.
    pub owner: Arc<Process>,
}

/// How a socket got to its ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// It connected, from a port of its own: it may also be asked for by that port alone.
    Connected,
    /// It was accepted, on a port that it shares with others.
    Accepted,
    /// It has no other end: it listens, or takes datagrams from anywhere.
    Bound,
}

/// A time that never comes.
pub const FOREVER: Timestamp = Timestamp(u64::MAX);

/// How the table was used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TableCounts {
    /// Tenures in it.
    pub held: u64,
    /// Tenures that had to go before their time, because there were too many.
    pub evicted: u64,
}

/// The table. One may write at a time; any number may read.
#[derive(Debug)]
pub struct Table {
    parts: Box<[ArcSwap<Vec<Tenure>>]>,
    /// Which namespaces have an address.
    homes: ArcSwap<HashMap<IpAddr, Vec<u32>>>,
    held: AtomicU64,
    evicted: AtomicU64,
}

/// Parts, a power of two: with all tenures of a busy node there are about 32 in each.
const PARTS: usize = 4096;
/// Tenures in a part, of which the oldest go.
const PART_MAX: usize = 128;
/// What ended longer ago is forgotten: calls are told soon after their end.
const KEPT_NS: u64 = 120_000_000_000;
/// How far the time of a packet and of an event may be apart: both come from one kernel's clocks,
/// but events are told a moment later than packets are stamped, and the clock may be set.
const SLACK_NS: u64 = 500_000_000;

// === impl Table ===

impl Default for Table {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| ArcSwap::default()).collect(),
            homes: ArcSwap::default(),
            held: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }
}

impl Table {
    /// Whose the end was. `None` if nobody is known, or if it may have been several.
    #[must_use]
    pub fn find(&self, ask: &Ask) -> Option<Arc<Process>> {
        self.find_connected(ask).or_else(|| self.find_local(ask)).or_else(|| self.find_bound(ask))
    }

    /// A connection between just these ends.
    fn find_connected(&self, ask: &Ask) -> Option<Arc<Process>> {
        let part = self.part(ask.local, Some(ask.remote), ask.transport).load();
        let is_it = |tenure: &&Tenure| {
            tenure.is_at(ask.local, ask.transport) && tenure.remote == Some(ask.remote)
        };
        best(ask, part.iter().filter(is_it))
    }

    /// A connection to a service's address, which became another one on the way; or a socket that is
    /// bound to this address.
    fn find_local(&self, ask: &Ask) -> Option<Arc<Process>> {
        let part = self.part(ask.local, None, ask.transport).load();
        best(ask, part.iter().filter(|tenure| tenure.is_at(ask.local, ask.transport)))
    }

    /// A socket that is bound to all addresses of its namespace.
    fn find_bound(&self, ask: &Ask) -> Option<Arc<Process>> {
        let homes = self.homes.load();
        let homes = homes.get(&ask.local.ip)?;
        let of = |ip: IpAddr| {
            let local = Endpoint { ip, port: ask.local.port };
            let part = self.part(local, None, ask.transport).load();
            let is_it = |tenure: &&Tenure| {
                tenure.is_at(local, ask.transport)
                    && tenure.remote.is_none_or(|remote| remote == ask.remote)
                    && homes.contains(&tenure.netns)
            };
            best(ask, part.iter().filter(is_it))
        };
        // A socket of IPv6 serves IPv4, too.
        let v4 = || ask.local.ip.is_ipv4().then(|| of(Ipv4Addr::UNSPECIFIED.into())).flatten();
        v4().or_else(|| of(Ipv6Addr::UNSPECIFIED.into()))
    }

    /// Adds a tenure. The one before on the same socket, if another's, ends now.
    pub fn begin(&self, tenure: &Tenure, now: Timestamp) {
        let Some(known) = self.known(tenure) else {
            self.change(tenure, now, |part| part.push(tenure.clone()));
            return;
        };
        // How the socket got to its ends was told at its first time.
        let mut tenure = Tenure { role: known.role, ..tenure.clone() };
        if known.owner.is_same(&tenure.owner) {
            // Told twice; or the program was changed by an exec.
            self.change(&tenure, now, |part| {
                let open = part.iter_mut().filter(|known| known.is_open_as(&tenure));
                open.for_each(|known| known.owner = tenure.owner.clone());
            });
            return;
        }
        self.end(&tenure, now);
        tenure.since = now;
        self.change(&tenure, now, |part| part.push(tenure.clone()));
    }

    /// Adds a tenure as found in the kernel's tables, unless it is known.
    pub fn find_open(&self, tenure: &Tenure, now: Timestamp) {
        let known = self.part(tenure.local, tenure.remote, tenure.transport).load();
        let is_known =
            known.iter().any(|known| known.place() == tenure.place() && known.until == FOREVER);
        if !is_known {
            self.change(tenure, now, |part| part.push(tenure.clone()));
        }
    }

    /// Ends what is open on this socket.
    pub fn end(&self, closed: &Tenure, now: Timestamp) {
        let Some(known) = self.known(closed) else { return };
        self.change(&known, now, |part| {
            let open = part.iter_mut().filter(|tenure| tenure.is_open_as(closed));
            open.for_each(|tenure| tenure.until = now);
        });
    }

    /// What is open on the same socket.
    fn known(&self, of: &Tenure) -> Option<Tenure> {
        let part = self.part(of.local, of.remote, of.transport).load();
        part.iter().find(|tenure| tenure.is_open_as(of)).cloned()
    }

    /// Which namespaces have an address, from now on.
    pub fn settle(&self, homes: HashMap<IpAddr, Vec<u32>>) {
        self.homes.store(Arc::new(homes));
    }

    /// All that is open now, each once.
    #[must_use]
    pub fn open(&self) -> Vec<Tenure> {
        let mut open = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let is_first = |tenure: &&Tenure| {
                tenure.until == FOREVER
                    && index(tenure.local, tenure.remote, tenure.transport) == at
            };
            open.extend(part.load().iter().filter(is_first).cloned());
        }
        open
    }

    /// How it was used.
    #[must_use]
    pub fn counts(&self) -> TableCounts {
        TableCounts {
            held: self.held.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
        }
    }

    fn part(
        &self,
        local: Endpoint,
        remote: Option<Endpoint>,
        transport: Transport,
    ) -> &ArcSwap<Vec<Tenure>> {
        &self.parts[index(local, remote, transport)]
    }

    /// Changes the parts in which a tenure stands: that of its two ends, and of its own alone.
    fn change(&self, of: &Tenure, now: Timestamp, mut edit: impl FnMut(&mut Vec<Tenure>)) {
        let first = index(of.local, of.remote, of.transport);
        self.change_part(first, now, &mut edit);
        let second = index(of.local, None, of.transport);
        if of.role == Role::Connected && first != second {
            self.change_part(second, now, &mut edit);
        }
    }

    fn change_part(&self, at: usize, now: Timestamp, edit: &mut dyn FnMut(&mut Vec<Tenure>)) {
        let place = &self.parts[at];
        let old = place.load();
        let mut part = Vec::with_capacity(old.len() + 1);
        part.extend(old.iter().filter(|tenure| now.since(tenure.until) < KEPT_NS).cloned());
        edit(&mut part);
        if part.len() > PART_MAX {
            self.evicted.fetch_add(1, Ordering::Relaxed);
            let oldest = part.iter().enumerate().min_by_key(|(_, t)| (t.until, t.since));
            if let Some((at, _)) = oldest {
                part.swap_remove(at);
            }
        }
        let (before, after) = (old.len() as u64, part.len() as u64);
        self.held.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        place.store(Arc::new(part));
    }
}

/// The part of a tenure; of one that is looked for by its own end alone, without the other one.
fn index(local: Endpoint, remote: Option<Endpoint>, transport: Transport) -> usize {
    let mut hasher = DefaultHasher::new();
    (local, remote, transport).hash(&mut hasher);
    usize::try_from(hasher.finish() % PARTS as u64).unwrap_or_default()
}

/// Of tenures that all could be meant, the one of the time; `None` if several processes are as good.
fn best<'t>(ask: &Ask, tenures: impl Iterator<Item = &'t Tenure> + Clone) -> Option<Arc<Process>> {
    // Where the packets were seen, the sockets there come first.
    let here = tenures.clone().filter(|tenure| Some(tenure.netns) == ask.netns);
    nearest(ask.at, here).or_else(|| nearest(ask.at, tenures))
}

fn nearest<'t>(at: Timestamp, tenures: impl Iterator<Item = &'t Tenure>) -> Option<Arc<Process>> {
    let mut nearest: Option<(u64, &Tenure)> = None;
    let mut is_one = true;
    for tenure in tenures {
        let distance = tenure.distance_ns(at);
        if distance > SLACK_NS {
            continue;
        }
        match nearest {
            Some((least, _)) if distance > least => {}
            Some((least, other)) if distance == least => {
                // The end of the one was not told, if the other has its place.
                if tenure.place() != other.place() || tenure.since == other.since {
                    is_one &= tenure.owner.is_same(&other.owner);
                } else if tenure.since > other.since {
                    (nearest, is_one) = (Some((distance, tenure)), true);
                }
            }
            _ => (nearest, is_one) = (Some((distance, tenure)), true),
        }
    }
    nearest.filter(|_| is_one).map(|(_, tenure)| tenure.owner.clone())
}

/// Where a socket is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    /// Its own end.
    pub local: Endpoint,
    /// The other end.
    pub remote: Option<Endpoint>,
    /// TCP or UDP.
    pub transport: Transport,
    /// Its network namespace.
    pub netns: u32,
}

// === impl Tenure ===

impl Tenure {
    /// Where the socket is.
    #[must_use]
    pub fn place(&self) -> Place {
        let Self { local, remote, transport, netns, .. } = *self;
        Place { local, remote, transport, netns }
    }

    fn is_at(&self, local: Endpoint, transport: Transport) -> bool {
        self.local == local && self.transport == transport
    }

    /// Whether it is open and on the same socket as another one.
    fn is_open_as(&self, other: &Self) -> bool {
        self.until == FOREVER
            && self.place() == other.place()
            && (self.socket == other.socket || self.socket == 0 || other.socket == 0)
    }

    /// Nanoseconds from a time to the time of the tenure; 0 inside of it.
    fn distance_ns(&self, at: Timestamp) -> u64 {
        self.since.since(at).max(at.since(self.until))
    }
}

// === impl Process ===

impl Process {
    /// Whether it is the same process, though perhaps with another program.
    fn is_same(&self, other: &Self) -> bool {
        /// `/proc` counts starts in hundredths of a second.
        const TICK_NS: u64 = 20_000_000;
        let apart = match (self.started, other.started) {
            (Some(one), Some(two)) => one.0.abs_diff(two.0),
            _ => 0,
        };
        self.pid == other.pid && apart <= TICK_NS
    }
}

#[cfg(test)]
mod tests;
