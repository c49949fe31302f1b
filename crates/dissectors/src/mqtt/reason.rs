//! Reason codes of MQTT 5 (§2.4) and return codes of MQTT 3 (§3.2.2.3, §3.9.3).

use super::wire::Kind;

/// The name of a reason code of MQTT 5, as it is called in that packet.
pub fn name(kind: Kind, code: u8) -> Option<&'static str> {
    Some(match (code, kind) {
        (0x00, Kind::Disconnect) => "Normal disconnection",
        (0x00, Kind::Suback) => "Granted QoS 0",
        (0x00, _) => "Success",
        (0x01, _) => "Granted QoS 1",
        (0x02, _) => "Granted QoS 2",
        (0x04, _) => "Disconnect with Will Message",
        (0x10, _) => "No matching subscribers",
        (0x11, _) => "No subscription existed",
        (0x18, _) => "Continue authentication",
        (0x19, _) => "Re-authenticate",
        (0x80, _) => "Unspecified error",
        (0x81, _) => "Malformed Packet",
        (0x82, _) => "Protocol Error",
        (0x83, _) => "Implementation specific error",
        (0x84, _) => "Unsupported Protocol Version",
        (0x85, _) => "Client Identifier not valid",
        (0x86, _) => "Bad User Name or Password",
        (0x87, _) => "Not authorized",
        (0x88, _) => "Server unavailable",
        (0x89, _) => "Server busy",
        (0x8a, _) => "Banned",
        (0x8b, _) => "Server shutting down",
        (0x8c, _) => "Bad authentication method",
        (0x8d, _) => "Keep Alive timeout",
        (0x8e, _) => "Session taken over",
        (0x8f, _) => "Topic Filter invalid",
        (0x90, _) => "Topic Name invalid",
        (0x91, _) => "Packet Identifier in use",
        (0x92, _) => "Packet Identifier not found",
        (0x93, _) => "Receive Maximum exceeded",
        (0x94, _) => "Topic Alias invalid",
        (0x95, _) => "Packet too large",
        (0x96, _) => "Message rate too high",
        (0x97, _) => "Quota exceeded",
        (0x98, _) => "Administrative action",
        (0x99, _) => "Payload format invalid",
        (0x9a, _) => "Retain not supported",
        (0x9b, _) => "QoS not supported",
        (0x9c, _) => "Use another server",
        (0x9d, _) => "Server moved",
        (0x9e, _) => "Shared Subscriptions not supported",
        (0x9f, _) => "Connection rate exceeded",
        (0xa0, _) => "Maximum connect time",
        (0xa1, _) => "Subscription Identifiers not supported",
        (0xa2, _) => "Wildcard Subscriptions not supported",
        _ => return None,
    })
}

/// The name of a return code of MQTT 3: of a CONNACK, and of a filter in a SUBACK.
pub fn name_of_3(kind: Kind, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (Kind::Connack, 0) => "Connection Accepted",
        (Kind::Connack, 1) => "unacceptable protocol version",
        (Kind::Connack, 2) => "identifier rejected",
        (Kind::Connack, 3) => "Server unavailable",
        (Kind::Connack, 4) => "bad user name or password",
        (Kind::Connack, 5) => "not authorized",
        (Kind::Suback, 0) => "Granted QoS 0",
        (Kind::Suback, 1) => "Granted QoS 1",
        (Kind::Suback, 2) => "Granted QoS 2",
        (Kind::Suback, 0x80) => "Failure",
        _ => return None,
    })
}

/// Whether a code says that it failed. A CONNACK of MQTT 3 knows one code that does not.
pub fn is_error(kind: Kind, code: u8, is_5: bool) -> bool {
    code >= 0x80 || kind == Kind::Connack && !is_5 && code > 0
}
