//! What a conversation borrows from its shard for the length of one call.

use model::{Budget, Message, Missing, PairedBy, Pairing, Protocol, Side};

use crate::{Inner, Pool, Secrets, Taught};

/// What is shared by all conversations of a shard.
pub struct Context<'a> {
    /// How much one flow may keep.
    pub limits: &'a Limits,
    /// The shard's memory.
    pub budget: &'a mut Budget,
    /// Messages to use again.
    pub pool: &'a mut Pool,
    /// What was lost and how much was read.
    pub counts: &'a mut Counts,
    /// By what flows can be decrypted.
    pub secrets: &'a Secrets,
    /// What happens on the streams inside.
    pub inner: &'a mut Inner,
    /// What the next conversation is to know; see [`Sink::bequeath`](crate::Sink::bequeath).
    pub heritage: &'a mut Heritage,
    /// What is known of the server.
    pub taught: &'a mut Taught,
    /// Takes what is finished.
    pub outlet: &'a mut dyn Outlet,
}

/// What a conversation leaves to the one that comes after it on the same flow.
#[derive(Clone, Debug, Default)]
pub struct Heritage {
    /// The name under which the next protocol is known: `websocket`.
    pub name: Vec<u8>,
    /// What was agreed on, in the form of whoever wrote it.
    pub bytes: Vec<u8>,
    /// The number of the call by which it was agreed on, on the stream that it was spoken on.
    pub by: Option<u64>,
}

/// How much one flow may hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an unfinished head, per side.
    pub unread_bytes_max: usize,
    /// Bytes kept of each body.
    pub body_bytes_max: u64,
    /// Calls that wait for their answer, per flow.
    pub pending_max: usize,
    /// Nanoseconds after which an unanswered datagram question leaves.
    pub answer_ns_max: u64,
    /// Nanoseconds after which a call is shown although it goes on; `None`: only at its end.
    pub shown_after_ns: Option<u64>,
}

/// Takes finished calls out of a conversation.
pub trait Outlet {
    /// One call, or the half of it that was seen.
    fn done(&mut self, done: &Done<'_>);
}

/// A finished call in the conversation's own terms; the flow adds who talked.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// What was spoken.
    pub protocol: &'static Protocol,
    /// The call's number in its conversation, from 1.
    pub number: u64,
    /// Who asked; the client's calls, unless a server asked.
    pub asker: Side,
    /// The request, unless it was not seen.
    pub request: Option<&'a Message>,
    /// The response, unless it was not seen.
    pub response: Option<&'a Message>,
    /// Which halves there are.
    pub pairing: Pairing,
    /// How they found each other.
    pub paired_by: Option<PairedBy>,
    /// What is not there.
    pub missing: Option<Missing>,
    /// It is not at its end yet, and comes again.
    pub goes_on: bool,
}

/// What the conversations of a shard lost, by name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Bytes skipped to find the start of a message after a loss or a late join.
    pub skipped_bytes: u64,
    /// Times a reader lost its place without the network having lost anything.
    pub strayed: u64,
    /// Bytes of unfinished heads that were dropped because of a gap.
    pub broken_head_bytes: u64,
    /// Heads given up because they grew past the limit.
    pub heads_over_limit: u64,
    /// Bytes not kept because the budget was used up.
    pub budget_bytes: u64,
    /// Messages given up because the budget was used up or too many were pending.
    pub budget_messages: u64,
    /// Answers seen twice.
    pub repeated_answers: u64,
    /// Questions seen twice.
    pub repeated_questions: u64,
    /// Messages that nobody could pair because bytes were lost before them.
    pub unpaired: u64,
    /// Messages that a loss left without an end they could be told by, so that bytes of them may
    /// be missing.
    pub doubtful: u64,
    /// Bytes of payload that is encrypted, and that no secret opens.
    pub sealed_bytes: u64,
    /// Bytes of payload that could be read, and whose form nobody knows: datagrams of an application.
    pub passed_by_bytes: u64,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            unread_bytes_max: 1 << 20,
            body_bytes_max: 64 << 10,
            pending_max: 1 << 16,
            answer_ns_max: 60_000_000_000,
            shown_after_ns: None,
        }
    }
}

// === impl Counts ===

impl Counts {
    /// Adds what another shard counted.
    pub fn add(&mut self, other: &Self) {
        self.skipped_bytes += other.skipped_bytes;
        self.strayed += other.strayed;
        self.broken_head_bytes += other.broken_head_bytes;
        self.heads_over_limit += other.heads_over_limit;
        self.budget_bytes += other.budget_bytes;
        self.budget_messages += other.budget_messages;
        self.repeated_answers += other.repeated_answers;
        self.repeated_questions += other.repeated_questions;
        self.unpaired += other.unpaired;
        self.doubtful += other.doubtful;
        self.sealed_bytes += other.sealed_bytes;
        self.passed_by_bytes += other.passed_by_bytes;
    }

    /// Each count with its name, the words for people, and whether something was lost.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &'static str, u64, bool); 12] {
        [
            ("skipped_bytes", "bytes skipped to find the next message", self.skipped_bytes, true),
            ("strayed", "times a reader lost its place", self.strayed, true),
            ("broken_head_bytes", "bytes of heads broken by a gap", self.broken_head_bytes, true),
            ("heads_over_limit", "heads larger than the limit", self.heads_over_limit, true),
            ("budget_bytes", "bytes not kept: memory limit", self.budget_bytes, true),
            ("budget_messages", "messages given up: memory limit", self.budget_messages, true),
            ("repeated_answers", "answers seen again", self.repeated_answers, false),
            ("repeated_questions", "questions seen again", self.repeated_questions, false),
            ("unpaired", "messages left unpaired after a loss", self.unpaired, true),
            ("doubtful", "open messages that a loss may have touched", self.doubtful, true),
            ("sealed_bytes", "bytes encrypted, without secrets for them", self.sealed_bytes, false),
            (
                "passed_by_bytes",
                "bytes of datagrams and streams in an application's own form",
                self.passed_by_bytes,
                false,
            ),
        ]
    }
}
