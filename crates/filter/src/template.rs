//! Endpoints with what varies from call to call taken out: `/users/17/cart` is `/users/{id}/cart`.
//!
//! By the templates that the user gives, and else by shape alone, so that the same endpoint has the same
//! template in every file and every store.

use std::{borrow::Cow, fmt, str::FromStr, sync::OnceLock};

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

/// Templates that can be given at most: each path is held against each of them.
const GIVEN_MAX: usize = 1000;

/// Those given to this program.
static GIVEN: OnceLock<Box<[Template]>> = OnceLock::new();

/// A template that the user gives: a path, of which some segments are names in braces, as OpenAPI writes
/// it (`/users/{name}/cart`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template(Box<str>);

/// Why a text is no template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoTemplate {
    /// It does not begin with a slash.
    NoPath,
    /// A brace is not at the end of its segment, or there is no name in the braces.
    Braces,
    /// More than can be given.
    TooMany,
    /// Others were given before.
    Twice,
}

/// Gives this program the templates by which [`template`] goes first, in their order. Once, when it
/// starts: what was counted under one template can't be counted again under another.
///
/// # Errors
/// When there are more than a thousand, or others were given.
pub fn give_templates(templates: &[Template]) -> Result<(), NoTemplate> {
    if templates.is_empty() {
        return Ok(());
    }
    if templates.len() > GIVEN_MAX {
        return Err(NoTemplate::TooMany);
    }
    let given = GIVEN.get_or_init(|| templates.into());
    if **given == *templates { Ok(()) } else { Err(NoTemplate::Twice) }
}

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
    if let Some(given) = given_template(path) {
        return Cow::Borrowed(given);
    }
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

/// The first of the given templates that this endpoint fits.
#[must_use]
pub fn given_template(endpoint: &str) -> Option<&'static str> {
    let given = GIVEN.get()?;
    let path = endpoint.split(['?', '#']).next()?;
    given.iter().find(|given| given.fits(path)).map(|given| &*given.0)
}

// === impl Template ===

impl Template {
    /// Whether `path` is one of its kind: as many segments, and the same where no name stands. A template
    /// fits itself.
    fn fits(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let mut fits = |own: &str| {
            segments.next().is_some_and(|said| own == said || is_name(own) && !said.is_empty())
        };
        self.0.split('/').all(&mut fits) && segments.next().is_none()
    }
}

impl FromStr for Template {
    type Err = NoTemplate;

    fn from_str(text: &str) -> Result<Self, NoTemplate> {
        if !text.starts_with('/') {
            return Err(NoTemplate::NoPath);
        }
        let is_plain = |segment: &str| !segment.contains(['{', '}', '?', '#']);
        match text.split('/').all(|segment| is_name(segment) || is_plain(segment)) {
            true => Ok(Self(text.into())),
            false => Err(NoTemplate::Braces),
        }
    }
}

fn is_name(segment: &str) -> bool {
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
}

// === impl NoTemplate ===

impl fmt::Display for NoTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPath => "a template is a path: /users/{name}/cart",
            Self::Braces => {
                "a segment is a word or a name in braces, without a query: /users/{name}/cart"
            }
            Self::TooMany => "more than 1000 templates",
            Self::Twice => "other templates were given before",
        })
    }
}

impl std::error::Error for NoTemplate {}

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
    fn a_given_template_takes_words_too_and_no_other_number_of_segments() {
        let template: Template = "/people/{name}/cart".parse().unwrap();
        for (path, expected) in [
            ("/people/ada/cart", true),
            ("/people/{name}/cart", true),
            ("/people//cart", false),
            ("/people/ada", false),
            ("/people/ada/cart/", false),
            ("/people/ada/list", false),
        ] {
            assert_eq!(template.fits(path), expected, "{path}");
        }
        for text in ["people/{name}", "/people/{}", "/people/x{name}", "/people/{a}{b}", "/a?{b}"] {
            assert!(text.parse::<Template>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_given_comes_first_and_is_given_once() {
        let templates: Vec<_> =
            ["/only-here/{who}", "/only-here/{what}"].map(|t| t.parse().unwrap()).into();
        give_templates(&templates).unwrap();
        give_templates(&templates).unwrap();
        assert_eq!(template("/only-here/17?x=1"), "/only-here/{who}");
        assert_eq!(template("/only-here/17/18"), "/only-here/{id}/{id}");
        assert_eq!(give_templates(&templates[1..]), Err(NoTemplate::Twice));
        assert_eq!(give_templates(&vec![templates[0].clone(); 1001]), Err(NoTemplate::TooMany));
    }

    #[test]
    fn a_template_is_its_own_template() {
        for endpoint in ["/users/17/cart", "cart:17", "/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301"] {
            let once = template(endpoint).into_owned();
            assert_eq!(template(&once), once);
        }
    }
}
