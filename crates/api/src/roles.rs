//! Who may do what: tokens and their roles.

use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq;

/// What the bearer of a token may do. Each may do all that those before it may.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Sees who called whom, when, and how it ended; no headers, fields, bodies or packets.
    ViewerWithoutPayloads,
    /// Sees everything.
    Viewer,
    /// Also imports captures.
    Admin,
}

/// The tokens that are accepted. Without any, whoever gets through to the listener is an admin.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Vec<u8>, Role)>);

/// Tokens held at most: each one is compared with on every request.
const TOKENS_MAX: usize = 256;
/// Bytes of a token at least: shorter ones are guessed.
const TOKEN_BYTES_MIN: usize = 16;

// === impl Role ===

impl Role {
    /// Its name in token files and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ViewerWithoutPayloads => "viewer-without-payloads",
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    /// Whether it may see what calls carried.
    #[must_use]
    pub fn sees_payloads(self) -> bool {
        self >= Self::Viewer
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::ViewerWithoutPayloads, Self::Viewer, Self::Admin]
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| format!("{name:?} is no role: viewer-without-payloads, viewer or admin"))
    }
}

// === impl Tokens ===

impl Tokens {
    /// Whether none was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Accepts a further token.
    ///
    /// # Errors
    /// When it is too short, or there are too many.
    pub fn add(&mut self, token: &str, role: Role) -> Result<(), String> {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(format!("a token has at least {TOKEN_BYTES_MIN} characters"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is made of visible ASCII characters, without spaces".into());
        }
        if self.0.len() >= TOKENS_MAX {
            return Err(format!("more than {TOKENS_MAX} tokens"));
        }
        self.0.push((token.as_bytes().to_vec(), role));
        Ok(())
    }

    /// Accepts the tokens of a file: a line each, `TOKEN` (an admin's) or `ROLE TOKEN`; empty lines
    /// and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// When a line can't be read; the token itself is not repeated.
    pub fn add_lines(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (role, token) = match line.split_once(char::is_whitespace) {
                Some((role, token)) => {
                    // What is no role may be a token: it is not repeated.
                    let role = role.parse().map_err(|_: String| {
                        format!("line {number}: not `TOKEN` and not `ROLE TOKEN`")
                    })?;
                    (role, token.trim())
                }
                None => (Role::Admin, line),
            };
            self.add(token, role).map_err(|error| format!("line {number}: {error}"))?;
        }
        Ok(())
    }

    /// The role of whoever shows this token. Takes as long for one that is nearly right as for one
    /// that is not.
    #[must_use]
    pub fn role(&self, shown: &[u8]) -> Option<Role> {
        let mut role = None;
        for (token, its) in &self.0 {
            if bool::from(token.as_slice().ct_eq(shown)) {
                role = Some(*its);
            }
        }
        role
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_roles() {
        let mut tokens = Tokens::default();
        let text =
            "# ours\n\nviewer 0123456789abcdef\n  admin   fedcba9876543210 \nabcdefghijklmnop\n";
        tokens.add_lines(text).unwrap();
        assert_eq!(tokens.role(b"0123456789abcdef"), Some(Role::Viewer));
        assert_eq!(tokens.role(b"fedcba9876543210"), Some(Role::Admin));
        assert_eq!(tokens.role(b"abcdefghijklmnop"), Some(Role::Admin));
        assert_eq!(tokens.role(b"0123456789abcdeF"), None);
        assert_eq!(tokens.role(b""), None);
    }

    #[test]
    fn a_flaw_names_its_line_and_not_the_token() {
        let mut tokens = Tokens::default();
        let flaw = tokens.add_lines("\nsecretsecretsecret admin\n").unwrap_err();
        assert_eq!(flaw, "line 2: not `TOKEN` and not `ROLE TOKEN`");
        assert!(tokens.add("short", Role::Viewer).is_err());
        assert!(!format!("{tokens:?}").contains("secret"));
    }

    #[test]
    fn roles_are_ordered() {
        assert!(!Role::ViewerWithoutPayloads.sees_payloads());
        assert!(Role::Viewer.sees_payloads() && Role::Admin > Role::Viewer);
    }
}
