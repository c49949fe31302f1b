//! A condition, and which columns can decide it.

use std::sync::Arc;

use filter::{Column, Columns, Condition, Fact, Half, Literal, Need, Op};

use crate::{
    Part, Row,
    columns::{self, ROW, STORED, What},
};

/// Which calls are meant.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    condition: Option<Arc<Condition>>,
    need: Need,
}

// === impl Test ===

impl Test {
    /// Calls for which a condition holds; all if there is none.
    pub(crate) fn of(condition: Option<&Arc<Condition>>) -> Self {
        let need = condition.map_or(Need::Anything, |condition| condition.necessary().clone());
        Self { condition: condition.cloned(), need }
    }

    /// Calls with this id.
    pub(crate) fn id(id: &str) -> Self {
        let literal = Literal::Text(id.to_owned());
        Self { condition: None, need: Need::Compare(Column::Call(Fact::Id), Op::Is, literal) }
    }

    pub(crate) fn need(&self) -> &Need {
        &self.need
    }

    pub(crate) fn condition(&self) -> Option<&Arc<Condition>> {
        self.condition.as_ref()
    }

    /// Whether a call is meant.
    pub(crate) fn holds(&self, row: &Row, columns: &Columns) -> bool {
        match (&self.condition, &self.need) {
            (Some(condition), _) => condition.holds(&row.record(columns)),
            (None, Need::Compare(Column::Call(Fact::Id), _, Literal::Text(id))) => row.id() == *id,
            (None, _) => true,
        }
    }

    /// The columns of a file that decide the condition, if these are enough.
    pub(crate) fn deciding(&self) -> Option<Vec<usize>> {
        let Some(condition) = &self.condition else { return Some(Vec::new()) };
        condition.columns().iter().map(|column| deciding(*column)).collect()
    }

    /// The columns of a file that rows are made of to decide the condition.
    pub(crate) fn row_columns(&self) -> Vec<usize> {
        let mut places: Vec<usize> = ROW.iter().filter_map(|name| columns::place(name)).collect();
        let Some(condition) = &self.condition else { return places };
        let parts: Vec<Part> =
            condition.columns().iter().flat_map(|c| pieces(*c)).copied().collect();
        places.extend(pieces_at(&parts));
        places
    }
}

/// The place of the column that says the same; of a number that is told as text, the text's; of a step,
/// the duration's.
fn deciding(column: Column) -> Option<usize> {
    let column = match column {
        Column::Call(Fact::StatusNumber) => Column::Call(Fact::StatusCode),
        Column::Call(Fact::DurationStep) => Column::Call(Fact::Duration),
        column => column,
    };
    columns::place(columns::of(column)?.name)
}

/// The places of these pieces in a file.
pub(crate) fn pieces_at(parts: &[Part]) -> impl Iterator<Item = usize> {
    let is_one = |what: What| matches!(what, What::Piece(part) if parts.contains(&part));
    STORED.iter().enumerate().filter(move |(_, stored)| is_one(stored.what)).map(|(at, _)| at)
}

/// The pieces of a line that a column of the language is read from.
pub(crate) fn pieces(column: Column) -> &'static [Part] {
    match column {
        Column::Field(_) | Column::Call(Fact::Fields) => {
            &[Part::RequestFields, Part::ResponseFields]
        }
        // What a handshake says of itself is among its fields.
        Column::Call(fact) if fact.field().is_some() => {
            &[Part::RequestFields, Part::ResponseFields]
        }
        Column::Request(Half::Headers | Half::Cookies) => &[Part::RequestHeaders],
        Column::Response(Half::Headers | Half::Cookies) => &[Part::ResponseHeaders],
        Column::Request(Half::Size | Half::HeaderSize)
        | Column::Response(Half::Size | Half::HeaderSize)
        | Column::Call(_)
        | Column::Src(_)
        | Column::Dst(_) => &[],
        Column::Request(_) => &[Part::RequestBody],
        Column::Response(_) => &[Part::ResponseBody],
    }
}
