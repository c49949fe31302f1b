//! The numbers of DNS and their names (IANA "Domain Name System (DNS) Parameters").

use std::{borrow::Cow, io::Write};

/// Types that the code itself asks for.
pub mod kind {
    pub const A: u16 = 1;
    pub const CNAME: u16 = 5;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
}

/// Opcodes that the code itself asks for.
pub mod opcode {
    pub const QUERY: u8 = 0;
    pub const DSO: u8 = 6;
}

/// EDNS options that are written in a form of their own.
pub mod option {
    pub const NSID: u16 = 3;
    pub const DAU: u16 = 5;
    pub const DHU: u16 = 6;
    pub const N3U: u16 = 7;
    pub const CLIENT_SUBNET: u16 = 8;
    pub const EXPIRE: u16 = 9;
    pub const TCP_KEEPALIVE: u16 = 11;
    pub const PADDING: u16 = 12;
    pub const CHAIN: u16 = 13;
    pub const KEY_TAG: u16 = 14;
    pub const EDE: u16 = 15;
    pub const REPORT_CHANNEL: u16 = 18;
}

/// The mnemonic of a record or query type.
pub fn kind_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        1 => "A",
        2 => "NS",
        3 => "MD",
        4 => "MF",
        5 => "CNAME",
        6 => "SOA",
        7 => "MB",
        8 => "MG",
        9 => "MR",
        10 => "NULL",
        11 => "WKS",
        12 => "PTR",
        13 => "HINFO",
        14 => "MINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        19 => "X25",
        20 => "ISDN",
        21 => "RT",
        22 => "NSAP",
        23 => "NSAP-PTR",
        24 => "SIG",
        25 => "KEY",
        26 => "PX",
        27 => "GPOS",
        28 => "AAAA",
        29 => "LOC",
        30 => "NXT",
        31 => "EID",
        32 => "NIMLOC",
        33 => "SRV",
        34 => "ATMA",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        38 => "A6",
        39 => "DNAME",
        40 => "SINK",
        41 => "OPT",
        42 => "APL",
        43 => "DS",
        44 => "SSHFP",
        45 => "IPSECKEY",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        49 => "DHCID",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        55 => "HIP",
        56 => "NINFO",
        57 => "RKEY",
        58 => "TALINK",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        62 => "CSYNC",
        63 => "ZONEMD",
        64 => "SVCB",
        65 => "HTTPS",
        66 => "DSYNC",
        67 => "HHIT",
        68 => "BRID",
        99 => "SPF",
        100 => "UINFO",
        101 => "UID",
        102 => "GID",
        103 => "UNSPEC",
        104 => "NID",
        105 => "L32",
        106 => "L64",
        107 => "LP",
        108 => "EUI48",
        109 => "EUI64",
        128 => "NXNAME",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        253 => "MAILB",
        254 => "MAILA",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        258 => "AVC",
        259 => "DOA",
        260 => "AMTRELAY",
        261 => "RESINFO",
        262 => "WALLET",
        263 => "CLA",
        264 => "IPN",
        32_768 => "TA",
        32_769 => "DLV",
        _ => return None,
    })
}

/// The mnemonic of a class.
pub fn class_name(class: u16) -> Option<&'static str> {
    Some(match class {
        1 => "IN",
        3 => "CH",
        4 => "HS",
        254 => "NONE",
        255 => "ANY",
        _ => return None,
    })
}

/// The mnemonic of an opcode.
pub fn opcode_name(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0 => "QUERY",
        1 => "IQUERY",
        2 => "STATUS",
        4 => "NOTIFY",
        5 => "UPDATE",
        6 => "DSO",
        _ => return None,
    })
}

/// The mnemonic of a response code, with the eight bits of EDNS in front where they are there.
pub fn rcode_name(rcode: u16) -> Option<&'static str> {
    Some(match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        16 => "BADVERS",
        17 => "BADKEY",
        18 => "BADTIME",
        19 => "BADMODE",
        20 => "BADNAME",
        21 => "BADALG",
        22 => "BADTRUNC",
        23 => "BADCOOKIE",
        _ => return None,
    })
}

/// The name of an EDNS option (dig's and the registry's words, in lower case).
pub fn option_name(code: u16) -> Option<&'static str> {
    Some(match code {
        1 => "llq",
        2 => "update-lease",
        3 => "nsid",
        4 => "owner",
        5 => "dau",
        6 => "dhu",
        7 => "n3u",
        8 => "client-subnet",
        9 => "expire",
        10 => "cookie",
        11 => "tcp-keepalive",
        12 => "padding",
        13 => "chain",
        14 => "key-tag",
        15 => "ede",
        16 => "client-tag",
        17 => "server-tag",
        18 => "report-channel",
        19 => "zoneversion",
        20_292 => "umbrella-ident",
        26_946 => "device-id",
        _ => return None,
    })
}

/// What an extended error means (RFC 8914 and later).
pub fn extended_error(code: u16) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "Other Error",
        "Unsupported DNSKEY Algorithm",
        "Unsupported DS Digest Type",
        "Stale Answer",
        "Forged Answer",
        "DNSSEC Indeterminate",
        "DNSSEC Bogus",
        "Signature Expired",
        "Signature Not Yet Valid",
        "DNSKEY Missing",
        "RRSIGs Missing",
        "No Zone Key Bit Set",
        "NSEC Missing",
        "Cached Error",
        "Not Ready",
        "Blocked",
        "Censored",
        "Filtered",
        "Prohibited",
        "Stale NXDOMAIN Answer",
        "Not Authoritative",
        "Not Supported",
        "No Reachable Authority",
        "Network Error",
        "Invalid Data",
        "Signature Expired before Valid",
        "Too Early",
        "Unsupported NSEC3 Iterations Value",
        "Unable to conform to policy",
        "Synthesized",
        "Invalid Query Type",
    ];
    NAMES.get(usize::from(code)).copied()
}

/// `AAAA`, or `TYPE65280` (RFC 3597 §5).
pub fn kind(kind: u16) -> Cow<'static, [u8]> {
    named(kind_name(kind), "TYPE", kind)
}

/// `IN`, or `CLASS9` (RFC 3597 §5).
pub fn class(class: u16) -> Cow<'static, [u8]> {
    named(class_name(class), "CLASS", class)
}

/// `UPDATE`, or `OPCODE9`.
pub fn opcode(opcode: u8) -> Cow<'static, [u8]> {
    named(opcode_name(opcode), "OPCODE", u16::from(opcode))
}

/// `NXDOMAIN`, or the number.
pub fn rcode(rcode: u16) -> Cow<'static, [u8]> {
    named(rcode_name(rcode), "", rcode)
}

fn named(name: Option<&'static str>, word: &str, number: u16) -> Cow<'static, [u8]> {
    match name {
        Some(name) => Cow::Borrowed(name.as_bytes()),
        None => {
            let mut text = Vec::with_capacity(12);
            let _ = write!(text, "{word}{number}");
            Cow::Owned(text)
        }
    }
}
