//! The live tail over real connections: nothing is lost for those who read, and those who don't are
//! told.

mod common;

use std::{net::SocketAddr, time::Duration};

use api::Settings;
use common::{House, fixture};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

async fn listening(house: &House) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(api::serve(listener, house.router.clone(), 1000, std::future::pending()));
    address
}

/// A reader of the tail, when its first bytes have come.
async fn reader(address: SocketAddr, where_: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/tail?where={} HTTP/1.1\r\nHost: {address}\r\n\r\n",
        common::encoded(where_)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.windows(2).any(|two| two == b"\n\n") {
        let byte = timeout(Duration::from_secs(10), stream.read_u8()).await.unwrap().unwrap();
        head.push(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Reads until this many events came.
async fn events(stream: &mut TcpStream, name: &str, count: usize) -> String {
    let mut text = String::new();
    let mut buffer = vec![0; 64 << 10];
    let word = format!("event: {name}\n");
    let (mut found, mut seen) = (0, 0);
    while found < count {
        let read = timeout(Duration::from_secs(20), stream.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("{found} of {count}")).unwrap();
        assert!(read > 0, "the stream ended");
        text += &String::from_utf8_lossy(&buffer[..read]);
        // Up to the last whole line: the rest is looked at again.
        let end = text.rfind('\n').map_or(0, |at| at + 1).max(seen);
        found += text[seen..end].matches(&word).count();
        seen = end;
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_get_every_call_that_fulfils_their_condition() {
    let house = House::with(&[], Settings::default()).await;
    let address = listening(&house).await;
    let mut all = reader(address, "").await;
    let mut errors = reader(address, "protocol == \"http\" && status.result == \"error\"").await;
    house.api.import("shop", vec![fixture("shop.pcapng.zst")]).unwrap();
    let text = events(&mut all, "call", 312).await;
    assert!(!text.contains("event: missed"));
    let first = text.lines().find(|line| line.starts_with("data: {\"id\"")).unwrap();
    let call: serde_json::Value = serde_json::from_str(first.trim_start_matches("data: ")).unwrap();
    assert!(call["id"].as_str().unwrap().contains('@') && call["request"].get("headers").is_none());
    let text = events(&mut errors, "call", 1).await;
    assert!(!text.contains("\"result\":\"ok\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_is_told_and_slows_nobody() {
    let house = House::with(&[], Settings::default()).await;
    let address = listening(&house).await;
    let mut slow = reader(address, "").await;
    let mut quick = reader(address, "").await;
    // More than the queue and the buffers of the connection hold.
    let times = 15;
    let reading = tokio::spawn(async move { events(&mut quick, "call", 3030 * times).await });
    for _ in 0..times {
        house.api.import("redis", vec![fixture("redis-pipelined.pcap.zst")]).unwrap();
        house.settled().await;
    }
    let text = reading.await.unwrap();
    assert!(!text.contains("event: missed"), "who reads misses nothing");
    let text = events(&mut slow, "missed", 1).await;
    let got = text.matches("event: call\n").count();
    let missed: usize = text
        .split("data: {\"count\":")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert!(missed > 0 && got + missed <= 3030 * times, "{got} and {missed}");
    let health = house.json("/api/v1/health").await;
    assert!(health["tail"]["missed"].as_u64() >= Some(missed as u64), "{}", health["tail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_readers_have_a_place_and_leave_it_again() {
    let limits = api::Limits { tails: 2, ..api::Limits::default() };
    let house = House::with(&[], Settings { limits, ..Settings::default() }).await;
    let address = listening(&house).await;
    let (one, _two) = (reader(address, "").await, reader(address, "http").await);
    assert_eq!(house.get("/api/v1/tail").await.status.as_u16(), 503);
    drop(one);
    for _ in 0..200 {
        if house.json("/api/v1/health").await["tail"]["readers"] == 1 {
            reader(address, "").await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the place was not left");
}
