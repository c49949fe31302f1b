//! Made-up histories of a cluster, with their own bookkeeping as the judge: no name is ever wrong, and
//! "unknown" only where the facts leave it open.
//!
//! Pods come and go on few addresses, which are given on within a second; services change their
//! selectors, pods their labels; events come late and out of order; times in objects are whole seconds.
//! `CALLSCOPE_LOOKUPS=1000000` asks that often; `CALLSCOPE_SEED` begins elsewhere.

use std::net::IpAddr;

use identity::{
    Body, Book, Change, Container, ContainerPort, Event, Limits, Meta, Object, OwnerRef, PodBody,
    Query, ServiceBody, ServicePort, Target, Uid,
};
use model::{Timestamp, Transport};

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
/// When the history begins.
const BEGIN: u64 = 1_750_000_000 * SECOND;
/// How late the watch may be.
const LAG_MAX: u64 = 400 * MILLI;

/// splitmix64: the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll(to - from)
    }
}

/// What was really so.
#[derive(Default)]
struct Truth {
    pods: Vec<Pod>,
    services: Vec<Service>,
}

struct Pod {
    name: String,
    namespace: usize,
    ip: usize,
    from: u64,
    until: u64,
    /// Its colour, by the time from which it had it.
    colours: Vec<(u64, usize)>,
}

struct Service {
    namespace: usize,
    /// The colour it selects, by the time from which it did.
    selects: Vec<(u64, usize)>,
}

const NAMESPACES: usize = 3;
const COLOURS: usize = 4;
const PORT: u16 = 8080;

fn ip(number: usize) -> IpAddr {
    let [.., high, low] = number.to_be_bytes();
    if number.is_multiple_of(5) {
        return format!("fd00::{number:x}").parse().unwrap();
    }
    [10, 1, high, low].into()
}

fn at(list: &[(u64, usize)], at: u64) -> usize {
    list.iter().rev().find(|(from, _)| *from <= at).or(list.first()).unwrap().1
}

fn floor(at: u64) -> Timestamp {
    Timestamp(at / SECOND * SECOND)
}

/// A history, and what a watch told of it: when each event reached us, and the event.
fn history(dice: &mut Dice, addresses: usize, length: u64) -> (Truth, Vec<Event>) {
    let mut truth = Truth::default();
    let mut events = Vec::new();
    let mut version = 0;
    for namespace in 0..NAMESPACES {
        for number in 0..2 {
            service(dice, &mut truth, &mut events, (namespace, number), length, &mut version);
        }
    }
    for address in 0..addresses {
        let mut now = BEGIN + dice.roll(30 * SECOND);
        while now < BEGIN + length {
            now = pod(dice, &mut truth, &mut events, address, now, &mut version);
            // Given on within a second, at once, or after a while.
            now += [0, dice.roll(900 * MILLI), dice.roll(20 * SECOND)][dice.roll(3) as usize];
        }
    }
    (truth, events)
}

fn service(
    dice: &mut Dice,
    truth: &mut Truth,
    events: &mut Vec<Event>,
    (namespace, number): (usize, usize),
    length: u64,
    version: &mut u64,
) {
    let mut selects = Vec::new();
    let mut now = BEGIN - SECOND;
    while now < BEGIN + length {
        *version += 1;
        let colour = dice.roll(COLOURS as u64 / 2) as usize * 2 + number;
        selects.push((now, colour));
        let body = ServiceBody {
            selector: Some(vec![("colour".into(), colour.to_string())]),
            cluster_ips: vec![[10, 96, namespace as u8, number as u8].into()],
            ports: vec![ServicePort {
                name: String::new(),
                number: 80,
                node: 0,
                target: Target::Number(PORT),
                transport: Transport::Tcp,
            }],
            ..ServiceBody::default()
        };
        let meta = Meta {
            kind: "Service".into(),
            name: format!("s{number}"),
            namespace: format!("ns{namespace}"),
            uid: Uid((namespace * 10 + number) as u128 + 1),
            version: *version,
            created: Some(floor(BEGIN - SECOND)),
            changed: floor(now),
            ..Meta::default()
        };
        let object = Object { meta, body: Body::Service(body) };
        // It has no times of its own: it was so when the event says.
        events.push(Event::new(Some(Timestamp(now)), Change::Applied(object)));
        now += dice.between(SECOND, 60 * SECOND);
    }
    truth.services.push(Service { namespace, selects });
}

/// One pod's life from `now` on; when its address is free again.
fn pod(
    dice: &mut Dice,
    truth: &mut Truth,
    events: &mut Vec<Event>,
    address: usize,
    now: u64,
    version: &mut u64,
) -> u64 {
    let number = truth.pods.len();
    let namespace = dice.roll(NAMESPACES as u64) as usize;
    let from = now + dice.roll(2 * SECOND);
    let until = from + dice.between(50 * MILLI, 40 * SECOND);
    let mut colours = vec![(from, dice.roll(COLOURS as u64) as usize)];
    if dice.roll(4) == 0 {
        colours.push((dice.between(from, until), dice.roll(COLOURS as u64) as usize));
    }
    // Some are made again under an old name.
    let name = format!("pod-{}", number % 50);
    let started = now;
    let is_force_deleted = dice.roll(5) == 0;
    let mut tell = |what: What, happened: u64, dice: &mut Dice| {
        *version += 1;
        let colour = at(&colours, happened);
        let mut meta = Meta {
            kind: "Pod".into(),
            name: name.clone(),
            namespace: format!("ns{namespace}"),
            uid: Uid(number as u128 + 1000),
            version: *version,
            created: Some(floor(started)),
            labels: vec![("colour".into(), colour.to_string())],
            owner: Some(OwnerRef {
                kind: "StatefulSet".into(),
                name: format!("set{namespace}"),
                uid: Uid(namespace as u128 + 1),
            }),
            ..Meta::default()
        };
        meta.changed = floor(happened);
        let body = PodBody {
            node: "n1".into(),
            containers: vec![Container {
                name: "c".into(),
                ports: vec![ContainerPort {
                    name: "".into(),
                    number: PORT,
                    host: 0,
                    transport: Transport::Tcp,
                }],
            }],
            ips: if matches!(what, What::Pending) { vec![] } else { vec![ip(address)] },
            started: (!matches!(what, What::Pending)).then(|| floor(started)),
            is_over: matches!(what, What::Over),
            finished: matches!(what, What::Over).then(|| floor(happened)),
            ..PodBody::default()
        };
        // Labels have no times of their own: their event's time is when they changed.
        let heard = match what {
            What::Relabelled => happened,
            _ => happened + dice.roll(LAG_MAX),
        };
        let object = Object { meta, body: Body::Pod(body) };
        let change = match what {
            What::Deleted => Change::Deleted(object),
            _ => Change::Applied(object),
        };
        events.push(Event::new(Some(Timestamp(heard)), change));
    };
    tell(What::Pending, started, dice);
    tell(What::Running, from, dice);
    if let Some((changed, _)) = colours.get(1) {
        tell(What::Relabelled, *changed, dice);
    }
    if !is_force_deleted {
        tell(What::Over, until, dice);
    }
    tell(What::Deleted, until, dice);
    truth.pods.push(Pod { name, namespace, ip: address, from, until, colours });
    until
}

#[derive(Clone, Copy, Debug)]
enum What {
    Pending,
    Running,
    Relabelled,
    Over,
    Deleted,
}

/// Out of order by up to some places, or altogether.
fn shuffle(dice: &mut Dice, events: &mut [Event], how: u64) {
    events.sort_by_key(|event| event.at);
    match how {
        0 => {}
        1 => {
            for at in 0..events.len() {
                let other = (at + dice.roll(30) as usize).min(events.len() - 1);
                events.swap(at, other);
            }
        }
        _ => {
            for at in 0..events.len() {
                let other = dice.roll(events.len() as u64) as usize;
                events.swap(at, other);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Score {
    asked: u64,
    right: u64,
    open: u64,
    needlessly_open: u64,
    wrong: Vec<String>,
}

#[test]
fn no_name_is_wrong_and_unknown_is_only_what_is_open() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (lookups, seed) = (number("CALLSCOPE_LOOKUPS", 60_000), number("CALLSCOPE_SEED", 7));
    let mut score = Score::default();
    let mut round = 0;
    while score.asked < lookups {
        let mut dice = Dice(seed.wrapping_add(round << 32));
        let (truth, mut events) = history(&mut dice, 40, 300 * SECOND);
        shuffle(&mut dice, &mut events, round % 3);
        let mut book = Book::new(Limits::default());
        events.iter().for_each(|event| book.apply(event));
        let directory = book.directory();
        for _ in 0..20_000 {
            ask(&mut dice, &truth, &directory, &mut score);
        }
        round += 1;
    }
    eprintln!(
        "{} look-ups: {} right, {} open, {} wrong",
        score.asked,
        score.right,
        score.open,
        score.wrong.len()
    );
    assert!(score.wrong.is_empty(), "{} wrong: {:?}", score.wrong.len(), score.wrong.first());
    assert_eq!(score.needlessly_open, 0);
    assert!(score.right > score.asked * 9 / 10, "{score:?}");
}

#[test]
fn what_a_reader_remembers_is_what_the_directory_says() {
    let mut dice = Dice(11);
    let (truth, mut events) = history(&mut dice, 30, 200 * SECOND);
    shuffle(&mut dice, &mut events, 1);
    let mut book = Book::new(Limits { history_ns: Some(60 * SECOND), ..Limits::default() });
    let mut memo = identity::Memo::new(book.directory(), 20);
    let mut known = 0;
    for events in events.chunks(7) {
        events.iter().for_each(|event| book.apply(event));
        let directory = book.directory();
        memo.follow(directory.clone());
        for _ in 0..60 {
            let pod = &truth.pods[dice.roll(truth.pods.len() as u64) as usize];
            let query = Query {
                scope: 0,
                ip: ip(pod.ip),
                port: [PORT, 5, 6][dice.roll(3) as usize],
                transport: Transport::Tcp,
                at: Timestamp(dice.between(pod.from, pod.until)),
                process: None,
            };
            let say = |found: &identity::Found<'_>| {
                let names = [found.pod(), found.service(), found.namespace()];
                names.map(|name| name.map(str::to_owned))
            };
            let fresh = say(&directory.find(&query));
            known += usize::from(fresh[0].is_some());
            assert_eq!(memo.find(&query, say), &fresh, "{query:?}");
        }
    }
    assert!(known > 1000, "{known}");
}

#[test]
fn an_answer_ends_where_a_pod_comes_to_the_address_of_a_node() {
    let meta = Meta {
        kind: "Pod".into(),
        name: "a".into(),
        uid: Uid(1),
        created: Some(Timestamp(10 * SECOND)),
        changed: Timestamp(10 * SECOND),
        ..Meta::default()
    };
    let body =
        PodBody { node: "n1".into(), host_network: true, ips: vec![ip(1)], ..PodBody::default() };
    let mut book = Book::new(Limits::default());
    let pod = Object { meta, body: Body::Pod(body) };
    book.apply(&Event::new(None, Change::Applied(pod)));
    let directory = book.directory();
    let mut memo = identity::Memo::new(directory.clone(), 20);
    for at in [0, 9 * SECOND, 10 * SECOND, 20 * SECOND, 9 * SECOND] {
        let (port, transport, at) = (53, Transport::Tcp, Timestamp(at));
        let query = Query { scope: 0, ip: ip(1), port, transport, at, process: None };
        let node = directory.find(&query).node().map(str::to_owned);
        assert_eq!(node.is_some(), at >= Timestamp(10 * SECOND));
        assert_eq!(memo.find(&query, |found| found.node().map(str::to_owned)), &node, "{at:?}");
    }
}

#[test]
fn an_answer_by_a_slice_ends_where_its_service_selects() {
    let meta = |kind: &str, uid: u128, created: u64| Meta {
        kind: kind.into(),
        name: "a".into(),
        uid: Uid(uid),
        created: Some(Timestamp(created * SECOND)),
        changed: Timestamp(created * SECOND),
        ..Meta::default()
    };
    let slice = identity::SliceBody {
        service: "a".into(),
        ports: vec![(PORT, Transport::Tcp)],
        endpoints: vec![(ip(1), None)],
    };
    let service =
        ServiceBody { selector: Some(vec![("x".into(), "y".into())]), ..ServiceBody::default() };
    let objects = [
        Object { meta: meta("EndpointSlice", 1, 5), body: Body::Slice(slice) },
        Object { meta: meta("Service", 2, 10), body: Body::Service(service) },
    ];
    let mut book = Book::new(Limits::default());
    for object in objects {
        book.apply(&Event::new(None, Change::Applied(object)));
    }
    let directory = book.directory();
    let mut memo = identity::Memo::new(directory.clone(), 20);
    for at in [7, 20, 9] {
        let (transport, at) = (Transport::Tcp, Timestamp(at * SECOND));
        let query = Query { scope: 0, ip: ip(1), port: PORT, transport, at, process: None };
        let service = directory.find(&query).service().map(str::to_owned);
        assert_eq!(service.is_some(), at < Timestamp(10 * SECOND));
        assert_eq!(memo.find(&query, |found| found.service().map(str::to_owned)), &service);
    }
}

fn ask(dice: &mut Dice, truth: &Truth, directory: &identity::Directory, score: &mut Score) {
    let pod = &truth.pods[dice.roll(truth.pods.len() as u64) as usize];
    // As often near the edges as in the middle.
    let moment = match dice.roll(3) {
        0 => pod.from + dice.roll((pod.until - pod.from).min(SECOND)),
        1 => pod.until - 1 - dice.roll((pod.until - pod.from).min(SECOND)),
        _ => dice.between(pod.from, pod.until),
    };
    let query = Query {
        scope: 0,
        ip: ip(pod.ip),
        port: PORT,
        transport: Transport::Tcp,
        at: Timestamp(moment),
        process: None,
    };
    let found = directory.find(&query);
    score.asked += 1;
    let namespace = format!("ns{}", pod.namespace);
    match found.pod() {
        None => {
            score.open += 1;
            if !is_open(truth, pod, moment) {
                score.needlessly_open += 1;
                eprintln!("{} at {moment} is known: {:?}", pod.name, found.candidates());
            }
            let named = found.candidates().iter().any(|other| other.name == pod.name);
            if !named {
                score.wrong.push(format!("{} at {moment} is no candidate", pod.name));
            }
        }
        Some(name) if name == pod.name && found.namespace() == Some(&namespace) => {
            score.right += 1;
            service_is_right(truth, pod, moment, found.service(), score);
        }
        Some(name) => score.wrong.push(format!("{name} for {} at {moment}", pod.name)),
    }
}

/// The one service whose selector has the pod's colour; none where several have.
fn service_is_right(truth: &Truth, pod: &Pod, moment: u64, found: Option<&str>, score: &mut Score) {
    let colour = at(&pod.colours, moment);
    let of_namespace = truth.services.iter().filter(|service| service.namespace == pod.namespace);
    let selecting: Vec<_> = (0..)
        .zip(of_namespace)
        .filter(|(_, service)| at(&service.selects, moment) == colour)
        .map(|(number, _): (u32, _)| format!("s{number}"))
        .collect();
    let expected = if let [one] = selecting.as_slice() { Some(one.as_str()) } else { None };
    if found != expected {
        score.wrong.push(format!("service {found:?} for {expected:?} of {} at {moment}", pod.name));
    }
}

/// Whether a pod before or after may have had the address as well, by what was told: times of objects
/// are whole seconds, and events come late.
fn is_open(truth: &Truth, pod: &Pod, moment: u64) -> bool {
    let others = truth.pods.iter().filter(|other| other.ip == pod.ip && other.from != pod.from);
    let near = SECOND + LAG_MAX;
    others.into_iter().any(|other| {
        let before = other.until <= pod.from && moment <= other.until + near;
        // It may have its address from when its node took it over: two seconds before, cut off.
        let after = other.from >= pod.until && moment + 3 * SECOND >= other.from;
        before || after
    })
}
