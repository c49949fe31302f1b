//! A store as its users see it: what goes in comes out, also after it was closed, torn or too full.

use std::{
    fs,
    future::Future as _,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{
    Aggregate, By, Event, Key, Options, Order, Row, Scan, Select, Stop, Store, StoreError, Tail,
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
    let files = files(folder.path());
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

#[test]
fn a_call_that_went_on_and_its_end_are_one_and_the_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    let open_call = |number| {
        let line = call(number).replace(r#""status":{"code":"200","result":"ok"},"#, "");
        Row::of_line(&line.replace(r#""pairing":"#, r#""state":"open","pairing":"#)).unwrap()
    };
    store.append((1..4).map(open_call).collect(), NOW).unwrap();
    store.seal().unwrap();
    store.append(rows(1..3), NOW).unwrap();
    for _ in 0..2 {
        let found = all(&store, &Scan { limit: 2, ..oldest_first() });
        assert_eq!(found, [call(1), call(2), open_call(3).json().to_owned()]);
        // What no longer is so is not found.
        let condition = condition(&store, "state == \"open\"");
        let found = all(&store, &Scan { condition, limit: 1, ..Scan::default() });
        assert_eq!(found, [open_call(3).json()]);
        let key = rows(1..2)[0].key();
        assert_eq!(store.get(&key).unwrap().unwrap().json(), call(1));
        store.seal().unwrap();
    }
}

#[test]
fn a_file_with_bytes_that_turned_is_no_reason_to_panic() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Options::default());
    store.append(rows(0..300), NOW).unwrap();
    store.seal().unwrap();
    drop(store);
    let path = files(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let condition =
        |store: &Store| condition(store, "method == \"POST\" && status.code == \"500\"");
    let mut chance = 7_usize;
    for _ in 0..300 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bytes = whole.clone();
        // Half of them where the file says what is in it.
        let from = if chance & 1 << 40 == 0 { 0 } else { whole.len() * 3 / 4 };
        bytes[from + (chance >> 16) % (whole.len() - from)] ^= 1 << (chance >> 60 & 7);
        fs::write(&path, &bytes).unwrap();
        let store = Store::read(folder.path(), Arc::new(Columns::new(&[])), small()).unwrap();
        let scan = Scan { condition: condition(&store), ..oldest_first() };
        let page = store.scan(&scan).unwrap();
        assert!(page.searched.complete || page.searched.files_unread == 1);
        let by = vec![By::EndpointTemplate];
        store.aggregate(&Aggregate { by, ..Aggregate::default() }).unwrap();
    }
}

#[test]
fn calls_that_are_too_old_go() {
    let folder = tempfile::tempdir().unwrap();
    let minute = std::time::Duration::from_secs(60);
    let store = open(folder.path(), Options { age_max: Some(minute), ..Options::default() });
    let moment = |ms: u64| Timestamp(1_769_684_400_000_000_000 + ms * 1_000_000);
    for from in (0..100_000).step_by(10_000) {
        store.append(rows(from..from + 10_000), moment(from.into())).unwrap();
        store.seal().unwrap();
        store.maintain(moment(u64::from(from) + 10_000)).unwrap();
    }
    // A file goes when all of it is too old.
    let left = all(&store, &Scan { limit: 5000, ..oldest_first() });
    assert_eq!(left, (40_000..100_000).map(call).collect::<Vec<_>>());
    assert_eq!(lost(&store, "store_calls_retired"), 40_000);
    store.maintain(moment(1_000_000)).unwrap();
    assert_eq!((store.facts().calls, files(folder.path()).len()), (0, 0));
}

#[test]
fn listeners_hear_all_calls_or_how_many_they_missed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Options::default());
    let (mut quick, mut slow) = (store.tail(), store.tail());
    let mut heard = Vec::new();
    for from in (0..40_000).step_by(200) {
        store.append(rows(from..from + 200), NOW).unwrap();
        while let Some(event) = next(&mut quick) {
            let Event::Calls(calls) = event else { panic!("{event:?}") };
            heard.extend(calls.iter().map(|row| row.id().into_owned()));
        }
    }
    assert_eq!(heard, (0..40_000).map(|number| format!("7-{number}")).collect::<Vec<_>>());
    let Some(Event::Missed(missed)) = next(&mut slow) else { panic!("too many to wait for") };
    let mut later = 0;
    while let Some(Event::Calls(calls)) = next(&mut slow) {
        later += calls.len() as u64;
    }
    assert_eq!(missed + later, 40_000);
    // Who begins now hears nothing of before.
    assert!(next(&mut store.tail()).is_none());
}

/// What a listener has not heard yet.
fn next(tail: &mut Tail) -> Option<Event> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(tail.next()).poll(&mut context) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    }
}

#[test]
fn a_search_that_is_stopped_says_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), small());
    for from in (0..3000).step_by(300) {
        store.append(rows(from..from + 300), NOW).unwrap();
        store.seal().unwrap();
    }
    let mut scan = Scan {
        condition: condition(&store, "duration < duration(\"3us\")"),
        limit: 5000,
        ..oldest_first()
    };
    let (mut lines, mut stops) = (Vec::new(), 0);
    loop {
        // Asked a few times, each search has enough.
        let asked = AtomicUsize::new(0);
        scan.stop = Stop::when(move || asked.fetch_add(1, Ordering::Relaxed) > 4);
        let page = store.scan(&scan).unwrap();
        lines.extend(page.rows.iter().map(|row| row.json().to_owned()));
        stops += usize::from(!page.searched.complete);
        scan.after = page.next;
        if scan.after.is_none() {
            break;
        }
    }
    assert_eq!(lines, (0..3000).map(call).collect::<Vec<_>>());
    assert!(stops > 3, "{stops}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect();
    files.sort();
    files
}
