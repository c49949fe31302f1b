//! Lists: what is not in them is no more.

use std::collections::HashSet;

use model::Timestamp;

use super::{Book, Gone};
use crate::{
    Kind, Object, Uid,
    tables::{Id, PodKey},
    window::FOREVER,
};

// === impl Book ===

impl Book {
    /// `objects` were all of `kind` in `namespace` at `at`.
    pub(super) fn listed(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        kind: Kind,
        namespace: Option<&str>,
        objects: &[Object],
    ) {
        let latest = || objects.iter().map(|object| object.meta.changed).max();
        let Some(at) = at.or_else(latest) else { return };
        let there: HashSet<Uid> = objects.iter().map(|object| object.meta.uid).collect();
        match kind {
            Kind::Pod => self.end_pods(scope, at, namespace, &there),
            Kind::Service => self.end_services(scope, at, namespace, &there),
            Kind::EndpointSlice => self.end_slices(scope, at, namespace, &there),
            // What is of no namespace is never asked for by one.
            Kind::Node if namespace.is_none() => {
                self.end_nodes(scope, at, |uid| there.contains(&uid));
            }
            Kind::Node | Kind::Owner | Kind::Namespace => {}
        }
    }

    fn end_pods(&mut self, scope: u16, at: Timestamp, ns: Option<&str>, there: &HashSet<Uid>) {
        let mut gone = Vec::new();
        self.tables.pods.each(&mut |key, pod| {
            let is_new = pod.templates.first().is_some_and(|(from, ..)| *from > at);
            if key.scope == scope && pod.until > at && !is_new && !there.contains(&key.uid) {
                gone.push((*key, pod.clone()));
            }
        });
        for (key, pod) in gone {
            let template = self.tables.templates.get(&Id(pod.template(at)));
            let namespace = template.map(|template| template.key.namespace.clone());
            if ns.is_some_and(|ns| namespace.is_none_or(|own| *own != *ns)) {
                continue;
            }
            let mut over = crate::tables::Pod::clone(&pod);
            over.until = at;
            let over = std::sync::Arc::new(over);
            *self.tables.pods.entry(key, || over.clone()) = over.clone();
            self.refresh(key, &over);
            if pod.until == FOREVER {
                self.ended.entry(at).or_default().push(Gone::Pod(key));
            }
        }
    }

    fn end_services(&mut self, scope: u16, at: Timestamp, ns: Option<&str>, there: &HashSet<Uid>) {
        let is_gone = |key: &PodKey| key.scope == scope && !there.contains(&key.uid);
        let gone: Vec<_> = self
            .service_ids
            .iter()
            .filter(|(key, _)| is_gone(key))
            .map(|(k, id)| (*k, *id))
            .collect();
        for (key, id) in gone {
            let Some(service) = self.tables.services.get_mut(&Id(id)) else { continue };
            let is_open = service.window.until == FOREVER && service.window.seen <= at;
            if !is_open || ns.is_some_and(|ns| *service.namespace != *ns) {
                continue;
            }
            std::sync::Arc::make_mut(service).window.end(at);
            self.tables.generation += 1;
            self.ended.entry(at).or_default().push(Gone::Service(id, key));
            self.claim_service(id);
        }
    }

    fn end_slices(&mut self, scope: u16, at: Timestamp, ns: Option<&str>, there: &HashSet<Uid>) {
        let gone: Vec<_> = self
            .slices
            .iter()
            .filter(|(key, state)| {
                key.scope == scope
                    && !there.contains(&key.uid)
                    && state.is_in(ns)
                    && state.told_by(at)
            })
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            self.end_slice(key, at);
        }
    }
}
