//! Names for the ends of calls: asked of the directory once for each address and time, not for each
//! call.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use export::Party;
use identity::{Directory, Found, Lesson, Memo, Query};
use model::{BodyFacts, Call, Endpoint, Message, Peer, Tell, Timestamp, Transport, Value};

/// Knows who the ends of calls were.
pub struct Naming(Memo<Rc<Answer>>);

/// What is said of one end.
#[derive(Debug, Default)]
pub struct Answer {
    /// Members of its object, each with a comma in front.
    pub json: Vec<u8>,
    /// What stands in place of its address in a line for people.
    pub label: Option<String>,
    /// All that is known, in a line for people.
    pub about: String,
    /// The same for conditions.
    pub party: Party,
    /// Whether anything is known.
    pub is_known: bool,
}

/// Addresses whose answers are kept.
const KNOWN_MAX: usize = 1 << 16;

// === impl Naming ===

impl Naming {
    /// Names by this directory.
    pub fn new(directory: Directory) -> Self {
        Self(Memo::new(directory, KNOWN_MAX))
    }

    /// Who this was at this time.
    pub fn of(&mut self, end: Endpoint, transport: Transport, at: Timestamp) -> Rc<Answer> {
        let query = Query { scope: 0, ip: end.ip, port: end.port, transport, at, process: None };
        self.0.find(&query, |found| Rc::new(Answer::of(end, found))).clone()
    }
}

// === impl Answer ===

impl Answer {
    fn of(end: Endpoint, found: &Found<'_>) -> Self {
        if found.is_nobody() {
            return Self::default();
        }
        let peer = found.peer();
        let mut json = Vec::new();
        if found.is_front() {
            json.extend_from_slice(format!(",\"service_ip\":\"{}\"", end.ip).as_bytes());
        }
        export::push_peer(&mut json, &peer);
        let party = Party::of(&peer, found.is_front().then_some(end.ip));
        let label = peer.name.map(str::to_owned);
        Self { json, label, about: about(&peer), party, is_known: true }
    }

    /// What name servers called it.
    pub fn outside(name: &str) -> Self {
        let mut json = Vec::new();
        export::push_dns_names(&mut json, &[name]);
        let (label, about) = (Some(name.to_owned()), format!("{name} (dns)"));
        Self { json, label, about, party: Party::outside(name), is_known: true }
    }
}

/// `front-end: pod shop/front-end-58-x, Deployment front-end, service front-end, node n1 (pod-ip)`.
fn about(peer: &Peer<'_>) -> String {
    let namespace = peer.namespace.map(|name| format!("{name}/")).unwrap_or_default();
    let mut facts = Vec::new();
    facts.extend(peer.pod.map(|name| format!("pod {namespace}{name}")));
    facts.extend(peer.workload.map(|workload| format!("{} {}", workload.kind, workload.name)));
    facts.extend(peer.container.map(|name| format!("container {name}")));
    facts.extend(peer.service.map(|name| format!("service {namespace}{name}")));
    facts.extend(peer.node.map(|name| format!("node {name}")));
    facts.extend(peer.zone.map(|name| format!("zone {name}")));
    let others = peer.candidates.iter().map(|other| {
        let namespace = other.namespace.map(|name| format!("{name}/")).unwrap_or_default();
        format!("perhaps {} {namespace}{}", other.kind, other.name)
    });
    facts.extend(others);
    let mut why: Vec<_> = peer.evidence.iter().map(|evidence| evidence.name().to_owned()).collect();
    why.extend(peer.doubts.iter().map(|doubt| format!("in doubt: {}", doubt.name())));
    format!("{}: {} ({})", peer.name.unwrap_or("not decided"), facts.join(", "), why.join(", "))
}

// === DNS ===

/// What a call teaches about names of addresses.
pub fn lessons(call: &Call<'_>, to: &mut Vec<Lesson>) {
    if !std::ptr::eq(call.protocol, &dissectors::dns::PROTOCOL) {
        return;
    }
    let Some(response) = call.response else { return };
    let headline = (call.protocol.headline)(call.request, call.response);
    let Some(name) = headline.endpoint.as_deref().and_then(|name| str::from_utf8(name).ok()) else {
        return;
    };
    let (client, at) = (call.client.ip, response.last.at);
    let mut listener = Listener { answers: Vec::new() };
    hear(response, &mut listener);
    // An alias may be forgotten earlier than what it leads to.
    let Some(ttl) = listener.answers.iter().map(|(ttl, _)| *ttl).min() else { return };
    let name: Arc<str> = Arc::from(name);
    for (_, ip) in listener.answers {
        let Some(ip) = ip else { continue };
        to.push(Lesson { client, name: name.clone(), ip, at, ttl });
    }
}

fn hear(message: &Message, listener: &mut Listener) {
    (dissectors::dns::PROTOCOL.tell)(message, listener);
}

/// Listens to the answers: their lifetimes, and the addresses among them.
struct Listener {
    answers: Vec<(u32, Option<IpAddr>)>,
}

impl Tell for Listener {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let field = dissectors::dns::PROTOCOL.fields.get(index);
        if field.is_none_or(|field| field.name != "dns.answers") {
            return;
        }
        let Value::Text(text) = value else { return };
        // name ttl class type data
        let Ok(text) = str::from_utf8(text) else { return };
        let mut words = text.split_ascii_whitespace().skip(1);
        let Some(ttl) = words.next().and_then(|ttl| ttl.parse().ok()) else { return };
        let ip = match words.nth(1) {
            Some("A" | "AAAA") => words.next().and_then(|ip| ip.parse().ok()),
            _ => None,
        };
        self.answers.push((ttl, ip));
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    fn body(&mut self, _: BodyFacts<'_>) {}
}
