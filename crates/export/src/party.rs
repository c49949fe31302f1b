//! Who an end was, kept for conditions that ask again and again.

use std::net::IpAddr;

use filter::{End, Value};
use model::Peer;

/// What is known of an end. Cheap to ask, made once for each address and span of time.
#[derive(Clone, Debug, Default)]
pub struct Party {
    service_ip: Option<IpAddr>,
    texts: Vec<(End, String)>,
    lists: Vec<(End, String)>,
    labels: Vec<(String, String)>,
}

// === impl Party ===

impl Party {
    /// What `peer` says; `front` is the address of the service that stood before it.
    #[must_use]
    pub fn of(peer: &Peer<'_>, front: Option<IpAddr>) -> Self {
        let texts = [
            (End::Name, peer.name),
            (End::Namespace, peer.namespace),
            (End::Pod, peer.pod),
            (End::Service, peer.service),
            (End::WorkloadKind, peer.workload.map(|workload| workload.kind)),
            (End::WorkloadName, peer.workload.map(|workload| workload.name)),
            (End::Node, peer.node),
            (End::Zone, peer.zone),
            (End::Container, peer.container),
            (End::ServiceAccount, peer.service_account),
        ];
        let texts = texts.into_iter().filter_map(|(end, text)| Some((end, text?.to_owned())));
        let services = peer.services.iter().map(|name| (End::Services, (*name).to_owned()));
        let names = peer.names.iter().map(|name| (End::Names, (*name).to_owned()));
        let evidence = peer.evidence.iter().map(|one| (End::Evidence, one.name().to_owned()));
        let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            service_ip: front,
            texts: texts.collect(),
            lists: services.chain(names).chain(evidence).collect(),
            labels: peer.labels.iter().map(label).collect(),
        }
    }

    /// What name servers called it.
    #[must_use]
    pub fn outside(name: &str) -> Self {
        let evidence = (End::Evidence, model::Evidence::Dns.name().to_owned());
        Self { texts: vec![(End::Name, name.to_owned())], lists: vec![evidence], ..Self::default() }
    }

    pub(crate) fn value(&self, end: End) -> Value<'_> {
        if end == End::ServiceIp {
            return self.service_ip.map_or(Value::Missing, Value::Ip);
        }
        let text = self.texts.iter().find(|(of, _)| *of == end);
        text.map_or(Value::Missing, |(_, text)| text.as_str().into())
    }

    pub(crate) fn each(&self, end: End, see: &mut dyn FnMut(&str, Value<'_>) -> bool) {
        if end == End::Labels {
            let _ = self.labels.iter().all(|(name, value)| see(name, value.as_str().into()));
            return;
        }
        let mut elements = self.lists.iter().filter(|(of, _)| *of == end);
        let _ = elements.all(|(_, text)| see("", text.as_str().into()));
    }

    pub(crate) fn label(&self, name: &str) -> Value<'_> {
        let label = self.labels.iter().find(|(known, _)| known == name);
        label.map_or(Value::Missing, |(_, value)| value.as_str().into())
    }
}
