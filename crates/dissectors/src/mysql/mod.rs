//! MySQL and MariaDB: the client/server protocol, with compression, replication and prepared
//! statements; the X protocol as a listing.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html>,
//! <https://mariadb.com/kb/en/clientserver-protocol/>. One command is one request; all packets up to
//! the last result set are its response, in order. The login is one call: the client's answer to the
//! greeting is its request, what the server says until it lets the client in is its response.
//!
//! What proves a password is never written down, neither are passwords in statements.

mod answer;
mod ask;
mod capability;
mod column;
mod command;
mod event;
mod facts;
mod login;
mod packed;
mod params;
mod probe;
mod record;
mod resync;
mod rows;
mod session;
mod show;
mod statements;
mod status;
#[cfg(test)]
mod tests;
mod value;
mod wire;
mod xproto;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step, Turns};
use model::{Protocol, Side, Transport};

use self::{
    answer::Answers,
    ask::Asks,
    packed::Packed,
    session::{Course, Session},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "mysql",
    about: "MySQL, MariaDB, TiDB and what speaks like them: logins, queries, prepared statements, replication",
    specification: "https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "mysql",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["mysql"],
    ports: &[3306, 3307, 33060, 33061, 4000, 6033, 6446, 6447],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, MySql::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct MySql {
    session: Session,
    asks: Asks,
    answers: Answers,
    /// What is being unpacked of either side.
    packed: [Option<Box<Packed>>; 2],
    /// The message was finished in this call.
    finished: bool,
    /// The X protocol is spoken, if that is known.
    is_x: Option<bool>,
}

/// There is one for every connection.
const _: () = assert!(size_of::<MySql>() <= 256);

// === impl Dissector ===

impl Dissector for MySql {
    /// A session has one command at a time; few connectors send the next before they read the answer.
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.is_x.is_none() {
            match xproto::speaks(from, input) {
                Some(is_x) => self.is_x = Some(is_x),
                None => return Step::Need(input.len() + 1),
            }
        }
        if self.is_x == Some(true) {
            return xproto::read(from, input, sink);
        }
        if self.session.is_packed {
            return self.unpack(from, input, sink);
        }
        self.packet(from, input, sink)
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        if self.is_x == Some(true) {
            return xproto::resync(from, input);
        }
        self.session.forget();
        self.packed[from as usize] = None;
        match from {
            Side::Client => self.find_command(input),
            Side::Server => self.find_answer(input),
        }
    }

    fn end(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        let is_over = from == Side::Server && self.session.course == Course::Greeted;
        if !is_over || self.session.is_answered || sink.is_open() {
            return;
        }
        // A server that was greeted by nobody: a health check, a scan.
        let Some(greeting) = self.session.greeting.take() else { return };
        sink.begin(Pair::OneWay);
        sink.record(&[record::LOGIN, record::GREETING]);
        sink.record(&greeting.facts);
        sink.finish();
    }
}

// === impl MySql ===

impl MySql {
    /// Reads at most one packet that is not packed.
    #[inline]
    fn packet(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.ask(input, sink),
            Side::Server => self.answer(input, sink),
        }
    }

    /// Charges what is remembered and what is being unpacked; `false` if that is too much.
    fn hold(&self, sink: &mut Sink<'_, '_>) -> bool {
        let unpacking: usize = self.packed.iter().flatten().map(|packed| packed.size()).sum();
        sink.hold(self.session.size() + unpacking)
    }

    /// The open message ends with this step.
    #[inline]
    fn finish(&mut self, sink: &mut Sink<'_, '_>) {
        self.finished = true;
        sink.finish();
    }
}
