//! Calls by how long or large they are, against the same sorted in a plain way.

use std::sync::Arc;

use filter::{Columns, Condition};
use model::Timestamp;
use store::{Amount, Options, Order, Place, Row, Scan, Stop, Store};

const NOW: Timestamp = Timestamp(1_769_684_901_000_000_000);

/// Durations and sizes come again and again; some calls have none, some go on.
fn call(number: u64) -> Row {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let duration = match mixed % 7 {
        0 => String::new(),
        _ => format!(r#""duration_ns":{},"#, mixed % 900),
    };
    let response = match mixed % 5 {
        0 => String::new(),
        _ => format!(r#","response":{{"first_ns":1,"last_ns":2,"size":{}}}"#, mixed % 300),
    };
    let state = if mixed.is_multiple_of(11) { r#","state":"open""# } else { "" };
    let (second, ms, method) =
        (number / 1000, number % 1000, ["GET", "POST"][(mixed % 2) as usize]);
    let line = format!(
        r#"{{"id":"1-{number}","time":"2026-01-29T11:08:{second:02}.{ms:03}000000Z",{duration}"protocol":"http","method":"{method}","src":{{"ip":"10.0.0.1","port":1}},"dst":{{"ip":"10.0.0.2","port":80}},"request":{{"first_ns":0,"last_ns":0,"size":{}}}{response},"pairing":"matched"{state},"missing":null,"transport":"tcp","stream":"1"}}"#,
        mixed % 70,
    );
    Row::of_line(&line).unwrap()
}

fn amount(row: &Row, amount: Amount) -> Option<i64> {
    match amount {
        _ if row.is_open() => None,
        Amount::Duration => row.duration_ns(),
        Amount::RequestSize => row.request_size(),
        Amount::ResponseSize => row.response_size(),
    }
}

/// Calls in several files of several row groups, and in memory.
fn store(folder: &std::path::Path, rows: &[Row]) -> Store {
    let options = Options { seal_bytes_max: 60 << 20, ..Options::default() };
    let store = Store::open(folder, Arc::new(Columns::new(&[])), options, NOW).unwrap();
    let (first, rest) = rows.split_at(36_000);
    let (second, third) = rest.split_at(3_000);
    for (rows, seals) in [(first, true), (second, true), (third, false)] {
        store.append(rows.to_vec(), NOW).unwrap();
        if seals {
            store.seal().unwrap();
        }
    }
    store
}

#[test]
fn the_most_and_the_least_come_first_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..40_000).map(call).collect();
    let store = store(folder.path(), &rows);
    let posts = Condition::compile("method == \"POST\"", store.columns(), NOW).unwrap();
    let posts = Some(Arc::new(posts));
    for of in [Amount::Duration, Amount::RequestSize, Amount::ResponseSize] {
        for (order, condition) in [(Order::Most(of), None), (Order::Least(of), posts.clone())] {
            let mut expected: Vec<(i64, i64, String)> = rows
                .iter()
                .filter(|row| condition.is_none() || row.method().as_deref() == Some("POST"))
                .filter_map(|row| Some((amount(row, of)?, row.time_ns(), row.id().into_owned())))
                .collect();
            expected.sort_by_key(|(value, time, _)| {
                (if matches!(order, Order::Most(_)) { -value } else { *value }, -time)
            });
            let mut scan = Scan { condition, order, limit: 700, ..Scan::default() };
            let mut found = Vec::new();
            for _ in 0..4 {
                let page = store.scan(&scan).unwrap();
                assert!(page.searched.complete);
                let told =
                    |row: &Row| (amount(row, of).unwrap(), row.time_ns(), row.id().into_owned());
                found.extend(page.rows.iter().map(told));
                scan.after = page.next;
            }
            assert_eq!(found.len(), 2800);
            assert_eq!(found, expected[..2800], "{order:?}");
        }
    }
}

#[test]
fn of_a_span_of_time_only_its_calls_are_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..40_000).map(call).collect();
    let store = store(folder.path(), &rows);
    let (from, to) = (rows[30_000].time(), rows[39_500].time());
    let order = Order::Most(Amount::Duration);
    let scan = Scan { from: Some(from), to: Some(to), order, limit: 50, ..Scan::default() };
    let page = store.scan(&scan).unwrap();
    assert!(page.rows.iter().all(|row| (from..to).contains(&row.time())));
    let longest = rows[30_000..39_500].iter().filter_map(|row| amount(row, Amount::Duration));
    assert_eq!(page.rows[0].duration_ns(), longest.max());
}

#[test]
fn a_page_goes_on_behind_a_call_that_is_gone_and_a_stop_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..40_000).map(call).collect();
    let store = store(folder.path(), &rows);
    let order = Order::Most(Amount::Duration);
    let key = store::Key { time_ns: 5, id: "1-9".into() };
    let place = Place { value: 3_000, key };
    assert_eq!(Place::parse(&place.to_string()), Some(place.clone()));
    let page = store.scan(&Scan { order, after: Some(place), ..Scan::default() }).unwrap();
    assert!(page.rows.iter().all(|row| row.duration_ns() <= Some(3_000)));
    let stop = Stop::when(|| true);
    let page = store.scan(&Scan { order, stop, ..Scan::default() }).unwrap();
    assert!(!page.searched.complete && page.rows.is_empty() && page.next.is_none());
}
