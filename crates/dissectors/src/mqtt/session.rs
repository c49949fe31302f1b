//! What a connection remembers: its version, which answers belong to which questions, and the topics
//! that aliases stand for.

use dissect::{Pair, Role, Sink};
use model::Side;

use super::{
    version::Version,
    wire::{Cursor, Frame, Kind},
};

/// Aliases remembered for one direction, at most.
const ALIASES_MAX: usize = 64;
/// Bytes of a topic that is remembered, at most.
const TOPIC_MAX: usize = 512;

/// One connection.
#[derive(Debug, Default)]
pub struct Session {
    /// What is spoken.
    pub version: Version,
    /// Packets may have been lost, at any time.
    lossy: bool,
    /// For the questions of each side: ids of one epoch do not answer those of another.
    epochs: [u16; 2],
    /// What each side's aliases stand for.
    aliases: [Option<Box<Aliases>>; 2],
}

/// The aliases of one direction.
#[derive(Debug, Default)]
struct Aliases(Vec<(u16, Box<[u8]>)>);

// === impl Session ===

impl Session {
    /// Packets of `from` may have been lost.
    ///
    /// Among them answers, and nobody knows whether the question that used such an id again was lost
    /// as well: what waits for `from` is not answered by what comes now.
    pub fn lose(&mut self, from: Side) {
        self.lossy = true;
        if let Some(aliases) = self.aliases.get_mut(from as usize) {
            *aliases = None;
        }
        if let Some(epoch) = self.epochs.get_mut(from.other() as usize) {
            *epoch = epoch.wrapping_add(1);
        }
    }

    /// It is not known what was said before.
    pub fn join(&mut self) {
        self.lossy = true;
    }

    /// Whom a packet asks or answers, and by which number; nothing if it lacks its id.
    pub fn pair(&self, frame: Frame, from: Side, body: &[u8]) -> Option<(Role, Pair)> {
        let id = || Cursor(body).two();
        let asks = |answer, id| (Role::Asks, self.number(from, answer, id));
        let answers = |answer, id| (Role::Answers, self.number(from.other(), answer, id));
        Some(match frame.kind {
            Kind::Connect => asks(Kind::Connack, 0),
            Kind::Connack => answers(Kind::Connack, 0),
            Kind::Subscribe => asks(Kind::Suback, id()?),
            Kind::Unsubscribe => asks(Kind::Unsuback, id()?),
            Kind::Pubrel => asks(Kind::Pubcomp, id()?),
            Kind::Pingreq => (Role::Asks, Pair::InOrder),
            Kind::Pingresp => (Role::Answers, Pair::InOrder),
            Kind::Auth => self.authenticate(from, body.first().copied().unwrap_or(0)),
            Kind::Publish | Kind::Disconnect => (Role::Asks, Pair::OneWay),
            kind => answers(kind, id()?),
        })
    }

    /// By which number a PUBLISH is acknowledged. One that is marked as sent again, under an id that
    /// still waits, is the same one: no id may be used for anything else before (§2.2.1). Where
    /// packets were lost, nobody knows whether it still waits.
    pub fn publish(&self, frame: Frame, from: Side, id: Option<u16>) -> Pair {
        let Some(id) = id else { return Pair::OneWay };
        let kind = if frame.qos() == 1 { Kind::Puback } else { Kind::Pubrec };
        match self.number(from, kind, id) {
            Pair::Id(number) if frame.is_dup() && !self.lossy => Pair::Datagram(number),
            pair => pair,
        }
    }

    /// What `alias` of `from` stands for.
    pub fn topic(&self, from: Side, alias: u16) -> Option<&[u8]> {
        let aliases = self.aliases.get(from as usize)?.as_ref()?;
        aliases.0.iter().find(|(known, _)| *known == alias).map(|(_, topic)| &**topic)
    }

    /// From now on, `alias` of `from` stands for `topic`.
    pub fn learn(&mut self, from: Side, alias: u16, topic: &[u8], sink: &mut Sink<'_, '_>) {
        if self.topic(from, alias) == Some(topic) {
            return;
        }
        let Some(place) = self.aliases.get_mut(from as usize) else { return };
        let Aliases(known) = &mut **place.get_or_insert_default();
        known.retain(|(other, _)| *other != alias);
        if topic.len() <= TOPIC_MAX && known.len() < ALIASES_MAX {
            known.push((alias, topic.into()));
        }
        if !sink.hold(self.held()) {
            self.aliases = [None, None];
        }
    }

    /// Bytes of all aliases.
    fn held(&self) -> usize {
        let each = self.aliases.iter().flatten().flat_map(|aliases| &aliases.0);
        each.map(|(_, topic)| topic.len() + size_of::<(u16, Box<[u8]>)>()).sum()
    }

    /// The server asks for more (`Continue authentication`), the client answers; or the client wants
    /// to authenticate again, and the server says that it did (§4.12).
    fn authenticate(&self, from: Side, code: u8) -> (Role, Pair) {
        const AGAIN: u8 = 0x19;
        const CHALLENGE: u16 = 1;
        let number = |asker, id| self.number(asker, Kind::Auth, id);
        match (from, code) {
            (Side::Server, 0) => (Role::Answers, number(Side::Client, 0)),
            (Side::Client, AGAIN) => (Role::Asks, number(Side::Client, 0)),
            (Side::Server, _) => (Role::Asks, number(Side::Server, CHALLENGE)),
            (Side::Client, _) => (Role::Answers, number(Side::Server, CHALLENGE)),
        }
    }

    #[inline]
    fn number(&self, asker: Side, answer: Kind, id: u16) -> Pair {
        let epoch = self.epochs.get(asker as usize).copied().unwrap_or(0);
        Pair::Id(u64::from(epoch) << 32 | u64::from(answer as u8) << 16 | u64::from(id))
    }
}
