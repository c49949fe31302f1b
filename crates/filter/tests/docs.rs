//! `docs/QUERY.md` says what the tables say. With `BLESS=1` its tables are written anew.

mod common;

use std::{fmt::Write, fs, path::Path};

use common::columns;
use filter::{Column, Named};

/// The tables of the document, by the word in its comments.
fn tables() -> [(&'static str, String); 4] {
    [
        ("columns", common_columns()),
        ("functions", functions()),
        ("short", aliases(false)),
        ("kubeshark", aliases(true)),
    ]
}

fn common_columns() -> String {
    let mut out = String::from("| name | type | what it is |\n|---|---|---|\n");
    let mut row = |name: &str, named: &Named| {
        writeln!(out, "| `{name}` | {} | {} |", named.ty.name(), named.about).unwrap();
    };
    for named in columns().all() {
        match named.column {
            Column::Call(_) => row(&named.name, named),
            Column::Src(_) | Column::Request(_) => {
                let other = named.name.replace("src.", "dst.").replace("request.", "response.");
                row(&format!("{}`, `{other}", named.name), named);
            }
            Column::Dst(_) | Column::Response(_) | Column::Field(_) => {}
        }
    }
    out
}

fn functions() -> String {
    let mut out = String::from("| function | what it says |\n|---|---|\n");
    for function in filter::functions() {
        let signature = function.signature.replace('|', "\\|");
        writeln!(out, "| `{signature}` | {} |", function.about).unwrap();
    }
    out
}

/// Short forms come before the first name of Kubeshark's.
fn aliases(kubeshark: bool) -> String {
    let mut out = String::from("| name | means here | what it is |\n|---|---|---|\n");
    let all = columns().aliases();
    let first = all.iter().position(|alias| alias.name == "src.pod.name").unwrap();
    let part = if kubeshark { &all[first..] } else { &all[..first] };
    for alias in part {
        let meaning = alias.meaning.replace('|', "\\|");
        writeln!(out, "| `{}` | `{meaning}` | {} |", alias.name, alias.about).unwrap();
    }
    out
}

#[test]
fn the_document_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/QUERY.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut made = text.clone();
    for (word, table) in tables() {
        let (begin, end) = (format!("<!-- {word} -->\n"), format!("<!-- end of {word} -->"));
        let from = made.find(&begin).expect(word) + begin.len();
        let to = made.find(&end).expect(word);
        made.replace_range(from..to, &format!("\n{table}\n"));
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).unwrap();
        return;
    }
    assert!(made == text, "docs/QUERY.md is out of date: run this test with BLESS=1");
}

#[test]
fn the_documents_examples_are_expressions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/QUERY.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```cel\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut count = 0;
    for line in blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()) {
        common::compile(line).unwrap_or_else(|fault| panic!("{}", fault.show(line)));
        count += 1;
    }
    assert!(count >= 10);
}
