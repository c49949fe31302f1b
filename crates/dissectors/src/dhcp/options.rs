//! Options by name (RFC 2132 and those after it).

/// How a value is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Text,
    /// One, two or four bytes.
    Number,
    /// One address or several.
    Addresses,
    Flag,
    Octets,
}

use Form::{Addresses, Flag, Number, Octets, Text};

/// An option.
pub(super) fn find(code: u8) -> Option<(&'static str, Form)> {
    Some(match code {
        1 => ("subnet-mask", Addresses),
        2 => ("time-offset", Number),
        3 => ("routers", Addresses),
        4 => ("time-servers", Addresses),
        5 => ("name-servers", Addresses),
        6 => ("domain-name-servers", Addresses),
        7 => ("log-servers", Addresses),
        9 => ("lpr-servers", Addresses),
        12 => ("host-name", Text),
        13 => ("boot-file-size", Number),
        15 => ("domain-name", Text),
        16 => ("swap-server", Addresses),
        17 => ("root-path", Text),
        19 => ("ip-forwarding", Flag),
        23 => ("default-ttl", Number),
        26 => ("interface-mtu", Number),
        28 => ("broadcast-address", Addresses),
        31 => ("router-discovery", Flag),
        33 => ("static-routes", Addresses),
        35 => ("arp-timeout", Number),
        40 => ("nis-domain", Text),
        41 => ("nis-servers", Addresses),
        42 => ("ntp-servers", Addresses),
        43 => ("vendor-specific", Octets),
        44 => ("netbios-name-servers", Addresses),
        45 => ("netbios-dd-servers", Addresses),
        46 => ("netbios-node-type", Number),
        47 => ("netbios-scope", Text),
        50 => ("requested-address", Addresses),
        51 => ("lease-time", Number),
        52 => ("overload", Number),
        53 => ("message-type", Number),
        54 => ("server-identifier", Addresses),
        55 => ("parameter-request-list", Octets),
        56 => ("message", Text),
        57 => ("maximum-message-size", Number),
        58 => ("renewal-time", Number),
        59 => ("rebinding-time", Number),
        60 => ("vendor-class", Text),
        61 => ("client-identifier", Octets),
        66 => ("tftp-server-name", Text),
        67 => ("boot-file-name", Text),
        69 => ("smtp-servers", Addresses),
        77 => ("user-class", Text),
        80 => ("rapid-commit", Flag),
        81 => ("client-fqdn", Octets),
        82 => ("relay-agent", Octets),
        90 => ("authentication", Octets),
        91 => ("last-transaction-time", Number),
        93 => ("client-architecture", Number),
        94 => ("client-interface", Octets),
        97 => ("client-machine-id", Octets),
        100 => ("posix-timezone", Text),
        101 => ("tzdb-timezone", Text),
        108 => ("ipv6-only-preferred", Number),
        114 => ("captive-portal", Text),
        116 => ("auto-configure", Number),
        118 => ("subnet-selection", Addresses),
        119 => ("domain-search", Octets),
        120 => ("sip-servers", Octets),
        121 => ("classless-static-routes", Octets),
        124 => ("vendor-identifying-class", Octets),
        125 => ("vendor-identifying-options", Octets),
        150 => ("tftp-server-address", Addresses),
        176 => ("ip-telephone", Text),
        209 => ("configuration-file", Text),
        210 => ("path-prefix", Text),
        249 => ("microsoft-static-routes", Octets),
        252 => ("proxy-autodiscovery", Text),
        _ => return None,
    })
}

/// A kind of message.
pub(super) fn kind(kind: u8) -> Option<&'static str> {
    const KINDS: [&str; 19] = [
        "BOOTP",
        "DISCOVER",
        "OFFER",
        "REQUEST",
        "DECLINE",
        "ACK",
        "NAK",
        "RELEASE",
        "INFORM",
        "FORCERENEW",
        "LEASEQUERY",
        "LEASEUNASSIGNED",
        "LEASEUNKNOWN",
        "LEASEACTIVE",
        "BULKLEASEQUERY",
        "LEASEQUERYDONE",
        "ACTIVELEASEQUERY",
        "LEASEQUERYSTATUS",
        "TLS",
    ];
    KINDS.get(usize::from(kind)).copied()
}
