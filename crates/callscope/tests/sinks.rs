//! `--sink` and `--store clickhouse://…` with real engines: calls go there once each, also when the engine is
//! away for a while, and every question has the answer that the embedded store gives.

#[path = "common/engines.rs"]
mod engines;
#[path = "common/program.rs"]
mod program;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};

use engines::Engine;
use filter::{Columns, Condition, ProtocolTable};
use model::Timestamp;
use program::{Server, callscope, fixture};
use serde_json::Value;
use store::{
    Aggregate, Amount, By, Key, Measure, Options, Order, Row, Scan, Select, Source, Store,
};
use warehouse::{Place, Sending, Warehouse};

fn run(words: &[&str]) -> Output {
    callscope().args(words).env_remove("CALLSCOPE_STORE").output().unwrap()
}

fn done(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Recordings of many protocols, small enough to be read a few times.
fn recordings() -> Vec<String> {
    let folder = fixture("");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = names
        .filter(|path| path.extension().is_some_and(|end| end == "zst"))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The calls of all recordings, each under an id of its own.
fn calls() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, recording) in recordings().iter().enumerate() {
        let lines = done(&["read", "-q", "--format", "ndjson", recording]);
        for line in lines.lines() {
            let line = line.replacen("{\"id\":\"", &format!("{{\"id\":\"{number}:"), 1);
            rows.push(Row::of_line(&line).unwrap());
        }
    }
    rows
}

/// Calls that no recording has: what could end a literal, what is long, what goes on, what comes twice.
fn strange() -> Vec<Row> {
    let texts = [
        "it's",
        r"\",
        r"\'",
        "' OR 1=1 --",
        "`;DROP TABLE calls;--",
        "a\u{0}b",
        "line\nfeed\ttab",
        "é✓😀",
        "%_?{x:String}",
        "",
        " ",
        "\u{7f}\u{1b}[2J",
    ];
    let line = |id: &str, second: usize, endpoint: &str, rest: &str| {
        let endpoint = serde_json::to_string(endpoint).unwrap();
        let text = format!(
            r#"{{"id":"s:{id}","time":"2026-02-03T04:05:{second:02}.000000001Z","protocol":"http","method":"GET","endpoint":{endpoint},"src":{{"ip":"10.9.0.1","port":1,"name":{endpoint}}},"dst":{{"ip":"10.9.0.2","port":80}},"request":{{"size":0}},"pairing":"matched","missing":null,"transport":"tcp"{rest},"stream":"s:1"}}"#
        );
        Row::of_line(&text).unwrap()
    };
    let mut rows: Vec<Row> =
        texts.iter().enumerate().map(|(n, text)| line(&n.to_string(), n, text, "")).collect();
    rows.push(line("long", 20, &"x".repeat(300_000), ""));
    // One that goes on, and one that went on and ended.
    rows.push(line("open", 21, "/open", r#","state":"open""#));
    rows.push(line("twice", 22, "/twice", r#","state":"open""#));
    rows.push(line("twice", 22, "/twice/ended", ""));
    // Many at the same moment.
    rows.extend((0..40).map(|n| line(&format!("same-{n}"), 23, "/same", "")));
    rows
}

fn columns() -> Arc<Columns> {
    let mut tables: Vec<ProtocolTable> = Vec::new();
    let spoken = dissectors::ALL.iter().map(|dissection| dissection.protocol);
    let seen = dissectors::LENSES.iter().flat_map(|lens| lens.protocols).copied();
    for protocol in spoken.chain(seen) {
        if !tables.iter().any(|table| table.name == protocol.name) {
            let lens = dissectors::LENSES.iter().find(|lens| lens.protocols.contains(&protocol));
            let also_alone = dissectors::ALL.iter().any(|one| one.protocol == protocol);
            let over = lens.map(|lens| lens.over.name);
            tables.push(ProtocolTable { over, also_alone, ..ProtocolTable::of(protocol) });
        }
    }
    Arc::new(Columns::new(&tables))
}

/// The embedded store, and the engine that its calls were sent to.
struct Both {
    store: Arc<Store>,
    engine: Warehouse,
    columns: Arc<Columns>,
}

impl Both {
    fn of(engine: &Engine, rows: &[Row], folder: &Path) -> Self {
        let columns = columns();
        let store = Store::open(folder, columns.clone(), Options::default(), Timestamp(0));
        let store = Arc::new(store.unwrap());
        store.append(rows.to_vec(), Timestamp(0)).unwrap();
        let place = Place::parse(&engine.place("suite")).unwrap();
        let sending = Sending::begin(&store, place.clone()).unwrap();
        let sent = sending.sent();
        sending.end(Duration::from_secs(60));
        assert_eq!((sent.waiting(), sent.lost(), sent.fault()), (0, 0, None), "{}", engine.name);
        assert_eq!(sent.calls(), rows.len() as u64);
        let engine = Warehouse::open(place, columns.clone()).unwrap();
        Self { store, engine, columns }
    }

    fn condition(&self, text: &str) -> Option<Arc<Condition>> {
        let compiled =
            Condition::compile(text, &self.columns, Timestamp(1_770_000_000_000_000_000));
        (!text.is_empty())
            .then(|| Arc::new(compiled.unwrap_or_else(|fault| panic!("{text}: {fault:?}"))))
    }

    /// Goes through all pages of both, and compares them; how many calls there were.
    fn pages(&self, scan: &Scan, told: &str) -> usize {
        let (mut scan, mut calls) = (scan.clone(), 0);
        for page in 0..if scan.limit < 100 { 2 } else { 50 } {
            let (here, there) = (self.store.scan(&scan).unwrap(), self.engine.scan(&scan).unwrap());
            assert_eq!(there.rows.len(), here.rows.len(), "{told}: page {page}");
            for (there, here) in there.rows.iter().zip(&here.rows) {
                assert_eq!(there.json(), here.json(), "{told}: page {page}");
            }
            assert!(there.searched.complete);
            calls += here.rows.len();
            // An open call whose end is there is left out of a page of the store after it was cut.
            let (Some(next), Some(_)) = (here.next.clone(), there.next) else { return calls };
            scan.after = Some(next);
        }
        calls
    }

    fn figures(&self, question: &Aggregate, told: &str) {
        let here = self.store.aggregate(question).unwrap();
        let there = self.engine.aggregate(question).unwrap();
        assert_eq!(there.columns, here.columns, "{told}");
        assert_eq!(there.rows, here.rows, "{told}");
        assert_eq!(there.truncated, here.truncated, "{told}");
    }
}

const ORDERS: [Order; 4] = [
    Order::NewestFirst,
    Order::OldestFirst,
    Order::Most(Amount::Duration),
    Order::Least(Amount::ResponseSize),
];

/// Conditions that columns decide, that they help with, and that they know nothing of.
const CONDITIONS: &[&str] = &[
    "",
    "http",
    "redis || dns",
    "!http",
    "http && status_code >= 400",
    r#"method == "GET""#,
    r#"method != "GET""#,
    r#"method in ["GET", "POST", "SELECT"]"#,
    r#"endpoint.startsWith("/api")"#,
    r#"endpoint.contains("a")"#,
    r#"endpoint.endsWith("s")"#,
    r#"endpoint.matches("^/[a-c]")"#,
    r#"status.result == "error""#,
    r#"status.result != "error""#,
    "has(status.code)",
    "!has(src.name)",
    "duration > duration(\"1ms\")",
    "duration <= duration(\"1ms\") && has(duration)",
    "request.size > 100",
    "response.size == 0",
    "dst.port == 80 || dst.port == 6379",
    r#"src.ip == "10.9.0.1""#,
    r#"inCIDR(src.ip, "10.0.0.0/8")"#,
    r#"time >= timestamp("2026-02-03T04:05:03Z")"#,
    r#"time < timestamp("2026-02-03T04:05:03Z")"#,
    r#"endpoint == "it's""#,
    r#"endpoint == "\\""#,
    r#"endpoint == "\\'""#,
    r#"endpoint == "' OR 1=1 --""#,
    r#"endpoint == "`;DROP TABLE calls;--""#,
    r#"endpoint.contains("\u0000")"#,
    r#"endpoint.contains("\n")"#,
    r#"endpoint == "é✓😀""#,
    r#"endpoint.startsWith("%_?{")"#,
    r#"endpoint == """#,
    r#"endpoint != """#,
    r#"src.name == "it's" || src.name == " ""#,
    r#"state == "open""#,
    "pairing == \"matched\" && transport == \"tcp\"",
    r#"request.headers["host"] != """#,
    r#"search("error", "select")"#,
    "id == \"s:twice\"",
    r#"endpoint == "/twice""#,
    "false",
];

/// One suite for every engine: lists, pages in both orders, single calls, figures.
#[test]
fn questions_have_the_answers_of_the_embedded_store() {
    let engines = engines::all();
    if engines.is_empty() {
        return;
    }
    // Of all protocols, and so few that many questions can be asked.
    let mut rows: Vec<Row> = calls().into_iter().step_by(20).collect();
    rows.extend(strange());
    for engine in &engines {
        let begun = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let both = Both::of(engine, &rows, folder.path());
        let mut found = 0;
        for text in CONDITIONS {
            let condition = both.condition(text);
            for order in ORDERS {
                let told = format!("{}: {text:?} {order:?}", engine.name);
                let scan = Scan {
                    condition: condition.clone(),
                    order,
                    limit: 2000,
                    select: Select::Summary,
                    ..Scan::default()
                };
                found += both.pages(&scan, &told);
                // Few at once: pages must fit together.
                both.pages(&Scan { limit: 7, ..scan }, &told);
            }
            let told = format!("{}: figures of {text:?}", engine.name);
            let show = Measure::ALL.to_vec();
            let by = |names: &[&str]| names.iter().map(|name| by(&both.columns, name)).collect();
            let question = Aggregate { condition, show, ..Aggregate::default() };
            both.figures(&question, &told);
            let question = Aggregate { by: by(&["protocol", "method"]), ..question };
            both.figures(&question, &told);
            // Without quantiles, engines count themselves.
            both.figures(&Aggregate { show: exact(), ..question }, &told);
        }
        assert!(found > rows.len(), "{found}");
        single_calls(&both, &rows);
        more_figures(&both);
        eprintln!("{}: {} calls, {:?}", engine.name, rows.len(), begun.elapsed());
    }
}

/// All figures but quantiles.
fn exact() -> Vec<Measure> {
    let is_exact = |measure: &Measure| !measure.name().starts_with('p');
    Measure::ALL.into_iter().filter(is_exact).collect()
}

fn by(columns: &Columns, name: &str) -> By {
    match name {
        "endpoint" => By::EndpointTemplate,
        name => By::Column(columns.named(name).unwrap(), name.to_owned()),
    }
}

fn single_calls(both: &Both, rows: &[Row]) {
    // Whole calls, byte for byte.
    let whole = Scan { limit: 500, select: Select::Whole, ..Scan::default() };
    both.pages(&whole, "whole");
    both.pages(&Scan { select: Select::WithoutBodies, ..whole }, "without bodies");
    for row in rows.iter().step_by(97).chain(&strange()) {
        let (here, there) =
            (both.store.get(&row.key()).unwrap(), both.engine.get(&row.key()).unwrap());
        assert_eq!(there, here);
        assert!(there.is_some_and(|there| there.key() == row.key()));
        let (here, there) = (both.store.find(&row.id()), both.engine.find(&row.id()));
        assert_eq!(there.unwrap(), here.unwrap());
    }
    for id in ["nobody", "'", "\\", ""] {
        assert_eq!(both.engine.find(id).unwrap(), None);
        assert_eq!(both.engine.get(&Key { time_ns: 1, id: id.into() }).unwrap(), None);
    }
}

fn more_figures(both: &Both) {
    let named =
        |names: &[&str]| names.iter().map(|name| by(&both.columns, name)).collect::<Vec<_>>();
    let all = Aggregate { show: Measure::ALL.to_vec(), ..Aggregate::default() };
    for names in [
        &["endpoint"][..],
        &["src.name", "dst.name"],
        &["dst.port"],
        &["status.number"],
        &["http.request.method"],
        &["src.zone"],
        &["state"],
    ] {
        for over in [None, Some(Duration::from_secs(1)), Some(Duration::from_secs(3600))] {
            let question = Aggregate { by: named(names), over, limit: 5000, ..all.clone() };
            both.figures(&question, &format!("{names:?} {over:?}"));
            let origin = Some(Timestamp(1_800_000_000_123_456_789));
            let question = Aggregate { show: exact(), origin, ..question };
            both.figures(&question, &format!("{names:?} {over:?}, counted there"));
        }
    }
    let at = |second: u64| Some(Timestamp(1_770_091_500_000_000_000 + second * 1_000_000_000));
    both.figures(&Aggregate { from: at(5), to: at(9), ..all.clone() }, "between");
    both.figures(&Aggregate { by: named(&["endpoint"]), limit: 3, ..all }, "few");
    let facts = both.engine.facts();
    assert_eq!(facts.oldest, both.store.facts().oldest);
    assert_eq!(facts.newest, both.store.facts().newest);
}

/// `read --sink`: every call of the recordings is there once, however often it is sent.
#[test]
fn what_is_read_is_sent_once_and_asked_by_the_program() {
    for engine in engines::all() {
        let place = engine.place_with("program", "keep=3650");
        let recording = fixture("shop.pcapng.zst");
        let recording = recording.to_str().unwrap();
        let expected = done(&["read", "-q", "--format", "ndjson", recording]).lines().count();
        for _ in 0..2 {
            let output = run(&["read", recording, "--sink", &place, "--unmasked"]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}");
            assert!(
                told.contains(&format!("{expected} calls were sent to clickhouse://")),
                "{told}"
            );
        }
        let found = done(&["query", "--store", &place, "--json", "--limit", "100000"]);
        let found: BTreeSet<&str> = found.lines().collect();
        let lines = done(&["read", "-q", "--format", "ndjson", recording]);
        assert_eq!(found, lines.lines().collect::<BTreeSet<_>>(), "{}", engine.name);
        let figures = done(&["query", "http", "--store", &place, "--by", "method", "--json"]);
        let figures: Value = serde_json::from_str(&figures).unwrap();
        assert!(figures["rows"].as_array().is_some_and(|rows| !rows.is_empty()));
        // A server of the engine: it asks, and takes nothing in.
        let server = Server::start(&["--store", &place]);
        let page = server.json("/api/v1/calls?where=http&limit=3");
        assert_eq!(page["calls"].as_array().map(Vec::len), Some(3), "{page}");
        let id = page["calls"][0]["id"].as_str().unwrap().replace('@', "%40");
        assert!(server.json(&format!("/api/v1/calls/{id}"))["protocol"] == "http");
        let health = server.json("/api/v1/health");
        assert!(health["calls"].as_u64().is_some_and(|calls| calls >= expected as u64), "{health}");
        server.stop();
        let refused = run(&["read", "-q", recording, "--sink", &place, "--format", "json"]);
        assert!(!refused.status.success());
    }
}

/// An engine that is killed while calls are sent, and comes back: none is lost, none is there twice.
#[test]
fn an_engine_that_is_away_gets_every_call_later() {
    for mut engine in engines::all() {
        let place = engine.place("away");
        let (first, second) = (fixture("http1-plain.pcap.zst"), fixture("shop.pcapng.zst"));
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().to_str().unwrap();
        let server = Server::start(&[
            "--store",
            store,
            "--sink",
            &place,
            "--unmasked",
            first.to_str().unwrap(),
        ]);
        let sink = |server: &Server| server.json("/api/v1/health")["sinks"][0].clone();
        let wait = |server: &Server, what: &dyn Fn(&Value) -> bool| {
            let until = Instant::now() + Duration::from_secs(60);
            loop {
                let sink = sink(server);
                if what(&sink) {
                    return sink;
                }
                assert!(Instant::now() < until, "{sink}");
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        server.settled("1");
        let sent = wait(&server, &|sink| sink["waiting"] == 0 && sink["sent"].as_u64() > Some(0));
        assert_eq!((&sent["lost"], &sent["fault"]), (&Value::from(0), &Value::Null));
        engine.kill();
        // Calls are taken as if nothing were wrong.
        let upload = fs::read(&second).unwrap();
        let (status, _) = server.ask("POST /api/v1/import?name=shop.pcapng.zst", &upload);
        assert!(status < 300, "{status}");
        server.settled("2");
        let away = wait(&server, &|sink| sink["fault"].is_string());
        assert!(away["waiting"].as_u64() > Some(0), "{away}");
        let all = server.json("/api/v1/health")["calls"].as_u64().unwrap();
        engine.start();
        let back = wait(&server, &|sink| sink["waiting"] == 0);
        assert_eq!((&back["lost"], &back["fault"]), (&Value::from(0), &Value::Null), "{back}");
        let count = "SELECT count(), uniqExact(time, id) FROM away.calls FINAL";
        assert_eq!(engine.tell(count), format!("{all}\t{all}"), "{}", engine.name);
        // Away again, and the server ends: what waits is sent when it begins anew.
        engine.kill();
        let (status, _) = server.ask("POST /api/v1/import?name=again.pcapng.zst", &upload);
        assert!(status < 300, "{status}");
        server.settled("3");
        let told = server.stop();
        assert!(told.contains("wait in the store"), "{told}");
        engine.start();
        let server = Server::start(&["--store", store, "--sink", &place]);
        wait(&server, &|sink| sink["waiting"] == 0 && sink["sent"].as_u64() > Some(0));
        let all = server.json("/api/v1/health")["calls"].as_u64().unwrap();
        assert_eq!(engine.tell(count), format!("{all}\t{all}"), "{}", engine.name);
        server.stop();
    }
}

/// Tables are made, brought up to date, and left alone where they are of a later version.
#[test]
fn tables_follow_the_version() {
    for engine in engines::all() {
        let place = |option| Place::parse(&engine.place_with("tables", option)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), columns(), Options::default(), Timestamp(0));
        let store = Arc::new(store.unwrap());
        store.append(strange(), Timestamp(0)).unwrap();
        assert!(Warehouse::open(place(""), columns()).is_err(), "there are no tables yet");
        let send = |option| {
            let sending = Sending::begin(&store, place(option)).unwrap();
            let sent = sending.sent();
            sending.end(Duration::from_secs(10));
            sent
        };
        assert_eq!(send("").waiting(), 0);
        // A column that came later.
        let local = if engine.name == "18.16" { "calls_local" } else { "calls" };
        for table in BTreeSet::from([local, "calls"]) {
            for said in engine.tell_all(&format!("ALTER TABLE tables.{table} DROP COLUMN tls_sni"))
            {
                assert_eq!(said, "");
            }
        }
        assert!(Warehouse::open(place(""), columns()).is_err(), "a column is missing");
        store.append(strange(), Timestamp(0)).unwrap();
        let sent = send("keep=3000");
        assert_eq!((sent.waiting(), sent.fault()), (0, None));
        assert!(Warehouse::open(place(""), columns()).is_ok());
        if engine.name != "18.16" {
            let made = engine.tell("SELECT engine_full FROM system.tables WHERE database = 'tables' AND name = 'calls'");
            assert!(made.contains("toIntervalDay(3000)"), "{made}");
            let kinds = engine.tell("SHOW CREATE TABLE tables.calls FORMAT TSVRaw");
            for word in ["LowCardinality", "ZSTD(3)", "DateTime64(9", "ReplacingMergeTree"] {
                assert!(kinds.contains(word), "{kinds}");
            }
        }
        engine.tell_all("INSERT INTO tables.callscope_schema (version) VALUES (999)");
        let told = Warehouse::open(place(""), columns()).unwrap_err().to_string();
        assert!(told.contains("later callscope"), "{told}");
    }
}

/// Days that are over go, where the engine can't see to it itself.
#[test]
fn old_servers_have_days_dropped() {
    let Some(engine) = engines::pair() else { return };
    let place = Place::parse(&engine.place_with("days", "keep=30")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), columns(), Options::default(), Timestamp(0));
    let store = Arc::new(store.unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let day = |ago: u64| {
        let ns = i64::try_from(now.as_nanos()).unwrap()
            - i64::try_from(ago * 86_400_000_000_000).unwrap();
        let line = strange()[0].json().replacen("2026-02-03T04:05:00.000000001Z", &moment(ns), 1);
        Row::of_line(&line).unwrap()
    };
    store.append(vec![day(0), day(10), day(40), day(400)], Timestamp(0)).unwrap();
    let sending = Sending::begin(&store, place).unwrap();
    let sent = sending.sent();
    sending.end(Duration::from_secs(20));
    assert_eq!((sent.waiting(), sent.fault()), (0, None));
    assert_eq!(engine.tell("SELECT count() FROM days.calls FINAL"), "2");
}

/// As a call's line writes it.
fn moment(ns: i64) -> String {
    export::moment(Timestamp(u64::try_from(ns).unwrap()))
}
