//! JSON, written by hand: values come as they are and are cut at a limit.

use content::json;

/// Bytes of one value, at most.
pub const VALUE_MAX: usize = 1 << 10;

/// Writes a JSON string; what is not UTF-8 is replaced, what is too long is cut.
pub fn string(out: &mut Vec<u8>, text: &[u8], cut: bool) {
    let kept = text.get(..VALUE_MAX).unwrap_or(text);
    out.push(b'"');
    json::push_inner_lossy(out, kept);
    if cut || kept.len() < text.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Writes a number as it is if JSON takes it so, else as a string.
pub fn number(out: &mut Vec<u8>, text: &[u8], cut: bool) {
    if is_number(text) && !cut { out.extend_from_slice(text) } else { string(out, text, cut) }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    let leads = whole > 1 && rest.first() == Some(&b'0');
    let mut rest = rest.get(whole..).unwrap_or_default();
    if whole == 0 || leads || text.len() > 64 {
        return false;
    }
    if let Some(behind) = rest.strip_prefix(b".") {
        let part = digits(behind);
        if part == 0 {
            return false;
        }
        rest = behind.get(part..).unwrap_or_default();
    }
    if let Some(behind) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
        let behind = behind.strip_prefix(b"+").or(behind.strip_prefix(b"-")).unwrap_or(behind);
        return !behind.is_empty() && digits(behind) == behind.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_json_are_numbers() {
        for (text, wanted) in [
            ("0", true),
            ("-12.50", true),
            ("1e+5", true),
            ("007", false),
            ("", false),
            ("-", false),
            ("1.", false),
            ("NaN", false),
            ("1e", false),
            ("Infinity", false),
        ] {
            assert_eq!(is_number(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn strings_are_escaped_and_cut() {
        let mut out = Vec::new();
        string(&mut out, b"a\"\\\n\x01\xff", false);
        assert_eq!(String::from_utf8_lossy(&out), "\"a\\\"\\\\\\n\\u0001\u{fffd}\"");
        let mut out = Vec::new();
        string(&mut out, &[b'x'; 5_000], false);
        assert_eq!(out.len(), VALUE_MAX + 2 + 3);
    }
}
