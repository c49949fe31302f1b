//! What is told of the one who was found.

use model::{Candidate, Doubt, Evidence, Evidences, Peer, Workload};

use super::{Found, Front, Query};
use crate::{
    Uid,
    tables::{Address, Claim, Holder, Id, Node},
    window::Span,
};

// === impl Found: the answer ===

impl<'d> Found<'d> {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.evidence.is_empty() && self.doubts[0].is_none()
    }

    /// The pod's name.
    #[must_use]
    pub fn pod(&self) -> Option<&'d str> {
        self.pod.map(|pod| &*pod.name)
    }

    /// The identity of the pod.
    #[must_use]
    pub fn pod_uid(&self) -> Option<Uid> {
        self.pod.map(|pod| pod.uid)
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> Option<&'d str> {
        Some(match self.service? {
            Front::Known(service) => &service.name,
            Front::Named(face) => &face.service,
        })
    }

    /// The namespace of the pod or the service.
    #[must_use]
    pub fn namespace(&self) -> Option<&'d str> {
        let of_service = || match self.service? {
            Front::Known(service) => Some(&*service.namespace),
            Front::Named(face) => Some(&*face.namespace),
        };
        self.template.map(|template| &*template.key.namespace).or_else(of_service)
    }

    /// The node's name.
    #[must_use]
    pub fn node(&self) -> Option<&'d str> {
        self.node_record().map(|node| &*node.name)
    }

    /// The top of the chain of owners.
    #[must_use]
    pub fn workload(&self) -> Option<Workload<'d>> {
        let (kind, name) = self.template?.workload.as_ref()?;
        Some(Workload { kind, name })
    }

    /// The container that declares the port, or the only one.
    #[must_use]
    pub fn container(&self) -> Option<&'d str> {
        let key = &self.template?.key;
        let own = self.template?.container_of(self.query.port, self.query.transport);
        let only = key.containers.first().filter(|_| key.containers.len() == 1);
        own.or(only.map(|container| &container.name)).map(|name| &**name)
    }

    /// Why we believe this.
    #[must_use]
    pub fn evidence(&self) -> Evidences {
        self.evidence
    }

    /// Why it is not known more exactly.
    pub fn doubts(&self) -> impl Iterator<Item = Doubt> {
        self.doubts.into_iter().flatten()
    }

    /// Whether it is the address of a service, not of what is behind it.
    #[must_use]
    pub fn is_front(&self) -> bool {
        let at_front = [Evidence::ClusterIp, Evidence::LoadBalancer, Evidence::NodePort];
        at_front.into_iter().any(|evidence| self.evidence.has(evidence))
    }

    /// Whether the service keeps traffic from outside on the node where it arrives, and its source as
    /// it is (`externalTrafficPolicy: Local`).
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self.service {
            Some(Front::Known(service)) => {
                service.spec(self.query.at).is_some_and(|spec| spec.is_local)
            }
            _ => false,
        }
    }

    /// Around the moment asked for, when the answer for this port is the same.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The annotation of this name.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&'d str> {
        let annotations = self.pod?.annotations.as_deref()?;
        annotations.iter().find(|(own, _)| **own == *name).map(|(_, value)| &**value)
    }

    /// All annotations.
    pub fn annotations(&self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let annotations = self.pod.and_then(|pod| pod.annotations.as_deref()).unwrap_or_default();
        annotations.iter().map(|(name, value)| (&**name, &**value))
    }

    /// What to call it in one word.
    #[must_use]
    pub fn name(&self) -> Option<&'d str> {
        let outside = || match self.service {
            Some(Front::Known(_) | Front::Named(_)) => self.service(),
            None => None,
        };
        outside()
            .or_else(|| self.workload().map(|workload| workload.name))
            .or_else(|| self.pod())
            .or(self.given)
            .or_else(|| self.node())
    }

    /// All that is known, in words; this allocates.
    #[must_use]
    pub fn peer(&self) -> Peer<'d> {
        let key = self.template.map(|template| &template.key);
        let labels = key.map(|key| &*key.labels).unwrap_or_default();
        Peer {
            name: self.name(),
            namespace: self.namespace(),
            pod: self.pod(),
            service: self.service(),
            services: self.services(),
            workload: self.workload(),
            node: self.node(),
            zone: self.node_record().and_then(|node| node.zone(self.query.at)).map(|zone| &**zone),
            container: self.container(),
            service_account: key.map(|key| &*key.service_account).filter(|name| !name.is_empty()),
            labels: labels.iter().map(|(name, value)| (&**name, &**value)).collect(),
            names: self.outside_names(),
            evidence: self.evidence,
            doubts: self.doubts().collect(),
            candidates: self.candidates(),
        }
    }

    fn node_record(&self) -> Option<&'d Node> {
        self.tables.nodes.get(&Id(self.node?)).map(|node| &**node)
    }

    /// All services before the pod, if there are several.
    fn services(&self) -> Vec<&'d str> {
        let Some(template) = self.template else { return Vec::new() };
        let selecting = self.tables.selecting(template, self.query.at, &mut { Span::ALWAYS });
        let mut names: Vec<&str> = selecting.iter().map(|(service, _)| &*service.name).collect();
        names.extend(self.service().filter(|name| !names.contains(name)));
        names.sort_unstable();
        names.dedup();
        if names.len() > 1 { names } else { Vec::new() }
    }

    /// Names that a service has outside.
    fn outside_names(&self) -> Vec<&'d str> {
        match self.service {
            Some(Front::Known(service)) if self.pod.is_none() => {
                let spec = service.spec(self.query.at);
                spec.into_iter().flat_map(|spec| &spec.outside_names).map(|name| &**name).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Who else it could have been.
    #[must_use]
    pub fn candidates(&self) -> Vec<Candidate<'d>> {
        let Query { scope, ip, at, .. } = self.query;
        if self.doubts().next().is_none() {
            return Vec::new();
        }
        let claims = self.tables.addresses.get(&Address { scope, ip });
        let may = claims.into_iter().flatten().filter(|claim| claim.window.may_hold(at));
        let mut candidates: Vec<_> = may.filter_map(|claim| self.candidate(claim)).collect();
        candidates.sort();
        candidates.dedup();
        candidates
    }

    fn candidate(&self, claim: &'d Claim) -> Option<Candidate<'d>> {
        match &claim.holder {
            Holder::Pod(pod) | Holder::Host(pod) => {
                let template = self.tables.template(pod, self.query.at);
                let namespace = template.map(|template| &*template.key.namespace);
                Some(Candidate { kind: "pod", namespace, name: &pod.name })
            }
            Holder::Cluster(id) | Holder::Outside(id) => {
                let service = self.tables.service(*id)?;
                let namespace = Some(&*service.namespace);
                Some(Candidate { kind: "service", namespace, name: &service.name })
            }
            Holder::Mapped(_) | Holder::Node(..) | Holder::Endpoint(..) => None,
        }
    }
}
