//! Endpoints with what varies from call to call taken out: `/users/17/cart` is `/users/{id}/cart`.
//!
//! By shape alone, so that the same endpoint has the same template in every file and every store.

use std::borrow::Cow;

/// What a segment is taken for.
const NUMBER: &str = "{id}";
const UUID: &str = "{uuid}";
const HEX: &str = "{hex}";
const TOKEN: &str = "{token}";
const DATE: &str = "{date}";

/// Hexadecimal digits that are no word: `deadbeef` is one, `cafe` may be a shop.
const HEX_LEN_MIN: usize = 8;
/// Letters and digits in a mixture that nobody types.
const TOKEN_LEN_MIN: usize = 20;

/// The endpoint without its query and with its variable segments named by their shape. What does not
/// look like a path stays as it is.
#[must_use]
pub fn template(endpoint: &str) -> Cow<'_, str> {
    let separator = match endpoint.as_bytes().first() {
        Some(b'/') => '/',
        // Keys of caches and topics: user:17:cart.
        Some(_) if endpoint.contains(':') && !endpoint.contains(' ') => ':',
        _ => return shape(endpoint).map_or(Cow::Borrowed(endpoint), Cow::Borrowed),
    };
    let path = endpoint.split(['?', '#']).next().unwrap_or_default();
    if !path.split(separator).any(|segment| shape(segment).is_some()) {
        return Cow::Borrowed(path);
    }
    let mut text = String::with_capacity(path.len());
    for (at, segment) in path.split(separator).enumerate() {
        if at > 0 {
            text.push(separator);
        }
        text.push_str(shape(segment).unwrap_or(segment));
    }
    Cow::Owned(text)
}

/// What stands in place of a segment that varies.
fn shape(segment: &str) -> Option<&'static str> {
    let bytes = segment.as_bytes();
    if !bytes.iter().any(u8::is_ascii_digit) {
        return None;
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return Some(NUMBER);
    }
    if is_uuid(bytes) {
        return Some(UUID);
    }
    if is_date(bytes) {
        return Some(DATE);
    }
    if bytes.len() >= HEX_LEN_MIN && bytes.iter().all(u8::is_ascii_hexdigit) {
        return Some(HEX);
    }
    is_token(bytes).then_some(TOKEN)
}

/// RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(bytes: &[u8]) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, &u8)| {
        if is_dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    bytes.len() == 36 && bytes.iter().enumerate().all(fits)
}

/// 2026-01-29.
fn is_date(bytes: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| {
        if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() }
    };
    bytes.len() == 10 && bytes.iter().enumerate().all(fits)
}

/// Letters and at least three digits, long, without a dot (a file's name).
fn is_token(bytes: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    bytes.len() >= TOKEN_LEN_MIN && digits >= 3 && bytes.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_named_by_its_shape() {
        for (endpoint, expected) in [
            ("/users/17/cart", "/users/{id}/cart"),
            ("/users/17?full=1", "/users/{id}"),
            ("/", "/"),
            ("", ""),
            ("/login?next=/a", "/login"),
            ("/v1/users", "/v1/users"),
            ("/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/o/{uuid}"),
            ("/c/57a98d98e4b00679b4a830af", "/c/{hex}"),
            ("/cafe/2024", "/cafe/{id}"),
            ("/on/2026-01-29/all", "/on/{date}/all"),
            ("/s/eyJhbGciOiJIUzI1NiIsInR5cCI6", "/s/{token}"),
            ("/js/app-3f2504e0.min.js", "/js/app-3f2504e0.min.js"),
            ("cart:17", "cart:{id}"),
            ("skus", "skus"),
            ("1700000000", "{id}"),
            ("/pkg.Service/Method", "/pkg.Service/Method"),
            ("shop.example", "shop.example"),
        ] {
            assert_eq!(template(endpoint), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_template_is_its_own_template() {
        for endpoint in ["/users/17/cart", "cart:17", "/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301"] {
            let once = template(endpoint).into_owned();
            assert_eq!(template(&once), once);
        }
    }
}
