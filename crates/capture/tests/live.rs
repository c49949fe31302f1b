//! Packets of this machine's `lo`, as the kernel hands them over. Needs root; says so where it can't be
//! done.
#![cfg(target_os = "linux")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use capture::{
    Batch, Intake,
    live::{Made, Stop, Tap, TapError, TapOptions},
};
use model::{Source, Timestamp};
use packet::LinkType;

fn tap(options: &TapOptions, stop: &Stop) -> Option<Tap> {
    match Tap::open(options, stop.clone(), |_| {}) {
        Ok(tap) => Some(tap),
        Err(TapError::Denied { .. }) => {
            eprintln!("skipped: needs CAP_NET_RAW");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn lo() -> TapOptions {
    TapOptions { interfaces: vec!["lo".to_owned()], ..TapOptions::default() }
}

/// Reads until the bell has been heard; bytes of all packets, in order.
fn rest(tap: &mut Tap) -> Vec<(Timestamp, u32, Vec<u8>)> {
    let (mut batch, mut packets) = (Batch::new(), Vec::new());
    while tap.next(&mut batch).unwrap() {
        packets.extend(batch.packets().map(|p| (p.at, p.source, p.bytes.to_vec())));
    }
    packets
}

fn count(packets: &[(Timestamp, u32, Vec<u8>)], word: &[u8]) -> usize {
    packets.iter().filter(|(_, _, bytes)| bytes.windows(word.len()).any(|w| w == word)).count()
}

/// Says a word over a connection of this very process.
fn say(word: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    // Connections are looked up once a second.
    thread::sleep(Duration::from_millis(1_500));
    client.write_all(word).unwrap();
    let mut there = vec![0; word.len()];
    server.read_exact(&mut there).unwrap();
}

#[test]
fn a_packet_on_lo_is_seen_once_and_own_connections_are_not() {
    for (without_own, expected) in [(false, 1), (true, 0)] {
        let stop = Stop::new().unwrap();
        let Some(mut tap) = tap(&TapOptions { without_own, ..lo() }, &stop) else { return };
        let packets = thread::scope(|scope| {
            let reads = scope.spawn(|| rest(&mut tap));
            say(b"a word of our own");
            stop.ring();
            reads.join().unwrap()
        });
        assert_eq!(count(&packets, b"a word of our own"), expected, "{without_own}");
    }
}

#[test]
fn what_others_make_is_woven_in_by_time() {
    let stop = Stop::new().unwrap();
    let Some(mut tap) = tap(&TapOptions { without_own: false, ..lo() }, &stop) else { return };
    let source = Source { kind: "interface", name: "made".to_owned(), interface: None };
    let inlet = tap.inlet(source, Duration::from_millis(50)).unwrap();
    let packets = thread::scope(|scope| {
        let reads = scope.spawn(|| rest(&mut tap));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for n in 0..20 {
            socket.send_to(format!("woven {n}").as_bytes(), "127.0.0.1:9").unwrap();
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
            let bytes = format!("woven {n} and made").into_bytes();
            let at = Timestamp(u64::try_from(at).unwrap());
            inlet.put([Made { at, link: LinkType::ETHERNET, scope: 0, bytes }]);
            thread::sleep(Duration::from_millis(7));
        }
        stop.ring();
        reads.join().unwrap()
    });
    let woven: Vec<_> = packets
        .iter()
        .filter_map(|(_, _, bytes)| {
            let at = bytes.windows(6).position(|word| word == b"woven ")?;
            String::from_utf8(bytes[at..].to_vec()).ok()
        })
        .collect();
    // Each made packet comes after the one that it was made after; an error of ICMP may quote that.
    let mut woven = woven;
    woven.dedup();
    let expected = (0..20).flat_map(|n| [format!("woven {n}"), format!("woven {n} and made")]);
    assert_eq!(woven, expected.collect::<Vec<_>>());
    assert!(packets.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[test]
fn time_is_told_when_nothing_comes_and_the_bell_is_heard_at_once() {
    let stop = Stop::new().unwrap();
    let options = TapOptions { interfaces: vec!["no-such-interface".to_owned()], ..lo() };
    let Some(mut tap) = tap(&options, &stop) else { return };
    let mut batch = Batch::new();
    assert!(tap.next(&mut batch).unwrap());
    let first = batch.now().unwrap();
    assert!(tap.next(&mut batch).unwrap() && batch.is_empty());
    assert!(batch.now().unwrap() > first);
    let begun = Instant::now();
    stop.ring();
    assert!(rest(&mut tap).is_empty());
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[test]
fn a_filter_and_hundreds_of_interfaces_make_a_program_that_the_kernel_takes() {
    let stop = Stop::new().unwrap();
    let filter = Some("tcp port 80 or (udp and host 192.0.2.7) or ip6 host 2001:db8::1".to_owned());
    let _listeners: Vec<_> = (0..20).map(|_| TcpListener::bind("[::1]:0").unwrap()).collect();
    let has_pcap = Command::new("ldconfig")
        .arg("-p")
        .output()
        .is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("libpcap.so"));
    let filter = filter.filter(|_| has_pcap);
    let options = TapOptions { filter, interfaces: vec!["*".to_owned()], ..lo() };
    let _ = tap(&options, &stop);
}
