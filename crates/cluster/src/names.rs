//! Names files: what the user calls addresses.

use identity::{NameRule, Troubles};
use ipnet::IpNet;
use serde::Deserialize;

use crate::file::{FileError, NamesForm};

/// A table of a names file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// An address: `10.0.0.5`.
    ip: Option<String>,
    /// A network: `10.0.0.0/8`.
    cidr: Option<String>,
    port: Option<u16>,
    name: String,
}

/// A names file in TOML or YAML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    #[serde(alias = "names", default)]
    name: Vec<Rule>,
}

/// The rules of a names file, in its order.
///
/// # Errors
/// When it can't be read at all.
pub(crate) fn read(
    text: &str,
    form: NamesForm,
    troubles: &mut Troubles,
) -> Result<Vec<NameRule>, FileError> {
    let rules = match form {
        NamesForm::Hosts => return hosts(text, troubles),
        NamesForm::Toml => {
            toml::from_str::<Rules>(text).map_err(|error| FileError::Unknown(error.to_string()))?
        }
        NamesForm::Yaml => {
            let mut all = crate::yaml::documents::<Rules>(text).map_err(FileError::Unknown)?;
            all.pop().unwrap_or(Rules { name: Vec::new() })
        }
    };
    Ok(rules.name.into_iter().filter_map(|rule| rule.parse(troubles)).collect())
}

/// `ADDRESS NAME…`, `ADDRESS:PORT NAME…`, `NETWORK NAME…`; `#` begins a comment (hosts(5)).
fn hosts(text: &str, troubles: &mut Troubles) -> Result<Vec<NameRule>, FileError> {
    let mut rules = Vec::new();
    let mut wrong = None;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(place) = words.next() else { continue };
        match (place_of(place), words.next()) {
            // The first name is the canonical one.
            (Some((net, port)), Some(name)) => {
                rules.push(NameRule { net, port, name: name.to_owned() });
            }
            _ => {
                wrong.get_or_insert_with(|| line.trim().to_owned());
                troubles.note("lines that name no address", || line.trim().to_owned());
            }
        }
    }
    match wrong {
        Some(line) if rules.is_empty() => Err(FileError::Unknown(line.chars().take(80).collect())),
        _ => Ok(rules),
    }
}

/// An address, an address with a port, or a network.
fn place_of(text: &str) -> Option<(IpNet, Option<u16>)> {
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return Some((ip.to_canonical().into(), None));
    }
    if let Ok(end) = text.parse::<std::net::SocketAddr>() {
        return Some((end.ip().to_canonical().into(), Some(end.port())));
    }
    text.parse::<IpNet>().ok().map(|net| (net.trunc(), None))
}

// === impl Rule ===

impl Rule {
    fn parse(self, troubles: &mut Troubles) -> Option<NameRule> {
        let place = self.ip.as_deref().or(self.cidr.as_deref()).and_then(place_of);
        let Some((net, port)) = place else {
            troubles.note("names of no address", || self.name.clone());
            return None;
        };
        Some(NameRule { net, port: self.port.or(port), name: self.name })
    }
}
