//! What is written down of a message: facts of fixed size, then handshake messages as sent, without
//! the records they came in.
//!
//! ```text
//!  0      1       2         4       5       6            8
//! ┌──────┬───────┬─────────┬───────┬───────┬─────┬──────┐
//! │ kind │ flags │ version │ alert │ level │ why │  0   │ messages …
//! └──────┴───────┴─────────┴───────┴───────┴─────┴──────┘
//! ```
//!
//! `version` is that of the first record, `why` says how its payload is decrypted or why it is not.

use model::Message;

use super::wire::Messages;

/// Bytes before the messages.
pub const FACTS_LEN: usize = 8;
/// Bytes of messages kept of one half; a chain of certificates is a tenth of it.
pub const MESSAGES_MAX: usize = 64 << 10;
/// In the place of an alert that is encrypted.
pub const ENCRYPTED: u8 = 255;

const FLAGS_AT: usize = 1;
const ALERT_AT: usize = 4;
const WHY_AT: usize = 6;

const HAS_ALERT: u8 = 1;
const SSL2: u8 = 2;
const DONE: u8 = 4;

/// What a record is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// The client's half of a handshake.
    Client,
    /// The server's half of a handshake.
    Server,
    /// An alert outside of a handshake.
    Alert,
    /// Records that can't be opened although the keys are there.
    BadRecord,
}

/// An alert.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alert {
    /// 1 for a warning, 2 if nothing goes on after it.
    pub level: u8,
    /// Which; [`ENCRYPTED`] if nobody knows.
    pub description: u8,
}

/// How payload is decrypted, or why it is not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Opened {
    /// Not said: no secrets were given, or nothing was to be decrypted.
    #[default]
    Unsaid,
    /// With a key log.
    KeyLog,
    /// With secrets in the capture file.
    Embedded,
    /// No secret for this handshake was given.
    NoSecret,
    /// Nobody here can read the suite.
    UnknownSuite,
    /// Nobody here can read the version.
    UnknownVersion,
    /// The secrets do not fit the records.
    BadRecord,
    /// Keys depend on what the client said first, which was not seen.
    StartNotSeen,
}

/// The fixed part of a record, as it is written and written again.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Of what.
    pub what: What,
    /// The version in the first record.
    pub version: u16,
    /// What ended it, or warned.
    pub alert: Option<Alert>,
    /// Its hello is in the form of SSL 2.0.
    pub is_ssl2: bool,
    /// Its side is done with the handshake.
    pub is_done: bool,
    /// How payload is decrypted.
    pub opened: Opened,
}

/// A record, read again.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The facts.
    pub facts: Facts,
    messages: &'m [u8],
}

// === impl Facts ===

impl Facts {
    /// Nothing but what began.
    pub fn new(what: What, version: u16) -> Self {
        let opened = Opened::Unsaid;
        Self { what, version, alert: None, is_ssl2: false, is_done: false, opened }
    }

    /// As bytes.
    pub fn bytes(self) -> [u8; FACTS_LEN] {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(self.alert.is_some(), HAS_ALERT)
            | flag(self.is_ssl2, SSL2)
            | flag(self.is_done, DONE);
        let Alert { level, description } = self.alert.unwrap_or(Alert { level: 0, description: 0 });
        let [v0, v1] = self.version.to_be_bytes();
        let what = match self.what {
            What::Client => 1,
            What::Server => 2,
            What::Alert => 3,
            What::BadRecord => 4,
        };
        [what, flags, v0, v1, description, level, self.opened.byte(), 0]
    }

    /// From bytes.
    pub fn read(bytes: &[u8; FACTS_LEN]) -> Option<Self> {
        let what = match bytes[0] {
            1 => What::Client,
            2 => What::Server,
            3 => What::Alert,
            4 => What::BadRecord,
            _ => return None,
        };
        let flags = bytes[FLAGS_AT];
        let alert = Alert { level: bytes[ALERT_AT + 1], description: bytes[ALERT_AT] };
        Some(Self {
            what,
            version: u16::from_be_bytes([bytes[2], bytes[3]]),
            alert: (flags & HAS_ALERT != 0).then_some(alert),
            is_ssl2: flags & SSL2 != 0,
            is_done: flags & DONE != 0,
            opened: Opened::of(bytes[WHY_AT]),
        })
    }
}

// === impl Opened ===

impl Opened {
    const ALL: [(Self, &str); 8] = [
        (Self::Unsaid, ""),
        (Self::KeyLog, "keylog"),
        (Self::Embedded, "embedded"),
        (Self::NoSecret, "no secret"),
        (Self::UnknownSuite, "unsupported suite"),
        (Self::UnknownVersion, "unsupported version"),
        (Self::BadRecord, "bad record"),
        (Self::StartNotSeen, "start not seen"),
    ];

    fn byte(self) -> u8 {
        Self::ALL.iter().zip(0..).find(|((one, _), _)| *one == self).map_or(0, |(_, n)| n)
    }

    fn of(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).map_or(Self::Unsaid, |(one, _)| *one)
    }

    /// Where secrets come from, by the word for it.
    pub fn by(origin: &str) -> Self {
        if origin == "embedded" { Self::Embedded } else { Self::KeyLog }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// Whether it is decrypted.
    pub fn is_open(self) -> bool {
        matches!(self, Self::KeyLog | Self::Embedded)
    }
}

// === impl View ===

impl<'m> View<'m> {
    /// The record of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        Self::of_record(&message.record)
    }

    /// The same, of the record alone.
    pub fn of_record(record: &'m [u8]) -> Option<Self> {
        let (facts, messages) = record.split_first_chunk()?;
        Some(Self { facts: Facts::read(facts)?, messages })
    }

    /// The handshake messages that were kept whole.
    pub fn messages(self) -> Messages<'m> {
        Messages(self.messages)
    }

    /// The body of the last message of this type.
    pub fn last(self, kind: u8) -> Option<&'m [u8]> {
        self.messages().filter(|message| message.kind == kind).last().map(|message| message.body)
    }

    /// The body of the first message of this type.
    pub fn first(self, kind: u8) -> Option<&'m [u8]> {
        self.messages().find(|message| message.kind == kind).map(|message| message.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_back_as_they_were_written() {
        let facts = Facts {
            alert: Some(Alert { level: 2, description: 48 }),
            is_done: true,
            opened: Opened::NoSecret,
            ..Facts::new(What::Server, 0x0303)
        };
        let again = Facts::read(&facts.bytes()).unwrap();
        assert_eq!(again.bytes(), facts.bytes());
        assert_eq!((again.alert, again.opened.word()), (facts.alert, "no secret"));
    }
}
