//! Who an end was, kept for conditions that ask again and again.

use std::net::IpAddr;

use filter::{End, Value};
use model::{Peer, Process};

/// What is known of an end. Cheap to ask, made once for each address and span of time.
#[derive(Clone, Debug, Default)]
pub struct Party {
    service_ip: Option<IpAddr>,
    pid: Option<u32>,
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
            pid: None,
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

    /// The process that had the socket.
    #[must_use]
    pub fn process(process: &Process<'_>) -> Self {
        let name = Some(process.name).filter(|name| !name.is_empty());
        let texts = [(End::ProcessName, name), (End::ProcessPath, process.path)];
        let texts = texts.into_iter().filter_map(|(end, text)| Some((end, text?.to_owned())));
        Self { pid: Some(process.pid), texts: texts.collect(), ..Self::default() }
    }

    /// What two know together: of what both say, the first is heard.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.service_ip = both.service_ip.or(other.service_ip);
        both.pid = both.pid.or(other.pid);
        both.texts.extend(other.texts.iter().cloned());
        both.lists.extend(other.lists.iter().cloned());
        both.labels.extend(other.labels.iter().cloned());
        both
    }

    pub(crate) fn value(&self, end: End) -> Value<'_> {
        if end == End::ServiceIp {
            return self.service_ip.map_or(Value::Missing, Value::Ip);
        }
        if end == End::ProcessPid {
            return self.pid.map_or(Value::Missing, |pid| Value::Int(i64::from(pid)));
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
