//! A hub whose reader is limited to a namespace, over two nodes: in one process, over real connections.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use api::{Api, Asker, Grant, Imports, Role, Settings, Tokens, Who};
use filter::Columns;
use fleet::{Hub, HubOptions, Listened, Node, NodeOptions};
use model::Timestamp;
use serde_json::Value;
use store::{Options, Row, Source as _, Store};
use tokio::net::TcpListener;

const NOW: Timestamp = Timestamp(1_769_684_901_000_000_000);
const ALL: &str = "all-0123456789abcdef";
const SHOP: &str = "shop-0123456789abcdef";

/// A listener, and where it is.
async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A call within a namespace, or from one to another, as a node has it.
fn row(number: u64, src: &str, dst: &str) -> Row {
    let time = store::moment(i64::try_from(NOW.0 + number * 1_000_000_000).unwrap());
    let end = |of: &str, port: u64| {
        format!(
            r#"{{"ip":"10.0.0.{port}","port":{port},"name":"{of}-pod","namespace":"{of}","workload":{{"kind":"Deployment","name":"{of}-app"}}}}"#
        )
    };
    let (src, dst) = (end(src, 1), end(dst, 2));
    let line = format!(
        r#"{{"id":"{number:016x}-1","time":"{time}","duration_ns":1000,"protocol":"http","endpoint":"/{number}","src":{src},"dst":{dst},"pairing":"matched","missing":null,"transport":"tcp","stream":"1"}}"#
    );
    Row::of_line(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_tells_a_reader_of_one_namespace_nothing_of_another() {
    let hub = Hub::new(HubOptions { answer: Duration::from_secs(20), ..HubOptions::new(7) });
    let (nodes_in, at) = listening().await;
    let serving = hub.clone();
    tokio::spawn(
        async move { fleet::serve(serving, nodes_in, None, std::future::pending()).await },
    );
    let mut running = Vec::new();
    for (name, namespaces) in [("a", ["shop", "zyzzyva"]), ("b", ["zyzzyva", "zyzzyva"])] {
        let folder = tempfile::tempdir().unwrap();
        let columns = Arc::new(Columns::new(&[]));
        let store = Store::open(folder.path(), columns, Options::default(), NOW).unwrap();
        let store = Arc::new(store);
        let listened = Listened::begin(folder.path(), None, Timestamp(NOW.0 / 2)).unwrap();
        let options = NodeOptions::new(name.into(), format!("http://{at}"), None, 9);
        let node = Node::new(options, store.clone(), Arc::new(listened));
        tokio::spawn(async move { drop(node.run(drop, drop).await) });
        let from = if name == "a" { 0 } else { 100 };
        for (number, namespace) in (from..).zip(namespaces) {
            store.append(vec![row(number, namespace, namespace)], NOW).unwrap();
        }
        running.push((store, folder));
    }
    let until = Instant::now() + Duration::from_secs(60);
    while hub.members().iter().filter(|member| member.is_there).count() < 2 {
        assert!(Instant::now() < until, "the nodes don't come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut tokens = Tokens::default();
    tokens.add(ALL, Role::Viewer).unwrap();
    let scope = "shop".parse().unwrap();
    tokens.grant(SHOP, Grant::new(Role::Viewer, Some(scope), "ann").unwrap()).unwrap();
    let settings = Settings { tokens, ..Settings::default() };
    let columns = Arc::new(Columns::new(&[]));
    let reading: api::Reading = Arc::new(|_, _| api::Finished::default());
    let source = Arc::new(hub.clone());
    let api = Api::new(source, None, columns, &[], Imports::new(), settings, reading).unwrap();
    let (listener, address) = listening().await;
    tokio::spawn(api::serve(listener, api.router(), 100, std::future::pending()));
    // The server goes by the token.
    let who = Who::of(Role::Viewer);
    let asker =
        |token: &str| Asker::there(&format!("http://{address}"), Some(token.into())).unwrap();
    let (all, shop) = (asker(ALL), asker(SHOP));
    let everything = all.get("/api/v1/calls", &who).await.unwrap();
    assert_eq!(everything["calls"].as_array().unwrap().len(), 4, "{everything}");
    let condition = "where=true%20%2F%2F%20all";
    for path in [
        "/api/v1/calls",
        "/api/v1/calls?select=whole&order=asc",
        &format!("/api/v1/calls?{condition}"),
        "/api/v1/aggregate?by=dst.namespace,src.name",
        "/api/v1/facets?of=dst.namespace,dst.workload.name",
        "/api/v1/map",
        &format!("/api/v1/map?{condition}"),
        "/api/v1/health",
    ] {
        let told = shop.get(path, &who).await.unwrap().to_string();
        assert!(!told.contains("zyzzyva"), "{path}: {told}");
        let told = all.get(path, &who).await.unwrap().to_string();
        assert!(path.contains("health") || told.contains("zyzzyva"), "{path}: {told}");
    }
    let ours = shop.get("/api/v1/calls", &who).await.unwrap();
    assert_eq!(ours["calls"].as_array().unwrap().len(), 1, "{ours}");
    let id = |is_ours: bool| {
        let calls = everything["calls"].as_array().unwrap();
        let found = calls.iter().find(|call| (call["src"]["namespace"] == "shop") == is_ours);
        found.map(|call: &Value| call["id"].as_str().unwrap().replace('@', "%40")).unwrap()
    };
    assert!(shop.get(&format!("/api/v1/calls/{}", id(true)), &who).await.is_ok());
    let refused = shop.get(&format!("/api/v1/calls/{}", id(false)), &who).await.unwrap_err();
    assert!(refused.contains("there is no call"), "{refused}");
    // The tail, over the nodes: one of ours among others.
    let following = async {
        let mut seen = String::new();
        let followed = shop.follow("/api/v1/tail", &who, |name, data| {
            seen += data;
            name != "call"
        });
        followed.await.unwrap();
        seen
    };
    let appending = async {
        for number in 200..230 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let namespace = if number < 215 { "zyzzyva" } else { "shop" };
            let (store, _) = &running[usize::try_from(number % 2).unwrap()];
            store.append(vec![row(number, namespace, namespace)], NOW).unwrap();
        }
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = tokio::time::timeout(Duration::from_secs(60), following) => seen.unwrap(),
        () = appending => String::new(),
    };
    assert!(seen.contains("shop-app") && !seen.contains("zyzzyva"), "{seen}");
}
