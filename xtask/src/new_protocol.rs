//! Starts a protocol: a folder from the template, and its line in the list.

use std::{fs, path::Path};

/// Stands for the protocol's name in the template.
const BLANK: &str = "PROTOCOL_NAME";

/// The files of a new folder.
const FILES: [(&str, &str); 3] = [
    ("mod.rs", include_str!("../template/mod.rs.txt")),
    ("wire.rs", include_str!("../template/wire.rs.txt")),
    ("cases/first.txt", include_str!("../template/first.txt")),
];

/// The list as it begins in `dissectors/src/lib.rs`.
const LIST: &str = "pub static ALL: &[&Dissection] = &[";

const NAME_LEN_MAX: usize = 24;
/// As in rustfmt.
const LINE_LEN_MAX: usize = 100;

const NEXT: &str = "\
next:
  1. write down what the two sides say, in cases/*.txt: CONTRIBUTING.md tells the form
  2. make wire.rs read it, and mod.rs tell it
  3. cargo test --package dissectors        (CASE=PROTOCOL_NAME/ for its cases only)
  4. fuzz/run 60 dissect                    (it is on the list: nothing to add)
CONTRIBUTING.md says what a protocol needs before it is done.";

/// Creates the folder `name` and enters it in the list; what to do next.
///
/// # Errors
/// When the name can't be used, is taken, or a file can't be written. Nothing is overwritten.
pub fn create(root: &Path, name: &str) -> Result<String, String> {
    check_name(name)?;
    let src = root.join("crates/dissectors/src");
    let folder = src.join(name);
    if folder.exists() || src.join(format!("{name}.rs")).exists() {
        return Err(format!("{} is there already", folder.display()));
    }
    let list = src.join("lib.rs");
    let text = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let entered = enter(&text, name)?;
    for (file, template) in FILES {
        write(&folder.join(file), &template.replace(BLANK, name))?;
    }
    write(&list, &entered)?;
    Ok(format!("{} is there, and on the list\n\n{}", folder.display(), NEXT.replace(BLANK, name)))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// A name is a module, a word in filters and a folder.
fn check_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 19] = [
        "as", "async", "await", "box", "const", "crate", "do", "dyn", "enum", "extern", "lib",
        "mod", "self", "static", "super", "trait", "type", "use", "yield",
    ];
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(letters) {
        return Err(format!(
            "{name:?}: a name is lower-case letters, digits and _, a letter first"
        ));
    }
    if name.len() > NAME_LEN_MAX {
        return Err(format!("{name:?}: a name has at most {NAME_LEN_MAX} letters"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("{name:?} means something to Rust"));
    }
    Ok(())
}

/// The text of `lib.rs` with the new module and the new entry.
fn enter(text: &str, name: &str) -> Result<String, String> {
    enter_entry(&enter_module(text, name)?, name)
}

/// Modules are sorted.
fn enter_module(text: &str, name: &str) -> Result<String, String> {
    let module = format!("pub mod {name};");
    let mut lines: Vec<&str> = text.lines().collect();
    let is_module = |line: &&str| line.starts_with("pub mod ");
    let last = lines.iter().rposition(is_module).ok_or("no `pub mod` in dissectors/src/lib.rs")?;
    let after = lines.iter().position(|line| is_module(line) && **line > *module);
    lines.insert(after.unwrap_or(last + 1), &module);
    Ok(lines.join("\n") + "\n")
}

/// The list is in the order in which protocols are tried, and a new one is tried last.
fn enter_entry(text: &str, name: &str) -> Result<String, String> {
    let missing = || format!("no `{LIST}` in dissectors/src/lib.rs");
    let begin = text.find(LIST).ok_or_else(missing)? + LIST.len();
    let end = begin + text[begin..].find("];").ok_or_else(missing)?;
    let (before, list, after) = (&text[..begin], &text[begin..end], &text[end..]);
    let entry = format!("&{name}::DISSECTION");
    if list.contains('\n') {
        let list = list.trim_end();
        let comma = if list.ends_with(',') { "" } else { "," };
        return Ok(format!("{before}{list}{comma}\n    {entry},\n{after}"));
    }
    let comma = if list.trim().is_empty() { "" } else { ", " };
    let list = format!("{list}{comma}{entry}");
    if LIST.len() + list.len() + "];".len() <= LINE_LEN_MAX {
        return Ok(format!("{before}{list}{after}"));
    }
    let lines: String = list.split(", ").map(|entry| format!("\n    {entry},")).collect();
    Ok(format!("{before}{lines}\n{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "\
pub mod dns;
pub mod redis;

pub static ALL: &[&Dissection] = &[&redis::DISSECTION, &dns::DISSECTION];
";

    #[test]
    fn a_name_is_entered_in_order_and_tried_last() {
        let text = enter(LIB, "kafka").unwrap();
        assert!(text.starts_with("pub mod dns;\npub mod kafka;\npub mod redis;\n"), "{text}");
        assert!(text.ends_with("&dns::DISSECTION, &kafka::DISSECTION];\n"), "{text}");
        assert!(enter(LIB, "zz").unwrap().contains("pub mod redis;\npub mod zz;\n\n"));
    }

    #[test]
    fn a_long_list_has_a_line_for_each() {
        let text = enter(&enter(LIB, "mongodb").unwrap(), "postgresql").unwrap();
        assert!(text.contains("= &[\n    &redis::DISSECTION,\n    &dns::DISSECTION,\n"), "{text}");
        let text = enter(&text, "mysql").unwrap();
        assert!(
            text.ends_with("    &postgresql::DISSECTION,\n    &mysql::DISSECTION,\n];\n"),
            "{text}"
        );
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in
            ["", "Http", "9p", "a-b", "../a", "type", "a_name_that_is_far_too_long_for_this"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("http2").is_ok());
    }
}
