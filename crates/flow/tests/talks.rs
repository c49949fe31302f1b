//! Flows made of packets written here: streams inside streams, questions to a group.

use std::{borrow::Cow, net::IpAddr};

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Next, Opens, Pair, Reader, Sink, Step, Verdict,
};
use flow::{Settings, Worker};
use model::{Call, Cover, Headline, Message, Protocol, Side, Tell, Timestamp, Transport};
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
        Transport::Udp => Reader::open(&LINES_PROTOCOL, Lines, Framing::Datagram),
    },
};

static LINES_PROTOCOL: Protocol = toy("lines");

/// A wrapper: each byte of what is inside is one higher; `W` begins, `|` hands the flow to lines.
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
    /// Where it was answered, and where it was sent if that was elsewhere.
    server: (IpAddr, Option<(IpAddr, u16)>),
}

/// Packets from one host to another, and the calls in them.
struct Net {
    worker: Worker,
    seen: Vec<Seen>,
    frame: u64,
    seq: [u32; 2],
    /// Each segment is seen once for each of these.
    servers: Vec<([u8; 4], u16)>,
}

impl Net {
    fn new() -> Self {
        let settings = Settings {
            list: LIST,
            lenses: &[],
            limits: dissect::Limits::default(),
            memory: 16 << 20,
            flows_max: 1_000,
        };
        Self {
            worker: Worker::new(0, 1, &settings),
            seen: Vec::new(),
            frame: 0,
            seq: [100; 2],
            servers: vec![([10, 0, 0, 2], 9)],
        }
    }

    /// A segment of the connection 10.0.0.1:5000 to 10.0.0.2:9, or what the server is called.
    fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let (mine, theirs) = (self.seq[side as usize], self.seq[side.other() as usize]);
        let client = ([10, 0, 0, 1], 5_000);
        let mut servers = self.servers.clone();
        if side == Side::Server {
            servers.reverse();
        }
        for server in servers {
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

    fn packet(&mut self, protocol: u8, src: [u8; 4], dst: [u8; 4], rest: &[u8]) {
        let mut bytes = vec![0x45, 0];
        bytes.extend(u16::try_from(20 + rest.len()).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
        bytes.extend(src);
        bytes.extend(dst);
        bytes.extend(rest);
        self.frame += 1;
        let packet = Packet {
            at: Timestamp(self.frame * 1_000),
            link: LinkType::RAW,
            source: 0,
            frame: self.frame,
            scope: 0,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            bytes: &bytes,
        };
        let seen = &mut self.seen;
        self.worker.packet(&packet, &mut |call: &Call<'_>| seen.push(Seen::of(call)));
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
            server: (call.server.ip, call.asked.map(|asked| (asked.ip, asked.port))),
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
            server: (POD.0.into(), None),
        }]
    );
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

/// The service's address, and where it leads.
const SERVICE: ([u8; 4], u16) = ([10, 96, 0, 7], 80);
const POD: ([u8; 4], u16) = ([10, 0, 0, 2], 9);

fn behind() -> (IpAddr, Option<(IpAddr, u16)>) {
    (POD.0.into(), Some((SERVICE.0.into(), SERVICE.1)))
}

#[test]
fn a_call_before_and_after_its_translation_is_one() {
    let mut net = Net::new();
    net.servers = vec![SERVICE, POD];
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    net.says(Side::Server, b"Aa\n");
    net.says(Side::Client, &[&b"W"[..], &wrapped(b"Qb\n")].concat());
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&*seen[0].texts.0, &*seen[0].texts.1), ("Qa", "Aa"));
    assert_eq!((seen[0].pairing, seen[0].server), ("matched", behind()));
}

#[test]
fn two_translations_lead_to_the_last_and_what_is_inside_knows_the_first() {
    let mut net = Net::new();
    net.servers = vec![SERVICE, ([10, 0, 9, 9], 30_080), POD];
    net.handshake();
    net.says(Side::Client, &[&b"W"[..], &wrapped(b"Qa\n")].concat());
    net.says(Side::Server, &wrapped(b"Aa\n"));
    let seen = net.end();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].pairing, seen[0].decrypted), ("matched", true));
    assert_eq!(seen[0].server, behind());
}

#[test]
fn the_same_ends_may_lead_elsewhere_later() {
    let mut net = Net::new();
    net.servers = vec![SERVICE, POD];
    net.handshake();
    net.says(Side::Client, b"Qa\n");
    // The ports are used again, and nothing is translated any more.
    net.servers = vec![SERVICE];
    net.seq = [70_000, 80_000];
    net.handshake();
    net.says(Side::Client, b"Qb\n");
    let mut seen = net.end();
    seen.sort_by(|a, b| a.texts.cmp(&b.texts));
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!((&*seen[0].texts.0, seen[0].server), ("Qa", behind()));
    assert_eq!((&*seen[1].texts.0, seen[1].server), ("Qb", (SERVICE.0.into(), None)));
}
