//! Calls and figures for people, and figures as JSON.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use model::Timestamp;
use serde_json::{Value, json};
use store::{Cell, Part, Row, Table};

/// What is said of a call, and how wide it is.
const COLUMNS: [(&str, usize); 8] = [
    ("time", 30),
    ("protocol", 10),
    ("method", 10),
    ("endpoint", 32),
    ("status", 8),
    ("src", 22),
    ("dst", 22),
    ("duration", 10),
];

/// The first line of a list of calls.
pub fn header(out: &mut impl Write) -> io::Result<()> {
    line(&COLUMNS.map(|(name, _)| name.to_owned()), out)
}

/// A call as a line.
pub fn call(row: &Row, out: &mut impl Write) -> io::Result<()> {
    let text = |part| row.get(part).map(|text| printable(&text)).unwrap_or_default();
    let end = |name, ip, port: i64| match row.get(name) {
        Some(name) => printable(&name),
        None if port == 0 => text(ip),
        None => format!("{}:{port}", text(ip)),
    };
    let duration = row.duration_ns().map(span).unwrap_or_default();
    let code = text(Part::StatusCode);
    let cells = [
        time(row.time_ns()),
        text(Part::Protocol),
        text(Part::Method),
        text(Part::Endpoint),
        if code.is_empty() { text(Part::Result) } else { code },
        end(Part::SrcName, Part::SrcIp, row.src_port()),
        end(Part::DstName, Part::DstIp, row.dst_port()),
        duration,
    ];
    line(&cells, out)
}

fn line(cells: &[String], out: &mut impl Write) -> io::Result<()> {
    let mut text = String::new();
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        let long = cell.chars().count() > width;
        let shown: String = if long {
            cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        } else {
            cell.clone()
        };
        // Writing to a text can't fail.
        let _ = write!(text, "{shown:<width$}  ");
    }
    writeln!(out, "{}", text.trim_end())
}

/// Figures as aligned columns: names to the left, numbers to the right.
pub fn figures(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let unit = |at: usize| table.columns.get(at).and_then(|heading| heading.unit);
    let names = table.columns.iter().map(|heading| heading.name.clone()).collect();
    let mut lines: Vec<Vec<String>> = vec![names];
    let told = |row: &Vec<Cell>| {
        row.iter().enumerate().map(|(at, cell)| told(cell, unit(at))).collect::<Vec<_>>()
    };
    lines.extend(table.rows.iter().map(told));
    let width = |at: usize| {
        let widths = lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    for cells in &lines {
        let mut text = String::new();
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            if unit(at).is_some() {
                let _ = write!(text, "{cell:>width$}  ");
            } else {
                let _ = write!(text, "{cell:<width$}  ");
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Figures as one object: `columns` with names and units, `rows`, `truncated`, `searched`.
pub fn figures_json(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .map(|heading| json!({ "name": heading.name, "unit": heading.unit }))
        .collect();
    let rows: Vec<Vec<Value>> =
        table.rows.iter().map(|row| row.iter().map(value).collect()).collect();
    let searched = json!({
        "complete": table.searched.complete,
        "calls": table.searched.calls,
        "files_unread": table.searched.files_unread,
    });
    let truncated = table.truncated;
    let answer =
        json!({ "columns": columns, "rows": rows, "truncated": truncated, "searched": searched });
    writeln!(out, "{answer}")
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Missing => Value::Null,
        Cell::Bool(truth) => json!(truth),
        Cell::Int(number) => json!(number),
        Cell::Float(number) => json!(number),
        Cell::Text(text) => json!(text),
        Cell::Time(ns) => json!(time(*ns)),
    }
}

fn told(cell: &Cell, unit: Option<&str>) -> String {
    match (cell, unit) {
        (Cell::Missing, _) => "-".into(),
        (Cell::Bool(truth), _) => truth.to_string(),
        (Cell::Int(ns), Some("ns")) => span(*ns),
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        (Cell::Float(ns), Some("ns")) => span(ns.round() as i64),
        (Cell::Int(number), _) => number.to_string(),
        (Cell::Float(share), Some("share")) => format!("{:.2} %", share * 100.0),
        (Cell::Float(number), _) => format!("{number:.3}"),
        (Cell::Text(text), _) => printable(text),
        (Cell::Time(ns), _) => time(*ns),
    }
}

/// Nanoseconds in the unit that reads best.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn span(ns: i64) -> String {
    let number = ns as f64;
    match ns {
        ..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", number / 1e6),
        1_000_000_000.. => format!("{:.2} s", number / 1e9),
    }
}

fn time(ns: i64) -> String {
    export::moment(Timestamp(u64::try_from(ns).unwrap_or_default()))
}

/// Nothing that was on the wire reaches the terminal unless it is printable.
fn printable(text: &str) -> String {
    let is_plain = |symbol: &char| {
        !symbol.is_control()
            && !matches!(symbol, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
    };
    if text.chars().all(|symbol| is_plain(&symbol)) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for symbol in text.chars() {
        if is_plain(&symbol) { shown.push(symbol) } else { shown.extend(symbol.escape_unicode()) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_shares_read_well() {
        for (ns, text) in
            [(7, "7 ns"), (1_500, "1.5 µs"), (2_340_000, "2.34 ms"), (61_000_000_000, "61.00 s")]
        {
            assert_eq!(span(ns), text);
        }
        assert_eq!(told(&Cell::Float(0.125), Some("share")), "12.50 %");
    }

    #[test]
    fn what_could_move_the_cursor_is_shown_by_its_number() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
    }
}
