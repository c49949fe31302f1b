//! What the two sides of a connection must know of each other: what is owed, and where it stands.
//!
//! A group is what ends with a `Sync` (or is a simple query): the server ends each with one
//! `ReadyForQuery`. The first request of a group and the first answer after a `ReadyForQuery` are
//! paired in order. What follows in a group is paired by its number here, and only while every
//! `ReadyForQuery` is accounted for: after an error the server skips to the end of the group, and
//! what it skipped must not take the answers of what comes later.

use std::collections::VecDeque;

use dissect::Pair;

use super::statements::Statements;

/// Units that wait for an answer, at most.
const OWED_MAX: usize = 1 << 16;
/// Groups that must have come and gone one by one before a count that was lost is believed again.
const CALM_MAX: u8 = 8;
/// Numbers that no request has.
const NOBODY: u64 = 1 << 32;

/// What a connection is at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stage {
    /// The client has yet to send its startup packet.
    #[default]
    Opening,
    /// It asked for encryption.
    Choice,
    /// Typed messages.
    Talk,
    /// The server sends a replication stream, and the client tells how far it got.
    Stream,
}

/// What the server owes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owed {
    /// An answer to a request for encryption.
    Choice,
    /// The authentication exchange and what is said up to the first `ReadyForQuery`.
    Startup,
    /// The answers to a simple query or a function call: up to `ReadyForQuery`.
    Query,
    /// The end of a command.
    Execute,
    /// So many answers to `Parse`, `Bind`, `Describe`, `Close`.
    Steps(u16),
    /// `ReadyForQuery`.
    Ready,
}

/// One request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// What is owed.
    pub owed: Owed,
    /// The number by which it is paired where it is not the first of its group.
    pub id: u32,
    /// The statement whose rows come back.
    pub statement: u32,
    /// The statement that is described; 0 for none, or for more than one.
    pub described: u32,
    /// Which of its first 64 columns were asked for in binary.
    pub binary: u64,
}

/// Whether the start of a packet of the server can be the start of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Anchor {
    /// Nothing was seen of the server.
    #[default]
    Unseen,
    /// The flow was joined late.
    Late,
    /// It was, and the client asked since.
    AskedLate,
    /// The server's bytes are read.
    Reading,
    /// Bytes of the server were lost and the client has not asked since.
    Lost,
    /// It has: what the server sends next was asked for, and begins where a packet does.
    Asked,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// What it is at.
    pub stage: Stage,
    /// Where the server's next message may start after a loss.
    pub anchor: Anchor,
    /// Every `ReadyForQuery` is accounted for.
    known: bool,
    calm: u8,
    /// The client has said something since its last `Sync`.
    pub in_group: bool,
    /// The server has answered nothing since its last `ReadyForQuery`.
    pub fresh: bool,
    /// Whether that is so was lost.
    in_doubt: bool,
    /// The server asked for the data of a `COPY`.
    pub copy_in: bool,
    next_id: u32,
    /// The number of the group that the client is in.
    group: u32,
    /// The number of the group that is answered.
    answered: u32,
    pending: VecDeque<Unit>,
    statements: Option<Box<Statements>>,
}

// === impl Session ===

impl Default for Session {
    fn default() -> Self {
        Self {
            stage: Stage::Opening,
            anchor: Anchor::Unseen,
            known: true,
            calm: 0,
            in_group: false,
            fresh: true,
            in_doubt: false,
            copy_in: false,
            next_id: 0,
            group: 0,
            answered: 0,
            pending: VecDeque::new(),
            statements: None,
        }
    }
}

impl Session {
    /// What was prepared.
    pub fn statements(&mut self) -> &mut Statements {
        self.statements.get_or_insert_default()
    }

    /// What was prepared, if anything was.
    pub fn prepared(&self) -> Option<&Statements> {
        self.statements.as_deref()
    }

    /// What was prepared, if anything was.
    pub fn prepared_mut(&mut self) -> Option<&mut Statements> {
        self.statements.as_deref_mut()
    }

    /// The number of the group that the client is in.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// A request begins: how it is paired.
    #[inline]
    pub fn ask(&mut self, owed: Owed) -> Pair {
        if self.pending.len() >= OWED_MAX {
            self.pending.clear();
            self.known = false;
        }
        self.next_id = self.next_id.wrapping_add(1);
        let id = self.next_id;
        self.pending.push_back(Unit { owed, id, statement: 0, described: 0, binary: 0 });
        if std::mem::replace(&mut self.in_group, true) {
            return Pair::Id(id.into());
        }
        self.anchor = self.anchor.asked();
        Pair::InOrder
    }

    /// The request that was begun last.
    pub fn asked(&mut self) -> Option<&mut Unit> {
        self.pending.iter_mut().rev().find(|unit| unit.owed != Owed::Ready)
    }

    /// A simple query comes: no client sends it inside of a group.
    pub fn begins_group(&mut self) {
        if std::mem::take(&mut self.in_doubt) {
            self.in_group = false;
        }
    }

    /// The client ends a group.
    pub fn sync(&mut self) {
        self.pending.push_back(Unit {
            owed: Owed::Ready,
            id: 0,
            statement: 0,
            described: 0,
            binary: 0,
        });
        self.in_group = false;
        self.in_doubt = false;
        self.group = self.group.wrapping_add(1);
    }

    /// The server takes the client's data: a `Sync` that was sent before them is not read
    /// (protocol-flow, COPY operations).
    pub fn takes_copy(&mut self) {
        self.copy_in = true;
        if self.owed() != Some(Owed::Execute) {
            return;
        }
        if let Some(at) = self.pending.iter().position(|unit| unit.owed == Owed::Ready) {
            self.pending.remove(at);
            self.answered = self.answered.wrapping_add(1);
        }
    }

    /// What is owed next.
    #[inline]
    pub fn owed(&self) -> Option<Owed> {
        self.pending.front().map(|unit| unit.owed)
    }

    /// The request that is answered next.
    #[inline]
    pub fn unit(&self) -> Option<&Unit> {
        self.pending.front()
    }

    /// One of the steps owed was answered; how many are left.
    pub fn stepped(&mut self) -> u16 {
        match self.pending.front_mut() {
            Some(Unit { owed: Owed::Steps(left), .. }) => {
                *left = left.saturating_sub(1);
                *left
            }
            _ => 0,
        }
    }

    /// Whether another request of this group waits behind the one that is answered.
    pub fn more_in_group(&self) -> bool {
        self.pending.get(1).is_some_and(|unit| unit.owed != Owed::Ready)
    }

    /// An answer begins that can't be one to what is owed.
    pub fn misled(&mut self) {
        self.pending.clear();
        self.lose_count();
    }

    /// An answer begins: how it is paired.
    #[inline]
    pub fn answer(&mut self) -> Pair {
        if std::mem::replace(&mut self.fresh, false) {
            return Pair::InOrder;
        }
        match self.pending.front() {
            Some(unit) if self.known && unit.owed != Owed::Ready => Pair::Id(unit.id.into()),
            _ => self.nobody(),
        }
    }

    /// An answer is at its end.
    pub fn answered(&mut self) {
        if self.owed().is_some_and(|owed| owed != Owed::Ready) {
            self.pending.pop_front();
        }
    }

    /// `ReadyForQuery`: what was not answered in this group was skipped.
    #[inline]
    pub fn ready(&mut self, status: u8) {
        let mut synced = false;
        while let Some(unit) = self.pending.pop_front() {
            if matches!(unit.owed, Owed::Ready) {
                synced = true;
                break;
            }
        }
        self.fresh = true;
        self.copy_in = false;
        if !self.known {
            self.calm = if synced && self.pending.is_empty() { self.calm + 1 } else { 0 };
            self.known = self.calm >= CALM_MAX;
        }
        let answered = self.answered;
        if synced {
            self.answered = answered.wrapping_add(1);
        }
        if let Some(statements) = &mut self.statements {
            if synced {
                statements.synced(answered);
            }
            if status == b'I' {
                statements.transaction_over();
            }
        }
    }

    /// Bytes of the client were lost.
    pub fn lost_questions(&mut self) {
        self.anchor = self.anchor.joined_late();
        // What is asked next may go on with what was lost.
        self.in_group = true;
        self.in_doubt = true;
        self.copy_in = false;
        self.lose_count();
        if self.stage != Stage::Stream {
            self.stage = Stage::Talk;
        }
        self.statements = None;
    }

    /// Bytes of the server were lost.
    pub fn lost_answers(&mut self) {
        self.anchor = self.anchor.looked_for();
        self.lose_count();
        self.fresh = false;
        self.copy_in = false;
        if self.stage != Stage::Stream {
            self.stage = Stage::Talk;
        }
        if self.anchor != Anchor::Asked {
            self.pending.clear();
        }
        if let Some(statements) = &mut self.statements {
            statements.lost_answers();
        }
    }

    fn lose_count(&mut self) {
        self.known = false;
        self.calm = 0;
    }

    /// A number that no request has.
    pub fn nobody(&mut self) -> Pair {
        self.next_id = self.next_id.wrapping_add(1);
        Pair::Id(NOBODY | u64::from(self.next_id))
    }
}

// === impl Anchor ===

impl Anchor {
    /// The client asked something that will be answered, and begins a group with it.
    fn asked(self) -> Self {
        match self {
            Self::Lost => Self::Asked,
            Self::Late => Self::AskedLate,
            anchor => anchor,
        }
    }

    /// The client's bytes are looked through for a start before any of the server's were seen.
    fn joined_late(self) -> Self {
        match self {
            Self::Unseen => Self::Late,
            anchor => anchor,
        }
    }

    /// The server's bytes are looked through for a start.
    fn looked_for(self) -> Self {
        match self {
            Self::Unseen | Self::Late | Self::Reading => Self::Lost,
            Self::AskedLate => Self::Asked,
            anchor => anchor,
        }
    }
}
