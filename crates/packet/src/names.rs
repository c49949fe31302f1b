//! What a packet was when it was not for us or could not be read, and what people call it.

use std::borrow::Cow;

/// Why a packet gave nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Unread {
    /// A link type we don't know (LINKTYPE_ number).
    LinkType(u32),
    /// The capture does not hold all of this header.
    Truncated(Header),
    /// This header contradicts itself, or the packet ended within it on the wire.
    Bad(Header),
    /// An IP fragment whose others did not come in time; counted per fragment.
    FragmentsExpired,
    /// An IP fragment given up for the limits on memory; counted per fragment.
    FragmentsOverLimit,
    /// IP fragments that contradict each other: RFC 5722 drops them, IPv4 keeps the first bytes.
    FragmentsOverlapping,
    /// Fragments of fragments of fragments.
    FragmentsNested,
    /// A packet in a packet in a packet in a …
    TunnelsNested,
    /// More headers one after the other than any sane packet has.
    TooManyHeaders,
    /// Encrypted by IPsec (RFC 4303).
    Esp,
    /// Encrypted by IEEE 802.1AE.
    Macsec,
    /// Cisco's frame in a frame.
    FabricPath,
    /// GRE version 1 (RFC 2637), usually encrypted.
    Pptp,
    /// An MPLS payload that is neither IP nor Ethernet.
    MplsPayload,
    /// An address family on a loopback that is not IP.
    AddressFamily(u32),
    /// A fragment that waits for the others, or was put together with them.
    Fragment,
    /// A fragment of a packet that is already whole.
    FragmentRepeated,
    /// Address resolution (RFC 826).
    Arp,
    /// RFC 792: neither a numbered question nor an error about a flow.
    Icmp,
    /// RFC 4443, likewise: neighbour discovery, groups.
    Icmpv6,
    /// An EtherType that carries no IP.
    EtherType(u16),
    /// An IEEE 802.2 service (destination SAP) that carries no IP.
    Llc(u8),
    /// A PPP protocol that carries no IP.
    Ppp(u16),
    /// An IP protocol that is not for us.
    IpProtocol(u8),
    /// Of further kinds that could not be read.
    OtherLoss,
    /// Of further kinds that are not for us.
    Other,
}

/// A header that we read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Header {
    Ethernet,
    Vlan,
    Mpls,
    Llc,
    LinuxCooked,
    Loopback,
    Nflog,
    Hdlc,
    Ppp,
    Pppoe,
    Ipv4,
    Ipv6,
    Ipv6Extension,
    Authentication,
    Fragment,
    Tcp,
    Udp,
    Gre,
    Erspan,
    Ip,
    Icmp,
    Sctp,
}

// === impl Unread ===

impl Unread {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::LinkType(n) => numbered(format!("link type {n}"), link_type(n)),
            Self::Truncated(header) => format!("truncated {} header", header.name()).into(),
            Self::Bad(header) => format!("bad {} header", header.name()).into(),
            Self::AddressFamily(n) => format!("address family {n}").into(),
            Self::EtherType(n) => numbered(format!("ethertype {n:#06x}"), ether_type(n)),
            Self::Llc(n) => numbered(format!("LLC {n:#04x}"), llc(n)),
            Self::Ppp(n) => numbered(format!("PPP protocol {n:#06x}"), ppp(n)),
            Self::IpProtocol(n) => numbered(format!("IP protocol {n}"), ip_protocol(n)),
            plain => plain.plain_name().into(),
        }
    }

    /// Whether it could not be read, so that calls may be missing; otherwise it is not for us.
    #[must_use]
    pub fn is_loss(self) -> bool {
        match self {
            Self::LinkType(_)
            | Self::Truncated(_)
            | Self::Bad(_)
            | Self::FragmentsExpired
            | Self::FragmentsOverLimit
            | Self::FragmentsOverlapping
            | Self::FragmentsNested
            | Self::TunnelsNested
            | Self::TooManyHeaders
            | Self::Esp
            | Self::Macsec
            | Self::FabricPath
            | Self::Pptp
            | Self::MplsPayload
            | Self::OtherLoss => true,
            Self::AddressFamily(_)
            | Self::Fragment
            | Self::FragmentRepeated
            | Self::Arp
            | Self::Icmp
            | Self::Icmpv6
            | Self::EtherType(_)
            | Self::Llc(_)
            | Self::Ppp(_)
            | Self::IpProtocol(_)
            | Self::Other => false,
        }
    }

    /// The name it goes by when there are too many names.
    pub(crate) fn gist(self) -> Self {
        match self {
            Self::LinkType(_) => Self::OtherLoss,
            Self::AddressFamily(_)
            | Self::EtherType(_)
            | Self::Llc(_)
            | Self::Ppp(_)
            | Self::IpProtocol(_) => Self::Other,
            few => few,
        }
    }

    fn plain_name(self) -> &'static str {
        match self {
            Self::FragmentsExpired => "fragments expired",
            Self::FragmentsOverLimit => "fragments over the limit",
            Self::FragmentsOverlapping => "overlapping fragments",
            Self::FragmentsNested => "fragments nested too deep",
            Self::TunnelsNested => "tunnels nested deeper than 8",
            Self::TooManyHeaders => "more than 64 headers",
            Self::Esp => "IPsec ESP (encrypted)",
            Self::Macsec => "MACsec",
            Self::FabricPath => "Cisco FabricPath",
            Self::Pptp => "PPTP",
            Self::MplsPayload => "MPLS payload that is not IP",
            Self::Fragment => "fragments held or put together",
            Self::FragmentRepeated => "repeated fragments",
            Self::Arp => "ARP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::OtherLoss => "other link types",
            _ => "other kinds",
        }
    }
}

// === impl Header ===

impl Header {
    fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "Ethernet",
            Self::Vlan => "VLAN",
            Self::Mpls => "MPLS",
            Self::Llc => "LLC",
            Self::LinuxCooked => "Linux cooked",
            Self::Loopback => "loopback",
            Self::Nflog => "NFLOG",
            Self::Hdlc => "HDLC",
            Self::Ppp => "PPP",
            Self::Pppoe => "PPPoE",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension",
            Self::Authentication => "authentication",
            Self::Fragment => "fragment",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::Ip => "IP",
            Self::Sctp => "SCTP",
            Self::Icmp => "ICMP",
        }
    }
}

// === well-known numbers ===

fn numbered(number: String, name: &'static str) -> Cow<'static, str> {
    if name.is_empty() { number.into() } else { format!("{number} ({name})").into() }
}

/// <https://www.tcpdump.org/linktypes.html>
fn link_type(n: u32) -> &'static str {
    const USER: [&str; 16] = [
        "USER0", "USER1", "USER2", "USER3", "USER4", "USER5", "USER6", "USER7", "USER8", "USER9",
        "USER10", "USER11", "USER12", "USER13", "USER14", "USER15",
    ];
    match n {
        6 => "IEEE 802.5",
        7 => "ARCNET",
        8 => "SLIP",
        10 => "FDDI",
        100 => "ATM RFC 1483",
        105 => "IEEE 802.11",
        107 => "Frame Relay",
        114 => "LocalTalk",
        117 => "PFLOG",
        119 => "IEEE 802.11 Prism",
        122 => "IP over Fibre Channel",
        127 => "IEEE 802.11 radiotap",
        147..=162 => USER.get(n as usize - 147).copied().unwrap_or_default(),
        163 => "IEEE 802.11 AVS",
        187 | 201 => "Bluetooth HCI H4",
        189 | 220 => "Linux USB",
        192 => "PPI",
        195 | 230 => "IEEE 802.15.4",
        227 => "SocketCAN",
        247 => "InfiniBand",
        249 => "USBPcap",
        251 => "Bluetooth LE",
        252 => "Wireshark upper PDU",
        253 => "netlink",
        254 => "Bluetooth Linux monitor",
        258 => "PKTAP",
        _ => "",
    }
}

/// <https://www.iana.org/assignments/ieee-802-numbers>
fn ether_type(n: u16) -> &'static str {
    match n {
        0x0842 => "Wake-on-LAN",
        0x2000 => "CDP",
        0x8035 => "RARP",
        0x809b => "AppleTalk",
        0x80f3 => "AARP",
        0x8137 => "IPX",
        0x8808 => "Ethernet flow control",
        0x8809 => "slow protocols",
        0x883e => "WCCP",
        0x8863 => "PPPoE discovery",
        0x8874 => "Broadcom tag",
        0x888e => "EAPOL",
        0x8892 => "PROFINET",
        0x88a2 => "ATA over Ethernet",
        0x88a4 => "EtherCAT",
        0x88b8 => "GOOSE",
        0x88ba => "sampled values",
        0x88cc => "LLDP",
        0x88e7 => "provider backbone bridge",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        0x8906 => "FCoE",
        0x8914 => "FCoE initialization",
        0x8915 => "RoCE",
        0x892f => "HSR",
        0x9000 => "loopback test",
        _ => "",
    }
}

fn llc(n: u8) -> &'static str {
    match n {
        0x42 => "spanning tree",
        0xaa => "SNAP",
        0xe0 | 0xff => "IPX",
        0xf0 => "NetBIOS",
        0xfe => "OSI",
        _ => "",
    }
}

/// <https://www.iana.org/assignments/ppp-numbers>
fn ppp(n: u16) -> &'static str {
    match n {
        0x003d => "multilink",
        0x00fd => "compressed",
        0x8021 => "IPCP",
        0x8057 => "IPv6CP",
        0x80fd => "CCP",
        0xc021 => "LCP",
        0xc023 => "PAP",
        0xc025 => "link quality",
        0xc223 => "CHAP",
        _ => "",
    }
}

/// <https://www.iana.org/assignments/protocol-numbers>
fn ip_protocol(n: u8) -> &'static str {
    match n {
        2 => "IGMP",
        8 => "EGP",
        9 => "IGP",
        33 => "DCCP",
        46 => "RSVP",
        59 => "no next header",
        88 => "EIGRP",
        89 => "OSPF",
        97 => "EtherIP",
        103 => "PIM",
        108 => "IPComp",
        112 => "VRRP",
        115 => "L2TP",
        136 => "UDP-Lite",
        137 => "MPLS in IP",
        _ => "",
    }
}
