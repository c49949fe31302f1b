//! `callscope identity`, and the directory that `--identity` makes.

mod explain;
pub mod live;
mod record;

use std::{net::IpAddr, path::PathBuf};

use anyhow::{Context, Result};
use cluster::Item;
use identity::{Book, Change, Directory, Event, Limits, Names, Troubles};
use model::Timestamp;

use crate::args::{IdentityArgs, IdentityCommand};

/// A directory made of files.
pub struct Loaded {
    /// Who had which address when.
    pub directory: Directory,
    /// The latest moment that the files speak of.
    pub latest: Timestamp,
    /// What was wrong with the files, in a line each.
    pub warnings: Vec<String>,
}

/// Does what is asked.
///
/// # Errors
/// When a file can't be read or the output can't be written.
pub fn run(args: &IdentityArgs) -> Result<()> {
    match &args.command {
        IdentityCommand::Explain(args) => explain::run(args),
        IdentityCommand::Record(args) if args.files.is_empty() => live::run(args),
        IdentityCommand::Record(args) => record::run(args),
    }
}

/// Puts together what files say.
///
/// # Errors
/// When one of them says nothing at all.
pub fn load(files: &[PathBuf]) -> Result<Loaded> {
    let mut book = Book::new(Limits::default());
    let (mut latest, mut warnings, mut names) = (Timestamp(0), Vec::new(), Vec::new());
    for path in files {
        let mut troubles = Troubles::default();
        cluster::read(path, &mut troubles, &mut |item| match item {
            Item::Event(event, _) => {
                latest = latest.max(latest_of(&event));
                book.apply(&event);
            }
            Item::Names(rules) => names.extend(rules),
        })
        .with_context(|| format!("can't use {} as --identity", path.display()))?;
        warnings.extend(words(&troubles).map(|line| format!("{}: {line}", path.display())));
    }
    book.name(Names::new(names));
    warnings.extend(limits(&book));
    Ok(Loaded { directory: book.directory(), latest, warnings })
}

/// What was wrong, in a line each.
pub fn words(troubles: &Troubles) -> impl Iterator<Item = String> {
    troubles.iter().map(|(what, trouble)| {
        let mut samples = trouble.samples.clone();
        samples.dedup();
        let shown: Vec<_> = samples.iter().filter(|s| !s.is_empty()).map(|s| clean(s)).collect();
        let more = if trouble.count > trouble.samples.len() as u64 { ", …" } else { "" };
        match shown.is_empty() {
            true => format!("{} {what}", trouble.count),
            false => format!("{} {what} ({}{more})", trouble.count, shown.join("; ")),
        }
    })
}

/// What is in files is not for the terminal to act on.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn limits(book: &Book) -> impl Iterator<Item = String> {
    let counts = book.counts();
    let lines = [
        (counts.refused, "objects of --identity were left out: no room"),
        (counts.forgotten_early, "objects of --identity that ended were forgotten: no room"),
        (counts.crowded, "holders of one address were forgotten: it has too many"),
    ];
    lines.into_iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}"))
}

fn latest_of(event: &Event) -> Timestamp {
    let changed = match &event.change {
        Change::Applied(object) | Change::Deleted(object) => object.meta.changed,
        Change::Listed { .. } => Timestamp(0),
    };
    event.at.unwrap_or(changed)
}

// === words of the command line ===

/// An address, with or without a port.
///
/// # Errors
/// In words, for the command line.
pub fn end(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(end) = text.parse::<std::net::SocketAddr>() {
        return Ok((end.ip().to_canonical(), Some(end.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip: IpAddr = bare
        .parse()
        .map_err(|_| "an address: 10.1.0.9, 10.1.0.9:8080, fd00::7, [fd00::7]:8080".to_owned())?;
    Ok((ip.to_canonical(), None))
}

/// A moment.
///
/// # Errors
/// In words, for the command line.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    identity::moment(text).ok_or_else(|| "a time looks like 2026-01-29T11:08:21Z".to_owned())
}

/// A kind that owns workloads.
///
/// # Errors
/// In words, for the command line.
pub fn owner(text: &str) -> Result<cluster::Resource, String> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [group, version, plural, kind] if !text.contains("//") => {
            Ok(cluster::Resource::owner(&format!("{group}/{version}"), plural, kind))
        }
        _ => Err("a kind looks like argoproj.io/v1alpha1/rollouts/Rollout".to_owned()),
    }
}
