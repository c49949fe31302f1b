//! What is written down beside the packets: sources, warnings, secrets.

use std::collections::HashMap;

use model::Source;
use packet::LinkType;

use crate::{Damage, Problem, Warning};

/// TLS and other secrets kept for all files together.
const SECRET_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Blocks of secrets kept, so that a million empty ones don't fill memory either.
const SECRETS_MAX: usize = 65_536;

/// Interfaces of one file, over all its sections.
const INTERFACES_MAX: usize = 65_536;

/// Sources, warnings and secrets of all inputs, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sources: Vec<Source>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) secrets: Vec<(u32, Vec<u8>)>,
    known: HashMap<(u32, Interface), u32>,
    per_file: HashMap<u32, usize>,
    secret_bytes: usize,
    secrets_dropped: bool,
}

/// Which file it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `file` or `stdin`.
    pub(crate) kind: &'static str,
    /// The name as given.
    pub(crate) name: String,
    /// Its number among the inputs.
    pub(crate) index: u32,
}

/// What tells interfaces of one file apart: the same one in a later section is the same source.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Interface {
    /// Its number in its section.
    pub(crate) number: u32,
    /// Its link type.
    pub(crate) link: LinkType,
    /// Its name, where the capture says it.
    pub(crate) name: Option<String>,
}

/// A point to which a ledger can be taken back.
pub(crate) struct Mark {
    warnings: usize,
    secrets: usize,
    secret_bytes: usize,
    secrets_dropped: bool,
}

// === impl Ledger ===

impl Ledger {
    /// The number of the source that `interface` of `place` is; a new one if it was not met before.
    pub(crate) fn source(&mut self, place: &Place, interface: Interface) -> Result<u32, Damage> {
        let key = (place.index, interface);
        if let Some(&source) = self.known.get(&key) {
            return Ok(source);
        }
        let count = self.per_file.entry(place.index).or_default();
        if *count >= INTERFACES_MAX {
            return Err(Damage::TooManyInterfaces { max: INTERFACES_MAX });
        }
        *count += 1;
        let source = self.sources.len() as u32;
        self.sources.push(Source {
            kind: place.kind,
            name: place.name.clone(),
            interface: key.1.name.clone(),
        });
        self.known.insert(key, source);
        Ok(source)
    }

    /// Writes a warning down.
    pub(crate) fn warn(&mut self, place: &Place, offset: u64, problem: Problem) {
        self.warnings.push(Warning { file: place.name.clone(), offset, problem });
    }

    /// Keeps a secret, unless there are too many already.
    pub(crate) fn secret(&mut self, place: &Place, offset: u64, kind: u32, secret: &[u8]) {
        let bytes = self.secret_bytes.saturating_add(secret.len());
        if bytes > SECRET_BYTES_MAX || self.secrets.len() >= SECRETS_MAX {
            return self.secret_dropped(place, offset);
        }
        self.secret_bytes = bytes;
        self.secrets.push((kind, secret.to_vec()));
    }

    /// Says, once, that a secret was not kept.
    pub(crate) fn secret_dropped(&mut self, place: &Place, offset: u64) {
        if !self.secrets_dropped {
            self.secrets_dropped = true;
            self.warn(place, offset, Problem::SecretsDropped { max: SECRET_BYTES_MAX });
        }
    }

    /// Remembers where it is, for a file that is only peeked at and read again later.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            warnings: self.warnings.len(),
            secrets: self.secrets.len(),
            secret_bytes: self.secret_bytes,
            secrets_dropped: self.secrets_dropped,
        }
    }

    /// Forgets warnings and secrets since `mark`; sources stay, they are found again.
    pub(crate) fn rewind(&mut self, mark: &Mark) {
        self.warnings.truncate(mark.warnings);
        self.secrets.truncate(mark.secrets);
        self.secret_bytes = mark.secret_bytes;
        self.secrets_dropped = mark.secrets_dropped;
    }
}
