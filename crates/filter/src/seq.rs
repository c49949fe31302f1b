//! Lists and maps: what is gone through, one element after the other.

use crate::{
    Column, Value,
    context::Context,
    term::{Term, owned},
    test::Test,
};

/// Something with elements.
#[derive(Clone, Debug)]
pub(crate) enum Seq {
    Column(Column),
    /// Elements that are written out.
    Terms(Box<[Term]>),
    /// A list or an object of a document; nothing for everything else.
    Document(Box<Term>),
    /// One after the other.
    Chain(Box<[Seq]>),
    /// What a term makes of each element.
    Map {
        over: Box<Seq>,
        level: u16,
        term: Box<Term>,
    },
    /// The elements that a test holds for.
    Filter {
        over: Box<Seq>,
        level: u16,
        test: Box<Test>,
    },
    /// The pieces of a text between separators.
    Split(Box<Term>, Box<str>),
    /// A map of texts like `name=value`.
    Pairs(Box<Seq>),
}

// === impl Seq ===

impl Seq {
    /// Tells elements with their names (empty in lists), until `see` says `false` or too many were
    /// told. Says whether all were told.
    pub(crate) fn each(
        &self,
        cx: Context<'_>,
        see: &mut dyn FnMut(&str, Value<'_>) -> bool,
    ) -> bool {
        let mut goes_on = true;
        let mut tell = |name: &str, value: Value<'_>| {
            goes_on = goes_on && cx.step() && see(name, value);
            goes_on
        };
        match self {
            Self::Column(column) => cx.record.each(*column, &mut tell),
            Self::Terms(terms) => {
                let _ = terms.iter().all(|term| tell("", term.value(cx)));
            }
            Self::Document(term) => document(&term.value(cx), &mut tell),
            Self::Chain(seqs) => return seqs.iter().all(|seq| seq.each(cx, see)),
            Self::Map { over, level, term } => {
                return over.each(cx, &mut |name, value| {
                    cx.with(*level, element(name, value), |cx| see("", term.value(cx)))
                });
            }
            Self::Filter { over, level, test } => {
                return over.each(cx, &mut |name, value| {
                    let held = cx.with(*level, element(name, value.lend()), |cx| test.holds(cx));
                    !held || see(name, value)
                });
            }
            Self::Pairs(seq) => {
                return seq.each(cx, &mut |_, pair| match pair.plain() {
                    Value::Text(pair) => match pair.split_once('=') {
                        Some((name, value)) => see(name, value.into()),
                        None => see(&pair, "".into()),
                    },
                    _ => true,
                });
            }
            Self::Split(term, separator) => {
                if let Some(text) = term.value(cx).into_text() {
                    let _ = text.split(&**separator).all(|piece| tell("", piece.into()));
                }
            }
        }
        goes_on
    }

    /// The element at a place, from 0.
    pub(crate) fn nth(&self, cx: Context<'_>, place: i64) -> Value<'static> {
        let (mut found, mut left) = (Value::Missing, place);
        if place < 0 {
            return found;
        }
        self.each(cx, &mut |_, value| {
            if left == 0 {
                found = owned(value.plain());
            }
            left -= 1;
            left >= 0
        });
        found
    }

    /// The first element under a name.
    pub(crate) fn entry<'v>(&'v self, cx: Context<'v>, name: &str) -> Value<'v> {
        if let Self::Column(column) = self {
            return cx.record.entry(*column, name);
        }
        let mut found = Value::Missing;
        self.each(cx, &mut |key, value| {
            let is_it = key == name;
            if is_it {
                found = owned(value.plain());
            }
            !is_it
        });
        found
    }
}

/// What goes by a name in a test over elements: of a map, its keys.
pub(crate) fn element<'v>(name: &'v str, value: Value<'v>) -> Value<'v> {
    if name.is_empty() { value } else { name.into() }
}

fn document(value: &Value<'_>, tell: &mut dyn FnMut(&str, Value<'_>) -> bool) {
    match value {
        Value::Json(serde_json::Value::Array(list)) => {
            let _ = list.iter().all(|value| tell("", Value::Json(value)));
        }
        Value::Json(serde_json::Value::Object(map)) => {
            let _ = map.iter().all(|(name, value)| tell(name, Value::Json(value)));
        }
        _ => {}
    }
}
