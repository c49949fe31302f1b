//! The whole way: what curl and nginx say under TLS becomes packets, and these become calls.

mod common;

use std::{
    fs,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use common::{Server, files, folder, free_port, has, nginx, noise, roomy, run};
use dissect::Limits;
use flow::{Settings, Worker};
use model::{Call, FlowKey};
use packet::{LinkType, Packet};
use plaintext::{Packets, Taps};

/// Packets, copied, with their times.
type Seen = Arc<Mutex<Vec<(model::Timestamp, Vec<u8>)>>>;

/// Taps while `act` goes on; the packets that were made.
fn tapped(act: impl FnOnce()) -> Option<Vec<(model::Timestamp, Vec<u8>)>> {
    let mut taps = match Taps::start(roomy()) {
        Ok(taps) => taps,
        Err(why) => {
            println!("skipped: {why}");
            return None;
        }
    };
    let (seen, stop) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let reader = thread::spawn({
        let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
        move || {
            let mut packets = Packets::new(|made: &plaintext::Made<'_>| {
                seen.lock().expect("a lock").push((made.at, made.bytes.to_vec()));
            });
            while !stop.load(Ordering::Relaxed) {
                taps.read(Duration::from_millis(20), &mut packets);
            }
            taps.read(Duration::from_millis(100), &mut packets);
            taps.finish(&mut packets);
        }
    });
    act();
    thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    reader.join().expect("the reader");
    let seen = std::mem::take(&mut *seen.lock().expect("a lock"));
    Some(seen)
}

#[test]
fn requests_under_tls_are_calls() {
    if !has("nginx") || !has("curl") || !has("openssl") {
        return;
    }
    let (folder, port) = (folder("calls"), free_port());
    files(&folder, &[1, 20_000_000]);
    let server: Server = nginx(&folder, port);
    let Some(packets) = tapped(|| {
        for (version, size) in
            [("--http1.1", 1), ("--http1.1", 20_000_000), ("--http2", 20_000_000)]
        {
            let url = format!("https://127.0.0.1:{port}/{size}");
            let got = run(Command::new("curl").args(["-sk", version, &url]));
            assert_eq!(got.stdout.len(), size);
        }
    }) else {
        return;
    };
    drop(server);
    let settings = Settings {
        list: dissectors::ALL,
        lenses: dissectors::LENSES,
        limits: Limits { body_bytes_max: u64::MAX, ..Limits::default() },
        memory: 4 << 30,
        flows_max: 1_000,
        connections: false,
    };
    let (mut worker, mut calls) = (Worker::new(0, 1, &settings), Vec::new());
    let mut sink = |call: &Call<'_>| {
        let is_ours = call.server.port == port;
        let body = call.response.map(|r| r.body.kept.clone()).unwrap_or_default();
        let by = call.cover.map_or("", |cover| cover.decrypted_by);
        if is_ours {
            calls.push((
                call.protocol.name,
                call.pairing.name(),
                by,
                call.missing.map(|missing| missing.why),
                body,
            ));
        }
    };
    for (frame, (at, bytes)) in (1..).zip(&packets) {
        let wire_len = u32::try_from(bytes.len()).expect("below 64 KiB");
        let scope = FlowKey::UNDER_COVER;
        let packet =
            Packet { at: *at, link: LinkType::RAW, source: 0, frame, scope, bytes, wire_len };
        worker.packet(&packet, &mut sink);
    }
    worker.finish(&mut sink);
    let told: Vec<_> = calls.iter().map(|call| (call.0, call.1, call.2, call.3)).collect();
    let expected = [
        ("http", "matched", "ebpf", None),
        ("http", "matched", "ebpf", None),
        ("http", "matched", "ebpf", None),
    ];
    assert_eq!(told, expected);
    for (call, size) in calls.iter().zip([1, 20_000_000, 20_000_000]) {
        assert!(call.4 == noise(size), "{} bytes of {size}", call.4.len());
    }
    let _ = fs::remove_dir_all(folder);
}
