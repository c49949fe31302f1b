//! Packets of a call or a connection, read again from the capture that they came in.

mod connection;
mod layers;

use std::{
    net::IpAddr,
    ops::RangeInclusive,
    path::PathBuf,
    time::{Duration, Instant},
};

use capture::{Batch, Input, Options, Reader};
use model::{Endpoint, FlowKey};
use packet::{Content, Decoder, DecoderLimits, Packet};
use serde_json::Value;

pub use connection::{Connection, Way};
pub use layers::{Layer, layers};

use crate::Fault;

/// Where packets are looked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// The captures.
    pub inputs: Vec<PathBuf>,
    /// The ends of the connection: client, server.
    pub ends: [Endpoint; 2],
    /// Which packets of which file; all of all files if absent.
    pub frames: Option<(String, RangeInclusive<u64>)>,
}

/// A packet that was found.
pub struct Found<'p> {
    /// The packet.
    pub packet: Packet<'p>,
    /// What it carries.
    pub content: Content<'p>,
    /// Whether the client sent it.
    pub from_client: bool,
}

/// How long captures are read for one answer.
const SEARCH_MAX: Duration = Duration::from_secs(20);
/// Packets looked at between two looks at the clock.
const BATCHES_PER_LOOK: usize = 8;

// === impl Place ===

impl Place {
    /// Where the packets of a call are, by what the call says.
    ///
    /// # Errors
    /// When it does not say.
    pub fn of_call(call: &Value, inputs: Vec<PathBuf>) -> Result<Self, Fault> {
        let none = || Fault::missing("this call does not say which packets it came in");
        let halves = [&call["request"]["frames"], &call["response"]["frames"]];
        let frames: Vec<u64> = halves
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_u64)
            .collect();
        let (first, last) = frames.iter().min().zip(frames.iter().max()).ok_or_else(none)?;
        let file = call["source"]["name"].as_str().ok_or_else(none)?;
        let ends = ends(call).ok_or_else(none)?;
        Ok(Self { inputs, ends, frames: Some((file.to_owned(), *first..=*last)) })
    }
}

/// The ends of a call: client, server.
pub fn ends(call: &Value) -> Option<[Endpoint; 2]> {
    let end = |party: &Value| {
        let ip: IpAddr = party["ip"].as_str()?.parse().ok()?;
        Some(Endpoint { ip, port: u16::try_from(party["port"].as_u64()?).ok()? })
    };
    Some([end(&call["src"])?, end(&call["dst"])?])
}

/// Reads captures again, and shows each packet of the connection to `each`, until that says no.
///
/// # Errors
/// When the captures are not there any more, can't be read, or it takes too long.
pub fn search(place: &Place, mut each: impl FnMut(&Found<'_>) -> bool) -> Result<(), Fault> {
    let begun = Instant::now();
    let inputs = inputs(place);
    let mut reader = Reader::open(&inputs, Options::default())
        .map_err(|error| Fault::missing(format!("the capture is not there any more: {error}")))?;
    let mut decoder = Decoder::new(DecoderLimits::default());
    let (mut batch, mut number) = (Batch::new(), 0_usize);
    loop {
        number += 1;
        if number.is_multiple_of(BATCHES_PER_LOOK) && begun.elapsed() > SEARCH_MAX {
            return Err(Fault::busy("the capture is too large to be searched in time"));
        }
        match reader.next(&mut batch) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(Fault::missing(format!("the capture can't be read: {error}"))),
        }
        for packet in batch.packets() {
            if let Some((file, frames)) = &place.frames {
                let source = usize::try_from(packet.source).ok();
                let source = source.and_then(|index| reader.sources().get(index));
                if source.is_none_or(|source| source.name != *file) {
                    continue;
                }
                if packet.frame > *frames.end() {
                    return Ok(());
                }
                if packet.frame < *frames.start() {
                    continue;
                }
            }
            let content = decoder.decode(&packet);
            let Some(from_client) = side(&content, place.ends) else { continue };
            if !each(&Found { packet, content, from_client }) {
                return Ok(());
            }
        }
    }
}

/// Only the file that is meant, where one is.
fn inputs(place: &Place) -> Vec<Input> {
    let named = place.frames.as_ref().map(|(file, _)| PathBuf::from(file));
    let one = named.filter(|file| place.inputs.iter().any(|input| file.starts_with(input)));
    match one {
        Some(file) => vec![Input::Path(file)],
        None => place.inputs.iter().cloned().map(Input::Path).collect(),
    }
}

/// Whether a packet is of the connection, and which end sent it.
fn side(content: &Content<'_>, ends: [Endpoint; 2]) -> Option<bool> {
    let (key, dir) = match content {
        Content::Tcp(segment) => (&segment.key, segment.dir),
        Content::Udp(datagram) => (&datagram.key, datagram.dir),
        Content::Nothing => return None,
    };
    let [client, server] = ends;
    let (from, to) = sent(key, dir);
    // An answer to a multicast question comes from another address.
    let to_client = to == client && (from == server || from.port == server.port && server_is_many(server));
    match (from == client && to == server, to_client) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn server_is_many(server: Endpoint) -> bool {
    server.ip.is_multicast()
}

fn sent(key: &FlowKey, dir: model::Dir) -> (Endpoint, Endpoint) {
    match dir {
        model::Dir::Ab => (key.a, key.b),
        model::Dir::Ba => (key.b, key.a),
    }
}
