//! `callscope identity explain`: who, why, and who else it could have been.

use std::io::Write;

use anyhow::Result;
use identity::{Found, Query};
use model::{Doubt, Evidence, Peer, Timestamp, Transport};

use crate::args::{ExplainArgs, ExplainFormat};

/// Says it.
///
/// # Errors
/// When a file can't be read or standard output can't be written.
pub fn run(args: &ExplainArgs) -> Result<()> {
    let loaded = super::load(&args.identity)?;
    for warning in &loaded.warnings {
        eprintln!("callscope: {warning}");
    }
    let (ip, port) = args.who;
    let transport = if args.udp { Transport::Udp } else { Transport::Tcp };
    let at = args.at.unwrap_or(loaded.latest);
    let port = port.unwrap_or(0);
    let query = Query { scope: args.scope, ip, port, transport, at, process: None };
    let found = loaded.directory.find(&query);
    let text = match args.format {
        ExplainFormat::Text => text(args.who, &query, &found),
        ExplainFormat::Json => json(args.who, &query, &found),
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn json(who: (std::net::IpAddr, Option<u16>), query: &Query, found: &Found<'_>) -> String {
    let mut out = format!("{{\"ip\":\"{}\"", who.0).into_bytes();
    if let Some(port) = who.1 {
        out.extend_from_slice(format!(",\"port\":{port}").as_bytes());
    }
    out.extend_from_slice(format!(",\"at\":\"{}\"", moment(query.at)).as_bytes());
    let span = found.span();
    if span.from > Timestamp(0) {
        out.extend_from_slice(format!(",\"from\":\"{}\"", moment(span.from)).as_bytes());
    }
    if span.until < identity::FOREVER {
        out.extend_from_slice(format!(",\"until\":\"{}\"", moment(span.until)).as_bytes());
    }
    export::push_peer(&mut out, &found.peer());
    out.extend_from_slice(b"}\n");
    String::from_utf8_lossy(&out).into_owned()
}

fn text(who: (std::net::IpAddr, Option<u16>), query: &Query, found: &Found<'_>) -> String {
    let place = match who {
        (ip, Some(port)) => model::Endpoint { ip, port }.to_string(),
        (ip, None) => ip.to_string(),
    };
    let peer = found.peer();
    let mut text = format!("{place} at {}: {}\n", moment(query.at), title(&peer));
    let mut line = |label: &str, value: &str| text.push_str(&format!("  {label:<16}{value}\n"));
    let services = peer.services.join(", ");
    let workload = peer.workload.map(|w| format!("{} {}", w.kind, w.name)).unwrap_or_default();
    let labels: Vec<_> =
        peer.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for (label, value) in [
        ("pod", peer.pod.unwrap_or_default()),
        ("service", peer.service.unwrap_or_default()),
        ("all services", &services),
        ("namespace", peer.namespace.unwrap_or_default()),
        ("workload", &workload),
        ("container", peer.container.unwrap_or_default()),
        ("service account", peer.service_account.unwrap_or_default()),
        ("node", peer.node.unwrap_or_default()),
        ("zone", peer.zone.unwrap_or_default()),
        ("labels", &labels.join(", ")),
        ("other names", &peer.names.join(", ")),
    ] {
        if !value.is_empty() {
            line(label, value);
        }
    }
    for (name, value) in found.annotations() {
        line("annotation", &format!("{name}={}", super::clean(value)));
    }
    for evidence in peer.evidence.iter() {
        line("because", &format!("{}: {}", evidence.name(), why(evidence)));
    }
    if found.is_front() && found.is_local() {
        line("note", "traffic from outside stays on the node where it arrives, with its source");
    }
    for doubt in &peer.doubts {
        line("in doubt", &format!("{}: {}", doubt.name(), doubtful(*doubt)));
    }
    for other in &peer.candidates {
        let namespace = other.namespace.map(|name| format!("{name}/")).unwrap_or_default();
        line("could be", &format!("{} {namespace}{}", other.kind, other.name));
    }
    let span = found.span();
    if span.from > Timestamp(0) {
        line("the same from", &moment(span.from));
    }
    if span.until < identity::FOREVER {
        line("until", &moment(span.until));
    }
    text
}

fn title(peer: &Peer<'_>) -> String {
    let what = match (peer.name, peer.pod, peer.service, peer.node) {
        (None, ..) => return "nobody known".to_owned(),
        (_, Some(_), ..) => "a pod",
        (_, _, Some(_), _) => "a service",
        (_, _, _, Some(_)) => "a node",
        _ => "by its name",
    };
    format!("{}, {what}", peer.name.unwrap_or_default())
}

fn why(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::PodIp => "the address was this pod's alone",
        Evidence::HostNetworkPort => "the node's port was this pod's",
        Evidence::ClusterIp => "the address is the service's own",
        Evidence::NodePort => "the port is the service's on every node",
        Evidence::LoadBalancer => "the address was given to the service from outside",
        Evidence::EndpointSlice => "an endpoint slice names the address and port",
        Evidence::NodeIp => {
            "the address is the node's, or of a network that it gives addresses from"
        }
        Evidence::Dns => "a name server said so",
        Evidence::ProcessCgroup => "the process was in the pod's control group",
        Evidence::HostsFile => "your names file says so",
    }
}

fn doubtful(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::HostNetwork => "processes and pods of the node share this address",
        Doubt::Snat => "the node may stand for somebody behind it",
        Doubt::Handover => "the address went from one to another about then",
    }
}

fn moment(at: Timestamp) -> String {
    export::moment(at)
}
