//! Rust sources as the checks see them: line by line, without comments and without tests.
//!
//! Not a parser: it knows strings, line comments and `#[cfg(test)]` as this project writes them.

use std::{fs, io, path::Path, path::PathBuf};

const TEST: &str = "#[cfg(test)]";

/// All Rust files under `folder` but for test modules (`tests.rs`, `tests/`), in order.
///
/// # Errors
/// When a folder can't be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The lines of code with their numbers, from 1, up to an inline test module.
pub fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut lines = (1..).zip(text.lines()).peekable();
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        if line.trim() != TEST {
            return Some((number, without_comment(line)));
        }
        // `mod tests;` hides one line, `mod tests {` the rest of the file.
        let (number, item) = lines.next()?;
        item.ends_with(';').then_some((number, ""))
    })
}

/// The line up to a `//` that is not in a string.
fn without_comment(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut in_string = false;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\\', ..] if in_string => at += 1,
            [b'\'', b'"', b'\'', ..] if !in_string => at += 2,
            [b'"', ..] => in_string = !in_string,
            [b'/', b'/', ..] if !in_string => return &line[..at],
            _ => {}
        }
        at += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_no_code() {
        assert_eq!(without_comment("let a = 1; // http"), "let a = 1; ");
        assert_eq!(without_comment("/// http"), "");
        assert_eq!(
            without_comment(r#"f("http://a\"//", '"'); // x"#),
            r#"f("http://a\"//", '"'); "#
        );
    }

    #[test]
    fn tests_are_no_code() {
        let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod more {\nc\n}\n";
        let lines: Vec<_> = code(text).collect();
        assert_eq!(lines, [(1, "a"), (3, ""), (4, "b")]);
    }
}
