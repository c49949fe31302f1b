//! A hub and nodes in one process, over real connections with certificates.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use filter::{Columns, Condition};
use fleet::{Credentials, Hub, HubOptions, Keeps, Listened, Made, Node, NodeOptions, Said};
use model::Timestamp;
use store::{
    Aggregate, By, Captured, Cell, Event, Key, Measure, Options, Order, PacketsAsked, PacketsOf,
    PacketsTold, Row, Scan, Source as _, Stop, Store,
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle};

const NOW: Timestamp = Timestamp(1_769_684_901_000_000_000);

fn made() -> Made {
    fleet::make(1_769_684_901, 36_500).unwrap()
}

fn hub() -> Hub {
    Hub::new(HubOptions { answer: Duration::from_secs(20), ..HubOptions::new(7) })
}

/// A call from a pod on one node to one on another, so many seconds after the beginning.
fn row(id: &str, second: i64, src: &str, dst: &str) -> Row {
    let time = store::moment(i64::try_from(NOW.0).unwrap() + second * 1_000_000_000);
    let duration_ns = (second + 1) * 1000;
    let line = format!(
        "{{\"id\":\"{id}\",\"time\":\"{time}\",\"duration_ns\":{duration_ns},\"protocol\":\"http\",\"endpoint\":\"/{id}\",\
         \"src\":{{\"ip\":\"10.0.0.1\",\"port\":1,\"node\":\"{src}\"}},\"dst\":{{\"ip\":\"10.0.0.2\",\"port\":2,\"node\":\"{dst}\"}},\
         \"pairing\":\"matched\",\"missing\":null,\"transport\":\"tcp\",\"stream\":\"1\"}}",
    );
    Row::of_line(&line).unwrap()
}

async fn open(hub: &Hub, made: &Made) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (hub, credentials) = (hub.clone(), Credentials::of(&made.ca, &made.hub));
    tokio::spawn(async move {
        fleet::serve(hub, listener, Some(&credentials), std::future::pending()).await
    });
    address
}

/// A node that runs, and what it has.
struct Runs {
    store: Arc<Store>,
    task: JoinHandle<()>,
    said: mpsc::UnboundedReceiver<Said>,
    _folder: TempDir,
}

fn node(name: &str, hub: SocketAddr, credentials: Credentials) -> Runs {
    node_with(name, hub, credentials, |node| node)
}

fn node_with(
    name: &str,
    hub: SocketAddr,
    credentials: Credentials,
    with: impl FnOnce(Node) -> Node,
) -> Runs {
    let folder = tempfile::tempdir().unwrap();
    let columns = Arc::new(Columns::new(&[]));
    let store = Arc::new(Store::open(folder.path(), columns, Options::default(), NOW).unwrap());
    let listened = Arc::new(Listened::begin(folder.path(), None, Timestamp(NOW.0 / 2)).unwrap());
    let options = NodeOptions::new(name.into(), format!("https://{hub}"), Some(credentials), 9);
    let options = NodeOptions { wait_max: Duration::from_millis(500), ..options };
    let (send, said) = mpsc::unbounded_channel();
    let running = with(Node::new(options, store.clone(), listened));
    let say = move |said| drop(send.send(said));
    let task = tokio::spawn(async move { drop(running.run(drop, say).await) });
    Runs { store, task, said, _folder: folder }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn connected(hub: &Hub) -> usize {
    hub.members().iter().filter(|member| member.is_there).count()
}

/// Asks on a thread that may wait.
async fn ask<T: Send + 'static>(hub: &Hub, ask: impl FnOnce(&Hub) -> T + Send + 'static) -> T {
    let hub = hub.clone();
    tokio::task::spawn_blocking(move || ask(&hub)).await.unwrap()
}

fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.id().into_owned()).collect()
}

/// All calls, seven at a time.
async fn pages(hub: &Hub) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..100 {
        let scan = Scan { limit: 7, after, order: Order::OldestFirst, ..Scan::default() };
        let page = ask(hub, move |hub| hub.scan(&scan)).await.unwrap();
        assert!(page.searched.complete, "{:?}", page.searched);
        found.extend(ids(&page.rows));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    found
}

/// Calls by the server's node.
async fn figures(hub: &Hub, condition: &str) -> store::Table {
    let columns = Columns::new(&[]);
    let condition = Condition::compile(condition, &columns, NOW).unwrap();
    let by = By::Column(columns.named("dst.node").unwrap(), "dst.node".into());
    let show = vec![Measure::Count, Measure::P50, Measure::Max];
    let (condition, by) = (Some(Arc::new(condition)), vec![by]);
    let question = Aggregate { condition, by, show, ..Aggregate::default() };
    ask(hub, move |hub| hub.aggregate(&question)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_have_is_one_source_of_calls() {
    let (hub, made) = (hub(), made());
    let address = open(&hub, &made).await;
    let papers = || Credentials::of(&made.ca, &made.node);
    let nodes = [node("a", address, papers()), node("b", address, papers())];
    until("the nodes", || connected(&hub) == 2).await;
    // Thirty calls within a, thirty within b, thirty from a to b that both have, by clocks that differ.
    for n in 0..30 {
        nodes[0].store.append(vec![row(&format!("a{n}"), n * 3, "a", "a")], NOW).unwrap();
        nodes[1].store.append(vec![row(&format!("b{n}"), n * 3 + 1, "b", "b")], NOW).unwrap();
        let both = format!("{:016x}-1", n + 1);
        nodes[0].store.append(vec![row(&both, n * 3 + 2, "a", "b")], NOW).unwrap();
        nodes[1].store.append(vec![row(&both, n * 3 + 3, "a", "b")], NOW).unwrap();
    }
    let mut found = pages(&hub).await;
    let all = found.len();
    found.sort();
    found.dedup();
    assert_eq!((all, found.len()), (90, 90));

    let table = figures(&hub, "protocol == 'http' // all").await;
    let counts: Vec<_> = table.rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(counts, [(text("b"), Cell::Int(60)), (text("a"), Cell::Int(30))]);

    // One call is one, seen by two; the one that tells it first.
    let time_ns = i64::try_from(NOW.0).unwrap() + 3_000_000_000;
    let key = Key { time_ns, id: format!("{:016x}-1", 1) };
    let call = ask(&hub, move |hub| hub.get(&key)).await.unwrap().unwrap();
    let seen_by = call.json().split_once("\"seen_by\":").unwrap().1;
    let nodes_told: Vec<_> = seen_by.match_indices("\"node\":\"").collect();
    assert_eq!(nodes_told.len(), 2, "{seen_by}");
    assert!(seen_by.find("\"b\"") < seen_by.find("\"a\""), "{seen_by}");

    // One goes: what it told alone is missing, and said to be.
    let [a, b] = nodes;
    b.task.abort();
    until("b's end", || connected(&hub) == 1).await;
    let table = figures(&hub, "").await;
    let count = |row: &Vec<Cell>| if let Cell::Int(n) = row[1] { n } else { 0 };
    assert_eq!(table.rows.iter().map(count).sum::<i64>(), 60, "a's, and what it has of b's");
    let missing = &table.searched.missing;
    assert!(!table.searched.complete && missing.len() == 1 && missing[0].name == "b");
    a.task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_tail_is_that_of_all_nodes_also_of_those_that_come_later() {
    let (hub, made) = (hub(), made());
    let address = open(&hub, &made).await;
    let papers = || Credentials::of(&made.ca, &made.node);
    let a = node("a", address, papers());
    until("a", || connected(&hub) == 1).await;
    let condition = Condition::compile("endpoint != '/no'", &Columns::new(&[]), NOW).unwrap();
    let mut tail = hub.tail(Some(&Arc::new(condition)));
    let b = node("b", address, papers());
    until("b", || connected(&hub) == 2).await;
    let (mut heard, begun) = (BTreeSet::new(), Instant::now());
    // A node that has just been asked may not listen yet.
    for n in 0.. {
        a.store.append(vec![row("a", n, "a", "a"), row("no", n, "a", "a")], NOW).unwrap();
        b.store.append(vec![row("b", n, "b", "b")], NOW).unwrap();
        let next = tokio::time::timeout(Duration::from_millis(100), tail.next()).await;
        if let Ok(Some(Event::Calls(rows))) = next {
            heard.extend(ids(&rows));
        }
        if heard.len() >= 2 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{heard:?}");
    }
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), ["a", "b"]);
}

/// Has as many packets of a call as are wanted, after having looked for them for a while.
struct Tap {
    looks: Duration,
    packets: u64,
    shown: Arc<AtomicU64>,
}

impl Keeps for Tap {
    fn show(
        &self,
        calls: &[Row],
        goes_on: &mut dyn FnMut() -> bool,
        show: &mut dyn FnMut(Captured) -> bool,
    ) -> Result<(), String> {
        let until = Instant::now() + self.looks;
        while Instant::now() < until && goes_on() {
            std::thread::sleep(Duration::from_millis(10));
        }
        for n in 0..self.packets {
            let packet = Captured {
                at: Timestamp(n),
                link: 1,
                wire_len: 4_000,
                bytes: vec![7; 4_000],
                interface: "eth0".into(),
                comment: calls[0].id().into_owned(),
            };
            self.shown.fetch_add(1, Ordering::Relaxed);
            if !goes_on() || !show(packet) {
                break;
            }
        }
        Ok(())
    }

    fn since(&self) -> Option<Timestamp> {
        Some(NOW)
    }

    fn is_masked(&self) -> bool {
        true
    }
}

/// Asks for packets, as many as are wanted; how many came, and what was told.
async fn packets(hub: &Hub, of: PacketsOf, wanted: u64) -> (u64, PacketsTold) {
    let told = ask(hub, move |hub| {
        let mut came = 0;
        let told = hub.packets(&PacketsAsked { of, stop: Stop::default() }, &mut |_, packet| {
            assert_eq!((packet.bytes.len(), packet.comment.as_str()), (4_000, "one"));
            came += 1;
            came < wanted
        });
        (came, told.unwrap().unwrap())
    });
    told.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_come_as_they_are_taken_and_who_has_none_says_why() {
    let made = made();
    // Silence for a second is too long; looking for packets is not silence.
    let options = HubOptions { answer: Duration::from_secs(1), ..HubOptions::new(7) };
    let hub = Hub::new(options);
    let address = open(&hub, &made).await;
    let papers = || Credentials::of(&made.ca, &made.node);
    let shown = Arc::new(AtomicU64::new(0));
    let tap = |packets, looks| {
        let shown = shown.clone();
        move |node: Node| node.keeping(Tap { looks, packets, shown })
    };
    let a = node("a", address, papers());
    let b = node_with("b", address, papers(), tap(1 << 20, Duration::from_millis(2_500)));
    let c = node_with("c", address, papers(), tap(0, Duration::ZERO));
    until("the nodes", || connected(&hub) == 3).await;
    for node in [&a, &b, &c] {
        node.store.append(vec![row("one", 0, "b", "b")], NOW).unwrap();
    }
    let key = Key { time_ns: i64::try_from(NOW.0).unwrap(), id: "one".into() };
    let call = |by: &[&str]| {
        PacketsOf::Call(key.clone(), by.iter().map(|name| (*name).to_owned()).collect())
    };

    // 4 GB are there: what was not taken is not sent, but for what is under way.
    let (came, told) = packets(&hub, call(&["a", "c", "gone", "b"]), 5_000).await;
    assert_eq!((came, told.by.as_deref(), told.is_cut), (5_000, Some("b"), true));
    let why: Vec<_> = told.missing.iter().map(|one| (one.name.as_str(), &*one.why)).collect();
    assert!(matches!(why[..], [("a", _), ("c", _), ("gone", "not connected")]), "{why:?}");
    assert!(why[0].1.contains("--keep DIR") && why[1].1.contains("no packet of it"), "{why:?}");
    until("the end of the search", || {
        let before = shown.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
        before == shown.load(Ordering::Relaxed)
    })
    .await;
    assert!(shown.load(Ordering::Relaxed) < 50_000, "{shown:?}");

    // All calls: b tells this one, the others have none to tell.
    let (came, told) = packets(&hub, PacketsOf::Calls(Scan::default()), 10).await;
    assert_eq!((came, told.by, told.missing.len()), (10, None, 0));

    // A call that nobody has.
    let unknown = PacketsOf::Call(Key { id: "two".into(), ..key }, vec!["b".into()]);
    let (came, told) = packets(&hub, unknown, 1).await;
    assert_eq!(came, 0);
    assert!(told.missing[0].why.contains("does not have this call"), "{told:?}");
    [a, b, c].iter().for_each(|node| node.task.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_prove_who_he_is_is_not_let_in() {
    let (hub, made, other) = (hub(), made(), self::made());
    let address = open(&hub, &made).await;
    // A node of another authority, and one that trusts ours without being of it.
    for ca in [&other.ca, &made.ca] {
        let mut stranger = node("x", address, Credentials::of(ca, &other.node));
        let said = tokio::time::timeout(Duration::from_secs(30), stranger.said.recv()).await;
        assert!(matches!(said, Ok(Some(Said::Parted(_)))), "{said:?}");
        stranger.task.abort();
    }
    // Who has the nodes' key can't play the hub.
    let false_hub = self::hub();
    let as_node = Made { ca: made.ca.clone(), hub: made.node.clone(), node: other.node };
    let address = open(&false_hub, &as_node).await;
    let mut honest = node("a", address, Credentials::of(&made.ca, &made.node));
    let said = tokio::time::timeout(Duration::from_secs(30), honest.said.recv()).await;
    assert!(matches!(said, Ok(Some(Said::Parted(_)))), "{said:?}");
    assert!(hub.members().is_empty() && false_hub.members().is_empty());
}
