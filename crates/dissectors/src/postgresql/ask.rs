//! What the client sends: requests out of messages.
//!
//! `Parse`, `Bind`, `Describe` and `Close` are part of the request that `Execute` ends; where
//! `Flush` or `Sync` comes first, they are a request of their own. The data of a `COPY` are the body
//! of the request with its command.

use dissect::{Next, Pair, Sink, Step};

use super::{
    record::{self, CUT, EARLIER, STARTUP, kind},
    session::{Owed, Session, Stage},
    statements::parsed,
    types,
    wire::{self, Halt, Head, Opening},
};
use crate::sql::{Dialect, secret};

/// Bytes kept of a statement.
const TEXT_MAX: usize = 16 << 10;
/// Bytes kept of the parameters of a `Bind`, of names, of arguments.
const OTHER_MAX: usize = 4 << 10;
/// Bytes of a replication message that are told.
const STREAM_MAX: usize = 64;

/// The request that is being read.
#[derive(Debug, Default)]
pub struct Asks {
    /// Bytes still to come of a message of which enough was kept.
    skip: u32,
    /// The message ends with them.
    skip_ends: bool,
    /// Answers owed to the open request.
    steps: u16,
    /// The statement that was parsed in the open request.
    parsed: u32,
    /// Several were described in it.
    many: bool,
    /// It executes something.
    executed: bool,
    /// The data of a `COPY` may follow.
    copies: bool,
    /// The type of the next message, where it was taken alone.
    taken: Option<u8>,
}

// === impl Asks ===

impl Asks {
    /// Reads one message.
    #[inline]
    pub fn read(&mut self, input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        if self.skip > 0 {
            return self.skip(input, sink);
        }
        match session.stage {
            Stage::Opening => opening(input, session, sink).unwrap_or_else(Halt::step),
            Stage::Choice => match input.first() {
                // It goes on in the clear, or as TLS: the server has answered, seen or not.
                Some(0) => opening(input, session, sink).unwrap_or_else(Halt::step),
                Some(0x16) => Step::Become { took: 0, next: Next::Within("tls") },
                _ => Step::Wait,
            },
            Stage::Talk | Stage::Stream => {
                self.message(input, session, sink).unwrap_or_else(Halt::step)
            }
        }
    }

    fn skip(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let took = input.len().min(self.skip as usize);
        self.skip -= u32::try_from(took).unwrap_or(0);
        if self.skip == 0 && std::mem::take(&mut self.skip_ends) {
            sink.finish();
        }
        Step::Took(took)
    }

    fn message(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        if let Some(kind) = self.taken {
            let mut whole = vec![kind];
            whole.extend_from_slice(input);
            let step = self.typed(&whole, session, sink);
            return self.without_type(step);
        }
        self.typed(input, session, sink)
    }

    /// One byte less, which was taken before.
    fn without_type(&mut self, step: Result<Step, Halt>) -> Result<Step, Halt> {
        match step {
            Ok(Step::Took(n)) => {
                self.taken = None;
                Ok(Step::Took(n - 1))
            }
            Ok(Step::Part { head, body }) => {
                self.taken = None;
                Ok(Step::Part { head: head - 1, body })
            }
            Ok(Step::Body { head, body }) => {
                self.taken = None;
                Ok(Step::Body { head: head - 1, body })
            }
            Err(Halt::Short(need)) => Err(Halt::Short(need - 1)),
            other => other,
        }
    }

    #[inline]
    fn typed(
        &mut self,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let head = Head::of_client(input)?;
        if self.copies && !matches!(head.kind, b'd' | b'c' | b'f' | b'S' | b'H') {
            // The server refused the data: the request was over with its command.
            self.taken = Some(head.kind);
            self.close(session, sink);
            return Ok(Step::Took(1));
        }
        match head.kind {
            b'Q' => self.query(head, input, session, sink),
            b'P' => self.parse(head, input, session, sink),
            b'B' => self.bind(head, input, session, sink),
            b'D' => self.describe(head, input, session, sink),
            b'C' => self.close_named(head, input, session, sink),
            b'E' => self.execute(head, input, session, sink),
            b'S' => Ok(self.sync(session, sink)),
            b'H' => {
                if sink.is_open() && !self.copies {
                    self.close(session, sink);
                }
                Ok(Step::Took(head.size()))
            }
            b'F' => self.call(head, input, session, sink),
            b'd' | b'c' | b'f' => self.copy(head, input, session, sink),
            // Whoever leaves waits for nothing that was asked before.
            b'X' if sink.is_open() => {
                self.close(session, sink);
                Ok(Step::Took(0))
            }
            b'X' => {
                sink.begin(Pair::OneWay);
                sink.record(&record::facts(kind::WORK));
                record::push(b'X', 0, &[], sink);
                sink.finish();
                Ok(Step::Took(head.size()))
            }
            // Passwords and what proves them: never kept.
            _ => Ok(self.rest(head, input.len().min(head.size()), false)),
        }
    }

    /// Took what is needed of a message; the rest is stepped over.
    fn rest(&mut self, head: Head, took: usize, ends: bool) -> Step {
        let left = head.size().saturating_sub(took);
        self.skip = u32::try_from(left).unwrap_or(u32::MAX);
        self.skip_ends = ends && left > 0;
        Step::Took(took)
    }

    /// The kept part of a message, which must be there.
    fn kept(head: Head, input: &[u8], max: usize) -> Result<(&[u8], u8), Halt> {
        let need = wire::HEAD + head.len.min(max);
        let kept = input.get(wire::HEAD..need).ok_or(Halt::Short(need))?;
        Ok((kept, if kept.len() < head.len { CUT } else { 0 }))
    }

    fn open(&mut self, owed: Owed, session: &mut Session, sink: &mut Sink<'_, '_>) {
        if sink.is_open() {
            return;
        }
        let pair = session.ask(owed);
        sink.begin(pair);
        sink.record(&record::facts(kind::WORK));
        *self = Self { taken: self.taken, ..Self::default() };
    }

    /// The open request is over; what it owes is known now.
    fn close(&mut self, session: &mut Session, sink: &mut Sink<'_, '_>) {
        if let Some(unit) = session.asked()
            && unit.owed == Owed::Execute
            && !self.executed
        {
            unit.owed = Owed::Steps(self.steps);
        }
        *self = Self { taken: self.taken, skip: self.skip, ..Self::default() };
        sink.finish();
    }
}

// === impl Asks: simple query ===

impl Asks {
    #[inline]
    fn query(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, TEXT_MAX)?;
        let text = kept.strip_suffix(b"\0").unwrap_or(kept);
        session.begins_group();
        self.open(Owed::Query, session, sink);
        if let Some(unit) = session.asked() {
            unit.owed = Owed::Query;
        }
        push_hidden(b'Q', cut, text, &[], sink);
        forget_some(text, session);
        session.sync();
        let copies = copies_in(text);
        let step = self.rest(head, wire::HEAD + kept.len(), !copies);
        self.copies = copies;
        if !copies && self.skip == 0 {
            self.close(session, sink);
        }
        Ok(step)
    }

    fn call(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        self.open(Owed::Query, session, sink);
        if let Some(unit) = session.asked() {
            unit.owed = Owed::Query;
        }
        record::push(b'F', cut, &[kept], sink);
        session.sync();
        let step = self.rest(head, wire::HEAD + kept.len(), true);
        if self.skip == 0 {
            self.close(session, sink);
        }
        Ok(step)
    }
}

/// Writes a statement down without its passwords.
#[inline]
fn push_hidden(kind: u8, flags: u8, text: &[u8], rest: &[&[u8]], sink: &mut Sink<'_, '_>) {
    if secret::may_hold(text) {
        let mut hidden = text.to_vec();
        secret::hide(text, Dialect::PostgreSql, &mut |place| {
            if let Some(place) = hidden.get_mut(place) {
                place.fill(b'*');
            }
        });
        return push_pieces(kind, flags, &hidden, rest, sink);
    }
    push_pieces(kind, flags, text, rest, sink);
}

fn push_pieces(kind: u8, flags: u8, text: &[u8], rest: &[&[u8]], sink: &mut Sink<'_, '_>) {
    match rest {
        [before, behind] => record::push(kind, flags, &[before, b"\0", text, b"\0", behind], sink),
        _ => record::push(kind, flags, &[text], sink),
    }
}

/// `DISCARD ALL` and `DEALLOCATE` take statements away.
fn forget_some(text: &[u8], session: &mut Session) {
    let text = text.trim_ascii_start();
    if !matches!(text.first(), Some(b'D' | b'd')) {
        return;
    }
    let mut words = text
        .split(|byte| byte.is_ascii_whitespace() || *byte == b';')
        .filter(|word| !word.is_empty())
        .take(3)
        .filter(|word| !word.eq_ignore_ascii_case(b"PREPARE"));
    let (verb, what) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let Some(statements) = session.prepared_mut() else { return };
    if is(verb, "DISCARD") && is(what, "ALL") || is(verb, "DEALLOCATE") && is(what, "ALL") {
        statements.forget();
    } else if is(verb, "DEALLOCATE") {
        let name = what.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
        statements.close(name.unwrap_or(what));
        statements.close(&what.to_ascii_lowercase());
    }
}

/// Whether the data of a `COPY` follow, if the server agrees.
#[inline]
fn copies_in(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    if !text.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"COPY")) {
        return false;
    }
    let mut words = text.split(|byte| byte.is_ascii_whitespace() || *byte == b';');
    words.any(|word| word.eq_ignore_ascii_case(b"STDIN"))
}

// === impl Asks: extended query ===

impl Asks {
    fn parse(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, TEXT_MAX)?;
        let (name, text, types) = parsed(kept);
        self.open(Owed::Execute, session, sink);
        let count = kept.get(name.len() + text.len() + 2..).unwrap_or_default();
        let at = sink.recorded().len();
        push_hidden(b'P', cut, text, &[name, count], sink);
        self.steps = self.steps.saturating_add(1);
        let group = session.group();
        let shown = sink.recorded().get(at + 6..).map_or(&[][..], |entry| parsed(entry).1);
        let shown = shown.get(..text.len()).unwrap_or(text);
        self.parsed = session.statements().parse(name, shown, cut > 0, types, group);
        self.concerns(self.parsed, session);
        Ok(self.rest(head, wire::HEAD + kept.len(), false))
    }

    fn bind(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        let (portal, rest) = wire::text(kept);
        let (name, _) = wire::text(rest);
        self.open(Owed::Execute, session, sink);
        let known = session.statements().bind(portal, name).map(|statement| statement.serial);
        self.mention(known, session, sink);
        record::push(b'B', cut, &[kept], sink);
        if let Some(unit) = session.asked().filter(|_| cut == 0) {
            unit.binary = binary_columns(rest);
        }
        self.steps = self.steps.saturating_add(1);
        Ok(self.rest(head, wire::HEAD + kept.len(), false))
    }

    fn describe(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        self.open(Owed::Execute, session, sink);
        let known = match kept.split_first() {
            Some((b'S', name)) => {
                session.prepared().and_then(|all| all.named_so(wire::text(name).0))
            }
            Some((_, name)) => session.prepared().and_then(|all| all.behind(wire::text(name).0)),
            None => None,
        };
        let known = known.map(|statement| statement.serial);
        self.mention(known, session, sink);
        record::push(b'D', cut, &[kept], sink);
        self.steps = self.steps.saturating_add(1);
        if let Some(unit) = session.asked() {
            let twice = std::mem::replace(&mut self.many, true);
            unit.described = if twice { 0 } else { known.unwrap_or(0) };
        }
        Ok(self.rest(head, wire::HEAD + kept.len(), false))
    }

    fn close_named(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        self.open(Owed::Execute, session, sink);
        if let (Some((what, name)), Some(all)) = (kept.split_first(), session.prepared_mut()) {
            let name = wire::text(name).0;
            if *what == b'S' { all.close(name) } else { all.close_portal(name) }
        }
        record::push(b'C', cut, &[kept], sink);
        self.steps = self.steps.saturating_add(1);
        Ok(self.rest(head, wire::HEAD + kept.len(), false))
    }

    fn execute(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        self.open(Owed::Execute, session, sink);
        let portal = wire::text(kept).0;
        let known = session.prepared().and_then(|all| all.behind(portal)).map(|s| s.serial);
        self.mention(known, session, sink);
        record::push(b'E', cut, &[kept], sink);
        self.executed = true;
        self.run(known, session);
        let step = self.rest(head, wire::HEAD + kept.len(), true);
        if self.skip == 0 && !self.copies {
            self.close(session, sink);
        }
        Ok(step)
    }

    /// What is done because a statement is run.
    fn run(&mut self, known: Option<u32>, session: &mut Session) {
        let text = session.prepared().and_then(|all| all.numbered(known?)).map(|s| &s.text);
        let Some(text) = text else { return };
        self.copies = copies_in(text);
        if matches!(text.trim_ascii_start().first(), Some(b'D' | b'd')) {
            let text = text.clone();
            forget_some(&text, session);
        }
    }

    /// The request is about this statement: writes it down unless it was parsed in this request.
    fn mention(&mut self, known: Option<u32>, session: &mut Session, sink: &mut Sink<'_, '_>) {
        let Some(serial) = known else {
            record::set_unknown(sink);
            return;
        };
        let again = session.asked().is_some_and(|unit| unit.statement == serial);
        self.concerns(serial, session);
        if self.parsed == serial || again {
            return;
        }
        let Some(statement) = session.prepared().and_then(|all| all.numbered(serial)) else {
            return;
        };
        let flags = if statement.cut { EARLIER | CUT } else { EARLIER };
        record::push(b'P', flags, &[b"\0", &statement.text, b"\0\0\0", &statement.types], sink);
    }

    fn concerns(&self, serial: u32, session: &mut Session) {
        if let Some(unit) = session.asked() {
            unit.statement = serial;
        }
    }

    fn sync(&mut self, session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
        if self.copies {
            // Not read by a server that takes data already.
            if !session.copy_in {
                session.sync();
                session.in_group = true;
            }
        } else if sink.is_open() {
            self.close(session, sink);
            session.sync();
        } else if session.in_group {
            session.sync();
        } else {
            self.open(Owed::Execute, session, sink);
            record::push(b'S', 0, &[], sink);
            self.close(session, sink);
            session.sync();
        }
        Step::Took(wire::HEAD)
    }
}

/// Which of the first 64 columns a `Bind` wants in binary; from its statement's name on.
fn binary_columns(from_name: &[u8]) -> u64 {
    let rest = types::behind_parameters(wire::text(from_name).1);
    let formats = rest.get(2..).unwrap_or_default().chunks_exact(2).take(64);
    let mask = formats.enumerate().fold(
        0,
        |mask, (n, format)| {
            if format == [0, 1] { mask | 1 << n } else { mask }
        },
    );
    match wire::short(rest, 0) {
        // One format is for all of them.
        Some(1) if mask == 1 => u64::MAX,
        _ => mask,
    }
}

// === impl Asks: COPY ===

impl Asks {
    fn copy(
        &mut self,
        head: Head,
        input: &[u8],
        session: &mut Session,
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        match (head.kind, session.stage) {
            (b'd', Stage::Stream) => {
                // What was asked before the stream began is over.
                if sink.is_open() {
                    self.close(session, sink);
                    return Ok(Step::Took(0));
                }
                return stream(head, input, sink);
            }
            (b'd', _) => {
                if !sink.is_open() {
                    sink.begin(Pair::OneWay);
                    sink.record(&record::facts(kind::DATA));
                    self.copies = true;
                }
                return Ok(Step::Part { head: wire::HEAD, body: head.len as u64 });
            }
            _ => {}
        }
        let (kept, cut) = Self::kept(head, input, OTHER_MAX)?;
        if sink.is_open() {
            if head.kind == b'f' {
                record::push(b'f', cut, &[kept], sink);
            }
            self.close(session, sink);
        }
        Ok(self.rest(head, wire::HEAD + kept.len(), false))
    }
}

/// A message of a replication stream, of either side.
pub fn stream(head: Head, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
    let need = wire::HEAD + head.len.min(STREAM_MAX);
    let kept = input.get(wire::HEAD..need).ok_or(Halt::Short(need))?;
    // Whatever was under way before is over.
    if sink.is_open() {
        sink.finish();
        return Ok(Step::Took(0));
    }
    sink.begin(Pair::OneWay);
    sink.record(&record::facts(kind::STREAM));
    record::push(b'd', 0, &[kept], sink);
    Ok(Step::Body { head: wire::HEAD, body: head.len as u64 })
}

// === before the first typed message ===

fn opening(input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
    let Opening { code, size } = match Opening::read(input) {
        Ok(opening) => opening,
        Err(Halt::Bad) => return Ok(Step::Leave),
        Err(halt) => return Err(halt),
    };
    let packet = input.get(..size).ok_or(Halt::Short(size))?;
    let what = match code {
        wire::CANCEL_REQUEST => {
            sink.begin(Pair::OneWay);
            sink.record(&record::facts(kind::CANCEL));
            // The process, without the key that lets anybody cancel.
            record::push(b'x', 0, &[packet.get(8..12).unwrap_or_default()], sink);
            sink.finish();
            return Ok(Step::Took(size));
        }
        wire::SSL_REQUEST | wire::GSSENC_REQUEST => {
            session.stage = Stage::Choice;
            session.in_group = false;
            (Owed::Choice, kind::ENCRYPT)
        }
        _ => {
            session.stage = Stage::Talk;
            (Owed::Startup, kind::STARTUP)
        }
    };
    let pair = session.ask(what.0);
    sink.begin(pair);
    sink.record(&record::facts(what.1));
    record::push(STARTUP, 0, &[packet.get(4..).unwrap_or_default()], sink);
    if what.0 == Owed::Startup {
        session.sync();
    } else {
        session.in_group = false;
    }
    sink.finish();
    Ok(Step::Took(size))
}
