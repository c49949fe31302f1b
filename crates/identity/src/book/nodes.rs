//! Nodes: addresses that many share.

use std::{net::IpAddr, sync::Arc};

use model::Timestamp;

use super::{Book, dating, gone_by, open};
use crate::{
    Meta, NodeBody,
    tables::{Address, Claim, Holder, Id, Network, Node},
};

/// What is known of a node.
#[derive(Debug)]
pub(super) struct State {
    id: u32,
    ips: Vec<IpAddr>,
    version: u64,
}

// === impl Book ===

impl Book {
    pub(super) fn node(
        &mut self,
        scope: u16,
        at: Option<Timestamp>,
        meta: &Meta,
        body: &NodeBody,
        is_deleted: bool,
    ) {
        let id = self.node_id(scope, &meta.name);
        let zone = (!body.zone.is_empty()).then(|| self.strings.name(&body.zone));
        if let Some(node) = self.tables.nodes.get_mut(&Id(id))
            && zone.is_some()
            && node.zone != zone
        {
            Arc::make_mut(node).zone = zone;
            self.tables.generation += 1;
        }
        let mut window = open(dating(at, meta));
        if is_deleted {
            window.end(gone_by(at, meta));
        }
        for ip in &body.ips {
            self.claim(scope, *ip, Claim { window, holder: Holder::Node(id) });
        }
        let name = self.strings.name(&meta.name);
        let Some(state) = self.nodes.get_mut(&(scope, name)) else { return };
        if meta.version >= state.version {
            state.version = meta.version;
            let before = std::mem::replace(&mut state.ips, body.ips.clone());
            for ip in before.into_iter().filter(|ip| !body.ips.contains(ip)) {
                self.end_claims(
                    Address { scope, ip },
                    window.seen,
                    |claim| matches!(claim.holder, Holder::Node(own) if own == id),
                );
            }
        }
        for net in &body.pod_networks {
            let before = self.tables.networks.len();
            self.tables.networks.entry(Network { scope, net: net.trunc() }, || id);
            if !self.tables.prefixes.contains(&net.prefix_len()) {
                self.tables.prefixes.push(net.prefix_len());
                self.tables.prefixes.sort_by(|a, b| b.cmp(a));
            }
            if self.tables.networks.len() > before {
                self.tables.generation += 1;
            }
        }
    }

    /// The number of the node of this name, whether it was seen or only named.
    pub(super) fn node_id(&mut self, scope: u16, name: &str) -> u32 {
        let name = self.strings.name(name);
        if let Some(state) = self.nodes.get(&(scope, name.clone())) {
            return state.id;
        }
        let id = self.id();
        self.bytes += super::retain::NODE_BYTES;
        self.tables.nodes.entry(Id(id), || Arc::new(Node { name: name.clone(), zone: None }));
        self.nodes.insert((scope, name), State { id, ips: Vec::new(), version: 0 });
        id
    }
}
