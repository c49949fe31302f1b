//! Flows made of packets written here: streams inside streams, questions to a group.

use std::borrow::Cow;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Next, Opens, Pair, Reader, Sink, Step, Verdict,
};
use flow::{Reason, Settings, Worker};
use model::{
    Call, Cover, Endpoint, FlowKey, Headline, Message, Protocol, Side, Tell, Timestamp, Transport,
};
use packet::{LinkType, Packet};

/// Lines: `Qname` asks, `Aname` answers, under the number of their second letter.
static LINES: Dissection = Dissection {
    folder: "lines",
    protocol: &LINES_PROTOCOL,
    transports: &[Transport::Tcp, Transport::Udp],
    names: &["lines"],
    ports: &[7],
    probe: |hello| match hello.bytes {
        [b'Q', ..] => Verdict::Is(Side::Client),
        [b'A', ..] => Verdict::Is(Side::Server),
        _ => Verdict::No,
    },
    open: |opening| match opening.transport {
        Transport::Tcp => Reader::open(&LINES_PROTOCOL, Lines, Framing::Stream),
        _ => Reader::open(&LINES_PROTOCOL, Lines, Framing::Datagram),
    },
};

static LINES_PROTOCOL: Protocol = toy("lines");

/// A wrapper: each byte of what is inside is one higher; `W` begins, `|` hands the flow to lines, what
/// begins with `#` nobody can open.
static WRAP: Dissection = Dissection {
    folder: "wrap",
    protocol: &WRAP_PROTOCOL,
    transports: &[Transport::Tcp],
    names: &[],
    ports: &[],
    probe: |hello: &Hello<'_>| match hello.bytes {
        [b'W', ..] => Verdict::Is(hello.from.unwrap_or(Side::Client)),
        _ => Verdict::No,
    },
    open: |_| Reader::open(&WRAP_PROTOCOL, Wrap::default(), Framing::Stream),
};

static WRAP_PROTOCOL: Protocol = toy("wrap");

static LIST: &[&Dissection] = &[&LINES, &WRAP];

const fn toy(name: &'static str) -> Protocol {
    Protocol { name, about: "for tests", specification: "", fields: &[], headline, tell }
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let text = |m: &'m Message| Cow::Borrowed(m.record.as_slice());
    Headline { method: request.map(text), endpoint: response.map(text), ..Headline::default() }
}

fn tell(_: &Message, _: &mut dyn Tell) {}

struct Lines;

impl Dissector for Lines {
    fn read(&mut self, _: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(eol) = input.iter().position(|b| *b == b'\n') else {
            return Step::Need(input.len() + 1);
        };
        let line = &input[..eol];
        let id = line.get(1).map_or(0, |b| u64::from(*b));
        sink.begin(Pair::Datagram(id));
        sink.record(line);
        sink.finish();
        Step::Took(eol + 1)
    }

    fn resync(&mut self, _: Side, _: &[u8]) -> Found {
        Found::At(0)
    }
}

#[derive(Default)]
struct Wrap {
    opened: bool,
}

impl Dissector for Wrap {
    fn read(&mut self, _: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if !self.opened {
            self.opened = true;
            let cover = Cover { decrypted_by: "keylog", ..Cover::default() };
            sink.inner_opens(0, Opens { cover: Some(cover), ..Opens::default() });
        }
        match input {
            [b'W', ..] => Step::Took(1),
            [b'#', ..] => {
                sink.sealed(input.len() as u64);
                Step::Took(input.len())
            }
            [b'|', ..] => Step::Become { took: 1, next: Next::Named("lines") },
            _ => {
                let end = input.iter().position(|b| *b == b'|').unwrap_or(input.len());
                sink.inner_with(0, |all| all.extend(input[..end].iter().map(|b| b - 1)));
                Step::Took(end)
            }
        }
    }

    fn resync(&mut self, _: Side, _: &[u8]) -> Found {
        Found::Nowhere
    }
}

/// What one call came to.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    protocol: &'static str,
    id: String,
    pairing: &'static str,
    texts: (String, String),
    decrypted: bool,
    client: u16,
}

/// The addresses of one connection at the place where it is seen.
#[derive(Clone, Copy)]
struct Place {
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
}

const PLACE: Place = Place { client: ([10, 0, 0, 1], 5_000), server: ([10, 0, 0, 2], 9) };

/// Packets from one host to another, and the calls in them.
struct Net {
    worker: Worker,
    seen: Vec<Seen>,
    /// Who spoke, where a test asks for it.
    ends: Option<Vec<Ends>>,
    frame: u64,
    ip_id: u8,
    seq: [u32; 2],
    scope: u16,
}

impl Net {
    fn new() -> Self {
        Self::of(0, 1)
    }

    fn of(index: usize, workers: usize) -> Self {
        let settings = Settings {
            list: LIST,
            lenses: &[],
            limits: dissect::Limits::default(),
            memory: 16 << 20,
            flows_max: 1_000,
            connections: false,
        };
        let worker = Worker::new(index, workers, &settings);
        Self {
            worker,
            seen: Vec::new(),
            ends: None,
            frame: 0,
            ip_id: 0,
            seq: [1_000_000; 2],
            scope: 0,
        }
    }

    /// A segment of the connection 10.0.0.1:5000 to 10.0.0.2:9.
    fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        self.segment_at(&[PLACE], side, flags, payload);
    }

    /// A segment that is seen at several places.
    fn segment_at(&mut self, places: &[Place], side: Side, flags: u8, payload: &[u8]) {
        let (mine, theirs) = (self.seq[side as usize], self.seq[side.other() as usize]);
        for Place { client, server } in places {
            let (src, dst) = if side == Side::Client { (client, server) } else { (server, client) };
            let mut tcp = ports(src.1, dst.1);
            tcp.extend(mine.to_be_bytes());
            tcp.extend(theirs.to_be_bytes());
            tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            tcp.extend(payload);
            self.packet(6, src.0, dst.0, &tcp);
        }
        let syn = u32::from(flags & 2 != 0);
        self.seq[side as usize] += syn + u32::try_from(payload.len()).unwrap();
    }

    fn handshake(&mut self) {
        self.segment(Side::Client, 0x02, b"");
        self.segment(Side::Server, 0x12, b"");
        self.segment(Side::Client, 0x10, b"");
    }

    fn says(&mut self, side: Side, payload: &[u8]) {
        self.segment(side, 0x18, payload);
    }

    fn datagram(&mut self, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) {
        let mut udp = ports(from.1, to.1);
        udp.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(payload);
        self.packet(17, from.0, to.0, &udp);
    }

    /// A datagram that is seen at several places; `id` is IP's.
    fn datagram_at(&mut self, places: &[Place], side: Side, id: u8, payload: &[u8]) {
        self.ip_id = id;
        for Place { client, server } in places {
            let (src, dst) = if side == Side::Client { (client, server) } else { (server, client) };
            self.datagram(*src, *dst, payload);
        }
        self.ip_id = 0;
    }

    fn packet(&mut self, protocol: u8, src: [u8; 4], dst: [u8; 4], rest: &[u8]) {
        let mut bytes = vec![0x45, 0];
        bytes.extend(u16::try_from(20 + rest.len()).unwrap().to_be_bytes());
        bytes.extend([0, self.ip_id, 0, 0, 64, protocol, 0, 0]);
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(rest);
        self.frame += 1;
        let packet = Packet {
            at: Timestamp(self.frame * 1_000),
            link: LinkType::RAW,
            source: 0,
            frame: self.frame,
            scope: self.scope,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            bytes: &bytes,
        };
        let Self { worker, seen, ends, .. } = self;
        worker.packet(&packet, &mut |call: &Call<'_>| match ends {
            Some(ends) => ends.push(Ends::of(call)),
            None => seen.push(Seen::of(call)),
        });
    }

    fn end(mut self) -> Vec<Seen> {
        let seen = &mut self.seen;
        self.worker.finish(&mut |call: &Call<'_>| seen.push(Seen::of(call)));
        self.seen
    }
}

impl Seen {
    fn of(call: &Call<'_>) -> Self {
        let text = |half: Option<&Message>| {
            half.map_or("-".to_owned(), |m| m.record.escape_ascii().to_string())
        };
        Self {
            protocol: call.protocol.name,
            id: format!("{}.{}-{}", call.stream, call.inside, call.number),
            pairing: call.pairing.name(),
            texts: (text(call.request), text(call.response)),
            decrypted: call.cover.is_some(),
            client: call.client.port,
        }
    }
}

fn ports(src: u16, dst: u16) -> Vec<u8> {
    [src.to_be_bytes(), dst.to_be_bytes()].concat()
}

fn wrapped(text: &[u8]) -> Vec<u8> {
    text.iter().map(|b| b + 1).collect()
}

#[test]
fn what_is_inside_is_recognised_and_carries_its_cover() {
    let mut net = Net::new();
    net.handshake();
    net.says(Side::Client, b"W");
    net.says(Side::Client, &wrapped(b"Qa\n"));
    net.says(Side::Server, &wrapped(b"Aa\n"));
    let seen = net.end();
    assert_eq!(
        seen,
        [Seen {
            protocol: "lines",
            id: "1.1-1".into(),
            pairing: "matched",
            texts: ("Qa".into(), "Aa".into()),
            decrypted: true,
            client: 5_000,
        }]
    );
}

#[test]
fn clear_text_and_its_encrypted_twin_are_two_flows() {
    let mut net = Net::new();
    net.handshake();
    net.says(Side::Client, b"Qwire\n");
    let seq = std::mem::replace(&mut net.seq, [7_000; 2]);
    net.scope = FlowKey::UNDER_COVER;
    net.handshake();
    net.says(Side::Client, b"Qclear\n");
    net.says(Side::Server, b"Aclear\n");
    (net.scope, net.seq) = (0, seq);
    net.says(Side::Server, b"Awire\n");
    let mut seen = net.end();
    seen.sort_by_key(|call| call.decrypted);
    let texts: Vec<_> = seen.iter().map(|call| (&*call.texts.1, call.decrypted)).collect();
    assert_eq!(texts, [("Awire", false), ("Aclear", true)]);
}

#[test]
fn what_is_inside_a_stream_inside_is_found_too() {
    let mut net = Net::new();
    net.handshake();
    let inner = [&b"W"[..], &wrapped(b"Qa\n")].concat();
    net.says(Side::Client, &[&b"W"[..], &wrapped(&inner)].concat());
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&*seen[0].texts.0, seen[0].pairing), ("Qa", "unanswered"));
}

#[test]
fn a_flow_is_handed_over_by_name_with_what_was_not_read() {
    let mut net = Net::new();
    net.handshake();
    net.says(Side::Client, b"W|Qa\n");
    net.says(Side::Server, b"Aa\n");
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&*seen[0].id, seen[0].pairing, seen[0].decrypted), ("1.0-1", "matched", false));
}

#[test]
fn what_nobody_reads_is_booked_by_server_and_reason() {
    let place = |last: u8| Place { server: ([10, 0, 0, last], 9), ..PLACE };
    let mut net = Net::new();
    net.segment_at(&[place(3)], Side::Client, 0x02, b"");
    net.segment_at(&[place(3)], Side::Server, 0x12, b"");
    for _ in 0..40 {
        net.segment_at(&[place(3)], Side::Client, 0x18, b"zzzzz");
    }
    let booked = net.worker.report().unread;
    assert!(booked[0].bytes >= 100, "it is told while it goes on: {booked:?}");
    net.segment_at(&[place(4)], Side::Client, 0x18, b"yyyy");
    net.segment_at(&[place(5)], Side::Client, 0x02, b"");
    net.segment_at(&[place(5)], Side::Server, 0x12, b"");
    net.segment_at(&[place(5)], Side::Client, 0x18, b"W");
    net.segment_at(&[place(5)], Side::Client, 0x18, b"#######");
    net.segment_at(&[place(5)], Side::Client, 0x18, b"#######");
    net.datagram(PLACE.client, place(6).server, b"x");
    net.worker.finish(&mut |_: &Call<'_>| {});
    let report = net.worker.report();
    let told: Vec<_> = report
        .unread
        .iter()
        .map(|one| (one.server.unwrap().ip.to_string(), one.reason, one.flows, one.bytes))
        .collect();
    let expected = [
        ("10.0.0.3", Reason::Unknown, 1, 200),
        ("10.0.0.5", Reason::Sealed, 1, 14),
        ("10.0.0.4", Reason::JoinedLate, 1, 4),
        ("10.0.0.6", Reason::Unknown, 1, 1),
    ];
    assert_eq!(told, expected.map(|(ip, why, flows, bytes)| (ip.to_owned(), why, flows, bytes)));
}

#[test]
fn the_answer_to_a_group_comes_from_a_member() {
    let mut net = Net::new();
    let asker = ([10, 0, 0, 1], 5_000);
    net.datagram(asker, ([224, 0, 0, 252], 7), b"Qa\n");
    net.datagram(([10, 0, 0, 9], 7), asker, b"Aa\n");
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&*seen[0].texts.1, seen[0].pairing), ("Aa", "matched"));
}

#[test]
fn a_stranger_does_not_answer_for_a_group() {
    let mut net = Net::new();
    let asker = ([10, 0, 0, 1], 5_000);
    net.datagram(asker, ([224, 0, 0, 252], 7), b"Qa\n");
    net.datagram(([10, 0, 0, 9], 8), asker, b"Aa\n");
    let mut pairings: Vec<_> = net.end().iter().map(|seen| seen.pairing).collect();
    pairings.sort_unstable();
    assert_eq!(pairings, ["orphan", "unanswered"]);
}

/// The same connection at the client, behind a service's address, and behind a gateway.
const AT_CLIENT: Place = Place { client: ([10, 0, 0, 1], 5_000), server: ([10, 96, 0, 1], 80) };
const AT_SERVER: Place = Place { client: ([10, 0, 0, 1], 5_000), server: ([10, 0, 0, 2], 9) };
const BEHIND_GATEWAY: Place = Place { client: ([9, 9, 9, 9], 5_000), server: ([10, 0, 0, 2], 9) };

/// Who spoke to whom: as it is told, and what each is called by the other.
#[derive(Debug, Eq, PartialEq)]
struct Ends {
    client: String,
    server: String,
    nat: Option<String>,
    service: Option<String>,
    pairing: &'static str,
}

impl Ends {
    fn of(call: &Call<'_>) -> Self {
        let text = |end: Endpoint| format!("{}:{}", end.ip, end.port);
        Self {
            client: text(call.client),
            server: text(call.server),
            nat: call.nat().map(text),
            service: call.service().map(text),
            pairing: call.pairing.name(),
        }
    }
}

/// What `said` comes to, and how many flows and joined connections were counted.
fn ends(workers: usize, said: impl Fn(&mut Net)) -> (Vec<Ends>, u64, u64) {
    let (mut all, mut flows, mut joined) = (Vec::new(), 0, 0);
    for index in 0..workers {
        let mut net = Net::of(index, workers);
        net.ends = Some(Vec::new());
        said(&mut net);
        let ends = &mut all;
        net.worker.finish(&mut |call: &Call<'_>| ends.push(Ends::of(call)));
        all.extend(net.ends.into_iter().flatten());
        let report = net.worker.report();
        flows += report.flows;
        joined +=
            report.counts.iter().find(|count| count.0 == "translated").map_or(0, |count| count.2);
    }
    (all, flows, joined)
}

/// A call seen at two places: the client's first in what it sends, the server's first in the answers.
fn seen_twice(net: &mut Net, near: Place, far: Place) {
    let (there, back) = ([near, far], [far, near]);
    net.segment_at(&there, Side::Client, 0x02, b"");
    net.segment_at(&back, Side::Server, 0x12, b"");
    net.segment_at(&there, Side::Client, 0x10, b"");
    net.segment_at(&there, Side::Client, 0x18, b"Qa\n");
    net.segment_at(&back, Side::Server, 0x18, b"Aa\n");
}

fn told(client: &str, server: &str, nat: Option<&str>, service: Option<&str>) -> Ends {
    let (client, server) = (client.into(), server.into());
    let (nat, service) = (nat.map(Into::into), service.map(Into::into));
    Ends { client, server, nat, service, pairing: "matched" }
}

#[test]
fn a_call_seen_before_and_behind_a_services_address_is_one_call() {
    for workers in 1..=5 {
        let seen = ends(workers, |net| seen_twice(net, AT_CLIENT, AT_SERVER));
        let one = told("10.0.0.1:5000", "10.0.0.2:9", None, Some("10.96.0.1:80"));
        assert_eq!(seen, (vec![one], 1, 1), "{workers} workers");
    }
}

#[test]
fn a_client_behind_a_gateway_is_told_as_it_calls_itself() {
    let seen = ends(3, |net| seen_twice(net, AT_CLIENT, BEHIND_GATEWAY));
    let service = Some("10.96.0.1:80");
    let one = told("10.0.0.1:5000", "10.0.0.2:9", Some("9.9.9.9:5000"), service);
    assert_eq!(seen, (vec![one], 1, 1));
}

#[test]
fn another_answer_makes_another_connection() {
    let seen = ends(1, |net| {
        net.segment_at(&[AT_CLIENT, AT_SERVER], Side::Client, 0x02, b"");
        net.segment_at(&[AT_SERVER], Side::Server, 0x12, b"");
        // Another server, that chose its own number.
        net.seq[1] = 7_000_000;
        net.segment_at(&[AT_CLIENT], Side::Server, 0x12, b"");
        net.segment_at(&[AT_CLIENT], Side::Client, 0x18, b"Qa\n");
        net.segment_at(&[AT_CLIENT], Side::Server, 0x18, b"Aa\n");
    });
    let one = told("10.0.0.1:5000", "10.96.0.1:80", None, None);
    assert_eq!(seen, (vec![one], 2, 0));
}

#[test]
fn connections_one_after_the_other_are_no_twins_whatever_their_numbers() {
    let seen = ends(1, |net| {
        for place in [AT_CLIENT, AT_SERVER] {
            net.seq = [1_000_000; 2];
            net.segment_at(&[place], Side::Client, 0x02, b"");
            net.segment_at(&[place], Side::Server, 0x12, b"");
            net.segment_at(&[place], Side::Client, 0x18, b"Qa\n");
            net.segment_at(&[place], Side::Server, 0x18, b"Aa\n");
        }
    });
    assert_eq!((seen.0.len(), seen.1, seen.2), (2, 2, 0));
}

#[test]
fn a_port_used_again_is_known_anew() {
    let seen = ends(2, |net| {
        seen_twice(net, AT_CLIENT, AT_SERVER);
        net.segment_at(&[AT_CLIENT, AT_SERVER], Side::Client, 0x04, b"");
        net.seq = [5_000_000, 6_000_000];
        // This one is seen at the client alone.
        net.segment_at(&[AT_CLIENT], Side::Client, 0x02, b"");
        net.segment_at(&[AT_CLIENT], Side::Server, 0x12, b"");
        net.segment_at(&[AT_CLIENT], Side::Client, 0x18, b"Qb\n");
        net.segment_at(&[AT_CLIENT], Side::Server, 0x18, b"Ab\n");
    });
    let first = told("10.0.0.1:5000", "10.0.0.2:9", None, Some("10.96.0.1:80"));
    let second = told("10.0.0.1:5000", "10.96.0.1:80", None, None);
    assert_eq!((seen.1, seen.2), (2, 1));
    assert!(seen.0.contains(&first) && seen.0.contains(&second), "{:?}", seen.0);
}

/// A question to a service's address, and where it went.
const ASKED: Place = Place { client: ([10, 0, 0, 1], 5_000), server: ([10, 96, 0, 10], 7) };
const ANSWERED: Place = Place { client: ([10, 0, 0, 1], 5_000), server: ([10, 0, 0, 3], 7) };

#[test]
fn a_question_to_a_services_address_is_one_question() {
    for workers in 1..=4 {
        let seen = ends(workers, |net| {
            for (id, question, answer) in [(1, b"Qa\n", b"Aa\n"), (2, b"Qb\n", b"Ab\n")] {
                net.datagram_at(&[ASKED, ANSWERED], Side::Client, id, question);
                net.datagram_at(&[ANSWERED, ASKED], Side::Server, 0, answer);
            }
        });
        let one = || told("10.0.0.1:5000", "10.0.0.3:7", None, Some("10.96.0.10:7"));
        assert_eq!(seen, (vec![one(), one()], 1, 1), "{workers} workers");
    }
}

#[test]
fn the_same_question_sent_to_two_servers_is_two_questions() {
    let seen = ends(1, |net| {
        net.datagram_at(&[ASKED], Side::Client, 1, b"Qa\n");
        net.datagram_at(&[ANSWERED], Side::Client, 2, b"Qa\n");
        net.datagram_at(&[ANSWERED, ASKED], Side::Server, 0, b"Aa\n");
    });
    assert_eq!((seen.0.len(), seen.1, seen.2), (2, 2, 0));
}

#[test]
fn what_is_decrypted_in_two_ways_is_told_once() {
    let mut net = Net::new();
    net.handshake();
    net.says(Side::Client, &[&b"W"[..], &wrapped(b"Qa\n")].concat());
    let seq = std::mem::replace(&mut net.seq, [1; 2]);
    net.scope = FlowKey::UNDER_COVER;
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    (net.scope, net.seq) = (0, seq);
    net.says(Side::Server, &wrapped(b"Aa\n"));
    (net.scope, net.seq) = (FlowKey::UNDER_COVER, [5, 2]);
    net.says(Side::Server, b"Aa\n");
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    // The one on the wire would be 1.1-1.
    assert_eq!((&*seen[0].id, seen[0].pairing), ("5.0-1", "matched"));
}

#[test]
fn clear_text_is_translated_as_its_wire_was() {
    let seen = ends(3, |net| {
        net.segment_at(&[AT_CLIENT, AT_SERVER], Side::Client, 0x02, b"");
        net.segment_at(&[AT_SERVER, AT_CLIENT], Side::Server, 0x12, b"");
        net.scope = FlowKey::UNDER_COVER;
        // The client knows the service, the server itself: both tell the same bytes.
        for place in [AT_CLIENT, AT_SERVER] {
            net.seq = [1; 2];
            net.segment_at(&[place], Side::Client, 0x02, b"");
            net.segment_at(&[place], Side::Server, 0x12, b"");
            net.segment_at(&[place], Side::Client, 0x18, b"Qa\n");
            net.segment_at(&[place], Side::Server, 0x18, b"Aa\n");
        }
        net.scope = 0;
    });
    let one = told("10.0.0.1:5000", "10.0.0.2:9", None, Some("10.96.0.1:80"));
    assert_eq!(seen.0, vec![one]);
}

#[test]
fn numbers_that_nobody_chose_make_no_twins() {
    let seen = ends(1, |net| {
        net.seq = [0; 2];
        seen_twice(net, AT_CLIENT, AT_SERVER);
    });
    assert_eq!((seen.0.len(), seen.1, seen.2), (2, 2, 0));
}
