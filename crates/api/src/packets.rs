//! Packets of a call or a connection, read again from the capture that they came in.

mod connection;
mod held;
mod layers;

use std::{collections::HashMap, net::IpAddr, ops::RangeInclusive, path::PathBuf};

use capture::{Batch, Input, Options, Reader};
use model::Endpoint;
use packet::{Content, Decoder, DecoderLimits, Packet};
use serde_json::Value;
use store::Stop;

pub(crate) use connection::{Watch, Way};
pub(crate) use held::{file, told, wanted};
pub(crate) use layers::{Layer, layers};

use crate::Fault;

/// Where packets are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The captures.
    pub(crate) inputs: Vec<PathBuf>,
    /// The ends of the connection: client, server.
    pub(crate) ends: [Endpoint; 2],
    /// Which packets of which file; all of all files if absent.
    pub(crate) frames: Option<(String, RangeInclusive<u64>)>,
    /// Packets are shown up to the end of their headers.
    pub(crate) headers_only: bool,
}

/// A packet that was found.
pub(crate) struct Found<'p> {
    /// The packet.
    pub(crate) packet: Packet<'p>,
    /// What it carries.
    pub(crate) content: Content<'p>,
    /// Whether the client sent it.
    pub(crate) from_client: bool,
}

// === impl Place ===

impl Place {
    /// Where the packets of a call are, by what the call says.
    ///
    /// # Errors
    /// When it does not say.
    pub(crate) fn of_call(
        call: &Value,
        inputs: Vec<PathBuf>,
        headers_only: bool,
    ) -> Result<Self, Fault> {
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
        Ok(Self { inputs, ends, frames: Some((file.to_owned(), *first..=*last)), headers_only })
    }
}

/// The ends of a call: client, server.
pub(crate) fn ends(call: &Value) -> Option<[Endpoint; 2]> {
    let end = |party: &Value| {
        let ip: IpAddr = party["ip"].as_str()?.parse().ok()?;
        // ICMP has no ports.
        let port = party.get("port").map_or(Some(0), Value::as_u64)?;
        Some(Endpoint { ip, port: u16::try_from(port).ok()? })
    };
    Some([end(&call["src"])?, end(&call["dst"])?])
}

/// Reads captures again, and shows each packet of the connection to `each`, until that says no.
///
/// # Errors
/// When the captures are not there any more, can't be read, or it takes too long.
pub(crate) fn search(
    place: &Place,
    stop: &Stop,
    mut each: impl FnMut(&Found<'_>) -> bool,
) -> Result<(), Fault> {
    walk(place, stop, |packet, content, file| {
        if let Some((of, frames)) = &place.frames {
            if of != file || packet.frame < *frames.start() {
                return true;
            }
            if packet.frame > *frames.end() {
                return false;
            }
        }
        match side(&content, place.ends) {
            Some(from_client) => each(&Found { packet, content, from_client }),
            None => true,
        }
    })
}

/// Shows each packet, what it carries and the name of its file, until `each` says no.
fn walk(
    place: &Place,
    stop: &Stop,
    mut each: impl FnMut(Packet<'_>, Content<'_>, &str) -> bool,
) -> Result<(), Fault> {
    let mut reader = Reader::open(&inputs(place), Options::default())
        .map_err(|error| Fault::missing(format!("the capture is not there any more: {error}")))?;
    let mut decoder = Decoder::new(DecoderLimits::default());
    let mut batch = Batch::new();
    loop {
        if stop.is_due() {
            return Err(Fault::busy("the capture is too large to be searched in time"));
        }
        match reader.next(&mut batch) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                return Err(Fault::missing(format!("the capture can't be read: {error}")));
            }
        }
        for packet in batch.packets() {
            let source = usize::try_from(packet.source).ok();
            let source = source.and_then(|index| reader.sources().get(index));
            let file = source.map_or("", |source| source.name.as_str());
            let content = decoder.decode(&packet);
            let packet = if place.headers_only { without_payload(packet) } else { packet };
            if !each(packet, content, file) {
                return Ok(());
            }
        }
    }
}

/// What was masked in calls stands in the payload of packets: it is cut off.
fn without_payload(packet: Packet<'_>) -> Packet<'_> {
    Packet { bytes: headers(packet.link.0, packet.bytes), ..packet }
}

/// A packet up to the end of its headers; nothing of one whose headers are not understood. `link` is what its
/// first byte is the beginning of (LINKTYPE_).
#[must_use]
pub fn headers(link: u32, bytes: &[u8]) -> &[u8] {
    let len = layers::headers_len(packet::LinkType(link), bytes);
    bytes.get(..len).unwrap_or_default()
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
    let [client, server] = ends;
    let (from, to) = ends_of(content)?;
    // An answer to a multicast question comes from another address.
    let to_client =
        to == client && (from == server || from.port == server.port && server_is_many(server));
    match (from == client && to == server, to_client) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn server_is_many(server: Endpoint) -> bool {
    server.ip.is_multicast()
}

/// Who sent it, and to whom.
fn ends_of(content: &Content<'_>) -> Option<(Endpoint, Endpoint)> {
    let (key, dir) = match content {
        Content::Tcp(segment) => (&segment.key, segment.dir),
        Content::Udp(datagram) | Content::Icmp(datagram) => (&datagram.key, datagram.dir),
        Content::Sctp(bundle) => (&bundle.key, bundle.dir),
        Content::Quote(_) | Content::Nothing => return None,
    };
    let told = |end: Endpoint| match key.transport.has_ports() {
        true => end,
        false => Endpoint { port: 0, ..end },
    };
    Some((told(key.src(dir)), told(key.dst(dir))))
}

/// Reads the captures of some calls once, and shows each packet of any of them to `each`, until that
/// says no. All places have the same captures.
///
/// # Errors
/// When the captures are not there any more, can't be read, or it takes too long.
pub(crate) fn search_all(
    places: &[Place],
    stop: &Stop,
    mut each: impl FnMut(&Found<'_>) -> bool,
) -> Result<(), Fault> {
    let Some(first) = places.first() else { return Ok(()) };
    let mut wanted: HashMap<[Endpoint; 2], Vec<&(String, RangeInclusive<u64>)>> = HashMap::new();
    for place in places {
        wanted.entry(place.ends).or_default().extend(&place.frames);
    }
    walk(&Place { frames: None, ..first.clone() }, stop, |packet, content, file| {
        let Some((from, to)) = ends_of(&content) else { return true };
        let side = [([from, to], true), ([to, from], false)];
        let found = side.into_iter().find(|(ends, _)| {
            wanted.get(ends).is_some_and(|frames| {
                frames.iter().any(|(of, frames)| of == file && frames.contains(&packet.frame))
            })
        });
        let Some((_, from_client)) = found else { return true };
        each(&Found { packet, content, from_client })
    })
}
