//! Tests: what holds for a record or does not.

use std::{cmp::Ordering, net::IpAddr};

use aho_corasick::AhoCorasick;

use crate::{
    Column, Fact, Half, Value,
    ast::Relation,
    context::Context,
    net::Net,
    seq::{Seq, element},
    term::Term,
    text::Needle,
};

/// Something that holds or not.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Constant(bool),
    All(Box<[Test]>),
    Any(Box<[Test]>),
    Not(Box<Test>),
    If(Box<[Test; 3]>),
    /// The value is `true`.
    True(Term),
    /// A column's text is this one, which is not empty.
    Is(Column, Word),
    /// A column's text is one of these.
    OneOf(Column, Box<[Word]>),
    /// A column's number, time or duration stands so to this one.
    Number(Column, Relation, i64, Unit),
    Compare(Relation, Box<(Term, Term)>),
    /// An element is equal to the term.
    Holds(Box<Seq>, Box<Term>),
    /// There is an element of this name.
    Key(Box<Seq>, Box<Term>),
    Has(Term),
    HasAny(Seq),
    Text(Term, Needle),
    Net(Term, Box<[Net]>),
    /// A test that holds for elements: for one at least, for all, for one alone.
    Over {
        seq: Box<Seq>,
        level: u16,
        both: bool,
        count: Count,
        test: Box<Test>,
    },
    /// One of these is somewhere in what the call says.
    Search(Box<AhoCorasick>),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    One,
    /// Nanoseconds since 1970.
    Time,
    /// Nanoseconds.
    Duration,
}

/// How many elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Count {
    Some,
    All,
    One,
}

/// A text to compare with, and the address that it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: Box<str>,
    ip: Option<IpAddr>,
}

// === impl Word ===

impl Word {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), ip: text.parse().ok() }
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Text(text) => **text == *self.text,
            Value::Ip(ip) => self.ip == Some(*ip),
            Value::Json(serde_json::Value::String(text)) => **text == *self.text,
            _ => false,
        }
    }
}

// === impl Test ===

impl Test {
    pub(crate) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            Self::Constant(truth) => Self::Constant(!truth),
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether it holds for this record.
    pub(crate) fn holds(&self, cx: Context<'_>) -> bool {
        match self {
            Self::Constant(truth) => *truth,
            Self::All(tests) => tests.iter().all(|test| test.holds(cx)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(cx)),
            Self::Not(test) => !test.holds(cx),
            Self::If(three) => {
                let [test, yes, no] = &**three;
                if test.holds(cx) { yes.holds(cx) } else { no.holds(cx) }
            }
            Self::True(term) => term.value(cx) == Value::Bool(true),
            Self::Is(column, word) => word.is(&cx.record.value(*column)),
            Self::OneOf(column, words) => {
                let value = cx.record.value(*column);
                words.iter().any(|word| word.is(&value))
            }
            Self::Number(column, relation, than, _) => match cx.record.value(*column).plain() {
                Value::Int(number) | Value::Time(number) | Value::Duration(number) => {
                    stands(*relation, number.cmp(than))
                }
                other => compare(*relation, &other, &Value::Int(*than)),
            },
            Self::Compare(relation, pair) => {
                compare(*relation, &pair.0.value(cx), &pair.1.value(cx))
            }
            Self::Holds(seq, term) => {
                let wanted = term.value(cx);
                found(seq, cx, &mut |_, value| equal(&value.plain(), &wanted))
            }
            Self::Key(seq, term) => match term.value(cx).into_text() {
                Some(name) if matches!(**seq, Seq::Document(_)) => {
                    found(seq, cx, &mut |key, _| !key.is_empty() && key == name)
                }
                Some(name) => seq.entry(cx, &name) != Value::Missing,
                None => false,
            },
            Self::Has(term) => !term.value(cx).is_missing(),
            Self::HasAny(seq) => found(seq, cx, &mut |_, value| !value.is_missing()),
            Self::Text(term, needle) => needle.is_in(cx, term.value(cx)),
            Self::Net(term, nets) => Net::any(nets, &term.value(cx)),
            Self::Over { seq, level, both, count, test } => {
                over(seq, cx, *count, &mut |name, value| {
                    if *both {
                        let name = Value::Text(name.into());
                        return cx.with(*level, name, |cx| {
                            cx.with(*level + 1, value, |cx| test.holds(cx))
                        });
                    }
                    cx.with(*level, element(name, value), |cx| test.holds(cx))
                })
            }
            Self::Search(needles) => search(needles, cx),
        }
    }
}

/// Whether there is an element like this.
fn found(seq: &Seq, cx: Context<'_>, is: &mut dyn FnMut(&str, Value<'_>) -> bool) -> bool {
    let mut found = false;
    seq.each(cx, &mut |name, value| {
        found = is(name, value);
        !found
    });
    found
}

fn over(
    seq: &Seq,
    cx: Context<'_>,
    count: Count,
    is: &mut dyn FnMut(&str, Value<'_>) -> bool,
) -> bool {
    let (mut yes, mut no) = (0_u32, false);
    seq.each(cx, &mut |name, value| {
        if is(name, value) {
            yes = yes.saturating_add(1);
        } else {
            no = true;
        }
        match count {
            Count::Some => yes == 0,
            Count::All => !no,
            Count::One => yes < 2,
        }
    });
    match count {
        Count::Some => yes > 0,
        Count::All => !no,
        Count::One => yes == 1,
    }
}

fn stands(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Is => order.is_eq(),
        Relation::IsNot => order.is_ne(),
        Relation::Less => order.is_lt(),
        Relation::AtMost => order.is_le(),
        Relation::More => order.is_gt(),
        Relation::AtLeast => order.is_ge(),
        Relation::In => false,
    }
}

pub(crate) fn compare(relation: Relation, a: &Value<'_>, b: &Value<'_>) -> bool {
    match relation {
        Relation::Is => equal(a, b),
        Relation::IsNot => !equal(a, b),
        _ => order(a, b).is_some_and(|order| stands(relation, order)),
    }
}

/// What is missing is equal to an empty text, to `false` and to what is missing too.
fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Missing, other) | (other, Value::Missing) => match other {
            Value::Text(text) => text.is_empty(),
            Value::Bool(truth) => !truth,
            other => other.is_missing(),
        },
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Ip(ip), Value::Text(text)) | (Value::Text(text), Value::Ip(ip)) => {
            text.parse() == Ok(*ip)
        }
        (Value::Ip(a), Value::Ip(b)) => a == b,
        (Value::Json(a), Value::Json(b)) => a == b,
        _ => order(a, b) == Some(Ordering::Equal),
    }
}

/// How two values of one kind stand to each other; none for others.
#[expect(clippy::cast_precision_loss, reason = "a double holds no more of a whole number")]
fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b))
        | (Value::Time(a), Value::Time(b))
        | (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Texts of the call as a whole that are searched.
const FACTS: [Fact; 5] =
    [Fact::Endpoint, Fact::Method, Fact::StatusCode, Fact::StatusText, Fact::TlsSni];

/// What is searched.
pub(crate) fn searched() -> impl Iterator<Item = Column> {
    let halves = [Column::Request, Column::Response].into_iter();
    let of_halves = halves.flat_map(|half| [half(Half::Headers), half(Half::Body)]);
    FACTS.into_iter().chain([Fact::Fields]).map(Column::Call).chain(of_halves)
}

fn search(needles: &AhoCorasick, cx: Context<'_>) -> bool {
    let is_in = |value: Value<'_>| value.into_text().is_some_and(|text| needles.is_match(&*text));
    let halves = [Column::Request, Column::Response];
    let lists = halves.map(|half| half(Half::Headers)).into_iter();
    FACTS.iter().any(|fact| is_in(cx.record.value(Column::Call(*fact))))
        || lists.chain([Column::Call(Fact::Fields)]).any(|column| {
            found(&Seq::Column(column), cx, &mut |name, value| {
                needles.is_match(name) || is_in(value)
            })
        })
        || halves.iter().any(|half| is_in(cx.record.value(half(Half::Body))))
}
