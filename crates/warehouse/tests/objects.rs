//! Files in object storage: what arrives there is what the store has, whatever happens on the way.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
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
use parquet::file::{reader::FileReader as _, serialized_reader::SerializedFileReader};
use store::{Options, Row, Store};
use warehouse::{Destination, Sending, Sent};

const KEY: &str = "AKIDEXAMPLE";

/// What happens to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// 503, as S3 says it where too much is asked.
    Busy,
    /// The connection ends when all of it was read.
    Lost,
    /// The connection ends, and the object is there all the same.
    Unanswered,
}

/// What a bucket holds, and what it was asked.
#[derive(Default)]
struct Held {
    objects: BTreeMap<String, Vec<u8>>,
    faults: VecDeque<Fault>,
    puts: usize,
}

/// A server that speaks as much of S3 as is needed to put objects.
struct Bucket {
    address: String,
    held: Arc<Mutex<Held>>,
}

impl Bucket {
    fn new(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let faults = faults.iter().copied().collect();
        let held = Arc::new(Mutex::new(Held { faults, ..Held::default() }));
        let bucket = held.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let bucket = bucket.clone();
                thread::spawn(move || answer(&stream.unwrap(), &bucket));
            }
        });
        Self { address, held }
    }

    fn sink(&self, key: &str) -> String {
        let (address, secret) = (&self.address, "secret_access_key=hidden");
        format!(
            "s3://calls/prod?endpoint=http://{address}&region=here&access_key_id={key}&{secret}"
        )
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.held.lock().unwrap().objects.clone()
    }

    fn puts(&self) -> usize {
        self.held.lock().unwrap().puts
    }
}

/// A request: its first line, its headers, its body.
type Request = (String, Vec<(String, String)>, Vec<u8>);

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let first = head.remove(0);
    let pair = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    };
    let headers: Vec<_> = head.iter().filter_map(pair).collect();
    let mut body = vec![0; header(&headers, "content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((first, headers, body))
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Answers the requests of one connection.
fn answer(mut stream: &TcpStream, bucket: &Mutex<Held>) {
    let mut reader = BufReader::new(stream);
    while let Some((first, headers, body)) = request(&mut reader) {
        let mut held = bucket.lock().unwrap();
        held.puts += 1;
        let fault = held.faults.pop_front();
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let signed = header(&headers, "authorization");
        let status = if fault == Some(Fault::Busy) {
            "503 Slow Down"
        } else if !signed.starts_with(&format!("AWS4-HMAC-SHA256 Credential={KEY}/")) {
            "403 Forbidden"
        } else if !first.starts_with("PUT /calls/prod/") {
            "405 Method Not Allowed"
        } else {
            if fault != Some(Fault::Lost) {
                held.objects.insert(path, body);
            }
            "200 OK"
        };
        drop(held);
        if matches!(fault, Some(Fault::Lost | Fault::Unanswered)) {
            return;
        }
        let answer = format!("HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn row(number: u64) -> Row {
    let time = format!("2026-01-29T{:02}:00:00.{number:09}Z", number % 24);
    let line = format!(
        r#"{{"id":"{number}-1","time":"{time}","protocol":"http","src":{{"ip":"10.0.0.1","port":1}},"dst":{{"ip":"10.0.0.2","port":80}}}}"#
    );
    Row::of_line(&line).unwrap()
}

fn open(folder: &Path) -> Arc<Store> {
    let columns = Arc::new(Columns::new(&[]));
    Arc::new(Store::open(folder, columns, Options::default(), Timestamp(0)).unwrap())
}

fn append(store: &Store, numbers: std::ops::Range<u64>) {
    store.append(numbers.map(row).collect(), Timestamp(0)).unwrap();
}

fn begin(store: &Arc<Store>, sink: &str) -> Sending {
    Sending::begin(store, sink.parse::<Destination>().unwrap()).unwrap()
}

fn until(what: impl Fn() -> bool) {
    let since = Instant::now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(30), "it does not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

fn told(sent: &Sent) -> (u64, u64, u64) {
    (sent.calls(), sent.waiting(), sent.lost())
}

/// Ids of the calls in Parquet files.
fn ids<'f>(files: impl IntoIterator<Item = &'f Vec<u8>>) -> Vec<String> {
    let mut all = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (number, bytes) in files.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::write(&path, bytes).unwrap();
        let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let id = row.get_column_iter().find(|(name, _)| *name == "id").unwrap();
            all.push(id.1.to_string().trim_matches('"').to_owned());
        }
    }
    all
}

fn expected(numbers: std::ops::Range<u64>) -> BTreeSet<String> {
    numbers.map(|number| format!("{number}-1")).collect()
}

/// The sealed files in a folder and in those in it.
fn files(folder: &Path) -> BTreeSet<Vec<u8>> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "parquet") {
                found.insert(fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn every_call_arrives_once_through_faults_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(&[Fault::Busy, Fault::Lost, Fault::Unanswered]);
    {
        let store = open(folder.path());
        append(&store, 0..50);
        store.seal().unwrap();
        append(&store, 50..80);
        let sending = begin(&store, &bucket.sink(KEY));
        let sent = sending.sent();
        until(|| sent.calls() == 50);
        assert_eq!(told(&sent), (50, 30, 0), "what is in no file waits");
        assert_eq!((sent.failures(), sent.kind()), (3, "files"));
        sending.end(Duration::from_secs(20));
        assert_eq!(told(&sent), (80, 0, 0), "at the end all of it is sent");
        assert_eq!(sent.fault(), None);
    }
    let store = open(folder.path());
    append(&store, 80..100);
    begin(&store, &bucket.sink(KEY)).end(Duration::from_secs(20));
    let objects = bucket.objects();
    let all = ids(objects.values());
    assert_eq!(all.len(), 100, "none is there twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected(0..100));
    assert_eq!(objects.values().cloned().collect::<BTreeSet<_>>(), files(folder.path()));
    assert_eq!(bucket.puts(), 6, "three files, three failures");
    for name in objects.keys() {
        assert!(name.starts_with("/calls/prod/2026/01/29/calls-"), "{name}");
    }
}

#[test]
fn a_file_that_is_sent_again_is_the_same_object() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(&[]);
    append(&open(folder.path()), 0..10);
    for _ in 0..2 {
        let store = open(folder.path());
        begin(&store, &bucket.sink(KEY)).end(Duration::from_secs(20));
        drop(store);
        // As if it had ended before it could remember.
        for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("sent-") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
    assert_eq!((bucket.objects().len(), bucket.puts()), (1, 2));
}

#[test]
fn stores_with_the_same_numbers_have_objects_of_their_own() {
    let bucket = Bucket::new(&[]);
    for from in [0, 100] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        append(&store, from..from + 10);
        begin(&store, &bucket.sink(KEY)).end(Duration::from_secs(20));
    }
    let objects = bucket.objects();
    assert_eq!((objects.len(), ids(objects.values()).len()), (2, 20));
}

#[test]
fn wrong_credentials_are_told_and_calls_wait() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(&[]);
    let store = open(folder.path());
    append(&store, 0..10);
    store.seal().unwrap();
    let sending = begin(&store, &bucket.sink("SOMEBODY"));
    let sent = sending.sent();
    until(|| sent.failures() > 1);
    // Who appends does not notice.
    let since = Instant::now();
    append(&store, 10..1000);
    assert!(since.elapsed() < Duration::from_millis(500), "{:?}", since.elapsed());
    let fault = sent.fault().unwrap();
    assert!(fault.contains("403") || fault.contains("privileges"), "{fault}");
    assert!(!fault.contains("hidden") && !sent.name().contains("hidden"), "{fault}");
    sending.end(Duration::from_secs(1));
    assert_eq!((sent.calls(), sent.lost(), bucket.objects().len()), (0, 0, 0));
    assert_eq!(sent.waiting(), 1000);
    drop(store);
    // Sent later, with the right ones.
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let store = open(copy.path());
    begin(&store, &bucket.sink(KEY)).end(Duration::from_secs(20));
    let all: BTreeSet<String> = ids(bucket.objects().values()).into_iter().collect();
    assert_eq!(all, expected(0..1000));
}

#[test]
fn nobody_there_is_no_error_and_age_makes_files() {
    let folder = tempfile::tempdir().unwrap();
    let there = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let keys = "region=x&access_key_id=a&secret_access_key=b";
    let gone = begin(&store, &format!("s3://calls?endpoint=http://{away}&{keys}"));
    let near = begin(&store, &format!("file://{}/new/calls?every=1", there.path().display()));
    append(&store, 0..10);
    let sent = near.sent();
    until(|| sent.calls() == 10);
    append(&store, 10..25);
    until(|| sent.calls() == 25);
    until(|| gone.sent().failures() > 0);
    assert_eq!(gone.sent().waiting(), 25);
    let found = files(there.path());
    assert_eq!((found.len(), ids(&found).len()), (2, 25));
    assert_eq!(found, files(folder.path()));
    gone.end(Duration::from_millis(100));
    near.end(Duration::from_secs(5));
}
