//! What callscope calls the streams of a file: its own output, read again.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    process::Command,
};

use model::{Endpoint, Transport};
use serde_json::Value;

use crate::{Result, rewrite::Stream};

/// Protocols that are known by their own framing; everything else is told of calls of HTTP.
pub const WIRE: [&str; 31] = [
    "http",
    "http2",
    "websocket",
    "tls",
    "dns",
    "redis",
    "postgresql",
    "mysql",
    "mongodb",
    "cassandra",
    "memcached",
    "kafka",
    "amqp",
    "mqtt",
    "nats",
    "jsonrpc",
    "quic",
    "ldap",
    "smtp",
    "ftp",
    "sip",
    "ntp",
    "dhcp",
    "snmp",
    "radius",
    "diameter",
    "zookeeper",
    "thrift",
    "dubbo",
    "rocketmq",
    "pulsar",
];

/// What a stream was called.
#[derive(Debug, Default)]
pub struct Named {
    /// By the names of [`WIRE`].
    pub names: BTreeSet<&'static str>,
    /// Frames with which messages begin.
    pub begins: Vec<u64>,
}

/// Runs the program on a file; what it calls each stream.
///
/// # Errors
/// When it can't be run, breaks down, or writes what is no JSON.
pub fn named(program: &Path, file: &Path) -> Result<HashMap<Stream, Named>> {
    let output = Command::new(program)
        .args(["read", "--format", "ndjson", "--threads", "1", "--conn"])
        .arg(file)
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_none_or(|code| code > 1) || said.contains("panicked") {
        return Err(format!("callscope broke down: {}: {said}", output.status).into());
    }
    let mut streams: HashMap<Stream, Named> = HashMap::new();
    let mut silent = Vec::new();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let call: Value = serde_json::from_slice(line)?;
        // What was found inside another stream is not what that one speaks.
        if call["id"].as_str().is_some_and(|id| id.contains('.')) {
            continue;
        }
        let (Some(src), Some(dst)) = (end(&call["src"]), end(&call["dst"])) else { continue };
        let udp = call["transport"] == "udp";
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        let stream = Stream::new(transport, src, dst);
        if call["protocol"] == "conn" {
            silent.extend(spoken(&call).map(|name| (stream, name)));
            continue;
        }
        let named = streams.entry(stream).or_default();
        named.names.insert(wire(&call));
        for half in ["request", "response"] {
            named.begins.extend(call[half]["frames"][0].as_u64());
        }
    }
    // A stream can be known where none of its messages is told: the rest of an answer, a farewell.
    for (stream, name) in silent {
        streams.entry(stream).or_insert_with(|| Named { names: [name].into(), begins: Vec::new() });
    }
    Ok(streams)
}

fn end(value: &Value) -> Option<Endpoint> {
    let ip = value["ip"].as_str()?.parse().ok()?;
    Some(Endpoint { ip, port: u16::try_from(value["port"].as_u64()?).ok()? })
}

/// What a connection was known to speak, if it is one of [`WIRE`]. Which HTTP it is, messages say alone.
fn spoken(conn: &Value) -> Option<&'static str> {
    let name = conn["request"]["fields"]["conn.protocol"].as_str()?;
    WIRE.into_iter().find(|known| *known == name && name != "http")
}

/// The protocol whose framing it is.
fn wire(call: &Value) -> &'static str {
    let name = call["protocol"].as_str().unwrap_or_default();
    match WIRE.into_iter().find(|known| *known == name) {
        Some("jsonrpc") if is_in_http(call) => version(call),
        Some(known) if known != "http" => known,
        _ => version(call),
    }
}

fn is_in_http(call: &Value) -> bool {
    let fields = ["request", "response"].map(|half| call[half]["fields"].as_object());
    fields.into_iter().flatten().any(|fields| fields.keys().any(|key| key.starts_with("http.")))
}

fn version(call: &Value) -> &'static str {
    let version = call["version"].as_str().unwrap_or_default();
    if version.starts_with('2') { "http2" } else { "http" }
}
