//! The headers of a packet in words, for people: what each layer says, field by field.

use std::net::{Ipv4Addr, Ipv6Addr};

use packet::LinkType;
use serde::Serialize;

/// Headers told of one packet.
const LAYERS_MAX: usize = 16;

/// One header.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Layer {
    /// What it is: `Ethernet`, `IPv4`, `TCP`.
    pub name: &'static str,
    /// The gist in a line.
    pub summary: String,
    /// Its fields: name and value.
    #[schema(value_type = Vec<Vec<String>>)]
    pub fields: Vec<(&'static str, String)>,
}

/// What comes after a header.
enum Next<'b> {
    EtherType(u16, &'b [u8]),
    Ip(&'b [u8]),
    Protocol(u8, &'b [u8]),
    Data(&'b [u8]),
}

/// The headers of a packet, from the outermost; the last one is what could not be read further.
#[must_use]
pub fn layers(link: LinkType, bytes: &[u8]) -> Vec<Layer> {
    let mut layers = Vec::new();
    let told = match payload(link, bytes, &mut layers) {
        Some([]) => return layers,
        Some(rest) => ("Data", format!("{} bytes", rest.len())),
        None => ("Unread", "the rest is cut off or not understood".to_owned()),
    };
    layers.push(Layer { name: told.0, summary: told.1, fields: Vec::new() });
    layers
}

/// Bytes of a packet up to its payload; none where it can't be told apart.
pub(crate) fn headers_len(link: LinkType, bytes: &[u8]) -> usize {
    let payload = payload(link, bytes, &mut Vec::new());
    payload.map_or(0, |rest| rest.as_ptr().addr().saturating_sub(bytes.as_ptr().addr()))
}

/// Tells the headers; what comes after the last one, if all are understood.
fn payload<'b>(link: LinkType, bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<&'b [u8]> {
    let mut next = of_link(link, bytes, layers)?;
    for _ in 0..LAYERS_MAX {
        next = match next {
            Next::EtherType(kind, rest) => ether_type(kind, rest, layers)?,
            Next::Ip(rest) => ip(rest, layers)?,
            Next::Protocol(number, rest) => protocol(number, rest, layers)?,
            Next::Data(rest) => return Some(rest),
        };
    }
    None
}

fn of_link<'b>(link: LinkType, bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    match link {
        LinkType::ETHERNET => ethernet(bytes, layers),
        LinkType::LINUX_SLL => {
            let (head, rest) = bytes.split_at_checked(16)?;
            let kind = u16_at(head, 14)?;
            cooked("Linux cooked", kind, layers);
            Some(Next::EtherType(kind, rest))
        }
        LinkType::LINUX_SLL2 => {
            let (head, rest) = bytes.split_at_checked(20)?;
            let kind = u16_at(head, 0)?;
            cooked("Linux cooked v2", kind, layers);
            Some(Next::EtherType(kind, rest))
        }
        LinkType::NULL | LinkType::LOOP => {
            let (_, rest) = bytes.split_at_checked(4)?;
            layers.push(Layer {
                name: "Loopback",
                summary: "BSD loopback".into(),
                fields: Vec::new(),
            });
            Some(Next::Ip(rest))
        }
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Some(Next::Ip(bytes)),
        _ => None,
    }
}

fn cooked(name: &'static str, kind: u16, layers: &mut Vec<Layer>) {
    let fields = vec![("protocol", format!("{kind:#06x}"))];
    layers.push(Layer { name, summary: format!("protocol {kind:#06x}"), fields });
}

fn ethernet<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    let (head, rest) = bytes.split_at_checked(14)?;
    let (to, from, kind) = (mac(head.get(..6)?), mac(head.get(6..12)?), u16_at(head, 12)?);
    layers.push(Layer {
        name: "Ethernet",
        summary: format!("{from} → {to}"),
        fields: vec![("source", from), ("destination", to), ("type", format!("{kind:#06x}"))],
    });
    Some(Next::EtherType(kind, rest))
}

fn ether_type<'b>(kind: u16, bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    match kind {
        0x0800 | 0x86dd => Some(Next::Ip(bytes)),
        0x8100 | 0x88a8 => {
            let (head, rest) = bytes.split_at_checked(4)?;
            let (control, kind) = (u16_at(head, 0)?, u16_at(head, 2)?);
            let id = control & 0x0fff;
            layers.push(Layer {
                name: "VLAN",
                summary: format!("id {id}"),
                fields: vec![
                    ("id", id.to_string()),
                    ("priority", (control >> 13).to_string()),
                    ("type", format!("{kind:#06x}")),
                ],
            });
            Some(Next::EtherType(kind, rest))
        }
        _ => None,
    }
}

/// Version by its first nibble.
fn ip<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    match bytes.first()? >> 4 {
        4 => ipv4(bytes, layers),
        6 => ipv6(bytes, layers),
        _ => None,
    }
}

/// RFC 791 §3.1.
fn ipv4<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    let words = usize::from(bytes.first()? & 0x0f);
    let (head, rest) = bytes.split_at_checked(words.max(5) * 4)?;
    let total = usize::from(u16_at(head, 2)?);
    let fragment = u16_at(head, 6)?;
    let (ttl, number) = (*head.get(8)?, *head.get(9)?);
    let address = |at: usize| Some(Ipv4Addr::from(*head.get(at..)?.first_chunk::<4>()?));
    let (from, to) = (address(12)?, address(16)?);
    layers.push(Layer {
        name: "IPv4",
        summary: format!("{from} → {to}"),
        fields: vec![
            ("source", from.to_string()),
            ("destination", to.to_string()),
            ("protocol", number.to_string()),
            ("ttl", ttl.to_string()),
            ("length", total.to_string()),
            ("id", format!("{:#06x}", u16_at(head, 4)?)),
            ("flags", ipv4_flags(fragment)),
            ("fragment_offset", ((fragment & 0x1fff) * 8).to_string()),
            ("dscp", (head.get(1)? >> 2).to_string()),
            ("checksum", format!("{:#06x}", u16_at(head, 10)?)),
        ],
    });
    // What comes after the packet is padding of the link; a length of 0 was left to the hardware.
    let rest = match total.checked_sub(head.len()) {
        Some(length) => rest.get(..length).unwrap_or(rest),
        None => rest,
    };
    if fragment & 0x1fff != 0 {
        return Some(Next::Data(rest));
    }
    Some(Next::Protocol(number, rest))
}

fn ipv4_flags(word: u16) -> String {
    match (word & 0x4000 != 0, word & 0x2000 != 0) {
        (true, true) => "DF MF",
        (true, false) => "DF",
        (false, true) => "MF",
        (false, false) => "",
    }
    .to_owned()
}

/// RFC 8200 §3.
fn ipv6<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    let (head, rest) = bytes.split_at_checked(40)?;
    let (length, number, hops) = (u16_at(head, 4)?, *head.get(6)?, *head.get(7)?);
    let address = |at: usize| Some(Ipv6Addr::from(*head.get(at..)?.first_chunk::<16>()?));
    let (from, to) = (address(8)?, address(24)?);
    layers.push(Layer {
        name: "IPv6",
        summary: format!("{from} → {to}"),
        fields: vec![
            ("source", from.to_string()),
            ("destination", to.to_string()),
            ("next_header", number.to_string()),
            ("hop_limit", hops.to_string()),
            ("length", length.to_string()),
        ],
    });
    let rest = rest.get(..usize::from(length)).filter(|_| length > 0).unwrap_or(rest);
    Some(Next::Protocol(number, rest))
}

fn protocol<'b>(number: u8, bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    match number {
        6 => tcp(bytes, layers),
        17 => udp(bytes, layers),
        4 | 41 => Some(Next::Ip(bytes)),
        // Hop-by-hop, routing, destination options: their length is in 8 bytes, less the first 8.
        0 | 43 | 60 => {
            let length = (usize::from(*bytes.get(1)?) + 1) * 8;
            let (head, rest) = bytes.split_at_checked(length)?;
            let summary = format!("{length} bytes");
            layers.push(Layer { name: "IPv6 extension", summary, fields: Vec::new() });
            Some(Next::Protocol(*head.first()?, rest))
        }
        1 | 58 => {
            let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
            layers.push(Layer {
                name: if number == 1 { "ICMP" } else { "ICMPv6" },
                summary: format!("type {kind}, code {code}"),
                fields: vec![("type", kind.to_string()), ("code", code.to_string())],
            });
            Some(Next::Data(bytes.get(4..)?))
        }
        _ => None,
    }
}

/// RFC 9293 §3.1.
fn tcp<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    let words = usize::from(bytes.get(12)? >> 4);
    let (head, rest) = bytes.split_at_checked(words.max(5) * 4)?;
    let (from, to) = (u16_at(head, 0)?, u16_at(head, 2)?);
    let (seq, ack) = (u32_at(head, 4)?, u32_at(head, 8)?);
    let flags = tcp_flags(*head.get(13)?);
    layers.push(Layer {
        name: "TCP",
        summary: format!("{from} → {to} [{flags}] seq {seq} ack {ack}, {} bytes", rest.len()),
        fields: vec![
            ("source_port", from.to_string()),
            ("destination_port", to.to_string()),
            ("sequence", seq.to_string()),
            ("acknowledgment", ack.to_string()),
            ("flags", flags),
            ("window", u16_at(head, 14)?.to_string()),
            ("header_length", head.len().to_string()),
            ("checksum", format!("{:#06x}", u16_at(head, 16)?)),
        ],
    });
    Some(Next::Data(rest))
}

fn tcp_flags(bits: u8) -> String {
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let set = names.iter().zip(0..8_u32).filter(|(_, bit)| bits & (1 << bit) != 0);
    set.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// RFC 768.
fn udp<'b>(bytes: &'b [u8], layers: &mut Vec<Layer>) -> Option<Next<'b>> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let (from, to, length) = (u16_at(head, 0)?, u16_at(head, 2)?, u16_at(head, 4)?);
    layers.push(Layer {
        name: "UDP",
        summary: format!("{from} → {to}, {} bytes", rest.len()),
        fields: vec![
            ("source_port", from.to_string()),
            ("destination_port", to.to_string()),
            ("length", length.to_string()),
            ("checksum", format!("{:#06x}", u16_at(head, 6)?)),
        ],
    });
    Some(Next::Data(rest))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, IPv4, TCP with SYN and ACK, and two bytes.
    fn packet() -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        bytes.extend([0x45, 0, 0, 42, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x1f, 0x90, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x12, 1, 0, 0, 0, 0, 0]);
        bytes.extend(*b"hi");
        bytes
    }

    #[test]
    fn each_header_is_told() {
        let layers = layers(LinkType::ETHERNET, &packet());
        let names: Vec<_> = layers.iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["Ethernet", "IPv4", "TCP", "Data"]);
        assert_eq!(layers[1].summary, "10.0.0.1 → 10.0.0.2");
        assert_eq!(layers[2].summary, "8080 → 80 [SYN ACK] seq 7 ack 9, 2 bytes");
    }

    #[test]
    fn a_packet_cut_anywhere_is_told_as_far_as_it_goes() {
        let whole = packet();
        for end in 0..whole.len() {
            let layers = layers(LinkType::ETHERNET, &whole[..end]);
            assert!(!layers.is_empty() && layers.len() <= 4, "{end}");
        }
    }

    #[test]
    fn a_packet_without_its_payload_has_all_its_headers() {
        let whole = packet();
        assert_eq!(headers_len(LinkType::ETHERNET, &whole), whole.len() - 2);
        assert_eq!(headers_len(LinkType::ETHERNET, &whole[..40]), 0);
        // Padding of the link is no payload.
        let padded = [whole.as_slice(), b"padding"].concat();
        assert_eq!(headers_len(LinkType::ETHERNET, &padded), whole.len() - 2);
    }

    #[test]
    fn headers_that_announce_each_other_for_ever_come_to_an_end() {
        let bytes = [0_u8; 4096];
        let mut told = Vec::new();
        assert!(protocol(0, &bytes, &mut told).is_some());
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
        packet.extend([0; 4000]);
        assert!(layers(LinkType::RAW, &packet).len() <= LAYERS_MAX + 1);
    }
}
