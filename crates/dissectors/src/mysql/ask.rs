//! What the client says: the login, commands, files.

use dissect::{Next, Pair, Sink, Step};

use super::{
    MySql,
    command::{self, Answer, Command},
    facts::{Facts, What},
    login::{self, Login},
    record::{self, KEPT_MAX},
    session::{Anchor, Course},
    wire::{Cursor, HEADER, Header, header},
};
use crate::sql::{Dialect, secret};

/// Bytes of a login, at most; tickets of directory services are long.
const LOGIN_MAX: usize = 32 << 10;
/// Where the values of an `EXECUTE` begin, behind its command byte.
const VALUES_AT: usize = 9;

/// What is being read of the client.
#[derive(Debug, Default)]
pub struct Asks {
    stage: Stage,
    /// Nothing more of the command is kept: it holds a secret.
    is_mute: bool,
}

#[derive(Debug, Default)]
enum Stage {
    /// The next packet is a new one.
    #[default]
    Idle,
    /// The command goes on in the next packet.
    More,
    /// So many bytes are nobody's business.
    Skip(usize, After),
    /// A file is being sent.
    Upload,
}

/// What follows bytes that are skipped.
#[derive(Clone, Copy, Debug)]
enum After {
    Idle,
    More,
    Finish,
}

// === impl Asks ===

impl Asks {
    /// Bytes were lost.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

// === impl MySql: the client ===

impl MySql {
    /// Reads at most one packet of the client.
    #[inline]
    pub fn ask(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        self.session.is_answered = true;
        if let Stage::Skip(left, after) = self.asks.stage {
            return self.skip(left, after, input.len(), sink);
        }
        let Some(header) = header(input) else { return Step::Need(HEADER) };
        self.session.next_seq = header.seq.wrapping_add(1);
        match self.asks.stage {
            Stage::More => self.go_on(header, sink),
            Stage::Upload => self.upload(header, sink),
            _ if header.seq == 0 => self.command(header, input, sink),
            _ => self.reply(header, input, sink),
        }
    }

    fn skip(&mut self, left: usize, after: After, at_hand: usize, sink: &mut Sink<'_, '_>) -> Step {
        let take = left.min(at_hand);
        self.asks.stage = Stage::Skip(left - take, after);
        if take == left {
            self.asks.stage = if matches!(after, After::More) { Stage::More } else { Stage::Idle };
            if matches!(after, After::Finish) {
                self.finish(sink);
            }
        }
        Step::Took(take)
    }

    /// The next packet of a command of more than 16 MiB.
    fn go_on(&mut self, header: Header, sink: &mut Sink<'_, '_>) -> Step {
        let goes_on = header.goes_on();
        if self.asks.is_mute {
            let after = if goes_on { After::More } else { After::Finish };
            return self.skip(header.size(), after, HEADER, sink);
        }
        if goes_on {
            return Step::Part { head: HEADER, body: header.len as u64 };
        }
        self.asks.stage = Stage::Idle;
        Step::Body { head: HEADER, body: header.len as u64 }
    }

    /// A packet that is no command: it answers the server.
    #[cold]
    fn reply(&mut self, header: Header, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match self.session.course {
            Course::Start | Course::Greeted => self.log_in(header, input, sink),
            Course::Login => {
                self.asks.stage = Stage::Skip(header.size(), After::Idle);
                self.skip(header.size(), After::Idle, input.len(), sink)
            }
            Course::Upload => {
                sink.begin(Pair::OneWay);
                sink.record(&[record::UPLOAD]);
                self.asks.stage = Stage::Upload;
                self.upload(header, sink)
            }
            Course::Commands | Course::Events => Step::Lost,
        }
    }

    /// Content of a file; an empty packet is its end.
    fn upload(&mut self, header: Header, sink: &mut Sink<'_, '_>) -> Step {
        if header.len > 0 {
            return Step::Part { head: HEADER, body: header.len as u64 };
        }
        self.asks.stage = Stage::Idle;
        self.session.course = Course::Commands;
        self.finish(sink);
        Step::Took(HEADER)
    }

    fn log_in(&mut self, header: Header, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if header.len > LOGIN_MAX {
            return Step::Lost;
        }
        let Some(payload) = input.get(HEADER..header.size()) else {
            return Step::Need(header.size());
        };
        if login::asks_for_tls(payload) {
            return self.become_secret(header, payload, sink);
        }
        let Some(login) = Login::read(payload) else { return Step::Lost };
        self.record_login(record::FIRST, &login, Pair::InOrder, sink);
        self.session.agree(login.capabilities);
        self.session.course = Course::Login;
        self.finish(sink);
        Step::Took(header.size())
    }

    fn become_secret(&mut self, header: Header, payload: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let login = Login::read(payload).unwrap_or_default();
        self.record_login(record::TLS, &login, Pair::OneWay, sink);
        let mut facts = Facts::default();
        facts.integer(What::Tls, 1);
        sink.record(facts.bytes());
        self.finish(sink);
        Step::Become { took: header.size(), next: Next::Within("tls") }
    }

    fn record_login(&self, which: u8, login: &Login<'_>, pair: Pair, sink: &mut Sink<'_, '_>) {
        sink.begin(pair);
        sink.record(&[record::LOGIN, which]);
        sink.record(login.facts().bytes());
        if let Some(greeting) = &self.session.greeting {
            sink.record(&greeting.facts);
        }
    }

    fn change_user(&mut self, header: Header, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let payload = input.get(HEADER + 1..header.size()).unwrap_or_default();
        let Some(login) = Login::change(payload, self.session.capabilities) else {
            return Step::Lost;
        };
        self.record_login(record::CHANGE, &login, Pair::InOrder, sink);
        self.session.course = Course::Login;
        self.finish(sink);
        Step::Took(header.size())
    }

    /// A command begins.
    #[inline]
    fn command(&mut self, header: Header, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let whole = header.size();
        let kept = if header.len <= KEPT_MAX { whole } else { HEADER + KEPT_MAX };
        let Some(front) = input.get(HEADER..kept) else { return Step::Need(kept) };
        let Some((byte, payload)) = front.split_first() else { return Step::Lost };
        let command = Command(*byte);
        if !command.fits(header.len) || self.session.course == Course::Greeted {
            return Step::Lost;
        }
        if command == command::CHANGE_USER {
            return match input.len() {
                _ if header.len > LOGIN_MAX => Step::Lost,
                len if len < whole => Step::Need(whole),
                _ => self.change_user(header, input, sink),
            };
        }
        self.begin(command, payload, sink);
        if header.len > KEPT_MAX {
            return self.long(header, command, payload, sink);
        }
        record_payload(command, payload, sink);
        self.finish(sink);
        Step::Took(whole)
    }

    /// Begins the record, all but the payload.
    #[inline]
    fn begin(&mut self, command: Command, payload: &[u8], sink: &mut Sink<'_, '_>) {
        let answer = command.answer();
        let pair = if answer == Answer::Nothing { Pair::OneWay } else { Pair::InOrder };
        if pair == Pair::InOrder {
            self.session.anchor = self.session.anchor.asked();
        }
        if self.session.course != Course::Events {
            self.session.course = Course::Commands;
        }
        if command.is_of_statement() {
            return self.begin_of_statement(command, payload, pair, sink);
        }
        let schema = self.session.schema();
        sink.begin(pair);
        sink.record(&record::command(command, schema, None));
        sink.record(schema);
    }

    fn begin_of_statement(
        &mut self,
        command: Command,
        payload: &[u8],
        pair: Pair,
        sink: &mut Sink<'_, '_>,
    ) {
        let id = Cursor(payload).long().unwrap_or_default();
        let (schema, statement) = (self.session.schema(), self.session.statement(id));
        sink.begin(pair);
        sink.record(&record::command(command, schema, statement));
        sink.record(schema);
        if let Some(statement) = statement {
            sink.record(&statement.text);
            sink.record(&statement.types);
            match command {
                command::EXECUTE => {
                    let values = payload.get(VALUES_AT..).unwrap_or_default();
                    self.session.statements().learn_types(id, values);
                }
                command::CLOSE => self.session.statements().remove(id),
                _ => {}
            }
        }
    }

    /// The rest of a command that is too long for a record.
    fn long(
        &mut self,
        header: Header,
        command: Command,
        payload: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        self.asks.is_mute = command.is_sql() && holds_secret(payload);
        if self.asks.is_mute {
            record_payload(command, payload, sink);
            let after = if header.goes_on() { After::More } else { After::Finish };
            self.asks.stage = Stage::Skip(header.len - KEPT_MAX, after);
            return Step::Took(HEADER + KEPT_MAX);
        }
        let (head, body) = (HEADER + 1, (header.len - 1) as u64);
        if header.goes_on() {
            self.asks.stage = Stage::More;
            return Step::Part { head, body };
        }
        Step::Body { head, body }
    }

    /// Bytes of the client were lost.
    pub fn lose_commands(&mut self) {
        self.asks.reset();
        if self.session.anchor == Anchor::Asked {
            self.session.anchor = Anchor::Lost;
        }
    }
}

/// Writes the payload down, without its secrets.
#[inline]
fn record_payload(command: Command, payload: &[u8], sink: &mut Sink<'_, '_>) {
    let at = sink.recorded().len();
    sink.record(payload);
    if command.is_sql() && secret::may_hold(payload) {
        secret::hide(payload, Dialect::MySql, &mut |place| {
            for spot in place {
                sink.amend(at + spot, b"*");
            }
        });
    }
}

fn holds_secret(payload: &[u8]) -> bool {
    let mut found = false;
    if secret::may_hold(payload) {
        secret::hide(payload, Dialect::MySql, &mut |_| found = true);
    }
    found
}
