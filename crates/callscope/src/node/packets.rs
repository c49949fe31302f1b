//! Packets of calls that a node keeps, for its hub.

use std::{net::IpAddr, path::PathBuf};

use capture::keep::{Kept, Want};
use fleet::Keeps;
use model::{Endpoint, FlowKey, Timestamp, Transport};
use serde_json::Value;
use store::{Captured, Row};

/// The folder that packets are kept in.
pub struct Ring {
    /// `--keep`.
    pub folder: PathBuf,
    /// Whether secrets are masked: they stand in the payloads.
    pub is_masked: bool,
}

impl Keeps for Ring {
    fn show(
        &self,
        calls: &[Row],
        goes_on: &mut dyn FnMut() -> bool,
        show: &mut dyn FnMut(Captured) -> bool,
    ) -> Result<(), String> {
        let wants: Vec<Want> = calls.iter().flat_map(wants).collect();
        if wants.is_empty() {
            return Err("its calls don't say which packets they came in: callscope pcap on that machine may find them".into());
        }
        let kept = Kept::open(&self.folder).map_err(|error| error.to_string())?;
        let mut see = |shown: &capture::keep::Shown<'_>| {
            let packet = &shown.packet;
            let bytes = match self.is_masked {
                true => api::headers(packet.link.0, packet.bytes),
                false => packet.bytes,
            };
            show(Captured {
                at: packet.at,
                link: packet.link.0,
                wire_len: packet.wire_len,
                bytes: bytes.to_vec(),
                interface: shown.interface.unwrap_or_default().to_owned(),
                comment: shown.comment.unwrap_or_default().to_owned(),
            })
        };
        kept.show(&wants, goes_on, &mut see).map_err(|error| error.to_string())
    }

    fn since(&self) -> Option<Timestamp> {
        Kept::open(&self.folder).ok().map(|kept| kept.since())
    }

    fn is_masked(&self) -> bool {
        self.is_masked
    }
}

/// Where the packets of a call are: between its ends, under all their addresses, while it was under way.
fn wants(row: &Row) -> Vec<Want> {
    let call: Value = serde_json::from_str(row.json()).unwrap_or_default();
    let transport = call["transport"].as_str().and_then(Transport::named);
    // A question of ICMP is known by a number that calls don't tell.
    let Some(transport) = transport.filter(|transport| transport.has_ports()) else {
        return Vec::new();
    };
    let last = ["request", "response"].iter().filter_map(|half| call[half]["last_ns"].as_u64());
    let from = row.time();
    let to = Timestamp(from.0.saturating_add(last.max().unwrap_or(0)));
    let clients = [end(&call["src"], "ip", "port"), end(&call["src"], "nat_ip", "nat_port")];
    let servers =
        [end(&call["dst"], "ip", "port"), end(&call["dst"], "service_ip", "service_port")];
    let headline = [row.method(), row.endpoint(), row.status_code()];
    let headline: String = headline.iter().flatten().map(|word| format!(" {word}")).collect();
    let comment = format!("call {}@{}: {}{headline}", row.id(), row.time_ns(), row.protocol());
    let mut wants = Vec::new();
    for client in clients.into_iter().flatten() {
        for server in servers.into_iter().flatten() {
            let (flow, _) = FlowKey::of(client, server, transport, 0);
            let comment = Some(comment.clone());
            wants.push(Want { flow: Some(flow), from, to, whole_connection: false, comment });
        }
    }
    wants
}

fn end(party: &Value, ip: &str, port: &str) -> Option<Endpoint> {
    let ip: IpAddr = party[ip].as_str()?.parse().ok()?;
    Some(Endpoint { ip, port: u16::try_from(party[port].as_u64()?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(more: &str) -> Row {
        let line = format!(
            "{{\"id\":\"5-1\",\"time\":\"2026-01-29T11:08:21.000000000Z\",\"protocol\":\"http\",\"method\":\"GET\",\
             \"endpoint\":\"/a\",\"src\":{{\"ip\":\"10.0.0.1\",\"port\":5}},\
             \"dst\":{{\"ip\":\"10.0.0.2\",\"port\":80,\"service_ip\":\"10.96.0.1\",\"service_port\":8080}},\
             {more}\"pairing\":\"unanswered\",\"missing\":null,\"transport\":\"tcp\",\"stream\":\"5\"}}"
        );
        Row::of_line(&line).unwrap()
    }

    #[test]
    fn a_call_is_found_under_all_its_addresses_while_it_was_under_way() {
        let wants = wants(&row("\"request\":{\"first_ns\":0,\"last_ns\":7,\"size\":1},"));
        let spans: Vec<_> = wants.iter().map(|want| want.to.since(want.from)).collect();
        assert_eq!(spans, [7, 7]);
        let ports: Vec<_> = wants.iter().filter_map(|want| want.flow.as_ref()).collect();
        assert!(ports[0].a.port == 5 || ports[0].b.port == 5);
        assert!(ports[1].a.port == 8080 || ports[1].b.port == 8080);
        let comment = wants[0].comment.as_deref();
        assert_eq!(comment, Some("call 5-1@1769684901000000000: http GET /a"));
    }

    #[test]
    fn whoever_keeps_nothing_yet_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let ring = Ring { folder: folder.path().to_owned(), is_masked: true };
        assert_eq!(ring.since(), None);
        let calls = [row("\"request\":{\"first_ns\":0,\"last_ns\":7,\"size\":1},")];
        let shown = ring.show(&calls, &mut || true, &mut |_| true);
        assert!(shown.unwrap_err().contains("no packets are kept"));
    }
}
