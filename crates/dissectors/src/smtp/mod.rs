//! SMTP and LMTP (RFC 5321, RFC 2033): commands and replies in order, mail as the body of `DATA` and
//! `BDAT` (RFC 3030).
//!
//! `DATA`, the go-ahead, the mail and the last reply are one call. What logins carry is never written
//! down. After `STARTTLS` (RFC 3207) the flow is handed on.

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
    name: "smtp",
    about: "mail on its way: SMTP, submission, LMTP",
    specification: "RFC 5321, RFC 2033, RFC 3030, RFC 3207, RFC 4954",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "smtp",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["smtp"],
    ports: &[25, 587, 465, 24, 2525],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Smtp::default(), Framing::Stream),
};

/// Stands for what a client said to prove who it is.
const HIDDEN: &[u8] = b"***\r\n";
/// The end of a mail.
const END: &[u8] = b"\r\n.\r\n";

/// The reply that lets the client send a mail.
const GO_AHEAD: u16 = 354;

/// One connection.
#[derive(Debug, Default)]
struct Smtp {
    client: Client,
    anchor: Anchor,
    before: Before,
    /// `STARTTLS` was asked for.
    start_tls: bool,
}

/// What the client's next bytes are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Client {
    /// A command.
    #[default]
    Command,
    /// It asked to send a mail: the server decides.
    Asked,
    /// It was told not to.
    Refused,
    /// The mail, from the start of a line on.
    Line,
    /// The mail, inside a line.
    InLine,
    /// It began to log in: the server decides.
    Login,
    /// What was asked for to log in.
    Secret,
    /// That, or a command: the server's word on it was lost.
    Doubt,
}

// === impl Dissector ===

impl Dissector for Smtp {
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match (from, self.client) {
            (Side::Server, _) => self.answer(input, sink),
            (_, Client::Asked | Client::Login) => Step::Wait,
            (_, Client::Refused) => {
                self.client = Client::Command;
                if sink.is_open() {
                    sink.finish();
                    return Step::Took(0);
                }
                self.command(input, sink)
            }
            (_, Client::Line) => self.line(input, sink),
            (_, Client::InLine) => self.in_line(input),
            (_, Client::Secret) => self.secret(input, sink),
            (_, Client::Doubt) => match replies::line(input) {
                Ok(end) if probe::is_command(input.get(..end).unwrap_or(input)) => {
                    self.client = Client::Command;
                    self.command(input, sink)
                }
                Ok(_) => self.secret(input, sink),
                Err(halt) => halt.step(),
            },
            (_, Client::Command) => self.command(input, sink),
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
            let found = self.anchor.find(input);
            // What was lost may have been the word that the client waited for.
            self.client = match self.client {
                Client::Asked if found == Found::Nowhere => Client::Line,
                Client::Login if found == Found::Nowhere => Client::Doubt,
                client => client,
            };
            return found;
        }
        if matches!(self.client, Client::Line | Client::InLine) {
            // Somewhere in a mail: nothing in it looks like its end.
            let Some(at) = memchr::memmem::find(input, END) else {
                return Found::Maybe(input.len().saturating_sub(END.len() - 1));
            };
            self.client = Client::Command;
            return Found::At(at + END.len());
        }
        self.client = Client::Command;
        match replies::line(input) {
            Ok(end) if probe::is_sure(input.get(..end).unwrap_or_default()) => Found::At(0),
            Err(Halt::Short(_)) => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}

// === impl Smtp ===

impl Smtp {
    fn command(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let size = match replies::line(input) {
            Ok(size) => size,
            Err(halt) => return halt.step(),
        };
        let line = input.get(..size).unwrap_or(input);
        let Some((verb, rest)) = replies::words(line) else {
            // An empty line between commands.
            return if line.trim_ascii().is_empty() { Step::Took(size) } else { Step::Lost };
        };
        self.anchor.asked();
        sink.begin(Pair::InOrder);
        let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
        if is("AUTH") {
            let mechanism = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            sink.record(b"AUTH ");
            sink.record(mechanism);
            let carries = rest.len() > mechanism.len();
            sink.record(if carries { b" ***\r\n" } else { b"\r\n" });
            self.client = Client::Login;
        } else {
            sink.record(line);
        }
        if is("DATA") {
            self.client = Client::Asked;
            return Step::Took(size);
        }
        if is("BDAT") {
            let chunk = rest.split(|byte| *byte == b' ').next().and_then(number).unwrap_or(0);
            return crate::framed::go(size, chunk, sink);
        }
        if is("STARTTLS") {
            self.start_tls = true;
        }
        sink.finish();
        Step::Took(size)
    }

    /// What the client says to log in: nobody is to know.
    fn secret(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let size = match replies::line(input) {
            Ok(size) => size,
            Err(halt) => return halt.step(),
        };
        self.anchor.asked();
        self.client = Client::Login;
        sink.begin(Pair::InOrder);
        sink.record(HIDDEN);
        sink.finish();
        Step::Took(size)
    }

    /// A line of a mail begins.
    fn line(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let size = match input {
            [b'.', b'\n', ..] => 2,
            [b'.', b'\r', b'\n', ..] => 3,
            [b'.'] => return Step::Need(2),
            [b'.', b'\r'] => return Step::Need(3),
            // A dot at the start of a line is sent twice (§4.5.2).
            [b'.', ..] => {
                self.client = Client::InLine;
                return Step::Part { head: 1, body: 1 };
            }
            _ => return self.in_line(input),
        };
        self.client = Client::Command;
        self.anchor.asked();
        if sink.is_open() {
            sink.finish();
        }
        Step::Took(size)
    }

    fn in_line(&mut self, input: &[u8]) -> Step {
        // Lines are taken together up to the next one that begins with a dot.
        let (body, next) = match memchr::memmem::find(input, b"\n.") {
            Some(at) => (at + 1, Client::Line),
            None if input.ends_with(b"\n") => (input.len(), Client::Line),
            None => (input.len(), Client::InLine),
        };
        self.client = next;
        Step::Part { head: 0, body: body as u64 }
    }

    fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let reply = match Reply::read(input) {
            Ok(reply) => reply,
            Err(halt) => return halt.step(),
        };
        let said = input.get(..reply.size).unwrap_or(input);
        let first = self.anchor == Anchor::Unseen && reply.code == 220;
        self.anchor = Anchor::Reading;
        if reply.code == GO_AHEAD {
            // Nothing but DATA has it: replies and commands are no longer side by side.
            if sink.question().is_some_and(|question| !is_data(&question.record)) {
                self.client = Client::Line;
                return Step::Lost;
            }
            self.before.keep(said);
            if !matches!(self.client, Client::Line | Client::InLine) {
                self.client = Client::Line;
            }
            return Step::Took(reply.size);
        }
        let is_data = sink.question().is_some_and(|question| is_data(&question.record));
        self.client = match (self.client, reply.code) {
            (Client::Asked, 400..) if is_data => Client::Refused,
            // The go-ahead was lost.
            (Client::Asked, _) if is_data => Client::Line,
            (Client::Login, 334) => Client::Secret,
            (Client::Login, _) => Client::Command,
            (client, _) => client,
        };
        sink.begin(if first { Pair::OneWay } else { Pair::InOrder });
        sink.record(said);
        self.before.record(sink);
        sink.finish();
        if self.start_tls && reply.code == 220 && !first {
            return Step::Become { took: reply.size, next: Next::Within("tls") };
        }
        Step::Took(reply.size)
    }
}

fn is_data(record: &[u8]) -> bool {
    record.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"DATA"))
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use dissect::kit::{Case, Replay, Turn};
    use model::Pairing;

    use super::*;

    /// A greeting without the end of its line takes the next reply with it, and each reply comes to the
    /// command before its own, until the go-ahead comes to one that never has it. (No case: what it says at
    /// first is wrong, as nobody could know.)
    #[test]
    fn a_go_ahead_to_anything_but_data_ends_the_pairing() {
        let says = |from, text: &str| Turn::Says(from, text.as_bytes().to_vec());
        let (client, server) = (|text| says(Side::Client, text), |text| says(Side::Server, text));
        let turns = vec![
            server("220 mx"),
            client("HELO c\r\n"),
            server("250 mx\r\n"),
            client("MAIL FROM:<a@example>\r\n"),
            server("250 ok\r\n"),
            client("RCPT TO:<b@example>\r\n"),
            server("250 ok\r\n"),
            client("DATA\r\n"),
            server("354 go on\r\n"),
            client("a\r\n.\r\n"),
            server("250 queued\r\n"),
            client("QUIT\r\n"),
            server("221 bye\r\n"),
        ];
        let calls = Replay::new(&Case { turns, ..Case::default() }).run(&DISSECTION);
        let paired = calls.iter().filter(|call| call.pairing == Pairing::Matched);
        let asked: Vec<_> = paired.filter_map(|call| call.request.as_ref()).collect();
        assert_eq!(asked.len(), 2, "HELO and MAIL: {calls:?}");
        assert!(
            calls.iter().all(|call| call.pairing != Pairing::Matched || call.missing.is_none())
        );
    }
}
