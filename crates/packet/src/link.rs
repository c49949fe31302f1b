//! Link layers: from the first byte of a packet to an EtherType or to IP.

use crate::{
    Header, LinkType, Unread, ppp,
    view::{Layer, Read, Step, View},
};

/// EtherTypes (IEEE 802 numbers).
pub(crate) const ETHER_IPV4: u16 = 0x0800;
pub(crate) const ETHER_IPV6: u16 = 0x86dd;
pub(crate) const ETHER_VLAN: u16 = 0x8100;
pub(crate) const ETHER_BRIDGED: u16 = 0x6558;
pub(crate) const ETHER_MPLS: u16 = 0x8847;
const ETHER_MPLS_MULTICAST: u16 = 0x8848;
const ETHER_ARP: u16 = 0x0806;
const ETHER_PPP: u16 = 0x880b;
const ETHER_PPPOE: u16 = 0x8864;
const ETHER_MACSEC: u16 = 0x88e5;
const ETHER_FABRIC_PATH: u16 = 0x8903;
/// 802.1Q, 802.1ad and what came before it.
const ETHER_VLANS: [u16; 3] = [ETHER_VLAN, 0x88a8, 0x9100];

/// Up to here the field is the length of an 802.3 frame.
pub(crate) const LENGTH_MAX: u16 = 1500;
/// Labels of one MPLS packet.
const LABELS_MAX: usize = 16;
/// Attributes of one NFLOG packet.
const ATTRIBUTES_MAX: usize = 64;

// === by link type ===

/// Reads the header that packets of a link type begin with.
pub(crate) fn read(link: LinkType, view: View<'_>) -> Read<'_> {
    match link.0 {
        1 => ethernet(view),
        // 12 and 14 are DLT_RAW as some systems number it.
        12 | 14 | 101 => Ok(Step::Next(Layer::Ip, view)),
        228 => Ok(Step::Next(Layer::Ipv4, view)),
        229 => Ok(Step::Next(Layer::Ipv6, view)),
        113 => linux_cooked(view),
        276 => linux_cooked_2(view),
        0 => loopback(view, u32::from_le_bytes),
        108 => loopback(view, u32::from_be_bytes),
        9 => Ok(Step::Next(Layer::Ppp, view)),
        50 | 104 => ppp::hdlc(view),
        51 => ppp::pppoe(view),
        239 => nflog(view),
        n => Err(Unread::LinkType(n)),
    }
}

/// ```text
/// | destination 6 | source 6 | EtherType or length 2 | …
/// ```
pub(crate) fn ethernet(view: View<'_>) -> Read<'_> {
    let ([.., t0, t1], rest) = view.head::<14>(Header::Ethernet)?;
    Ok(Step::Next(Layer::EtherType(u16::from_be_bytes([*t0, *t1])), rest))
}

/// LINKTYPE_LINUX_SLL.
///
/// ```text
/// | packet type 2 | ARPHRD 2 | address length 2 | address 8 | protocol 2 | …
/// ```
fn linux_cooked(view: View<'_>) -> Read<'_> {
    let ([_, _, a0, a1, .., p0, p1], rest) = view.head::<16>(Header::LinuxCooked)?;
    cooked(u16::from_be_bytes([*a0, *a1]), u16::from_be_bytes([*p0, *p1]), rest)
}

/// LINKTYPE_LINUX_SLL2.
///
/// ```text
/// | protocol 2 | 0 2 | interface 4 | ARPHRD 2 | packet type 1 | address length 1 | address 8 | …
/// ```
fn linux_cooked_2(view: View<'_>) -> Read<'_> {
    let ([p0, p1, _, _, _, _, _, _, a0, a1, ..], rest) = view.head::<20>(Header::LinuxCooked)?;
    cooked(u16::from_be_bytes([*a0, *a1]), u16::from_be_bytes([*p0, *p1]), rest)
}

fn cooked(hardware: u16, protocol: u16, rest: View<'_>) -> Read<'_> {
    /// There the protocol is a netlink family.
    const ARPHRD_NETLINK: u16 = 824;
    /// Linux's own numbers below the EtherTypes (linux/if_ether.h).
    const ETH_P_802_3: u16 = 1;
    const ETH_P_802_2: u16 = 4;
    match protocol {
        _ if hardware == ARPHRD_NETLINK => Err(Unread::LinkType(253)),
        ETH_P_802_3 | ETH_P_802_2 => llc(rest),
        0..=LENGTH_MAX => Err(Unread::EtherType(protocol)),
        _ => Ok(Step::Next(Layer::EtherType(protocol), rest)),
    }
}

/// LINKTYPE_NULL and LINKTYPE_LOOP: an address family, whose numbers for IPv6 differ by system.
fn loopback(view: View<'_>, order: fn([u8; 4]) -> u32) -> Read<'_> {
    let (family, rest) = view.head::<4>(Header::Loopback)?;
    let family = match order(*family) {
        small @ 0..=0xffff => small,
        swapped => swapped.swap_bytes(),
    };
    match family {
        2 => Ok(Step::Next(Layer::Ipv4, rest)),
        // Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
        10 | 23 | 24 | 28 | 30 => Ok(Step::Next(Layer::Ipv6, rest)),
        n => Err(Unread::AddressFamily(n)),
    }
}

/// LINKTYPE_NFLOG: attributes in the byte order of the host; one of them is the packet.
///
/// ```text
/// | family 1 | version 1 | resource 2 | ( length 2 | type 2 | value, padded to 4 )…
/// ```
fn nflog(view: View<'_>) -> Read<'_> {
    const PAYLOAD: u16 = 9;
    let (_, mut rest) = view.head::<4>(Header::Nflog)?;
    for _ in 0..ATTRIBUTES_MAX {
        let ([l0, l1, t0, t1], value) = rest.head::<4>(Header::Nflog)?;
        // The types are small numbers; that tells the byte order.
        let order = if *t1 == 0 { u16::from_le_bytes } else { u16::from_be_bytes };
        let length = usize::from(order([*l0, *l1]));
        let Some(size) = length.checked_sub(4) else { return Err(Unread::Bad(Header::Nflog)) };
        if order([*t0, *t1]) == PAYLOAD {
            return Ok(Step::Next(Layer::Ip, value.limit(size)));
        }
        rest = value.skip(size.next_multiple_of(4), Header::Nflog)?;
    }
    Err(Unread::TooManyHeaders)
}

// === by EtherType ===

/// Reads what an EtherType announced.
pub(crate) fn ether_type(number: u16, view: View<'_>) -> Read<'_> {
    match number {
        ETHER_IPV4 => Ok(Step::Next(Layer::Ipv4, view)),
        ETHER_IPV6 => Ok(Step::Next(Layer::Ipv6, view)),
        n if ETHER_VLANS.contains(&n) => vlan(view),
        ETHER_MPLS | ETHER_MPLS_MULTICAST => mpls(view),
        ETHER_PPPOE => ppp::pppoe(view),
        ETHER_PPP => Ok(Step::Next(Layer::Ppp, view)),
        ETHER_BRIDGED => Ok(Step::Inside(Layer::Ethernet, view)),
        n @ 0..=LENGTH_MAX => llc(view.limit(usize::from(n))),
        ETHER_ARP => Err(Unread::Arp),
        ETHER_MACSEC => Err(Unread::Macsec),
        ETHER_FABRIC_PATH => Err(Unread::FabricPath),
        n => Err(Unread::EtherType(n)),
    }
}

/// An 802.1Q tag: what the EtherType said, and the next EtherType.
fn vlan(view: View<'_>) -> Read<'_> {
    let ([_, _, t0, t1], rest) = view.head::<4>(Header::Vlan)?;
    Ok(Step::Next(Layer::EtherType(u16::from_be_bytes([*t0, *t1])), rest))
}

/// A stack of labels (RFC 3032 §2.1). What it carries is written nowhere: the first nibble tells.
///
/// ```text
/// | label 20 bits | class 3 bits | bottom 1 bit | TTL 8 bits |
/// ```
fn mpls(view: View<'_>) -> Read<'_> {
    let mut rest = view;
    for _ in 0..LABELS_MAX {
        let ([_, _, bottom, _], after) = rest.head::<4>(Header::Mpls)?;
        rest = after;
        if bottom & 1 != 0 {
            return below_labels(rest);
        }
    }
    Err(Unread::TooManyHeaders)
}

fn below_labels(view: View<'_>) -> Read<'_> {
    let ([first], _) = view.head::<1>(Header::Mpls)?;
    match first >> 4 {
        4 => Ok(Step::Next(Layer::Ipv4, view)),
        6 => Ok(Step::Next(Layer::Ipv6, view)),
        // RFC 4448 §4.6: a control word, then Ethernet.
        0 => Ok(Step::Inside(Layer::Ethernet, view.skip(4, Header::Mpls)?)),
        _ => Err(Unread::MplsPayload),
    }
}

/// IEEE 802.2, and behind service 0xaa SNAP (RFC 1042).
///
/// ```text
/// | DSAP 1 | SSAP 1 | control 1 | organization 3 | EtherType 2 | …
/// ```
fn llc(view: View<'_>) -> Read<'_> {
    const IP: u8 = 0x06;
    let ([service, _, control], rest) = view.head::<3>(Header::Llc)?;
    if (*service, *control) == (IP, 3) {
        return Ok(Step::Next(Layer::Ipv4, rest));
    }
    if (*service, *control) != (0xaa, 3) {
        return Err(Unread::Llc(*service));
    }
    let ([o0, o1, o2, t0, t1], rest) = rest.head::<5>(Header::Llc)?;
    match ([*o0, *o1, *o2], u16::from_be_bytes([*t0, *t1])) {
        // RFC 1042, and 802.1H for those that were translated.
        ([0, 0, 0] | [0, 0, 0xf8], number) if number > LENGTH_MAX => {
            Ok(Step::Next(Layer::EtherType(number), rest))
        }
        // Cisco's discovery, trunking and spanning tree protocols use their own organization.
        ([0, 0, 0x0c], number) => Err(Unread::EtherType(number)),
        _ => Err(Unread::Llc(*service)),
    }
}
