//! How an answer ends, and what that changes for those to come.

use dissect::{Sink, Step};

use super::look::Stage;
use crate::mysql::{
    MySql,
    command::{self, Command},
    facts::What,
    record::{self, Asked, KEPT_MAX, Shape},
    session::Course,
    status::{Change, Done, MORE_RESULTS},
    wire::{HEADER, Header},
};

// === impl MySql: the end ===

impl MySql {
    /// A result is over; the answer is, unless another result follows.
    pub(super) fn end_result(
        &mut self,
        shape: Shape,
        header: Header,
        payload: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let done = match shape {
            Shape::Ok | Shape::Eof => Done::read(payload, shape),
            _ => Done::default(),
        };
        if self.answers.stage == Stage::Rows || self.answers.stage == Stage::AfterColumns {
            self.session.has_eof = Some(shape == Shape::Eof);
        }
        self.answers.sums.affected = self.answers.sums.affected.saturating_add(done.affected);
        if done.status & MORE_RESULTS != 0 && self.answers.stage != Stage::Login {
            self.answers.stage = Stage::Result;
            return Step::Part { head: 0, body: header.size() as u64 };
        }
        self.take_effect(shape, &done, sink);
        sink.record(payload);
        self.close(shape, sink);
        if header.len > KEPT_MAX {
            let body = (header.len - KEPT_MAX) as u64;
            return Step::Body { head: HEADER + KEPT_MAX, body };
        }
        self.finish(sink);
        Step::Took(header.size())
    }

    /// The answer is complete: what it adds up to is written down.
    #[inline]
    pub(super) fn close(&mut self, shape: Shape, sink: &mut Sink<'_, '_>) {
        self.answers.sums.shape = shape;
        sink.amend(0, &self.answers.sums.bytes());
        self.answers.stage = Stage::Idle;
        self.answers.goes_on = false;
    }

    /// What the end of an answer changes for those to come.
    #[inline]
    pub(super) fn take_effect(&mut self, shape: Shape, done: &Done<'_>, sink: &Sink<'_, '_>) {
        let worked = matches!(shape, Shape::Ok | Shape::Eof);
        match self.answers.stage {
            Stage::Login => self.let_in(worked, sink),
            Stage::Last => self.session.course = Course::Commands,
            _ => {}
        }
        if !worked {
            return;
        }
        if !done.changes.is_empty() {
            for change in done.changes() {
                if let Change::Schema(schema) = change {
                    self.session.set_schema(schema);
                }
            }
        }
        match Command(self.answers.sums.command) {
            command::RESET_CONNECTION => self.session.forget_statements(),
            command::INIT_DB | command::QUERY => self.enter_schema(sink),
            _ => {}
        }
    }

    /// `USE`, in either form.
    #[inline]
    pub(super) fn enter_schema(&mut self, sink: &Sink<'_, '_>) {
        let Some(asked) = sink.question().filter(|_| self.answers.sums.sets == 0) else { return };
        let Some(asked) = Asked::of(asked) else { return };
        let schema = match asked.command {
            command::INIT_DB => asked.payload,
            _ => match used(asked.payload) {
                Some(schema) => schema,
                None => return,
            },
        };
        self.session.set_schema(schema);
    }

    pub(super) fn let_in(&mut self, worked: bool, sink: &Sink<'_, '_>) {
        let schema = sink.question().and_then(|login| record::fact(&login.record, What::Database));
        if worked {
            self.session.set_schema(schema.unwrap_or_default());
            self.session.forget_statements();
            self.session.enter();
        } else {
            self.session.course = Course::Commands;
        }
    }
}

/// The schema in `USE schema`.
fn used(text: &[u8]) -> Option<&[u8]> {
    let at = if text.get(1) == Some(&1) { 2 } else { 0 };
    let text = text.get(at..)?.trim_ascii();
    let (word, name) = text.split_at_checked(3)?;
    if !word.eq_ignore_ascii_case(b"use") || !name.first()?.is_ascii_whitespace() {
        return None;
    }
    let name = name.trim_ascii();
    let name = name.strip_suffix(b";").unwrap_or(name).trim_ascii();
    let bare = name.strip_prefix(b"`").and_then(|name| name.strip_suffix(b"`"));
    Some(bare.unwrap_or(name)).filter(|name| !name.is_empty() && !name.contains(&b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_used_in_many_ways() {
        for (text, schema) in [
            (&b"USE shop"[..], Some("shop")),
            (b" use `my shop`;", None),
            (b"use `shop` ; ", Some("shop")),
            (b"\0\x01USE shop", Some("shop")),
            (b"useful", None),
            (b"use", None),
        ] {
            assert_eq!(used(text), schema.map(str::as_bytes), "{}", text.escape_ascii());
        }
    }
}
