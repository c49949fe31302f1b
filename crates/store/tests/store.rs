//! A store as its users see it: what goes in comes out, also after it was closed, torn or too full.

use std::{fs, path::Path, sync::Arc};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{
    Aggregate, By, Cell, Key, Measure, Options, Order, Row, Scan, Select, Store, StoreError,
};

const NOW: Timestamp = Timestamp(1_769_684_901_000_000_000);

/// A call that began so many milliseconds after the others' beginning.
fn call(number: u32) -> String {
    let (second, ms) = (number / 1000 % 60, number % 1000);
    let (minute, method) =
        (number / 60_000, if number.is_multiple_of(10) { "POST" } else { "GET" });
    let result = if number.is_multiple_of(4) { ("500", "error") } else { ("200", "ok") };
    format!(
        r#"{{"id":"7-{number}","time":"2026-01-29T11:{minute:02}:{second:02}.{ms:03}000000Z","duration_ns":{number},"protocol":"http","version":"1.1","method":"{method}","endpoint":"/users/{number}?a=\"b\"","status":{{"code":"{}","result":"{}"}},"src":{{"ip":"10.0.0.1","port":40000}},"dst":{{"ip":"10.0.0.2","port":80,"name":"shop"}},"request":{{"first_ns":0,"last_ns":0,"size":100,"header_size":90,"headers":[["Host","shop"]],"fields":{{"http.request.method":"{method}"}},"body":{{"size":10,"truncated":false,"text":"body {number}"}}}},"response":{{"first_ns":1,"last_ns":{number},"size":200,"header_size":200}},"pairing":"matched","paired_by":"order","missing":null,"transport":"tcp","stream":"7"}}"#,
        result.0, result.1
    )
}

fn rows(numbers: std::ops::Range<u32>) -> Vec<Row> {
    numbers.map(|number| Row::of_line(&call(number)).unwrap()).collect()
}

fn open(folder: &Path, options: Options) -> Store {
    Store::open(folder, Arc::new(Columns::new(&[])), options, NOW).unwrap()
}

/// So small that a few hundred calls are a file.
fn small() -> Options {
    Options { seal_bytes_max: 200 << 10, ..Options::default() }
}

fn condition(store: &Store, text: &str) -> Option<Arc<Condition>> {
    Some(Arc::new(Condition::compile(text, store.columns(), NOW).unwrap()))
}

/// All calls, in pages.
fn all(store: &Store, scan: &Scan) -> Vec<String> {
    let (mut lines, mut scan) = (Vec::new(), scan.clone());
    loop {
        let page = store.scan(&scan).unwrap();
        assert!(page.searched.complete);
        lines.extend(page.rows.iter().map(|row| row.json().to_owned()));
        scan.after = page.next;
        if scan.after.is_none() {
            return lines;
        }
    }
}

fn oldest_first() -> Scan {
    Scan { order: Order::OldestFirst, limit: 97, ..Scan::default() }
}

fn lost(store: &Store, name: &str) -> u64 {
    store.facts().counts.iter().find(|count| count.name == name).unwrap().value
}

#[test]
fn lines_come_out_as_they_went_in_from_memory_and_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..2500).map(call).collect();
    let store = open(folder.path(), small());
    for from in (0..2500).step_by(100) {
        store.append(rows(from..from + 100), NOW).unwrap();
    }
    assert_eq!(all(&store, &oldest_first()), lines);
    store.seal().unwrap();
    assert!(store.facts().files > 3, "{:?}", store.facts());
    assert_eq!(store.facts().calls_in_memory, 0);
    assert_eq!(all(&store, &oldest_first()), lines);
    let mut newest = all(&store, &Scan { limit: 101, ..Scan::default() });
    newest.reverse();
    assert_eq!(newest, lines);
    drop(store);
    let store = open(folder.path(), small());
    assert_eq!(all(&store, &oldest_first()), lines);
    assert_eq!(store.facts().calls, 2500);
}

#[test]
fn conditions_times_and_keys_find_the_same_in_memory_and_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    store.append(rows(0..2000), NOW).unwrap();
    for _ in 0..2 {
        for (text, expected) in [
            ("method == \"POST\"", 200),
            ("method == \"POST\" && duration > duration(\"1us\")", 99),
            ("request.body.contains(\"body 17\")", 111),
            ("status.code == \"500\" || method == \"POST\"", 600),
            ("dst.name == \"nobody\"", 0),
        ] {
            let condition = condition(&store, text);
            let found = all(&store, &Scan { condition, ..oldest_first() });
            assert_eq!(found.len(), expected, "{text}");
        }
        let second = |at: u64| Some(Timestamp(1_769_684_400_000_000_000 + at * 1_000_000));
        let part = Scan { from: second(500), to: second(700), ..oldest_first() };
        assert_eq!(all(&store, &part), (500..700).map(call).collect::<Vec<_>>());
        let key = Key { time_ns: 1_769_684_401_234_000_000, id: "7-1234".into() };
        assert_eq!(store.get(&key).unwrap().unwrap().json(), call(1234));
        assert_eq!(store.find("7-17").unwrap().unwrap().json(), call(17));
        assert!(store.find("7-2000").unwrap().is_none());
        let summary = Scan { limit: 1, select: Select::Summary, ..Scan::default() };
        let summary = store.scan(&summary).unwrap().rows.remove(0);
        assert_eq!(summary.json(), Row::of_line(&call(1999)).unwrap().summary());
        store.seal().unwrap();
    }
}

#[test]
fn figures_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    store.append(rows(0..1000), NOW).unwrap();
    store.seal().unwrap();
    store.append(rows(1000..2000), NOW).unwrap();
    let question = Aggregate {
        by: vec![By::EndpointTemplate],
        show: vec![Measure::Count, Measure::ErrorRate, Measure::P99],
        ..Aggregate::default()
    };
    let table = store.aggregate(&question).unwrap();
    let endpoint = Cell::Text("/users/{id}".into());
    assert_eq!(table.rows, [[endpoint, Cell::Int(2000), Cell::Float(0.25), Cell::Int(1979)]]);
    assert!(table.searched.complete);
}

#[test]
fn what_was_not_sealed_is_read_back_and_what_is_torn_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Options::default());
    store.append(rows(0..50), NOW).unwrap();
    store.append(rows(50..60), NOW).unwrap();
    drop(store);
    let log = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|e| e == "wal")).unwrap();
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    let store = open(folder.path(), Options::default());
    assert_eq!(all(&store, &oldest_first()), (0..50).map(call).collect::<Vec<_>>());
    assert_eq!(lost(&store, "store_calls_lost_torn"), 10);
    assert_eq!(lost(&store, "store_calls_recovered"), 50);
    store.seal().unwrap();
    drop(store);
    assert_eq!(all(&open(folder.path(), Options::default()), &oldest_first()).len(), 50);
}

#[test]
fn a_file_that_vanishes_or_is_damaged_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    for from in [0, 100, 200] {
        store.append(rows(from..from + 100), NOW).unwrap();
        store.seal().unwrap();
    }
    let mut files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "parquet"));
    files.sort();
    fs::remove_file(&files[0]).unwrap();
    let len = fs::metadata(&files[1]).unwrap().len();
    let middle = fs::read(&files[1]).unwrap();
    let half = usize::try_from(len / 2).unwrap();
    fs::write(&files[1], [&middle[..half], &vec![0; middle.len() - half]].concat()).unwrap();
    let page = store.scan(&Scan { limit: 1000, ..Scan::default() }).unwrap();
    assert_eq!((page.rows.len(), page.searched.files_unread), (100, 2));
    assert!(!page.searched.complete);
    assert_eq!(lost(&store, "store_files_vanished"), 1);
    assert_eq!(lost(&store, "store_files_damaged"), 1);
}

#[test]
fn the_limit_on_bytes_is_kept_and_the_oldest_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 400 << 10;
    let store = open(folder.path(), Options { bytes_max: limit, ..Options::default() });
    for from in (0..6000).step_by(100) {
        store.append(rows(from..from + 100), NOW).unwrap();
        let entries = fs::read_dir(folder.path()).unwrap();
        let used: u64 = entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(used <= limit, "{used}");
    }
    let left = all(&store, &oldest_first());
    let first = 6000 - u32::try_from(left.len()).unwrap();
    assert_eq!(left, (first..6000).map(call).collect::<Vec<_>>());
    assert!(first > 0 && lost(&store, "store_files_retired") > 0);
}

#[test]
fn one_process_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    store.append(rows(0..700), NOW).unwrap();
    let columns = Arc::new(Columns::new(&[]));
    let second = Store::open(folder.path(), columns.clone(), small(), NOW);
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    let reader = Store::read(folder.path(), columns, small()).unwrap();
    assert_eq!(all(&reader, &oldest_first()), (0..700).map(call).collect::<Vec<_>>());
    assert!(matches!(reader.append(rows(0..1), NOW), Err(StoreError::ReadOnly)));
}
