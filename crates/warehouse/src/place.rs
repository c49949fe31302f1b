//! Where an engine is: `clickhouse://user:password@host:8123/database?cluster=name`.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;

/// An engine, its database, and how it is to be used.
#[derive(Clone, Eq, PartialEq)]
pub struct Place {
    /// `host:port` of each server; any of them answers.
    pub(crate) hosts: Vec<String>,
    pub(crate) is_encrypted: bool,
    /// Certificates of the authority that vouches for the servers; those of the system if there is none.
    pub(crate) authority: Option<PathBuf>,
    pub(crate) user: String,
    password: String,
    pub(crate) database: String,
    /// The cluster that calls are spread over.
    pub(crate) cluster: Option<String>,
    /// How many days calls are kept; for ever if there is none.
    pub(crate) days: Option<u32>,
    /// Whether tables may be made and changed.
    pub(crate) may_create: bool,
}

/// What is wrong with the name of a place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Flaw(pub(crate) String);

const SCHEME: &str = "clickhouse://";
/// The port of `ClickHouse`'s HTTP interface, and of the encrypted one.
const PORTS: [u16; 2] = [8123, 8443];
/// Servers that are named at most.
const HOSTS_MAX: usize = 64;
/// Days that calls are kept at most: moments are counted in 32 bits of seconds where they end.
const DAYS_MAX: u32 = 3650;

// === impl Place ===

impl Place {
    /// Whether a text names one, right or wrong.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads a name. After `?` come `cluster=NAME`, `keep=DAYS`, `tls=yes`, `ca=FILE`, `create=no`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let flaw = |what: &str| Flaw(what.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| {
            flaw("an engine is named like clickhouse://user:password@host:8123/database")
        })?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (rest, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let mut place = Self {
            hosts: Vec::new(),
            is_encrypted: false,
            authority: None,
            user: decoded(user)?,
            password: decoded(password)?,
            database: decoded(if database.is_empty() { "callscope" } else { database })?,
            cluster: None,
            days: None,
            may_create: true,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            place.set(option)?;
        }
        for host in hosts.split(',') {
            place.hosts.push(place.with_port(host)?);
        }
        if place.hosts.len() > HOSTS_MAX {
            return Err(flaw("too many servers"));
        }
        if place.hosts.len() > 1 && place.cluster.is_none() {
            return Err(flaw("several servers need ?cluster=NAME, as they call it"));
        }
        let is_header = |text: &str| text.bytes().all(|byte| byte >= b' ' && byte != 0x7f);
        if !is_header(&place.user) || !is_header(&place.password) {
            return Err(flaw("no user has such a name or password"));
        }
        Ok(place)
    }

    fn set(&mut self, option: &str) -> Result<(), Flaw> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = decoded(value)?;
        let yes = || match &*value {
            "yes" | "true" | "1" => Ok(true),
            "no" | "false" | "0" => Ok(false),
            _ => Err(Flaw(format!("{name} is yes or no"))),
        };
        match name {
            "cluster" if !value.is_empty() => self.cluster = Some(value),
            "keep" => {
                let days = value.trim_end_matches('d').parse().ok();
                let days = days.filter(|days| (1..=DAYS_MAX).contains(days));
                self.days =
                    Some(days.ok_or_else(|| Flaw(format!("keep is 1 to {DAYS_MAX} days")))?);
            }
            "tls" => self.is_encrypted = yes()?,
            "ca" if !value.is_empty() => {
                self.authority = Some(value.into());
                self.is_encrypted = true;
            }
            "create" => self.may_create = yes()?,
            _ => return Err(Flaw(format!("there is no option {option:?}"))),
        }
        Ok(())
    }

    fn with_port(&self, host: &str) -> Result<String, Flaw> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_plain) {
            return Err(Flaw(format!("there is no host {host:?}")));
        }
        let has_port = match host.rfind(']') {
            Some(end) => host.get(end + 1..).is_some_and(|rest| rest.starts_with(':')),
            None => host.contains(':'),
        };
        let port = PORTS[usize::from(self.is_encrypted)];
        Ok(if has_port { host.to_owned() } else { format!("{host}:{port}") })
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// A name for files that remember something of this place: of letters, digits and `-`, the same for the
    /// same servers and database.
    #[must_use]
    pub fn mark(&self) -> String {
        let text = format!("{}/{}", self.hosts.join(","), self.database);
        format!("clickhouse-{:016x}", fnv(text.as_bytes()))
    }
}

/// FNV-1a: for names, which nobody chooses to collide.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn decoded(text: &str) -> Result<String, Flaw> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| Flaw("not UTF-8".to_owned()))
}

/// Without the password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.hosts.join(","), self.database)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_and_how() {
        let place =
            Place::parse("clickhouse://ann:p%40ss@a,b:9123/calls?cluster=pair&keep=30&tls=yes");
        let place = place.unwrap();
        assert_eq!(place.hosts, ["a:8443", "b:9123"]);
        assert_eq!((&*place.user, place.password(), &*place.database), ("ann", "p@ss", "calls"));
        assert_eq!((place.cluster.as_deref(), place.days), (Some("pair"), Some(30)));
        assert!(place.is_encrypted && place.may_create);
        let short = Place::parse("clickhouse://[::1]").unwrap();
        assert_eq!((&*short.hosts[0], &*short.database), ("[::1]:8123", "callscope"));
    }

    #[test]
    fn a_password_is_not_told() {
        let place = Place::parse("clickhouse://ann:secret@a/calls").unwrap();
        assert!(!format!("{place} {place:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "http://a",
            "clickhouse://",
            "clickhouse://a b",
            "clickhouse://a,b/x",
            "clickhouse://a?keep=0",
            "clickhouse://a?keep=9999",
            "clickhouse://a?tls=perhaps",
            "clickhouse://a?colour=red",
            "clickhouse://a:b%0d%0aX@c",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
