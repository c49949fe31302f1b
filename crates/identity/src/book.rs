//! Keeps the directory: takes in events, in any order, and bounds what is remembered.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use model::Timestamp;

use crate::{
    Body, Change, Directory, Event, Meta, Names, Object, OwnerRef, Uid,
    intern::Interner,
    tables::{Address, Claim, Claims, Holder, Name, PodKey, Tables, TemplateKey},
    window::{FOREVER, Window},
};

mod lists;
mod nodes;
mod owners;
mod pods;
mod retain;
mod services;
mod slices;

pub(crate) use self::services::named;

/// How much is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// What ended longer ago is forgotten, by the latest event's time; `None` for nothing.
    pub history_ns: Option<u64>,
    /// Bytes, about. What ended first is forgotten first; what is new is refused at last.
    pub memory: usize,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events taken in.
    pub events: u64,
    /// Objects forgotten before their time, because there was no room.
    pub forgotten_early: u64,
    /// Objects refused, because there was no room.
    pub refused: u64,
    /// Facts that came after what they speak of was forgotten.
    pub too_late: u64,
    /// Claims of one address given up, or states and addresses of one pod, because there were too many.
    pub crowded: u64,
}

/// Keeps a [`Directory`].
///
/// One writer owns it; readers hold directories, which never change.
#[derive(Debug)]
pub struct Book {
    tables: Tables,
    limits: Limits,
    counts: Counts,
    /// The latest time of an event.
    now: Timestamp,
    /// Bytes in use but for names, about.
    bytes: usize,
    strings: Interner,
    templates: HashMap<Arc<TemplateKey>, u32>,
    template_users: HashMap<u32, u32>,
    /// Numbers of templates that are free again.
    free: Vec<u32>,
    next_id: u32,
    /// Templates and services by namespace.
    namespaces: HashMap<(u16, Name), Members>,
    service_ids: HashMap<PodKey, u32>,
    nodes: HashMap<(u16, Name), nodes::State>,
    owners: HashMap<PodKey, OwnerRef>,
    /// Templates whose chain of owners goes through this one.
    owned: HashMap<PodKey, Vec<u32>>,
    slices: HashMap<PodKey, slices::State>,
    /// What ended, by when.
    ended: BTreeMap<Timestamp, Vec<Gone>>,
}

/// What is in a namespace.
#[derive(Debug, Default)]
struct Members {
    templates: Vec<u32>,
    services: Vec<u32>,
}

/// Something that ended, and may be forgotten.
#[derive(Debug)]
enum Gone {
    Pod(PodKey),
    Service(u32, PodKey),
    /// An endpoint, and its slice.
    Endpoint(Address, Uid),
    Owner(PodKey),
    /// One of those that bore a node's name.
    Node((u16, Name), u32),
}

/// How an event dates what it says.
#[derive(Clone, Copy, Debug)]
struct Dating {
    /// By this moment it was so.
    at: Timestamp,
    /// Not before this moment.
    since: Timestamp,
}

/// Kubernetes' times are whole seconds, cut off.
const SECOND_NS: u64 = 1_000_000_000;
/// Claims of one address at most.
const CLAIMS_MAX: usize = 1024;

// === impl Limits ===

impl Default for Limits {
    /// All of a file, in 4 GiB.
    fn default() -> Self {
        Self { history_ns: None, memory: 4 << 30 }
    }
}

impl Limits {
    /// An hour, in 600 MB: for following a cluster.
    #[must_use]
    pub fn live() -> Self {
        Self { history_ns: Some(3600 * SECOND_NS), memory: 600_000_000 }
    }
}

// === impl Book ===

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            tables: Tables::default(),
            limits,
            counts: Counts::default(),
            now: Timestamp(0),
            bytes: 0,
            strings: Interner::default(),
            templates: HashMap::new(),
            template_users: HashMap::new(),
            free: Vec::new(),
            next_id: 0,
            namespaces: HashMap::new(),
            service_ids: HashMap::new(),
            nodes: HashMap::new(),
            owners: HashMap::new(),
            owned: HashMap::new(),
            slices: HashMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Takes in what happened. Earlier events may come later.
    pub fn apply(&mut self, event: &Event) {
        self.counts.events += 1;
        match &event.change {
            Change::Applied(object) => self.object(event.scope, event.at, object, false),
            Change::Deleted(object) => self.object(event.scope, event.at, object, true),
            Change::Listed { kind, namespace, objects } => {
                for object in objects {
                    self.object(event.scope, event.at, object, false);
                }
                self.listed(event.scope, event.at, *kind, namespace.as_deref(), objects);
            }
        }
        self.retain();
    }

    /// What the user calls addresses, from now on.
    pub fn name(&mut self, names: Names) {
        self.tables.generation += 1;
        self.tables.names = Arc::new(names);
    }

    /// The directory as it is now; it does not change when the book does. Costs a few pointers.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory(Arc::new(self.tables.clone()))
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes in use, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes + self.strings.bytes()
    }

    /// Pods known, those that are over included.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.tables.pods.len()
    }

    fn object(&mut self, scope: u16, at: Option<Timestamp>, object: &Object, is_deleted: bool) {
        let meta = &object.meta;
        let told = at.unwrap_or(meta.changed);
        if let Some(history_ns) = self.limits.history_ns
            && is_deleted
            && self.now.since(told) > history_ns
        {
            self.counts.too_late += 1;
            return;
        }
        self.now = self.now.max(told);
        match &object.body {
            Body::Pod(pod) => self.pod(scope, at, meta, pod, is_deleted),
            Body::Service(service) => self.service(scope, at, meta, service, is_deleted),
            Body::Slice(slice) => self.slice(scope, at, meta, slice, is_deleted),
            Body::Node(node) => self.node(scope, at, meta, node, is_deleted),
            Body::Owner => self.owner(scope, at, meta, is_deleted),
            Body::Namespace => {}
        }
    }

    fn id(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id
        })
    }

    // --- claims ---

    /// Puts a claim in, or what it says into the one that the same holder has.
    fn claim(&mut self, scope: u16, ip: IpAddr, claim: Claim) {
        let address = Address { scope, ip };
        let claims = self.tables.addresses.entry(address, || {
            self.bytes += retain::ADDRESS_BYTES;
            Default::default()
        });
        let same = claims.iter_mut().filter(|own| own.holder.is_same(&claim.holder));
        // An address that came back is another claim; of several, the one that is nearest counts.
        let fitting = same.max_by_key(|own| own.window.seen.min(claim.window.seen));
        if let Some(own) = fitting {
            own.window.merge(&claim.window);
            own.holder = claim.holder;
            return;
        }
        if claims.len() >= CLAIMS_MAX {
            crowd(claims);
            self.counts.crowded += 1;
        } else {
            self.bytes += retain::CLAIM_BYTES;
        }
        claims.push(claim);
    }

    /// Takes claims away that `is_gone` picks.
    fn unclaim(&mut self, address: Address, mut is_gone: impl FnMut(&Claim) -> bool) {
        let Some(known) = self.tables.addresses.get(&address) else { return };
        if !known.iter().any(&mut is_gone) {
            return;
        }
        let Some(claims) = self.tables.addresses.get_mut(&address) else { return };
        let before = claims.len();
        claims.retain(|claim| !is_gone(claim));
        let taken = before - claims.len();
        let is_empty = claims.is_empty();
        self.bytes = self.bytes.saturating_sub(taken * retain::CLAIM_BYTES);
        if is_empty {
            self.tables.addresses.remove(&address);
            self.bytes = self.bytes.saturating_sub(retain::ADDRESS_BYTES);
        }
    }

    /// Ends the open claims that `is_it` picks at `at`.
    fn end_claims(&mut self, address: Address, at: Timestamp, is_it: impl Fn(&Claim) -> bool) {
        let ends = |claim: &Claim| claim.window.until > at && is_it(claim);
        if self.tables.addresses.get(&address).is_some_and(|claims| claims.iter().any(ends))
            && let Some(claims) = self.tables.addresses.get_mut(&address)
        {
            claims.iter_mut().filter(|claim| ends(claim)).for_each(|claim| claim.window.end(at));
        }
    }
}

/// Gives up the claim of a crowded address that ended first.
fn crowd(claims: &mut Claims) {
    let first = (0..).zip(claims.iter()).min_by_key(|(_, claim)| claim.window.until);
    if let Some((place, _)) = first {
        claims.remove(place);
    }
}

/// When an object says that it was as it is.
fn dating(at: Option<Timestamp>, meta: &Meta) -> Dating {
    let at = at.unwrap_or(Timestamp(meta.changed.0.saturating_add(SECOND_NS - 1)));
    Dating { at, since: meta.created.unwrap_or(at).min(at) }
}

/// By when an object that was deleted was gone.
fn gone_by(at: Option<Timestamp>, meta: &Meta) -> Timestamp {
    let told = meta.deleted.unwrap_or(meta.changed);
    at.unwrap_or(Timestamp(told.0.saturating_add(SECOND_NS)))
}

// === impl Holder ===

impl Holder {
    /// Whether it is the same holder, holding in the same way.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pod(a), Self::Pod(b))
            | (Self::Host(a), Self::Host(b))
            | (Self::Mapped(a), Self::Mapped(b)) => a.uid == b.uid,
            (Self::Node(a, one), Self::Node(b, other)) => (a, one) == (b, other),
            (Self::Cluster(a), Self::Cluster(b)) | (Self::Outside(a), Self::Outside(b)) => a == b,
            // Endpoints come and go: their slice keeps them.
            _ => false,
        }
    }
}

/// An open window from an event's dating.
fn open(dating: Dating) -> Window {
    debug_assert!(dating.since <= FOREVER);
    Window::new(dating.since, dating.at)
}
