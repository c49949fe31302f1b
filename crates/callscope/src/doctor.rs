//! `callscope doctor`: what this machine allows, or a cluster, section by section.

mod cluster;
mod tls;

use std::{fmt::Write as _, io::Write as _};

use anyhow::Result;
use plaintext::Survey;
use process::doctor::{Finding, examine};
use serde_json::json;

use crate::args::DoctorArgs;

/// Findings about one thing.
struct Section {
    /// In one word.
    name: &'static str,
    /// What was found.
    findings: Vec<Finding>,
}

/// Prints what was found.
///
/// # Errors
/// When standard output can't be written.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let text = match (args.tls, args.json) {
        (true, true) => tls::as_json(&Survey::take()),
        (true, false) => tls::as_text(&Survey::take()),
        (false, true) => as_json(&sections(args)?),
        (false, false) => as_text(&sections(args)?),
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// All there are, in the order in which they are shown.
fn sections(args: &DoctorArgs) -> Result<Vec<Section>> {
    if args.cluster {
        return cluster::sections(args);
    }
    Ok(vec![
        Section { name: "sources", findings: examine() },
        Section { name: "packets", findings: vec![filters()] },
    ])
}

/// Whether capture filters can be compiled.
fn filters() -> Finding {
    let name = "filters".to_owned();
    match capture::live::can_filter() {
        Ok(()) => Finding {
            name,
            works: true,
            says: "libpcap compiles capture filters".to_owned(),
            costs: None,
            remedy: None,
        },
        Err(error) => Finding {
            name,
            works: false,
            says: error.to_string(),
            costs: Some("callscope tap --filter; without one, everything is captured"),
            remedy: Some("apt install libpcap0.8, or what your system calls it".to_owned()),
        },
    }
}

fn as_text(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", section.name);
        for finding in &section.findings {
            let mark = if finding.works { "yes" } else { "NO " };
            let _ = writeln!(text, "  {mark}  {}: {}", finding.name, finding.says);
            if let Some(costs) = finding.costs {
                let _ = writeln!(text, "       lost: {costs}");
            }
            if let Some(remedy) = &finding.remedy {
                let _ = writeln!(text, "       to do: {remedy}");
            }
        }
    }
    text
}

fn as_json(sections: &[Section]) -> String {
    let of = |finding: &Finding| {
        let mut object = json!({
            "name": finding.name,
            "works": finding.works,
            "says": finding.says,
        });
        if let (Some(costs), Some(remedy)) = (finding.costs, &finding.remedy) {
            object["costs"] = json!(costs);
            object["remedy"] = json!(remedy);
        }
        object
    };
    let sections: Vec<_> = sections
        .iter()
        .map(|section| {
            let findings: Vec<_> = section.findings.iter().map(of).collect();
            json!({ "name": section.name, "findings": findings })
        })
        .collect();
    format!("{}\n", json!({ "sections": sections }))
}
