//! Redis in RESP2 and RESP3, and what speaks like it: Valkey, KeyDB, Dragonfly.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>. One command is one request, one
//! value is one response, in order. Messages of channels, lines of `MONITOR`, commands while
//! `CLIENT REPLY` is off and what a master sends to a replica are one-way. A subscription to n
//! channels has n confirmations: the first is its response, the others are one-way.
//!
//! Secrets are never written down: see `secrets`.

mod command;
mod inline;
mod names;
mod probe;
mod push;
mod record;
mod replica;
mod reply;
mod resync;
mod secrets;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{
    command::{Commands, Front},
    reply::Replies,
    session::{Anchor, Course, Session, Words},
    wire::Halt,
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "redis",
    about: "Redis, Valkey, KeyDB, Dragonfly: commands, pub/sub and replication in RESP2 and RESP3",
    specification: "https://redis.io/docs/latest/develop/reference/protocol-spec/",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "redis",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["redis"],
    ports: &[6379, 6380, 16379, 26379],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Redis::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct Redis {
    session: Session,
    /// The client's command.
    asks: Commands,
    /// The server's reply.
    answers: Replies,
    /// The command of a master to its replica.
    orders: Commands,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Redis>() <= 96);

// === impl Dissector ===

impl Dissector for Redis {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client if self.asks.is_open() => self.asks.go_on(input, sink),
            Side::Client => self.ask(input, sink),
            Side::Server if self.answers.is_open() => {
                self.answers.go_on(input, &mut self.session, sink)
            }
            Side::Server => self.answer(input, sink),
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        match from {
            Side::Client => {
                self.asks = Commands::default();
                self.session.lost_commands();
                self.session.anchor = self.session.anchor.joined_late();
                resync::command(input)
            }
            Side::Server => {
                self.answers = Replies::default();
                self.orders = Commands::default();
                self.session.confirmations_owed = 0;
                self.session.anchor = self.session.anchor.looked_for();
                self.find_answer(input)
            }
        }
    }
}

// === impl Redis ===

impl Redis {
    /// A command begins.
    #[inline]
    fn ask(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if input.first() != Some(&b'*') {
            return self.ask_in_a_line(input, sink);
        }
        match Front::read(input) {
            // Redis, networking.c: "Multi bulk processing could see a <= 0 length".
            Ok(Front { count: 0, head, .. }) => Step::Took(head),
            Ok(front) => {
                let db = self.session.db;
                let pair = self.session.command(&front.words);
                self.asks.begin(&front, pair, db, input, sink)
            }
            Err(halt) => halt.step(),
        }
    }

    fn ask_in_a_line(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let (line, size) = match wire::line(input) {
            Ok(line) => line,
            Err(Halt::Short(_))
                if inline::Words::of(input.trim_ascii_end()).is_none()
                    && !input.contains(&b'"')
                    && !input.contains(&b'\'') =>
            {
                return Step::Lost;
            }
            Err(halt) => return halt.step(),
        };
        let Some(words) = inline::Words::of(line) else { return Step::Lost };
        let mut texts = [[0; 32]; 3];
        let mut each = words.clone();
        let [name, first, second] =
            texts.each_mut().map(|text| each.next().map_or(&[][..], |word| word.copy_to(text)));
        if name.is_empty() {
            return Step::Took(size);
        }
        if !probe::is_name(name) {
            return Step::Lost;
        }
        let db = self.session.db;
        let pair = self.session.command(&Words { name, first, second });
        self.asks.inline(words, pair, db, size, sink)
    }

    /// The server's next message begins, or what a master sends goes on.
    #[inline]
    fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        self.session.anchor = Anchor::Reading;
        if self.session.course != Course::Answers
            && let Some(step) = self.replicate(input, sink)
        {
            return step;
        }
        self.answers.begin(input, &mut self.session, sink)
    }

    /// Reads what a master sends to its replica; nothing if it answers instead.
    fn replicate(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Option<Step> {
        if self.orders.is_open() {
            return Some(self.orders.go_on(input, sink));
        }
        if self.session.course == Course::MarkedSnapshot {
            return Some(replica::go_on(input, &mut self.session, sink));
        }
        let step = match (input.first()?, self.session.course) {
            (b'\n', _) => Some(Step::Took(1)),
            (b'$', Course::Snapshot | Course::SyncSnapshot) => {
                replica::begin(input, &mut self.session, sink)
            }
            (b'*', Course::Commands) => Some(self.order(input, sink)),
            _ => None,
        };
        if step.is_none() {
            self.session.course = Course::Answers;
        }
        step
    }

    fn order(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match Front::read(input) {
            Ok(Front { count: 0, head, .. }) => Step::Took(head),
            Ok(front) => self.orders.begin(&front, Pair::OneWay, None, input, sink),
            Err(halt) => halt.step(),
        }
    }

    /// Where the server's next message starts.
    fn find_answer(&mut self, input: &[u8]) -> Found {
        if self.session.course != Course::Answers {
            let found = resync::command(input);
            if let Found::At(_) = found {
                self.session.course = Course::Commands;
            }
            return found;
        }
        if self.session.anchor == Anchor::Asked {
            return resync::answer(input);
        }
        if resync::is_replication(input) {
            self.session.course = Course::Commands;
            return Found::At(0);
        }
        resync::news(input)
    }
}
