//! The context of a trace, as a caller sends it along: W3C Trace Context §3.2, and B3 in one header
//! or several.

use serde_json::Value;

use crate::fact::headers;

/// Where the caller was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Context {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) sampled: bool,
}

/// The context that a request carried.
pub(super) fn context(request: &Value) -> Option<Context> {
    let header = |name: &str| {
        headers(request)
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    header("traceparent").and_then(traceparent).or_else(|| header("b3").and_then(b3)).or_else(
        || {
            let sampled = header("x-b3-sampled").is_none_or(|word| word == "1" || word == "true");
            valid(header("x-b3-traceid")?, header("x-b3-spanid")?, sampled)
        },
    )
}

/// `00-TRACE-SPAN-FLAGS`; later versions may have more behind it, version ff is none.
fn traceparent(value: &str) -> Option<Context> {
    let mut parts = value.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = hex::<1>(version)?;
    let [flags] = hex::<1>(flags)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) || trace.len() != 32 {
        return None;
    }
    valid(trace, span, flags & 1 == 1)
}

/// `TRACE-SPAN`, perhaps `-SAMPLED`, perhaps `-PARENT`.
fn b3(value: &str) -> Option<Context> {
    let mut parts = value.split('-');
    let (trace, span) = (parts.next()?, parts.next()?);
    let sampled = parts.next().is_none_or(|word| word != "0");
    valid(trace, span, sampled)
}

/// Ids of zeros alone are none. B3's traces may be of 8 bytes.
fn valid(trace: &str, span: &str, sampled: bool) -> Option<Context> {
    let trace = match trace.len() {
        16 => {
            let [a, b, c, d, e, f, g, h] = hex::<8>(trace)?;
            [0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]
        }
        _ => hex::<16>(trace)?,
    };
    let span = hex::<8>(span)?;
    (trace != [0; 16] && span != [0; 8]).then_some(Context { trace, span, sampled })
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = str::from_utf8(digits).ok()?;
        if digits.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

/// An id of its own for what has none (FNV-1a of 128 bits): the same for the same call.
pub(super) fn made_up(name: &str) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let hash = name.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    hash | 1 << 64 | 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(headers: &[[&str; 2]]) -> Option<Context> {
        context(&json!({ "headers": headers }))
    }

    #[test]
    fn contexts_are_read_in_all_forms() {
        let trace = "463ac35c9f6413ad48485a3953bb6124";
        let one = of(&[["b3", &format!("{trace}-a2fb4a1d1a96d312-0")]]).unwrap();
        assert!(!one.sampled && one.trace[0] == 0x46 && one.span[0] == 0xa2);
        let several =
            of(&[["X-B3-TraceId", "48485a3953bb6124"], ["x-b3-spanid", "a2fb4a1d1a96d312"]]);
        assert_eq!(several.unwrap().trace[..8], [0; 8]);
    }

    #[test]
    fn what_is_no_context_is_none() {
        for value in [
            "",
            "00",
            "00-0-0-0",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c8031+c-b7ad6b7169203331-01",
        ] {
            assert_eq!(of(&[["traceparent", value]]), None, "{value}");
        }
    }
}
