//! How fast and how large a directory of a large cluster is: `bench/identity`.
//!
//! 100,000 pods, 10,000 services, 5,000 nodes, and an hour of 1,000 changes a second.
#![allow(clippy::disallowed_methods, reason = "measures time")]

use std::{collections::HashMap, hint::black_box, net::IpAddr, time::Instant};

use identity::{
    Body, Book, Change, Container, ContainerPort, Directory, Event, Found, Limits, Memo, Meta,
    NodeBody, Object, OwnerRef, PodBody, Query, ServiceBody, ServicePort, SliceBody, Target, Uid,
};
use model::{Timestamp, Transport};

const PODS: usize = 100_000;
const SERVICES: usize = 10_000;
const NODES: usize = 5_000;
const NAMESPACES: usize = 500;
/// Changes a second, and for how long.
const CHANGES: u64 = 1_000;
const SECONDS: u64 = 3_600;
/// Events of one pod's replacement: three of the old one, three of the new one, two of its slice.
const EVENTS_OF_REPLACEMENT: u64 = 8;
const SECOND: u64 = 1_000_000_000;
const BEGIN: u64 = 1_750_000_000 * SECOND;
const LOOKUPS: usize = 1_000_000;
/// Look-ups timed together: the clock costs as much as a look-up.
const TOGETHER: usize = 16;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// The cluster as it is.
struct Cluster {
    dice: Dice,
    book: Book,
    /// The pods there are, by place: each place has its service, node and address.
    pods: Vec<u128>,
    made: u128,
    /// Places of each service's pods.
    behind: Vec<Vec<usize>>,
    ips: Vec<usize>,
    free: Vec<usize>,
    events: u64,
    slowest_ns: u128,
}

fn ip(number: usize) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number as u32).to_be_bytes())
}

fn pairs(list: &[(&str, String)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn meta(kind: &str, name: String, namespace: usize, uid: u128, at: u64) -> Meta {
    Meta {
        kind: kind.into(),
        name,
        namespace: format!("team-{namespace}"),
        uid: Uid(uid.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        version: 0,
        created: Some(Timestamp(at / SECOND * SECOND)),
        changed: Timestamp(at / SECOND * SECOND),
        ..Meta::default()
    }
}

impl Cluster {
    fn new() -> Self {
        let mut new = Self {
            dice: Dice(88_172_645_463_325_252),
            book: Book::new(Limits::live()),
            pods: Vec::new(),
            made: 0,
            behind: vec![Vec::new(); SERVICES],
            ips: (0..PODS).collect(),
            free: (PODS..PODS + 20_000).collect(),
            events: 0,
            slowest_ns: 0,
        };
        for node in 0..NODES {
            let ips = vec![IpAddr::from((0xc0a8_0000 + node as u32).to_be_bytes())];
            let body =
                NodeBody { ips, zone: format!("zone-{}", node % 3), pod_networks: Vec::new() };
            let meta = meta("Node", format!("node-{node}"), 0, node as u128 + 1_000_000_000, BEGIN);
            new.tell(BEGIN, Object { meta, body: Body::Node(body) }, false);
        }
        for service in 0..SERVICES {
            new.tell(BEGIN, service_object(service), false);
        }
        for place in 0..PODS {
            new.made += 1;
            new.pods.push(new.made);
            new.behind[place % SERVICES].push(place);
            let object = new.pod(place, BEGIN, Phase::Running);
            new.tell(BEGIN, object, false);
        }
        for service in 0..SERVICES {
            let object = new.slice(service, BEGIN);
            new.tell(BEGIN, object, false);
        }
        new
    }

    fn tell(&mut self, at: u64, object: Object, is_deleted: bool) {
        let change = if is_deleted { Change::Deleted(object) } else { Change::Applied(object) };
        let event = Event::new(Some(Timestamp(at)), change);
        let begun = Instant::now();
        self.book.apply(&event);
        self.slowest_ns = self.slowest_ns.max(begun.elapsed().as_nanos());
        self.events += 1;
    }

    fn pod(&self, place: usize, at: u64, phase: Phase) -> Object {
        let (service, number) = (place % SERVICES, self.pods[place]);
        let namespace = service % NAMESPACES;
        let mut meta =
            meta("Pod", format!("app-{service}-6d4cf56db6-{number:05x}"), namespace, number, at);
        meta.labels = pairs(&[
            ("app.kubernetes.io/instance", format!("release-{}", service % 50)),
            ("app.kubernetes.io/name", format!("app-{service}")),
            ("app.kubernetes.io/part-of", format!("platform-{}", service % 20)),
            ("app.kubernetes.io/version", format!("1.{}.0", service % 30)),
            ("pod-template-hash", "6d4cf56db6".to_owned()),
            ("topology.kubernetes.io/zone", format!("zone-{}", place % NODES % 3)),
        ]);
        meta.owner = Some(OwnerRef {
            kind: "ReplicaSet".into(),
            name: format!("app-{service}-6d4cf56db6"),
            uid: Uid(service as u128 + 1),
        });
        let port =
            ContainerPort { name: "http".into(), number: 8080, host: 0, transport: Transport::Tcp };
        let is_bare = matches!(phase, Phase::Pending);
        let body = PodBody {
            node: format!("node-{}", place % NODES),
            service_account: "default".into(),
            containers: vec![
                Container { name: "app".into(), ports: vec![port] },
                Container { name: "proxy".into(), ports: Vec::new() },
            ],
            ips: if is_bare { Vec::new() } else { vec![ip(self.ips[place])] },
            started: (!is_bare).then_some(Timestamp(at / SECOND * SECOND)),
            is_over: matches!(phase, Phase::Over),
            ..PodBody::default()
        };
        Object { meta, body: Body::Pod(body) }
    }

    fn slice(&self, service: usize, at: u64) -> Object {
        let mut meta = meta(
            "EndpointSlice",
            format!("app-{service}-abcde"),
            service % NAMESPACES,
            service as u128 + 3_000_000_000,
            at,
        );
        meta.created = Some(Timestamp(BEGIN));
        let endpoints = self.behind[service].iter().map(|place| (ip(self.ips[*place]), None));
        let body = SliceBody {
            service: format!("app-{service}"),
            ports: vec![(8080, Transport::Tcp)],
            endpoints: endpoints.collect(),
        };
        Object { meta, body: Body::Slice(body) }
    }

    /// A pod goes and another comes in its place, with another address.
    fn replace(&mut self, at: u64) {
        let place = self.dice.roll(PODS);
        let service = place % SERVICES;
        for phase in [Phase::Running, Phase::Over] {
            let object = self.pod(place, at, phase);
            self.tell(at, object, false);
        }
        let object = self.pod(place, at, Phase::Over);
        self.tell(at, object, true);
        let slot = self.dice.roll(self.free.len());
        std::mem::swap(&mut self.free[slot], &mut self.ips[place]);
        self.made += 1;
        self.pods[place] = self.made;
        let object = self.slice(service, at);
        self.tell(at, object, false);
        for phase in [Phase::Pending, Phase::Running, Phase::Running] {
            let object = self.pod(place, at + SECOND / 2, phase);
            self.tell(at + SECOND / 2, object, false);
        }
        let object = self.slice(service, at + SECOND / 2);
        self.tell(at + SECOND / 2, object, false);
    }
}

fn service_object(service: usize) -> Object {
    let meta = meta(
        "Service",
        format!("app-{service}"),
        service % NAMESPACES,
        service as u128 + 2_000_000_000,
        BEGIN,
    );
    let body = ServiceBody {
        selector: Some(pairs(&[("app.kubernetes.io/name", format!("app-{service}"))])),
        cluster_ips: vec![IpAddr::from((0xac10_0000 + service as u32).to_be_bytes())],
        ports: vec![ServicePort {
            name: "http".into(),
            number: 80,
            node: 0,
            target: Target::Name("http".into()),
            transport: Transport::Tcp,
        }],
        ..ServiceBody::default()
    };
    Object { meta, body: Body::Service(body) }
}

#[derive(Clone, Copy)]
enum Phase {
    Pending,
    Running,
    Over,
}

fn memory_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: usize = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    kib * 1024
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn time<T>(keys: &[T], mut look_up: impl FnMut(&T)) -> f64 {
    let times = keys.chunks_exact(TOGETHER).map(|keys| {
        let begun = Instant::now();
        keys.iter().for_each(&mut look_up);
        begun.elapsed().as_nanos() as f64 / TOGETHER as f64
    });
    median(times.collect())
}

fn look_ups(cluster: &mut Cluster, directory: &Directory, at: u64) {
    let plain: HashMap<IpAddr, u128> =
        (0..PODS).map(|place| (ip(cluster.ips[place]), cluster.pods[place])).collect();
    let keys: Vec<IpAddr> =
        (0..LOOKUPS).map(|_| ip(cluster.ips[cluster.dice.roll(PODS)])).collect();
    let query = |ip: IpAddr, at: u64| Query {
        scope: 0,
        ip,
        port: 8080,
        transport: Transport::Tcp,
        at: Timestamp(at),
        process: None,
    };
    // What a reader keeps of an answer: as an exporter, a handle to what it writes.
    let made = |found: &Found<'_>| {
        let names = [found.pod(), found.service(), found.namespace(), found.node()];
        std::sync::Arc::new(names.map(|name| name.map(std::sync::Arc::<str>::from)))
    };
    let mut memo = Memo::new(directory.clone(), 1 << 20);
    let is_whole = |memo: &mut Memo<_>, ip: &IpAddr| {
        let names: &std::sync::Arc<[Option<_>; 4]> = memo.find(&query(*ip, at), made);
        names.iter().all(Option::is_some)
    };
    let named = keys.iter().filter(|ip| is_whole(&mut memo, ip)).count();
    let remembered = time(&keys, |ip| _ = black_box(memo.find(&query(*ip, at), made)));
    println!("look-up by a reader: median {remembered:.0} ns; {named} of {LOOKUPS} named whole");
    let mut named = 0;
    let ours = time(&keys, |ip| {
        let found = directory.find(&query(*ip, at));
        let name = (found.pod(), found.service(), found.namespace(), found.node());
        named += usize::from(matches!(black_box(name), (Some(_), Some(_), Some(_), Some(_))));
    });
    let theirs = time(&keys, |ip| _ = black_box(plain.get(ip)));
    let earlier: Vec<_> = (0..LOOKUPS / 4)
        .map(|_| {
            (ip(cluster.dice.roll(PODS + 20_000)), at - cluster.dice.roll(3_500) as u64 * SECOND)
        })
        .collect();
    let history = time(&earlier, |(ip, at)| _ = black_box(directory.find(&query(*ip, *at)).pod()));
    println!(
        "look-up from scratch: median {ours:.0} ns; plain hash map {theirs:.0} ns; {named} of {LOOKUPS} named whole"
    );
    println!("look-up, any time of the last hour: median {history:.0} ns");
}

fn main() {
    let begun = Instant::now();
    let before = memory_bytes();
    let mut cluster = Cluster::new();
    let mb = |bytes: usize| bytes as f64 / 1e6;
    let grown = memory_bytes().saturating_sub(before);
    println!(
        "{PODS} pods, {SERVICES} services, {NODES} nodes: {:.0} MB ({:.0} MB by its own count), made in {:.1} s",
        mb(grown),
        mb(cluster.book.bytes()),
        begun.elapsed().as_secs_f64()
    );
    let directory = cluster.book.directory();
    look_ups(&mut cluster, &directory, BEGIN + SECOND);
    let begun = Instant::now();
    let (events, mut held) = (cluster.events, directory);
    cluster.slowest_ns = 0;
    let replacements = CHANGES * SECONDS / EVENTS_OF_REPLACEMENT;
    for number in 1..=replacements {
        let at = BEGIN + number * SECOND * SECONDS / replacements;
        cluster.replace(at);
        // Readers are given the news a hundred times a second.
        if number % 2 == 0 {
            held = cluster.book.directory();
        }
    }
    let events = cluster.events - events;
    let took = begun.elapsed();
    println!(
        "{events} changes in {:.1} s: {:.1} us each with their making, the slowest {:.2} ms",
        took.as_secs_f64(),
        took.as_micros() as f64 / events as f64,
        cluster.slowest_ns as f64 / 1e6
    );
    let grown = memory_bytes().saturating_sub(before);
    println!(
        "after an hour of {CHANGES} changes a second: {} pods known, {:.0} MB ({:.0} MB by its own count), {:?}",
        cluster.book.pods(),
        mb(grown),
        mb(cluster.book.bytes()),
        cluster.book.counts()
    );
    let end = BEGIN + SECONDS * SECOND + SECOND;
    look_ups(&mut cluster, &held, end);
}
