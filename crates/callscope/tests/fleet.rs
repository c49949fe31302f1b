//! `callscope node` and `callscope hub` as processes: three machines with their own traffic, their
//! cluster's API server, and what befalls them.

mod common {
    pub mod cluster;
    pub mod net;
    pub mod program;
}

use common::{
    cluster::{Cluster, NODES},
    net::{can, wait_until},
};
use serde_json::Value;

/// What a user's request is on its way: who asks whom, and on which machines it is seen.
const HOPS: [(&str, &str); 3] =
    [("shopper", "front-end"), ("front-end", "orders"), ("orders", "payment")];

/// The calls of one request, each as (who asked, who was asked).
fn hops(cluster: &Cluster, request: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = cluster.calls(request);
    let mut hops: Vec<_> =
        calls.iter().map(|call| (text(&call["src"]["pod"]), text(&call["dst"]["pod"]))).collect();
    hops.sort();
    hops
}

fn expected() -> Vec<(String, String)> {
    let mut hops = HOPS.map(|(src, dst)| (src.to_owned(), dst.to_owned())).to_vec();
    hops.sort();
    hops
}

/// Asks the shop, and waits until all of it is found.
fn request(cluster: &Cluster, number: &str) {
    cluster.ask(number);
    wait_until(number, || hops(cluster, number) == expected());
}

fn is_connected(cluster: &Cluster, node: &str, is: bool) -> bool {
    let health = cluster.health();
    let nodes = health["nodes"].as_array().unwrap();
    nodes.iter().any(|one| one["name"] == node && one["connected"] == is)
}

/// Needs root: networks of their own, and live capture.
#[test]
fn a_request_over_three_machines_is_three_calls_whatever_befalls_them() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut cluster = Cluster::start();
    wait_until("the nodes", || NODES.iter().all(|node| is_connected(&cluster, node, true)));
    // Names come a moment after the nodes.
    wait_until("names", || {
        cluster.ask("warm-up");
        std::thread::sleep(std::time::Duration::from_millis(300));
        let calls = cluster.calls("warm-up");
        calls.iter().any(|call| call["dst"]["pod"] == "payment" && call["src"]["pod"] == "orders")
    });

    // All is well: every call once, named, and seen from both of its machines.
    request(&cluster, "r-1");
    assert_eq!(cluster.missing("r-1"), [""; 0]);
    assert_eq!(cluster.count("r-1"), 3, "figures count each call once");
    let calls = cluster.calls("r-1");
    let orders = calls.iter().find(|call| call["dst"]["pod"] == "orders").unwrap();
    assert_eq!((&orders["src"]["node"], &orders["dst"]["node"]), (&"a".into(), &"b".into()));
    let whole = cluster.json(&format!("/api/v1/calls/{}", orders["id"].as_str().unwrap()));
    let seen: Vec<_> = whole["seen_by"].as_array().unwrap().iter().map(|by| &by["node"]).collect();
    assert_eq!(seen, ["b", "a"], "{whole}");

    // A machine dies: what others saw of its calls is told by them, and it is named.
    cluster.kill("c");
    wait_until("c's end", || is_connected(&cluster, "c", false));
    request(&cluster, "r-2");
    assert_eq!(cluster.missing("r-2"), ["c: not connected"]);
    assert_eq!(cluster.count("r-2"), 3);
    cluster.node("c");
    wait_until("c's return", || is_connected(&cluster, "c", true));
    assert_eq!(hops(&cluster, "r-1"), expected());
    wait_until("r-2 as before", || hops(&cluster, "r-2") == expected());
    request(&cluster, "r-3");
    assert_eq!(cluster.missing("r-3"), [""; 0]);

    // A machine is cut off from the hub, not from the others.
    cluster.cut_off("b");
    request(&cluster, "r-4");
    assert_eq!(cluster.missing("r-4").len(), 1);
    wait_until("b's absence", || is_connected(&cluster, "b", false));
    request(&cluster, "r-5");
    assert_eq!(cluster.missing("r-5"), ["b: not connected"]);
    cluster.heal("b");
    wait_until("b's return", || is_connected(&cluster, "b", true));

    // The hub starts anew.
    cluster.restart_hub();
    wait_until("the nodes", || NODES.iter().all(|node| is_connected(&cluster, node, true)));
    request(&cluster, "r-6");
    for number in 1..=6 {
        let name = format!("r-{number}");
        assert_eq!(hops(&cluster, &name), expected(), "{name}");
        assert_eq!(cluster.count(&name), 3, "{name}");
        assert_eq!(cluster.missing(&name), [""; 0]);
    }
    let losses = cluster.health()["losses"].clone();
    let lost = losses.as_array().unwrap().iter().filter(|loss| {
        let name = loss["name"].as_str().unwrap();
        name.starts_with("store_") || name == "hub_strange"
    });
    assert_eq!(lost.count(), 0, "{losses}");
}
