//! Where files are kept: a bucket of S3 or of Google, a container of Azure, a folder.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    local::LocalFileSystem,
    path::Path,
};

use crate::{
    client::Connector,
    door::Refusal,
    place::{Flaw, decoded, fnv},
};

/// A place for files: `s3://bucket/prefix`.
#[derive(Clone, Eq, PartialEq)]
pub struct Bucket {
    kind: Kind,
    /// The bucket, the container, or the folder.
    name: String,
    /// What the names of files begin with.
    pub(crate) prefix: String,
    /// How it is reached, in the words of the library.
    options: Vec<(String, String)>,
    authority: Option<PathBuf>,
    /// How long calls wait for others.
    pub(crate) every: Duration,
}

/// Who keeps files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    S3,
    Google,
    Azure,
    Folder,
}

const KINDS: [(&str, Kind); 4] = [
    ("s3://", Kind::S3),
    ("gs://", Kind::Google),
    ("az://", Kind::Azure),
    ("file://", Kind::Folder),
];
/// How long calls wait for others if nothing is said: each file costs a request to write, and one to read.
const EVERY: Duration = Duration::from_secs(300);
/// The same in seconds, at least and at most.
const EVERY_S: std::ops::RangeInclusive<u64> = 1..=86_400;

// === impl Bucket ===

impl Bucket {
    /// Whether a text names one, right or wrong.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        KINDS.iter().any(|(scheme, _)| text.starts_with(scheme))
    }

    /// Reads a name. After `?` come `every=SECONDS`, `ca=FILE`, and what the library calls the options of that
    /// storage: `region=`, `endpoint=`, `account_name=`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let flaw = |what: &str| Flaw(what.to_owned());
        let found =
            KINDS.iter().find_map(|(scheme, kind)| Some((*kind, text.strip_prefix(scheme)?)));
        let (kind, rest) = found.ok_or_else(|| flaw("files are kept at s3://bucket/prefix"))?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let place = decoded(place)?;
        let (name, prefix) = match kind {
            Kind::Folder => (place.as_str(), ""),
            _ => place.split_once('/').unwrap_or((&place, "")),
        };
        if kind == Kind::Folder && !name.starts_with('/') {
            return Err(flaw("a folder is named from the root: file:///srv/calls"));
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if kind != Kind::Folder && (name.is_empty() || !name.bytes().all(is_plain)) {
            return Err(Flaw(format!("there is no bucket {name:?}")));
        }
        let prefix = Path::parse(prefix).map_err(|error| Flaw(error.to_string()))?;
        let mut bucket = Self {
            kind,
            name: name.to_owned(),
            prefix: prefix.to_string(),
            options: Vec::new(),
            authority: None,
            every: EVERY,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            bucket.set(option)?;
        }
        Ok(bucket)
    }

    fn set(&mut self, option: &str) -> Result<(), Flaw> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decoded(value)?;
        match name {
            "every" => {
                let seconds = value.trim_end_matches('s').parse().ok();
                let seconds = seconds.filter(|seconds| EVERY_S.contains(seconds));
                let seconds = seconds.ok_or_else(|| Flaw("every is 1 to 86400 seconds".into()))?;
                self.every = Duration::from_secs(seconds);
            }
            "ca" if !value.is_empty() => self.authority = Some(value.into()),
            name if self.knows(name) => self.options.push((name.to_owned(), value)),
            name => return Err(Flaw(format!("there is no option {name:?}"))),
        }
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        match self.kind {
            Kind::S3 => name.parse::<AmazonS3ConfigKey>().is_ok(),
            Kind::Google => name.parse::<GoogleConfigKey>().is_ok(),
            Kind::Azure => name.parse::<AzureConfigKey>().is_ok(),
            Kind::Folder => false,
        }
    }

    /// A name for files that remember something of this place.
    pub(crate) fn mark(&self) -> String {
        let endpoints = self.options.iter().filter(|(name, _)| name.contains("endpoint"));
        let endpoints: Vec<&str> = endpoints.map(|(_, value)| value.as_str()).collect();
        let text = format!("{self} {}", endpoints.join(" "));
        format!("files-{:016x}", fnv(text.as_bytes()))
    }

    /// The way there; nothing is asked yet. Who asks, and with which rights, is in the environment, as the programs
    /// of that storage have it, or in the options.
    pub(crate) fn open(&self) -> Result<Arc<dyn ObjectStore>, Refusal> {
        let fault = |error: object_store::Error| Refusal::Client(told(&error));
        let connector = || Connector::new(self.authority.as_deref()).map_err(Refusal::Client);
        // Whoever sends tries again by himself.
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let options = self.options.iter();
        Ok(match self.kind {
            Kind::S3 => {
                let new = AmazonS3Builder::from_env().with_bucket_name(&self.name);
                let new = new.with_retry(retry).with_http_connector(connector()?);
                let set =
                    |new: AmazonS3Builder, (name, value): &(String, String)| match name.parse() {
                        Ok(key) => new.with_config(key, value),
                        Err(_) => new,
                    };
                Arc::new(options.fold(new, set).build().map_err(fault)?)
            }
            Kind::Google => {
                let new = GoogleCloudStorageBuilder::from_env().with_bucket_name(&self.name);
                let new = new.with_retry(retry).with_http_connector(connector()?);
                let set =
                    |new: GoogleCloudStorageBuilder, (name, value): &(String, String)| match name
                        .parse()
                    {
                        Ok(key) => new.with_config(key, value),
                        Err(_) => new,
                    };
                Arc::new(options.fold(new, set).build().map_err(fault)?)
            }
            Kind::Azure => {
                let new = MicrosoftAzureBuilder::from_env().with_container_name(&self.name);
                let new = new.with_retry(retry).with_http_connector(connector()?);
                let set = |new: MicrosoftAzureBuilder, (name, value): &(String, String)| match name
                    .parse()
                {
                    Ok(key) => new.with_config(key, value),
                    Err(_) => new,
                };
                Arc::new(options.fold(new, set).build().map_err(fault)?)
            }
            Kind::Folder => {
                let client =
                    |error: std::io::Error| Refusal::Client(format!("{}: {error}", self.name));
                std::fs::create_dir_all(&self.name).map_err(client)?;
                Arc::new(LocalFileSystem::new_with_prefix(&self.name).map_err(fault)?)
            }
        })
    }
}

/// A fault in one line.
pub(crate) fn told(error: &object_store::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(500).collect()
}

/// Without options: there may be secrets among them.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = KINDS.iter().find(|(_, kind)| *kind == self.kind);
        let scheme = known.map_or("", |(scheme, _)| scheme);
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{scheme}{}{slash}{}", self.name, self.prefix)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_and_how() {
        let text =
            "s3://calls/prod/eu/?region=eu-1&secret_access_key=hidden&every=60&endpoint=http://a:9";
        let bucket = Bucket::parse(text).unwrap();
        assert_eq!((&*bucket.name, &*bucket.prefix), ("calls", "prod/eu"));
        assert_eq!(bucket.every, Duration::from_secs(60));
        assert_eq!(format!("{bucket} {bucket:?}"), "s3://calls/prod/eu s3://calls/prod/eu");
        assert_eq!(Bucket::parse("az://calls?account_name=x").unwrap().to_string(), "az://calls");
        assert_eq!(Bucket::parse("file:///srv/a%20b").unwrap().to_string(), "file:///srv/a b");
    }

    #[test]
    fn the_same_name_elsewhere_is_another_place() {
        let mark = |text: &str| Bucket::parse(text).unwrap().mark();
        assert_eq!(mark("s3://a/b?region=x"), mark("s3://a/b?region=y&every=9"));
        assert_ne!(mark("s3://a/b?endpoint=http://x"), mark("s3://a/b?endpoint=http://y"));
        assert_ne!(mark("s3://a/b"), mark("gs://a/b"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "s3://",
            "s3:///prefix",
            "s3://a b/c",
            "s3://a/../b",
            "file://calls",
            "file:///calls?region=x",
            "s3://a?colour=red",
            "s3://a?every=0",
            "s3://a?every=often",
        ] {
            assert!(Bucket::parse(text).is_err(), "{text}");
        }
    }
}
