//! What a condition needs, asked of columns, and of the statistics of a file. Both may let through more
//! than the condition does, never less.

use std::fs::File;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Int64Type, TimestampNanosecondType},
};
use arrow_buffer::BooleanBuffer;
use filter::{Literal, Need, Op};
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use crate::{
    batch::Texts,
    columns::{self, Stored, What},
};

/// The columns that [`passed`] looks at.
pub(crate) fn columns(need: &Need, to: &mut Vec<usize>) {
    match need {
        Need::Anything | Need::Nothing => {}
        Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| columns(need, to)),
        Need::Compare(column, _, literal) => {
            let stored = columns::of(*column).filter(|stored| is_comparable(stored, literal));
            to.extend(stored.and_then(|stored| columns::place(stored.name)));
        }
        Need::Has(column) | Need::Lacks(column) => {
            to.extend(columns::of(*column).and_then(|stored| columns::place(stored.name)));
        }
    }
}

/// Which calls of a batch may fulfil the need; any if nothing is said.
pub(crate) fn passed(need: &Need, batch: &RecordBatch) -> Option<BooleanBuffer> {
    match need {
        Need::Anything => None,
        Need::Nothing => Some(BooleanBuffer::new_unset(batch.num_rows())),
        Need::All(needs) => {
            needs.iter().filter_map(|need| passed(need, batch)).reduce(|a, b| &a & &b)
        }
        Need::Any(needs) => {
            let any: Option<Vec<_>> = needs.iter().map(|need| passed(need, batch)).collect();
            let none = || BooleanBuffer::new_unset(batch.num_rows());
            any.map(|any| any.into_iter().reduce(|a, b| &a | &b).unwrap_or_else(none))
        }
        Need::Compare(column, op, literal) => compare(columns::of(*column)?, *op, literal, batch),
        Need::Has(column) => has(columns::of(*column)?, batch),
        Need::Lacks(column) => has(columns::of(*column)?, batch).map(|has| !&has),
    }
}

fn has(stored: &Stored, batch: &RecordBatch) -> Option<BooleanBuffer> {
    let array = batch.column_by_name(stored.name)?;
    Some(BooleanBuffer::collect_bool(array.len(), |at| array.is_valid(at)))
}

/// Whether the literal is a value of the column's type.
pub(crate) fn is_comparable(stored: &Stored, literal: &Literal) -> bool {
    matches!(
        (stored.what, literal),
        (What::Time, Literal::Time(_))
            | (What::Number(_), Literal::Int(_) | Literal::Duration(_))
            | (What::Word(_) | What::Text(_) | What::Template | What::ServerName, Literal::Text(_))
    )
}

fn compare(
    stored: &Stored,
    op: Op,
    literal: &Literal,
    batch: &RecordBatch,
) -> Option<BooleanBuffer> {
    let array = batch.column_by_name(stored.name).filter(|_| is_comparable(stored, literal))?;
    match literal {
        Literal::Time(right) => {
            let times = array.as_primitive_opt::<TimestampNanosecondType>()?;
            let fits = |at| fits(op, Some(&times.value(at)), right);
            Some(BooleanBuffer::collect_bool(times.len(), fits))
        }
        Literal::Int(right) | Literal::Duration(right) => {
            let numbers = array.as_primitive_opt::<Int64Type>()?;
            let fits = |at| {
                let left = numbers.is_valid(at).then(|| numbers.value(at));
                fits(op, left.as_ref(), right)
            };
            Some(BooleanBuffer::collect_bool(numbers.len(), fits))
        }
        Literal::Text(right) => match Texts::of(array)? {
            Texts::Plain(texts) => Some(BooleanBuffer::collect_bool(texts.len(), |at| {
                text_fits(op, texts.is_valid(at).then(|| texts.value(at)), right)
            })),
            Texts::Words(words) => {
                let said: Vec<bool> = (0..words.end())
                    .map(|number| text_fits(op, words.text(number), right))
                    .collect();
                let missing = text_fits(op, None, right);
                let fits = |at| words.number(at).map_or(missing, |number| said[number]);
                Some(BooleanBuffer::collect_bool(array.len(), fits))
            }
        },
        _ => None,
    }
}

/// A value that is missing is different from all, and fulfils nothing else.
fn fits<T: Ord + ?Sized>(op: Op, left: Option<&T>, right: &T) -> bool {
    let Some(left) = left else { return op == Op::IsNot };
    match op {
        Op::Is => left == right,
        Op::IsNot => left != right,
        Op::Less => left < right,
        Op::AtMost => left <= right,
        Op::More => left > right,
        Op::AtLeast => left >= right,
        Op::StartsWith | Op::EndsWith | Op::Contains => true,
    }
}

fn text_fits(op: Op, left: Option<&str>, right: &str) -> bool {
    match (op, left) {
        (Op::StartsWith, Some(left)) => left.starts_with(right),
        (Op::EndsWith, Some(left)) => left.ends_with(right),
        (Op::Contains, Some(left)) => left.contains(right),
        _ => fits(op, left, right),
    }
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
    group.columns().get(columns::place(stored.name)?)?.statistics()
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
    let (What::Word(_) | What::Text(_) | What::ServerName, Literal::Text(text), Some(column)) =
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
    use crate::{batch, row::tests::numbered};

    fn is(column: Column, text: &str) -> Need {
        Need::Compare(column, Op::Is, Literal::Text(text.into()))
    }

    #[test]
    fn what_columns_can_decide_is_decided() {
        let rows: Vec<_> = (0..4).map(numbered).collect();
        let all: Vec<usize> = (0..columns::STORED.len()).collect();
        let batch = batch::of_rows(&rows.iter().collect::<Vec<_>>(), &all).unwrap();
        let passes = |need: &Need| passed(need, &batch).map(|passed| passed.count_set_bits());
        let http = is(Column::Call(Fact::Protocol), "http");
        let zone = is(Column::Src(End::Zone), "a");
        assert_eq!(passes(&Need::All(vec![http.clone(), zone.clone()])), Some(4));
        assert_eq!(passes(&Need::Any(vec![http, zone])), None);
        assert_eq!(passes(&Need::Any(Vec::new())), Some(0));
        let slow = |op| Need::Compare(Column::Call(Fact::Duration), op, Literal::Duration(354_000));
        assert_eq!((passes(&slow(Op::More)), passes(&slow(Op::AtLeast))), (Some(0), Some(4)));
        let odd = Need::Compare(Column::Call(Fact::Duration), Op::More, Literal::Float(0.5));
        assert_eq!(passes(&odd), None);
        let node = Column::Src(End::Node);
        assert_eq!((passes(&Need::Has(node)), passes(&Need::Lacks(node))), (Some(0), Some(4)));
        let not = Need::Compare(node, Op::IsNot, Literal::Text("a".into()));
        assert_eq!(passes(&not), Some(4));
        let id = |op, text: &str| {
            passes(&Need::Compare(Column::Call(Fact::Id), op, Literal::Text(text.into())))
        };
        assert_eq!((id(Op::EndsWith, "-3"), id(Op::StartsWith, "5-")), (Some(1), Some(4)));
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
