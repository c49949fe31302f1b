//! Files that say who had which address, recognised by their content.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use identity::{Change, Event, Kind, NameRule, Troubles};
use model::Timestamp;
use serde_json::Value;

use crate::{
    names,
    piece::{self, Piece},
};

/// What a file gives.
#[derive(Clone, Debug)]
pub enum Item<'i> {
    /// Something that happened, and the object as it stood there.
    Event(Box<Event>, Origin<'i>),
    /// What the user calls addresses.
    Names(Vec<NameRule>),
}

/// What an event was made of.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'i> {
    /// `ADDED`, `MODIFIED`, `DELETED`, `LISTED`.
    pub what: &'static str,
    /// When it was noticed, as the file writes it; empty where it doesn't.
    pub at: &'i str,
    /// The object's kind, where the object doesn't say it.
    pub kind: &'i str,
    /// For `LISTED`, the namespace whose objects these are; `None` for those of all.
    pub namespace: Option<&'i str>,
    /// The object as it stood there; for `LISTED`, a list of them.
    pub json: &'i str,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Documents of JSON, each over as many lines as it likes.
    Json,
    /// A document of JSON on every line: a log, a raw watch.
    Lines,
    /// Documents of YAML.
    Yaml,
    /// Names of addresses.
    Names(NamesForm),
}

/// How names of addresses are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NamesForm {
    /// An address and its names on every line, as in `/etc/hosts`.
    Hosts,
    /// `[[name]]` tables.
    Toml,
    /// A list under `names:`.
    Yaml,
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is nothing that says who had which address.
    #[error(
        "neither objects of Kubernetes (JSON, YAML, a log, a watch) nor names of addresses: {0}"
    )]
    Unknown(String),
    /// It is read whole, and longer than that; or a line of it is. In bytes.
    #[error(
        "longer than {0} bytes at once; JSON, or a log with a line for each object, may be of any length"
    )]
    TooLong(u64),
}

/// Bytes by which a file is recognised.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes of an object in a dump: etcd refuses more than 1.5 MB.
const OBJECT_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a file that is read whole: YAML, names.
const WHOLE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a line: a log has all objects of a kind in one where they were listed.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// Reads a file: every item goes to `take`, what was wrong to `troubles`.
///
/// # Errors
/// When nothing of it can be read.
pub fn read(
    path: &Path,
    troubles: &mut Troubles,
    take: &mut dyn FnMut(Item<'_>),
) -> Result<Form, FileError> {
    let mut from = BufReader::with_capacity(HEAD_BYTES, File::open(path)?);
    read_from(&mut from, troubles, take)
}

/// The same, of any reader.
///
/// # Errors
/// When nothing of it can be read.
pub fn read_from(
    from: &mut dyn BufRead,
    troubles: &mut Troubles,
    take: &mut dyn FnMut(Item<'_>),
) -> Result<Form, FileError> {
    let mut head = Vec::new();
    from.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.starts_with("\u{feff}".as_bytes()) {
        head.drain(.."\u{feff}".len());
    }
    let form = recognise(&head);
    let mut all = io::Cursor::new(head).chain(from);
    let mut piece = |piece: &Piece<'_>, troubles: &mut Troubles| {
        if let Some(event) = event(piece, troubles) {
            let what = what(piece.what);
            let Piece { at, kind, namespace, json, .. } = *piece;
            take(Item::Event(Box::new(event), Origin { what, at, kind, namespace, json }));
        }
    };
    match form {
        Form::Json => piece::documents(all, OBJECT_BYTES_MAX, &mut piece, troubles),
        Form::Lines => lines(&mut all, LINE_BYTES_MAX, &mut piece, troubles)?,
        Form::Yaml => yaml(&whole(&mut all, WHOLE_BYTES_MAX)?, &mut piece, troubles)?,
        Form::Names(form) => {
            take(Item::Names(names::read(&whole(&mut all, WHOLE_BYTES_MAX)?, form, troubles)?))
        }
    }
    Ok(form)
}

/// What a file is, by how it begins.
fn recognise(head: &[u8]) -> Form {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    if text.starts_with(['{', '[']) && !text.starts_with("[[") {
        let first = text.lines().next().unwrap_or_default();
        let is_whole = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
        return if is_whole { Form::Lines } else { Form::Json };
    }
    let begins =
        |words: &[&str]| text.lines().any(|line| words.iter().any(|word| line.starts_with(word)));
    if begins(&["apiVersion:", "kind:", "items:", "- apiVersion:"]) {
        Form::Yaml
    } else if begins(&["[[name"]) {
        Form::Names(NamesForm::Toml)
    } else if begins(&["names:"]) {
        Form::Names(NamesForm::Yaml)
    } else {
        Form::Names(NamesForm::Hosts)
    }
}

fn whole(from: &mut dyn Read, bytes_max: u64) -> Result<String, FileError> {
    let mut bytes = Vec::new();
    let len = from.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if len as u64 > bytes_max {
        return Err(FileError::TooLong(bytes_max));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines(
    from: &mut dyn BufRead,
    bytes_max: u64,
    take: &mut piece::Take<'_>,
    troubles: &mut Troubles,
) -> Result<(), FileError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = from.take(bytes_max + 1).read_until(b'\n', &mut line)?;
        if len == 0 {
            return Ok(());
        }
        if len as u64 > bytes_max {
            return Err(FileError::TooLong(bytes_max));
        }
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            piece::line(text.trim(), take, troubles);
        }
    }
}

fn yaml(text: &str, take: &mut piece::Take<'_>, troubles: &mut Troubles) -> Result<(), FileError> {
    let documents = crate::yaml::documents::<Value>(text).map_err(FileError::Unknown)?;
    for document in documents {
        piece::line(&document.to_string(), take, troubles);
    }
    Ok(())
}

// === pieces to events ===

fn what(word: &str) -> &'static str {
    match word {
        "DELETED" => "DELETED",
        "MODIFIED" => "MODIFIED",
        "LISTED" => "LISTED",
        _ => "ADDED",
    }
}

/// The event that a piece tells, if it tells one.
fn event(piece: &Piece<'_>, troubles: &mut Troubles) -> Option<Event> {
    let at = (!piece.at.is_empty()).then(|| moment(piece.at, troubles)).flatten();
    let change = match piece.what {
        "" | "ADDED" | "MODIFIED" => {
            Change::Applied(identity::object(piece.json, piece.kind, troubles)?)
        }
        "DELETED" => Change::Deleted(identity::object(piece.json, piece.kind, troubles)?),
        "LISTED" => listed(piece, troubles)?,
        // It says how far the watch has come.
        "BOOKMARK" => return None,
        "ERROR" => {
            troubles.note("errors that a watch ended with", || message(piece.json));
            return None;
        }
        other => {
            troubles.note("events of unknown types", || other.to_owned());
            return None;
        }
    };
    Some(Event { scope: piece.scope, at, change })
}

fn listed(piece: &Piece<'_>, troubles: &mut Troubles) -> Option<Change> {
    let kind = match piece.kind {
        "Pod" => Kind::Pod,
        "Service" => Kind::Service,
        "EndpointSlice" => Kind::EndpointSlice,
        "Node" => Kind::Node,
        "Namespace" => Kind::Namespace,
        _ => Kind::Owner,
    };
    let Some(elements) = piece::elements(piece.json) else {
        troubles.note("lists that are none", || piece.kind.to_owned());
        return None;
    };
    let objects =
        elements.iter().filter_map(|json| identity::object(json.get(), piece.kind, troubles));
    let objects = objects.collect();
    Some(Change::Listed { kind, namespace: piece.namespace.map(str::to_owned), objects })
}

fn moment(text: &str, troubles: &mut Troubles) -> Option<Timestamp> {
    let moment = identity::moment(text);
    if moment.is_none() {
        troubles.note("times that are none", || text.to_owned());
    }
    moment
}

fn message(json: &str) -> String {
    let status: Value = serde_json::from_str(json).unwrap_or_default();
    status["message"].as_str().unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_said_and_not_cut() {
        assert_eq!(whole(&mut &b"12345678"[..], 8).unwrap(), "12345678");
        assert!(matches!(whole(&mut &b"123456789"[..], 8), Err(FileError::TooLong(8))));
        let read = |text: &[u8]| lines(&mut &*text, 8, &mut |_, _| (), &mut Troubles::default());
        assert!(read(b"{\"a\":1}\n{}").is_ok());
        assert!(matches!(read(b"{}\n{\"ab\":1}\n"), Err(FileError::TooLong(8))));
    }
}
