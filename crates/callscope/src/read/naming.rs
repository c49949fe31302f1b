//! Names for the ends of calls: asked of the directory once for each address and time, not for each
//! call.

use std::{collections::HashMap, fmt::Debug, net::IpAddr, rc::Rc, sync::Arc};

use capture::{IntakeCount, keep::Entry};
use export::Party;
use identity::{Directory, Found, Lesson, Memo, Query, Uid};
use model::{
    BodyFacts, Call, Endpoint, Message, Peer, Process, Source, Tell, Timestamp, Transport, Value,
};
use tokio::sync::watch::Receiver;

/// Knows who the ends of calls were.
pub struct Naming {
    /// Answers by address alone.
    memo: Memo<Rc<Answer>>,
    directory: Directory,
    /// Where a later one comes from.
    latest: Option<Receiver<Directory>>,
}

/// Directories to name by.
#[derive(Clone, Debug)]
pub(crate) enum Directories {
    /// One that stays as it is.
    One(Directory),
    /// Always the latest.
    Latest(Receiver<Directory>),
}

/// Has seen, on this machine, whose sockets the ends of live calls were.
///
/// Asked once for each call that is shown, by several threads, on the way out: what it takes longer
/// than a moment, all packets wait.
pub(crate) trait Witness: Debug + Send + Sync {
    /// What it knows of the client and of the server of a call that was seen at this source.
    fn of(&self, call: &Call<'_>, source: Option<&Source>) -> [Option<Arc<Testimony>>; 2];

    /// What it missed.
    fn counts(&self) -> Vec<IntakeCount>;
}

/// What a witness says of one end of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Testimony {
    /// The pod whose control group the process is in: names the end where its address can't.
    pub pod: Option<Uid>,
    /// A member of the end's object with a comma in front: `,"process":{…}`.
    pub json: Vec<u8>,
    /// The same in a line for people: `nginx (pid 4242)`.
    pub about: String,
    /// The same for conditions, beside what is known already.
    pub party: Party,
}

/// What a directory and a witness know together, made once for each pair.
#[derive(Default)]
pub(crate) struct Joined(HashMap<(usize, usize), Join>);

/// The parts are kept so that their places in memory, which stand for them, are not used again.
struct Join {
    _known: Rc<Answer>,
    _seen: Arc<Testimony>,
    both: Rc<Answer>,
}

/// What is said of one end.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Members of its object, each with a comma in front.
    pub json: Vec<u8>,
    /// What stands in place of its address in a line for people.
    pub label: Option<String>,
    /// All that is known, in a line for people.
    pub about: String,
    /// The same for conditions.
    pub party: Party,
    /// Whether anything is known but its process.
    pub is_known: bool,
    /// The pod that it was.
    pod: Option<Uid>,
}

/// Addresses whose answers are kept.
const KNOWN_MAX: usize = 1 << 16;
/// Pairs that are kept.
const JOINED_MAX: usize = 1 << 12;

// === impl Directories ===

impl Directories {
    /// The one of this moment.
    pub fn now(&self) -> Directory {
        match self {
            Self::One(directory) => directory.clone(),
            Self::Latest(latest) => latest.borrow().clone(),
        }
    }

    /// A later one than was taken here before, if there is one.
    pub fn news(&mut self) -> Option<Directory> {
        match self {
            Self::Latest(latest) if latest.has_changed().unwrap_or(false) => {
                Some(latest.borrow_and_update().clone())
            }
            Self::One(_) | Self::Latest(_) => None,
        }
    }
}

// === impl Naming ===

impl Naming {
    /// Names by this directory.
    pub fn new(directory: Directory) -> Self {
        Self { memo: Memo::new(directory.clone(), KNOWN_MAX), directory, latest: None }
    }

    /// Names by these directories.
    pub fn by(directories: Directories) -> Self {
        match directories {
            Directories::One(directory) => Self::new(directory),
            Directories::Latest(mut latest) => {
                let directory = latest.borrow_and_update().clone();
                Self { latest: Some(latest), ..Self::new(directory) }
            }
        }
    }

    /// Takes the latest directory.
    fn follow(&mut self) {
        let Some(latest) = &mut self.latest else { return };
        if latest.has_changed().unwrap_or(false) {
            self.directory = latest.borrow_and_update().clone();
            self.memo.follow(self.directory.clone());
        }
    }

    /// Who this was at this time. `process` is the pod of the process that had the socket, which
    /// decides where the address does not say the same: on a node's own address.
    pub fn of(
        &mut self,
        end: Endpoint,
        transport: Transport,
        at: Timestamp,
        process: Option<Uid>,
    ) -> Rc<Answer> {
        self.follow();
        let query = Query { scope: 0, ip: end.ip, port: end.port, transport, at, process: None };
        let known = self.memo.find(&query, |found| Rc::new(Answer::of(end, found))).clone();
        if process.is_none() || known.pod == process {
            return known;
        }
        // Answers are remembered by address, so this one isn't.
        let found = self.directory.find(&Query { process, ..query });
        if found.pod_uid() == process { Rc::new(Answer::of(end, &found)) } else { known }
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
        Self { json, label, about: about(&peer), party, is_known: true, pod: found.pod_uid() }
    }

    /// The same, and what a witness has seen.
    fn with(&self, seen: &Testimony) -> Self {
        let json = [&self.json[..], &seen.json].concat();
        let gap = if self.about.is_empty() || seen.about.is_empty() { "" } else { ", " };
        let about = format!("{}{gap}{}", self.about, seen.about);
        Self { json, about, party: self.party.and(&seen.party), ..self.clone() }
    }

    /// The same, and what name servers called it.
    pub fn named(&self, name: &str) -> Self {
        let outside = Self::outside(name);
        let gap = if self.about.is_empty() { "" } else { ", " };
        let json = [&outside.json[..], &self.json].concat();
        let about = format!("{}{gap}{}", outside.about, self.about);
        Self { json, about, party: outside.party.and(&self.party), ..outside }
    }

    /// What name servers called it.
    pub fn outside(name: &str) -> Self {
        let mut json = Vec::new();
        export::push_dns_names(&mut json, &[name]);
        let (label, about) = (Some(name.to_owned()), format!("{name} (dns)"));
        Self { json, label, about, party: Party::outside(name), is_known: true, pod: None }
    }
}

// === impl Testimony ===

impl Testimony {
    /// That this process had the socket.
    pub(crate) fn of(process: &Process<'_>) -> Self {
        let mut json = Vec::new();
        export::push_process(&mut json, process);
        let container = process.container.map(|container| {
            format!(", container {}", container.id.get(..12).unwrap_or(container.id))
        });
        let about =
            format!("{} (pid {}{})", process.name, process.pid, container.unwrap_or_default());
        let pod = process.container.and_then(|container| container.pod_uid).map(Uid::of);
        Self { pod, json, about, party: Party::process(process) }
    }
}

// === impl Joined ===

impl Joined {
    /// What both know.
    pub(crate) fn of(&mut self, known: &Rc<Answer>, seen: &Arc<Testimony>) -> Rc<Answer> {
        if self.0.len() >= JOINED_MAX {
            self.0.clear();
        }
        let key = (Rc::as_ptr(known).addr(), Arc::as_ptr(seen).addr());
        let join =
            || Join { _known: known.clone(), _seen: seen.clone(), both: Rc::new(known.with(seen)) };
        self.0.entry(key).or_insert_with(join).both.clone()
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

// === kept packets ===

/// Where a call is among kept packets, and what it was.
pub(crate) fn entry(call: &Call<'_>, ends: [&Answer; 2]) -> Entry {
    let id = match call.inside {
        0 => format!("{}-{}", call.stream, call.number),
        inside => format!("{}.{inside}-{}", call.stream, call.number),
    };
    let headline = (call.protocol.headline)(call.request, call.response);
    let words = [headline.method, headline.endpoint, headline.status.map(|status| status.code)];
    let mut about = call.protocol.name.to_owned();
    for word in words.iter().flatten() {
        about = format!("{about} {}", String::from_utf8_lossy(word));
    }
    for (name, end) in [("src", ends[0]), ("dst", ends[1])] {
        if !end.about.is_empty() {
            about = format!("{about}; {name} {}", end.about);
        }
    }
    let (client, server, transport) = (call.client, call.server, call.transport);
    let is_covered = call.cover.is_some();
    Entry { id, from: call.begin(), to: call.end(), transport, client, server, is_covered, about }
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
