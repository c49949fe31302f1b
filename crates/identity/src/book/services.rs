//! Services: their addresses and ports, and the pods that they select.

use std::{net::IpAddr, sync::Arc};

use model::Timestamp;
use smallvec::SmallVec;

use super::{Book, CLAIMS_MAX, Gone, crowd, dating, gone_by, open, retain};
use crate::{
    Meta, ServiceBody, Uid,
    tables::{
        Address, Claim, Claims, Holder, Id, NodePort, PodKey, Port, Service, Spec, put_state,
    },
    window::{FOREVER, Window},
};

/// More states are looked through for repetitions.
const STATES_FEW: usize = 32;

// === impl Book ===

impl Book {
    pub(super) fn service(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        body: &ServiceBody,
        is_deleted: bool,
    ) {
        let key = PodKey { scope, uid: meta.uid };
        let mut window = open(dating(at, meta));
        if is_deleted {
            window.end(gone_by(at, meta));
        }
        let known = self.service_ids.get(&key).copied();
        if known.is_none() && !self.has_room() {
            self.counts.refused += 1;
            return;
        }
        let id = known.unwrap_or_else(|| self.new_service(key, meta, window));
        let from = at.unwrap_or(meta.changed);
        let spec = self.spec(body);
        let Some(service) = self.tables.services.get_mut(&Id(id)) else { return };
        let service = Arc::make_mut(service);
        let (before, had_ended) = (spec_bytes(service), service.window.until < FOREVER);
        service.window.merge(&window);
        let is_news = put_state(&mut service.specs, (from, meta.version, spec.clone()), true);
        shorten(&mut service.specs, retain::STATES_MAX);
        let until = service.window.until;
        if until < FOREVER && !had_ended {
            self.ended.entry(until).or_default().push(Gone::Service(id, key));
        }
        let bytes = spec_bytes(service);
        self.bytes = (self.bytes + bytes).saturating_sub(before);
        if is_news {
            self.select(id, &spec);
        }
        if is_news || (until < FOREVER && !had_ended) {
            self.tables.generation += 1;
            self.claim_service(id);
        }
    }

    fn new_service(&mut self, key: PodKey, meta: &Meta, window: Window) -> u32 {
        let id = self.id();
        let (namespace, name) = (self.strings.name(&meta.namespace), self.strings.name(&meta.name));
        self.service_ids.insert(key, id);
        let members = self.namespaces.entry((key.scope, namespace.clone())).or_default();
        members.services.push(id);
        let named = PodKey { scope: key.scope, uid: named(&namespace, &name) };
        self.tables.named.entry(named, SmallVec::new).push(id);
        let service = Service { scope: key.scope, namespace, name, window, specs: SmallVec::new() };
        self.bytes += retain::SERVICE_BYTES;
        self.tables.services.entry(Id(id), || Arc::new(service));
        id
    }

    fn spec(&mut self, body: &ServiceBody) -> Arc<Spec> {
        let ports = body.ports.iter().map(|port| Port {
            number: port.number,
            node: port.node,
            target: port.target.clone(),
            transport: port.transport,
        });
        let strings = &mut self.strings;
        let external = [&body.external_name].into_iter().filter(|name| !name.is_empty());
        Arc::new(Spec {
            selector: body.selector.as_ref().map(|pairs| strings.labels(pairs)),
            ports: ports.collect(),
            cluster_ips: body.cluster_ips.as_slice().into(),
            outside_ips: body.outside_ips.as_slice().into(),
            outside_names: body
                .outside_names
                .iter()
                .chain(external)
                .map(|name| strings.name(name))
                .collect(),
            is_local: body.is_local,
        })
    }

    /// Tells the templates that the selector matches.
    fn select(&mut self, id: u32, spec: &Spec) {
        let Some(selector) = &spec.selector else { return };
        let Some(service) = self.tables.services.get(&Id(id)) else { return };
        let place = (service.scope, service.namespace.clone());
        let Some(members) = self.namespaces.get(&place) else { return };
        for number in &members.templates {
            let Some(template) = self.tables.templates.get(&Id(*number)) else { continue };
            if !template.services.contains(&id)
                && template.matches(selector)
                && let Some(template) = self.tables.templates.get_mut(&Id(*number))
            {
                Arc::make_mut(template).services.push(id);
            }
        }
    }

    /// Puts the claims of a service in anew, by all that is known of it.
    pub(super) fn claim_service(&mut self, id: u32) {
        let Some(service) = self.tables.services.get(&Id(id)).cloned() else { return };
        self.unclaim_service(id, &service);
        for (at, (_, _, spec)) in service.specs.iter().enumerate() {
            let window = state_window(service.window, &service.specs, at);
            let own = spec.cluster_ips.iter().map(|ip| (*ip, Holder::Cluster(id)));
            let given = spec.outside_ips.iter().map(|ip| (*ip, Holder::Outside(id)));
            for (ip, holder) in own.chain(given) {
                self.extend(service.scope, ip, Claim { window, holder });
            }
            for port in spec.ports.iter().filter(|port| port.node > 0) {
                let key =
                    NodePort { scope: service.scope, port: port.node, transport: port.transport };
                let claims = self.tables.node_ports.entry(key, Claims::new);
                let claim = Claim { window, holder: Holder::Cluster(id) };
                extend(claims, claim, &mut self.counts.crowded);
            }
        }
    }

    /// Puts a claim in, or lengthens the one that it follows.
    pub(super) fn extend(&mut self, scope: u16, ip: IpAddr, claim: Claim) {
        let address = Address { scope, ip };
        let claims = self.tables.addresses.entry(address, || {
            self.bytes += retain::ADDRESS_BYTES;
            Claims::new()
        });
        if extend(claims, claim, &mut self.counts.crowded) {
            self.bytes += retain::CLAIM_BYTES;
        }
    }

    pub(super) fn unclaim_service(&mut self, id: u32, service: &Service) {
        let is_own = |claim: &Claim| match claim.holder {
            Holder::Cluster(own) | Holder::Outside(own) => own == id,
            _ => false,
        };
        for (_, _, spec) in &service.specs {
            for ip in spec.cluster_ips.iter().chain(&spec.outside_ips) {
                self.unclaim(Address { scope: service.scope, ip: *ip }, is_own);
            }
            for port in spec.ports.iter().filter(|port| port.node > 0) {
                let (scope, transport) = (service.scope, port.transport);
                let key = NodePort { scope, port: port.node, transport };
                let Some(claims) = self.tables.node_ports.get_mut(&key) else { continue };
                claims.retain(|claim| !is_own(claim));
                if claims.is_empty() {
                    self.tables.node_ports.remove(&key);
                }
            }
        }
    }
}

/// What a name in a namespace is found by.
pub(crate) fn named(namespace: &str, name: &str) -> Uid {
    Uid::of(&format!("{namespace}/{name}"))
}

/// Adds a claim, or lengthens the one that it follows. Whether there is one more.
pub(super) fn extend(claims: &mut Claims, claim: Claim, crowded: &mut u64) -> bool {
    let before = claims
        .iter_mut()
        .find(|own| own.holder.is_same(&claim.holder) && own.window.until == claim.window.since);
    if let Some(own) = before {
        own.window.until = claim.window.until;
        own.window.solid = claim.window.solid;
        return false;
    }
    let is_crowded = claims.len() >= CLAIMS_MAX;
    if is_crowded {
        crowd(claims);
        *crowded += 1;
    }
    claims.push(claim);
    !is_crowded
}

/// When the state at this place was, of something that was for as long as `of` says.
pub(super) fn state_window<T>(of: Window, states: &[(Timestamp, u64, T)], place: usize) -> Window {
    let from = |at: usize| states.get(at).map(|(from, ..)| *from);
    let mut window = of;
    if place > 0
        && let Some(from) = from(place)
    {
        (window.since, window.seen, window.solid) = (from, from, from);
    }
    if let Some(next) = from(place + 1) {
        window.end(next);
    }
    window
}

/// Forgets states that repeat the one before, where there are many, and the first if there are more
/// than `max` all the same.
pub(super) fn shorten<T: PartialEq, A: smallvec::Array<Item = (Timestamp, u64, T)>>(
    states: &mut SmallVec<A>,
    max: usize,
) {
    if states.len() > STATES_FEW {
        states.dedup_by(|next, before| next.2 == before.2);
    }
    if states.len() > max {
        states.remove(0);
    }
}

fn spec_bytes(service: &Service) -> usize {
    service.specs.iter().map(|(.., spec)| retain::spec_bytes(spec)).sum()
}
