//! Names of numbers: errors, consistencies, kinds of batches.

/// The name of an error (§9 of v4, §8 of v5), as it is used in logs.
pub fn error(code: i32) -> Option<&'static str> {
    Some(match code {
        0x0000 => "SERVER_ERROR",
        0x000a => "PROTOCOL_ERROR",
        0x0100 => "BAD_CREDENTIALS",
        0x1000 => "UNAVAILABLE",
        0x1001 => "OVERLOADED",
        0x1002 => "IS_BOOTSTRAPPING",
        0x1003 => "TRUNCATE_ERROR",
        0x1100 => "WRITE_TIMEOUT",
        0x1200 => "READ_TIMEOUT",
        0x1300 => "READ_FAILURE",
        0x1400 => "FUNCTION_FAILURE",
        0x1500 => "WRITE_FAILURE",
        0x1600 => "CDC_WRITE_FAILURE",
        0x1700 => "CAS_WRITE_UNKNOWN",
        0x2000 => "SYNTAX_ERROR",
        0x2100 => "UNAUTHORIZED",
        0x2200 => "INVALID",
        0x2300 => "CONFIG_ERROR",
        0x2400 => "ALREADY_EXISTS",
        0x2500 => "UNPREPARED",
        _ => return None,
    })
}

/// The name of a consistency (§3), as OpenTelemetry writes it.
pub fn consistency(code: u16) -> Option<&'static str> {
    const NAMES: [&str; 11] = [
        "any",
        "one",
        "two",
        "three",
        "quorum",
        "all",
        "local_quorum",
        "each_quorum",
        "serial",
        "local_serial",
        "local_one",
    ];
    NAMES.get(usize::from(code)).copied()
}

/// The name of a kind of batch (§4.1.7).
pub fn batch(kind: u8) -> Option<&'static str> {
    ["logged", "unlogged", "counter"].get(usize::from(kind)).copied()
}
