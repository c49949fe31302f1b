//! Records that are encrypted: opened, kept until their secrets come, or passed over.

use dissect::{Pair, Sink, Step};
use model::Side;

use super::{Tls, amend, begin};
use crate::tls::{
    hello::is_13,
    record::{Alert, ENCRYPTED, Opened, What},
    session::Outcome,
    wire::{HEAD, Head, Kind},
};

/// Bytes of a record of TLS 1.3 below which it holds no handshake message: the message's head, its
/// type, and the shortest tag (RFC 8446 §5.2).
const SEALED_MESSAGE_MIN: usize = 4 + 1 + 8;

impl Tls {
    pub(super) fn sealed(
        &mut self,
        from: Side,
        head: Head,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        if !self.can_open(from) && !self.must_wait(from) {
            return self.shut(from, head, input, sink);
        }
        match input.get(..head.size()) {
            Some(record) => {
                self.whole(from, head, record, sink);
                Step::Took(head.size())
            }
            None => self.hold(from, head, input, sink),
        }
    }

    /// A record that is whole is opened, or waits for its secrets.
    fn whole(&mut self, from: Side, head: Head, record: &[u8], sink: &mut Sink<'_, '_>) {
        if !self.must_wait(from) {
            return self.open(from, head, record, sink);
        }
        if let Some(session) = &mut self.session
            && !(session.wait(from, record) && sink.hold(session.kept_bytes()))
        {
            self.session = None;
        }
        self.conclude(from, head, sink);
    }

    fn must_wait(&self, from: Side) -> bool {
        self.session.as_ref().is_some_and(|session| session.must_wait(from))
    }

    /// Opens what waited for secrets, if they came.
    pub(super) fn wake(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        let Some(session) = &mut self.session else { return };
        if session.wake(sink.secrets()) && !is_13(self.version) {
            // Who is encrypted changed to them already.
            for side in [Side::Client, Side::Server] {
                if self.speakers[side as usize].sealed {
                    session.change_cipher(side);
                }
            }
        }
        let late = session.take_late(from);
        let mut rest = &late[..];
        while let Ok(head) = Head::read(rest) {
            let Some((record, after)) = rest.split_at_checked(head.size()) else { return };
            self.open(from, head, record, sink);
            rest = after;
        }
    }

    pub(super) fn can_open(&self, from: Side) -> bool {
        self.session.as_ref().is_some_and(|session| session.can_open(from))
    }

    /// The record whose start is kept.
    pub(super) fn held(&self, from: Side) -> Option<Head> {
        Head::read(self.session.as_ref()?.held(from)).ok()
    }

    /// Keeps what is there of a record, or opens it if that is the rest.
    pub(super) fn hold(
        &mut self,
        from: Side,
        head: Head,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let Some(session) = &mut self.session else { return Step::Lost };
        let (whole, took) = session.hold(from, head.size(), input);
        if let Some(whole) = whole {
            self.whole(from, head, &whole, sink);
            if let Some(session) = &mut self.session {
                session.give_held(from, whole);
            }
        } else if !sink.hold(session.kept_bytes()) {
            let left = head.size().saturating_sub(session.held(from).len());
            self.speakers[from as usize].skip = u32::try_from(left).unwrap_or(0);
            self.session = None;
        }
        Step::Took(took)
    }

    /// Opens a record and reads what is in it.
    fn open(&mut self, from: Side, head: Head, record: &[u8], sink: &mut Sink<'_, '_>) {
        let Some(session) = &mut self.session else { return };
        let fragment = record.get(HEAD..).unwrap_or_default();
        let outcome = session.open(from, head, fragment, sink);
        let inside = session.take_inside();
        match outcome {
            Outcome::Payload | Outcome::Bad => {}
            Outcome::Inside(kind) => self.fragment(from, Head { kind, ..head }, &inside, sink),
            Outcome::GivenUp => self.give_up(head, sink),
        }
        if let Some(session) = &mut self.session {
            session.give_inside(inside);
        }
    }

    /// A record that nobody here can open.
    fn shut(&mut self, from: Side, head: Head, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if !sink.is_open() {
            return self.pass(from, head, input, sink);
        }
        if !self.concludes(from, head) {
            return self.pass(from, head, input, sink);
        }
        if input.len() < head.size() {
            return Step::Need(head.size());
        }
        self.conclude(from, head, sink);
        Step::Took(head.size())
    }

    /// Whether an encrypted record is the last one of the open message.
    fn concludes(&self, from: Side, head: Head) -> bool {
        match head.kind {
            Kind::Alert => true,
            Kind::Handshake => !is_13(self.version),
            Kind::Data => is_13(self.version) && from == Side::Client && self.answered,
            _ => false,
        }
    }

    /// Ends the open message if this encrypted record is its last one.
    fn conclude(&mut self, from: Side, head: Head, sink: &mut Sink<'_, '_>) {
        if !sink.is_open() || !self.concludes(from, head) {
            return;
        }
        let is_short = head.len < SEALED_MESSAGE_MIN + self.tag_excess();
        if head.kind == Kind::Alert || head.kind == Kind::Data && is_short {
            let alert = Alert { level: 2, description: ENCRYPTED };
            amend(sink, |facts| facts.alert = Some(alert));
            sink.finish();
        } else {
            self.finished(from, sink);
        }
    }

    /// Bytes that tags are longer than the shortest, unless the suite has that.
    fn tag_excess(&self) -> usize {
        let is_short = self.session.as_ref().is_some_and(|session| session.has_short_tag());
        if is_short { 0 } else { 8 }
    }

    /// Nothing of a side can be opened any more, although there are secrets.
    fn give_up(&mut self, head: Head, sink: &mut Sink<'_, '_>) {
        if sink.is_open() {
            amend(sink, |facts| facts.opened = Opened::BadRecord);
        } else {
            begin(Pair::OneWay, What::BadRecord, head, None, sink);
        }
        sink.finish();
    }

    /// Passes over a record: by arithmetic, unless it is a part of a message.
    pub(super) fn pass(
        &mut self,
        from: Side,
        head: Head,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let body = u64::try_from(head.len).unwrap_or(0);
        sink.sealed(body);
        if !sink.is_open() {
            if body == 0 {
                return Step::Took(head.size());
            }
            return Step::Part { head: HEAD, body };
        }
        let size = head.size().min(input.len());
        let speaker = &mut self.speakers[from as usize];
        speaker.skip = u32::try_from(head.size() - size).unwrap_or(0);
        speaker.unsure = true;
        Step::Took(size)
    }
}
