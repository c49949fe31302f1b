//! By what a connection is decrypted: secrets are found, keys change, records are opened, payload is
//! handed on.

mod direction;
mod late;
mod secrets;

use dissect::{Dissection, Heritage, Opens, Secrets, Sink};
use model::{Cover, Side, Why};

use self::direction::{After, Direction, Next, Stage};
use super::{
    hello::{ClientHello, is_13},
    keys::{Bad, Suite, Traffic},
    names,
    record::Opened,
    talk::Chosen,
    wire::{Head, Kind},
};

/// A message after which its sender's keys change (RFC 8446 §4.6.3).
const KEY_UPDATE: u8 = 24;
/// Messages after which its sender uses its next secret (RFC 8446 §4.4.4, §4.5).
const FINISHED: u8 = 20;
const END_OF_EARLY_DATA: u8 = 5;
/// Suites of TLS 1.3 that early data may be under.
const EARLY_SUITES_MAX: usize = 8;

/// What a record came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Payload, handed on.
    Payload,
    /// Something else, to be taken by [`Session::take_inside`].
    Inside(Kind),
    /// It can't be opened.
    Bad,
    /// Nor can those after it.
    GivenUp,
}

/// One handshake and what follows from it.
#[derive(Debug)]
pub struct Session {
    client_random: [u8; 32],
    server_name: String,
    chosen: Option<Chosen>,
    opened: Opened,
    /// What the key log calls the premaster secret by.
    premaster: Option<[u8; 8]>,
    early: Early,
    retried: bool,
    directions: [Direction; 2],
    /// Which stream inside is in use; a new one after early data that was refused.
    channel: u64,
    /// The stream inside was opened.
    is_inside: bool,
    /// What was agreed to be spoken on it, before TLS began.
    speaks: Option<&'static Dissection>,
    /// What a record held that is no payload.
    inside: Vec<u8>,
    /// How many secrets there were when they were last looked for.
    secrets_version: u64,
}

/// Data that a client sends before it is answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Early {
    /// None.
    #[default]
    None,
    /// Offered, under one of these suites.
    Offered(Vec<u16>),
    /// Not taken by the server: records of it may follow.
    Refused,
}

// === impl Session ===

impl Session {
    /// What was agreed to be spoken inside.
    #[must_use]
    pub fn around(self, speaks: Option<&'static Dissection>) -> Self {
        Self { speaks, ..self }
    }

    /// A client said hello.
    pub fn new(hello: &ClientHello<'_>) -> Self {
        // A random of SSL 2.0 may be shorter: zeros stand before it (RFC 5246 appendix E.2).
        let mut client_random = [0; 32];
        let bytes = client_random.iter_mut().rev().zip(hello.random.iter().rev());
        bytes.for_each(|(to, byte)| *to = *byte);
        let is_early = hello.extensions.find(super::hello::extension::EARLY_DATA).is_some();
        let suites = hello.suites().filter(|suite| suite >> 8 == 0x13).take(EARLY_SUITES_MAX);
        Self {
            client_random,
            server_name: String::from_utf8_lossy(hello.server_name().unwrap_or_default()).into(),
            chosen: None,
            opened: Opened::Unsaid,
            premaster: None,
            early: if is_early { Early::Offered(suites.collect()) } else { Early::None },
            retried: false,
            directions: Default::default(),
            channel: 0,
            is_inside: false,
            speaks: None,
            inside: Vec::new(),
            secrets_version: 0,
        }
    }

    /// The server wants another hello: early data is refused with it (RFC 8446 §4.1.2).
    pub fn retry(&mut self) {
        self.retried = true;
        self.refuse_early();
        self.directions = Default::default();
    }

    /// A client says hello again, under the keys of this session: those are in use until both sides
    /// change them (RFC 5246 §7.4.1.1).
    pub fn renegotiate(&mut self, other: Self) {
        let Self { client_random, server_name, .. } = other;
        let (chosen, premaster, retried) = (None, None, false);
        (self.client_random, self.server_name) = (client_random, server_name);
        (self.chosen, self.premaster, self.retried) = (chosen, premaster, retried);
    }

    /// Early data may follow: the suite it is under is one of those offered.
    pub fn expect_early(&mut self, secrets: &Secrets) {
        let Early::Offered(suites) = &self.early else { return };
        let Some((secret, origin)) =
            secrets.find("CLIENT_EARLY_TRAFFIC_SECRET", &self.client_random)
        else {
            return;
        };
        let suites = suites.iter().filter_map(|suite| Suite::of(*suite));
        let traffic = suites.filter_map(|suite| Traffic::new(0x0304, suite, secret));
        let mut stages = traffic.map(|traffic| Stage { traffic, is_payload: true });
        let Some(first) = stages.next() else { return };
        let rest = stages.collect();
        self.opened = Opened::by(origin);
        let direction = &mut self.directions[Side::Client as usize];
        direction.enter(first);
        direction.next = Next::Secrets(rest);
    }

    /// Whether the next hello belongs to this handshake.
    pub fn was_told_to_retry(&self) -> bool {
        self.retried && self.chosen.is_none()
    }

    /// Whether records of either side are opened, or will be.
    pub fn is_open(&self) -> bool {
        self.opened.is_open()
    }

    /// Whether tags have eight bytes.
    pub fn has_short_tag(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.suite == 0x1305)
    }

    /// Whether there are keys for the next record of `from`, or may be.
    pub fn can_open(&self, from: Side) -> bool {
        let direction = &self.directions[from as usize];
        !direction.is_over && direction.opener.is_some()
    }

    /// The server chose; how what follows is opened.
    pub fn chosen(&mut self, chosen: Chosen, secrets: &Secrets) -> Opened {
        self.chosen = Some(chosen);
        self.opened = self.find_keys(secrets);
        self.opened
    }

    /// What the client's key exchange is called in a key log.
    pub fn premaster(&mut self, id: [u8; 8], secrets: &Secrets) {
        self.premaster = Some(id);
        if !self.opened.is_open() {
            self.opened = self.find_keys(secrets);
        }
    }

    /// The server's extensions that are encrypted.
    pub fn extensions(&mut self, early_data: bool, alpn: Vec<u8>) {
        if let Some(chosen) = &mut self.chosen {
            chosen.alpn = alpn;
        }
        if !early_data {
            self.refuse_early();
        }
    }

    /// From here on `from` uses the keys that were agreed on, up to TLS 1.2.
    pub fn change_cipher(&mut self, from: Side) {
        let direction = &mut self.directions[from as usize];
        direction.opener = None;
        direction.is_payload = true;
        if let Next::Cipher(opener) = std::mem::take(&mut direction.next) {
            direction.opener = Some(opener);
        }
    }

    /// From here on `from` uses its next secret, in TLS 1.3.
    pub fn next_keys(&mut self, from: Side) {
        let direction = &mut self.directions[from as usize];
        if let Next::Secrets(stages) = &mut direction.next
            && !stages.is_empty()
        {
            let stage = stages.remove(0);
            direction.enter(stage);
        }
    }

    /// Bytes of `from` were lost.
    pub fn lost(&mut self, from: Side) {
        let direction = &mut self.directions[from as usize];
        direction.gapped = true;
        direction.held.clear();
        direction.after = After::default();
        if let Next::Cipher(_) = direction.next {
            // The change was among them, or comes again: keys that are new fit no old record.
            self.change_cipher(from);
        }
        if let Some(opener) = &mut self.directions[from as usize].opener {
            opener.doubt();
        }
    }

    /// A side said that it sends nothing more.
    pub fn closed(&mut self, sink: &mut Sink<'_, '_>) {
        if self.is_inside {
            sink.inner_ends(self.channel, Why::Closed);
        }
    }
}

// === impl Session: records ===

impl Session {
    /// Opens a record of `from` and hands payload on.
    pub fn open(
        &mut self,
        from: Side,
        head: Head,
        fragment: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Outcome {
        let direction = &self.directions[from as usize];
        let is_13 = self.chosen.as_ref().is_none_or(|chosen| is_13(chosen.version));
        let may_be_payload = head.kind == Kind::Data && direction.is_payload;
        if may_be_payload {
            self.open_inside(sink);
            self.tell_gap(from, sink);
        }
        let mut result = Err(Bad);
        let mut inside = std::mem::take(&mut self.inside);
        inside.clear();
        let direction = &mut self.directions[from as usize];
        if may_be_payload {
            sink.inner_with(self.channel, |all| {
                let start = all.len();
                result = direction.open(head, fragment, all);
                if result != Ok(Kind::Data) {
                    inside.extend_from_slice(all.get(start..).unwrap_or_default());
                    all.truncate(start);
                }
            });
        } else {
            result = direction.open(head, fragment, &mut inside);
        }
        self.inside = inside;
        match result {
            Ok(kind) => {
                self.directions[from as usize].bad = 0;
                if kind == Kind::Data { Outcome::Payload } else { Outcome::Inside(kind) }
            }
            // Early data that was refused, under a secret that nobody gave.
            Err(Bad) if is_13 && from == Side::Client && self.is_early_skipped() => Outcome::Bad,
            Err(Bad) => self.directions[from as usize].count_bad(),
        }
    }

    /// Keeps the start of a record until the rest comes: what is in a record is there when its last
    /// byte is. Gives the whole once it is there, and how much was taken of `input`.
    pub fn hold(&mut self, from: Side, size: usize, input: &[u8]) -> (Option<Vec<u8>>, usize) {
        let held = &mut self.directions[from as usize].held;
        let missing = size.saturating_sub(held.len());
        let bytes = input.get(..missing).unwrap_or(input);
        held.extend_from_slice(bytes);
        let is_whole = held.len() >= size;
        (is_whole.then(|| std::mem::take(held)), bytes.len())
    }

    /// The start of a record that is kept.
    pub fn held(&self, from: Side) -> &[u8] {
        &self.directions[from as usize].held
    }

    /// Room to keep the next one in.
    pub fn give_held(&mut self, from: Side, mut held: Vec<u8>) {
        held.clear();
        self.directions[from as usize].held = held;
    }

    /// What the last record held.
    pub fn take_inside(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.inside)
    }

    /// Room for what the next one holds.
    pub fn give_inside(&mut self, inside: Vec<u8>) {
        self.inside = inside;
    }

    /// Handshake messages that are part of no open message: keys may change after them.
    pub fn after_handshake(&mut self, from: Side, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(kind) = self.directions[from as usize].after.next(&mut rest) {
            let direction = &mut self.directions[from as usize];
            match kind {
                KEY_UPDATE => {
                    if let Some(stage) = direction.traffic.as_ref().map(Stage::updated) {
                        direction.enter(stage);
                    }
                }
                FINISHED | END_OF_EARLY_DATA => self.next_keys(from),
                _ => {}
            }
        }
    }

    fn open_inside(&mut self, sink: &mut Sink<'_, '_>) {
        if self.is_inside {
            return;
        }
        self.is_inside = true;
        let chosen = self.chosen.as_ref();
        let cover = Cover {
            decrypted_by: self.opened.word(),
            server_name: self.server_name.clone(),
            version: chosen
                .map_or_else(String::new, |chosen| names::version(chosen.version).into()),
            alpn: chosen.map_or_else(String::new, |c| String::from_utf8_lossy(&c.alpn).into()),
            cipher: chosen.map_or_else(String::new, |chosen| names::suite(chosen.suite).into()),
        };
        // What TLS itself agrees on is the bytes' own to show (RFC 7301).
        let name = self.speaks.filter(|_| cover.alpn.is_empty());
        let name = name.and_then(|speaks| speaks.names.first());
        let speaks =
            name.map(|name| Heritage { name: name.as_bytes().into(), ..Heritage::default() });
        sink.inner_opens(self.channel, Opens { cover: Some(cover), speaks, ..Opens::default() });
    }

    fn is_early_skipped(&self) -> bool {
        let is_handshake = !self.directions[Side::Client as usize].is_payload;
        is_handshake && self.early != Early::None
    }

    fn tell_gap(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        if std::mem::take(&mut self.directions[from as usize].gapped) {
            sink.inner_gap(self.channel, 1, Why::Gap);
        }
    }

    /// Early data was for nothing: what is sent again is on a stream of its own.
    fn refuse_early(&mut self) {
        if self.early == Early::None {
            return;
        }
        self.early = Early::Refused;
        if std::mem::take(&mut self.is_inside) {
            self.channel += 1;
        }
    }
}
