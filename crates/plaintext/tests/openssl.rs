//! curl to nginx, both over OpenSSL: bodies of 1 byte to 20 MB, up and down, byte for byte.

mod common;

use std::{fs, process::Command};

use common::{Running, Talk, files, folder, free_port, has, nginx, noise, roomy, run};
use plaintext::Settings;

const SIZES: [usize; 7] = [1, 383, 4_000, 16_385, 100_000, 1_000_000, 20_000_000];

fn curl(port: u16, version: &str, size: usize) {
    let url = format!("https://localhost:{port}/{size}");
    let got = run(Command::new("curl")
        .args(["-sk", "--http1.1", version, "--resolve"])
        .args([&format!("localhost:{port}:127.0.0.1"), &url]));
    assert!(got.stdout == noise(size), "curl got {} of {size} bytes", got.stdout.len());
}

fn check(settings: Settings, name: &str) {
    if !has("nginx") || !has("curl") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(settings) else { return };
    let (folder, port) = (folder(name), free_port());
    files(&folder, &SIZES);
    let server = nginx(&folder, port);
    for size in SIZES {
        let before = taps.talks.at(port).len();
        curl(port, "--http1.1", size);
        let talks = taps.until(port, |talks| talks.len() > before && talks[before].is_closed);
        let Some(talk) = talks.get(before) else { panic!("{size}: nothing was tapped") };
        assert_eq!(talk.lacks, 0, "{size}");
        assert!(talk.asked.starts_with(format!("GET /{size} HTTP/1.1\r\n").as_bytes()), "{talk:?}");
        assert!(talk.asked.ends_with(b"\r\n\r\n"));
        let body = talk.answered.len().checked_sub(size).map(|at| &talk.answered[at..]);
        assert!(body == Some(&noise(size)[..]), "{size}: {} bytes", talk.answered.len());
        let flow = talk.flow.expect("a flow");
        assert!(flow.is_whole);
        assert!(flow.socket.local.ip.is_loopback());
    }
    drop(server);
    let counts = taps.stop();
    println!("{counts:?}");
    assert_eq!(counts.kernel, plaintext::Lost::default());
    assert_eq!(counts.unplaced_bytes, 0);
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn bodies_of_all_sizes_are_whole() {
    check(roomy(), "http1");
}

#[test]
fn sockets_are_learned_from_system_calls_too() {
    check(Settings { by_syscalls: true, ..roomy() }, "syscalls");
}

#[test]
fn http2_is_whole() {
    if !has("nginx") || !has("curl") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(roomy()) else { return };
    let (folder, port) = (folder("http2"), free_port());
    files(&folder, &SIZES);
    let server = nginx(&folder, port);
    for size in SIZES {
        let before = taps.talks.at(port).len();
        curl(port, "--http2", size);
        let talks = taps.until(port, |talks| talks.len() > before && talks[before].is_closed);
        let Some(talk) = talks.get(before) else { panic!("{size}: nothing was tapped") };
        assert_eq!(talk.lacks, 0, "{size}");
        assert!(talk.asked.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(data_frames(talk) == noise(size), "{size}");
    }
    drop(server);
    assert_eq!(taps.stop().kernel, plaintext::Lost::default());
    let _ = fs::remove_dir_all(folder);
}

/// What the DATA frames of the answer hold (RFC 9113 §6.1).
fn data_frames(talk: &Talk) -> Vec<u8> {
    let (mut rest, mut data) = (&talk.answered[..], Vec::new());
    while let Some((head, body)) = rest.split_first_chunk::<9>() {
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (frame, more) = body.split_at(len.min(body.len()));
        if head[3] == 0 {
            data.extend_from_slice(frame);
        }
        rest = more;
    }
    data
}
