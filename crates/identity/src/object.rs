//! What happened in a cluster, as the directory takes it in: objects with what matters of them.

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use model::{Timestamp, Transport};

/// Something that happened in a cluster, or that was found out about it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which address space the addresses belong to; 0 unless told otherwise.
    pub scope: u16,
    /// When it was noticed. `None`: the times in the object are all there is (a dump).
    pub at: Option<Timestamp>,
    /// What it was.
    pub change: Change,
}

/// What an [`Event`] is.
#[derive(Clone, Debug)]
pub enum Change {
    /// The object is there, like this.
    Applied(Object),
    /// The object was like this, and is there no more.
    Deleted(Object),
    /// These are all there are of a kind, in one namespace or in all.
    Listed {
        /// `Pod`, `Service`, ….
        kind: Kind,
        /// Which namespace; `None` for all.
        namespace: Option<String>,
        /// All of them.
        objects: Vec<Object>,
    },
}

/// The kinds that say something about addresses.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Has addresses.
    Pod,
    /// Has addresses, and pods behind them.
    Service,
    /// Says what is behind a service.
    EndpointSlice,
    /// Has addresses that others share.
    Node,
    /// Owns pods, or owners of pods: any kind that is itself owned.
    Owner,
    /// Says nothing about addresses.
    Namespace,
}

/// An object of a cluster.
#[derive(Clone, Debug)]
pub struct Object {
    /// What all objects have.
    pub meta: Meta,
    /// What this kind has.
    pub body: Body,
}

/// What an [`Object`] is.
#[derive(Clone, Debug)]
pub enum Body {
    /// A pod.
    Pod(PodBody),
    /// A service.
    Service(ServiceBody),
    /// An endpoint slice.
    Slice(SliceBody),
    /// A node.
    Node(NodeBody),
    /// A link in the chain from a pod to its workload.
    Owner,
    /// A namespace.
    Namespace,
}

/// What all objects have.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// The kind as Kubernetes writes it: `ReplicaSet`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The namespace; empty where the kind has none.
    pub namespace: String,
    /// The identity.
    pub uid: Uid,
    /// The resource version as a number; 0 where it is none.
    pub version: u64,
    /// When it was made, to the second.
    pub created: Option<Timestamp>,
    /// When it was or will have been deleted, to the second.
    pub deleted: Option<Timestamp>,
    /// The latest moment that the object speaks of, to the second.
    pub changed: Timestamp,
    /// In the order of their names.
    pub labels: Vec<(String, String)>,
    /// In the order of their names, without the largest.
    pub annotations: Vec<(String, String)>,
    /// Who controls it.
    pub owner: Option<OwnerRef>,
}

/// Who controls an object.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OwnerRef {
    /// `ReplicaSet`, `StatefulSet`, ….
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: Uid,
}

/// The identity of an object.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Uid(pub u128);

/// What matters of a pod.
#[derive(Clone, Debug, Default)]
pub struct PodBody {
    /// The node it was put on; empty before.
    pub node: String,
    /// Whether it shares its node's network.
    pub host_network: bool,
    /// The service account; may be empty.
    pub service_account: String,
    /// Its containers, sidecars included.
    pub containers: Vec<Container>,
    /// Its addresses, those of further networks included.
    pub ips: Vec<IpAddr>,
    /// The addresses of its node.
    pub host_ips: Vec<IpAddr>,
    /// When its node took it over, to the second.
    pub started: Option<Timestamp>,
    /// Whether all its containers are done for good.
    pub is_over: bool,
    /// When the last of its containers ended, to the second; only where all did.
    pub finished: Option<Timestamp>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: Arc<str>,
    /// The ports it declares.
    pub ports: Vec<ContainerPort>,
}

/// A port that a container declares.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ContainerPort {
    /// Its name; may be empty.
    pub name: Arc<str>,
    /// Its number on the pod's address.
    pub number: u16,
    /// Its number on the node's address; 0 where there is none.
    pub host: u16,
    /// TCP or UDP.
    pub transport: Transport,
}

/// What matters of a service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceBody {
    /// Labels of the pods behind it, in the order of their names; `None` where it has no selector.
    pub selector: Option<Vec<(String, String)>>,
    /// Its own addresses; empty where it is headless.
    pub cluster_ips: Vec<IpAddr>,
    /// Addresses that load balancers gave it, and external ones.
    pub outside_ips: Vec<IpAddr>,
    /// Names that load balancers gave it.
    pub outside_names: Vec<String>,
    /// What it is another name for.
    pub external_name: String,
    /// Whether traffic from outside stays on the node where it arrives, and keeps its source.
    pub is_local: bool,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServicePort {
    /// Its name; may be empty.
    pub name: String,
    /// Its number on the service's addresses.
    pub number: u16,
    /// Its number on every node; 0 where there is none.
    pub node: u16,
    /// Where it leads to.
    pub target: Target,
    /// TCP or UDP.
    pub transport: Transport,
}

/// Where a service's port leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// This port of the pods.
    Number(u16),
    /// The port that a container declares under this name.
    Name(String),
}

/// What matters of an endpoint slice.
#[derive(Clone, Debug, Default)]
pub struct SliceBody {
    /// The service, in the slice's namespace.
    pub service: String,
    /// The ports of every endpoint; empty for all.
    pub ports: Vec<(u16, Transport)>,
    /// Addresses, and the pod behind each where one is named.
    pub endpoints: Vec<(IpAddr, Option<Uid>)>,
}

/// What matters of a node.
#[derive(Clone, Debug, Default)]
pub struct NodeBody {
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// Its zone; may be empty.
    pub zone: String,
    /// The networks that its pods get their addresses from.
    pub pod_networks: Vec<IpNet>,
}

// === impl Object ===

impl Object {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Pod(_) => Kind::Pod,
            Body::Service(_) => Kind::Service,
            Body::Slice(_) => Kind::EndpointSlice,
            Body::Node(_) => Kind::Node,
            Body::Owner => Kind::Owner,
            Body::Namespace => Kind::Namespace,
        }
    }

    /// Bytes of memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Meta { name, namespace, labels, annotations, .. } = &self.meta;
        let text = |pairs: &[(String, String)]| {
            pairs.iter().map(|(name, value)| 48 + name.len() + value.len()).sum::<usize>()
        };
        let body = match &self.body {
            Body::Pod(pod) => {
                let ports = pod.containers.iter().map(|container| container.ports.len());
                pod.ips.len() * 17 + pod.containers.len() * 64 + ports.sum::<usize>() * 40
            }
            Body::Service(service) => {
                let names = service.outside_names.iter().map(|name| 24 + name.len());
                let ips = service.cluster_ips.len() + service.outside_ips.len();
                let selector = service.selector.as_deref().map_or(0, text);
                names.sum::<usize>() + ips * 17 + selector + service.ports.len() * 80
            }
            Body::Slice(slice) => slice.endpoints.len() * 64 + slice.ports.len() * 4,
            Body::Node(node) => node.ips.len() * 17 + node.pod_networks.len() * 18,
            Body::Owner | Body::Namespace => 0,
        };
        size_of::<Self>() + name.len() + namespace.len() + text(labels) + text(annotations) + body
    }
}

// === impl Event ===

impl Event {
    /// An event of scope 0.
    #[must_use]
    pub fn new(at: Option<Timestamp>, change: Change) -> Self {
        Self { scope: 0, at, change }
    }
}

// === impl Uid ===

impl Uid {
    /// The identity that `text` writes: a UUID, or anything else.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if digits.len() == 32
            && let Ok(number) = u128::from_str_radix(&digits, 16)
        {
            return Self(number);
        }
        // FNV-1a with 128 bits (draft-eastlake-fnv §5).
        const PRIME: u128 = (1 << 88) + (1 << 8) + 0x3b;
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        Self(text.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
