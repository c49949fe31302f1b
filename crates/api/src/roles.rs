//! Who may do what: tokens and their roles.

use std::{fmt, str::FromStr, sync::Arc};

use subtle::ConstantTimeEq;

use crate::Grant;

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

/// The tokens that are accepted, and the certificates that are told apart. Without any, whoever gets through to
/// the listener is an admin.
#[derive(Clone, Default)]
pub struct Tokens {
    tokens: Vec<(Vec<u8>, Arc<Grant>)>,
    certificates: Vec<(String, Arc<Grant>)>,
}

/// Tokens held at most: each one is compared with on every request.
const TOKENS_MAX: usize = 256;
/// Bytes of a token at least: shorter ones are guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// What stands before the name of a certificate, where a token would.
const CERTIFICATE: &str = "certificate=";

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
        self.tokens.is_empty()
    }

    /// Whether certificates are told apart.
    #[must_use]
    pub fn has_certificates(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// Accepts a further token, of somebody with this role everywhere.
    ///
    /// # Errors
    /// When it is too short, or there are too many.
    pub fn add(&mut self, token: &str, role: Role) -> Result<(), String> {
        let name = format!("{} {}", role.name(), self.tokens.len() + 1);
        self.grant(token, Grant::new(role, None, &name)?)
    }

    /// Accepts a further token, of somebody who is granted this.
    ///
    /// # Errors
    /// When it is too short, or there are too many.
    pub fn grant(&mut self, token: &str, grant: Grant) -> Result<(), String> {
        if let Some(name) = token.strip_prefix(CERTIFICATE) {
            self.room()?;
            self.certificates.push((name.to_owned(), Arc::new(grant)));
            return Ok(());
        }
        if token.len() < TOKEN_BYTES_MIN {
            return Err(format!("a token has at least {TOKEN_BYTES_MIN} characters"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is made of visible ASCII characters, without spaces".into());
        }
        self.room()?;
        self.tokens.push((token.as_bytes().to_vec(), Arc::new(grant)));
        Ok(())
    }

    fn room(&self) -> Result<(), String> {
        if self.tokens.len() + self.certificates.len() >= TOKENS_MAX {
            return Err(format!("more than {TOKENS_MAX} tokens"));
        }
        Ok(())
    }

    /// Accepts the tokens of a file: a line each, `TOKEN` (an admin's) or `ROLE [namespaces=A,B] [name=NAME]
    /// TOKEN`, where `certificate=NAME` may stand for a token; empty lines and those that begin with `#` say
    /// nothing.
    ///
    /// # Errors
    /// When a line can't be read; the token itself is not repeated.
    pub fn add_lines(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |error: String| format!("line {number}: {error}");
            let (token, grant) = granted(line, number).map_err(at)?;
            self.grant(token, grant).map_err(at)?;
        }
        Ok(())
    }

    /// What is granted to whoever shows this token. Takes as long for one that is nearly right as for one
    /// that is not.
    pub(crate) fn of_token(&self, shown: &[u8]) -> Option<Arc<Grant>> {
        let mut granted = None;
        for (token, its) in &self.tokens {
            if bool::from(token.as_slice().ct_eq(shown)) {
                granted = Some(its.clone());
            }
        }
        granted
    }

    /// What is granted to whoever shows a certificate of this name.
    pub(crate) fn of_certificate(&self, name: &str) -> Option<Arc<Grant>> {
        let found = self.certificates.iter().find(|(known, _)| known == name);
        found.map(|(_, its)| its.clone())
    }
}

/// A line of a file: the token, and what it grants.
fn granted(line: &str, number: usize) -> Result<(&str, Grant), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (role, options, token) = match words.as_slice() {
        [token] => (Role::Admin, &[][..], *token),
        [role, options @ .., token] => {
            // What is no role may be a token: it is not repeated.
            let flaw = |_| "not `TOKEN` and not `ROLE TOKEN`".to_owned();
            (role.parse::<Role>().map_err(flaw)?, options, *token)
        }
        [] => return Err("no token".into()),
    };
    let mut name = match token.strip_prefix(CERTIFICATE) {
        Some(name) => name.to_owned(),
        None => format!("{} of line {number}", role.name()),
    };
    let mut scope = None;
    for option in options {
        match option.split_once('=') {
            Some(("namespaces", names)) => scope = Some(names.parse()?),
            Some(("name", told)) if !told.is_empty() => told.clone_into(&mut name),
            _ => return Err("between role and token: namespaces=A,B or name=NAME".into()),
        }
    }
    Ok((token, Grant::new(role, scope, &name)?))
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.tokens.len())
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
        let role = |token: &[u8]| tokens.of_token(token).map(|grant| grant.role);
        assert_eq!(role(b"0123456789abcdef"), Some(Role::Viewer));
        assert_eq!(role(b"fedcba9876543210"), Some(Role::Admin));
        assert_eq!(role(b"abcdefghijklmnop"), Some(Role::Admin));
        assert_eq!(role(b"0123456789abcdeF"), None);
        assert_eq!(role(b""), None);
    }

    #[test]
    fn a_file_limits_to_namespaces() {
        let mut tokens = Tokens::default();
        let text = "viewer namespaces=shop,web name=ann 0123456789abcdef\n\
            viewer-without-payloads namespaces=bank certificate=bob.example\n";
        tokens.add_lines(text).unwrap();
        let ann = tokens.of_token(b"0123456789abcdef").unwrap();
        assert_eq!(ann.name, "ann");
        assert_eq!(ann.scope.as_ref().unwrap().namespaces(), ["shop", "web"]);
        let bob = tokens.of_certificate("bob.example").unwrap();
        assert_eq!((bob.role, bob.name.as_str()), (Role::ViewerWithoutPayloads, "bob.example"));
        assert!(tokens.of_certificate("eve.example").is_none());
        assert!(tokens.of_token(b"certificate=bob.example").is_none());
        for flaw in [
            "viewer namespaces= 0123456789abcdef",
            "viewer namespaces=* 0123456789abcdef",
            "viewer namespace=shop 0123456789abcdef",
            "viewer name= 0123456789abcdef",
            "viewer shop 0123456789abcdef",
            "admin namespaces=shop 0123456789abcdef",
            "namespaces=shop 0123456789abcdef",
        ] {
            let told = Tokens::default().add_lines(flaw).unwrap_err();
            assert!(!told.contains("0123"), "{told}");
        }
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
