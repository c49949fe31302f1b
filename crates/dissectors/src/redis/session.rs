//! What the two sides of a connection must know of each other.

use std::num::NonZero;

use dissect::Pair;

/// Small on purpose: there is one for every connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    /// The database that was selected, if that was seen.
    pub db: Option<Database>,
    /// Whether commands are answered.
    pub replies: Replies,
    /// What the server sends.
    pub course: Course,
    /// Where the server's next message may start after a loss.
    pub anchor: Anchor,
    /// Confirmations still to come of channels beyond a command's first.
    pub confirmations_owed: u16,
}

/// The number of a database; in as few bytes as it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Database(NonZero<u16>);

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Replies {
    /// Every command is answered.
    #[default]
    On,
    /// None is until `CLIENT REPLY ON`.
    Off,
    /// The next one is not.
    Skip,
}

/// What the server sends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Course {
    /// Answers and pushes.
    #[default]
    Answers,
    /// A snapshot that answers `SYNC`.
    SyncSnapshot,
    /// A snapshot after `+FULLRESYNC`, which answered `PSYNC`.
    Snapshot,
    /// A snapshot whose end is marked, until its mark.
    MarkedSnapshot,
    /// The commands of a master to its replica.
    Commands,
}

/// Whether the start of a packet of the server can be the start of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Anchor {
    /// Nothing was seen of the server.
    #[default]
    Unseen,
    /// The flow was joined late, and the client asked since.
    AskedLate,
    /// The server's bytes are read.
    Reading,
    /// Bytes of the server were lost and the client has not asked since.
    Lost,
    /// It has: what the server sends next was asked for, and begins where a packet does.
    Asked,
}

/// The first words of a command, upper or lower case.
#[derive(Clone, Copy, Debug)]
pub struct Words<'b> {
    /// The command.
    pub name: &'b [u8],
    /// Its first argument; empty if there is none or if it was not looked at.
    pub first: &'b [u8],
    /// The second.
    pub second: &'b [u8],
}

// === impl Session ===

impl Session {
    /// The client sends a command: how it is paired, and what it changes.
    #[inline]
    pub fn command(&mut self, words: &Words<'_>) -> Pair {
        let pair = if may_change(words.name) { self.change(words) } else { self.plain() };
        if pair == Pair::InOrder {
            self.anchor = self.anchor.asked();
        }
        pair
    }

    /// Bytes of the client were lost.
    pub fn lost_commands(&mut self) {
        self.db = None;
        self.replies = Replies::On;
        if self.course == Course::SyncSnapshot {
            self.course = Course::Answers;
        }
    }

    fn plain(&mut self) -> Pair {
        match self.replies {
            Replies::On => Pair::InOrder,
            Replies::Off => Pair::OneWay,
            Replies::Skip => {
                self.replies = Replies::On;
                Pair::OneWay
            }
        }
    }

    #[cold]
    fn change(&mut self, words: &Words<'_>) -> Pair {
        let Words { name, first, second } = words;
        if is(name, "CLIENT") && is(first, "REPLY") {
            return self.client_reply(second);
        }
        if is(name, "REPLCONF") && is(first, "ACK") {
            // "REPLCONF ACK … the command should not be replied", replication.c.
            return Pair::OneWay;
        }
        if is(name, "RESET") {
            *self = Self { db: None, replies: Replies::On, ..*self };
        } else if is(name, "SELECT") {
            self.db = Database::of(first);
        } else if is(name, "SYNC") && self.replies == Replies::On {
            self.course = Course::SyncSnapshot;
        }
        self.plain()
    }

    /// `CLIENT REPLY ON|OFF|SKIP`. Redis, networking.c: `SKIP` is ignored while off, and neither it
    /// nor `OFF` is answered.
    fn client_reply(&mut self, how: &[u8]) -> Pair {
        if is(how, "ON") {
            self.replies = Replies::On;
            Pair::InOrder
        } else if is(how, "OFF") {
            self.replies = Replies::Off;
            Pair::OneWay
        } else if is(how, "SKIP") {
            if self.replies != Replies::Off {
                self.replies = Replies::Skip;
            }
            Pair::OneWay
        } else {
            self.plain()
        }
    }
}

// === impl Database ===

impl Database {
    fn of(number: &[u8]) -> Option<Self> {
        let number: u16 = std::str::from_utf8(number).ok()?.parse().ok()?;
        NonZero::new(number.checked_add(1)?).map(Self)
    }

    /// Its number and one.
    pub fn successor(self) -> u16 {
        self.0.get()
    }
}

// === impl Anchor ===

impl Anchor {
    /// The client asked something that will be answered.
    fn asked(self) -> Self {
        match self {
            Self::Lost => Self::Asked,
            anchor => anchor,
        }
    }

    /// The client's bytes are looked through for a start before any of the server's were seen: the
    /// flow was joined late.
    pub fn joined_late(self) -> Self {
        match self {
            Self::Unseen => Self::AskedLate,
            anchor => anchor,
        }
    }

    /// The server's bytes are looked through for a start.
    pub fn looked_for(self) -> Self {
        match self {
            Self::Unseen | Self::Reading => Self::Lost,
            Self::AskedLate => Self::Asked,
            anchor => anchor,
        }
    }
}

/// Whether a command of this name may change how others are read; its first words are then needed.
#[inline]
pub fn may_change(name: &[u8]) -> bool {
    match name.len() {
        4 => is(name, "SYNC"),
        5 => is(name, "RESET"),
        6 => is(name, "CLIENT") || is(name, "SELECT"),
        8 => is(name, "REPLCONF"),
        _ => false,
    }
}

/// Whether `word` is `command`, in whatever case.
pub fn is(word: &[u8], command: &str) -> bool {
    word.eq_ignore_ascii_case(command.as_bytes())
}
