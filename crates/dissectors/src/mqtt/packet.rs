//! What is behind the fixed header of each packet (MQTT 5 §3, MQTT 3.1.1 §3), and whether it is as it
//! has to be.

use super::{
    property::{Place, Properties, are_valid},
    reason,
    version::Version,
    wire::{Cursor, Halt, Kind},
};

/// Bytes of the name of the protocol with their length.
const NAMES: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];

/// What a PUBLISH begins with, before its payload.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'b> {
    /// The topic; empty where an alias stands for it.
    pub topic: &'b [u8],
    /// The packet's id, with a `QoS` above 0.
    pub id: Option<u16>,
    /// Properties of MQTT 5.
    pub properties: Properties<'b>,
    /// Bytes of all this.
    pub len: usize,
}

/// A CONNECT, as far as it could be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connect<'b> {
    /// The level of the protocol without the bit that bridges set.
    pub level: u8,
    /// Its flags.
    pub flags: u8,
    /// Seconds.
    pub keep_alive: u16,
    /// Properties.
    pub properties: &'b [u8],
    /// The client's id.
    pub client: Option<&'b [u8]>,
    /// Properties of the will.
    pub will_properties: &'b [u8],
    /// Topic of the will, and what it says.
    pub will: Option<(&'b [u8], &'b [u8])>,
    /// Name of the user.
    pub user: Option<&'b [u8]>,
    /// Bytes before the password, and before what could not be read.
    pub len: usize,
    /// Whether it was read up to where the password begins.
    pub is_whole: bool,
}

/// The packet id, properties and the rest of a packet that has them.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'b> {
    /// The packet's id.
    pub id: u16,
    /// Properties of MQTT 5.
    pub properties: &'b [u8],
    /// Filters or codes.
    pub rest: &'b [u8],
}

/// The code and the properties of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Coded<'b> {
    /// Flags of a CONNACK.
    pub flags: u8,
    /// The packet's id, where it has one.
    pub id: Option<u16>,
    /// The code; nothing where the version has none.
    pub code: Option<u8>,
    /// Properties of MQTT 5.
    pub properties: &'b [u8],
    rest: Cursor<'b>,
}

/// The level that begins a CONNECT, and the bytes up to it, once it is certain that it is one.
pub fn level(body: &[u8]) -> Result<(u8, usize), Halt> {
    for name in NAMES {
        if let Some([level, ..]) = body.strip_prefix(name) {
            let known = matches!((name.len(), level & 0x7f), (6, 4 | 5) | (8, 3));
            return if known { Ok((level & 0x7f, name.len() + 1)) } else { Err(Halt::Bad) };
        }
        if name.starts_with(body) {
            return Err(Halt::Short(name.len() + 1));
        }
    }
    Err(Halt::Bad)
}

/// Whether `body`, all of it, is what `kind` has to be in that version. A PUBLISH is read by itself.
pub fn is_valid(kind: Kind, body: &[u8], version: Version) -> bool {
    match kind {
        Kind::Connect => Connect::read(body).is_some_and(|connect| connect.is_valid()),
        Kind::Subscribe => filters(kind, body, version, true).is_some(),
        Kind::Unsubscribe => filters(kind, body, version, false).is_some(),
        Kind::Suback => codes(kind, body, version),
        Kind::Unsuback if version.is_5() => codes(kind, body, version),
        Kind::Auth if !version.is_5() => false,
        // Unlike in later packets, the length of the properties is never left out (§3.2.2.3).
        Kind::Connack if version.is_5() && body.len() < 3 => false,
        Kind::Pingreq | Kind::Pingresp => body.is_empty(),
        Kind::Publish => false,
        _ => Coded::read(kind, body, version).is_some_and(|coded| coded.is_valid(kind, version)),
    }
}

/// The version of MQTT that a packet shows to be spoken: it is none in any other.
pub fn shows(kind: Kind, body: &[u8]) -> Result<Version, Halt> {
    match (is_valid(kind, body, Version::Some3), is_valid(kind, body, Version::V5)) {
        (true, true) => Ok(Version::Unknown),
        (true, false) => Ok(Version::Some3),
        (false, true) => Ok(Version::V5),
        (false, false) => Err(Halt::Bad),
    }
}

/// Whether it can be a topic, or a filter (§4.7): not empty, UTF-8, without NUL.
pub fn is_topic(text: &[u8], wildcards: bool) -> bool {
    let wild = |byte: &u8| matches!(byte, b'+' | b'#');
    !text.is_empty()
        && std::str::from_utf8(text).is_ok()
        && !text.iter().any(|byte| byte.is_ascii_control() || !wildcards && wild(byte))
}

/// The filters of a SUBSCRIBE or UNSUBSCRIBE, each with its options, as far as they can be read.
pub fn each_filter(kind: Kind, rest: &[u8]) -> impl Iterator<Item = (&[u8], u8)> {
    let mut cursor = Cursor(rest);
    std::iter::from_fn(move || {
        let filter = cursor.sized()?;
        let options = if kind == Kind::Subscribe { cursor.byte()? } else { 0 };
        Some((filter, options))
    })
}

fn filters(kind: Kind, body: &[u8], version: Version, options: bool) -> Option<()> {
    let letter = Letter::read(body, version.is_5())?;
    let mut cursor = Cursor(letter.rest);
    let mut count = 0;
    while !cursor.is_done() {
        let filter = cursor.sized().filter(|filter| is_topic(filter, true))?;
        if options {
            cursor.byte().filter(|options| are_options(*options, version))?;
        }
        count += filter.len().min(1);
    }
    (count > 0 && letter.is_valid(kind)).then_some(())
}

/// §3.8.3.1: a `QoS`, and in MQTT 5 how to treat what is retained.
fn are_options(options: u8, version: Version) -> bool {
    let qos = options & 3;
    qos < 3
        && if version.is_5() { options & 0xc0 == 0 && options & 0x30 != 0x30 } else { options < 3 }
}

fn codes(kind: Kind, body: &[u8], version: Version) -> bool {
    let Some(letter) = Letter::read(body, version.is_5()) else { return false };
    let known = |code: &u8| {
        if version.is_5() {
            reason::name(kind, *code).is_some()
        } else {
            reason::name_of_3(kind, *code).is_some()
        }
    };
    !letter.rest.is_empty() && letter.rest.iter().all(known) && letter.is_valid(kind)
}

// === impl Publish ===

impl<'b> Publish<'b> {
    /// Reads the front of `body`, the first bytes of a packet of `len` bytes behind its fixed header.
    /// How many bytes it takes is said as far as is known.
    #[inline]
    pub fn read(body: &'b [u8], len: usize, has_id: bool, is_5: bool) -> Result<Self, Halt> {
        let short = |need: usize| if need <= len { Halt::Short(need) } else { Halt::Bad };
        let mut cursor = Cursor(body.get(..len).unwrap_or(body));
        let front = usize::from(has_id) * 2;
        let topic = cursor.two().ok_or(short(2))?;
        let end = 2 + usize::from(topic);
        let topic = cursor.take(topic.into()).ok_or(short(end + front))?;
        let id = if has_id { Some(cursor.two().ok_or(short(end + front))?) } else { None };
        let mut read = Self { topic, id, properties: Properties::of(&[]), len: end + front };
        if is_5 {
            let before = cursor.0.len();
            let Some(size) = cursor.variable() else {
                let need = read.len + before + 1;
                return Err(if before < 4 { short(need) } else { Halt::Bad });
            };
            read.len += before - cursor.0.len() + size;
            let bytes = cursor.take(size).ok_or(short(read.len))?;
            read.properties = Properties::of(bytes);
        }
        Ok(read)
    }

    /// Whether all of it may be in a PUBLISH.
    pub fn is_valid(&self, is_5: bool) -> bool {
        let alias = is_5 && self.topic.is_empty() && self.properties.alias().is_some();
        self.id != Some(0)
            && (alias || is_topic(self.topic, false))
            && are_valid(self.properties.rest(), Place::Packet(Kind::Publish))
    }
}

// === impl Connect ===

impl<'b> Connect<'b> {
    /// Reads as much as there is; nothing if that is not the front of a CONNECT.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let (level, at) = level(body).ok()?;
        let mut cursor = Cursor(body.get(at..)?);
        let (flags, keep_alive) = (cursor.byte()?, cursor.two()?);
        let mut connect = Self { level, flags, keep_alive, ..Self::default() };
        connect.len = body.len() - cursor.0.len();
        connect.is_whole = connect.go_on(body.len(), &mut cursor).is_some();
        Some(connect)
    }

    /// Whether it has a password, which is behind all that was read.
    pub fn has_password(&self) -> bool {
        self.flags & 0x40 != 0
    }

    fn is_valid(&self) -> bool {
        self.is_whole
            && are_valid(self.properties, Place::Packet(Kind::Connect))
            && are_valid(self.will_properties, Place::Will)
    }

    /// Quality of service of the will.
    pub fn will_qos(&self) -> u8 {
        self.flags >> 3 & 3
    }

    fn go_on(&mut self, all: usize, cursor: &mut Cursor<'b>) -> Option<()> {
        if self.level == 5 {
            self.properties = cursor.properties()?;
            self.len = all - cursor.0.len();
        }
        self.client = Some(cursor.sized()?);
        self.len = all - cursor.0.len();
        if self.flags & 0x04 != 0 {
            if self.level == 5 {
                self.will_properties = cursor.properties()?;
            }
            self.will = Some((cursor.sized()?, cursor.sized()?));
            self.len = all - cursor.0.len();
        }
        // MQTT 3.1 §3.1: the names are optional even where the flags announce them.
        if self.flags & 0x80 != 0 && !(self.level == 3 && cursor.is_done()) {
            self.user = Some(cursor.sized()?);
            self.len = all - cursor.0.len();
        }
        Some(())
    }
}

// === impl Letter ===

impl<'b> Letter<'b> {
    /// Reads the front of a packet with an id and properties.
    pub fn read(body: &'b [u8], is_5: bool) -> Option<Self> {
        let mut cursor = Cursor(body);
        let id = cursor.two()?;
        let properties = if is_5 { cursor.properties()? } else { &[] };
        Some(Self { id, properties, rest: cursor.0 })
    }

    fn is_valid(&self, kind: Kind) -> bool {
        self.id > 0 && are_valid(self.properties, Place::Packet(kind))
    }
}

// === impl Coded ===

impl<'b> Coded<'b> {
    /// Reads a CONNACK, an acknowledgement with one code, a DISCONNECT or an AUTH. In MQTT 5, a code
    /// that is left out is 0.
    pub fn read(kind: Kind, body: &'b [u8], version: Version) -> Option<Self> {
        let mut rest = Cursor(body);
        let flags = if kind == Kind::Connack { rest.byte()? } else { 0 };
        let id = match kind {
            Kind::Connack | Kind::Disconnect | Kind::Auth => None,
            _ => Some(rest.two()?),
        };
        let code = match (kind, version) {
            (Kind::Connack, _) => Some(rest.byte()?),
            (_, Version::Unknown) if rest.is_done() => None,
            (_, Version::V5 | Version::Unknown) => Some(rest.byte().unwrap_or(0)),
            _ => None,
        };
        let has_properties = version.is_5() && !rest.is_done();
        let properties = if has_properties { rest.properties()? } else { &[] };
        Some(Self { flags, id, code, properties, rest })
    }

    fn is_valid(&self, kind: Kind, version: Version) -> bool {
        let known = |code: u8| match kind {
            _ if version.is_5() => reason::name(kind, code).is_some(),
            Kind::Connack => reason::name_of_3(kind, code).is_some(),
            _ => true,
        };
        self.id != Some(0)
            && self.flags <= 1
            && self.code.is_none_or(known)
            && self.rest.is_done()
            && are_valid(self.properties, Place::Packet(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_in_one_version_shows_it() {
        for (kind, body, shown) in [
            (Kind::Connack, &b"\0\0"[..], Ok(Version::Some3)),
            (Kind::Connack, b"\0\0\0", Ok(Version::V5)),
            (Kind::Connack, b"\0\x06", Err(Halt::Bad)),
            (Kind::Puback, b"\0\x01", Ok(Version::Unknown)),
            (Kind::Puback, b"\0\x01\x10", Ok(Version::V5)),
            (Kind::Puback, b"\0\0", Err(Halt::Bad)),
            (Kind::Subscribe, b"\0\x01\0\x01a\x02", Ok(Version::Some3)),
            (Kind::Subscribe, b"\0\x01\0\0\x01a\x02", Ok(Version::V5)),
            (Kind::Subscribe, b"\0\x01\0\x01a", Err(Halt::Bad)),
            (Kind::Suback, b"\0\x01\x02", Ok(Version::Some3)),
            (Kind::Suback, b"\0\x01\0\x01", Ok(Version::Unknown)),
            (Kind::Suback, b"\0\x01\0\x87", Ok(Version::V5)),
            (Kind::Unsuback, b"\0\x01", Ok(Version::Some3)),
            (Kind::Unsuback, b"\0\x01\0\x11", Ok(Version::V5)),
            (Kind::Disconnect, b"", Ok(Version::Unknown)),
            (Kind::Disconnect, b"\x8e", Ok(Version::V5)),
            (Kind::Auth, b"\x18\0", Ok(Version::V5)),
            (Kind::Pingreq, b"", Ok(Version::Unknown)),
        ] {
            assert_eq!(shows(kind, body), shown, "{kind:?} {}", body.escape_ascii());
        }
    }
}
