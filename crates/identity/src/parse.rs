//! Kubernetes' JSON to objects: tolerant, and what was wrong is counted and said.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use model::{Timestamp, Transport};
use serde_json::Value;

use crate::{
    Body, Container, ContainerPort, Kind, Meta, NodeBody, Object, OwnerRef, PodBody, ServiceBody,
    ServicePort, SliceBody, Target, Uid, raw,
};

/// What was not understood, and how often.
#[derive(Clone, Debug, Default)]
pub struct Troubles(BTreeMap<&'static str, Trouble>);

/// One thing that was not understood.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// How often.
    pub count: u64,
    /// The first of them, for people.
    pub samples: Vec<String>,
}

/// Of each trouble, so many are told.
const SAMPLES_MAX: usize = 3;
/// Bytes of a sample.
const SAMPLE_BYTES_MAX: usize = 160;
/// Larger annotations are not kept: they hold whole objects.
const ANNOTATION_BYTES_MAX: usize = 1024;
/// Annotations kept of an object.
const ANNOTATIONS_MAX: usize = 64;
/// Labels kept of an object.
const LABELS_MAX: usize = 256;
/// Addresses kept of a pod, and of a service or a node.
const POD_ADDRESSES_MAX: usize = 64;
const ADDRESSES_MAX: usize = 1024;
/// Containers kept of a pod.
const CONTAINERS_MAX: usize = 256;
/// Ports kept of a container, a service or a slice.
const PORTS_MAX: usize = 1024;
/// Where container networks tell of a pod's further interfaces.
const NETWORK_STATUS: [&str; 2] =
    ["k8s.v1.cni.cncf.io/network-status", "k8s.v1.cni.cncf.io/networks-status"];
/// What a slice is labelled with.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// What a node is labelled with.
const ZONES: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

// === impl Troubles ===

impl Troubles {
    /// Something was wrong, once more.
    pub fn note(&mut self, what: &'static str, sample: impl FnOnce() -> String) {
        let trouble = self.0.entry(what).or_default();
        trouble.count += 1;
        if trouble.samples.len() < SAMPLES_MAX {
            let sample: String = sample().chars().take(SAMPLE_BYTES_MAX).collect();
            trouble.samples.push(sample);
        }
    }

    /// What was wrong, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Trouble)> {
        self.0.iter().map(|(what, trouble)| (*what, trouble))
    }

    /// How often this was wrong.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).map_or(0, |trouble| trouble.count)
    }

    /// Whether nothing was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads one object; `kind` is what the list it stood in says, where it does not say itself.
///
/// `None` where it says nothing about addresses, or can't be read; `troubles` knows why.
pub fn object(json: &str, kind: &str, troubles: &mut Troubles) -> Option<Object> {
    match serde_json::from_str::<raw::Object>(json) {
        Ok(raw) => from_raw(raw, kind, troubles),
        Err(error) => {
            troubles.note("objects that can't be read", || format!("{error}: {json}"));
            None
        }
    }
}

/// The parts of an object that say who had an address, as JSON: what a log keeps of it.
///
/// `None` where it can't be read.
#[must_use]
pub fn slim(json: &str, kind: &str) -> Option<String> {
    let mut raw: raw::Object = serde_json::from_str(json).ok()?;
    if raw.kind.is_empty() {
        kind.clone_into(&mut raw.kind);
    }
    let annotations = &mut raw.metadata.annotations;
    annotations.retain(|name, text| {
        let is_short = text.as_ref().is_some_and(|text| text.len() <= ANNOTATION_BYTES_MAX);
        // It says addresses.
        is_short || NETWORK_STATUS.contains(&&**name)
    });
    let latest = raw.metadata.managed_fields.drain(..).max_by_key(|fields| moment(&fields.time));
    raw.metadata.managed_fields.extend(latest);
    serde_json::to_string(&raw).ok()
}

/// The moment that `text` writes (RFC 3339).
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_nanosecond()).ok().map(Timestamp)
}

fn from_raw(raw: raw::Object, kind: &str, troubles: &mut Troubles) -> Option<Object> {
    let named = if raw.kind.is_empty() { kind } else { &raw.kind };
    let Some(kind) = kind_of(named, &raw) else {
        troubles.note("objects of kinds that have no addresses", || named.to_owned());
        return None;
    };
    if raw.metadata.name.is_empty() {
        troubles.note("objects without a name", || named.to_owned());
        return None;
    }
    let meta = meta(named, &raw, troubles);
    let body = match kind {
        Kind::Pod => Body::Pod(pod(&raw, &meta, troubles)),
        Kind::Service => Body::Service(service(&raw, &meta, troubles)),
        Kind::EndpointSlice => Body::Slice(slice(&raw, &meta, troubles)?),
        Kind::Node => Body::Node(node(&raw, &meta, troubles)),
        Kind::Owner => Body::Owner,
        Kind::Namespace => Body::Namespace,
    };
    Some(Object { meta, body })
}

/// What owns pods without being owned is known from the reference to it.
fn kind_of(named: &str, raw: &raw::Object) -> Option<Kind> {
    match named {
        "Pod" => Some(Kind::Pod),
        "Service" => Some(Kind::Service),
        "EndpointSlice" => Some(Kind::EndpointSlice),
        "Node" => Some(Kind::Node),
        "Namespace" => Some(Kind::Namespace),
        "ReplicaSet"
        | "ReplicationController"
        | "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "CronJob" => Some(Kind::Owner),
        _ => raw.metadata.owner_references.iter().any(|o| o.controller).then_some(Kind::Owner),
    }
}

// === what all have ===

fn meta(kind: &str, raw: &raw::Object, troubles: &mut Troubles) -> Meta {
    let from = &raw.metadata;
    let mut time = |text: &str| {
        let moment = moment(text);
        if moment.is_none() && !text.is_empty() {
            troubles.note("times that are none", || format!("{} {}: {text}", kind, from.name));
        }
        moment
    };
    let created = time(&from.creation_timestamp);
    let deleted = time(&from.deletion_timestamp);
    let managed = from.managed_fields.iter().filter_map(|fields| moment(&fields.time)).max();
    let grace_ns = u64::try_from(from.deletion_grace_period_seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000);
    let asked = deleted.map(|at| Timestamp(at.0.saturating_sub(grace_ns)));
    let changed = [created, managed, asked, status_changed(raw)]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default();
    let uid = match from.uid.is_empty() {
        false => Uid::of(&from.uid),
        true => Uid::of(&format!("{kind}/{}/{}", from.namespace, from.name)),
    };
    Meta {
        kind: kind.to_owned(),
        name: from.name.clone(),
        namespace: from.namespace.clone(),
        uid,
        version: from.resource_version.parse().unwrap_or(0),
        created,
        deleted,
        changed,
        labels: pairs(&from.labels, LABELS_MAX, usize::MAX),
        annotations: pairs(&from.annotations, ANNOTATIONS_MAX, ANNOTATION_BYTES_MAX),
        owner: owner(from),
    }
}

fn pairs(
    from: &BTreeMap<String, Option<String>>,
    count_max: usize,
    bytes_max: usize,
) -> Vec<(String, String)> {
    let short = from.iter().filter(|(_, text)| text.as_ref().map_or(0, String::len) <= bytes_max);
    short
        .take(count_max)
        .map(|(name, text)| (name.clone(), text.clone().unwrap_or_default()))
        .collect()
}

/// The controller; where none is marked, the only owner.
fn owner(from: &raw::Metadata) -> Option<OwnerRef> {
    let owners = &from.owner_references;
    let only = owners.first().filter(|_| owners.len() == 1);
    let owner = owners.iter().find(|owner| owner.controller).or(only)?;
    let uid = match owner.uid.is_empty() {
        false => Uid::of(&owner.uid),
        true => Uid::of(&format!("{}/{}/{}", owner.kind, from.namespace, owner.name)),
    };
    Some(OwnerRef { kind: owner.kind.clone(), name: owner.name.clone(), uid })
}

/// The address that `text` writes; IPv4 in IPv6 is IPv4.
fn ip(text: &str, of: &Meta, troubles: &mut Troubles) -> Option<IpAddr> {
    match text.parse::<IpAddr>() {
        Ok(ip) if !ip.is_unspecified() => Some(ip.to_canonical()),
        _ => {
            troubles.note("addresses that are none", || {
                format!("{} {}/{}: {text}", of.kind, of.namespace, of.name)
            });
            None
        }
    }
}

/// Not more of them than are kept: what is looked at for every call is bounded.
fn first<'t, T>(
    all: &'t [T],
    max: usize,
    of: &Meta,
    troubles: &mut Troubles,
) -> impl Iterator<Item = &'t T> + use<'t, T> {
    if all.len() > max {
        troubles.note("lists in objects that are too long", || {
            format!("{} {}/{}: {} of {max}", of.kind, of.namespace, of.name, all.len())
        });
    }
    all.iter().take(max)
}

/// The addresses that `texts` write, each once.
fn addresses<'t>(
    texts: impl Iterator<Item = &'t String>,
    max: usize,
    of: &Meta,
    troubles: &mut Troubles,
) -> Vec<IpAddr> {
    let mut ips = Vec::new();
    for text in texts.filter(|text| !text.is_empty() && *text != "None") {
        let Some(ip) = ip(text, of, troubles).filter(|ip| !ips.contains(ip)) else { continue };
        if ips.len() == max {
            troubles.note("lists in objects that are too long", || {
                format!("{} {}/{}: more than {max} addresses", of.kind, of.namespace, of.name)
            });
            break;
        }
        ips.push(ip);
    }
    ips
}

fn port(number: i64, of: &Meta, troubles: &mut Troubles) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        troubles.note("ports that are none", || {
            format!("{} {}/{}: {number}", of.kind, of.namespace, of.name)
        });
    }
    port
}

/// SCTP has no calls that we read.
fn transport(protocol: &str) -> Option<Transport> {
    match protocol {
        "" | "TCP" => Some(Transport::Tcp),
        "UDP" => Some(Transport::Udp),
        _ => None,
    }
}

// === pods ===

fn pod(raw: &raw::Object, meta: &Meta, troubles: &mut Troubles) -> PodBody {
    let (spec, status) = (&raw.spec, &raw.status);
    let own = status.pod_ips.iter().map(|ip| &ip.ip).chain([&status.pod_ip]);
    let hosts = status.host_ips.iter().map(|ip| &ip.ip).chain([&status.host_ip]);
    let host_ips = addresses(hosts, POD_ADDRESSES_MAX, meta, troubles);
    let further = if spec.host_network { Vec::new() } else { network_status(raw) };
    let ips = addresses(own.chain(&further), POD_ADDRESSES_MAX, meta, troubles);
    let sidecars = spec.init_containers.iter().filter(|c| c.restart_policy == "Always");
    let all: Vec<_> = spec.containers.iter().chain(sidecars).collect();
    let containers: Vec<_> = first(&all, CONTAINERS_MAX, meta, troubles).copied().collect();
    let containers = containers.into_iter().map(|c| container(c, meta, troubles)).collect();
    let ends = status.container_statuses.iter().map(|status| status.state.terminated.as_ref());
    let ends: Option<Vec<_>> = ends.collect();
    let ended = ends.filter(|ends| !ends.is_empty());
    let finished = ended.and_then(|ends| ends.iter().filter_map(|e| moment(&e.finished_at)).max());
    let is_over = matches!(status.phase.as_str(), "Succeeded" | "Failed")
        || (finished.is_some() && meta.deleted.is_some());
    PodBody {
        node: spec.node_name.clone(),
        host_network: spec.host_network,
        service_account: spec.service_account_name.clone(),
        containers,
        ips,
        host_ips,
        started: moment(&status.start_time),
        is_over,
        finished: finished.filter(|_| is_over),
    }
}

/// The latest moment that a pod's status speaks of.
fn status_changed(raw: &raw::Object) -> Option<Timestamp> {
    let conditions = raw.status.conditions.iter().map(|c| c.last_transition_time.as_str());
    let states = raw.status.container_statuses.iter().flat_map(|status| {
        let ran = [&status.state.running, &status.state.terminated].into_iter().flatten();
        ran.flat_map(|ran| [ran.started_at.as_str(), ran.finished_at.as_str()])
    });
    conditions.chain(states).chain([raw.status.start_time.as_str()]).filter_map(moment).max()
}

fn container(raw: &raw::Container, meta: &Meta, troubles: &mut Troubles) -> Container {
    let mut ports = Vec::new();
    for declared in first(&raw.ports, PORTS_MAX, meta, troubles) {
        let Some(transport) = transport(&declared.protocol) else { continue };
        let Some(number) = port(declared.container_port, meta, troubles) else { continue };
        let host = u16::try_from(declared.host_port).unwrap_or(0);
        ports.push(ContainerPort { name: Arc::from(&*declared.name), number, host, transport });
    }
    Container { name: Arc::from(&*raw.name), ports }
}

/// Addresses on further networks (Network Plumbing Working Group's specification, §4).
fn network_status(raw: &raw::Object) -> Vec<String> {
    let told = |name| raw.metadata.annotations.get(name).and_then(Option::as_deref);
    let Some(text) = NETWORK_STATUS.into_iter().find_map(told) else { return Vec::new() };
    let Ok(Value::Array(networks)) = serde_json::from_str(text) else { return Vec::new() };
    let ips = networks.iter().filter_map(|network| network["ips"].as_array()).flatten();
    ips.filter_map(|ip| Some(ip.as_str()?.to_owned())).collect()
}

// === services ===

fn service(raw: &raw::Object, meta: &Meta, troubles: &mut Troubles) -> ServiceBody {
    let spec = &raw.spec;
    let own = spec.cluster_ips.iter().chain([&spec.cluster_ip]);
    let cluster_ips = addresses(own, ADDRESSES_MAX, meta, troubles);
    let ingress = &raw.status.load_balancer.ingress;
    let given = ingress.iter().map(|ingress| &ingress.ip).chain([&spec.load_balancer_ip]);
    let outside_ips = addresses(given.chain(&spec.external_ips), ADDRESSES_MAX, meta, troubles);
    let names = ingress.iter().map(|ingress| &ingress.hostname).filter(|name| !name.is_empty());
    let ports: Vec<_> = first(&spec.ports, PORTS_MAX, meta, troubles).collect();
    let external_name = if spec.r#type == "ExternalName" { &*spec.external_name } else { "" };
    ServiceBody {
        selector: selector(&spec.selector),
        cluster_ips,
        outside_ips,
        outside_names: names.cloned().collect(),
        external_name: external_name.to_owned(),
        is_local: spec.external_traffic_policy == "Local",
        ports: ports.into_iter().filter_map(|port| service_port(port, meta, troubles)).collect(),
    }
}

fn selector(value: &Value) -> Option<Vec<(String, String)>> {
    let pairs = value.as_object().filter(|pairs| !pairs.is_empty())?;
    let mut pairs: Vec<_> = pairs
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned()))
        .collect();
    pairs.sort();
    // More of them than a pod has labels: with one too many it still selects nothing.
    pairs.truncate(LABELS_MAX + 1);
    Some(pairs)
}

fn service_port(raw: &raw::Port, meta: &Meta, troubles: &mut Troubles) -> Option<ServicePort> {
    let transport = transport(&raw.protocol)?;
    let number = port(raw.port.unwrap_or(0), meta, troubles)?;
    let target = match &raw.target_port {
        None | Some(raw::NumberOrName::Number(0)) => Target::Number(number),
        Some(raw::NumberOrName::Number(target)) => Target::Number(port(*target, meta, troubles)?),
        Some(raw::NumberOrName::Name(name)) => match name.parse() {
            Ok(target) => Target::Number(target),
            Err(_) => Target::Name(name.clone()),
        },
    };
    let node = u16::try_from(raw.node_port).unwrap_or(0);
    Some(ServicePort { name: raw.name.clone(), number, node, target, transport })
}

// === endpoint slices ===

fn slice(raw: &raw::Object, meta: &Meta, troubles: &mut Troubles) -> Option<SliceBody> {
    let label = meta.labels.iter().find(|(name, _)| name == SERVICE_NAME);
    let owner = meta.owner.as_ref().filter(|owner| owner.kind == "Service");
    let Some(service) = label.map(|(_, name)| name).or(owner.map(|owner| &owner.name)) else {
        troubles
            .note("endpoint slices of no service", || format!("{}/{}", meta.namespace, meta.name));
        return None;
    };
    let mut endpoints = Vec::new();
    // The addresses of a FQDN slice are names.
    if raw.address_type != "FQDN" {
        for endpoint in &raw.endpoints {
            let target = &endpoint.target_ref;
            let is_pod = target.kind == "Pod" && !target.uid.is_empty();
            let pod = is_pod.then(|| Uid::of(&target.uid));
            let ips = endpoint.addresses.iter().filter_map(|text| ip(text, meta, troubles));
            endpoints.extend(ips.map(|ip| (ip, pod)));
        }
    }
    let ports = first(&raw.ports, PORTS_MAX, meta, troubles)
        .filter_map(|port| Some((u16::try_from(port.port?).ok()?, transport(&port.protocol)?)));
    Some(SliceBody { service: service.clone(), ports: ports.collect(), endpoints })
}

// === nodes ===

fn node(raw: &raw::Object, meta: &Meta, troubles: &mut Troubles) -> NodeBody {
    // Hostname, InternalDNS and ExternalDNS are names.
    let own = raw.status.addresses.iter().filter(|address| address.r#type.ends_with("IP"));
    let ips = addresses(own.map(|own| &own.address), ADDRESSES_MAX, meta, troubles);
    let label = |name: &&str| meta.labels.iter().find(|(label, _)| label == name);
    let zone = ZONES.iter().find_map(label).map(|(_, zone)| zone.clone()).unwrap_or_default();
    let networks = raw.spec.pod_cidrs.iter().take(ADDRESSES_MAX).chain([&raw.spec.pod_cidr]);
    let mut pod_networks: Vec<_> = networks.filter_map(|text| text.parse().ok()).collect();
    pod_networks.sort();
    pod_networks.dedup();
    NodeBody { ips, zone, pod_networks }
}
