//! What the directory holds: who claims an address, and what is known of each of them.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use model::{Timestamp, Transport};
use smallvec::SmallVec;

use crate::{
    Container, OwnerRef, Target, Uid,
    map::{Key, Map},
    names::Names,
    window::Window,
};

/// A name that is kept once, however often it occurs: equal if and only if it is the same.
pub(crate) type Name = Arc<str>;
/// A name and a value, both kept once.
pub(crate) type Label = (Name, Name);

/// Everything, sharing its parts with its copies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) addresses: Map<Address, Claims>,
    pub(crate) pods: Map<PodKey, Arc<Pod>>,
    pub(crate) templates: Map<Id, Arc<Template>>,
    pub(crate) services: Map<Id, Arc<Service>>,
    /// Services by name.
    pub(crate) named: Map<PodKey, SmallVec<[u32; 1]>>,
    pub(crate) nodes: Map<Id, Arc<Node>>,
    pub(crate) node_ports: Map<NodePort, Claims>,
    /// The networks that nodes give addresses from, and which node did.
    pub(crate) networks: Map<Network, Claims>,
    /// The lengths of their prefixes.
    pub(crate) prefixes: SmallVec<[u8; 4]>,
    /// What the user calls addresses.
    pub(crate) names: Arc<Names>,
    /// Counts changes that may concern addresses whose own claims stay as they are.
    pub(crate) generation: u64,
}

/// An address in its space.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Address {
    pub(crate) scope: u16,
    pub(crate) ip: IpAddr,
}

/// A pod, or a name, in its space.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct PodKey {
    pub(crate) scope: u16,
    pub(crate) uid: Uid,
}

/// A number that the writer gave.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Id(pub(crate) u32);

/// A port that every node answers on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct NodePort {
    pub(crate) scope: u16,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
}

/// A network that a node gives addresses from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Network {
    pub(crate) scope: u16,
    pub(crate) net: IpNet,
}

/// Who claims an address.
pub(crate) type Claims = SmallVec<[Claim; 1]>;

/// That somebody had an address, and when.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) window: Window,
    pub(crate) holder: Holder,
}

/// Who had an address.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    /// The pod alone.
    Pod(Arc<Pod>),
    /// The pod, with all others on its node that share the node's network.
    Host(Arc<Pod>),
    /// The pod has ports of its node mapped to its own.
    Mapped(Arc<Pod>),
    /// The node, and which one of those that bore its name.
    Node(u32, u32),
    /// The service, by an address of its own.
    Cluster(u32),
    /// The service, by an address that it was given.
    Outside(u32),
    /// Whatever it is, it is behind a service; the lower bits of the pod's identity, or 0.
    Endpoint(Arc<Face>, u32),
}

/// A pod.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) uid: Uid,
    pub(crate) name: Box<str>,
    /// The node's number.
    pub(crate) node: Option<u32>,
    /// Its templates, by the time from which they were its (and the resource version); the first also
    /// before.
    pub(crate) templates: SmallVec<[(Timestamp, u64, u32); 1]>,
    /// Its addresses; those of its node if it has ports there.
    pub(crate) ips: SmallVec<[IpAddr; 2]>,
    pub(crate) annotations: Option<Arc<[Label]>>,
    /// Resource version of the latest fact.
    pub(crate) version: u64,
    /// When it was over.
    pub(crate) until: Timestamp,
}

/// What many pods have in common.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) key: Arc<TemplateKey>,
    /// The top of the chain of owners: kind and name.
    pub(crate) workload: Option<Label>,
    /// Services whose selectors match, or did.
    pub(crate) services: SmallVec<[u32; 4]>,
}

/// What makes a template.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct TemplateKey {
    pub(crate) scope: u16,
    pub(crate) namespace: Name,
    /// In the order of their names.
    pub(crate) labels: Box<[Label]>,
    pub(crate) owner: Option<(Name, Name, Uid)>,
    pub(crate) service_account: Name,
    pub(crate) containers: Box<[Container]>,
    pub(crate) host_network: bool,
}

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) scope: u16,
    pub(crate) namespace: Name,
    pub(crate) name: Name,
    pub(crate) window: Window,
    /// What it was, by the time from which it was so (and the resource version); the first also before.
    pub(crate) specs: SmallVec<[(Timestamp, u64, Arc<Spec>); 1]>,
}

/// What a service is for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    /// In the order of the names.
    pub(crate) selector: Option<Box<[Label]>>,
    pub(crate) ports: Box<[Port]>,
    pub(crate) cluster_ips: Box<[IpAddr]>,
    pub(crate) outside_ips: Box<[IpAddr]>,
    pub(crate) outside_names: Box<[Name]>,
    pub(crate) is_local: bool,
}

/// A port of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) node: u16,
    pub(crate) target: Target,
    pub(crate) transport: Transport,
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// Where it is, by the time from which it was there; the first also before.
    pub(crate) zones: SmallVec<[(Timestamp, Option<Name>); 1]>,
}

/// An endpoint slice, without its endpoints.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Face {
    pub(crate) slice: Uid,
    pub(crate) namespace: Name,
    pub(crate) service: Name,
    /// Empty for all.
    pub(crate) ports: Box<[(u16, Transport)]>,
}

// === impl Pod ===

impl Pod {
    /// The number of its template at this time.
    pub(crate) fn template(&self, at: Timestamp) -> u32 {
        let after = self.templates.partition_point(|(from, ..)| *from <= at);
        self.templates.get(after.saturating_sub(1)).map_or(u32::MAX, |(.., template)| *template)
    }

    /// The lower bits of its identity.
    pub(crate) fn hint(&self) -> u32 {
        self.uid.hint()
    }
}

impl Uid {
    /// The lower bits; never 0.
    pub(crate) fn hint(self) -> u32 {
        ((self.0 & u128::from(u32::MAX)) as u32).max(1)
    }
}

/// Puts a state into its place among `states`: by resource version, where it has one, else by time.
/// Whether that is news.
///
/// A later version that was noticed earlier tells that the one before was over by then. A state that
/// says the same as the one before it is not kept, unless `repeats` are wanted: something else may
/// yet come to light between the two.
pub(crate) fn put_state<T: PartialEq, A: smallvec::Array<Item = (Timestamp, u64, T)>>(
    states: &mut SmallVec<A>,
    (from, version, state): (Timestamp, u64, T),
    repeats: bool,
) -> bool {
    let is_before = |own: &(Timestamp, u64, T)| match version == 0 || own.1 == 0 {
        true => own.0 <= from,
        false => (own.1, own.0) <= (version, from),
    };
    let place = states.iter().take_while(|own| is_before(own)).count();
    let before = place.checked_sub(1).and_then(|before| states.get(before));
    let is_known = |own: &(Timestamp, u64, T)| {
        own.2 == state && (!repeats || (own.0, own.1) == (from, version))
    };
    if before.is_some_and(is_known) {
        return false;
    }
    let from = states.get(place).map_or(from, |next| next.0.min(from));
    if let Some(next) = states.get_mut(place).filter(|next| next.2 == state && !repeats) {
        (next.0, next.1) = (from, version);
    } else {
        states.insert(place, (from, version, state));
    }
    for own in states.iter_mut().take(place) {
        own.0 = own.0.min(from);
    }
    true
}

// === impl Template ===

impl Template {
    /// Whether a selector matches its labels.
    pub(crate) fn matches(&self, selector: &[Label]) -> bool {
        let labels = &self.key.labels;
        selector.iter().all(|(name, value)| {
            labels.iter().any(|(n, v)| Arc::ptr_eq(n, name) && Arc::ptr_eq(v, value))
        })
    }

    /// The port that a container declares under this name.
    pub(crate) fn named_port(&self, name: &str, transport: Transport) -> Option<u16> {
        let ports = self.key.containers.iter().flat_map(|container| &container.ports);
        let mut own = ports.filter(|port| port.transport == transport && *port.name == *name);
        own.next().map(|port| port.number)
    }

    /// The container that declares this port.
    pub(crate) fn container_of(&self, port: u16, transport: Transport) -> Option<&Name> {
        let declares = |container: &&Container| {
            container.ports.iter().any(|own| own.number == port && own.transport == transport)
        };
        self.key.containers.iter().find(declares).map(|container| &container.name)
    }
}

// === impl Service ===

impl Service {
    /// What it was at this time.
    pub(crate) fn spec(&self, at: Timestamp) -> Option<&Spec> {
        let after = self.specs.partition_point(|(from, ..)| *from <= at);
        self.specs.get(after.saturating_sub(1)).map(|(_, _, spec)| &**spec)
    }
}

// === impl Node ===

impl Node {
    /// Where it was at this time.
    pub(crate) fn zone(&self, at: Timestamp) -> Option<&Name> {
        let after = self.zones.partition_point(|(from, _)| *from <= at);
        self.zones.get(after.saturating_sub(1))?.1.as_ref()
    }
}

// === impl Spec ===

impl Spec {
    /// Whether one of its ports leads to this port of pods of this template.
    pub(crate) fn leads_to(&self, port: u16, transport: Transport, to: &Template) -> bool {
        self.ports.iter().any(|own| {
            own.transport == transport
                && match &own.target {
                    Target::Number(target) => *target == port,
                    Target::Name(name) => to.named_port(name, transport) == Some(port),
                }
        })
    }
}

// === impl OwnerRef ===

impl OwnerRef {
    /// Whether nothing is known but that there is one.
    pub(crate) fn is_nameless(&self) -> bool {
        self.kind.is_empty() || self.name.is_empty()
    }
}

// === impl Key ===

/// Mixes all bits into all bits (the finalizer of MurmurHash3).
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn mix_wide(wide: u128, salt: u64) -> u64 {
    let (high, low) = ((wide >> 64) as u64, (wide & u128::from(u64::MAX)) as u64);
    mix(mix(high ^ salt) ^ low)
}

impl Key for Address {
    #[inline]
    fn hash(&self) -> u64 {
        match self.ip {
            IpAddr::V4(ip) => mix(u64::from(ip.to_bits()) | u64::from(self.scope) << 32),
            IpAddr::V6(ip) => mix_wide(ip.to_bits(), u64::from(self.scope)),
        }
    }
}

impl Key for PodKey {
    fn hash(&self) -> u64 {
        mix_wide(self.uid.0, u64::from(self.scope))
    }
}

impl Key for Id {
    /// Numbers are given one after the other: their own bits fill branches evenly.
    #[inline]
    fn hash(&self) -> u64 {
        u64::from(self.0)
    }
}

impl Key for NodePort {
    fn hash(&self) -> u64 {
        let transport = u64::from(self.transport == Transport::Udp);
        mix(u64::from(self.port) | u64::from(self.scope) << 16 | transport << 32)
    }
}

impl Key for Network {
    fn hash(&self) -> u64 {
        let address = Address { scope: self.scope, ip: self.net.network() };
        mix(address.hash() ^ u64::from(self.net.prefix_len()))
    }
}
