//! Directories made of files, and what they say, as JSON.
#![allow(dead_code, missing_docs, reason = "shared by several programs, none of which uses all")]

pub mod stories;

use std::net::SocketAddr;

use cluster::Item;
use identity::{Book, Directory, Limits, Names, Query, Troubles};
use model::Transport;
use serde_json::Value;

/// A directory of everything that `texts` say, and what was wrong with them.
pub fn directory(texts: &[&[u8]]) -> (Directory, Troubles) {
    let mut book = Book::new(Limits::default());
    let mut troubles = Troubles::default();
    let mut names = Vec::new();
    for text in texts {
        cluster::read_from(&mut &**text, &mut troubles, &mut |item| match item {
            Item::Event(event, _) => book.apply(&event),
            Item::Names(rules) => names.extend(rules),
        })
        .unwrap();
    }
    book.name(Names::new(names));
    (book.directory(), troubles)
}

/// Who that was, as the output says it.
pub fn peer(directory: &Directory, scope: u16, end: &str, transport: Transport, at: &str) -> Value {
    let end: SocketAddr = match end.parse() {
        Ok(end) => end,
        Err(_) => (end.parse::<std::net::IpAddr>().unwrap(), 0).into(),
    };
    let at = identity::moment(at).unwrap();
    let (ip, port) = (end.ip(), end.port());
    let query = Query { scope, ip, port, transport, at, process: None };
    let mut json = b"{\"ip\":\"\"".to_vec();
    export::push_peer(&mut json, &directory.find(&query).peer());
    json.push(b'}');
    serde_json::from_slice(&json).unwrap()
}

/// Whether `found` has what `expected` has; what is expected to be null is not there.
pub fn has(found: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(members) => members.iter().all(|(key, value)| match value {
            Value::Null => found.get(key).is_none(),
            value => found.get(key).is_some_and(|own| has(own, value)),
        }),
        value => found == value,
    }
}

/// Bytes of memory of this program, at most so far.
pub fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: 0 kB");
    let number = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}
