//! What is remembered, and for how long.

use model::Timestamp;

use super::{Book, Gone};
use crate::{
    tables::{Address, Id, Pod, PodKey, Spec, TemplateKey},
    window::FOREVER,
};

// What things cost in memory, about: measured by bench/identity.

/// An address with no claim.
pub(super) const ADDRESS_BYTES: usize = 48;
/// One claim of an address.
pub(super) const CLAIM_BYTES: usize = 64;
/// A link in a chain of owners.
pub(super) const OWNER_BYTES: usize = 192;
/// A node's name, and each of those that bear it.
pub(super) const NODE_BYTES: usize = 256;
/// What something was for a time, without its lists.
pub(super) const STATE_BYTES: usize = 160;
/// States of one service or node that are remembered.
pub(super) const STATES_MAX: usize = 1024;
/// A service without its states.
pub(super) const SERVICE_BYTES: usize = 400;
/// A slice without its endpoints.
pub(super) const SLICE_BYTES: usize = 256;
/// An endpoint of a slice.
pub(super) const ENDPOINT_BYTES: usize = 24;

/// Steps of forgetting for each event: a little more than one event can end.
const STEPS_MAX: usize = 64;

/// With its places in trees, its endpoints and the note of its end.
pub(super) fn pod_bytes(pod: &Pod) -> usize {
    574 + pod.name.len() + pod.annotations.as_ref().map_or(0, |labels| labels.len() * 32)
}

pub(super) fn template_bytes(key: &TemplateKey) -> usize {
    let ports: usize = key.containers.iter().map(|c| 40 + c.ports.len() * 24).sum();
    400 + key.labels.len() * 32 + ports
}

pub(super) fn spec_bytes(spec: &Spec) -> usize {
    STATE_BYTES + spec.ports.len() * 40 + spec.selector.as_ref().map_or(0, |pairs| pairs.len() * 32)
}

// === impl Book ===

impl Book {
    /// Whether one more object may come in.
    pub(super) fn has_room(&self) -> bool {
        self.bytes() < self.limits.memory
    }

    /// Forgets what ended too long ago, and what there is no room for.
    pub(super) fn retain(&mut self) {
        let horizon = self.limits.history_ns.map(|ns| Timestamp(self.now.0.saturating_sub(ns)));
        for _ in 0..STEPS_MAX {
            let Some(first) = self.ended.first_key_value().map(|(at, _)| *at) else { return };
            let is_old = horizon.is_some_and(|horizon| first < horizon);
            if !is_old && self.has_room() {
                return;
            }
            let Some(gone) = self.ended.pop_first() else { return };
            if !is_old {
                self.counts.forgotten_early += gone.1.len() as u64;
            }
            for gone in gone.1 {
                self.forget(first, gone);
            }
        }
    }

    fn forget(&mut self, at: Timestamp, gone: Gone) {
        match gone {
            Gone::Pod(key) => self.forget_pod(key),
            Gone::Node(key, life) => self.forget_life(&key, life),
            Gone::Service(id, key) => self.forget_service(id, key),
            Gone::Owner(key) => {
                if self.owners.remove(&key).is_some() {
                    self.bytes = self.bytes.saturating_sub(OWNER_BYTES);
                }
            }
            Gone::Endpoint(address, slice) => self.unclaim(address, |claim| {
                claim.window.until <= at && claim.holder.slice() == Some(slice)
            }),
        }
    }

    fn forget_pod(&mut self, key: PodKey) {
        let Some(pod) = self.tables.pods.get(&key).cloned() else { return };
        self.tables.pods.remove(&key);
        self.bytes = self.bytes.saturating_sub(pod_bytes(&pod));
        for ip in &pod.ips {
            self.unclaim(Address { scope: key.scope, ip: *ip }, |claim| {
                claim.holder.pod().is_some_and(|own| own.uid == key.uid)
            });
        }
        for (.., template) in &pod.templates {
            self.leave_template(*template);
        }
        if let Some(node) = pod.node {
            self.leave_node(key.scope, node);
        }
    }

    fn forget_service(&mut self, id: u32, key: PodKey) {
        let Some(service) = self.tables.services.get(&Id(id)).cloned() else { return };
        if service.window.until == FOREVER {
            return;
        }
        self.unclaim_service(id, &service);
        self.tables.generation += 1;
        self.tables.services.remove(&Id(id));
        self.service_ids.remove(&key);
        let specs: usize = service.specs.iter().map(|(_, _, spec)| spec_bytes(spec)).sum();
        self.bytes = self.bytes.saturating_sub(SERVICE_BYTES + specs);
        let named = super::services::named(&service.namespace, &service.name);
        let named = PodKey { scope: key.scope, uid: named };
        if let Some(ids) = self.tables.named.get_mut(&named) {
            ids.retain(|own| *own != id);
            if ids.is_empty() {
                self.tables.named.remove(&named);
            }
        }
        let place = (service.scope, service.namespace.clone());
        let Some(members) = self.namespaces.get_mut(&place) else { return };
        members.services.retain(|own| *own != id);
        for number in &members.templates {
            let uses = |template: &std::sync::Arc<crate::tables::Template>| {
                template.services.contains(&id)
            };
            if self.tables.templates.get(&Id(*number)).is_some_and(uses)
                && let Some(template) = self.tables.templates.get_mut(&Id(*number))
            {
                std::sync::Arc::make_mut(template).services.retain(|own| *own != id);
            }
        }
        self.free.push(id);
    }
}
