//! The control connection of FTP (RFC 959): commands and replies in order.
//!
//! A preliminary reply (150) is told with the one that ends the transfer (226). What follows
//! `PASS` and `ACCT` is never written down. After `AUTH TLS` (RFC 4217) the flow is handed on. What the
//! data connections carry is not followed.

mod probe;
mod show;

use dissect::{Dissection, Dissector, Found, Framing, Next, Pair, Reader, Sink, Step, Turns};
use model::{Protocol, Side, Transport};

use crate::{
    framed::Halt,
    replies::{self, Anchor, Before, Reply},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp",
    about: "file transfer: the control connection of FTP",
    specification: "RFC 959, RFC 2228, RFC 2428, RFC 3659, RFC 4217",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "ftp",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["ftp"],
    ports: &[21, 990, 2121],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Ftp::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct Ftp {
    anchor: Anchor,
    before: Before,
    /// `AUTH TLS` was asked for.
    start_tls: bool,
}

// === impl Dissector ===

impl Dissector for Ftp {
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.ask(input, sink),
            Side::Server => self.answer(input, sink),
        }
    }

    fn lost(&mut self, from: Side) {
        self.start_tls = false;
        if from == Side::Server {
            self.anchor.lost();
            self.before.forget();
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        if from == Side::Server {
            return self.anchor.find(input);
        }
        match replies::line(input) {
            Ok(end) if probe::is_command(input.get(..end).unwrap_or_default()) => Found::At(0),
            Err(Halt::Short(_)) => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}

// === impl Ftp ===

impl Ftp {
    fn ask(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let size = match replies::line(input) {
            Ok(size) => size,
            Err(halt) => return halt.step(),
        };
        let line = without_telnet(input.get(..size).unwrap_or(input));
        let Some((verb, rest)) = replies::long_words(line) else {
            return if line.trim_ascii().is_empty() { Step::Took(size) } else { Step::Lost };
        };
        let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
        self.anchor.asked();
        sink.begin(Pair::InOrder);
        if is("PASS") || is("ACCT") || is("ADAT") {
            sink.record(verb);
            sink.record(b" ***\r\n");
        } else {
            sink.record(line);
        }
        sink.finish();
        if is("AUTH") && (rest.eq_ignore_ascii_case(b"TLS") || rest.eq_ignore_ascii_case(b"SSL")) {
            self.start_tls = true;
        }
        Step::Took(size)
    }

    fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let reply = match Reply::read(input) {
            Ok(reply) => reply,
            Err(halt) => return halt.step(),
        };
        let said = input.get(..reply.size).unwrap_or(input);
        if reply.is_preliminary() {
            self.before.keep(said);
            return Step::Took(reply.size);
        }
        let first = self.anchor == Anchor::Unseen && matches!(reply.code, 220 | 421);
        self.anchor = Anchor::Reading;
        sink.begin(if first { Pair::OneWay } else { Pair::InOrder });
        sink.record(said);
        self.before.record(sink);
        sink.finish();
        if self.start_tls && matches!(reply.code, 234 | 334) {
            return Step::Become { took: reply.size, next: Next::Within("tls") };
        }
        Step::Took(reply.size)
    }
}

/// Without the signals of Telnet in front of a command (RFC 959 §3.4.1).
fn without_telnet(mut line: &[u8]) -> &[u8] {
    while let [0xff, _, rest @ ..] = line {
        line = rest;
    }
    line
}
