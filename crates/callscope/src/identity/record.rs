//! `callscope identity record`: what files say about addresses, as a log.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use anyhow::{Context, Result};
use cluster::{Item, Origin};
use identity::{Event, Troubles};

use crate::args::RecordArgs;

/// Writes the log.
///
/// # Errors
/// When a file can't be read or the log can't be written.
pub fn run(args: &RecordArgs) -> Result<()> {
    let mut out = output(args)?;
    for path in &args.files {
        let mut troubles = Troubles::default();
        let mut failure = None;
        cluster::read(path, &mut troubles, &mut |item| match item {
            Item::Event(event, origin) if failure.is_none() => {
                failure = write(&mut out, &event, origin).err();
            }
            Item::Event(..) | Item::Names(_) => {}
        })
        .with_context(|| format!("can't read {}", path.display()))?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        for line in super::words(&troubles) {
            eprintln!("callscope: {}: {line}", path.display());
        }
    }
    Ok(out.flush()?)
}

/// Where the log goes.
///
/// # Errors
/// When the file can't be made.
pub fn output(args: &RecordArgs) -> Result<BufWriter<Box<dyn Write>>> {
    let out: Box<dyn Write> = match &args.output {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(
            File::create(path).with_context(|| format!("can't write to {}", path.display()))?,
        ),
    };
    Ok(BufWriter::new(out))
}

/// One line.
fn write(out: &mut dyn Write, event: &Event, origin: Origin<'_>) -> io::Result<()> {
    let Some(object) = slim(origin) else { return Ok(()) };
    out.write_all(b"{")?;
    if event.at.is_some() {
        write!(out, "\"at\":{},", serde_json::Value::from(origin.at))?;
    }
    if event.scope != 0 {
        write!(out, "\"scope\":{},", event.scope)?;
    }
    write!(out, "\"type\":\"{}\",", origin.what)?;
    if origin.what == "LISTED" {
        write!(out, "\"kind\":{},", serde_json::Value::from(origin.kind))?;
        // Without it, all others of the kind would be gone.
        if let Some(namespace) = origin.namespace {
            write!(out, "\"namespace\":{},", serde_json::Value::from(namespace))?;
        }
        writeln!(out, "\"objects\":{object}}}")
    } else {
        writeln!(out, "\"object\":{object}}}")
    }
}

fn slim(origin: Origin<'_>) -> Option<String> {
    if origin.what != "LISTED" {
        return identity::slim(origin.json, origin.kind);
    }
    let all: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(origin.json).ok()?;
    let slim = all.iter().filter_map(|one| identity::slim(one.get(), origin.kind));
    Some(format!("[{}]", slim.collect::<Vec<_>>().join(",")))
}
