//! Words that must not occur: a protocol's name where no protocol is known, and `unsafe`.

use std::{fs, path::Path};

use crate::{floors::Crate, source};

/// Crates that know protocols only through their tables.
const IGNORANT: [&str; 7] = ["model", "packet", "stream", "dissect", "flow", "export", "capture"];

/// What a crate may say all the same: the output contract calls what a stream was wrapped in `tls`,
/// whatever the wrapping, and evidence from name servers `dns`; HTTP archives and commands for curl are
/// formats of one protocol.
const GIVEN: [(&str, &str); 6] = [
    ("export", "tls"),
    ("export", "dns"),
    ("model", "dns"),
    ("export", "http"),
    ("export", "http2"),
    ("export", "http3"),
];

/// A protocol of whose messages some are calls, and that carries others': every crate knows it as a transport.
const TRANSPORTS: [&str; 1] = ["icmp"];

/// A word of browsers' policies that is not ours.
const POLICY: &str = "'unsafe-inline'";

/// The only crate where `unsafe` may be written.
const DARING: &str = "capture";

/// What is wrong, a line each.
///
/// # Errors
/// When a source can't be read.
pub fn check(root: &Path, crates: &[Crate]) -> Result<Vec<String>, String> {
    let protocols = protocols(root)?;
    let mut wrong = Vec::new();
    for of in crates {
        let ignorant = IGNORANT.contains(&&*of.name);
        let banned: Vec<String> = protocols
            .iter()
            .filter(|name| ignorant && !GIVEN.contains(&(&*of.name, &***name)))
            .filter(|name| !TRANSPORTS.contains(&&***name))
            .cloned()
            .collect();
        let files =
            source::files(&of.folder.join("src")).map_err(|e| format!("{}: {e}", of.name))?;
        for path in files {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let place = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            wrong.extend(check_text(&place, &text, &banned, of.name == DARING));
        }
    }
    Ok(wrong)
}

fn check_text(place: &str, text: &str, protocols: &[String], daring: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in source::code(text) {
        if let Some(name) = protocols.iter().find(|name| names(line, name)) {
            wrong.push(format!(
                "{place}:{number}: names a protocol ({name}): ask its table instead"
            ));
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let line = line.replace(POLICY, "");
        if !daring && line.split(|c| !is_word(c)).any(|word| word == "unsafe") {
            wrong.push(format!("{place}:{number}: unsafe is for {DARING} only"));
        }
    }
    wrong
}

/// The protocols by their folders.
fn protocols(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("crates/dissectors/src");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Whether `name` is a word of the line, also within an identifier: `redis_port`, `RedisPort`.
fn names(line: &str, name: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        begins_word(before, &line[at..]) && ends_word(after)
    })
}

fn begins_word(before: &str, word: &str) -> bool {
    let Some(last) = before.chars().next_back() else { return true };
    let hump = last.is_lowercase() && word.starts_with(char::is_uppercase);
    !last.is_alphanumeric() || hump
}

fn ends_word(after: &str) -> bool {
    !after.starts_with(|c: char| c.is_lowercase() || c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_only() {
        for line in ["if name == \"redis\" {", "fn redis_port()", "struct RedisPort;", "let aRedis"]
        {
            assert!(names(line, "redis"), "{line}");
        }
        for line in ["\"https://example.org\"", "http2_settings", "xhttp"] {
            assert!(!names(line, "http"), "{line}");
        }
    }

    #[test]
    fn comments_and_tests_may_say_it() {
        let text = "/// Like http.\nfn a() {} // http\n#[cfg(test)]\nmod tests {\n\"http\"\n}";
        assert_eq!(check_text("a.rs", text, &["http".into()], false), [""; 0]);
        assert_eq!(
            check_text("a.rs", "const A: &str = \"http\";", &["http".into()], false).len(),
            1
        );
    }

    #[test]
    fn unsafe_is_for_one_crate() {
        assert_eq!(check_text("a.rs", "unsafe { a() }", &[], false).len(), 1);
        assert_eq!(check_text("a.rs", "unsafe { a() }", &[], true), [""; 0]);
        assert_eq!(check_text("a.rs", "#![forbid(unsafe_code)]", &[], false), [""; 0]);
    }
}
