//! What was prepared: its number, and the definitions of its parameters and columns.

use dissect::{Sink, Step};

use super::look::Stage;
use crate::mysql::{
    MySql, command,
    record::{Asked, Shape},
    wire::{Cursor, Header},
};

// === impl MySql: what was prepared ===

impl MySql {
    /// `COM_STMT_PREPARE_OK`: the statement's number, its columns, its parameters, whether they are
    /// defined.
    pub(super) fn prepared(
        &mut self,
        header: Header,
        payload: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let mut cursor = Cursor(payload.get(1..).unwrap_or_default());
        let (Some(id), Some(columns), Some(params)) =
            (cursor.long(), cursor.short(), cursor.short())
        else {
            return Step::Lost;
        };
        self.remember(id, params, sink);
        sink.record(payload);
        let answers = &mut self.answers;
        answers.sums.columns = columns.into();
        answers.stage = Stage::PreparedDefs;
        let is_defined = payload.get(12) != Some(&0);
        if is_defined && params + columns > 0 {
            (answers.defs, answers.later_defs) = (params.into(), columns);
            if params == 0 {
                (answers.defs, answers.later_defs) = (columns.into(), 0);
            }
            return Step::Took(header.size());
        }
        self.close(Shape::Prepared, sink);
        self.finish(sink);
        Step::Took(header.size())
    }

    /// Remembers what the number stands for.
    pub(super) fn remember(&mut self, id: u32, params: u16, sink: &mut Sink<'_, '_>) {
        let Some(asked) = sink.question().and_then(Asked::of) else { return };
        if asked.command != command::PREPARE {
            return;
        }
        self.session.statements().insert(id, params, asked.payload);
        if !self.hold(sink) {
            self.session.forget_statements();
        }
    }

    pub(super) fn prepared_def(
        &mut self,
        header: Header,
        part: Step,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        self.answers.defs = self.answers.defs.saturating_sub(1);
        if self.answers.defs > 0 || self.session.has_eof == Some(true) {
            return part;
        }
        if self.answers.later_defs > 0 {
            self.answers.defs = std::mem::take(&mut self.answers.later_defs).into();
            return part;
        }
        self.answers.is_tailed = self.session.has_eof.is_none();
        self.close(Shape::Prepared, sink);
        Step::Body { head: 0, body: header.size() as u64 }
    }

    /// With EOF packets there is one after the parameters and one after the columns.
    pub(super) fn end_of_prepared_defs(
        &mut self,
        header: Header,
        part: Step,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        if self.answers.later_defs > 0 && self.answers.defs == 0 {
            self.answers.defs = std::mem::take(&mut self.answers.later_defs).into();
        }
        if self.answers.defs > 0 {
            return part;
        }
        self.close(Shape::Prepared, sink);
        Step::Body { head: 0, body: header.size() as u64 }
    }
}
