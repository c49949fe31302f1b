//! From a test to what every record that it holds for fulfils.

use crate::{
    Column, Literal, Need, Op, Value,
    ast::Relation,
    term::Term,
    test::{Test, Unit, Word},
    text::Needle,
};

/// Conditions at most; a longer one is not worth looking up.
const NEEDS_MAX: usize = 2_000;

/// What `test` needs, and whether that is enough.
pub(crate) fn need(test: &Test) -> (Need, bool) {
    let (need, _) = of(test);
    if size(&need) > NEEDS_MAX { (Need::Anything, false) } else { (need, is_enough(test)) }
}

/// Whether the need of a test is enough: exact, or a comparison of a column that is not turned round, where
/// what is missing fulfils the need as it does the test.
fn is_enough(test: &Test) -> bool {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter().all(is_enough),
        Test::Number(_, relation, ..) => *relation != Relation::In,
        Test::Text(Term::Column(column), needle) => {
            matches!(text(*column, needle), (Need::Compare(..), _))
        }
        test => of(test).1,
    }
}

/// The need, and whether it is exactly the test.
fn of(test: &Test) -> (Need, bool) {
    match test {
        Test::Constant(true) => (Need::Anything, true),
        Test::Constant(false) => (Need::Nothing, true),
        Test::All(tests) => together(tests),
        Test::Any(tests) => one_of(tests.iter().map(of)),
        Test::Not(test) => match of(test) {
            (need, true) => (opposite(need), true),
            _ => (Need::Anything, false),
        },
        Test::If(three) => {
            let [test, yes, no] = &**three;
            let (test, exact) = of(test);
            let other = if exact { opposite(test.clone()) } else { Need::Anything };
            let ((yes, yes_exact), (no, no_exact)) = (of(yes), of(no));
            let (with, without) = (both(test, yes), both(other, no));
            (either(vec![with, without]), exact && yes_exact && no_exact)
        }
        Test::True(Term::Column(column)) => {
            (Need::Compare(*column, Op::Is, Literal::Bool(true)), true)
        }
        Test::Is(column, word) => (is(*column, word), true),
        Test::OneOf(column, words) => {
            (either(words.iter().map(|word| is(*column, word)).collect()), true)
        }
        Test::Number(column, relation, number, unit) => {
            let constant = match unit {
                Unit::One => Value::Int(*number),
                Unit::Time => Value::Time(*number),
                Unit::Duration => Value::Duration(*number),
            };
            (number_of(*column, *relation, &constant), false)
        }
        Test::Compare(relation, pair) => compare(*relation, &pair.0, &pair.1),
        Test::Has(Term::Column(column)) => (Need::Has(*column), true),
        Test::Text(Term::Column(column), needle) => text(*column, needle),
        Test::Text(Term::First(terms), needle) => one_of(terms.iter().map(|term| match term {
            Term::Column(column) => (text(*column, needle).0, false),
            _ => (Need::Anything, false),
        })),
        _ => (Need::Anything, false),
    }
}

fn is(column: Column, word: &Word) -> Need {
    Need::Compare(column, Op::Is, Literal::Text(word.text.to_string()))
}

fn together(tests: &[Test]) -> (Need, bool) {
    let (mut needs, mut all_exact) = (Vec::new(), true);
    for (need, exact) in tests.iter().map(of) {
        all_exact &= exact;
        match need {
            Need::Anything => {}
            Need::Nothing => return (Need::Nothing, all_exact),
            Need::All(inner) => needs.extend(inner),
            need => needs.push(need),
        }
    }
    let need = match needs.len() {
        0 => Need::Anything,
        1 => needs.remove(0),
        _ => Need::All(needs),
    };
    (need, all_exact)
}

fn one_of(needs: impl Iterator<Item = (Need, bool)>) -> (Need, bool) {
    let (needs, exact): (Vec<_>, Vec<_>) = needs.unzip();
    (either(needs), exact.into_iter().all(|exact| exact))
}

fn both(a: Need, b: Need) -> Need {
    match (a, b) {
        (Need::Nothing, _) | (_, Need::Nothing) => Need::Nothing,
        (Need::Anything, need) | (need, Need::Anything) => need,
        (a, b) => Need::All(vec![a, b]),
    }
}

fn either(needs: Vec<Need>) -> Need {
    let mut kept = Vec::new();
    for need in needs {
        match need {
            Need::Nothing => {}
            Need::Anything => return Need::Anything,
            Need::Any(inner) => {
                let new = |need: &Need| !kept.contains(need);
                let inner: Vec<_> = inner.into_iter().filter(new).collect();
                kept.extend(inner);
            }
            need if kept.contains(&need) => {}
            need => kept.push(need),
        }
    }
    match kept.len() {
        0 => Need::Nothing,
        1 => kept.remove(0),
        _ => Need::Any(kept),
    }
}

/// What is fulfilled where `need` is not. Only for needs that are exact: those have no order, which
/// what is missing has neither way.
fn opposite(need: Need) -> Need {
    match need {
        Need::Anything => Need::Nothing,
        Need::Nothing => Need::Anything,
        Need::All(needs) => either(needs.into_iter().map(opposite).collect()),
        Need::Any(needs) => {
            needs.into_iter().map(opposite).fold(Need::Anything, |all, need| match (all, need) {
                (Need::All(mut all), Need::All(more)) => {
                    all.extend(more);
                    Need::All(all)
                }
                (Need::All(mut all), need) if need != Need::Anything && need != Need::Nothing => {
                    all.push(need);
                    Need::All(all)
                }
                (all, need) => both(all, need),
            })
        }
        Need::Compare(column, Op::Is, literal) => Need::Compare(column, Op::IsNot, literal),
        Need::Compare(column, Op::IsNot, literal) => Need::Compare(column, Op::Is, literal),
        Need::Compare(..) => Need::Anything,
        Need::Has(column) => Need::Lacks(column),
        Need::Lacks(column) => Need::Has(column),
    }
}

fn compare(relation: Relation, term: &Term, constant: &Term) -> (Need, bool) {
    let Some(constant) = constant.constant() else { return (Need::Anything, false) };
    match term {
        Term::Column(column) => (number_of(*column, relation, constant), false),
        // It is one of them, whichever.
        Term::First(terms) if relation != Relation::IsNot => one_of(
            terms
                .iter()
                .map(|term| (compare(relation, term, &Term::Constant(constant.clone())).0, false)),
        ),
        Term::If(three) if relation != Relation::IsNot => {
            let constant = Term::Constant(constant.clone());
            one_of(
                [&three.1, &three.2]
                    .map(|term| (compare(relation, term, &constant).0, false))
                    .into_iter(),
            )
        }
        // Whole units of a span.
        Term::Part(part, inner) => match (&**inner, part.unit(), constant) {
            (Term::Column(column), Some(unit), Value::Int(count)) => {
                (units(*column, relation, *count, unit), false)
            }
            _ => (Need::Anything, false),
        },
        _ => (Need::Anything, false),
    }
}

fn number_of(column: Column, relation: Relation, constant: &Value<'static>) -> Need {
    let op = match relation {
        Relation::Is => Op::Is,
        Relation::IsNot => Op::IsNot,
        Relation::Less => Op::Less,
        Relation::AtMost => Op::AtMost,
        Relation::More => Op::More,
        Relation::AtLeast => Op::AtLeast,
        Relation::In => return Need::Anything,
    };
    let literal = match constant {
        // What is missing is equal to these, too.
        Value::Bool(false) if op == Op::Is => {
            return Need::Compare(column, Op::IsNot, Literal::Bool(true));
        }
        Value::Text(text) if text.is_empty() => return Need::Anything,
        Value::Bool(truth) => Literal::Bool(*truth),
        Value::Int(number) => Literal::Int(*number),
        Value::Float(number) => Literal::Float(*number),
        Value::Text(text) => Literal::Text(text.to_string()),
        Value::Time(at) => Literal::Time(*at),
        Value::Duration(ns) => Literal::Duration(*ns),
        Value::Missing | Value::Ip(_) | Value::Json(_) => return Need::Anything,
    };
    Need::Compare(column, op, literal)
}

/// Of a span that is not negative.
fn units(column: Column, relation: Relation, count: i64, unit: i64) -> Need {
    let after = count.saturating_add(1).saturating_mul(unit);
    let at = count.saturating_mul(unit);
    let need = |op, ns| Need::Compare(column, op, Literal::Duration(ns));
    match relation {
        _ if count < 0 => Need::Anything,
        Relation::More => need(Op::AtLeast, after),
        Relation::AtLeast => need(Op::AtLeast, at),
        Relation::Less => need(Op::Less, at),
        Relation::AtMost => need(Op::Less, after),
        Relation::Is => Need::All(vec![need(Op::AtLeast, at), need(Op::Less, after)]),
        Relation::IsNot | Relation::In => Need::Anything,
    }
}

fn text(column: Column, needle: &Needle) -> (Need, bool) {
    let (op, text) = match needle {
        Needle::Anywhere(finder) => {
            (Op::Contains, String::from_utf8_lossy(finder.needle()).into_owned())
        }
        Needle::First(text) => (Op::StartsWith, text.to_string()),
        Needle::Last(text) => (Op::EndsWith, text.to_string()),
        Needle::Pattern(_) | Needle::Computed(..) => return (Need::Anything, false),
    };
    if text.is_empty() {
        return (Need::Has(column), false);
    }
    (Need::Compare(column, op, Literal::Text(text)), false)
}

fn size(need: &Need) -> usize {
    match need {
        Need::All(needs) | Need::Any(needs) => 1 + needs.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}
