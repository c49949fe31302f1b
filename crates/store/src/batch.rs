//! Rows to columns, and back, byte for byte.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampNanosecondArray,
    builder::{Int64Builder, StringBuilder},
    types::Int32Type,
};
use arrow_schema::{ArrowError, Schema};

use crate::{
    Part, Row,
    columns::{STORED, Stored, What},
    json::Malformed,
    part::{PIECES, Parts},
    stamp,
};

/// These columns of these rows.
pub(crate) fn of_rows(rows: &[&Row], columns: &[usize]) -> Result<RecordBatch, ArrowError> {
    let stored: Vec<&Stored> = columns.iter().filter_map(|at| STORED.get(*at)).collect();
    let whole = crate::columns::schema();
    let fields: Vec<_> = columns.iter().map(|at| whole.field(*at).clone()).collect();
    let arrays: Vec<ArrayRef> = stored.iter().map(|stored| array(rows, stored)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
}

fn array(rows: &[&Row], stored: &Stored) -> ArrayRef {
    match stored.what {
        What::Time => {
            let times = rows.iter().map(|row| row.time_ns());
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        What::Number(of) => {
            let mut builder = Int64Builder::with_capacity(rows.len());
            rows.iter().for_each(|row| builder.append_option(of(row.numbers())));
            Arc::new(builder.finish())
        }
        What::Word(part) | What::Text(part) | What::Piece(part) => {
            texts(rows, |row, texts| texts.append_option(row.get(part)))
        }
        What::Template => texts(rows, |row, texts| texts.append_option(row.endpoint_template())),
        What::ServerName => texts(rows, |row, texts| texts.append_option(row.server_name())),
        What::Rest => texts(rows, |row, texts| texts.append_value(rest(row))),
    }
}

fn texts(rows: &[&Row], mut push: impl FnMut(&Row, &mut StringBuilder)) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows.len(), rows.len() * 16);
    rows.iter().for_each(|row| push(row, &mut builder));
    Arc::new(builder.finish())
}

// === the rest of a line ===

/// Stands before a line that is whole but for its pieces; still JSON.
const UNCUT: char = ' ';

/// The line without what has columns of its own: pieces are `null`, and its head (`id`, `time`,
/// `duration_ns`) is left out if it can be put together again.
pub(crate) fn rest(row: &Row) -> String {
    let line = row.json();
    let head = head(&row.id(), row.time_ns(), row.duration_ns());
    let mut text = String::with_capacity(line.len());
    let mut from = 0;
    if line.starts_with(&head) {
        text.push('{');
        from = head.len();
    } else {
        text.push(UNCUT);
    }
    for (part, _) in PIECES {
        let span = row.span(part);
        if !span.is_empty() {
            text.push_str(line.get(from..span.from as usize).unwrap_or_default());
            text.push_str("null");
            from = span.to as usize;
        }
    }
    text.push_str(line.get(from..).unwrap_or_default());
    text
}

/// How lines begin.
fn head(id: &str, time_ns: i64, duration_ns: Option<i64>) -> String {
    let mut head = format!("{{\"id\":\"{id}\",\"time\":\"{}\",", stamp::write(time_ns));
    if let Some(duration_ns) = duration_ns {
        head += &format!("\"duration_ns\":{duration_ns},");
    }
    head
}

/// A line in columns.
struct Columns<'b> {
    id: Texts<'b>,
    time: &'b TimestampNanosecondArray,
    duration: &'b Int64Array,
    rest: Texts<'b>,
    pieces: [Option<Texts<'b>>; PIECES.len()],
}

/// Texts of either layout in memory.
#[derive(Clone, Copy)]
pub(crate) enum Texts<'b> {
    Plain(&'b StringArray),
    Words(Words<'b>),
}

/// Texts of few different values: numbers that stand for them.
#[derive(Clone, Copy)]
pub(crate) struct Words<'b> {
    numbers: &'b DictionaryArray<Int32Type>,
    texts: &'b StringArray,
}

/// The rows of a batch that has at least the columns of [`ROW`](crate::columns::ROW). Pieces whose
/// columns are not there are left out of the lines.
pub(crate) fn to_rows(batch: &RecordBatch) -> Result<Vec<Row>, Malformed> {
    let Some(columns) = Columns::of(batch) else { return Err(Malformed { at: 0 }) };
    (0..batch.num_rows()).map(|at| columns.row(at)).collect()
}

// === impl Columns ===

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let texts = |name: &str| Texts::of(batch.column_by_name(name)?);
        let piece = |part: Part| {
            let is_it = |stored: &&Stored| matches!(stored.what, What::Piece(of) if of == part);
            texts(STORED.iter().find(is_it)?.name)
        };
        Some(Self {
            id: texts("id")?,
            time: batch.column_by_name("time")?.as_any().downcast_ref()?,
            duration: batch.column_by_name("duration_ns")?.as_any().downcast_ref()?,
            rest: texts("call")?,
            pieces: PIECES.map(|(part, _)| piece(part)),
        })
    }

    fn row(&self, at: usize) -> Result<Row, Malformed> {
        let text = self.text(at);
        let parts = Parts::of(&text)?;
        let mut line = String::with_capacity(text.len() * 2);
        let mut from = 0;
        for ((part, key), column) in PIECES.into_iter().zip(&self.pieces) {
            let span = parts.span(part);
            if span.of(&text) != Some("null") {
                continue;
            }
            // ,"key":null
            let begin = (span.from as usize).saturating_sub(key.len() + 4);
            let piece = column.as_ref().and_then(|column| column.get(at));
            let until = if piece.is_some() { span.from as usize } else { begin };
            line.push_str(text.get(from..until).unwrap_or_default());
            line.push_str(piece.unwrap_or_default());
            from = span.to as usize;
        }
        line.push_str(text.get(from..).unwrap_or_default());
        Row::of_line(&line)
    }

    /// The line with its head, pieces still `null`.
    fn text(&self, at: usize) -> String {
        let rest = self.rest.get(at).unwrap_or_default();
        if let Some(line) = rest.strip_prefix(UNCUT) {
            return line.to_owned();
        }
        let duration = (!self.duration.is_null(at)).then(|| self.duration.value(at));
        let mut text = head(self.id.get(at).unwrap_or_default(), self.time.value(at), duration);
        text.push_str(rest.get(1..).unwrap_or_default());
        text
    }
}

// === impl Texts ===

impl<'b> Texts<'b> {
    pub(crate) fn words(&self) -> Option<Words<'b>> {
        match self {
            Self::Plain(_) => None,
            Self::Words(words) => Some(*words),
        }
    }

    pub(crate) fn of(array: &'b ArrayRef) -> Option<Self> {
        let any = array.as_any();
        any.downcast_ref().map(Self::Plain).or_else(|| Words::of(array).map(Self::Words))
    }

    pub(crate) fn get(&self, at: usize) -> Option<&'b str> {
        match self {
            Self::Plain(texts) => (!texts.is_null(at)).then(|| texts.value(at)),
            Self::Words(words) => words.text(words.number(at)?),
        }
    }
}

// === impl Words ===

impl<'b> Words<'b> {
    pub(crate) fn of(array: &'b ArrayRef) -> Option<Self> {
        let numbers: &DictionaryArray<Int32Type> = array.as_any().downcast_ref()?;
        Some(Self { numbers, texts: numbers.values().as_any().downcast_ref()? })
    }

    /// Greater than all numbers.
    pub(crate) fn end(&self) -> usize {
        self.texts.len()
    }

    /// The number of a call's text, if it has one.
    pub(crate) fn number(&self, at: usize) -> Option<usize> {
        self.numbers.key(at).filter(|number| *number < self.end())
    }

    /// The number of a word; none if it is not among them.
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        (0..self.end()).find(|number| self.text(*number) == Some(text))
    }

    /// Goes on with numbers of combinations: 0 stands for no text, all else is one more than its number.
    pub(crate) fn number_all(&self, base: u32, numbers: &mut [u32]) {
        let keys = self.numbers.keys();
        let place = |key: i32| u32::try_from(key).map_or(0, |key| (key + 1).min(base - 1));
        let pairs = numbers.iter_mut().zip(keys.values());
        match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => pairs.for_each(|(number, key)| *number = *number * base + place(*key)),
            Some(nulls) => pairs.zip(nulls).for_each(|((number, key), is_there)| {
                *number = *number * base + if is_there { place(*key) } else { 0 };
            }),
        }
    }

    /// What a number stands for.
    pub(crate) fn text(&self, number: usize) -> Option<&'b str> {
        (!self.texts.is_null(number)).then(|| self.texts.value(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::LINE;

    fn all() -> Vec<usize> {
        (0..STORED.len()).collect()
    }

    fn there_and_back(line: &str) -> String {
        let row = Row::of_line(line).unwrap();
        let batch = of_rows(&[&row], &all()).unwrap();
        to_rows(&batch).unwrap().remove(0).json().to_owned()
    }

    #[test]
    fn a_line_comes_back_byte_for_byte() {
        assert_eq!(there_and_back(LINE), LINE);
    }

    #[test]
    fn a_line_whose_head_is_unusual_comes_back_too() {
        let turned = LINE.replacen(r#""id":"5-1","time""#, r#""x":1,"id":"5-1","time""#, 1);
        assert_eq!(there_and_back(&turned), turned);
        let null = LINE.replacen(
            r#""body":{"size":169,"truncated":false,"text":"<a>\"body\":null"}"#,
            r#""body":null"#,
            1,
        );
        assert_ne!(null, LINE);
        assert_eq!(there_and_back(&null), null);
    }

    #[test]
    fn the_rest_is_json_without_pieces() {
        let rest = rest(&Row::of_line(LINE).unwrap());
        let value: serde_json::Value = serde_json::from_str(&rest).unwrap();
        assert_eq!(value["protocol"], "http");
        assert_eq!(value["request"]["headers"], serde_json::Value::Null);
    }

    #[test]
    fn pieces_that_are_not_read_are_left_out() {
        let row = Row::of_line(LINE).unwrap();
        let few: Vec<_> =
            crate::columns::ROW.map(|name| crate::columns::place(name).unwrap()).into();
        let batch = of_rows(&[&row], &few).unwrap();
        assert_eq!(to_rows(&batch).unwrap()[0].json(), row.summary());
    }
}
