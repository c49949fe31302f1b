//! Nodes: addresses that many share.
//!
//! A name may be borne by one machine after the other: each has a life of its own.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use model::Timestamp;
use smallvec::SmallVec;

use super::{
    Book, Gone, SECOND_NS, dating, gone_by, open, retain,
    services::{shorten, state_window},
};
use crate::{
    Meta, NodeBody, Uid,
    tables::{Address, Claim, Claims, Holder, Id, Name, Network, Node, put_state},
    window::{FOREVER, Window},
};

/// What is known of a node's name, and of those who bore it.
#[derive(Debug)]
pub(super) struct State {
    id: u32,
    /// Pods that were put on it.
    pods: usize,
    lives: SmallVec<[Life; 1]>,
}

/// A node from its making to its end.
#[derive(Debug)]
struct Life {
    uid: Uid,
    created: Option<Timestamp>,
    window: Window,
    /// What it had, by the time from which it had it (and the resource version).
    specs: SmallVec<[(Timestamp, u64, Arc<Spec>); 1]>,
    /// What was made of that.
    runs: Vec<Run>,
    /// Whether its end was noted.
    is_noted: bool,
}

/// What a node has for a time.
#[derive(Debug, Eq, PartialEq)]
struct Spec {
    ips: Box<[IpAddr]>,
    networks: Box<[IpNet]>,
    zone: Option<Name>,
}

/// When a node had something without a change.
type Run = (Window, Arc<Spec>);

/// A life whose runs are others now: its mark, those before and those now.
struct Turn {
    life: u32,
    before: Vec<Run>,
    now: Vec<Run>,
}

/// Lives of one name that are remembered.
const LIVES_MAX: usize = 64;

// === impl Book ===

impl Book {
    pub(super) fn node(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        body: &NodeBody,
        is_deleted: bool,
    ) {
        let key = (scope, self.strings.name(&meta.name));
        if !self.nodes.contains_key(&key) && !self.has_room() {
            self.counts.refused += 1;
            return;
        }
        self.node_id(scope, &meta.name);
        self.make_room_for_life(&key, meta);
        let mut window = open(dating(at, meta));
        if is_deleted {
            window.end(gone_by(at, meta).max(window.since));
        }
        let spec = Arc::new(Spec {
            ips: body.ips.as_slice().into(),
            networks: body.pod_networks.iter().map(IpNet::trunc).collect(),
            zone: (!body.zone.is_empty()).then(|| self.strings.name(&body.zone)),
        });
        let Some(state) = self.nodes.get_mut(&key) else { return };
        let before = state.bytes();
        state.put(meta, window, (at.unwrap_or(meta.changed), meta.version, spec));
        self.bytes = (self.bytes + state.bytes()).saturating_sub(before);
        self.claim_node(&key);
    }

    /// A name that too many bore forgets the one of them that was over first.
    fn make_room_for_life(&mut self, key: &(u16, Name), of: &Meta) {
        let Some(state) = self.nodes.get(key) else { return };
        if state.lives.len() < LIVES_MAX || state.lives.iter().any(|life| life.is(of)) {
            return;
        }
        let Some(first) = state.lives.iter().min_by_key(|life| life.until()) else { return };
        let mark = first.mark();
        self.counts.crowded += 1;
        self.forget_life(key, mark);
    }

    /// Ends what is not among these.
    pub(super) fn end_nodes(&mut self, scope: u16, at: Timestamp, is_there: impl Fn(Uid) -> bool) {
        let mut gone = Vec::new();
        for (key, state) in self.nodes.iter_mut().filter(|(key, _)| key.0 == scope) {
            let is_over = |life: &&mut Life| {
                life.window.until > at && life.window.seen <= at && !is_there(life.uid)
            };
            let over = state.lives.iter_mut().filter(is_over);
            if over.map(|life| life.window.end(at)).count() > 0 {
                gone.push(key.clone());
            }
        }
        for key in gone {
            self.claim_node(&key);
        }
    }

    /// Puts the claims of a node in anew, where they are others than before.
    fn claim_node(&mut self, key: &(u16, Name)) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        let (id, turns) = (state.id, state.turn());
        for life in state.lives.iter_mut().filter(|life| !life.is_noted) {
            let until = life.until();
            if until < FOREVER {
                life.is_noted = true;
                let gone = Gone::Node(key.clone(), life.mark());
                self.ended.entry(until).or_default().push(gone);
            }
        }
        let zones = state.zones();
        if self.tables.nodes.get(&Id(id)).is_some_and(|node| node.zones != zones)
            && let Some(node) = self.tables.nodes.get_mut(&Id(id))
        {
            Arc::make_mut(node).zones = zones;
            self.tables.generation += 1;
        }
        for Turn { life, before, now } in turns {
            self.unclaim_node(key.0, (id, life), &before);
            for (window, spec) in now {
                self.claim_run(key.0, Claim { window, holder: Holder::Node(id, life) }, &spec);
            }
        }
    }

    fn claim_run(&mut self, scope: u16, claim: Claim, spec: &Spec) {
        for ip in &spec.ips {
            self.extend(scope, *ip, claim.clone());
        }
        for net in &spec.networks {
            let claims = self.tables.networks.entry(Network { scope, net: *net }, Claims::new);
            super::services::extend(claims, claim.clone(), &mut self.counts.crowded);
            if !self.tables.prefixes.contains(&net.prefix_len()) {
                self.tables.prefixes.push(net.prefix_len());
                self.tables.prefixes.sort_by(|a, b| b.cmp(a));
            }
            self.tables.generation += 1;
        }
    }

    fn unclaim_node(&mut self, scope: u16, (id, life): (u32, u32), runs: &[Run]) {
        let is_own =
            |claim: &Claim| matches!(claim.holder, Holder::Node(i, l) if (i, l) == (id, life));
        for (_, spec) in runs {
            for ip in &spec.ips {
                self.unclaim(Address { scope, ip: *ip }, is_own);
            }
            for net in &spec.networks {
                let key = Network { scope, net: *net };
                let Some(claims) = self.tables.networks.get_mut(&key) else { continue };
                claims.retain(|claim| !is_own(claim));
                if claims.is_empty() {
                    self.tables.networks.remove(&key);
                }
                self.tables.generation += 1;
            }
        }
    }

    /// The number of the node that a pod is on, which keeps it.
    pub(super) fn node_of_pod(&mut self, scope: u16, name: &str) -> u32 {
        let id = self.node_id(scope, name);
        let key = (scope, self.strings.name(name));
        if let Some(state) = self.nodes.get_mut(&key) {
            state.pods += 1;
        }
        id
    }

    /// A pod that was on it is forgotten.
    pub(super) fn leave_node(&mut self, scope: u16, id: u32) {
        let Some(name) = self.tables.nodes.get(&Id(id)).map(|node| node.name.clone()) else {
            return;
        };
        let key = (scope, name);
        if let Some(state) = self.nodes.get_mut(&key) {
            state.pods = state.pods.saturating_sub(1);
            self.drop_node(&key);
        }
    }

    /// The number of the node of this name, whether it was seen or only named.
    fn node_id(&mut self, scope: u16, name: &str) -> u32 {
        let name = self.strings.name(name);
        if let Some(state) = self.nodes.get(&(scope, name.clone())) {
            return state.id;
        }
        let id = self.id();
        self.bytes += retain::NODE_BYTES;
        let node = Node { name: name.clone(), zones: SmallVec::new() };
        self.tables.nodes.entry(Id(id), || Arc::new(node));
        self.nodes.insert((scope, name), State { id, pods: 0, lives: SmallVec::new() });
        id
    }

    /// A life that ended is forgotten; with the last one and the last of its pods, the name is.
    pub(super) fn forget_life(&mut self, key: &(u16, Name), mark: u32) {
        let Some(state) = self.nodes.get_mut(key) else { return };
        let Some(place) = state.lives.iter().position(|life| life.mark() == mark) else { return };
        let before = state.bytes();
        let life = state.lives.remove(place);
        self.bytes = (self.bytes + state.bytes()).saturating_sub(before);
        let id = state.id;
        self.unclaim_node(key.0, (id, mark), &life.runs);
        self.drop_node(key);
    }

    fn drop_node(&mut self, key: &(u16, Name)) {
        let is_needed = |state: &State| state.pods > 0 || !state.lives.is_empty();
        if self.nodes.get(key).is_none_or(is_needed) {
            return;
        }
        if let Some(state) = self.nodes.remove(key) {
            self.tables.nodes.remove(&Id(state.id));
            self.free.push(state.id);
            self.bytes = self.bytes.saturating_sub(retain::NODE_BYTES);
        }
    }
}

// === impl State ===

impl State {
    /// Takes in what an event says of one of its lives.
    fn put(&mut self, meta: &Meta, window: Window, spec: (Timestamp, u64, Arc<Spec>)) {
        if !self.lives.iter().any(|life| life.is(meta)) {
            self.lives.push(Life {
                uid: meta.uid,
                created: meta.created,
                window,
                specs: SmallVec::new(),
                runs: Vec::new(),
                is_noted: false,
            });
        }
        if let Some(life) = self.lives.iter_mut().find(|life| life.is(meta)) {
            life.window.merge(&window);
            put_state(&mut life.specs, spec, true);
            shorten(&mut life.specs, retain::STATES_MAX);
        }
    }

    /// What became of its lives, where that is something else than before.
    fn turn(&mut self) -> Vec<Turn> {
        // Nobody bears the name of one that is still there; times are whole seconds, cut off.
        let begins: SmallVec<[Timestamp; 4]> =
            self.lives.iter().map(|life| life.window.since).collect();
        let mut turns = Vec::new();
        for life in &mut self.lives {
            let later = begins.iter().filter(|begin| **begin > life.window.since).min();
            let until = later.map_or(FOREVER, |begin| begin.after(SECOND_NS));
            let now = life.runs_until(until);
            if now != life.runs {
                let before = std::mem::replace(&mut life.runs, now.clone());
                turns.push(Turn { life: life.mark(), before, now });
            }
        }
        turns
    }

    /// Where it was, by the time from which it was there.
    fn zones(&self) -> SmallVec<[(Timestamp, Option<Name>); 1]> {
        let runs = self.lives.iter().flat_map(|life| &life.runs);
        let mut zones: SmallVec<[_; 1]> =
            runs.map(|(window, spec)| (window.since, spec.zone.clone())).collect();
        zones.sort_by_key(|(from, _)| *from);
        zones.dedup_by(|next, before| next.1 == before.1);
        zones
    }

    fn bytes(&self) -> usize {
        let specs = self.lives.iter().flat_map(|life| &life.specs);
        self.lives.len() * retain::NODE_BYTES + specs.map(|(.., spec)| spec.bytes()).sum::<usize>()
    }
}

// === impl Life ===

impl Life {
    /// Whether the object is this node. One that says no identity is known by its name and birth.
    fn is(&self, meta: &Meta) -> bool {
        let is_born = self.created == meta.created;
        self.uid == meta.uid && (is_born || self.created.is_none() || meta.created.is_none())
    }

    /// Tells it from other nodes of its name.
    fn mark(&self) -> u32 {
        let seconds = self.created.map_or(0, |at| at.0 / SECOND_NS) & u64::from(u32::MAX);
        self.uid.hint() ^ u32::try_from(seconds).unwrap_or(0).rotate_left(16)
    }

    /// When it was over.
    fn until(&self) -> Timestamp {
        self.runs.last().map_or(FOREVER, |(window, _)| window.until)
    }

    /// What it had, one after the other; at `until` it was over, if not before.
    fn runs_until(&self, until: Timestamp) -> Vec<Run> {
        let mut window = self.window;
        window.end(until);
        let mut runs: Vec<Run> = Vec::new();
        for (place, (.., spec)) in self.specs.iter().enumerate() {
            let window = state_window(window, &self.specs, place);
            match runs.last_mut().filter(|(_, before)| before == spec) {
                Some((before, _)) => before.until = window.until,
                None => runs.push((window, spec.clone())),
            }
        }
        runs
    }
}

// === impl Spec ===

impl Spec {
    fn bytes(&self) -> usize {
        retain::STATE_BYTES + self.ips.len() * retain::ADDRESS_BYTES + self.networks.len() * 64
    }
}
