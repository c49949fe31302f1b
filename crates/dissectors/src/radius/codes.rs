//! Codes of packets (RFC 2865 §3, RFC 2866 §3, RFC 5176 §2.1, RFC 5997).

use dissect::Role;

/// Which kind of call a code belongs to, and whether it asks.
pub(super) fn kind(code: u8) -> Option<(u8, Role)> {
    Some(match code {
        1 | 12 => (0, Role::Asks),
        2 | 3 | 11 => (0, Role::Answers),
        4 => (1, Role::Asks),
        5 => (1, Role::Answers),
        40 => (2, Role::Asks),
        41 | 42 => (2, Role::Answers),
        43 => (3, Role::Asks),
        44 | 45 => (3, Role::Answers),
        _ => return None,
    })
}

/// A code by name.
pub(super) fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "Access-Request",
        2 => "Access-Accept",
        3 => "Access-Reject",
        4 => "Accounting-Request",
        5 => "Accounting-Response",
        11 => "Access-Challenge",
        12 => "Status-Server",
        13 => "Status-Client",
        40 => "Disconnect-Request",
        41 => "Disconnect-ACK",
        42 => "Disconnect-NAK",
        43 => "CoA-Request",
        44 => "CoA-ACK",
        45 => "CoA-NAK",
        _ => return None,
    })
}

/// Whether an answer says no.
pub(super) fn is_no(code: u8) -> bool {
    matches!(code, 3 | 42 | 45)
}
