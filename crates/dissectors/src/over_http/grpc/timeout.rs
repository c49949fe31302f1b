//! How long the client waits (`PROTOCOL-HTTP2.md`, "Timeout").

/// A value like `200m`, in nanoseconds.
pub(super) fn parse(value: &[u8]) -> Option<u64> {
    let (unit, digits) = value.split_last()?;
    let unit = match unit {
        b'H' => 3_600_000_000_000,
        b'M' => 60_000_000_000,
        b'S' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        _ => return None,
    };
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    Some(value.saturating_mul(unit))
}

#[test]
fn each_unit_is_known() {
    let of = |text: &str| parse(text.as_bytes());
    assert_eq!(of("1H"), Some(3_600_000_000_000));
    assert_eq!(of("2M"), Some(120_000_000_000));
    assert_eq!(of("3S"), Some(3_000_000_000));
    assert_eq!(of("200m"), Some(200_000_000));
    assert_eq!(of("5u"), Some(5_000));
    assert_eq!(of("99999999n"), Some(99_999_999));
    for bad in ["", "m", "1", "1s", "-1S", "123456789S"] {
        assert_eq!(of(bad), None, "{bad}");
    }
}
