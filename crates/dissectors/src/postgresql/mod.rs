//! PostgreSQL, protocol version 3, and what speaks like it: CockroachDB, YugabyteDB, Redshift,
//! PgBouncer.
//!
//! <https://www.postgresql.org/docs/current/protocol.html>. A simple query is one call, and so is
//! each `Execute`, with the `Parse`, `Bind` and `Describe` that were sent for it; what is prepared
//! and not executed is a call of its own. The startup packet and everything up to the first
//! `ReadyForQuery` are one call. Notices and notifications between calls, requests to cancel and the
//! messages of a replication stream are one-way.
//!
//! Passwords, keys and salts are never written down.

mod answer;
mod ask;
mod error;
mod probe;
mod record;
mod resync;
mod rows;
mod session;
mod show;
mod statements;
mod tell;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Reader, Sink, Step, Turns};
use model::{Protocol, Side, Transport};

use self::{
    answer::Answers,
    ask::Asks,
    session::{Anchor, Session, Stage},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "postgresql",
    about: "PostgreSQL and what speaks like it: queries, prepared statements, COPY, replication",
    specification: "https://www.postgresql.org/docs/current/protocol.html",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "postgresql",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["postgresql"],
    ports: &[5432, 5433, 6432, 26257, 5439],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Postgres::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct Postgres {
    session: Session,
    asks: Asks,
    answers: Answers,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Postgres>() <= 160);

// === impl Dissector ===

impl Dissector for Postgres {
    /// A session has one user at a time; who pipelines sends batches, and is seen to do so.
    const TURNS: Turns = Turns::Usual;

    #[inline]
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.asks.read(input, &mut self.session, sink),
            Side::Server => self.answers.read(input, &mut self.session, sink),
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        match from {
            Side::Client => {
                self.asks = Asks::default();
                self.session.lost_questions();
                if self.session.stage == Stage::Stream {
                    return resync::stream(input);
                }
                resync::question(input)
            }
            Side::Server => {
                self.answers = Answers::default();
                self.session.lost_answers();
                if self.session.stage == Stage::Stream {
                    return resync::stream(input);
                }
                match self.session.anchor {
                    Anchor::Asked => {
                        self.session.fresh = true;
                        resync::answer(input)
                    }
                    _ => resync::ready(input),
                }
            }
        }
    }
}
