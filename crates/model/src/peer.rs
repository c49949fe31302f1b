//! Who an endpoint was: what is known of the pod, service, node or outside name behind an address.

/// One end of a call, as a person would name it; borrowed from the directory that knew it.
///
/// What is not known is left out. What is not decided is left out too, and said in `doubts` and
/// `candidates`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peer<'d> {
    /// What to call it in one word: the service, else the workload, the pod, the node, the outside
    /// name.
    pub name: Option<&'d str>,
    /// The Kubernetes namespace of the pod or the service.
    pub namespace: Option<&'d str>,
    /// The pod's name.
    pub pod: Option<&'d str>,
    /// The service that was meant: by its own address, or the one whose port and selector match.
    pub service: Option<&'d str>,
    /// All services in front of the pod at that time, by name; only where there are several.
    pub services: Vec<&'d str>,
    /// The top of the chain of owners.
    pub workload: Option<Workload<'d>>,
    /// The node's name.
    pub node: Option<&'d str>,
    /// The node's zone.
    pub zone: Option<&'d str>,
    /// The container that declares the port, or the only one.
    pub container: Option<&'d str>,
    /// The service account that the pod runs as.
    pub service_account: Option<&'d str>,
    /// The pod's labels, by name.
    pub labels: Vec<(&'d str, &'d str)>,
    /// Other names of it: outside names that its address had.
    pub names: Vec<&'d str>,
    /// Why we believe this.
    pub evidence: Evidences,
    /// Why it isn't known more exactly.
    pub doubts: Vec<Doubt>,
    /// Who else it could have been.
    pub candidates: Vec<Candidate<'d>>,
}

/// Somebody whom an endpoint could have been as well.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Candidate<'d> {
    /// `pod`, `service` or `node`.
    pub kind: &'static str,
    /// Its namespace, where it has one.
    pub namespace: Option<&'d str>,
    /// Its name.
    pub name: &'d str,
}

/// What owns a pod at the top of the chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Workload<'d> {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, `Rollout`, ….
    pub kind: &'d str,
    /// Its name.
    pub name: &'d str,
}

/// What a name was found by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Evidence {
    /// The address was this pod's.
    PodIp,
    /// The port of a node was this pod's.
    HostNetworkPort,
    /// The address was this service's.
    ClusterIp,
    /// The port of every node was this service's.
    NodePort,
    /// The address was given to this service by a load balancer, or from outside.
    LoadBalancer,
    /// An endpoint slice named the address and port.
    EndpointSlice,
    /// The address was this node's.
    NodeIp,
    /// An answer on the wire, or a service's external name.
    Dns,
    /// The process that owned the socket was in this pod's control group.
    ProcessCgroup,
    /// The user's names file.
    HostsFile,
}

/// A set of [`Evidence`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Evidences(u16);

/// Why an endpoint is not known more exactly.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Doubt {
    /// The address is a node's, which all its host-network pods and its own processes share.
    HostNetwork,
    /// The address is a node's, and the node may have put it in place of another one.
    Snat,
    /// At that time the address passed from one holder to another.
    Handover,
}

// === impl Evidence ===

impl Evidence {
    /// All there are, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::PodIp,
        Self::HostNetworkPort,
        Self::ClusterIp,
        Self::NodePort,
        Self::LoadBalancer,
        Self::EndpointSlice,
        Self::NodeIp,
        Self::Dns,
        Self::ProcessCgroup,
        Self::HostsFile,
    ];

    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PodIp => "pod-ip",
            Self::HostNetworkPort => "host-network-port",
            Self::ClusterIp => "cluster-ip",
            Self::NodePort => "node-port",
            Self::LoadBalancer => "load-balancer",
            Self::EndpointSlice => "endpoint-slice",
            Self::NodeIp => "node-ip",
            Self::Dns => "dns",
            Self::ProcessCgroup => "process-cgroup",
            Self::HostsFile => "hosts-file",
        }
    }
}

// === impl Evidences ===

impl Evidences {
    /// Adds one.
    pub fn add(&mut self, evidence: Evidence) {
        self.0 |= 1 << evidence as u8;
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, evidence: Evidence) -> bool {
        self.0 & (1 << evidence as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other, in the order of [`Evidence::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Evidence> {
        Evidence::ALL.into_iter().filter(move |evidence| self.has(*evidence))
    }
}

// === impl Doubt ===

impl Doubt {
    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HostNetwork => "host-network",
            Self::Snat => "snat",
            Self::Handover => "handover",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_told_once_and_in_order() {
        let mut all = Evidences::default();
        assert!(all.is_empty());
        for evidence in [Evidence::Dns, Evidence::PodIp, Evidence::Dns] {
            all.add(evidence);
        }
        assert_eq!(all.iter().collect::<Vec<_>>(), [Evidence::PodIp, Evidence::Dns]);
        assert!(!all.has(Evidence::NodePort));
    }
}
