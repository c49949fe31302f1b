//! Packets that those hold on to who told the calls: the nodes of a cluster, asked by their hub.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use model::{Endpoint, Timestamp};
use packet::{Decoder, DecoderLimits, LinkType, Packet};
use serde_json::{Value, json};
use store::{Captured, Key, PacketsAsked, PacketsOf, PacketsTold, Stop};
use tokio::sync::mpsc;

use super::{ends, headers, layers, side};
use crate::{Fault, Who, calls::download, state::Api};

/// Packets of an answer at most.
const PACKETS_MAX: usize = 2000;
/// Bytes of packets of an answer at most.
const PACKET_BYTES_MAX: usize = 8 << 20;
/// Bytes of a capture file that are handed on at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A piece of a file, or why there is none.
type Piece = Result<Bytes, Fault>;

/// Which packets of a call are to be asked for, where nodes saw it: those of `node`, or else of whoever has
/// some.
///
/// # Errors
/// When that node did not see it.
pub(crate) fn wanted(call: &Value, node: Option<&str>) -> Result<Option<PacketsOf>, Fault> {
    let seen = call["seen_by"].as_array().into_iter().flatten();
    let seen: Vec<String> =
        seen.filter_map(|by| by["node"].as_str()).map(ToOwned::to_owned).collect();
    let key = call["id"].as_str().and_then(Key::parse);
    match (key, node) {
        (Some(key), None) if !seen.is_empty() => Ok(Some(PacketsOf::Call(key, seen))),
        (Some(key), Some(node)) if seen.iter().any(|by| by == node) => {
            Ok(Some(PacketsOf::Call(key, vec![node.to_owned()])))
        }
        (_, Some(node)) => Err(Fault {
            hint: (!seen.is_empty()).then(|| format!("seen by: {}", seen.join(", "))),
            ..Fault::missing(format!("no node {node:?} saw this call"))
        }),
        (_, None) => Ok(None),
    }
}

/// The packets of a call, layer by layer.
///
/// # Errors
/// When nobody has any.
pub(crate) fn told(
    api: &Api,
    who: &Who,
    call: &Value,
    of: PacketsOf,
    stop: Stop,
) -> Result<Value, Fault> {
    let mut decoder = Decoder::new(DecoderLimits::default());
    let sides = sides(call);
    let (mut packets, mut bytes) = (Vec::new(), 0);
    let told = ask(api, who, &PacketsAsked { of, stop }, &mut |_, packet| {
        bytes += packet.bytes.len();
        if packets.len() >= PACKETS_MAX || bytes > PACKET_BYTES_MAX {
            return false;
        }
        let from_client = is_from_client(&packet, &sides, &mut decoder);
        packets.push(one(packets.len() + 1, &packet, from_client));
        true
    })?;
    let missing = missing(&told);
    Ok(json!({
        "packets": packets, "truncated": told.is_cut, "masked": told.is_masked, "node": told.by,
        "missing": missing,
    }))
}

/// Packets as a capture file of at most so many bytes, as they come.
///
/// # Errors
/// When nobody has any.
pub(crate) async fn file(
    api: &Arc<Api>,
    who: Who,
    of: PacketsOf,
    name: &str,
    bytes_max: usize,
) -> Result<Response, Fault> {
    let (send, mut receive) = mpsc::channel::<Piece>(4);
    let permit = api.queries.clone().acquire_owned().await.map_err(Fault::ours)?;
    let api = api.clone();
    tokio::task::spawn_blocking(move || {
        write(&api, &who, of, bytes_max, &send);
        drop(permit);
    });
    // Whether there is anything is known with the first piece: a refusal is one.
    let first = receive.recv().await.ok_or_else(|| Fault::ours("nothing came"))??;
    let begin = (Some(first), receive);
    let pieces = stream::unfold(begin, async |(first, mut receive)| {
        let piece = match first {
            Some(first) => Ok(first),
            None => receive.recv().await?.map_err(|fault| std::io::Error::other(fault.message)),
        };
        Some((piece, (None, receive)))
    });
    Ok(download("application/vnd.tcpdump.pcap", name, Body::from_stream(pieces.fuse())))
}

fn write(api: &Api, who: &Who, of: PacketsOf, bytes_max: usize, send: &mpsc::Sender<Piece>) {
    let listening = send.clone();
    let stop = Stop::when(move || listening.is_closed());
    let (mut out, mut written, mut calls) = (Vec::new(), 0, 0);
    // One call was told to him before its packets are looked for.
    let is_list = matches!(of, PacketsOf::Calls(_));
    let mut file = export::Pcapng::new(&mut out);
    // The last one says what is not there.
    let mut last: Option<(String, Captured)> = None;
    let told = ask(api, who, &PacketsAsked { of, stop }, &mut |node, packet| {
        // The first packet of a call says which one it is.
        calls += packet.comment.lines().count();
        if let Some((node, packet)) = last.replace((node.to_owned(), packet)) {
            push(&mut file, &node, &packet, &packet.comment, &mut out);
        }
        if out.len() < PIECE_BYTES {
            return true;
        }
        written += out.len();
        send.blocking_send(Ok(std::mem::take(&mut out).into())).is_ok() && written < bytes_max
    });
    if is_list {
        who.tell(calls, true);
    }
    let piece = told.map(|told| {
        if let Some((node, packet)) = &last {
            push(&mut file, node, packet, &conclusion(&told, &packet.comment), &mut out);
        }
        Bytes::from(out)
    });
    drop(send.blocking_send(piece));
}

fn push(
    file: &mut export::Pcapng,
    node: &str,
    packet: &Captured,
    comment: &str,
    out: &mut Vec<u8>,
) {
    let interface = match packet.interface.as_str() {
        "" => node.to_owned(),
        name => format!("{node}/{name}"),
    };
    let (at, link, wire_len) = (packet.at, packet.link, packet.wire_len);
    file.packet_of(&interface, comment, at, link, &packet.bytes, wire_len, out);
}

/// What stands beside the last packet: what is said of it, and what is not in the file.
fn conclusion(told: &PacketsTold, comment: &str) -> String {
    let missing = told.missing.iter().map(|one| format!("not here: {}: {}", one.name, one.why));
    let cut = told.is_cut.then(|| "there is more: the file would be too large".to_owned());
    let own = Some(comment.to_owned()).filter(|comment| !comment.is_empty());
    own.into_iter().chain(missing).chain(cut).collect::<Vec<_>>().join("\n")
}

/// Asks for packets; without any, says why.
fn ask(
    api: &Api,
    who: &Who,
    asked: &PacketsAsked,
    take: &mut dyn FnMut(&str, Captured) -> bool,
) -> Result<PacketsTold, Fault> {
    let headers_only = api.settings.mask.is_some();
    let mut take = |node: &str, mut packet: Captured| {
        if headers_only {
            packet.bytes.truncate(headers(packet.link, &packet.bytes).len());
        }
        take(node, packet)
    };
    let none =
        || Fault::missing("the packets of these calls are not there, or there are no such calls");
    let mut told = api.source.by(who).packets(asked, &mut take)?.ok_or_else(none)?;
    told.is_masked |= headers_only;
    if told.packets > 0 {
        return Ok(told);
    }
    if told.missing.is_empty() {
        return Err(none());
    }
    let why: Vec<_> =
        told.missing.iter().map(|one| format!("node {}: {}", one.name, one.why)).collect();
    Err(Fault::missing(format!("no packets: {}", why.join("; "))))
}

fn missing(told: &PacketsTold) -> Vec<Value> {
    told.missing.iter().map(|one| json!({ "node": one.name, "why": one.why })).collect()
}

fn one(number: usize, packet: &Captured, from_client: bool) -> Value {
    let hex: String = packet.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "number": number,
        "time": export::moment(packet.at),
        "from": if from_client { "src" } else { "dst" },
        "length": packet.wire_len,
        "captured": packet.bytes.len(),
        "layers": layers(LinkType(packet.link), &packet.bytes),
        "hex": hex,
    })
}

/// The ends of a call, client and server, under all their addresses: translated ones, too.
fn sides(call: &Value) -> Vec<[Endpoint; 2]> {
    let Some([client, server]) = ends(call) else { return Vec::new() };
    let other = |party: &Value, ip: &str, port: &str| {
        let ip = party[ip].as_str()?.parse().ok()?;
        Some(Endpoint { ip, port: u16::try_from(party[port].as_u64()?).ok()? })
    };
    let clients = [Some(client), other(&call["src"], "nat_ip", "nat_port")];
    let servers = [Some(server), other(&call["dst"], "service_ip", "service_port")];
    let pairs = clients
        .into_iter()
        .flatten()
        .flat_map(|client| servers.into_iter().flatten().map(move |server| [client, server]));
    pairs.collect()
}

fn is_from_client(packet: &Captured, sides: &[[Endpoint; 2]], decoder: &mut Decoder) -> bool {
    let packet = Packet {
        at: Timestamp(packet.at.0),
        link: LinkType(packet.link),
        source: 0,
        frame: 0,
        scope: 0,
        bytes: &packet.bytes,
        wire_len: packet.wire_len,
    };
    let content = decoder.decode(&packet);
    sides.iter().find_map(|ends| side(&content, *ends)).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_by(nodes: &[&str]) -> Value {
        let seen: Vec<_> = nodes.iter().map(|node| json!({ "node": node })).collect();
        json!({ "id": "5-1@7", "seen_by": seen })
    }

    #[test]
    fn who_saw_it_is_asked_in_their_order_or_the_one_that_is_meant() {
        let by = |call: &Value, node| match wanted(call, node) {
            Ok(Some(PacketsOf::Call(key, by))) => {
                assert_eq!((key.id.as_str(), key.time_ns), ("5-1", 7));
                by
            }
            other => panic!("{other:?}"),
        };
        let call = seen_by(&["b", "a"]);
        assert_eq!(by(&call, None), ["b", "a"]);
        assert_eq!(by(&call, Some("a")), ["a"]);
        let fault = wanted(&call, Some("c")).unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("seen by: b, a"));
        // Of a capture file.
        assert!(wanted(&json!({ "id": "5-1@7" }), None).unwrap().is_none());
    }

    #[test]
    fn translated_addresses_are_ends_too() {
        let call = json!({
            "src": { "ip": "10.0.0.1", "port": 5, "nat_ip": "10.1.0.1", "nat_port": 6 },
            "dst": { "ip": "10.0.0.2", "port": 80, "service_ip": "10.96.0.1", "service_port": 8080 },
        });
        let sides = sides(&call);
        assert_eq!(sides.len(), 4);
        let named: Vec<_> = sides.iter().map(|[c, s]| (c.port, s.port)).collect();
        assert_eq!(named, [(5, 80), (5, 8080), (6, 80), (6, 8080)]);
    }

    #[test]
    fn what_is_not_there_is_said_beside_the_last_packet() {
        let why = "not connected".to_owned();
        let missing = vec![store::Missing { name: "c".into(), why }];
        let told = PacketsTold { missing, is_cut: true, ..PacketsTold::default() };
        let said = conclusion(&told, "call 5-1");
        assert_eq!(
            said,
            "call 5-1\nnot here: c: not connected\nthere is more: the file would be too large"
        );
        assert_eq!(conclusion(&PacketsTold::default(), ""), "");
    }
}
