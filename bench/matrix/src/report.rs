//! The matrix as Markdown.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    matrix::{Matrix, Mode, OTHER, UNKNOWN},
    names::WIRE,
};

type Counts = BTreeMap<(&'static str, &'static str), u64>;

/// The whole report.
pub fn markdown(matrix: &Matrix) -> String {
    let mut text = String::from(HEAD);
    let _ = writeln!(text, "{} recordings.\n\n## Totals\n", matrix.recordings);
    text += "| read | streams | named rightly | unknown | misnamed | others left alone |\n";
    text += "|---|---|---|---|---|---|\n";
    for mode in Mode::ALL {
        if let Some(counts) = matrix.counts.get(&mode) {
            totals(&mut text, mode.words(), counts);
        }
        if let Some(counts) = matrix.headless.get(&mode) {
            totals(&mut text, &format!("{}; no start in the recording", mode.words()), counts);
        }
    }
    for mode in Mode::ALL {
        let _ = writeln!(text, "\n## {}\n", mode.words());
        table(&mut text, &sum(matrix, mode));
    }
    text += "\n## Misnamed\n\n";
    for (mode, line) in &matrix.misnamed {
        let _ = writeln!(text, "- {}: {line}", mode.words());
    }
    if matrix.misnamed.is_empty() {
        text += "None.\n";
    }
    text += "\n## Unknown\n\n";
    for (mode, line) in &matrix.unknown {
        let _ = writeln!(text, "- {}: {line}", mode.words());
    }
    text += "\n## Named, and nobody else says what they are\n\n";
    for line in &matrix.own_word {
        let _ = writeln!(text, "- {line}");
    }
    for line in &matrix.failed {
        let _ = writeln!(text, "\nNot looked at: {line}");
    }
    text
}

const HEAD: &str = "\
# What streams are taken for

Made by `bench/matrix`; see `bench/README.md`. A row is what a stream is, a column what it was taken
for; `other` is what callscope has no dissector for, or what nobody knows. A stream that speaks several
protocols in turn (an upgrade) stands in the row of the last of them in this list. Without its start a
stream counts as long as two messages begin in what is left of it. A connection that is known without one of
its messages being told counts as named. Streams that only their port tells from others (`?` in
`corrections.tsv`: clients of FTP that say USER and QUIT, as those of POP3 do) are others once it is changed.

";

fn sum(matrix: &Matrix, mode: Mode) -> Counts {
    let mut all = Counts::new();
    for counts in [&matrix.counts, &matrix.headless] {
        for (cell, count) in counts.get(&mode).into_iter().flatten() {
            *all.entry(*cell).or_default() += count;
        }
    }
    all
}

fn totals(text: &mut String, words: &str, counts: &Counts) {
    let (mut right, mut unknown, mut wrong, mut left_alone) = (0, 0, 0, 0);
    for ((row, column), count) in counts {
        match (*row, *column) {
            (OTHER, UNKNOWN) => left_alone += count,
            (_, UNKNOWN) => unknown += count,
            (row, column) if row == column => right += count,
            _ => wrong += count,
        }
    }
    let all = right + unknown + wrong;
    let share = 100.0 * right as f64 / all.max(1) as f64;
    let _ = writeln!(
        text,
        "| {words} | {all} | {right} ({share:.2} %) | {unknown} | {wrong} | {left_alone} |"
    );
}

fn table(text: &mut String, counts: &Counts) {
    let columns: Vec<&str> = WIRE.into_iter().chain([UNKNOWN]).collect();
    let _ = writeln!(text, "| | {} |", columns.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for row in WIRE.into_iter().chain([OTHER]) {
        let cell = |column: &&str| match counts.get(&(row, *column)) {
            Some(count) => count.to_string(),
            None => String::new(),
        };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let _ = writeln!(text, "| **{row}** | {} |", cells.join(" | "));
    }
}
