//! Sizes on the command line.

/// Reads `512MiB`, `64kB`, `1000` as bytes.
///
/// # Errors
/// In words, for the command line.
pub fn bytes(text: &str) -> Result<u64, String> {
    let size: bytesize::ByteSize = text
        .parse()
        .map_err(|_| "a size is a number with an optional unit: 4096, 64KiB, 512MiB".to_owned())?;
    Ok(size.as_u64())
}

/// The same, or `unlimited`.
///
/// # Errors
/// In words, for the command line.
pub fn limit(text: &str) -> Result<u64, String> {
    if text == "unlimited" { Ok(u64::MAX) } else { bytes(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_nonsense_is_not() {
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert_eq!(bytes("1000"), Ok(1_000));
        assert_eq!(limit("unlimited"), Ok(u64::MAX));
        assert!(bytes("many").is_err());
    }
}
