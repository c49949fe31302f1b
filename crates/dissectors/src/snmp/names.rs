//! Names of well-known objects (RFC 3418, RFC 2863, RFC 4293, RFC 2790), by the start of their
//! identifier.

/// Prefixes in dotted form, longest first where one begins with another.
const NAMES: [(&str, &str); 48] = [
    ("1.3.6.1.2.1.1.1", "sysDescr"),
    ("1.3.6.1.2.1.1.2", "sysObjectID"),
    ("1.3.6.1.2.1.1.3", "sysUpTime"),
    ("1.3.6.1.2.1.1.4", "sysContact"),
    ("1.3.6.1.2.1.1.5", "sysName"),
    ("1.3.6.1.2.1.1.6", "sysLocation"),
    ("1.3.6.1.2.1.1.7", "sysServices"),
    ("1.3.6.1.2.1.1.8", "sysORLastChange"),
    ("1.3.6.1.2.1.1.9.1.2", "sysORID"),
    ("1.3.6.1.2.1.1.9.1.3", "sysORDescr"),
    ("1.3.6.1.2.1.1.9.1.4", "sysORUpTime"),
    ("1.3.6.1.2.1.1", "system"),
    ("1.3.6.1.2.1.2.1", "ifNumber"),
    ("1.3.6.1.2.1.2.2.1.1", "ifIndex"),
    ("1.3.6.1.2.1.2.2.1.2", "ifDescr"),
    ("1.3.6.1.2.1.2.2.1.3", "ifType"),
    ("1.3.6.1.2.1.2.2.1.4", "ifMtu"),
    ("1.3.6.1.2.1.2.2.1.5", "ifSpeed"),
    ("1.3.6.1.2.1.2.2.1.6", "ifPhysAddress"),
    ("1.3.6.1.2.1.2.2.1.7", "ifAdminStatus"),
    ("1.3.6.1.2.1.2.2.1.8", "ifOperStatus"),
    ("1.3.6.1.2.1.2.2.1.9", "ifLastChange"),
    ("1.3.6.1.2.1.2.2.1.10", "ifInOctets"),
    ("1.3.6.1.2.1.2.2.1.11", "ifInUcastPkts"),
    ("1.3.6.1.2.1.2.2.1.13", "ifInDiscards"),
    ("1.3.6.1.2.1.2.2.1.14", "ifInErrors"),
    ("1.3.6.1.2.1.2.2.1.16", "ifOutOctets"),
    ("1.3.6.1.2.1.2.2.1.17", "ifOutUcastPkts"),
    ("1.3.6.1.2.1.2.2.1.19", "ifOutDiscards"),
    ("1.3.6.1.2.1.2.2.1.20", "ifOutErrors"),
    ("1.3.6.1.2.1.2.2", "ifTable"),
    ("1.3.6.1.2.1.2", "interfaces"),
    ("1.3.6.1.2.1.31.1.1.1.1", "ifName"),
    ("1.3.6.1.2.1.31.1.1.1.6", "ifHCInOctets"),
    ("1.3.6.1.2.1.31.1.1.1.10", "ifHCOutOctets"),
    ("1.3.6.1.2.1.31.1.1.1.15", "ifHighSpeed"),
    ("1.3.6.1.2.1.31.1.1.1.18", "ifAlias"),
    ("1.3.6.1.2.1.31", "ifMIB"),
    ("1.3.6.1.2.1.25.1.1", "hrSystemUptime"),
    ("1.3.6.1.2.1.25", "host"),
    ("1.3.6.1.6.3.1.1.4.1", "snmpTrapOID"),
    ("1.3.6.1.6.3.1.1.4.3", "snmpTrapEnterprise"),
    ("1.3.6.1.6.3.1.1.5.1", "coldStart"),
    ("1.3.6.1.6.3.1.1.5.2", "warmStart"),
    ("1.3.6.1.6.3.1.1.5.3", "linkDown"),
    ("1.3.6.1.6.3.1.1.5.4", "linkUp"),
    ("1.3.6.1.6.3.1.1.5.5", "authenticationFailure"),
    ("1.3.6.1.6.3.15.1.1", "usmStats"),
];

/// An identifier with its well-known start by name: `sysDescr.0`.
pub(super) fn named(oid: &str) -> String {
    let known = NAMES.iter().find_map(|(start, name)| {
        let rest = oid.strip_prefix(start)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{name}{rest}"))
    });
    known.unwrap_or_else(|| oid.to_owned())
}

/// The error status by name (RFC 3416 §3).
pub(super) fn error(status: i64) -> Option<&'static str> {
    const ERRORS: [&str; 19] = [
        "noError",
        "tooBig",
        "noSuchName",
        "badValue",
        "readOnly",
        "genErr",
        "noAccess",
        "wrongType",
        "wrongLength",
        "wrongEncoding",
        "wrongValue",
        "noCreation",
        "inconsistentValue",
        "resourceUnavailable",
        "commitFailed",
        "undoFailed",
        "authorizationError",
        "notWritable",
        "inconsistentName",
    ];
    ERRORS.get(usize::try_from(status).ok()?).copied()
}
