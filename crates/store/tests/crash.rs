//! A store whose process is killed, whose disk is full, whose files go while it is asked.

#![expect(clippy::disallowed_methods, reason = "processes and threads that the store has to bear")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{Aggregate, Key, Options, Order, Row, Scan, Store};

const BEGIN_NS: u64 = 1_769_644_800_000_000_000;
const FOLDER: &str = "CALLSCOPE_CRASH_FOLDER";
/// How often a process is killed, where a dozen is not enough.
const ROUNDS: &str = "CALLSCOPE_CRASH_ROUNDS";
/// Small, so that files are sealed and go all the time.
const BYTES_MAX: u64 = 512 << 10;

/// Call number `number`: it says everything that it should be.
fn call(number: u64) -> String {
    let (second, ms) = (number / 1000, number % 1000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Does not become much smaller in a file.
    let filler: String = (0..number % 30)
        .map(|at| format!("{:016x}", (number * 31 + at).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    format!(
        r#"{{"id":"1-{number}","time":"2026-01-29T{hour:02}:{minute:02}:{second:02}.{ms:03}000000Z","duration_ns":{number},"protocol":"http","method":"GET","endpoint":"/a/{number}","src":{{"ip":"10.0.0.1","port":40000}},"dst":{{"ip":"10.0.0.2","port":80,"name":"shop"}},"request":{{"first_ns":0,"last_ns":0,"size":100,"header_size":90,"body":{{"size":10,"truncated":false,"text":"{filler}"}}}},"pairing":"matched","missing":null,"transport":"tcp","stream":"7"}}"#,
    )
}

fn rows(numbers: std::ops::Range<u64>) -> Vec<Row> {
    numbers.map(|number| Row::of_line(&call(number)).unwrap()).collect()
}

fn moment(number: u64) -> Timestamp {
    Timestamp(BEGIN_NS + number * 1_000_000)
}

fn options() -> Options {
    Options { bytes_max: BYTES_MAX, seal_bytes_max: 100 << 10, ..Options::default() }
}

fn columns() -> Arc<Columns> {
    Arc::new(Columns::new(&[]))
}

fn number(row: &Row) -> u64 {
    row.id().strip_prefix("1-").unwrap().parse().unwrap()
}

/// All calls, the oldest first. Each is checked to be what it was.
fn numbers(store: &Store) -> Vec<u64> {
    let mut scan = Scan { order: Order::OldestFirst, limit: 1000, ..Scan::default() };
    let mut numbers = Vec::new();
    loop {
        let page = store.scan(&scan).unwrap();
        assert!(page.searched.complete, "{:?}", store.facts());
        for row in &page.rows {
            assert_eq!(row.json(), call(number(row)));
            numbers.push(number(row));
        }
        scan.after = page.next;
        if scan.after.is_none() {
            return numbers;
        }
    }
}

fn count(store: &Store, name: &str) -> u64 {
    store.facts().counts.iter().find(|count| count.name == name).unwrap().value
}

/// Fills the folder until it is killed; says which call was the last that was appended.
#[test]
#[ignore = "is started, and killed, by the next test"]
fn a_process_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = Store::open(Path::new(&folder), columns(), options(), moment(0)).unwrap();
    let first = store.facts().newest.map_or(0, |newest| (newest.0 - BEGIN_NS) / 1_000_000 + 1);
    let is_get = Condition::compile("method == \"GET\"", store.columns(), moment(0)).unwrap();
    let condition = Some(Arc::new(is_get));
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                store.maintain(moment(first)).unwrap();
                thread::sleep(Duration::from_millis(3));
            }
        });
        scope.spawn(|| {
            loop {
                let scan = Scan { condition: condition.clone(), ..Scan::default() };
                store.scan(&scan).unwrap();
                store.aggregate(&Aggregate::default()).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        // Nobody waits for ever.
        for from in (first..first + 5_000_000).step_by(20) {
            store.append(rows(from..from + 20), moment(from)).unwrap();
            println!("appended {}", from + 19);
        }
    });
}

#[test]
fn whoever_is_killed_at_any_moment_loses_nothing_that_was_appended() {
    let rounds: u64 = env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = 0x1234_5678_u64;
    let (mut retired, mut recovered) = (false, 0);
    for round in 0..rounds {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_process_that_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = |line: &str| line.rsplit_once("appended ")?.1.parse::<u64>().ok();
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // After so many steps, and a moment within one: the same on a slow machine.
        let steps = usize::try_from((chance >> 33) % 100).unwrap();
        let begun = output.by_ref().filter_map(|line| said(&line.unwrap())).nth(steps).unwrap();
        thread::sleep(Duration::from_micros((chance >> 45) % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        let rest: Vec<u64> = output.map_while(Result::ok).filter_map(|line| said(&line)).collect();
        let appended = rest.last().copied().unwrap_or(begun);
        // A line of the output may be cut, never a call.
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
        let used: u64 = files.map(|entry| entry.metadata().unwrap().len()).sum();
        assert!(used <= BYTES_MAX, "round {round}: {used} bytes");
        let store = Store::open(folder.path(), columns(), options(), moment(appended)).unwrap();
        let found = numbers(&store);
        let (first, last) = (found[0], *found.last().unwrap());
        assert!(last >= appended, "round {round}: {appended} was appended, {last} is the last");
        assert_eq!(found, (first..=last).collect::<Vec<_>>(), "round {round}: none is missing");
        for name in ["store_files_damaged", "store_files_vanished", "store_lines_refused"] {
            assert_eq!(count(&store, name), 0, "round {round}: {name}");
        }
        retired |= first > 0;
        recovered += count(&store, "store_calls_recovered");
    }
    assert!(retired && recovered > 0, "{retired} {recovered}");
}

#[test]
fn queries_go_on_while_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), columns(), options(), moment(0)).unwrap();
    let is_over = AtomicBool::new(false);
    store.append(rows(0..1000), moment(0)).unwrap();
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) || asked < 5 {
                let newest = store.scan(&Scan { limit: 50, ..Scan::default() }).unwrap();
                let numbers: Vec<u64> = newest.rows.iter().map(number).collect();
                let first = numbers[0];
                assert_eq!(numbers, (first - 49..=first).rev().collect::<Vec<_>>());
                let table = store.aggregate(&Aggregate::default()).unwrap();
                assert_eq!(table.rows.len(), 1);
                asked += 1;
            }
            asked
        });
        for from in (1000..15_000).step_by(50) {
            store.append(rows(from..from + 50), moment(from)).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(asked.join().unwrap() >= 5);
    });
    assert!(count(&store, "store_files_retired") > 5, "{:?}", store.facts());
    assert_eq!(count(&store, "store_files_vanished") + count(&store, "store_files_damaged"), 0);
}

/// A disk of three megabytes, while it is there.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=3m", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(folder.path()).output().ok()?;
        mounted.status.success().then_some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).output());
    }
}

#[test]
fn a_full_disk_is_told_and_what_memory_holds_is_kept() {
    let Some(disk) = Disk::new() else {
        eprintln!("skipped: may not mount a small disk");
        return;
    };
    let folder = disk.0.path().join("calls");
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![1; 2 << 20]).unwrap();
    let options = Options { bytes_max: 1 << 30, seal_bytes_max: 200 << 10, ..Options::default() };
    let store = Store::open(&folder, columns(), options, moment(0)).unwrap();
    for from in (0..10_000).step_by(50) {
        store.append(rows(from..from + 50), moment(from)).unwrap();
    }
    // The disk is full: calls are in memory, and that is told.
    assert!(count(&store, "store_calls_unlogged") > 0, "{:?}", store.facts());
    assert!(store.seal().is_err() && count(&store, "store_seals_failed") > 0);
    assert_eq!(numbers(&store), (0..10_000).collect::<Vec<_>>());
    // Somebody makes room: all of it is sealed.
    fs::remove_file(&filler).unwrap();
    store.seal().unwrap();
    assert_eq!(store.facts().calls_in_memory, 0);
    drop(store);
    let store = Store::open(&folder, columns(), options, moment(0)).unwrap();
    assert_eq!(numbers(&store), (0..10_000).collect::<Vec<_>>());
    drop(store);
    // Memory is full, too: the oldest calls are given up, and counted.
    fs::write(&filler, vec![1; 3 << 20]).unwrap_err();
    let options = Options { memory_bytes_max: 2 << 20, ..options };
    let store = Store::open(&folder, columns(), options, moment(0)).unwrap();
    let before = store.facts().calls;
    for from in (10_000..20_000).step_by(50) {
        store.append(rows(from..from + 50), moment(from)).unwrap();
    }
    let lost = count(&store, "store_calls_lost_full");
    assert!(lost > 0 && store.facts().memory_bytes <= 3 << 20, "{:?}", store.facts());
    assert_eq!(numbers(&store).len() as u64, before + 10_000 - lost);
    let newest = Key { time_ns: i64::try_from(moment(19_999).0).unwrap(), id: "1-19999".into() };
    assert!(store.get(&newest).unwrap().is_some());
}
