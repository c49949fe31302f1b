//! Which crate stands on which floor, and whether all dependencies point down.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The floor of each crate, those to come included. A crate uses only crates on lower floors.
pub const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("packet", 1),
    ("stream", 2),
    ("filter", 1),
    ("identity", 1),
    ("content", 1),
    ("dissect", 2),
    ("mask", 2),
    ("dissectors", 3),
    ("flow", 4),
    ("store", 4),
    // An API server for tests: uses none of ours, and only tests use it.
    ("kube-mock", 0),
    ("capture", 5),
    ("cluster", 5),
    ("export", 5),
    ("fleet", 5),
    ("process", 5),
    ("plaintext", 5),
    ("warehouse", 5),
    ("api", 6),
    ("callscope", 7),
];

/// Serves the project, not the tool: may use every crate, and none may use it.
const OUTSIDE: &str = "xtask";

/// A crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Crates of ours that it is built with; not those of its tests, which may be on any floor.
    pub uses: Vec<String>,
}

/// The crates of the workspace at `root`, as Cargo sees them.
///
/// # Errors
/// When Cargo can't read the workspace.
pub fn crates(root: &Path) -> Result<Vec<Crate>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    Ok(packages.iter().filter_map(Crate::of).filter(|c| c.name != OUTSIDE).collect())
}

/// What is wrong, a line each.
#[must_use]
pub fn check(crates: &[Crate]) -> Vec<String> {
    crates.iter().flat_map(check_crate).collect()
}

fn check_crate(of: &Crate) -> Vec<String> {
    let Some(floor) = floor(&of.name) else {
        return vec![format!("{} has no floor: add it to FLOORS in xtask/src/floors.rs", of.name)];
    };
    of.uses.iter().filter_map(|used| check_edge(&of.name, floor, used)).collect()
}

fn check_edge(name: &str, on: u8, used: &str) -> Option<String> {
    match floor(used) {
        Some(below) if below < on => None,
        Some(other) => {
            let way = if other == on { "sideways" } else { "upwards" };
            Some(format!(
                "{name} (floor {on}) uses {used} (floor {other}): {way}; a noun is missing on a floor below"
            ))
        }
        None => Some(format!("{name} (floor {on}) uses {used}, which has no floor")),
    }
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(of, _)| *of == name).map(|(_, floor)| *floor)
}

// === impl Crate ===

impl Crate {
    fn of(package: &Value) -> Option<Self> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let dependencies = package["dependencies"].as_array()?;
        // Ours are those with a path; "kind" is null, "dev" or "build".
        let ours = dependencies.iter().filter(|d| d["path"].is_string() && d["kind"] != "dev");
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            folder: manifest.parent()?.to_owned(),
            uses: ours.filter_map(|d| Some(d["name"].as_str()?.to_owned())).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, uses: &[&str]) -> Crate {
        let uses = uses.iter().map(ToString::to_string).collect();
        Crate { name: name.into(), folder: PathBuf::new(), uses }
    }

    #[test]
    fn down_is_right() {
        assert_eq!(check(&[of("flow", &["model", "dissect"])]), [""; 0]);
    }

    #[test]
    fn up_and_sideways_are_wrong() {
        let wrong = check(&[of("model", &["flow"]), of("export", &["capture"])]);
        assert!(wrong[0].contains("upwards") && wrong[1].contains("sideways"), "{wrong:?}");
    }

    #[test]
    fn a_crate_without_a_floor_is_wrong() {
        assert_eq!(check(&[of("attic", &[])]).len(), 1);
        assert_eq!(check(&[of("flow", &["xtask"])]).len(), 1);
    }

    #[test]
    fn what_only_tests_use_is_not_an_edge() {
        let text = r#"{"name": "a", "manifest_path": "/a/Cargo.toml", "dependencies": [
            {"name": "b", "path": "/b", "kind": "dev"}, {"name": "c", "path": "/c", "kind": null},
            {"name": "d", "path": "/d", "kind": "build"}, {"name": "e", "kind": null}]}"#;
        let of = Crate::of(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(of.uses, ["c", "d"]);
    }
}
