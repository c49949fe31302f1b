//! Secrets that are known by their form, wherever they stand.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder, bytes};

use crate::RuleError;

/// Bytes that a compiled pattern of the user may take.
const SIZE_MAX: usize = 1 << 20;

/// Tokens that need nothing around them.
const TOKENS: &str = concat!(
    // JSON Web Tokens (RFC 7519): two objects in base64url, and a signature that may be cut off.
    r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}",
    // Amazon, GitHub, GitLab, Google, npm, OpenAI and Anthropic, Slack, Stripe.
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}",
    r"|\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_.-]{16,}|\bnpm_[A-Za-z0-9]{30,}",
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
);

/// A scheme of authentication (RFC 6750, RFC 7617 and others) and its secret, which may be the next word
/// of a sentence instead.
const SCHEME: &str = r"(?i)\b(?:bearer|negotiate|token|basic)[ \t]+([A-Za-z0-9._~+/=-]{4,})";

/// The first group is the secret.
const PLACES: [&str; 2] = [
    // RFC 3986 §3.2.1
    r#"://[^/\s:@"'<>\\]*:([^/\s@"'<>\\]+)@"#,
    r"(?i)\b(?:identified\s+(?:with\s+\S+\s+)?by|password)\s+(?:as\s+|hash\s+)?'((?:[^']|'')+)'?",
];

/// One of these, in any case, is in each of the forms above.
const SIGNS: [&str; 25] = [
    "eyj",
    "akia",
    "asia",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "aiza",
    "ya29.",
    "npm_",
    "sk-",
    "xox",
    "k_live_",
    "k_test_",
    "private key",
    "bearer",
    "negotiate",
    "token",
    "basic",
    "://",
    "identified",
    "password",
];

/// Forms of secrets.
#[derive(Debug)]
pub(crate) struct Patterns {
    signs: AhoCorasick,
    tokens: Regex,
    places: Vec<Regex>,
    scheme: Regex,
    own: Vec<Regex>,
    bytes: bytes::Regex,
}

// === impl Patterns ===

impl Patterns {
    pub(crate) fn new(own: &[String]) -> Result<Self, RuleError> {
        let fault = |pattern: &str, error| RuleError { pattern: pattern.into(), error };
        let compile = |pattern: &str| {
            let built = RegexBuilder::new(pattern).size_limit(SIZE_MAX).build();
            built.map_err(|error| fault(pattern, error))
        };
        let signs = AhoCorasick::builder().ascii_case_insensitive(true).build(SIGNS);
        let signs = signs.map_err(|error| fault("", regex::Error::Syntax(error.to_string())))?;
        let all = |patterns: &[&str]| -> Result<Vec<Regex>, RuleError> {
            patterns.iter().map(|one| compile(one)).collect()
        };
        Ok(Self {
            signs,
            tokens: compile(TOKENS)?,
            scheme: compile(SCHEME)?,
            places: all(&PLACES)?,
            own: all(&own.iter().map(String::as_str).collect::<Vec<_>>())?,
            bytes: bytes::RegexBuilder::new(TOKENS)
                .unicode(false)
                .build()
                .map_err(|error| fault(TOKENS, error))?,
        })
    }

    /// Shows where secrets are.
    pub(crate) fn find(&self, text: &str, mut each: impl FnMut(Range<usize>)) {
        for pattern in &self.own {
            first_groups(pattern, text, &mut each);
        }
        if !self.signs.is_match(text) {
            return;
        }
        self.tokens.find_iter(text).for_each(|found| each(found.range()));
        for found in self.scheme.captures_iter(text).filter_map(|all| all.get(1)) {
            if !is_word(found.as_str()) {
                each(found.range());
            }
        }
        for pattern in &self.places {
            first_groups(pattern, text, &mut each);
        }
    }

    /// Shows where secrets are in bytes that are no text.
    pub(crate) fn find_bytes(&self, bytes: &[u8], mut each: impl FnMut(Range<usize>)) {
        self.bytes.find_iter(bytes).for_each(|found| each(found.range()));
    }
}

fn first_groups(pattern: &Regex, text: &str, each: &mut impl FnMut(Range<usize>)) {
    for all in pattern.captures_iter(text) {
        if let Some(found) = all.get(1).or_else(|| all.get(0)) {
            each(found.range());
        }
    }
}

/// A word of a sentence rather than a token: "bearer authentication", "token required".
fn is_word(text: &str) -> bool {
    text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let patterns = Patterns::new(&[]).unwrap();
        let mut found = Vec::new();
        patterns.find(text, |range| found.push(&text[range]));
        found
    }

    #[test]
    fn tokens_are_known_by_their_form() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
        assert_eq!(found(&format!("x {jwt} y")), [jwt]);
        assert_eq!(found("Bearer abc-DEF_123"), ["abc-DEF_123"]);
        assert_eq!(found("basic dXNlcjpwdw=="), ["dXNlcjpwdw=="]);
        assert_eq!(found("postgres://app:hunter2@db/x"), ["hunter2"]);
        assert_eq!(found("CREATE USER a IDENTIFIED BY 'it''s'"), ["it''s"]);
        assert_eq!(found("ALTER ROLE a PASSWORD 'x' VALID"), ["x"]);
        assert_eq!(found("key AKIAIOSFODNN7EXAMPLE."), ["AKIAIOSFODNN7EXAMPLE"]);
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        assert_eq!(found(key), [key]);
        assert_eq!(found(&key[..40]), [&key[..40]]);
    }

    #[test]
    fn sentences_are_left_alone() {
        assert!(found("Bearer authentication, basic information: token required").is_empty());
        assert!(found("http://a.example:80/b@c").is_empty());
    }

    #[test]
    fn own_patterns_mask_their_first_group_or_all() {
        let own = Patterns::new(&["badge ([0-9]+)".into(), "DE[0-9]{4}".into()]).unwrap();
        let (text, mut found) = ("badge 17 DE1234", Vec::new());
        own.find(text, |range| found.push(&text[range]));
        assert_eq!(found, ["17", "DE1234"]);
        assert!(Patterns::new(&["(".into()]).is_err());
        assert!(Patterns::new(&["(a{1000}){1000}".into()]).is_err());
    }
}
