//! One connection: which records are handshakes, which messages they make, and where those end.

mod news;
mod sealed;

use dissect::{Dissection, Pair, Sink, Step};
use model::Side;

pub use self::news::Chosen;
use self::news::{News, message};
use super::{
    hello::{ClientHello, is_13},
    probe::ssl2_size,
    record::{Alert, FACTS_LEN, Facts, MESSAGES_MAX, Opened, What},
    session::Session,
    wire::{HEAD, Halt, Head, Kind, Messages},
};

/// One connection.
#[derive(Debug, Default)]
pub struct Tls {
    speakers: [Speaker; 2],
    /// The version that is spoken; 0 while nobody knows.
    version: u16,
    /// A hello of the client was seen.
    asked: bool,
    /// The server's hello to it was seen.
    answered: bool,
    /// By what the connection may be decrypted; only where a hello was seen.
    session: Option<Box<Session>>,
    /// What was agreed to be spoken inside, before TLS began.
    inside: Option<&'static Dissection>,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Tls>() <= 48);

/// What is known of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Speaker {
    /// Bytes still to come of a record that is part of the open message and not looked at.
    skip: u32,
    /// Where in the record of the open message the next handshake message begins.
    walked: u32,
    /// Its records are encrypted.
    sealed: bool,
    /// Records went by of which nobody knows whether they belong to the open message.
    unsure: bool,
}

// === impl Tls ===

impl Tls {
    /// Of a connection on which `inside` was spoken so far, and is to be inside.
    pub fn around(inside: Option<&'static Dissection>) -> Self {
        Self { inside, ..Self::default() }
    }

    /// Reads the next record of `from`.
    pub fn next(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        self.wake(from, sink);
        let speaker = &mut self.speakers[from as usize];
        if speaker.skip > 0 {
            return speaker.skip_on(input);
        }
        if let Some(head) = self.held(from) {
            return self.hold(from, head, input, sink);
        }
        let head = match Head::read(input) {
            Ok(head) => head,
            Err(Halt::Short(size)) => return Step::Need(size),
            Err(Halt::Bad) => return self.ssl2(from, input, sink),
        };
        if !self.is_clear(from, head) {
            return self.sealed(from, head, input, sink);
        }
        if matches!(head.kind, Kind::Data | Kind::Heartbeat) {
            return self.pass(from, head, input, sink);
        }
        let Some(fragment) = fragment(input, head) else { return Step::Need(head.size()) };
        self.fragment(from, head, fragment, sink);
        Step::Took(head.size())
    }

    /// Bytes of `from` were lost; whether what comes next begins a handshake in clear.
    pub fn lost(&mut self, from: Side, begins_handshake: bool) {
        let speaker = &mut self.speakers[from as usize];
        *speaker = Speaker { sealed: !begins_handshake, ..Speaker::default() };
        if let Some(session) = &mut self.session
            && !begins_handshake
        {
            session.lost(from);
        }
    }

    /// `from` sends nothing more: what it said of the handshake is all there is.
    pub fn over(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        self.wake(from, sink);
        let speaker = self.speakers[from as usize];
        let read = usize::try_from(speaker.walked).unwrap_or(usize::MAX);
        let ends_here = read == sink.recorded().len() || alert_of(sink).is_some();
        if sink.is_open() && speaker.skip == 0 && !speaker.unsure && ends_here && read >= FACTS_LEN
        {
            sink.finish();
        }
    }

    /// Whether the record can be read by anybody.
    fn is_clear(&self, from: Side, head: Head) -> bool {
        if !self.speakers[from as usize].sealed {
            // Early data (RFC 8446 §4.2.10).
            return head.kind != Kind::Data || !self.can_open(from);
        }
        match head.kind {
            // RFC 8446 §5: without meaning; an alert of two bytes is not encrypted.
            Kind::ChangeCipherSpec => is_13(self.version),
            Kind::Alert => is_13(self.version) && head.len == 2,
            _ => false,
        }
    }

    /// A hello in the form of SSL 2.0, or nothing that is ours.
    fn ssl2(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if from == Side::Server || self.asked || self.answered {
            return Step::Lost;
        }
        let size = match ssl2_size(input) {
            Ok(size) => size,
            Err(Halt::Short(size)) => return Step::Need(size),
            Err(Halt::Bad) => return Step::Lost,
        };
        let Some(message) = input.get(2..size) else { return Step::Need(size) };
        let Some(hello) = ClientHello::read_v2(message) else { return Step::Lost };
        sink.begin(Pair::InOrder);
        let facts = Facts { is_ssl2: true, ..Facts::new(What::Client, hello.version) };
        sink.record(&facts.bytes());
        let len = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
        sink.record(&[message::CLIENT_HELLO, len[1], len[2], len[3]]);
        sink.record(message);
        self.speakers[from as usize].walked = recorded_len(sink);
        self.asked = true;
        self.session = Some(Box::new(Session::new(&hello).around(self.inside)));
        Step::Took(size)
    }
}

// === impl Tls: what is in a record ===

impl Tls {
    /// Reads what is in a record, in clear or decrypted.
    fn fragment(&mut self, from: Side, head: Head, bytes: &[u8], sink: &mut Sink<'_, '_>) {
        match head.kind {
            Kind::ChangeCipherSpec => self.change_cipher(from),
            Kind::Alert => self.alert(from, head, bytes, sink),
            Kind::Handshake => self.handshake(from, head, bytes, sink),
            Kind::Data | Kind::Heartbeat => {}
        }
    }

    fn change_cipher(&mut self, from: Side) {
        // In TLS 1.3 it means nothing, and a client sends it before the version is known where it
        // was told to try again or has early data (RFC 8446 appendix D.4).
        if is_13(self.version) || self.asked && !self.answered {
            return;
        }
        self.speakers[from as usize].sealed = true;
        if let Some(session) = &mut self.session {
            session.change_cipher(from);
        }
    }

    fn alert(&mut self, from: Side, head: Head, bytes: &[u8], sink: &mut Sink<'_, '_>) {
        let &[level, description] = bytes else { return };
        let alert = Alert { level, description };
        if description == 0
            && let Some(session) = &mut self.session
        {
            session.closed(sink);
        }
        if sink.is_open() {
            amend(sink, |facts| facts.alert = Some(alert));
            if self.is_final(alert) {
                sink.finish();
            }
            return;
        }
        if from == Side::Server && self.asked && !self.answered {
            begin(Pair::InOrder, What::Server, head, Some(alert), sink);
            self.speakers[from as usize].walked = recorded_len(sink);
            self.answered = self.is_final(alert);
            if self.answered {
                sink.finish();
            }
        } else if description != 0 {
            begin(Pair::OneWay, What::Alert, head, Some(alert), sink);
            sink.finish();
        }
    }

    /// Whether nothing comes after an alert (RFC 8446 §6: all of them; before, by their level).
    fn is_final(&self, alert: Alert) -> bool {
        alert.level != 1 || alert.description == 0 || is_13(self.version)
    }

    fn handshake(&mut self, from: Side, head: Head, bytes: &[u8], sink: &mut Sink<'_, '_>) {
        if !sink.is_open() {
            let what = match (from, bytes.first()) {
                (Side::Client, Some(&message::CLIENT_HELLO)) => What::Client,
                (Side::Server, Some(&message::SERVER_HELLO)) => What::Server,
                _ => return self.after_handshake(from, bytes),
            };
            begin(Pair::InOrder, what, head, None, sink);
            let speaker = &mut self.speakers[from as usize];
            (speaker.walked, speaker.unsure) = (recorded_len(sink), false);
        }
        let room = (FACTS_LEN + MESSAGES_MAX).saturating_sub(sink.recorded().len());
        sink.record(bytes.get(..room).unwrap_or(bytes));
        self.walk(from, sink);
        let is_full = bytes.len() > room;
        if is_full && bytes.first() == Some(&message::FINISHED) {
            self.hear(from, News::Finished, sink);
        }
    }

    /// Looks at the handshake messages that are whole by now.
    fn walk(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        loop {
            let walked = usize::try_from(self.speakers[from as usize].walked).unwrap_or(usize::MAX);
            let mut rest = Messages(sink.recorded().get(walked..).unwrap_or_default());
            let Some(read) = rest.next() else { return };
            let left = rest.0.len();
            let news = News::of(from, read.kind, read.body);
            let end = u32::try_from(sink.recorded().len() - left).unwrap_or(u32::MAX);
            self.speakers[from as usize].walked = end;
            self.hear(from, news, sink);
        }
    }

    /// A handshake message is whole.
    fn hear(&mut self, from: Side, news: News, sink: &mut Sink<'_, '_>) {
        match news {
            News::Client(session) => self.client_hello(session, sink),
            News::Server(hello) => self.server_hello(hello, sink),
            News::Extensions { early_data, alpn } => {
                if let Some(session) = &mut self.session {
                    session.extensions(early_data, alpn);
                }
            }
            News::Premaster(id) => {
                if let Some(session) = &mut self.session {
                    session.premaster(id, sink.secrets());
                }
            }
            News::EndOfEarlyData => {
                if let Some(session) = &mut self.session {
                    session.next_keys(from);
                }
            }
            News::Finished => {
                self.finished(from, sink);
                if is_13(self.version)
                    && let Some(session) = &mut self.session
                {
                    session.next_keys(from);
                }
            }
            News::Other => {}
        }
    }

    fn client_hello(&mut self, session: Option<Box<Session>>, sink: &Sink<'_, '_>) {
        self.asked = true;
        self.answered = false;
        let session = session.map(|session| Box::new(session.around(self.inside)));
        match (&mut self.session, session) {
            (Some(known), _) if known.was_told_to_retry() => {}
            (Some(known), Some(new)) if known.is_open() => known.renegotiate(*new),
            (known, new) => {
                *known = new;
                if let Some(session) = known {
                    session.expect_early(sink.secrets());
                }
            }
        }
    }

    fn server_hello(&mut self, hello: Option<Chosen>, sink: &mut Sink<'_, '_>) {
        let Some(hello) = hello else { return };
        self.version = hello.version;
        if hello.is_retry {
            if let Some(session) = &mut self.session {
                session.retry();
            }
            return;
        }
        self.answered = true;
        let secrets = sink.secrets();
        let opened = match &mut self.session {
            Some(session) => session.chosen(hello, secrets),
            None => Opened::Unsaid,
        };
        amend(sink, |facts| facts.opened = opened);
        if is_13(self.version) {
            self.speakers.iter_mut().for_each(|speaker| speaker.sealed = true);
            if !opened.is_open() {
                sink.finish();
            }
        }
    }

    /// `from` is done with the handshake.
    fn finished(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        if !sink.is_open() {
            return;
        }
        amend(sink, |facts| facts.is_done = true);
        sink.finish();
        if from == Side::Client || !is_13(self.version) {
            self.let_go(sink);
        }
    }

    /// Forgets the session where no secret will ever open it.
    fn let_go(&mut self, sink: &Sink<'_, '_>) {
        let is_open = self.session.as_ref().is_some_and(|session| session.is_open());
        let is_done = self.speakers.iter().all(|speaker| speaker.sealed);
        if is_done && !is_open && sink.secrets().version() == 0 {
            self.session = None;
        }
    }

    fn after_handshake(&mut self, from: Side, bytes: &[u8]) {
        if let Some(session) = &mut self.session
            && is_13(self.version)
        {
            session.after_handshake(from, bytes);
        }
    }
}

// === impl Speaker ===

impl Speaker {
    fn skip_on(&mut self, input: &[u8]) -> Step {
        let left = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let size = left.min(input.len());
        self.skip = u32::try_from(left - size).unwrap_or(0);
        Step::Took(size)
    }
}

fn fragment(input: &[u8], head: Head) -> Option<&[u8]> {
    input.get(HEAD..head.size())
}

fn begin(pair: Pair, what: What, head: Head, alert: Option<Alert>, sink: &mut Sink<'_, '_>) {
    sink.begin(pair);
    sink.record(&Facts { alert, ..Facts::new(what, head.version) }.bytes());
}

/// Rewrites the facts of the open message.
fn amend(sink: &mut Sink<'_, '_>, change: impl FnOnce(&mut Facts)) {
    let facts = sink.recorded().first_chunk().and_then(Facts::read);
    let Some(mut facts) = facts else { return };
    change(&mut facts);
    sink.amend(0, &facts.bytes());
}

fn alert_of(sink: &Sink<'_, '_>) -> Option<Alert> {
    sink.recorded().first_chunk().and_then(Facts::read)?.alert
}

fn recorded_len(sink: &Sink<'_, '_>) -> u32 {
    u32::try_from(sink.recorded().len()).unwrap_or(u32::MAX)
}
