//! Packets written by hand, and what a worker makes of them.

use std::borrow::Cow;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step, Verdict};
use flow::{Settings, Worker};
use model::{
    BodyFacts, Call, Headline, Message, Protocol, Side, Tell, Timestamp, Transport, Value,
};
use packet::{LinkType, Packet};

pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// Lines: `Qname` asks, `Aname` answers, under the number of their second letter.
static LINES: Dissection = Dissection {
    folder: "lines",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp, Transport::Udp, Transport::Sctp],
    names: &["lines", "ppid-7"],
    ports: &[],
    probe: |hello| match hello.bytes {
        [b'Q', ..] => Verdict::Is(Side::Client),
        [b'A', ..] => Verdict::Is(Side::Server),
        _ => Verdict::No,
    },
    open: |opening| {
        let ordered = opening.transport.is_ordered();
        let framing = if ordered { Framing::Stream } else { Framing::Datagram };
        Reader::open(&PROTOCOL, Lines, framing)
    },
};

static LIST: &[&Dissection] = &[&LINES];

static PROTOCOL: Protocol = Protocol {
    name: "lines",
    about: "for tests",
    specification: "",
    fields: &[],
    headline,
    tell: |_, _| {},
};

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let text = |m: &'m Message| Cow::Borrowed(m.record.as_slice());
    Headline { method: request.map(text), endpoint: response.map(text), ..Headline::default() }
}

struct Lines;

impl Dissector for Lines {
    fn read(&mut self, _: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(eol) = input.iter().position(|b| *b == b'\n') else {
            return Step::Need(input.len() + 1);
        };
        let line = &input[..eol];
        sink.begin(Pair::Datagram(line.get(1).map_or(0, |b| u64::from(*b))));
        sink.record(line);
        sink.finish();
        Step::Took(eol + 1)
    }

    fn resync(&mut self, _: Side, _: &[u8]) -> Found {
        Found::At(0)
    }
}

/// What one call came to.
#[derive(Debug)]
pub struct Seen {
    pub protocol: &'static str,
    pub transport: Transport,
    pub id: String,
    pub method: String,
    pub endpoint: String,
    pub status: String,
    pub pairing: &'static str,
    pub why: Option<&'static str>,
    pub says: Option<&'static str>,
    fields: Vec<(&'static str, String)>,
}

impl Seen {
    fn of(call: &Call<'_>) -> Self {
        let headline = (call.protocol.headline)(call.request, call.response);
        let text = |text: Option<Cow<'_, [u8]>>| {
            String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
        };
        let mut told = Told { protocol: call.protocol, fields: Vec::new() };
        for half in [call.request, call.response].into_iter().flatten() {
            (call.protocol.tell)(half, &mut told);
        }
        Self {
            protocol: call.protocol.name,
            transport: call.transport,
            id: format!("{}-{}", call.stream, call.number),
            method: text(headline.method),
            endpoint: text(headline.endpoint),
            status: text(headline.status.map(|status| status.code)),
            pairing: call.pairing.name(),
            why: call.missing.map(|missing| missing.why.name()),
            says: call.noticed.map(|noticed| noticed.notice.says.name()),
            fields: told.fields,
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

struct Told {
    protocol: &'static Protocol,
    fields: Vec<(&'static str, String)>,
}

impl Tell for Told {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let value = match value {
            Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Bool(holds) => holds.to_string(),
        };
        self.fields.push((self.protocol.fields[index].name, value));
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    fn body(&mut self, _: BodyFacts<'_>) {}
}

/// Packets from one host to another, a microsecond apart, and the calls in them.
pub struct Net {
    worker: Worker,
    seen: Vec<Seen>,
    frame: u64,
    seq: [u32; 2],
}

impl Net {
    pub fn new(connections: bool) -> Self {
        let settings = Settings {
            list: LIST,
            lenses: &[],
            limits: dissect::Limits::default(),
            memory: 16 << 20,
            flows_max: 1_000,
            connections,
        };
        let worker = Worker::new(0, 1, &settings);
        Self { worker, seen: Vec::new(), frame: 0, seq: [1_000_000; 2] }
    }

    /// From now on only flows that are meant are read, and only this share of them.
    pub fn heed(&mut self, aim: impl flow::Aim + 'static, share: &flow::Share) {
        self.worker.aim(aim);
        self.worker.heed(share);
    }

    /// A segment of the connection 10.0.0.1:5000 to 10.0.0.2:9.
    pub fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let (mine, theirs) = (self.seq[side as usize], self.seq[side.other() as usize]);
        let ends = [([10, 0, 0, 1], 5_000), ([10, 0, 0, 2], 9)];
        let [src, dst] = if side == Side::Client { ends } else { [ends[1], ends[0]] };
        let mut tcp = ports(src.1, dst.1);
        tcp.extend(mine.to_be_bytes());
        tcp.extend(theirs.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(payload);
        self.packet(6, src.0, dst.0, &tcp);
        let syn = u32::from(flags & SYN != 0);
        self.seq[side as usize] += syn + u32::try_from(payload.len()).unwrap();
    }

    pub fn handshake(&mut self) {
        self.segment(Side::Client, SYN, b"");
        self.segment(Side::Server, SYN | ACK, b"");
        self.segment(Side::Client, ACK, b"");
    }

    pub fn says(&mut self, side: Side, payload: &[u8]) {
        self.segment(side, 0x08 | ACK, payload);
    }

    /// The same as was said last.
    pub fn again(&mut self, side: Side, payload: &[u8]) {
        self.seq[side as usize] -= u32::try_from(payload.len()).unwrap();
        self.says(side, payload);
    }

    /// So many bytes are not in the capture.
    pub fn skip(&mut self, side: Side, bytes: u32) {
        self.seq[side as usize] += bytes;
    }

    pub fn datagram(
        &mut self,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        payload: &[u8],
    ) -> Vec<u8> {
        let mut udp = ports(from.1, to.1);
        udp.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(payload);
        self.packet(17, from.0, to.0, &udp)
    }

    /// An error about a packet.
    pub fn icmp(&mut self, from: [u8; 4], to: [u8; 4], kind: u8, code: u8, quoted: &[u8]) {
        let message = [&[kind, code, 0, 0, 0, 0, 0, 0][..], quoted].concat();
        self.packet(1, from, to, &message);
    }

    /// A packet of the association 10.0.0.1:5000 to 10.0.0.2:9.
    pub fn sctp(&mut self, side: Side, tag: u32, chunks: &[u8]) {
        let from = if side == Side::Client { [10, 0, 0, 1] } else { [10, 0, 0, 2] };
        self.sctp_from(from, side, tag, chunks);
    }

    /// The same from another address of the same host.
    pub fn sctp_from(&mut self, from: [u8; 4], side: Side, tag: u32, chunks: &[u8]) {
        let (mut packet, to) = match side {
            Side::Client => (ports(5_000, 9), [10, 0, 0, 2]),
            Side::Server => (ports(9, 5_000), [10, 0, 0, 1]),
        };
        packet.extend(tag.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(chunks);
        self.packet(132, from, to, &packet);
    }

    /// A packet; the same as bytes.
    pub fn packet(&mut self, protocol: u8, src: [u8; 4], dst: [u8; 4], rest: &[u8]) -> Vec<u8> {
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
        let Self { worker, seen, .. } = self;
        worker.packet(&packet, &mut |call: &Call<'_>| seen.push(Seen::of(call)));
        bytes
    }

    pub fn end(mut self) -> Vec<Seen> {
        let seen = &mut self.seen;
        self.worker.finish(&mut |call: &Call<'_>| seen.push(Seen::of(call)));
        self.seen
    }
}

fn ports(src: u16, dst: u16) -> Vec<u8> {
    [src.to_be_bytes(), dst.to_be_bytes()].concat()
}
