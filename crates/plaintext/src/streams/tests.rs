use std::net::Ipv4Addr;

use super::*;

/// What an outlet was told, a line each.
#[derive(Default)]
struct Told(Vec<String>);

impl Outlet for Told {
    fn opened(&mut self, flow: &Flow, _: Timestamp) {
        self.0.push(format!("{} opened {}", flow.number, flow.socket.local));
    }

    fn data(&mut self, flow: &Flow, way: Way, _: Timestamp, bytes: &[u8]) {
        self.0.push(format!("{} {way:?} {}", flow.number, String::from_utf8_lossy(bytes)));
    }

    fn gap(&mut self, flow: &Flow, way: Way, _: Timestamp, len: u64) {
        self.0.push(format!("{} {way:?} lacks {len}", flow.number));
    }

    fn closed(&mut self, flow: &Flow, _: Timestamp) {
        self.0.push(format!("{} closed", flow.number));
    }
}

/// Streams, and what they told.
#[derive(Default)]
struct Play {
    streams: Streams,
    told: Told,
    now: u64,
}

fn client() -> Endpoint {
    Endpoint { ip: Ipv4Addr::new(10, 0, 0, 1).into(), port: 40_000 }
}

fn server() -> Endpoint {
    Endpoint { ip: Ipv4Addr::new(10, 0, 0, 2).into(), port: 443 }
}

/// The client's end has number 1, the server's 2; 3 has no socket yet.
fn record(connection: u64, what: What<'_>) -> Record<'_> {
    let socket = match connection {
        1 => Some(Socket { local: client(), remote: server(), netns: 1 }),
        2 => Some(Socket { local: server(), remote: client(), netns: 2 }),
        _ => None,
    };
    let pid = u32::try_from(connection).expect("a small number");
    Record {
        at_ns: 1,
        connection,
        pid,
        thread: pid,
        role: Role::Unknown,
        is_whole: false,
        socket,
        what,
    }
}

fn bytes(way: Way, offset: u64, bytes: &[u8], write_since: Option<u64>) -> What<'_> {
    let piece = Piece { way, offset, whole: bytes.len() as u64, write_since };
    What::Bytes { piece, bytes }
}

impl Play {
    fn say(&mut self, connection: u64, what: What<'_>) {
        self.streams.record(&record(connection, what), self.now, &mut self.told);
    }

    fn wait(&mut self, ns: u64) {
        self.now += ns;
        self.streams.tick(self.now, &mut self.told);
    }
}

#[test]
fn both_ends_of_a_connection_are_told_once() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Written, 0, b"question", None));
    play.say(2, bytes(Way::Read, 0, b"question", None));
    play.say(2, bytes(Way::Written, 0, b"answer", None));
    play.say(1, bytes(Way::Read, 0, b"answer", None));
    play.say(1, What::Closed { read: 6, written: 8 });
    play.say(2, bytes(Way::Read, 8, b"late", None));
    play.say(2, What::Closed { read: 12, written: 6 });
    let expected = ["1 opened 10.0.0.1:40000", "1 Written question", "1 Read answer", "1 closed"];
    assert_eq!(play.told.0, expected);
    assert_eq!(play.streams.counts.twice_bytes, 18);
}

#[test]
fn what_the_ring_lost_is_a_gap() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Read, 0, b"ab", None));
    play.say(1, bytes(Way::Read, 10, b"kl", None));
    play.say(1, What::Closed { read: 15, written: 3 });
    let expected = [
        "1 opened 10.0.0.1:40000",
        "1 Read ab",
        "1 Read lacks 8",
        "1 Read kl",
        "1 Read lacks 3",
        "1 Written lacks 3",
        "1 closed",
    ];
    assert_eq!(play.told.0, expected);
    assert_eq!(play.streams.counts.gap_bytes, 14);
}

#[test]
fn an_answer_waits_for_the_end_of_its_question() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Read, 0, b"answer", Some(1)));
    assert_eq!(play.told.0.len(), 0);
    play.say(1, bytes(Way::Written, 0, b"question", None));
    assert_eq!(play.told.0[1..], ["1 Written question", "1 Read answer"]);
}

#[test]
fn an_answer_does_not_wait_for_ever() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Read, 0, b"news", Some(1)));
    play.say(1, bytes(Way::Read, 4, b"more", None));
    play.wait(HOLD_NS);
    assert_eq!(play.told.0[1..], ["1 Read news", "1 Read more"]);
}

#[test]
fn without_a_socket_bytes_wait_until_it_is_known() {
    let mut play = Play::default();
    play.say(3, bytes(Way::Written, 0, b"question", None));
    play.wait(HOLD_NS);
    assert_eq!(play.told.0.len(), 0);
    let mut known = record(3, bytes(Way::Read, 0, b"answer", None));
    known.socket = record(1, What::Exit).socket;
    play.streams.record(&known, play.now, &mut play.told);
    let expected = ["1 opened 10.0.0.1:40000", "1 Written question", "1 Read answer"];
    assert_eq!(play.told.0, expected);
}

#[test]
fn what_never_had_a_socket_is_counted() {
    let mut play = Play::default();
    play.say(3, bytes(Way::Written, 0, b"question", None));
    play.say(3, What::Closed { read: 0, written: 8 });
    assert_eq!(play.told.0.len(), 0);
    assert_eq!(play.streams.counts.unplaced_bytes, 8);
    assert_eq!(play.streams.waiting_bytes, 0);
}

#[test]
fn more_than_may_wait_is_a_gap_of_its_size() {
    let mut play = Play::default();
    let large = vec![b'x'; WAITING_BYTES_MAX];
    play.say(3, bytes(Way::Written, 0, &large, None));
    play.say(3, bytes(Way::Written, large.len() as u64, b"over", None));
    let mut known = record(3, bytes(Way::Read, 0, b"answer", None));
    known.socket = record(1, What::Exit).socket;
    play.streams.record(&known, play.now, &mut play.told);
    assert_eq!(play.told.0[2..], ["1 Written lacks 4", "1 Read answer"]);
    assert_eq!(play.streams.counts.waited_bytes, 4);
}

#[test]
fn a_process_that_ends_closes_what_it_had() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Written, 0, b"a", None));
    let mut exit = record(1, What::Exit);
    exit.connection = 0;
    play.streams.record(&exit, play.now, &mut play.told);
    assert_eq!(play.told.0[1..], ["1 Written a", "1 closed"]);
}

#[test]
fn a_port_used_again_is_another_connection() {
    let mut play = Play::default();
    play.say(1, bytes(Way::Written, 0, b"a", None));
    play.say(1, What::Closed { read: 0, written: 1 });
    let mut again = record(4, bytes(Way::Written, 0, b"b", None));
    again.socket = record(1, What::Exit).socket;
    play.streams.record(&again, play.now, &mut play.told);
    let expected = ["1 closed", "2 opened 10.0.0.1:40000", "2 Written b"];
    assert_eq!(play.told.0[2..], expected);
}
