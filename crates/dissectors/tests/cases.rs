//! Every case of every protocol on the list, in every way the kit knows.

use std::{fs, path::PathBuf};

fn cases(name: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(name).join("cases");
    let files = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{name} brings no cases"));
    let mut paths: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} brings no cases");
    paths
}

#[test]
fn every_case_holds_whole_cut_lossy_and_late() {
    let only = std::env::var("CASE").unwrap_or_default();
    for dissection in dissectors::ALL {
        for path in cases(dissection.folder) {
            if !path.display().to_string().contains(&only) {
                continue;
            }
            println!("{}", path.display());
            let text = fs::read_to_string(&path).unwrap();
            dissect::kit::check(dissection, &text);
            dissect::kit::check_probe(dissection, &text);
        }
    }
}

/// Whoever writes fields down remembers in 128 bits which of them were told.
#[test]
fn no_table_has_more_fields_than_can_be_remembered() {
    let spoken = dissectors::ALL.iter().map(|dissection| dissection.protocol);
    let seen_through = dissectors::LENSES.iter().flat_map(|lens| lens.protocols).copied();
    for protocol in spoken.chain(seen_through) {
        let fields = protocol.fields.len();
        assert!(fields <= 128, "{} has {fields} fields", protocol.name);
    }
}

#[test]
fn no_two_protocols_share_a_name_or_a_field_twice() {
    let mut folders = std::collections::HashSet::new();
    let mut tables: Vec<&model::Protocol> = Vec::new();
    let spoken = dissectors::ALL.iter().map(|dissection| dissection.protocol);
    let seen_through = dissectors::LENSES.iter().flat_map(|lens| lens.protocols).copied();
    for dissection in dissectors::ALL {
        assert!(folders.insert(dissection.folder), "{} twice", dissection.folder);
    }
    for protocol in spoken.chain(seen_through) {
        if tables.iter().any(|known| std::ptr::eq(*known, protocol)) {
            continue;
        }
        assert!(!tables.contains(&protocol), "two tables are called {}", protocol.name);
        tables.push(protocol);
        let mut fields = std::collections::HashSet::new();
        for field in protocol.fields {
            assert!(fields.insert(field.name), "{}: {} twice", protocol.name, field.name);
            assert!(!field.about.is_empty(), "{} says nothing about itself", field.name);
        }
    }
}
