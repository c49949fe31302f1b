//! What is asked of an engine, in its language: values written so that none can be anything else, and what
//! conditions need.

use std::{fmt::Write as _, ops::RangeInclusive};

use filter::{Literal, Need, Op};
use store::{Amount, Kept, Kind, Order, Place, kept_column};

use crate::dialect::Dialect;

/// A text as a literal, whatever is in it.
pub(crate) fn text(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for symbol in text.chars() {
        match symbol {
            '\'' | '\\' => {
                literal.push('\\');
                literal.push(symbol);
            }
            // Writing to a text can't fail.
            '\0'..='\x1f' | '\x7f' => drop(write!(literal, "\\x{:02X}", u32::from(symbol))),
            // `{name:Type}` is a parameter, `?` and `$` are nothing here; none is looked at inside of quotes.
            symbol => literal.push(symbol),
        }
    }
    literal.push('\'');
    literal
}

/// A name as an identifier, whatever is in it.
pub(crate) fn name(text: &str) -> String {
    let inner: String = text
        .chars()
        .filter(|symbol| !symbol.is_control())
        .flat_map(|symbol| matches!(symbol, '`' | '\\').then_some('\\').into_iter().chain([symbol]))
        .collect();
    format!("`{inner}`")
}

/// A condition that all calls fulfil that fulfil the need; none if nothing can be said.
pub(crate) fn of_need(need: &Need, dialect: Dialect) -> Option<String> {
    match need {
        Need::Anything => None,
        Need::Nothing => Some("0".to_owned()),
        Need::All(needs) => {
            let all: Vec<String> = needs.iter().filter_map(|need| of_need(need, dialect)).collect();
            (!all.is_empty()).then(|| format!("({})", all.join(" AND ")))
        }
        Need::Any(needs) => {
            let any: Option<Vec<String>> =
                needs.iter().map(|need| of_need(need, dialect)).collect();
            any.map(
                |any| if any.is_empty() { "0".into() } else { format!("({})", any.join(" OR ")) },
            )
        }
        Need::Compare(column, op, literal) => {
            compare(&kept_column(*column, Some(literal))?, *op, literal, dialect)
        }
        Need::Has(column) => has(&kept_column(*column, None)?, "isNotNull", "1"),
        Need::Lacks(column) => has(&kept_column(*column, None)?, "isNull", "0"),
    }
}

/// Whether all of a need can be said, so that [`of_need`] is no weaker.
pub(crate) fn is_whole(need: &Need) -> bool {
    match need {
        Need::Anything | Need::Nothing => true,
        Need::All(needs) | Need::Any(needs) => needs.iter().all(is_whole),
        // What is said does not depend on the dialect.
        need => of_need(need, Dialect::Old).is_some(),
    }
}

fn has(kept: &Kept, function: &str, never_missing: &str) -> Option<String> {
    Some(match kept.is_optional {
        true => format!("{function}({})", name(kept.name)),
        false => never_missing.to_owned(),
    })
}

/// A comparison with what is missing is neither true nor false to an engine, and not to be found; to be
/// different from something, it is said.
fn compare(kept: &Kept, op: Op, literal: &Literal, dialect: Dialect) -> Option<String> {
    let column = name(kept.name);
    let value = match (literal, kept.kind) {
        (Literal::Time(ns), Kind::Time) => dialect.moment(*ns),
        (Literal::Int(number) | Literal::Duration(number), Kind::Number) => {
            format!("toInt64({number})")
        }
        (Literal::Text(word), Kind::Word | Kind::Text) => text(word),
        _ => return None,
    };
    let sign = match op {
        Op::Is => "=",
        Op::IsNot if kept.is_optional => {
            return Some(format!("(isNull({column}) OR {column} != {value})"));
        }
        Op::IsNot => "!=",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::More => ">",
        Op::AtLeast => ">=",
        Op::StartsWith => return Some(format!("startsWith({}, {value})", present(kept))),
        Op::EndsWith => return Some(format!("endsWith({}, {value})", present(kept))),
        Op::Contains => return Some(format!("position({}, {value}) > 0", present(kept))),
    };
    Some(format!("{column} {sign} {value}"))
}

/// The text of a column; the empty one where there is none, in which no literal is found.
fn present(kept: &Kept) -> String {
    let column = name(kept.name);
    if kept.is_optional { format!("ifNull({column}, '')") } else { column }
}

/// Calls that began between two moments.
pub(crate) fn between(times: &RangeInclusive<i64>, dialect: Dialect) -> Vec<String> {
    // Always true. 18.16 needs the column to put copies together, and reads it only if it is asked for.
    let mut conditions = vec!["`ended` < 2".to_owned()];
    // Neither end is one that a moment can't be.
    let (from, to) = (*times.start(), *times.end());
    if from > 0 {
        conditions.push(format!("`time` >= {}", dialect.moment(from)));
    }
    if to < i64::MAX {
        conditions.push(format!("`time` <= {}", dialect.moment(to)));
    }
    conditions
}

/// Calls behind this place.
pub(crate) fn behind(place: &Place, order: Order, dialect: Dialect) -> String {
    let sign = if order == Order::OldestFirst { '>' } else { '<' };
    let (moment, id) = (dialect.moment(place.key.time_ns), text(&place.key.id));
    let by_time =
        format!("`time` {sign}= {moment} AND (`time` {sign} {moment} OR `id` {sign} {id})");
    let Some(amount) = order.amount() else { return by_time };
    let (column, value) = (name(column_of(amount)), place.value);
    let sign = if matches!(order, Order::Most(_)) { '<' } else { '>' };
    format!("({column} {sign} toInt64({value}) OR ({column} = toInt64({value}) AND {by_time}))")
}

/// Calls that have a place in the order: all, or those that ended and have what is sorted by.
pub(crate) fn in_order(order: Order) -> Option<String> {
    let column = name(column_of(order.amount()?));
    Some(format!("isNotNull({column}) AND (isNull(`state`) OR `state` != 'open')"))
}

/// The order of lists.
pub(crate) fn order(order: Order) -> String {
    match order {
        Order::NewestFirst => " ORDER BY `time` DESC, `id` DESC".to_owned(),
        Order::OldestFirst => " ORDER BY `time`, `id`".to_owned(),
        Order::Most(amount) => {
            format!(" ORDER BY {} DESC, `time` DESC, `id` DESC", name(column_of(amount)))
        }
        Order::Least(amount) => {
            format!(" ORDER BY {}, `time` DESC, `id` DESC", name(column_of(amount)))
        }
    }
}

fn column_of(amount: Amount) -> &'static str {
    match amount {
        Amount::Duration => "duration_ns",
        Amount::RequestSize => "request_size",
        Amount::ResponseSize => "response_size",
    }
}

/// ` WHERE …`, if there are conditions.
pub(crate) fn where_all(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    format!(" WHERE {}", conditions.join(" AND "))
}

#[cfg(test)]
mod tests {
    use filter::{Column, End, Fact};

    use super::*;

    #[test]
    fn a_literal_ends_where_it_ends() {
        for (word, literal) in [
            ("plain", r"'plain'"),
            ("it's", r"'it\'s'"),
            (r"\' OR 1=1 --", r"'\\\' OR 1=1 --'"),
            ("a\0b\nc\x7f", r"'a\x00b\x0Ac\x7F'"),
            ("é✓", "'é✓'"),
        ] {
            assert_eq!(text(word), literal);
        }
        assert_eq!(name("a`; DROP TABLE b\\"), r"`a\`; DROP TABLE b\\`");
    }

    #[test]
    fn needs_are_conditions() {
        let old = |need: &Need| of_need(need, Dialect::Old);
        let is = |column, op, word: &str| Need::Compare(column, op, Literal::Text(word.into()));
        let (protocol, node) = (Column::Call(Fact::Protocol), Column::Src(End::Node));
        assert_eq!(old(&is(protocol, Op::Is, "http")).unwrap(), "`protocol` = 'http'");
        assert_eq!(old(&is(protocol, Op::IsNot, "http")).unwrap(), "`protocol` != 'http'");
        let not = "(isNull(`src_node`) OR `src_node` != 'a')";
        assert_eq!(old(&is(node, Op::IsNot, "a")).unwrap(), not);
        assert_eq!(
            old(&is(node, Op::Contains, "a")).unwrap(),
            "position(ifNull(`src_node`, ''), 'a') > 0"
        );
        assert_eq!(old(&Need::Has(node)).unwrap(), "isNotNull(`src_node`)");
        assert_eq!(old(&Need::Lacks(protocol)).unwrap(), "0");
        let zone = is(Column::Src(End::Zone), Op::Is, "z");
        assert_eq!(old(&zone), None);
        assert_eq!(old(&Need::Any(vec![zone.clone(), Need::Has(node)])), None);
        let all = Need::All(vec![zone, Need::Has(node)]);
        assert_eq!(old(&all).unwrap(), "(isNotNull(`src_node`))");
        assert_eq!(old(&Need::Any(Vec::new())).unwrap(), "0");
        let slow = Need::Compare(Column::Call(Fact::Duration), Op::More, Literal::Duration(5));
        assert_eq!(old(&slow).unwrap(), "`duration_ns` > toInt64(5)");
        let late = Need::Compare(Column::Call(Fact::Time), Op::AtLeast, Literal::Time(7));
        assert_eq!(
            of_need(&late, Dialect::Modern).unwrap(),
            "`time` >= fromUnixTimestamp64Nano(toInt64(7), 'UTC')"
        );
    }
}
