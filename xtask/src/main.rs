//! The project's own chores: `cargo xtask floors`, `cargo xtask new-protocol NAME`.

mod floors;
mod new_protocol;
mod source;
mod words;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "\
cargo xtask floors               checks that crates depend downwards and know what they may know
cargo xtask new-protocol NAME    starts a protocol from a template that compiles and passes

  --root DIR                     another copy of the workspace
";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let root = match take_root(&mut words) {
        Ok(root) => root,
        Err(why) => return fail(&why),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["floors"] => check_floors(&root),
        ["new-protocol", name] => new_protocol::create(&root, name),
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

/// Takes `--root DIR` out of the words; this workspace if it is not there.
fn take_root(words: &mut Vec<String>) -> Result<PathBuf, String> {
    let Some(at) = words.iter().position(|word| word == "--root") else {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        return Ok(here.parent().unwrap_or(here).to_owned());
    };
    let taken: Vec<String> = words.drain(at..words.len().min(at + 2)).collect();
    taken.get(1).map(PathBuf::from).ok_or_else(|| "--root needs a folder".into())
}

fn check_floors(root: &Path) -> Result<String, String> {
    let crates = floors::crates(root)?;
    let mut wrong = floors::check(&crates);
    wrong.extend(words::check(root, &crates)?);
    if wrong.is_empty() {
        return Ok(format!("floors: {} crates, all edges point down", crates.len()));
    }
    Err(format!(
        "{}\n\nsee docs/ARCHITECTURE.md; the floors are in xtask/src/floors.rs",
        wrong.join("\n")
    ))
}
