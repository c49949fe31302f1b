//! What the arguments say of secrets: rules, and the key of the fingerprints.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use mask::{KEY_BYTES, Mask, Rules};

/// Bytes of a file that holds a key: hexadecimal, and perhaps a line feed.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// What is masked beside what always is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MaskArgs {
    /// Mask what follows these names, too: fields of documents, parameters, headers. Case, - and _
    /// don't matter.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub mask_name: Vec<String>,
    /// Leave alone what follows these names, although they sound like secrets.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub mask_keep: Vec<String>,
    /// Mask what looks like this: a regular expression, of which the first group is masked, or all of
    /// it. May be given several times.
    #[arg(long, value_name = "REGEX")]
    pub mask_pattern: Vec<String>,
    /// Make fingerprints with the key in this file, 64 hexadecimal digits; it is made if it is not
    /// there. Without, each store has a key of its own (mask.key in its folder), and a program without
    /// a store a new one each time.
    #[arg(long, value_name = "FILE")]
    pub mask_key: Option<PathBuf>,
}

// === impl MaskArgs ===

impl MaskArgs {
    /// Whether anything was said.
    pub fn is_given(&self) -> bool {
        !(self.mask_name.is_empty() && self.mask_keep.is_empty() && self.mask_pattern.is_empty())
            || self.mask_key.is_some()
    }

    /// By these rules, with the key that was named, or that of the store in this folder, or a new one.
    ///
    /// # Errors
    /// When a pattern is none, or the key can't be read or made.
    pub fn mask(&self, store: Option<&Path>) -> Result<Arc<Mask>> {
        let rules = Rules {
            names: self.mask_name.clone(),
            keep: self.mask_keep.clone(),
            patterns: self.mask_pattern.clone(),
        };
        let file = self.mask_key.clone().or_else(|| store.map(|store| store.join("mask.key")));
        let key = match file {
            Some(path) => key_of(&path).with_context(|| format!("the key {}", path.display()))?,
            None => new_key()?,
        };
        Ok(Arc::new(Mask::new(&rules, &key).context("--mask-pattern")?))
    }
}

fn new_key() -> Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| anyhow!("no randomness for a key: {error}"))?;
    Ok(key)
}

/// The key in this file, which is made if it is not there, for its owner alone.
fn key_of(path: &Path) -> Result<[u8; KEY_BYTES]> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(mut file) => {
            let key = new_key()?;
            let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(format!("{digits}\n").as_bytes())?;
            file.sync_all()?;
            return Ok(key);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    if fs::metadata(path)?.len() > KEY_FILE_BYTES_MAX {
        bail!("it is too long");
    }
    let text = fs::read_to_string(path)?;
    let digits = text.trim();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(key) if digits.len() == 2 * KEY_BYTES => Ok(key),
        _ => bail!("it is not {} hexadecimal digits", 2 * KEY_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let args = MaskArgs::default();
        let one = args.mask(Some(folder.path())).unwrap();
        let again = args.mask(Some(folder.path())).unwrap();
        assert_eq!(one.fingerprint("x"), again.fingerprint("x"));
        let path = folder.path().join("mask.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(one.fingerprint("x"), args.mask(None).unwrap().fingerprint("x"));
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(300)] {
            fs::write(&path, text).unwrap();
            assert!(args.mask(Some(folder.path())).is_err(), "{text}");
        }
    }
}
