//! MQTT 3.1, 3.1.1 and 5.
//!
//! <https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html>. Every packet is a message. CONNECT
//! and CONNACK, PINGREQ and PINGRESP, and what carries the same packet id belong together; a message
//! of `QoS` 2 is two calls: PUBLISH with PUBREC, PUBREL with PUBCOMP. A broker that delivers asks,
//! and its packet ids are apart from those of the client.
//!
//! Which version is spoken is said by the CONNECT. Where that was not seen, a packet that can only be
//! of one version says it; before that, what follows the topic of a PUBLISH is all taken for payload,
//! and no version is told.

#[cfg(test)]
mod oracle;
mod packet;
mod probe;
mod property;
mod reason;
mod record;
mod secrets;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod version;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Role, Sink, Step, Turns};
use model::{Protocol, Side, Transport};

use self::{
    packet::Publish,
    probe::Look,
    session::Session,
    version::Version,
    wire::{Frame, Halt, Kind},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "mqtt",
    about: "MQTT 3.1, 3.1.1 and 5: connections, subscriptions, messages and their acknowledgements",
    specification: "https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "mqtt",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["mqtt", "mqttv3.1"],
    ports: &[1883, 1884, 8883],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Mqtt::default(), Framing::Stream),
};

/// Bytes of a packet that are waited for and written down, apart from payload.
const HEAD_MAX: usize = 32 << 10;

/// One connection.
#[derive(Debug, Default)]
struct Mqtt {
    session: Session,
    roles: Roles,
    /// Bytes still to come, by side, of a packet that are not written down.
    left: [u32; 2],
}

/// Who is the client. Calls go by who asks, whichever side that is; only who may send what goes by it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Roles {
    /// As the engine says.
    #[default]
    AsSaid,
    /// The same, but the engine may have guessed.
    Guessed,
    /// As the engine says: a packet was seen that only one of them sends.
    Sure,
    /// The other way round.
    Turned,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Mqtt>() <= 40);

// === impl Dissector ===

impl Dissector for Mqtt {
    /// Only pings are answered in order, and one is sent when the one before it was answered.
    const TURNS: Turns = Turns::Usual;

    #[inline]
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.left.get(from as usize).is_some_and(|left| *left > 0) {
            return self.pass(from, input.len(), sink);
        }
        self.packet(from, input, sink).unwrap_or_else(Halt::step)
    }

    fn lost(&mut self, from: Side) {
        self.session.lose(from);
        if self.roles == Roles::Turned {
            // What goes by roles is numbered the other way round.
            self.session.lose(from.other());
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.session.join();
        if self.roles == Roles::AsSaid {
            self.roles = Roles::Guessed;
        }
        if let Some(left) = self.left.get_mut(from as usize) {
            *left = 0;
        }
        match probe::begins_here(self.roles.known(from), input, self.session.version) {
            Look::Good => Found::At(0),
            Look::Short => Found::Maybe(0),
            Look::Bad => Found::Nowhere,
        }
    }
}

// === impl Roles ===

impl Roles {
    /// Who `from` is, where that is known.
    fn known(self, from: Side) -> Option<Side> {
        match self {
            Self::AsSaid | Self::Sure => Some(from),
            Self::Guessed => None,
            Self::Turned => Some(from.other()),
        }
    }

    /// Whether `from` may send such a packet; one that only one of them sends tells who is who.
    #[inline]
    fn may_send(&mut self, kind: Kind, from: Side) -> bool {
        let Some(sender) = kind.sender() else { return true };
        match *self {
            Self::AsSaid | Self::Guessed if sender == from => *self = Self::Sure,
            Self::Guessed => *self = Self::Turned,
            Self::AsSaid | Self::Sure | Self::Turned => {}
        }
        self.known(from) == Some(sender)
    }
}

// === impl Mqtt ===

impl Mqtt {
    #[inline]
    fn packet(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Halt> {
        let frame = Frame::read(input)?;
        if !self.roles.may_send(frame.kind, from)
            || !frame.kind.takes(frame.flags, self.session.version.marks_again())
        {
            return Err(Halt::Bad);
        }
        let body = input.get(frame.head..).unwrap_or_default();
        if frame.kind == Kind::Publish {
            return self.publish(frame, from, body, sink);
        }
        self.control(frame, from, body, sink)
    }

    /// A message: its payload is a body.
    #[inline]
    fn publish(
        &mut self,
        frame: Frame,
        from: Side,
        body: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        if self.session.version == Version::Unknown {
            self.session.version = shown_by(frame, body)?;
        }
        let version = self.session.version;
        let publish = match Publish::read(body, frame.len, frame.qos() > 0, version.is_5()) {
            Err(Halt::Short(need)) if need <= HEAD_MAX => {
                return Err(Halt::Short(frame.head + need));
            }
            Err(Halt::Short(_)) => return self.large(frame, from, body, sink),
            publish => publish?,
        };
        let pair = self.session.publish(frame, from, publish.id);
        let aliased = match publish.properties.alias() {
            Some(alias) if publish.topic.is_empty() => self.session.topic(from, alias),
            Some(alias) => {
                self.session.learn(from, alias, publish.topic, sink);
                None
            }
            None => None,
        };
        let aliased = aliased.unwrap_or_default();
        sink.begin_as(Role::Asks, pair);
        let layout = version.layout(frame.kind, frame.len);
        sink.record(&record::mark(frame.first(), layout, false, aliased));
        if !aliased.is_empty() {
            sink.record(aliased);
        }
        sink.record(body.get(..publish.len).unwrap_or_default());
        let head = frame.head + publish.len;
        match u64::try_from(frame.len - publish.len) {
            Ok(body @ 1..) => Ok(Step::Body { head, body }),
            _ => {
                sink.finish();
                Ok(Step::Took(head))
            }
        }
    }

    /// Any other packet, which is read whole.
    fn control(
        &mut self,
        frame: Frame,
        from: Side,
        body: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        if frame.len > HEAD_MAX {
            return self.large(frame, from, body, sink);
        }
        let whole = frame.head + frame.len;
        let body = body.get(..frame.len).ok_or(Halt::Short(whole))?;
        self.learn_version(frame, body)?;
        let version = self.session.version;
        let who = if frame.kind == Kind::Auth { self.roles.known(from) } else { Some(from) };
        let (role, pair) = self.session.pair(frame, who.unwrap_or(from), body).ok_or(Halt::Bad)?;
        sink.begin_as(role, pair);
        let layout = version.layout(frame.kind, frame.len);
        sink.record(&record::mark(frame.first(), layout, false, &[]));
        secrets::write(frame.kind, body, version, &mut |bytes| sink.record(bytes));
        sink.finish();
        Ok(Step::Took(whole))
    }

    /// A packet with more before its payload than is waited for.
    fn large(
        &mut self,
        frame: Frame,
        from: Side,
        body: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Result<Step, Halt> {
        let front = body.get(..HEAD_MAX).ok_or(Halt::Short(frame.head + HEAD_MAX))?;
        if frame.kind == Kind::Connect {
            self.session.version =
                Version::of_level(packet::level(front).map_err(|_| Halt::Bad)?.0);
        }
        let version = self.session.version;
        let (role, pair) = self.pair_of_large(frame, from, front).ok_or(Halt::Bad)?;
        sink.begin_as(role, pair);
        let layout = version.layout(frame.kind, frame.len);
        sink.record(&record::mark(frame.first(), layout, true, &[]));
        if frame.kind != Kind::Auth && frame.kind != Kind::Connack {
            secrets::write(frame.kind, front, version, &mut |bytes| sink.record(bytes));
        }
        if let Some(left) = self.left.get_mut(from as usize) {
            *left = u32::try_from(frame.len - HEAD_MAX).unwrap_or(u32::MAX);
        }
        if frame.len == HEAD_MAX {
            sink.finish();
        }
        Ok(Step::Took(frame.head + HEAD_MAX))
    }

    /// How a packet is paired of which only the front is there.
    fn pair_of_large(&self, frame: Frame, from: Side, front: &[u8]) -> Option<(Role, Pair)> {
        if frame.kind != Kind::Publish {
            return self.session.pair(frame, from, front);
        }
        let publish = Publish::read(front, front.len(), frame.qos() > 0, false).ok();
        let id = publish.and_then(|publish| publish.id);
        Some((Role::Asks, self.session.publish(frame, from, id)))
    }

    /// A CONNECT says the version; other packets may show it.
    #[inline]
    fn learn_version(&mut self, frame: Frame, body: &[u8]) -> Result<(), Halt> {
        if frame.kind == Kind::Connect {
            self.session.version = Version::of_level(packet::level(body).map_err(|_| Halt::Bad)?.0);
        } else if self.session.version == Version::Unknown {
            self.session.version = packet::shows(frame.kind, body)?;
        }
        Ok(())
    }

    /// Takes what is not written down.
    fn pass(&mut self, from: Side, there: usize, sink: &mut Sink<'_, '_>) -> Step {
        let Some(left) = self.left.get_mut(from as usize) else { return Step::Lost };
        let took = u32::try_from(there).map_or(*left, |there| there.min(*left));
        *left -= took;
        if *left == 0 {
            sink.finish();
        }
        usize::try_from(took).map_or(Step::Lost, Step::Took)
    }
}

/// The version that a PUBLISH shows to be spoken: what is behind its topic can't be properties, or
/// an alias stands for its topic.
fn shown_by(frame: Frame, body: &[u8]) -> Result<Version, Halt> {
    let read = |is_5| Publish::read(body, frame.len, frame.qos() > 0, is_5);
    let is_3 = match read(false) {
        Ok(publish) => publish.is_valid(false),
        Err(Halt::Short(need)) if need <= HEAD_MAX => return Err(Halt::Short(frame.head + need)),
        Err(Halt::Short(_)) => return Ok(Version::Unknown),
        Err(Halt::Bad) => false,
    };
    let is_5 = match read(true) {
        Ok(publish) => publish.is_valid(true),
        Err(Halt::Short(need)) if need <= HEAD_MAX => return Err(Halt::Short(frame.head + need)),
        Err(Halt::Short(_)) => is_3,
        Err(Halt::Bad) => false,
    };
    match (is_3, is_5) {
        (true, true) => Ok(Version::Unknown),
        (true, false) => Ok(Version::Some3),
        (false, true) => Ok(Version::V5),
        (false, false) => Err(Halt::Bad),
    }
}
