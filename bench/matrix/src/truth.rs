//! What is known of a stream, from others than callscope.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

use model::{Endpoint, Transport};
use serde_json::Value;

use crate::{
    Result,
    names::{Named, WIRE},
    rewrite::Stream,
};

/// What a stream speaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Speaks {
    /// One of these; where there are several, one after the other.
    Ours(BTreeSet<&'static str>),
    /// Something that callscope has no dissector for, or nothing that anybody knows.
    Other,
    /// Nobody says but callscope itself, on the real ports.
    OwnWord(BTreeSet<&'static str>),
}

/// What is known of the streams of one recording.
pub struct Truth {
    streams: HashMap<Stream, BTreeSet<String>>,
    /// What the recording was made to hold; its streams may speak any of it.
    made_of: BTreeSet<&'static str>,
}

/// What was looked at by hand: `recording TAB transport end end TAB protocols TAB why`. `-` for a protocol that
/// callscope has no dissector for; a `?` behind one that only the port tells from others.
pub struct Corrections(BTreeMap<String, Correction>);

/// One line of it.
#[derive(Clone, Debug)]
pub struct Correction {
    pub speaks: Speaks,
    /// Without its port nobody can know what it is.
    pub by_port: bool,
}

// === impl Truth ===

impl Truth {
    /// Reads a list of calls as `../shared/captures/EXPECTED` has them.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn expected(path: &Path) -> Result<Self> {
        let file: Value = serde_json::from_slice(&fs::read(path)?)?;
        let mut streams: HashMap<Stream, BTreeSet<String>> = HashMap::new();
        let mut numbered: HashMap<String, Stream> = HashMap::new();
        let list = |name: &str| file[name].as_array().cloned().unwrap_or_default();
        for call in list("calls").iter().chain(&list("tls")) {
            let one = ends(call, "client").or_else(|| ends(call, "src"));
            let other = ends(call, "server").or_else(|| ends(call, "dst"));
            let (Some(one), Some(other)) = (one, other) else { continue };
            let number = call["stream"].as_str().or_else(|| call["st"].as_str());
            let udp = number.is_some_and(|number| number.starts_with("udp"));
            let transport = if udp { Transport::Udp } else { Transport::Tcp };
            let stream = Stream::new(transport, one, other);
            // The handshake in datagrams is that of QUIC or DTLS.
            let name = match call["proto"].as_str().unwrap_or_default() {
                "tls" if udp => "quic",
                name => name,
            };
            streams.entry(stream).or_default().insert(name.to_owned());
            numbered.extend(number.map(|number| (number.to_owned(), stream)));
        }
        for said in list("websocket") {
            let stream = said["st"].as_str().and_then(|number| numbered.get(number));
            if let Some(stream) = stream {
                streams.entry(*stream).or_default().insert("websocket".into());
            }
        }
        Ok(Self { streams, made_of: BTreeSet::new() })
    }

    /// Our own recordings are made by scripts that say what they hold.
    pub fn of_own(name: &str) -> Self {
        let stem = name.trim_start_matches("fixtures/").split(['.', '-']).next();
        let made_of: &[&'static str] = match stem.unwrap_or_default() {
            "shop" => &["http", "dns", "redis"],
            "tls" => &["tls"],
            // The upgrade from HTTP/1.1 is in it.
            "http2" | "grpc" | "tonic" | "tunnels" => &["http2", "http"],
            "amqp1" => &["amqp"],
            "browser" => &["tls"],
            "http1" => &["http"],
            stem => WIRE
                .as_slice()
                .iter()
                .find(|known| **known == stem)
                .map_or(&[], |known| std::slice::from_ref(known)),
        };
        Self { streams: HashMap::new(), made_of: made_of.iter().copied().collect() }
    }

    /// What `stream` speaks; `named` is what callscope calls it on its real ports.
    pub fn of(&self, stream: Stream, named: Option<&BTreeSet<&'static str>>) -> Speaks {
        if !self.made_of.is_empty() {
            let one = |named: &BTreeSet<_>| self.made_of.intersection(named).copied().collect();
            let one = named.map(one).filter(|one: &BTreeSet<_>| !one.is_empty());
            return Speaks::Ours(one.unwrap_or_else(|| self.made_of.clone()));
        }
        let told = self.streams.get(&stream);
        let ours: BTreeSet<_> = told.into_iter().flatten().flat_map(|name| wire(name)).collect();
        match (told, named) {
            (Some(_), _) if !ours.is_empty() => Speaks::Ours(ours),
            (None, Some(named)) => Speaks::OwnWord(named.clone()),
            _ => Speaks::Other,
        }
    }
}

// === impl Speaks ===

impl Speaks {
    /// Whether it may be called that.
    pub fn allows(&self, named: &Named) -> bool {
        match self {
            Self::Ours(names) | Self::OwnWord(names) => named.names.is_subset(names),
            Self::Other => named.names.is_empty(),
        }
    }
}

/// The names of ours for a name of theirs.
fn wire(name: &str) -> Vec<&'static str> {
    let known = match name {
        "grpc" => "http2",
        "mdns" | "llmnr" => "dns",
        "cldap" => "ldap",
        name => name,
    };
    WIRE.into_iter().filter(|wire| *wire == known).collect()
}

fn ends(call: &Value, side: &str) -> Option<Endpoint> {
    let (ip, port) = call[side].as_str()?.rsplit_once(':')?;
    Some(Endpoint { ip: ip.parse().ok()?, port: port.parse().ok()? })
}

// === impl Corrections ===

impl Corrections {
    /// Reads them.
    ///
    /// # Errors
    /// When the file can't be read, or a line says nothing.
    pub fn read(path: &Path) -> Result<Self> {
        let mut all = BTreeMap::new();
        for line in fs::read_to_string(path)?.lines().filter(|line| !line.starts_with('#')) {
            let [name, ends, protocols, _] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(format!("corrections: {line}").into());
            };
            let by_port = protocols.ends_with('?');
            let protocols = protocols.trim_end_matches('?');
            let ours: BTreeSet<_> = protocols.split(' ').flat_map(wire).collect();
            let speaks = if ours.is_empty() { Speaks::Other } else { Speaks::Ours(ours) };
            all.insert(format!("{name}\t{ends}"), Correction { speaks, by_port });
        }
        Ok(Self(all))
    }

    /// What was found out of a stream; `*` for its ends stands for every stream of the recording.
    pub fn of(&self, name: &str, stream: Stream) -> Option<Correction> {
        let ends = stream.text();
        let one = |ends: &str| self.0.get(&format!("{name}\t{ends}")).cloned();
        one(&ends).or_else(|| one("*"))
    }
}
