//! Any text as a file that says who had which address: `[how, text …]`. It is read, also cut as an API
//! server's list is; what a log keeps of its objects says the same; everybody in it is asked for.
#![no_main]

use cluster::{Cutter, Item, Part};
use identity::{Body, Book, Change, Event, Limits, Memo, Names, Object, Query, Troubles};
use libfuzzer_sys::fuzz_target;
use model::{Timestamp, Transport};

/// A directory with this much memory is nearly always full.
const MEMORY: usize = 64 << 10;
/// What one event may add beyond the limit: it is taken in before anything is forgotten.
const SLACK: usize = 4 << 20;
const SECOND: u64 = 1_000_000_000;

fuzz_target!(|data: &[u8]| {
    let Some((how, text)) = data.split_first() else { return };
    let limits = Limits {
        history_ns: (how & 1 > 0).then_some(60 * SECOND),
        memory: if how & 2 > 0 { MEMORY } else { usize::MAX },
    };
    let mut book = Book::new(limits);
    let mut names = Vec::new();
    let mut asks = Vec::new();
    let mut troubles = Troubles::default();
    let _ = cluster::read_from(&mut &*text, &mut troubles, &mut |item| match item {
        Item::Event(event, origin) => {
            book.apply(&event);
            assert!(book.bytes() <= limits.memory.saturating_add(SLACK), "{}", book.bytes());
            if let Change::Applied(object) | Change::Deleted(object) = &event.change {
                keeps(origin.json, origin.kind, object);
            }
            asks_of(&event, &mut asks);
        }
        Item::Names(rules) => names.extend(rules),
    });
    book.name(Names::new(names));
    answers(&book, &asks);
    cut(text);
});

/// A log keeps all of an object that matters.
fn keeps(json: &str, kind: &str, object: &Object) {
    let Some(slim) = identity::slim(json, kind) else { return };
    let again = identity::object(&slim, "", &mut Troubles::default());
    let again = again.expect("what a log keeps is an object");
    assert_eq!(format!("{again:?}"), format!("{object:?}"), "{slim}");
}

/// Everybody that an event speaks of, when it does.
fn asks_of(event: &Event, asks: &mut Vec<Query>) {
    let objects = match &event.change {
        Change::Applied(object) | Change::Deleted(object) => std::slice::from_ref(object),
        Change::Listed { objects, .. } => objects,
    };
    for object in objects {
        let (ips, port) = match &object.body {
            Body::Pod(pod) => {
                let mut ports = pod.containers.iter().flat_map(|container| &container.ports);
                (pod.ips.clone(), ports.next().map_or(0, |port| port.number))
            }
            Body::Service(service) => {
                let port = service.ports.first();
                let ips = [&service.cluster_ips[..], &service.outside_ips].concat();
                (ips, port.map_or(0, |port| port.number.max(port.node)))
            }
            Body::Slice(slice) => {
                let ips = slice.endpoints.iter().map(|(ip, _)| *ip).collect();
                (ips, slice.ports.first().map_or(0, |(port, _)| *port))
            }
            Body::Node(node) => {
                let gateways = node.pod_networks.iter().map(|net| net.network());
                (node.ips.iter().copied().chain(gateways).collect(), 80)
            }
            Body::Owner | Body::Namespace => continue,
        };
        let at = event.at.unwrap_or(object.meta.changed);
        let transport = Transport::Tcp;
        let query = |ip| Query { scope: event.scope, ip, port, transport, at, process: None };
        asks.extend(ips.into_iter().map(query).take(64usize.saturating_sub(asks.len())));
    }
}

/// Asking ends, and a reader that remembers is told the same.
fn answers(book: &Book, asks: &[Query]) {
    let directory = book.directory();
    let mut memo = Memo::new(directory.clone(), 16);
    for ask in asks {
        for at in [
            ask.at,
            Timestamp(ask.at.0.saturating_add(SECOND)),
            Timestamp(0),
            Timestamp(u64::MAX - 1),
        ] {
            let query = Query { at, ..*ask };
            let found = directory.find(&query);
            let span = found.span();
            assert!(span.from <= at && at < span.until, "{span:?} {query:?}");
            let says = format!("{:?}", found.peer());
            let remembered = memo.find(&query, |found| {
                (found.name().map(str::to_owned), found.pod().map(str::to_owned))
            });
            assert_eq!(remembered.0.as_deref(), found.name(), "{query:?} {says}");
            assert_eq!(remembered.1.as_deref(), found.pod(), "{query:?} {says}");
        }
    }
}

/// As a list that comes in pieces: the same parts, wherever it is cut, and none longer than is kept.
fn cut(text: &[u8]) {
    let all = |pieces: &[&[u8]]| {
        let mut cutter = Cutter::new(512, 4096);
        let mut parts = Vec::new();
        let mut end = Ok(false);
        for piece in pieces {
            end = cutter.push(piece, &mut |part| {
                if let Part::Item(json) | Part::Metadata(json) = &part {
                    assert!(json.len() < 512);
                }
                parts.push(format!("{part:?}"));
            });
            if end != Ok(false) {
                break;
            }
        }
        (parts, end)
    };
    let whole = all(&[text]);
    for at in [text.len() / 3, text.len() / 2] {
        let (one, other) = text.split_at(at);
        assert_eq!(all(&[one, other]), whole);
    }
}
