//! Answers remembered for as long as nothing changed that they were made of.
//!
//! A reader that asks about few addresses often keeps one: a look-up is then a look into a hash map,
//! and a check that the directory still has the same leaf at that address.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::Arc,
};

use hashbrown::HashMap;
use model::{Timestamp, Transport};
use smallvec::SmallVec;

use crate::{
    Directory, Found, Query, Span,
    map::Key,
    tables::{Address, Claims},
};

/// A directory, and what one reader made of its answers.
#[derive(Debug)]
pub struct Memo<T> {
    directory: Directory,
    known: HashMap<Place, Known<T>, BuildHasherDefault<Mixed>>,
    known_max: usize,
    /// Answers made since all were forgotten.
    made: usize,
    /// Counts the directories that were followed.
    epoch: u64,
}

/// What was asked about one address.
#[derive(Debug)]
struct Known<T> {
    /// The part of the directory where the address stands. As long as we hold it, it stays as it is:
    /// a change makes another one.
    leaf: Option<Arc<[(Address, Claims)]>>,
    generation: u64,
    /// The directory for which this was found to be true.
    epoch: u64,
    /// Whether any port may be a service's.
    is_node: bool,
    /// Ports for which the answer may be another one.
    ports: SmallVec<[u16; 6]>,
    answers: SmallVec<[Answer<T>; 1]>,
}

#[derive(Debug)]
struct Answer<T> {
    /// 0 for all that are not of interest.
    port: u16,
    transport: Transport,
    span: Span,
    made: T,
}

/// An address as a key: it knows a good hash of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place(Address);

/// Takes a hash as it is.
#[derive(Debug, Default)]
struct Mixed(u64);

/// Answers kept for one address.
const ANSWERS_MAX: usize = 256;
/// Answers for each address, of all together.
const ANSWERS_EACH: usize = 4;

// === impl Hash ===

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Key::hash(&self.0));
    }
}

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

// === impl Memo ===

impl<T> Memo<T> {
    /// Nothing remembered yet; of `known_max` addresses at most, and four answers for each.
    #[must_use]
    pub fn new(directory: Directory, known_max: usize) -> Self {
        Self { directory, known: HashMap::default(), known_max, made: 0, epoch: 0 }
    }

    /// From now on a later directory of the same book. What is remembered and still true stays.
    pub fn follow(&mut self, directory: Directory) {
        self.directory = directory;
        self.epoch += 1;
    }

    /// What was made of the answer to `query`; `make` makes it if it is not remembered. Of two ports
    /// that make no difference, only one is asked for, as port 0.
    pub fn find(&mut self, query: &Query, make: impl FnOnce(&Found<'_>) -> T) -> &T {
        let key = Place(Address { scope: query.scope, ip: query.ip });
        let is_full = self.known.len() >= self.known_max && !self.known.contains_key(&key);
        if is_full || self.made >= self.known_max.saturating_mul(ANSWERS_EACH) {
            self.known.clear();
            self.made = 0;
        }
        let directory = &self.directory;
        let epoch = self.epoch;
        let known = self.known.entry(key).or_insert_with(|| Known::of(directory, query, epoch));
        if known.epoch != epoch {
            known.follow(directory, query, epoch);
        }
        let port = known.port(directory, query);
        let at = query.at;
        let place = known.answers.iter().position(|own| own.fits(port, query.transport, at));
        let place = place.unwrap_or_else(|| {
            if known.answers.len() >= ANSWERS_MAX {
                known.answers.clear();
            }
            let found = directory.find(&Query { port, ..*query });
            let (transport, span) = (query.transport, found.span());
            self.made += 1;
            known.answers.push(Answer { port, transport, span, made: make(&found) });
            known.answers.len() - 1
        });
        &known.answers[place].made
    }
}

fn is_same(a: Option<&Arc<[(Address, Claims)]>>, b: Option<&Arc<[(Address, Claims)]>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

// === impl Known ===

impl<T> Known<T> {
    fn of(directory: &Directory, query: &Query, epoch: u64) -> Self {
        let address = Address { scope: query.scope, ip: query.ip };
        let mut ports = Vec::new();
        directory.ports(query.scope, query.ip, &mut ports);
        Self {
            leaf: directory.0.addresses.leaf(&address).cloned(),
            generation: directory.0.generation,
            epoch,
            is_node: directory.is_node(query.scope, query.ip),
            ports: ports.into(),
            answers: SmallVec::new(),
        }
    }

    /// Whether it is still true is looked up once for each directory.
    fn follow(&mut self, directory: &Directory, query: &Query, epoch: u64) {
        let address = Address { scope: query.scope, ip: query.ip };
        let leaf = directory.0.addresses.leaf(&address);
        if self.generation == directory.0.generation && is_same(self.leaf.as_ref(), leaf) {
            self.epoch = epoch;
        } else {
            *self = Self::of(directory, query, epoch);
        }
    }

    /// The port to ask for: the own one only if it makes a difference.
    fn port(&self, directory: &Directory, query: &Query) -> u16 {
        let Query { scope, port, transport, .. } = *query;
        let own = self.ports.contains(&port)
            || (self.is_node && directory.has_node_port(scope, port, transport));
        if own { port } else { 0 }
    }
}

// === impl Answer ===

impl<T> Answer<T> {
    fn fits(&self, port: u16, transport: Transport, at: Timestamp) -> bool {
        self.port == port
            && self.transport == transport
            && self.span.from <= at
            && at < self.span.until
    }
}
