//! Pods: their addresses, for as long as they have them.

use std::{net::IpAddr, sync::Arc};

use model::Timestamp;
use smallvec::SmallVec;

use super::{Book, Gone, SECOND_NS, dating, gone_by, retain};
use crate::{
    Container, Meta, PodBody,
    tables::{Address, Claim, Holder, Id, Pod, PodKey, Template, TemplateKey, put_state},
    window::{FOREVER, Window},
};

/// States of one pod that are remembered: some change their labels all the time.
const STATES_MAX: usize = 256;
/// Addresses of one pod that are remembered.
const ADDRESSES_MAX: usize = 256;

// === impl Book ===

impl Book {
    pub(super) fn pod(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        body: &PodBody,
        is_deleted: bool,
    ) {
        let key = PodKey { scope, uid: meta.uid };
        let known = self.tables.pods.get(&key).cloned();
        if known.is_none() && !self.has_room() {
            self.counts.refused += 1;
            return;
        }
        let window = window(at, meta, body, is_deleted);
        let template = self.template(scope, meta, body);
        let node = known.as_ref().and_then(|known| known.node);
        let is_put = node.is_none() && !body.node.is_empty();
        let node = if is_put { Some(self.node_of_pod(scope, &body.node)) } else { node };
        let annotations = (!meta.annotations.is_empty())
            .then(|| Arc::from(self.strings.labels(&meta.annotations)));
        let pod = match &known {
            None => Pod {
                uid: meta.uid,
                name: meta.name.clone().into_boxed_str(),
                node,
                templates: SmallVec::from_buf([(window.seen, meta.version, template)]),
                ips: SmallVec::new(),
                annotations,
                version: meta.version,
                until: FOREVER,
            },
            Some(pod) => Pod {
                node,
                annotations: if meta.version >= pod.version {
                    annotations
                } else {
                    pod.annotations.clone()
                },
                version: pod.version.max(meta.version),
                ..Pod::clone(pod)
            },
        };
        self.put_pod(key, known, pod, (window, meta.version, template), body);
    }

    fn put_pod(
        &mut self,
        key: PodKey,
        known: Option<Arc<Pod>>,
        mut pod: Pod,
        (window, version, template): (Window, u64, u32),
        body: &PodBody,
    ) {
        if known.is_none() {
            self.bytes += retain::pod_bytes(&pod);
            self.use_template(template);
        } else {
            let had = pod.templates.len();
            put_state(&mut pod.templates, (window.seen, version, template), false);
            if pod.templates.len() > had {
                self.use_template(template);
            }
            if pod.templates.len() > STATES_MAX {
                let (.., first) = pod.templates.remove(0);
                self.leave_template(first);
                self.counts.crowded += 1;
            }
        }
        pod.until = pod.until.min(window.until);
        let is_current = known.as_ref().is_none_or(|known| pod.version >= known.version);
        let gone = |ip: &&IpAddr| is_current && !body.ips.is_empty() && !holds(body, **ip);
        let left: SmallVec<[IpAddr; 2]> = pod.ips.iter().filter(gone).copied().collect();
        for ip in body.ips.iter().chain(mapped_on(body)) {
            if !pod.ips.contains(ip) {
                pod.ips.push(*ip);
            }
        }
        while pod.ips.len() > ADDRESSES_MAX {
            let address = Address { scope: key.scope, ip: pod.ips.remove(0) };
            self.unclaim(address, |claim| claim.holder.pod_uid() == Some(key.uid));
            self.counts.crowded += 1;
        }
        let had_ended = known.as_ref().is_some_and(|known| known.until < FOREVER);
        let pod = Arc::new(pod);
        *self.tables.pods.entry(key, || pod.clone()) = pod.clone();
        for ip in &body.ips {
            let holder = if body.host_network {
                Holder::Host(pod.clone())
            } else {
                Holder::Pod(pod.clone())
            };
            self.claim(key.scope, *ip, Claim { window, holder });
        }
        for ip in mapped_on(body) {
            let holder = Holder::Mapped(pod.clone());
            self.claim(key.scope, *ip, Claim { window, holder });
        }
        for ip in left {
            let address = Address { scope: key.scope, ip };
            self.end_claims(address, window.seen, |claim| claim.holder.pod_uid() == Some(key.uid));
        }
        self.refresh(key, &pod);
        if pod.until < FOREVER && !had_ended {
            self.ended.entry(pod.until).or_default().push(Gone::Pod(key));
        }
    }

    /// Every claim of the pod speaks of what is known of it now, and ends when it does.
    pub(super) fn refresh(&mut self, key: PodKey, pod: &Arc<Pod>) {
        for ip in &pod.ips {
            let address = Address { scope: key.scope, ip: *ip };
            let is_stale = |claim: &Claim| {
                claim.holder.pod().is_some_and(|own| {
                    own.uid == key.uid && (!Arc::ptr_eq(own, pod) || claim.window.until > pod.until)
                })
            };
            let known = self.tables.addresses.get(&address);
            if !known.is_some_and(|claims| claims.iter().any(is_stale)) {
                continue;
            }
            let Some(claims) = self.tables.addresses.get_mut(&address) else { continue };
            for claim in claims.iter_mut().filter(|claim| is_stale(claim)) {
                claim.window.end(pod.until);
                claim.holder.set_pod(pod);
            }
        }
    }

    // --- templates ---

    /// The number of what the pod has in common with others.
    fn template(&mut self, scope: u16, meta: &Meta, body: &PodBody) -> u32 {
        let strings = &mut self.strings;
        let containers = body.containers.iter().map(|container| Container {
            name: strings.name(&container.name),
            ports: container.ports.clone(),
        });
        let containers = containers.collect();
        let owner = meta.owner.as_ref().filter(|owner| !owner.is_nameless());
        let owner = owner.map(|o| (strings.name(&o.kind), strings.name(&o.name), o.uid));
        let key = TemplateKey {
            scope,
            namespace: strings.name(&meta.namespace),
            labels: strings.labels(&meta.labels),
            owner,
            service_account: strings.name(&body.service_account),
            containers,
            host_network: body.host_network,
        };
        match self.templates.get(&key) {
            Some(id) => *id,
            None => self.new_template(key),
        }
    }

    fn new_template(&mut self, key: TemplateKey) -> u32 {
        let id = self.id();
        let key = Arc::new(key);
        self.bytes += retain::template_bytes(&key);
        let mut template = Template { key: key.clone(), workload: None, services: SmallVec::new() };
        template.workload = self.workload(&key, id);
        let members = self.namespaces.entry((key.scope, key.namespace.clone())).or_default();
        members.templates.push(id);
        for service in &members.services {
            let known = self.tables.services.get(&Id(*service));
            let mut specs = known.iter().flat_map(|service| &service.specs);
            if specs.any(|(_, _, spec)| spec.selector.as_ref().is_some_and(|s| template.matches(s)))
            {
                template.services.push(*service);
            }
        }
        self.templates.insert(key, id);
        self.tables.templates.entry(Id(id), || Arc::new(template));
        id
    }

    fn use_template(&mut self, id: u32) {
        *self.template_users.entry(id).or_default() += 1;
    }

    /// A pod needs it no more.
    pub(super) fn leave_template(&mut self, id: u32) {
        let Some(users) = self.template_users.get_mut(&id) else { return };
        *users -= 1;
        if *users > 0 {
            return;
        }
        self.template_users.remove(&id);
        let Some(template) = self.tables.templates.get(&Id(id)).cloned() else { return };
        self.tables.templates.remove(&Id(id));
        self.templates.remove(&template.key);
        self.bytes = self.bytes.saturating_sub(retain::template_bytes(&template.key));
        let place = (template.key.scope, template.key.namespace.clone());
        if let Some(members) = self.namespaces.get_mut(&place) {
            members.templates.retain(|own| *own != id);
        }
        self.leave_owners(&template.key, id);
        self.free.push(id);
    }
}

/// When a pod had its addresses, as one event tells it.
fn window(at: Option<Timestamp>, meta: &Meta, body: &PodBody, is_deleted: bool) -> Window {
    let mut dating = dating(at, meta);
    if let Some(started) = body.started {
        dating.since = started.min(dating.at);
    }
    let mut window = super::open(dating);
    window.solid = window.solid.max(match body.is_over {
        true => body.finished.unwrap_or(window.since),
        false if is_deleted => window.since,
        false => meta.changed,
    });
    if body.is_over {
        // It had its addresses by its end, whenever we heard of it.
        let finished = body.finished.unwrap_or(meta.changed);
        window.seen = window.seen.min(finished.after(SECOND_NS - 1).max(window.since));
        window.end(at.unwrap_or(finished.after(SECOND_NS)));
    }
    if is_deleted {
        window.end(gone_by(at, meta).max(window.since));
        window.seen = window.seen.min(window.until);
    }
    window
}

/// The addresses of the node where ports are mapped to the pod's.
fn mapped_on(body: &PodBody) -> impl Iterator<Item = &IpAddr> {
    let mut ports = body.containers.iter().flat_map(|container| &container.ports);
    let is_mapped = !body.host_network && ports.any(|port| port.host > 0);
    body.host_ips.iter().filter(move |_| is_mapped)
}

fn holds(body: &PodBody, ip: IpAddr) -> bool {
    body.ips.contains(&ip) || body.host_ips.contains(&ip)
}

// === impl Holder ===

impl Holder {
    pub(crate) fn pod(&self) -> Option<&Arc<Pod>> {
        match self {
            Self::Pod(pod) | Self::Host(pod) | Self::Mapped(pod) => Some(pod),
            _ => None,
        }
    }

    fn pod_uid(&self) -> Option<crate::Uid> {
        self.pod().map(|pod| pod.uid)
    }

    fn set_pod(&mut self, to: &Arc<Pod>) {
        if let Self::Pod(pod) | Self::Host(pod) | Self::Mapped(pod) = self {
            *pod = to.clone();
        }
    }
}
