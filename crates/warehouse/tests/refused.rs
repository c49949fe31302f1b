//! Calls that an engine refuses for good don't keep others from it, and are not lost.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use filter::Columns;
use model::Timestamp;
use store::{Options, Row, Store};
use warehouse::{Place, Sending};

/// What an engine says to calls.
type Says = fn(&BTreeSet<u64>) -> &'static str;

/// A server that speaks as much of ClickHouse's interface as is needed to take calls: those whose numbers it has.
struct Engine {
    address: String,
    taken: Arc<Mutex<BTreeSet<u64>>>,
}

impl Engine {
    fn new(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = Arc::new(Mutex::new(BTreeSet::new()));
        let engine = taken.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let engine = engine.clone();
                thread::spawn(move || answer(&stream.unwrap(), says, &engine));
            }
        });
        Self { address, taken }
    }

    fn place(&self) -> Place {
        Place::parse(&format!("clickhouse://{}/calls?create=no", self.address)).unwrap()
    }
}

fn answer(mut stream: &TcpStream, says: Says, taken: &Mutex<BTreeSet<u64>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if first.is_empty() {
                first = line;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, said) = if first.contains("INSERT") {
            let numbers = numbers(&body);
            let status = says(&numbers);
            if status.starts_with("200") {
                taken.lock().unwrap().extend(numbers);
            }
            (status, "Code: 53. DB::Exception: Type mismatch")
        } else if body.starts_with(b"SELECT version()") {
            ("200 OK", "26.9.1")
        } else {
            ("200 OK", "")
        };
        let length = said.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{said}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The numbers of the calls in rows of any format.
fn numbers(body: &[u8]) -> BTreeSet<u64> {
    let text = String::from_utf8_lossy(body);
    text.split("call-").skip(1).map(|part| part[..6].parse().unwrap()).collect()
}

fn row(number: u64) -> Row {
    let line = format!(
        r#"{{"id":"call-{number:06}","time":"2026-01-29T00:00:00.{number:09}Z","protocol":"http","src":{{"ip":"10.0.0.1","port":1}},"dst":{{"ip":"10.0.0.2","port":80}}}}"#
    );
    Row::of_line(&line).unwrap()
}

fn open(folder: &Path, calls: std::ops::Range<u64>) -> Arc<Store> {
    let columns = Arc::new(Columns::new(&[]));
    let store = Store::open(folder, columns, Options::default(), Timestamp(0)).unwrap();
    store.append(calls.map(row).collect(), Timestamp(0)).unwrap();
    Arc::new(store)
}

fn until(what: impl Fn() -> bool) {
    let since = Instant::now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What was put aside in a store's folder.
fn aside(folder: &Path) -> BTreeSet<u64> {
    let Ok(entries) = fs::read_dir(folder.join("refused")) else { return BTreeSet::new() };
    entries.flat_map(|entry| numbers(&fs::read(entry.unwrap().path()).unwrap())).collect()
}

#[test]
fn a_call_that_is_refused_for_good_is_put_aside_and_others_go_on() {
    let engine =
        Engine::new(|calls| if calls.contains(&77) { "400 Bad Request" } else { "200 OK" });
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 0..1000);
    let sending = Sending::begin(&store, engine.place()).unwrap();
    let sent = sending.sent();
    until(|| sent.refused() == 1);
    store.append((1000..1010).map(row).collect(), Timestamp(0)).unwrap();
    until(|| sent.waiting() == 0 && sent.calls() == 1009);
    assert!(sent.why_refused().unwrap().contains("Type mismatch"));
    assert_eq!((sent.lost(), sent.fault()), (0, None));
    let all: BTreeSet<u64> = (0..1010).filter(|number| *number != 77).collect();
    assert_eq!(*engine.taken.lock().unwrap(), all);
    assert_eq!(aside(folder.path()), BTreeSet::from([77]));
    // Sealed calls come again, and the engine knows them; this one is known here.
    store.seal().unwrap();
    until(|| sent.waiting() == 0);
    assert_eq!((sent.refused(), aside(folder.path())), (1, BTreeSet::from([77])));
    sending.end(Duration::from_secs(5));
    drop(store);
    // It is no stranger in the store's folder, and is not sent again.
    let store = open(folder.path(), 0..0);
    let foreign = |count: &&store::Count| count.name == "store_files_foreign";
    assert_eq!(store.facts().counts.iter().find(foreign).unwrap().value, 0);
    let sending = Sending::begin(&store, engine.place()).unwrap();
    let sent = sending.sent();
    sending.end(Duration::from_secs(5));
    assert_eq!(sent.refused(), 0);
}

#[test]
fn what_is_not_about_the_calls_keeps_them_waiting() {
    let all: [(&str, Says); 4] = [
        ("403", |_| "403 Forbidden"),
        ("404", |_| "404 Not Found"),
        ("500", |_| "500 Internal Server Error"),
        ("503", |_| "503 Service Unavailable"),
    ];
    let tests = all.map(|(status, says)| thread::spawn(move || keeps_waiting(status, says)));
    tests.into_iter().for_each(|test| test.join().unwrap());
}

fn keeps_waiting(status: &str, says: Says) {
    let engine = Engine::new(says);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 0..10);
    let sending = Sending::begin(&store, engine.place()).unwrap();
    let sent = sending.sent();
    // As it is to end, each try comes after half a second.
    sending.end(Duration::from_secs(6));
    assert!(sent.failures() > 6, "{status}: {}", sent.failures());
    assert_eq!((sent.refused(), sent.waiting()), (0, 10), "{status}");
    assert!(aside(folder.path()).is_empty());
}

#[test]
fn where_all_are_refused_few_questions_are_asked() {
    let engine = Engine::new(|_| "400 Bad Request");
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 0..5000);
    let sending = Sending::begin(&store, engine.place()).unwrap();
    let sent = sending.sent();
    sending.end(Duration::from_secs(20));
    assert_eq!((sent.refused(), sent.calls(), sent.waiting()), (5000, 0, 0));
    assert!(sent.failures() < 20, "{}", sent.failures());
    assert_eq!(aside(folder.path()).len(), 5000);
}
