//! Where calls are sent: to an engine, or to where files are kept.

use std::{fmt, str::FromStr};

use crate::{
    bucket::Bucket,
    place::{Flaw, Place},
};

/// What `--sink` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    /// An engine.
    Engine(Place),
    /// Object storage, or a folder.
    Files(Bucket),
}

// === impl Destination ===

impl Destination {
    /// What takes the calls, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Engine(_) => "clickhouse",
            Self::Files(_) => "files",
        }
    }

    /// A name for what remembers how far calls were sent there.
    #[must_use]
    pub fn mark(&self) -> String {
        match self {
            Self::Engine(place) => place.mark(),
            Self::Files(bucket) => bucket.mark(),
        }
    }
}

impl From<Place> for Destination {
    fn from(place: Place) -> Self {
        Self::Engine(place)
    }
}

impl FromStr for Destination {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        if Place::is_meant(text) {
            return Place::parse(text).map(Self::Engine);
        }
        if Bucket::is_meant(text) {
            return Bucket::parse(text).map(Self::Files);
        }
        Err(Flaw(
            "calls are sent to clickhouse://…, s3://bucket/…, gs://bucket/…, az://container/… or file:///…"
                .to_owned(),
        ))
    }
}

/// Without passwords.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(place) => place.fmt(f),
            Self::Files(bucket) => bucket.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_told_by_its_scheme() {
        let kind = |text: &str| text.parse::<Destination>().map(|to| to.kind());
        assert_eq!(kind("clickhouse://a/calls"), Ok("clickhouse"));
        assert_eq!(kind("s3://calls/prod"), Ok("files"));
        assert_eq!(kind("file:///srv/calls"), Ok("files"));
        assert!(kind("http://a").is_err() && kind("calls").is_err());
    }
}
