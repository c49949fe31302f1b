//! The hard cases, as data: what happened in a cluster, and who an address was then.

mod common;

use std::{fs, path::Path};

use common::{directory, has, peer};
use model::Transport;
use serde::Deserialize;
use serde_json::Value;

/// A file of `tests/scenarios`.
#[derive(Deserialize)]
struct Scenario {
    about: String,
    /// As in a log.
    #[serde(default)]
    events: Vec<Value>,
    /// As in a dump.
    #[serde(default)]
    dump: Vec<Value>,
    /// A names file.
    #[serde(default)]
    hosts: String,
    asks: Vec<Ask>,
}

#[derive(Deserialize)]
struct Ask {
    who: String,
    at: String,
    #[serde(default)]
    udp: bool,
    #[serde(default)]
    scope: u16,
    /// What must be told; null for what must not.
    is: Value,
}

#[test]
fn every_scenario_gives_the_names_that_were_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut wrong = Vec::new();
    let mut asked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let scenario: Scenario = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        asked += scenario.asks.len();
        let name = path.file_name().unwrap().to_string_lossy();
        // What happened is put together whatever the order in which it is heard of; but lists are
        // only ever asked for one after the other.
        let has_lists = scenario.events.iter().any(|event| event["type"] == "LISTED");
        let orders = if has_lists { &[Order::Forth][..] } else { &[Order::Forth, Order::Back] };
        for &order in orders {
            wrong.extend(check(&scenario, order).into_iter().map(|line| format!("{name}: {line}")));
        }
    }
    assert!(asked > 60, "{asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Forth,
    Back,
}

fn check(scenario: &Scenario, order: Order) -> Vec<String> {
    let lines = |values: &[Value]| {
        let mut lines: Vec<_> = values.iter().map(|value| format!("{value}\n")).collect();
        if let Order::Back = order {
            lines.reverse();
        }
        lines.concat().into_bytes()
    };
    let texts = [lines(&scenario.events), lines(&scenario.dump), scenario.hosts.clone().into()];
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).filter(|t| !t.is_empty()).collect();
    let (directory, troubles) = directory(&texts);
    let mut wrong = Vec::new();
    if !troubles.is_empty() {
        wrong.push(format!("{troubles:?}"));
    }
    for ask in &scenario.asks {
        let transport = if ask.udp { Transport::Udp } else { Transport::Tcp };
        let found = peer(&directory, ask.scope, &ask.who, transport, &ask.at);
        if !has(&found, &ask.is) {
            wrong.push(format!(
                "{} ({order:?}): {} at {} is {}, not {found}",
                scenario.about, ask.who, ask.at, ask.is
            ));
        }
    }
    wrong
}
