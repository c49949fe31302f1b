//! Nodes that are told whose calls are wanted: others' connections are not read.

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

/// The calls of one request, each as (who asked, who was asked).
fn hops(cluster: &Cluster, request: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = cluster.calls(request);
    calls.iter().map(|call| (text(&call["src"]["pod"]), text(&call["dst"]["pod"]))).collect()
}

/// Packets of connections that nobody wants.
fn not_targeted(cluster: &Cluster) -> u64 {
    let health = cluster.health();
    let mut noticed = health["noticed"].as_array().unwrap().iter();
    let count = noticed.find(|one| one["name"] == "packets_not_targeted");
    count.map_or(0, |one| one["count"].as_u64().unwrap())
}

/// Needs root: networks of their own, and live capture.
#[test]
fn of_connections_that_are_not_targeted_nothing_is_read() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let target = ["--target-namespace=shop", "--target=^pay", "--target-label=app=payment"];
    let cluster = Cluster::start_with(|_, _| target.map(ToOwned::to_owned).to_vec());
    wait_until("the nodes", || {
        let health = cluster.health();
        let nodes = health["nodes"].as_array().unwrap();
        nodes.iter().filter(|node| node["connected"] == true).count() == NODES.len()
    });
    let to_payment = [("orders".to_owned(), "payment".to_owned())];
    // Names come a moment after the nodes; until then all is read, and dropped.
    wait_until("names", || {
        cluster.ask("warm-up");
        std::thread::sleep(std::time::Duration::from_millis(300));
        hops(&cluster, "warm-up").contains(&to_payment[0])
    });
    cluster.ask("r-1");
    wait_until("r-1", || hops(&cluster, "r-1") == to_payment);
    assert_eq!(cluster.count("r-1"), 1);
    // The shopper's and the front-end's: a SYN and its answer, a question and its answer, at least.
    wait_until("what was left out", || not_targeted(&cluster) >= 8);
    assert_eq!(hops(&cluster, "r-1"), to_payment);
}
