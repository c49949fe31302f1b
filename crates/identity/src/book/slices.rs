//! Endpoint slices: what is behind a service, also where no selector says so.

use std::{net::IpAddr, sync::Arc};

use model::Timestamp;

use super::{Book, Gone, dating, gone_by, retain};
use crate::{
    Meta, SliceBody, Uid,
    tables::{Address, Claim, Face, Holder, PodKey},
    window::{FOREVER, Window},
};

/// What a slice says at the latest.
#[derive(Debug)]
pub(super) struct State {
    face: Arc<Face>,
    /// Sorted.
    endpoints: Vec<(IpAddr, u32)>,
    at: Timestamp,
    version: u64,
}

// === impl Book ===

impl Book {
    pub(super) fn slice(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        body: &SliceBody,
        is_deleted: bool,
    ) {
        let key = PodKey { scope, uid: meta.uid };
        let dating = dating(at, meta);
        if is_deleted {
            return self.end_slice(key, gone_by(at, meta));
        }
        let face = Arc::new(Face {
            slice: meta.uid,
            namespace: self.strings.name(&meta.namespace),
            service: self.strings.name(&body.service),
            ports: body.ports.as_slice().into(),
        });
        let told = body.endpoints.iter().map(|(ip, pod)| (*ip, pod.map_or(0, Uid::hint)));
        let mut endpoints: Vec<_> = told.collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let (now, version) = (dating.at, meta.version);
        let Some(state) = self.slices.remove(&key) else {
            if !self.has_room() {
                self.counts.refused += 1;
                return;
            }
            self.bytes += retain::SLICE_BYTES + endpoints.len() * retain::ENDPOINT_BYTES;
            for endpoint in &endpoints {
                self.endpoint(scope, *endpoint, &face, Window::new(dating.since, now));
            }
            self.slices.insert(key, State { face, endpoints, at: now, version });
            return;
        };
        if (now, version) < (state.at, state.version) {
            self.late(scope, &endpoints, &face, now, &state);
            self.slices.insert(key, state);
            return;
        }
        let is_same = *state.face == *face;
        let face = if is_same { state.face.clone() } else { face };
        let stays = |endpoint: &(IpAddr, u32), of: &[(IpAddr, u32)]| {
            is_same && of.binary_search(endpoint).is_ok()
        };
        for endpoint in state.endpoints.iter().filter(|own| !stays(own, &endpoints)) {
            self.end_endpoint(Address { scope, ip: endpoint.0 }, key.uid, now);
        }
        for endpoint in endpoints.iter().filter(|own| !stays(own, &state.endpoints)) {
            self.endpoint(scope, *endpoint, &face, Window::new(state.at, now));
        }
        let grown = endpoints.len() * retain::ENDPOINT_BYTES;
        let before = state.endpoints.len() * retain::ENDPOINT_BYTES;
        self.bytes = (self.bytes + grown).saturating_sub(before);
        self.slices.insert(key, State { face, endpoints, at: now, version });
    }

    fn endpoint(
        &mut self,
        scope: u16,
        (ip, hint): (IpAddr, u32),
        face: &Arc<Face>,
        window: Window,
    ) {
        let holder = Holder::Endpoint(face.clone(), hint);
        self.claim(scope, ip, Claim { window, holder });
    }

    fn end_endpoint(&mut self, address: Address, slice: Uid, at: Timestamp) {
        self.end_claims(address, at, |claim| claim.holder.slice() == Some(slice));
        self.ended.entry(at).or_default().push(Gone::Endpoint(address, slice));
    }

    pub(super) fn end_slice(&mut self, key: PodKey, at: Timestamp) {
        let Some(state) = self.slices.remove(&key) else { return };
        self.bytes = self
            .bytes
            .saturating_sub(retain::SLICE_BYTES + state.endpoints.len() * retain::ENDPOINT_BYTES);
        for (ip, _) in state.endpoints {
            self.end_endpoint(Address { scope: key.scope, ip }, key.uid, at);
        }
    }

    /// An earlier state comes to light: what was in it was there then, and until the next state that
    /// we know of at the longest.
    fn late(
        &mut self,
        scope: u16,
        endpoints: &[(IpAddr, u32)],
        face: &Arc<Face>,
        at: Timestamp,
        latest: &State,
    ) {
        for endpoint in endpoints {
            let address = Address { scope, ip: endpoint.0 };
            let is_own = |claim: &Claim| claim.holder.slice() == Some(face.slice);
            let claims = self.tables.addresses.get(&address);
            let mut own = claims.into_iter().flatten().filter(|claim| is_own(claim));
            if own.any(|claim| claim.window.until > at) {
                let claims = self.tables.addresses.get_mut(&address).into_iter().flatten();
                let next = claims.filter(|claim| is_own(claim) && claim.window.until > at);
                if let Some(claim) = next.min_by_key(|claim| claim.window.seen) {
                    claim.window.merge(&Window { until: FOREVER, ..Window::new(at, at) });
                }
                continue;
            }
            let mut window = Window::new(at, at);
            window.end(latest.at);
            self.endpoint(scope, *endpoint, face, window);
            self.ended.entry(latest.at).or_default().push(Gone::Endpoint(address, face.slice));
        }
    }
}

// === impl Holder ===

impl Holder {
    /// The slice that says so.
    pub(super) fn slice(&self) -> Option<Uid> {
        match self {
            Self::Endpoint(face, _) => Some(face.slice),
            _ => None,
        }
    }
}

// === impl State ===

impl State {
    /// Whether it is in this namespace, or no one is asked for.
    pub(super) fn is_in(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|namespace| *self.face.namespace == *namespace)
    }

    /// Whether nothing later is known of it.
    pub(super) fn told_by(&self, at: Timestamp) -> bool {
        self.at <= at
    }
}
