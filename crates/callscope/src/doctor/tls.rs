//! `callscope doctor --tls`: who speaks TLS, and whether it can be read.

use std::fmt::Write as _;

use plaintext::{Row, Survey};
use serde_json::json;

/// As a table.
pub(super) fn as_text(survey: &Survey) -> String {
    let library = |row: &Row| match &row.version {
        Some(version) => format!("{} {version}", row.library),
        None => row.library.to_owned(),
    };
    let width = survey.rows.iter().map(|row| library(row).len()).max().unwrap_or_default().max(7);
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(text, "    PID  PROCESS          {:width$}  TAPPED  FILE", "LIBRARY");
    for row in &survey.rows {
        let mark = if row.why_not.is_none() { "yes" } else { "NO" };
        let (pid, name, path) = (row.pid, &row.name, row.path.display());
        let _ = writeln!(text, "{pid:>7}  {name:<15}  {:width$}  {mark:<6}  {path}", library(row));
        if let Some(why) = row.why_not {
            let _ = writeln!(text, "         why: {why}");
        }
    }
    if survey.rows.is_empty() {
        let _ = writeln!(text, "nobody speaks TLS through a library that is known");
    }
    if survey.hidden > 0 {
        let _ = writeln!(
            text,
            "{} processes may not be looked into: run as root, or with CAP_SYS_PTRACE",
            survey.hidden
        );
    }
    text
}

/// As JSON.
pub(super) fn as_json(survey: &Survey) -> String {
    let of = |row: &Row| {
        let mut object = json!({
            "pid": row.pid,
            "name": row.name,
            "library": row.library,
            "version": row.version,
            "path": row.path.to_string_lossy(),
            "tapped": row.why_not.is_none(),
        });
        if let Some(why) = row.why_not {
            object["why_not"] = json!(why);
        }
        object
    };
    let rows: Vec<_> = survey.rows.iter().map(of).collect();
    format!("{}\n", json!({ "processes": rows, "hidden": survey.hidden }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_its_row() {
        let row = |pid, why_not| Row {
            pid,
            name: "shop".to_owned(),
            library: "OpenSSL",
            version: Some("3.0.17".to_owned()),
            path: "/usr/lib/libssl.so.3".into(),
            why_not,
        };
        let survey = Survey { rows: vec![row(7, None), row(8, Some("so it is"))], hidden: 2 };
        let expected = "    PID  PROCESS          LIBRARY         TAPPED  FILE\n\
                              7  shop             OpenSSL 3.0.17  yes     /usr/lib/libssl.so.3\n\
                              8  shop             OpenSSL 3.0.17  NO      /usr/lib/libssl.so.3\n         \
                        why: so it is\n2 processes may not be looked into: run as root, or with \
                        CAP_SYS_PTRACE\n";
        let trimmed = |text: &str| text.lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&as_text(&survey)), trimmed(expected));
        let told: serde_json::Value = serde_json::from_str(&as_json(&survey)).expect("JSON");
        assert_eq!(told["processes"][0]["tapped"], true);
        assert_eq!(told["processes"][1]["why_not"], "so it is");
    }
}
