//! A toy protocol for the tests of the contract: lines, with a body where one is announced.
//!
//! `Qname` asks in order, `Aname` answers; `#7 name` does so by number, `!name` is one-way;
//! `Qname+5` is followed by a body of five bytes; `Pname+5` by a piece of five bytes and more lines of
//! the same message until one that begins with `.`. What a line that begins with `L` records says
//! whether the other side is known to have lost something.

use dissect::{Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Sink, Step, Verdict};
use model::{
    Field, Headline, Kind, Message, Outcome, Protocol, Side, Status, Tell, Transport, Value,
};

pub static PROTOCOL: Protocol = Protocol {
    name: "toy",
    about: "for tests",
    specification: "",
    fields: &[Field { name: "toy.line", kind: Kind::Text, many: false, about: "the line" }],
    headline,
    tell,
};

pub static TOY: Dissection = Dissection {
    folder: "toy",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp, Transport::Udp],
    names: &[],
    ports: &[7],
    probe,
    open: |opening| match opening.transport {
        Transport::Tcp => Reader::open(&PROTOCOL, Toy::default(), Framing::Stream),
        _ => Reader::open(&PROTOCOL, Toy { datagrams: true, ..Toy::default() }, Framing::Datagram),
    },
};

#[derive(Default)]
struct Toy {
    in_parts: [bool; 2],
    lost: [bool; 2],
    datagrams: bool,
}

impl Dissector for Toy {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(eol) = input.iter().position(|b| *b == b'\n') else {
            return Step::Need(input.len() + 1);
        };
        let (line, took) = (&input[..eol], eol + 1);
        let announced = line
            .iter()
            .position(|b| *b == b'+')
            .and_then(|at| std::str::from_utf8(&line[at + 1..]).ok()?.parse().ok());
        if self.in_parts[from as usize] {
            return match (line, announced) {
                ([b'.', ..], _) => {
                    self.in_parts[from as usize] = false;
                    sink.finish();
                    Step::Took(took)
                }
                (_, Some(body)) => Step::Part { head: took, body },
                _ => Step::Lost,
            };
        }
        let pair = match (line, from) {
            ([b'Q' | b'P', ..], Side::Client) | ([b'A' | b'P', ..], Side::Server) => Pair::InOrder,
            ([b'#', id, ..], _) if self.datagrams => Pair::Datagram(u64::from(*id)),
            ([b'#', id, ..], _) => Pair::Id(u64::from(*id)),
            ([b'!' | b'L', ..], _) => Pair::OneWay,
            _ => return Step::Lost,
        };
        sink.begin(pair);
        match line {
            [b'L', ..] if self.lost[from.other() as usize] => sink.record(b"lost"),
            [b'L', ..] => sink.record(b"whole"),
            line => sink.record(line),
        }
        match (line[0], announced) {
            (b'P', Some(body)) => {
                self.in_parts[from as usize] = true;
                Step::Part { head: took, body }
            }
            (_, Some(body)) => Step::Body { head: took, body },
            _ => {
                sink.finish();
                Step::Took(took)
            }
        }
    }

    fn lost(&mut self, from: Side) {
        self.lost[from as usize] = true;
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.in_parts[from as usize] = false;
        match input {
            [b'Q' | b'A' | b'#' | b'!' | b'L' | b'P', ..] => Found::At(0),
            _ => Found::Nowhere,
        }
    }
}

fn probe(hello: &Hello<'_>) -> Verdict {
    match hello.bytes {
        [b'Q', ..] => Verdict::Is(Side::Client),
        [b'A', ..] => Verdict::Is(Side::Server),
        [b'#' | b'!' | b'P', ..] => Verdict::Is(hello.from.unwrap_or(Side::Client)),
        _ => Verdict::No,
    }
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    Headline {
        method: request.map(|m| m.record.as_slice().into()),
        endpoint: None,
        version: None,
        status: response.map(|m| Status {
            code: m.record.as_slice().into(),
            text: (&b""[..]).into(),
            outcome: Outcome::Ok,
        }),
    }
}

fn tell(message: &Message, to: &mut dyn Tell) {
    to.field(0, Value::Text(&message.record));
}
