//! What is known of a flow beside what is said on it: how its packets went, and what ICMP said of them.

mod wire;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use flow::{Aim, Share};
use model::{FlowKey, Side, Timestamp, Transport};
use wire::{Net, RST};

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 5_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 9);

#[test]
fn a_question_of_whose_flow_was_said_that_nothing_arrives_is_missing_for_that() {
    let mut net = Net::new(false);
    let sent = net.datagram(CLIENT, SERVER, b"Qa\n");
    net.datagram(([10, 0, 0, 3], 5_000), SERVER, b"Qa\n");
    net.icmp([10, 0, 0, 2], [10, 0, 0, 1], 3, 3, &sent[..28]);
    let seen = net.end();
    assert_eq!(seen[0].why, Some("unreachable"));
    assert_eq!(seen[0].says, Some("port unreachable"));
    assert_eq!((seen[1].why, seen[1].says), (Some("capture-end"), None));
}

#[test]
fn an_error_between_two_calls_is_of_neither() {
    let mut net = Net::new(false);
    let sent = net.datagram(CLIENT, SERVER, b"Qa\n");
    net.datagram(SERVER, CLIENT, b"Aa\n");
    net.icmp([10, 0, 0, 9], [10, 0, 0, 1], 5, 0, &sent[..28]);
    net.datagram(CLIENT, SERVER, b"Qb\n");
    net.datagram(SERVER, CLIENT, b"Ab\n");
    assert!(net.end().iter().all(|seen| seen.says.is_none() && seen.pairing == "matched"));
}

#[test]
fn an_error_that_is_not_final_does_not_end_a_call() {
    let mut net = Net::new(false);
    let sent = net.datagram(CLIENT, SERVER, b"Qa\n");
    net.icmp([10, 0, 0, 9], [10, 0, 0, 1], 3, 4, &sent[..28]);
    let seen = net.end();
    assert_eq!((seen[0].why, seen[0].says), (Some("capture-end"), Some("packet too big")));
}

#[test]
fn connections_are_told_only_where_they_are_asked_for() {
    for asked in [false, true] {
        let mut net = Net::new(asked);
        net.handshake();
        net.says(Side::Client, b"Qa\n");
        net.says(Side::Server, b"Aa\n");
        let seen = net.end();
        assert_eq!(seen.iter().filter(|one| one.protocol == "conn").count(), usize::from(asked));
        assert_eq!(seen.iter().filter(|one| one.protocol == "lines").count(), 1);
    }
}

#[test]
fn a_connection_tells_how_it_went() {
    let mut net = Net::new(true);
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    net.again(Side::Client, b"Qa\n");
    net.says(Side::Server, b"Aa\n");
    net.segment(Side::Server, RST, b"");
    let conn = net.end().into_iter().find(|one| one.protocol == "conn").expect("an entry");
    assert_eq!((conn.method.as_str(), conn.endpoint.as_str()), ("tcp", "lines"));
    assert_eq!((conn.status.as_str(), conn.pairing), ("reset", "matched"));
    assert_eq!(conn.id, "1-0");
    for (field, value) in [
        ("conn.transport", "tcp"),
        ("conn.recognised", "start"),
        ("conn.calls", "1"),
        ("conn.handshake_ns", "2000"),
        ("conn.grant_ns", "1000"),
        ("conn.client.packets", "4"),
        ("conn.client.bytes", "6"),
        ("conn.client.retransmissions", "1"),
        ("conn.client.retransmitted_bytes", "3"),
        ("conn.server.packets", "3"),
        ("conn.server.bytes", "3"),
        ("conn.server.resets", "1"),
    ] {
        assert_eq!(conn.field(field), Some(value), "{field}");
    }
}

#[test]
fn nobody_there_is_not_the_same_as_not_wanted() {
    let mut net = Net::new(true);
    net.segment(Side::Client, wire::SYN, b"");
    let seen = net.end();
    assert_eq!((seen[0].status.as_str(), seen[0].pairing), ("unanswered", "unanswered"));
    let mut net = Net::new(true);
    net.segment(Side::Client, wire::SYN, b"");
    net.segment(Side::Server, RST | wire::ACK, b"");
    assert_eq!(net.end()[0].status, "refused");
    let mut net = Net::new(true);
    let sent = net.datagram(CLIENT, SERVER, b"?");
    net.icmp([10, 0, 0, 2], [10, 0, 0, 1], 3, 3, &sent[..28]);
    let seen = net.end();
    assert_eq!((seen[0].status.as_str(), seen[0].why), ("refused", Some("unreachable")));
    assert_eq!(seen[0].field("conn.icmp_errors"), Some("1"));
}

#[test]
fn bytes_that_are_not_there_are_said_of_their_connection() {
    let mut net = Net::new(true);
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    net.skip(Side::Client, 7);
    net.says(Side::Client, b"Qb\n");
    net.says(Side::Server, b"Aa\n");
    let conn = net.end().into_iter().find(|one| one.protocol == "conn").expect("an entry");
    assert_eq!(conn.field("conn.client.lost_bytes"), Some("7"));
    assert_eq!(conn.why, Some("gap"));
}

#[test]
fn a_ping_is_a_flow_too() {
    let mut net = Net::new(true);
    net.packet(1, CLIENT.0, SERVER.0, &[8, 0, 0, 0, 0, 7, 0, 1]);
    net.packet(1, SERVER.0, CLIENT.0, &[0, 0, 0, 0, 0, 7, 0, 1]);
    let seen = net.end();
    assert_eq!((seen[0].method.as_str(), seen[0].status.as_str()), ("icmp", "answered"));
    assert_eq!(seen[0].transport, Transport::Icmp);
}

#[test]
fn an_answer_to_all_is_no_question_to_which_others_answer() {
    let all = ([255; 4], 68);
    let (server, asker) = (([10, 0, 0, 2], 67), ([10, 0, 0, 1], 68));
    let mut net = Net::new(false);
    net.datagram(server, all, b"Ax\n");
    net.datagram(asker, server, b"Qa\n");
    net.datagram(server, asker, b"Aa\n");
    let seen = net.end();
    assert_eq!((seen[0].pairing, seen[1].pairing), ("orphan", "matched"), "{seen:?}");
}

// === SCTP ===

/// Tags that the client's and the server's packets go by.
const TO_SERVER: u32 = 0x5e;
const TO_CLIENT: u32 = 0xc1;

/// A chunk with its padding.
fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap().to_be_bytes();
    let mut chunk = [&[kind, flags, len[0], len[1]][..], value].concat();
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

/// An INIT, or its answer (2): the tag its sender wants to see, and its first number.
fn init(kind: u8, tag: u32, tsn: u32) -> Vec<u8> {
    chunk(kind, 0, &[tag, 1 << 16, 0x0001_0001, tsn].map(u32::to_be_bytes).concat())
}

/// Data on stream 1: `flags` 3 is a whole message, 2 its first part, 0 a middle one, 1 its last.
fn data(flags: u8, tsn: u32, number: u32, ppid: u32, text: &[u8]) -> Vec<u8> {
    let head = [tsn, 1 << 16 | number, ppid].map(u32::to_be_bytes).concat();
    chunk(0, flags, &[&head, text].concat())
}

fn sack(cumulative: u32) -> Vec<u8> {
    chunk(3, 0, &[cumulative, 1 << 16, 0].map(u32::to_be_bytes).concat())
}

fn opened(net: &mut Net) {
    net.sctp(Side::Client, 0, &init(1, TO_CLIENT, 100));
    net.sctp(Side::Server, TO_CLIENT, &init(2, TO_SERVER, 900));
    net.sctp(Side::Client, TO_SERVER, &chunk(10, 0, b"cookie"));
    net.sctp(Side::Server, TO_CLIENT, &chunk(11, 0, b""));
}

fn calls(net: Net) -> Vec<(String, String, &'static str)> {
    let lines = net.end().into_iter().filter(|one| one.protocol == "lines");
    lines.map(|one| (one.method, one.endpoint, one.pairing)).collect()
}

fn pair(method: &str, endpoint: &str) -> (String, String, &'static str) {
    (method.into(), endpoint.into(), "matched")
}

#[test]
fn a_message_goes_to_whom_its_number_names_in_any_order_and_once() {
    let mut net = Net::new(false);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(3, 101, 1, 7, b"Qb\n"));
    net.sctp(Side::Client, TO_SERVER, &data(3, 100, 0, 7, b"Qa\n"));
    net.sctp(Side::Client, TO_SERVER, &data(3, 100, 0, 7, b"Qa\n"));
    let both = [sack(101), data(3, 900, 0, 7, b"Aa\n"), data(3, 901, 1, 7, b"Ab\n")].concat();
    net.sctp(Side::Server, TO_CLIENT, &both);
    assert_eq!(calls(net), [pair("Qa", "Aa"), pair("Qb", "Ab")]);
}

#[test]
fn parts_of_a_message_are_put_together() {
    let mut net = Net::new(false);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(2, 100, 0, 7, b"Qlo"));
    net.sctp(Side::Client, TO_SERVER, &data(1, 102, 0, 7, b"r\n"));
    net.sctp(Side::Client, TO_SERVER, &data(0, 101, 0, 7, b"nge"));
    net.sctp(Side::Server, TO_CLIENT, &data(3, 900, 0, 7, b"Al\n"));
    assert_eq!(calls(net), [pair("Qlonger", "Al")]);
}

#[test]
fn parts_of_two_messages_may_be_interleaved() {
    let part = |flags: u8, tsn: u32, message: u32, either: u32, text: &[u8]| {
        let head = [tsn, 1 << 16, message, either].map(u32::to_be_bytes).concat();
        chunk(64, flags, &[&head, text].concat())
    };
    let mut net = Net::new(false);
    opened(&mut net);
    let parts = [
        part(2, 100, 0, 7, b"Qa"),
        part(2, 101, 1, 7, b"Qb"),
        part(1, 102, 0, 1, b"1\n"),
        part(1, 103, 1, 1, b"2\n"),
    ];
    net.sctp(Side::Client, TO_SERVER, &parts.concat());
    net.sctp(Side::Server, TO_CLIENT, &data(3, 900, 0, 7, b"Ab\nAa\n"));
    assert_eq!(calls(net), [pair("Qb2", "Ab"), pair("Qa1", "Aa")]);
}

#[test]
fn a_part_that_was_lost_takes_its_message_with_it_and_nothing_else() {
    let mut net = Net::new(true);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(2, 100, 0, 7, b"Qa"));
    net.sctp(Side::Client, TO_SERVER, &data(1, 102, 0, 7, b"a\n"));
    net.sctp(Side::Client, TO_SERVER, &data(3, 103, 1, 7, b"Qb\n"));
    net.sctp(Side::Server, TO_CLIENT, &[sack(103), data(3, 900, 1, 7, b"Ab\n")].concat());
    let seen = net.end();
    let conn = seen.iter().find(|one| one.protocol == "conn").expect("an entry");
    assert_eq!(conn.field("conn.client.lost_bytes"), Some("1"));
    let lines: Vec<_> = seen.iter().filter(|one| one.protocol == "lines").collect();
    assert!(lines.iter().all(|one| one.method != "Qaa"), "{lines:?}");
    assert!(lines.iter().any(|one| one.method == "Qb"), "{lines:?}");
}

#[test]
fn a_message_that_another_began_inside_of_is_a_gap_and_nothing_is_paired_over_it() {
    let mut net = Net::new(true);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(2, 100, 0, 7, b"Qa"));
    net.sctp(Side::Client, TO_SERVER, &data(3, 101, 0, 7, b"Qb\n"));
    net.sctp(Side::Server, TO_CLIENT, &data(3, 900, 0, 7, b"Aa\n"));
    let seen = net.end();
    // Neither what was begun nor what began inside of it is known to be what its sender meant.
    let conn = seen.iter().find(|one| one.protocol == "conn").expect("an entry");
    assert_eq!(conn.field("conn.client.lost_bytes"), Some("1"));
    let mut lines = seen.iter().filter(|one| one.protocol == "lines");
    assert!(lines.all(|one| one.pairing != "matched"), "{seen:?}");
}

#[test]
fn another_address_with_the_same_tag_is_the_same_association() {
    let mut net = Net::new(true);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(3, 100, 0, 7, b"Qa\n"));
    net.sctp_from([10, 0, 9, 1], Side::Client, TO_SERVER, &data(3, 101, 1, 7, b"Qb\n"));
    net.sctp(Side::Server, TO_CLIENT, &data(3, 900, 0, 7, b"Ab\nAa\n"));
    net.sctp(Side::Client, TO_SERVER, &chunk(7, 0, &900_u32.to_be_bytes()));
    net.sctp(Side::Server, TO_CLIENT, &chunk(8, 0, b""));
    net.sctp(Side::Client, TO_SERVER, &chunk(14, 0, b""));
    let seen = net.end();
    let conns: Vec<_> = seen.iter().filter(|one| one.protocol == "conn").collect();
    assert_eq!(conns.len(), 1);
    assert_eq!((conns[0].method.as_str(), conns[0].status.as_str()), ("sctp", "closed"));
    assert_eq!(conns[0].field("conn.recognised"), Some("named"));
    assert_eq!(conns[0].field("conn.handshake_ns"), Some("2000"));
    let matched = seen.iter().filter(|one| one.protocol == "lines" && one.pairing == "matched");
    assert_eq!(matched.count(), 2);
}

#[test]
fn a_new_association_on_the_same_ports_is_a_new_one() {
    let mut net = Net::new(false);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(3, 100, 0, 7, b"Qa\n"));
    net.sctp(Side::Client, TO_SERVER, &chunk(6, 0, b""));
    net.sctp(Side::Client, 0, &init(1, 0x77, 5));
    net.sctp(Side::Server, 0x77, &init(2, 0x78, 6));
    net.sctp(Side::Client, 0x78, &data(3, 5, 0, 7, b"Qa\n"));
    net.sctp(Side::Server, 0x77, &data(3, 6, 0, 7, b"Aa\n"));
    let halves = calls(net);
    assert_eq!(halves.len(), 2, "{halves:?}");
    assert_eq!(halves[0].2, "unanswered");
    assert_eq!(halves[1], pair("Qa", "Aa"));
}

#[test]
fn an_association_joined_late_is_read_from_there() {
    let mut net = Net::new(false);
    net.sctp(Side::Server, TO_CLIENT, &data(3, 4_000, 0, 0, b"Az\n"));
    net.sctp(Side::Client, TO_SERVER, &data(3, 9_000, 0, 0, b"Qa\n"));
    net.sctp(Side::Server, TO_CLIENT, &data(3, 4_001, 0, 0, b"Aa\n"));
    let halves = calls(net);
    assert_eq!(halves[0].2, "orphan");
    assert_eq!(halves[1], pair("Qa", "Aa"));
}

#[test]
fn what_is_named_otherwise_is_not_looked_at() {
    let mut net = Net::new(false);
    opened(&mut net);
    net.sctp(Side::Client, TO_SERVER, &data(3, 100, 0, 18, b"Qa\n"));
    assert!(calls(net).is_empty());
}

/// Everybody is meant as long as it says so.
struct Switch(Arc<AtomicBool>);

impl Aim for Switch {
    fn is_meant(&mut self, key: &FlowKey, at: Timestamp) -> bool {
        assert!(key.a.port > 0 && at.0 > 0, "{key:?}");
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn what_nobody_means_is_not_read_and_what_is_under_way_is_read_to_its_end() {
    let (is_meant, share) = (Arc::new(AtomicBool::new(false)), Share::default());
    let mut net = Net::new(false);
    net.heed(Switch(is_meant.clone()), &share);
    let ends = |port| [([10, 0, 0, 3], port), ([10, 0, 0, 2], 9)];
    let ask = |net: &mut Net, [client, server]: [([u8; 4], u16); 2], name: &str| {
        net.datagram(client, server, format!("Q{name}\n").as_bytes());
        net.datagram(server, client, format!("A{name}\n").as_bytes());
    };
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    net.says(Side::Server, b"Aa\n");
    ask(&mut net, ends(1), "b");
    // Both SYNs, both lines, both datagrams; an acknowledgment alone would open nothing.
    assert_eq!((share.not_meant(), share.passed_over()), (6, 0));
    is_meant.store(true, Ordering::Relaxed);
    ask(&mut net, ends(2), "c");
    // Joined late, as it is meant now.
    net.says(Side::Client, b"Qd\n");
    net.says(Side::Server, b"Ad\n");
    is_meant.store(false, Ordering::Relaxed);
    net.says(Side::Client, b"Qe\n");
    net.says(Side::Server, b"Ae\n");
    ask(&mut net, ends(2), "f");
    ask(&mut net, ends(4), "g");
    assert_eq!(share.not_meant(), 8);
    let mut names: Vec<_> = calls(net).into_iter().map(|call| call.0).collect();
    names.sort();
    assert_eq!(names, ["Qc", "Qd", "Qe", "Qf"]);
}
