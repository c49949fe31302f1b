//! Chains of owners: from a pod's controller to the workload that a person made.

use model::Timestamp;

use super::{Book, Gone, gone_by};
use crate::{
    Meta, OwnerRef,
    tables::{Id, Label, PodKey, TemplateKey},
};

/// Longer chains are none.
const CHAIN_MAX: usize = 8;
/// What the controller of deployments labels its pods with.
const TEMPLATE_HASH: &str = "pod-template-hash";

// === impl Book ===

impl Book {
    pub(super) fn owner(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        is_deleted: bool,
    ) {
        // What nobody owns is the top: the reference to it says all.
        let Some(owner) = &meta.owner else { return };
        let key = PodKey { scope, uid: meta.uid };
        if is_deleted {
            self.ended.entry(gone_by(at, meta)).or_default().push(Gone::Owner(key));
        }
        if self.owners.get(&key) == Some(owner) {
            return;
        }
        if !self.owners.contains_key(&key) {
            if !self.has_room() {
                self.counts.refused += 1;
                return;
            }
            self.bytes += super::retain::OWNER_BYTES;
        }
        self.owners.insert(key, owner.clone());
        let waiting = self.owned.get(&key).cloned().unwrap_or_default();
        self.tables.generation += u64::from(!waiting.is_empty());
        for id in waiting {
            let Some(template) = self.tables.templates.get(&Id(id)).cloned() else { continue };
            let workload = self.workload(&template.key, id);
            if let Some(template) = self.tables.templates.get_mut(&Id(id)) {
                std::sync::Arc::make_mut(template).workload = workload;
            }
        }
    }

    /// The top of a template's chain of owners, as far as it is known; `id` is told when more is.
    pub(super) fn workload(&mut self, of: &TemplateKey, id: u32) -> Option<Label> {
        let (kind, name, uid) = of.owner.clone()?;
        let mut top = (kind, name);
        let mut key = PodKey { scope: of.scope, uid };
        for _ in 0..CHAIN_MAX {
            let waiting = self.owned.entry(key).or_default();
            if !waiting.contains(&id) {
                waiting.push(id);
            }
            let Some(OwnerRef { kind, name, uid }) = self.owners.get(&key) else { break };
            top = (self.strings.name(kind), self.strings.name(name));
            key.uid = *uid;
        }
        Some(self.deployment(of, &top).unwrap_or(top))
    }

    /// The deployment of a replica set that was not seen: its name ends in the hash that its pods are
    /// labelled with, and only the controller of deployments does that.
    fn deployment(&mut self, of: &TemplateKey, top: &Label) -> Option<Label> {
        if &*top.0 != "ReplicaSet" {
            return None;
        }
        let (_, hash) = of.labels.iter().find(|(name, _)| &**name == TEMPLATE_HASH)?;
        let name = top.1.strip_suffix(&**hash)?.strip_suffix('-')?;
        Some((self.strings.name("Deployment"), self.strings.name(name)))
    }

    /// A template is no more.
    pub(super) fn leave_owners(&mut self, of: &TemplateKey, id: u32) {
        let Some((_, _, uid)) = of.owner else { return };
        let mut key = PodKey { scope: of.scope, uid };
        for _ in 0..CHAIN_MAX {
            if let Some(waiting) = self.owned.get_mut(&key) {
                waiting.retain(|own| *own != id);
                if waiting.is_empty() {
                    self.owned.remove(&key);
                }
            }
            let Some(owner) = self.owners.get(&key) else { return };
            key.uid = owner.uid;
        }
    }
}
