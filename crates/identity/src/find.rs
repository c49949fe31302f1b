//! Look-ups: who had an address at a time, and why.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use model::{Doubt, Evidence, Evidences, Timestamp, Transport};
use smallvec::SmallVec;

use crate::{
    Directory, Uid,
    tables::{
        Address, Claim, Face, Holder, Id, Network, NodePort, Pod, PodKey, Service, Spec, Tables,
        Template,
    },
    window::{Span, Verdict, Window, holder},
};

mod answer;

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Query {
    /// The address space.
    pub scope: u16,
    /// The address.
    pub ip: IpAddr,
    /// The port; 0 where it doesn't matter.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// When.
    pub at: Timestamp,
    /// The pod whose process had the socket, where the local system said so.
    pub process: Option<Uid>,
}

/// The answer: borrowed from the directory, cheap until it is told.
#[derive(Clone, Copy, Debug)]
pub struct Found<'d> {
    tables: &'d Tables,
    query: Query,
    pod: Option<&'d Pod>,
    template: Option<&'d Template>,
    node: Option<u32>,
    service: Option<Front<'d>>,
    /// The name that the user gave.
    given: Option<&'d str>,
    evidence: Evidences,
    doubts: [Option<Doubt>; 2],
    span: Span,
}

/// A service as far as it is known.
#[derive(Clone, Copy, Debug)]
enum Front<'d> {
    Known(&'d Service),
    /// Only slices speak of it.
    Named(&'d Face),
}

// === impl Directory ===

impl Directory {
    /// Who had an address at a time.
    #[must_use]
    pub fn find(&self, query: &Query) -> Found<'_> {
        let mut found = Found::nobody(&self.0, query);
        if let Some(uid) = query.process
            && let Some(pod) = self.0.pods.get(&PodKey { scope: query.scope, uid })
        {
            found.is_pod(pod, Evidence::ProcessCgroup);
            return found;
        }
        let address = Address { scope: query.scope, ip: query.ip };
        match self.0.addresses.get(&address) {
            Some(claims) => found.claimed(claims),
            None => found.unclaimed(),
        }
        found.named();
        found
    }

    /// The ports for which the answer at an address may be another one than for any other port. All
    /// of time is looked at.
    pub fn ports(&self, scope: u16, ip: IpAddr, ports: &mut Vec<u16>) {
        ports.clear();
        let claims = self.0.addresses.get(&Address { scope, ip });
        for claim in claims.into_iter().flatten() {
            self.0.claim_ports(claim, ports);
        }
        ports.extend(self.0.names.ports(ip));
        ports.sort_unstable();
        ports.dedup();
    }

    /// Whether a port of every node was ever a service's.
    #[must_use]
    pub fn has_node_port(&self, scope: u16, port: u16, transport: Transport) -> bool {
        self.0.node_ports.get(&NodePort { scope, port, transport }).is_some()
    }

    /// Whether an address is a node's, where every port may be a service's.
    #[must_use]
    pub fn is_node(&self, scope: u16, ip: IpAddr) -> bool {
        let claims = self.0.addresses.get(&Address { scope, ip });
        let is_shared = |claim: &Claim| {
            matches!(claim.holder, Holder::Node(..) | Holder::Host(_) | Holder::Mapped(_))
        };
        claims.is_some_and(|claims| claims.iter().any(is_shared))
    }
}

// === impl Tables ===

impl Tables {
    fn template(&self, pod: &Pod, at: Timestamp) -> Option<&Template> {
        self.templates.get(&Id(pod.template(at))).map(|template| &**template)
    }

    fn service(&self, id: u32) -> Option<&Service> {
        self.services.get(&Id(id)).map(|service| &**service)
    }

    /// Services whose selectors match at this time.
    fn selecting<'d>(
        &'d self,
        template: &'d Template,
        at: Timestamp,
        span: &mut Span,
    ) -> SmallVec<[(&'d Service, &'d Spec); 4]> {
        let mut selecting = SmallVec::new();
        for id in &template.services {
            let Some(service) = self.service(*id) else { continue };
            span.edge(service.window.since, at);
            span.edge(service.window.until, at);
            service.edges(span, at);
            let Some(spec) = service.spec(at).filter(|_| service.window.may_hold(at)) else {
                continue;
            };
            if spec.selector.as_ref().is_some_and(|selector| template.matches(selector)) {
                selecting.push((service, spec));
            }
        }
        selecting
    }

    /// Whether the service has a selector, which then says better what is behind it than a slice.
    fn has_selector(&self, scope: u16, face: &Face, at: Timestamp) -> bool {
        let uid = crate::book::named(&face.namespace, &face.service);
        let ids = self.named.get(&PodKey { scope, uid });
        let mut known = ids.into_iter().flatten().filter_map(|id| self.service(*id));
        known.any(|service| {
            service.window.may_hold(at)
                && service.spec(at).is_some_and(|spec| spec.selector.is_some())
        })
    }

    fn claim_ports(&self, claim: &Claim, ports: &mut Vec<u16>) {
        let of_spec = |spec: &Spec, ports: &mut Vec<u16>| {
            for port in &spec.ports {
                ports.extend([port.number, port.node]);
                if let crate::Target::Number(number) = port.target {
                    ports.push(number);
                }
            }
        };
        match &claim.holder {
            Holder::Pod(pod) | Holder::Host(pod) | Holder::Mapped(pod) => {
                let of = |(.., id): &(Timestamp, u64, u32)| self.templates.get(&Id(*id));
                for template in pod.templates.iter().filter_map(of) {
                    let own = template.key.containers.iter().flat_map(|c| &c.ports);
                    ports.extend(own.flat_map(|port| [port.number, port.host]));
                    let services = template.services.iter().filter_map(|id| self.service(*id));
                    for (_, _, spec) in services.flat_map(|service| &service.specs) {
                        of_spec(spec, ports);
                    }
                }
            }
            Holder::Cluster(id) | Holder::Outside(id) => {
                let specs = self.service(*id).into_iter().flat_map(|service| &service.specs);
                specs.for_each(|(_, _, spec)| of_spec(spec, ports));
            }
            Holder::Endpoint(face, _) => ports.extend(face.ports.iter().map(|(port, _)| *port)),
            Holder::Node(..) => {}
        }
    }
}

/// Windows of the claims that `is_it` picks, with their places.
macro_rules! windows {
    ($claims:expr, $pattern:pat) => {
        $claims
            .iter()
            .enumerate()
            .filter(|(_, claim)| matches!(claim.holder, $pattern))
            .map(|(at, claim)| (at, &claim.window))
    };
}

// === impl Found: the search ===

impl<'d> Found<'d> {
    fn nobody(tables: &'d Tables, query: &Query) -> Self {
        Self {
            tables,
            query: *query,
            pod: None,
            template: None,
            node: None,
            service: None,
            given: None,
            evidence: Evidences::default(),
            doubts: [None; 2],
            span: Span::ALWAYS,
        }
    }

    /// Somebody claims the address.
    fn claimed(&mut self, claims: &'d [Claim]) {
        let at = self.query.at;
        let pod = holder(windows!(claims, Holder::Pod(_)), at, &mut self.span);
        if let Verdict::One(place) = pod
            && let Some(Claim { holder: Holder::Pod(pod), .. }) = claims.get(place)
        {
            self.is_pod(pod, Evidence::PodIp);
            self.behind(claims);
            return;
        }
        let service = self.fronts(claims);
        if let Verdict::One(place) = service
            && let Some(Claim { holder, .. }) = claims.get(place)
        {
            return self.is_service(holder);
        }
        if pod == Verdict::Undecided || service == Verdict::Undecided {
            self.doubts[0] = Some(Doubt::Handover);
            return;
        }
        let shares = |claim: &Claim| {
            matches!(claim.holder, Holder::Host(_) | Holder::Mapped(_)) && claim.window.may_hold(at)
        };
        if let Some(id) = self.node_of(claims) {
            self.is_on(Some(id));
            self.evidence.add(Evidence::NodeIp);
            return self.shared(claims);
        }
        for (_, window) in windows!(claims, Holder::Host(_) | Holder::Mapped(_)) {
            self.span.edge(window.since, at);
            self.span.edge(window.until, at);
        }
        if claims.iter().any(shares) {
            return self.shared(claims);
        }
        self.behind(claims);
        if self.service.is_none() {
            self.unclaimed();
        }
    }

    /// Nobody claims it; perhaps it is in the network that a node gives addresses from: the node's
    /// own end of it, or a pod that was not seen.
    fn unclaimed(&mut self) {
        for prefix in &self.tables.prefixes {
            let Ok(net) = IpNet::new(self.query.ip, *prefix) else { continue };
            let key = Network { scope: self.query.scope, net: net.trunc() };
            let Some(claims) = self.tables.networks.get(&key) else { continue };
            let Some(id) = self.node_of(claims) else { continue };
            let (first, second) = (net.network(), net.hosts().next());
            let is_gateway = self.query.ip == first || Some(self.query.ip) == second;
            if is_gateway {
                self.is_on(Some(id));
                self.evidence.add(Evidence::NodeIp);
                self.doubts = [Some(Doubt::Snat), None];
            }
            return;
        }
    }

    /// The node that claims it. Of those that bore one name one after the other, it is the name that
    /// is told.
    fn node_of(&mut self, claims: &[Claim]) -> Option<u32> {
        let at = self.query.at;
        let id = |claim: &Claim| match claim.holder {
            Holder::Node(id, _) if claim.window.may_hold(at) => Some(id),
            _ => None,
        };
        match holder(windows!(claims, Holder::Node(..)), at, &mut self.span) {
            Verdict::None => None,
            Verdict::One(place) => claims.get(place).and_then(id),
            Verdict::Undecided => {
                let mut ids = claims.iter().filter_map(id);
                let first = ids.next()?;
                ids.all(|own| own == first).then_some(first)
            }
        }
    }

    /// It is on this node, which may be moved to another zone.
    fn is_on(&mut self, node: Option<u32>) {
        self.node = node;
        let zones = node.and_then(|id| self.tables.nodes.get(&Id(id))).map(|node| &node.zones);
        for (from, _) in zones.into_iter().flatten().skip(1) {
            self.span.edge(*from, self.query.at);
        }
    }

    fn is_pod(&mut self, pod: &'d Pod, evidence: Evidence) {
        let Query { at, port, transport, .. } = self.query;
        for (from, ..) in pod.templates.iter().skip(1) {
            self.span.edge(*from, at);
        }
        self.pod = Some(pod);
        self.is_on(pod.node);
        self.evidence.add(evidence);
        self.template = self.tables.template(pod, at);
        let Some(template) = self.template else { return };
        let selecting = self.tables.selecting(template, at, &mut self.span);
        let mut fitting = selecting.iter().filter(|(_, s)| s.leads_to(port, transport, template));
        self.service = match (fitting.next(), fitting.next(), selecting.as_slice()) {
            (Some((service, _)), None, _) | (None, _, [(service, _)]) => {
                Some(Front::Known(service))
            }
            _ => None,
        };
    }

    /// The service that the address is one of. Addresses from outside may be shared by services, each
    /// with ports of its own, and by nodes.
    fn fronts(&mut self, claims: &[Claim]) -> Verdict {
        let Query { at, port, transport, .. } = self.query;
        let own = holder(windows!(claims, Holder::Cluster(_)), at, &mut self.span);
        let outside = windows!(claims, Holder::Outside(_));
        if own != Verdict::None || outside.clone().next().is_none() {
            return own;
        }
        let tables = self.tables;
        let has_port = |(place, _): &(usize, &Window)| match claims.get(*place) {
            Some(Claim { holder: Holder::Outside(id), .. }) => {
                let spec = tables.service(*id).and_then(|service| service.spec(at));
                let mut ports = spec.into_iter().flat_map(|spec| &spec.ports);
                ports.any(|own| own.number == port && own.transport == transport)
            }
            _ => false,
        };
        for (place, window) in outside.clone() {
            self.span.edge(window.since, at);
            self.span.edge(window.until, at);
            if let Some(Claim { holder: Holder::Outside(id), .. }) = claims.get(place)
                && let Some(service) = tables.service(*id)
            {
                service.edges(&mut self.span, at);
            }
        }
        let by_port = holder(outside.clone().filter(has_port), at, &mut self.span);
        let is_shared = windows!(claims, Holder::Node(..) | Holder::Host(_)).next().is_some();
        if by_port != Verdict::None || is_shared {
            return by_port;
        }
        match holder(outside, at, &mut self.span) {
            Verdict::Undecided => Verdict::None,
            verdict => verdict,
        }
    }

    fn is_service(&mut self, holder: &Holder) {
        let (id, evidence) = match holder {
            Holder::Cluster(id) => (*id, Evidence::ClusterIp),
            Holder::Outside(id) => (*id, Evidence::LoadBalancer),
            _ => return,
        };
        let service = self.tables.service(id);
        // What it is called outside.
        service.inspect(|service| service.edges(&mut self.span, self.query.at));
        self.service = service.map(Front::Known);
        self.evidence.add(evidence);
    }

    /// The address is shared by all that is on a node: the port decides.
    fn shared(&mut self, claims: &'d [Claim]) {
        let Query { at, port, transport, scope, .. } = self.query;
        for claim in claims {
            self.span.edge(claim.window.since, at);
            self.span.edge(claim.window.until, at);
            let Some(pod) = claim.holder.pod() else { continue };
            for (from, ..) in pod.templates.iter().skip(1) {
                self.span.edge(*from, at);
            }
            // Whether it listens depends on its services.
            if let Some(template) = self.tables.template(pod, at) {
                self.tables.selecting(template, at, &mut self.span);
            }
        }
        match self.listener(claims) {
            Verdict::One(place) => {
                if let Some(pod) = claims.get(place).and_then(|claim| claim.holder.pod()) {
                    self.is_pod(pod, Evidence::HostNetworkPort);
                    self.behind(claims);
                }
                return;
            }
            Verdict::Undecided => {
                self.doubts[0] = Some(Doubt::HostNetwork);
                return;
            }
            Verdict::None => {}
        }
        let key = NodePort { scope, port, transport };
        if let Some(claims) = self.tables.node_ports.get(&key)
            && let Verdict::One(place) =
                holder(windows!(claims, Holder::Cluster(_)), at, &mut self.span)
            && let Some(Claim { holder: Holder::Cluster(id), .. }) = claims.get(place)
        {
            self.service = self.tables.service(*id).map(Front::Known);
            self.evidence.add(Evidence::NodePort);
            return;
        }
        if self.behind(claims) {
            return;
        }
        let hosts =
            |claim: &Claim| matches!(claim.holder, Holder::Host(_)) && claim.window.may_hold(at);
        if claims.iter().any(hosts) {
            self.doubts[0] = Some(Doubt::HostNetwork);
        }
        self.doubts[1] = Some(Doubt::Snat);
        if self.node.is_none() {
            let node = claims.iter().filter(|c| hosts(c)).find_map(|c| c.holder.pod()?.node);
            self.is_on(node);
        }
    }

    /// The pod whose port of the node it is.
    fn listener(&self, claims: &[Claim]) -> Verdict {
        let Query { at, port, transport, .. } = self.query;
        let mut verdict = Verdict::None;
        for (place, claim) in claims.iter().enumerate() {
            if !claim.window.may_hold(at) {
                continue;
            }
            let listens = match &claim.holder {
                Holder::Host(pod) => self.host_listens(claims, pod),
                Holder::Mapped(pod) => self.tables.template(pod, at).is_some_and(|template| {
                    let mut ports = template.key.containers.iter().flat_map(|c| &c.ports);
                    ports.any(|own| own.host == port && own.transport == transport)
                }),
                _ => false,
            };
            if listens {
                verdict = match verdict {
                    Verdict::None => Verdict::One(place),
                    _ => Verdict::Undecided,
                };
            }
        }
        verdict
    }

    /// Whether a pod on its node's network listens on the port: a container declares it, a service
    /// leads there, or a slice says so.
    fn host_listens(&self, claims: &[Claim], pod: &Pod) -> bool {
        let Query { at, port, transport, .. } = self.query;
        let Some(template) = self.tables.template(pod, at) else { return false };
        let selecting = || self.tables.selecting(template, at, &mut { Span::ALWAYS });
        let endpoint = |claim: &Claim| match &claim.holder {
            Holder::Endpoint(face, hint) => {
                *hint == pod.hint() && claim.window.may_hold(at) && face.has(port, transport)
            }
            _ => false,
        };
        template.container_of(port, transport).is_some()
            || selecting().iter().any(|(_, spec)| spec.leads_to(port, transport, template))
            || claims.iter().any(endpoint)
    }

    /// Services that slices lead to this address and port, where no selector says better. Whether one
    /// was found.
    fn behind(&mut self, claims: &'d [Claim]) -> bool {
        let Query { at, port, transport, scope, .. } = self.query;
        let mut named: Option<&'d Face> = None;
        let mut is_undecided = false;
        for claim in claims {
            let Holder::Endpoint(face, _) = &claim.holder else { continue };
            self.span.edge(claim.window.since, at);
            self.span.edge(claim.window.until, at);
            if !claim.window.may_hold(at) || !face.has(port, transport) {
                continue;
            }
            if let Some(Front::Known(service)) = self.service
                && Arc::ptr_eq(&service.name, &face.service)
                && Arc::ptr_eq(&service.namespace, &face.namespace)
            {
                self.evidence.add(Evidence::EndpointSlice);
                continue;
            }
            self.edges_of(face);
            if self.tables.has_selector(scope, face, at) {
                continue;
            }
            is_undecided |= named.is_some_and(|own| !own.is_of(face));
            named = Some(face);
        }
        let Some(face) = named.filter(|_| !is_undecided) else { return false };
        // A service whose selector and port match was found before.
        if self.service.is_none() || self.pod.is_some_and(|_| !self.port_fits()) {
            self.service = Some(self.front(face));
            self.evidence.add(Evidence::EndpointSlice);
        }
        true
    }

    /// What is said of a slice's service changes when the service does.
    fn edges_of(&mut self, face: &Face) {
        let Query { at, scope, .. } = self.query;
        let uid = crate::book::named(&face.namespace, &face.service);
        let ids = self.tables.named.get(&PodKey { scope, uid });
        for service in ids.into_iter().flatten().filter_map(|id| self.tables.service(*id)) {
            self.span.edge(service.window.since, at);
            self.span.edge(service.window.until, at);
            service.edges(&mut self.span, at);
        }
    }

    fn port_fits(&self) -> bool {
        let Query { at, port, transport, .. } = self.query;
        match (self.service, self.template) {
            (Some(Front::Known(service)), Some(template)) => {
                service.spec(at).is_some_and(|spec| spec.leads_to(port, transport, template))
            }
            _ => false,
        }
    }

    fn front(&self, face: &'d Face) -> Front<'d> {
        let uid = crate::book::named(&face.namespace, &face.service);
        let ids = self.tables.named.get(&PodKey { scope: self.query.scope, uid });
        let mut known = ids.into_iter().flatten().filter_map(|id| self.tables.service(*id));
        known
            .find(|service| service.window.may_hold(self.query.at))
            .map_or(Front::Named(face), Front::Known)
    }

    /// What the user calls it, if nothing else is known.
    fn named(&mut self) {
        if self.pod.is_some() || self.service.is_some() {
            return;
        }
        self.given = self.tables.names.find(self.query.ip, self.query.port);
        if self.given.is_some() {
            self.evidence.add(Evidence::HostsFile);
        }
    }
}

// === impl Service ===

impl Service {
    /// It may be something else on the other side of its states' beginnings.
    fn edges(&self, span: &mut Span, at: Timestamp) {
        for (from, ..) in self.specs.iter().skip(1) {
            span.edge(*from, at);
        }
    }
}

// === impl Face ===

impl Face {
    fn has(&self, port: u16, transport: Transport) -> bool {
        self.ports.is_empty() || self.ports.contains(&(port, transport))
    }

    fn is_of(&self, other: &Self) -> bool {
        self.service == other.service && self.namespace == other.namespace
    }
}
