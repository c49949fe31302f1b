//! What `cargo xtask new-protocol` makes compiles, is formatted, and its case passes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Crates that a dissector is built with.
const CRATES: [&str; 4] = ["model", "content", "dissect", "dissectors"];
const NAME: &str = "walkie";

#[test]
fn a_new_protocol_compiles_and_passes() {
    let copy = copy_of_workspace("passes");
    let made = xtask(&copy, &["new-protocol", NAME]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains("CONTRIBUTING.md"));

    is_formatted(&copy);
    let tested = test_in(&copy);
    assert!(tested.status.success(), "{}", said(&tested));
    assert!(!said(&tested).contains("warning"), "{}", said(&tested));
    assert!(said(&tested).contains(&format!("{NAME}/cases/first.txt")), "{}", said(&tested));
}

#[test]
fn nothing_is_overwritten() {
    let copy = copy_of_workspace("twice");
    assert!(xtask(&copy, &["new-protocol", NAME]).status.success());
    let list = fs::read(copy.join("crates/dissectors/src/lib.rs")).unwrap();
    let again = xtask(&copy, &["new-protocol", NAME]);
    assert!(!again.status.success() && said(&again).contains("is there already"));
    assert_eq!(list, fs::read(copy.join("crates/dissectors/src/lib.rs")).unwrap());
}

fn xtask(root: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(words).arg("--root").arg(root).output().unwrap()
}

/// Only the list's tests, and only the new cases: the others are tested at home.
fn test_in(root: &Path) -> Output {
    Command::new(env!("CARGO"))
        .args(["test", "--offline", "--package", "dissectors", "--test", "cases"])
        .args(["--", "--nocapture"])
        .env("CASE", format!("{NAME}/cases"))
        // What others wrote is compiled already.
        .env("CARGO_TARGET_DIR", target())
        .current_dir(root)
        .output()
        .unwrap()
}

fn is_formatted(root: &Path) {
    let folder = root.join("crates/dissectors/src").join(NAME);
    let output = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .arg(folder.join("mod.rs"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

fn copy_of_workspace(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&copy);
    for of in CRATES {
        copy_folder(&home.join("crates").join(of), &copy.join("crates").join(of));
    }
    fs::copy(home.join("Cargo.lock"), copy.join("Cargo.lock")).unwrap();
    fs::copy(home.join("rustfmt.toml"), copy.join("rustfmt.toml")).unwrap();
    let manifest = fs::read_to_string(home.join("Cargo.toml")).unwrap();
    // The same profiles and lints, so that what is compiled can be used again.
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    let manifest = manifest.replace(members, "members = [\"crates/*\"]");
    fs::write(copy.join("Cargo.toml"), manifest).unwrap();
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
