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
    /// A command that was given up after a loss is under way: its last reply is still to come.
    owes: bool,
    /// Replies were lost, and none was read since.
    holed: bool,
    /// Something was lost, or came before the capture.
    lossy: bool,
    /// A transfer was broken off that may be among what was given up. That has one reply or two (RFC 959
    /// §4.1.3, ABOR): nobody knows any more whose the next ones are.
    unsure: bool,
}

/// The number of a reply to what was given up: nobody asks under it.
const GIVEN_UP: u64 = u64::MAX;

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
            self.owes = false;
            (self.holed, self.lossy) = (true, true);
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.lossy = true;
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
        self.unsure |= self.holed && is("ABOR");
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
            self.owes = sink.question().is_none();
            return Step::Took(reply.size);
        }
        if self.lossy && sink.question().is_some_and(|asked| !fits(&asked.record, reply.code)) {
            return Step::Lost;
        }
        let owed = std::mem::take(&mut self.owes) || self.unsure;
        self.holed = false;
        let first = self.anchor == Anchor::Unseen && matches!(reply.code, 220 | 421);
        self.anchor = Anchor::Reading;
        sink.begin(match (first, owed) {
            (true, _) => Pair::OneWay,
            // What was asked since is not answered by it.
            (false, true) => Pair::Id(GIVEN_UP),
            (false, false) => Pair::InOrder,
        });
        sink.record(said);
        self.before.record(sink);
        sink.finish();
        if self.start_tls && matches!(reply.code, 234 | 334) {
            return Step::Become { took: reply.size, next: Next::Within("tls") };
        }
        Step::Took(reply.size)
    }
}

/// Whether a reply may be to this command: some codes are said to one alone (RFC 959 §5.4, RFC 2428).
fn fits(command: &[u8], code: u16) -> bool {
    let to =
        |verb: &[u8]| command.get(..verb.len()).is_some_and(|it| it.eq_ignore_ascii_case(verb));
    match code {
        221 => to(b"QUIT"),
        225 => to(b"ABOR"),
        227 => to(b"PASV"),
        229 => to(b"EPSV"),
        331 => to(b"USER"),
        350 => to(b"RNFR") || to(b"REST"),
        _ => true,
    }
}

/// Without the signals of Telnet in front of a command (RFC 959 §3.4.1).
fn without_telnet(mut line: &[u8]) -> &[u8] {
    while let [0xff, _, rest @ ..] = line {
        line = rest;
    }
    line
}
