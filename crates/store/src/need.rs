//! What a condition needs, as an expression over the columns of a file, and as a question to its
//! statistics. Both may let through more than the condition does, never less.

use std::fs::File;

use datafusion::{
    common::{Column as Name, ScalarValue},
    logical_expr::{Expr, Operator, binary_expr, expr::Like, lit},
};
use filter::{Literal, Need, Op};
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use crate::columns::{self, Stored, What};

/// The expression, if there is anything that the columns can decide.
pub(crate) fn expression(need: &Need) -> Option<Expr> {
    match need {
        Need::Anything => None,
        Need::Nothing => Some(lit(false)),
        Need::All(needs) => needs.iter().filter_map(expression).reduce(Expr::and),
        Need::Any(needs) => {
            let any: Option<Vec<Expr>> = needs.iter().map(expression).collect();
            any.map(|any| any.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false)))
        }
        Need::Compare(column, op, literal) => compare(columns::of(*column)?, *op, literal),
        Need::Has(column) => Some(name(columns::of(*column)?).is_not_null()),
        Need::Lacks(column) => Some(name(columns::of(*column)?).is_null()),
    }
}

/// The columns that [`expression`] looks at.
pub(crate) fn columns(need: &Need, to: &mut Vec<usize>) {
    match need {
        Need::Anything | Need::Nothing => {}
        Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| columns(need, to)),
        Need::Compare(column, ..) | Need::Has(column) | Need::Lacks(column) => {
            to.extend(columns::of(*column).and_then(|stored| columns::place(stored.name)));
        }
    }
}

fn name(stored: &Stored) -> Expr {
    // Names have no dots, and their case is as it is.
    Expr::Column(Name::new_unqualified(stored.name))
}

fn compare(stored: &Stored, op: Op, literal: &Literal) -> Option<Expr> {
    let value = || scalar(stored, literal).map(|value| Expr::Literal(value, None));
    let binary = |operator| Some(binary_expr(name(stored), operator, value()?));
    match op {
        Op::Is => binary(Operator::Eq),
        Op::IsNot => Some(binary(Operator::NotEq)?.or(name(stored).is_null())),
        Op::Less => binary(Operator::Lt),
        Op::AtMost => binary(Operator::LtEq),
        Op::More => binary(Operator::Gt),
        Op::AtLeast => binary(Operator::GtEq),
        Op::StartsWith => like(stored, literal, "", "%"),
        Op::EndsWith => like(stored, literal, "%", ""),
        Op::Contains => like(stored, literal, "%", "%"),
    }
}

/// The literal as a value of the column's type, if it is one.
fn scalar(stored: &Stored, literal: &Literal) -> Option<ScalarValue> {
    Some(match (stored.what, literal) {
        (What::Time, Literal::Time(ns)) => {
            ScalarValue::TimestampNanosecond(Some(*ns), Some("UTC".into()))
        }
        (What::Number(_), Literal::Int(number) | Literal::Duration(number)) => {
            ScalarValue::Int64(Some(*number))
        }
        (What::Word(_) | What::Text(_), Literal::Text(text)) => {
            ScalarValue::Utf8(Some(text.clone()))
        }
        _ => return None,
    })
}

fn like(stored: &Stored, literal: &Literal, before: &str, behind: &str) -> Option<Expr> {
    let (What::Word(_) | What::Text(_), Literal::Text(text)) = (stored.what, literal) else {
        return None;
    };
    let mut pattern = before.to_owned();
    for symbol in text.chars() {
        if matches!(symbol, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(symbol);
    }
    pattern += behind;
    Some(Expr::Like(Like::new(false, Box::new(name(stored)), Box::new(lit(pattern)), None, false)))
}

// === statistics ===

/// Whether any call of a row group may fulfil the need, by the least and the greatest value of each
/// column, and its Bloom filters.
pub(crate) fn may_match(
    need: &Need,
    group: usize,
    file: &ParquetRecordBatchReaderBuilder<File>,
) -> bool {
    match need {
        Need::Nothing => false,
        Need::All(needs) => needs.iter().all(|need| may_match(need, group, file)),
        Need::Any(needs) => needs.iter().any(|need| may_match(need, group, file)),
        Need::Compare(column, op, literal) => {
            columns::of(*column).is_none_or(|stored| may_compare(stored, *op, literal, group, file))
        }
        Need::Has(column) => columns::of(*column).is_none_or(|stored| {
            let metadata = file.metadata().row_group(group);
            let nulls = statistics(metadata, stored).and_then(Statistics::null_count_opt);
            nulls.is_none_or(|nulls| i64::try_from(nulls).ok() != Some(metadata.num_rows()))
        }),
        Need::Anything | Need::Lacks(_) => true,
    }
}

fn statistics<'m>(group: &'m RowGroupMetaData, stored: &Stored) -> Option<&'m Statistics> {
    group.column(columns::place(stored.name)?).statistics()
}

fn may_compare(
    stored: &Stored,
    op: Op,
    literal: &Literal,
    group: usize,
    file: &ParquetRecordBatchReaderBuilder<File>,
) -> bool {
    let Some(statistics) = statistics(file.metadata().row_group(group), stored) else {
        return true;
    };
    let fits = match (statistics, literal) {
        (Statistics::Int64(values), Literal::Int(n) | Literal::Duration(n) | Literal::Time(n)) => {
            in_range(op, n, values.min_opt(), values.max_opt())
        }
        (Statistics::ByteArray(values), Literal::Text(text)) => {
            let bytes = |value: Option<&parquet::data_type::ByteArray>| {
                value.map(|value| value.data().to_vec())
            };
            let (min, max) = (bytes(values.min_opt()), bytes(values.max_opt()));
            in_range(op, &text.as_bytes().to_vec(), min.as_ref(), max.as_ref())
        }
        _ => true,
    };
    fits && (op != Op::Is || may_be_in_bloom_filter(stored, literal, group, file))
}

/// Greatest values may be cut short and rounded up, least ones down: that lets through more.
fn in_range<T: Ord>(op: Op, value: &T, min: Option<&T>, max: Option<&T>) -> bool {
    let (Some(min), Some(max)) = (min, max) else { return true };
    match op {
        Op::Is => min <= value && value <= max,
        Op::Less => min < value,
        Op::AtMost => min <= value,
        Op::More => max > value,
        Op::AtLeast | Op::StartsWith => max >= value,
        Op::IsNot | Op::EndsWith | Op::Contains => true,
    }
}

fn may_be_in_bloom_filter(
    stored: &Stored,
    literal: &Literal,
    group: usize,
    file: &ParquetRecordBatchReaderBuilder<File>,
) -> bool {
    let (What::Text(_), Literal::Text(text), Some(column)) =
        (stored.what, literal, columns::place(stored.name))
    else {
        return true;
    };
    match file.get_row_group_column_bloom_filter(group, column) {
        Ok(Some(bloom)) => bloom.check(&text.as_str()),
        Ok(None) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use filter::{Column, End, Fact};

    use super::*;

    fn is(column: Column, text: &str) -> Need {
        Need::Compare(column, Op::Is, Literal::Text(text.into()))
    }

    #[test]
    fn what_columns_can_decide_is_an_expression() {
        let http = is(Column::Call(Fact::Protocol), "http");
        let zone = is(Column::Src(End::Zone), "a");
        let both = Need::All(vec![http.clone(), zone.clone()]);
        assert_eq!(expression(&both).unwrap().to_string(), r#"protocol = Utf8("http")"#);
        assert!(expression(&Need::Any(vec![http, zone])).is_none());
        assert!(expression(&Need::Any(Vec::new())).is_some());
        let slow = Need::Compare(Column::Call(Fact::Duration), Op::More, Literal::Duration(5));
        assert_eq!(expression(&slow).unwrap().to_string(), "duration_ns > Int64(5)");
        let odd = Need::Compare(Column::Call(Fact::Duration), Op::More, Literal::Float(0.5));
        assert!(expression(&odd).is_none());
    }

    #[test]
    fn ranges_let_through_what_may_be_there() {
        for (op, value, fits) in [
            (Op::Is, 5, true),
            (Op::Is, 11, false),
            (Op::Less, 3, false),
            (Op::AtMost, 3, true),
            (Op::More, 10, false),
            (Op::AtLeast, 10, true),
            (Op::IsNot, 11, true),
        ] {
            assert_eq!(in_range(op, &value, Some(&3), Some(&10)), fits, "{op:?} {value}");
        }
        assert!(in_range(Op::Is, &1, None, Some(&10)));
    }
}
