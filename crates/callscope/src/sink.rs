//! `--sink`, and `--store` where it names an engine: composition only.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use filter::Columns;
use store::Store;
use warehouse::{Destination, Flaw, Place, Sending, Warehouse};

/// How long an engine that takes nothing is waited for at the end, where calls are kept.
pub const PATIENCE_KEPT: Duration = Duration::from_secs(5);
/// The same where calls that were not sent are lost.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the name of an engine, or of a place for files.
///
/// # Errors
/// When it is none.
pub fn place(text: &str) -> Result<Destination, String> {
    text.parse().map_err(|flaw: Flaw| flaw.to_string())
}

/// The engine that `--store` names, if it names one.
///
/// # Errors
/// When it is meant to name one, and does not.
pub fn engine(store: &Path) -> Result<Option<Place>> {
    let text = store.to_str().filter(|text| Place::is_meant(text));
    text.map(Place::parse).transpose().context("--store")
}

/// Opens an engine, to be asked.
///
/// # Errors
/// When it can't be reached, or has no tables of calls.
pub fn open(place: Place, columns: Arc<Columns>) -> Result<Warehouse> {
    let name = place.to_string();
    Warehouse::open(place, columns).with_context(|| format!("can't ask {name}"))
}

/// Begins to send what a store has, and will have.
///
/// # Errors
/// When the store can't remember what was sent, or certificates can't be read.
pub fn begin(store: &Arc<Store>, place: &Destination) -> Result<Sending> {
    Sending::begin(store, place.clone()).with_context(|| format!("can't send to {place}"))
}

/// Sends what waits. If the engine does not take it: an error where calls are not kept, else a word.
///
/// # Errors
/// When calls are lost.
pub fn end(sending: Sending, is_kept: bool) -> Result<()> {
    let sent = sending.sent();
    sending.end(if is_kept { PATIENCE_KEPT } else { PATIENCE });
    let (waiting, name) = (sent.waiting(), sent.name());
    let why = sent.fault().map(|fault| format!(" ({fault})")).unwrap_or_default();
    let (refused, why_refused) = (sent.refused(), sent.why_refused().unwrap_or_default());
    if refused > 0 && !is_kept {
        bail!(
            "{refused} calls were refused by {name} ({why_refused}): with --store they are put aside there"
        );
    }
    if waiting > 0 && !is_kept {
        bail!(
            "{waiting} calls were not sent to {name}{why}: with --store they wait for the next time"
        );
    }
    if waiting > 0 {
        eprintln!("callscope: {waiting} calls wait in the store to be sent to {name}{why}");
    }
    if refused > 0 {
        eprintln!(
            "callscope: {refused} calls were refused by {name} ({why_refused}) and lie in the store's folder `refused`"
        );
    }
    if sent.lost() > 0 {
        eprintln!("callscope: {} calls left the store before {name} took them", sent.lost());
    }
    Ok(())
}
