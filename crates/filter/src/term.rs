//! Terms: what has a value. Computed without errors: what can't be computed is missing.

use std::{borrow::Cow, fmt::Write};

use crate::{
    Column, Value,
    ast::Sign,
    context::{Context, Nothing, Steps},
    moment::{self, Part},
    seq::Seq,
    test::Test,
};

/// Bytes of a text that is put together at most.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Something that has a value.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    Constant(Value<'static>),
    Column(Column),
    /// The element that is looked at, by the level of its list.
    Local(u16),
    Test(Box<Test>),
    /// The element of a map under a name.
    Entry(Box<Seq>, Box<Term>),
    /// The element of a list at a place.
    Nth(Box<Seq>, Box<Term>),
    /// A piece of a document, by a name or a place.
    Piece(Box<Term>, Box<Term>),
    If(Box<(Test, Term, Term)>),
    /// The first that is not missing.
    First(Box<[Term]>),
    Math(Sign, Box<(Term, Term)>),
    Negate(Box<Term>),
    /// Characters of a text, elements of a piece of a document.
    Size(Box<Term>),
    Count(Box<Seq>),
    Convert(To, Box<Term>),
    Letters(Letters, Box<Term>),
    /// A text from one character to another.
    Cut(Box<(Term, Term, Term)>),
    Part(Part, Box<Term>),
}

/// What a value is made into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum To {
    Int,
    Float,
    Text,
    Bool,
    Time,
    Duration,
}

/// What is done to the letters of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Letters {
    Lower,
    Upper,
    Trim,
}

// === impl Term ===

impl Term {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Constant(Value::Text(Cow::Owned(text.into())))
    }

    /// The value, if it is the same for every record.
    pub(crate) fn constant(&self) -> Option<&Value<'static>> {
        match self {
            Self::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The same, computed if it does not depend on the record.
    pub(crate) fn folded(self) -> Self {
        let constant = match &self {
            Self::Math(_, pair) => pair.0.constant().is_some() && pair.1.constant().is_some(),
            Self::Negate(inner)
            | Self::Convert(_, inner)
            | Self::Letters(_, inner)
            | Self::Part(_, inner)
            | Self::Size(inner) => inner.constant().is_some(),
            _ => false,
        };
        if !constant {
            return self;
        }
        let steps = Steps::default();
        let value = self.value(Context::new(&Nothing, &steps));
        Self::Constant(owned(value))
    }

    /// What it is for this record.
    pub(crate) fn value<'v>(&'v self, cx: Context<'v>) -> Value<'v> {
        match self {
            Self::Constant(value) => value.lend(),
            Self::Column(column) => cx.record.value(*column).plain(),
            Self::Local(level) => cx.local(*level).plain(),
            Self::Test(test) => Value::Bool(test.holds(cx)),
            Self::Entry(seq, name) => match name.value(cx).into_text() {
                Some(name) => seq.entry(cx, &name).plain(),
                None => Value::Missing,
            },
            Self::Nth(seq, place) => match place.value(cx) {
                Value::Int(place) => seq.nth(cx, place),
                _ => Value::Missing,
            },
            Self::Piece(on, step) => piece(&on.value(cx), &step.value(cx)).plain(),
            Self::If(three) => {
                let (test, yes, no) = &**three;
                if test.holds(cx) { yes.value(cx) } else { no.value(cx) }
            }
            Self::First(terms) => {
                let mut values = terms.iter().map(|term| term.value(cx));
                values.find(|value| !value.is_missing()).unwrap_or(Value::Missing)
            }
            Self::Math(sign, pair) => math(*sign, pair.0.value(cx), pair.1.value(cx)),
            Self::Negate(inner) => match inner.value(cx) {
                Value::Int(number) => number.checked_neg().map_or(Value::Missing, Value::Int),
                Value::Float(number) => Value::Float(-number),
                Value::Duration(ns) => ns.checked_neg().map_or(Value::Missing, Value::Duration),
                _ => Value::Missing,
            },
            Self::Size(inner) => Value::Int(size(inner.value(cx))),
            Self::Count(seq) => {
                let mut count = 0;
                seq.each(cx, &mut |_, value| {
                    count += i64::from(!value.is_missing());
                    true
                });
                Value::Int(count)
            }
            Self::Convert(to, inner) => convert(*to, inner.value(cx)),
            Self::Letters(letters, inner) => letters_of(*letters, inner.value(cx)),
            Self::Cut(three) => cut(three.0.value(cx), &three.1.value(cx), &three.2.value(cx)),
            Self::Part(part, inner) => part.of(&inner.value(cx)),
        }
    }
}

/// The value as its own.
pub(crate) fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Json(_) | Value::Missing => Value::Missing,
        Value::Bool(truth) => Value::Bool(truth),
        Value::Int(number) => Value::Int(number),
        Value::Float(number) => Value::Float(number),
        Value::Ip(ip) => Value::Ip(ip),
        Value::Time(at) => Value::Time(at),
        Value::Duration(ns) => Value::Duration(ns),
    }
}

/// A piece of a document: of an object by name, of a list by place.
fn piece<'v>(on: &Value<'v>, step: &Value<'_>) -> Value<'v> {
    let Value::Json(json) = *on else { return Value::Missing };
    let piece = match step {
        Value::Text(name) => json.get(&**name),
        Value::Int(place) => usize::try_from(*place).ok().and_then(|place| json.get(place)),
        _ => None,
    };
    piece.map_or(Value::Missing, Value::Json)
}

fn size(value: Value<'_>) -> i64 {
    let size = match &value {
        Value::Json(serde_json::Value::Array(list)) => list.len(),
        Value::Json(serde_json::Value::Object(map)) => map.len(),
        _ => match value.into_text() {
            Some(text) if text.is_ascii() => text.len(),
            Some(text) => text.chars().count(),
            None => 0,
        },
    };
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a double holds no more of a whole number")]
fn math<'v>(sign: Sign, a: Value<'v>, b: Value<'v>) -> Value<'v> {
    let int = |number: Option<i64>| number.map_or(Value::Missing, Value::Int);
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => int(match sign {
            Sign::Plus => a.checked_add(b),
            Sign::Minus => a.checked_sub(b),
            Sign::Times => a.checked_mul(b),
            Sign::By => a.checked_div(b),
            Sign::Modulo => a.checked_rem(b),
        }),
        (Value::Int(a), Value::Float(b)) => float(sign, a as f64, b),
        (Value::Float(a), Value::Int(b)) => float(sign, a, b as f64),
        (Value::Float(a), Value::Float(b)) => float(sign, a, b),
        (Value::Time(a), Value::Time(b)) if sign == Sign::Minus => {
            a.checked_sub(b).map_or(Value::Missing, Value::Duration)
        }
        (Value::Time(a), Value::Duration(b)) => sum(sign, a, b).map_or(Value::Missing, Value::Time),
        (Value::Duration(a), Value::Time(b)) if sign == Sign::Plus => {
            a.checked_add(b).map_or(Value::Missing, Value::Time)
        }
        (Value::Duration(a), Value::Duration(b)) => {
            sum(sign, a, b).map_or(Value::Missing, Value::Duration)
        }
        (a @ (Value::Text(_) | Value::Ip(_)), b) if sign == Sign::Plus => {
            match (a.into_text(), b.into_text()) {
                (Some(a), Some(b)) if a.len() + b.len() <= TEXT_BYTES_MAX => Value::Text(a + b),
                _ => Value::Missing,
            }
        }
        _ => Value::Missing,
    }
}

fn sum(sign: Sign, a: i64, b: i64) -> Option<i64> {
    match sign {
        Sign::Plus => a.checked_add(b),
        Sign::Minus => a.checked_sub(b),
        _ => None,
    }
}

fn float(sign: Sign, a: f64, b: f64) -> Value<'static> {
    Value::Float(match sign {
        Sign::Plus => a + b,
        Sign::Minus => a - b,
        Sign::Times => a * b,
        Sign::By => a / b,
        Sign::Modulo => return Value::Missing,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is looked at, and a double holds no more of a whole number"
)]
fn convert(to: To, value: Value<'_>) -> Value<'_> {
    match (to, value) {
        (_, Value::Missing) => Value::Missing,
        (To::Int, Value::Int(number)) => Value::Int(number),
        (To::Int, Value::Float(number)) if number.abs() < 9.2e18 => Value::Int(number as i64),
        (To::Int, Value::Time(at)) => Value::Int(at.div_euclid(1_000_000_000)),
        (To::Int, Value::Bool(truth)) => Value::Int(i64::from(truth)),
        (To::Float, Value::Int(number)) => Value::Float(number as f64),
        (To::Float, Value::Float(number)) => Value::Float(number),
        (To::Bool, Value::Bool(truth)) => Value::Bool(truth),
        (To::Time, Value::Time(at)) => Value::Time(at),
        (To::Time, Value::Int(seconds)) => {
            seconds.checked_mul(1_000_000_000).map_or(Value::Missing, Value::Time)
        }
        (To::Duration, Value::Duration(ns)) => Value::Duration(ns),
        (To::Text, Value::Json(json)) => Value::Text(Cow::Owned(json.to_string())),
        (To::Text, value) => written(value),
        (to, value) => match value.into_text() {
            Some(text) => parsed(to, text.trim()),
            None => Value::Missing,
        },
    }
}

fn parsed(to: To, text: &str) -> Value<'static> {
    match to {
        To::Int => text.parse().map_or(Value::Missing, Value::Int),
        To::Float => text.parse().map_or(Value::Missing, Value::Float),
        To::Bool => text.parse().map_or(Value::Missing, Value::Bool),
        To::Time => moment::time(text).map_or(Value::Missing, Value::Time),
        To::Duration => moment::duration(text).map_or(Value::Missing, Value::Duration),
        To::Text => Value::Missing,
    }
}

fn written(value: Value<'_>) -> Value<'_> {
    let mut out = String::new();
    let _ = match value {
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{number}"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Ip(ip) => write!(out, "{ip}"),
        Value::Time(at) => write!(out, "{}", moment::show_time(at)),
        Value::Duration(ns) => write!(out, "{}", moment::show_duration(ns)),
        text => return text,
    };
    Value::Text(Cow::Owned(out))
}

fn letters_of(letters: Letters, value: Value<'_>) -> Value<'_> {
    let Some(text) = value.into_text() else { return Value::Missing };
    Value::Text(match letters {
        Letters::Lower => Cow::Owned(text.to_ascii_lowercase()),
        Letters::Upper => Cow::Owned(text.to_ascii_uppercase()),
        Letters::Trim => match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        },
    })
}

/// Characters from one place to another; all to the end where `to` is missing.
fn cut<'v>(text: Value<'v>, from: &Value<'_>, to: &Value<'_>) -> Value<'v> {
    let place = |value: &Value<'_>| match value {
        Value::Int(place) => usize::try_from(*place).ok(),
        _ => None,
    };
    let (Some(text), Some(from)) = (text.into_text(), place(from)) else { return Value::Missing };
    let to = place(to).unwrap_or(usize::MAX);
    let cut = text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>();
    Value::Text(Cow::Owned(cut))
}
