//! Which names say that a secret follows.

use std::{borrow::Cow, collections::HashSet};

use crate::Rules;

/// Bytes of a name that are looked at.
const NAME_BYTES_MAX: usize = 128;

/// These, and nothing longer.
const WHOLE: [&str; 42] = [
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "clientassertion",
    "connectsid",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "cvv2",
    "cardnumber",
    "idtoken",
    "jsessionid",
    "jwt",
    "otp",
    "pass",
    "passkey",
    "phpsessid",
    "pin",
    "proxyauthorization",
    "samlrequest",
    "samlresponse",
    "securitycode",
    "sessid",
    "sessionid",
    "setcookie",
    "sid",
    "sig",
    "totp",
    "xamzcredential",
    "xamzsecuritytoken",
    "xamzsignature",
    "xgoogcredential",
    "xgoogsignature",
    "userpass",
    "dbpass",
    "mysqlpwd",
    "pgpassfile",
    "requirepass",
];
/// Whatever stands around them.
const WITHIN: [&str; 5] = ["password", "passwd", "passphrase", "passcode", "passwort"];
/// At the end of a name.
const AT_END: [&str; 22] = [
    "accesskey",
    "accountkey",
    "apikey",
    "apikeys",
    "appkey",
    "authkey",
    "authorization",
    "credentials",
    "encryptionkey",
    "masterkey",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
    "secrets",
    "sessionid",
    "sessionkey",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
    "token",
    "tokens",
];
/// They sound like secrets, and are places in a list, or counts.
const HARMLESS: [&str; 12] = [
    "canceltoken",
    "cancellationtoken",
    "continuationtoken",
    "maxtokens",
    "nextpagetoken",
    "nexttoken",
    "pagetoken",
    "prevpagetoken",
    "previouspagetoken",
    "resumetoken",
    "skiptoken",
    "synctoken",
];

/// Names of secrets.
#[derive(Debug)]
pub(crate) struct Names {
    secret: HashSet<String>,
    harmless: HashSet<String>,
}

// === impl Names ===

impl Names {
    pub(crate) fn new(rules: &Rules) -> Self {
        let own = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| plain_of_any(name)).collect()
        };
        let mut harmless: HashSet<String> = HARMLESS.map(str::to_owned).into();
        harmless.extend(own(&rules.keep));
        let mut secret: HashSet<String> = WHOLE.map(str::to_owned).into();
        for name in own(&rules.names) {
            harmless.remove(&name);
            secret.insert(name);
        }
        secret.remove("");
        Self { secret, harmless }
    }

    /// Whether a secret follows this name, which may be a path: `user[password]`, `auth.token`.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        let mut place = [0; NAME_BYTES_MAX];
        if self.is_plain_secret(&plain(name, &mut place)) {
            return true;
        }
        // Only a part of a path is like a name of its own.
        let last = name.trim_end_matches([']', '"', '\'']);
        let last = last.rsplit(['.', '[', '/', ':', '$', '@']).next();
        last.is_some_and(|last| {
            last.len() < name.len() && self.is_plain_secret(&plain(last, &mut place))
        })
    }

    fn is_plain_secret(&self, name: &str) -> bool {
        if name.len() < 3 || self.harmless.contains(name) {
            return false;
        }
        self.secret.contains(name)
            || WITHIN.iter().any(|part| name.contains(part))
            || AT_END.iter().any(|end| name.ends_with(end))
                && !self.harmless.iter().any(|harmless| name.ends_with(harmless.as_str()))
    }
}

/// The letters and digits of a name, in lower case; of brackets that are percent-encoded nothing.
/// Nearly all names need no more room than `place`.
fn plain<'p>(name: &str, place: &'p mut [u8; NAME_BYTES_MAX]) -> Cow<'p, str> {
    if name.len() > NAME_BYTES_MAX || !name.is_ascii() || name.contains('%') {
        return Cow::Owned(plain_of_any(name));
    }
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    let mut len = 0;
    for (byte, letter) in place.iter_mut().zip(letters) {
        *byte = letter.to_ascii_lowercase();
        len += 1;
    }
    String::from_utf8_lossy(place.get(..len).unwrap_or_default())
}

fn plain_of_any(name: &str) -> String {
    let name = match name.char_indices().nth_back(NAME_BYTES_MAX) {
        Some((at, _)) => &name[at..],
        None => name,
    };
    let name = name.to_lowercase().replace("%5b", "[").replace("%5d", "]").replace("%2e", ".");
    name.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Whether numbers after this name are counts: `tokens: 17`.
pub(crate) fn counts(name: &str) -> bool {
    plain_of_any(name).ends_with("tokens")
}

/// Whether all of a line belongs to this name where it is a header.
pub(crate) fn is_header(name: &str) -> bool {
    matches!(
        plain_of_any(name).as_str(),
        "authorization" | "proxyauthorization" | "cookie" | "setcookie"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_all_spellings() {
        let names = Names::new(&Rules::default());
        for name in [
            "password",
            "Password",
            "newPassword",
            "password_confirmation",
            "user[password]",
            "user%5Btoken%5D",
            "DB_PASSWD",
            "accessToken",
            "refresh-token",
            "x-api-key",
            "X-Auth-Token",
            "client_secret",
            "spring.datasource.password",
            "aws_secret_access_key",
            "sid",
            "auth",
            "credentials",
            "pwd",
            "JSESSIONID",
            "connect.sid",
        ] {
            assert!(names.is_secret(name), "{name}");
        }
        for name in [
            "max_tokens",
            "nextPageToken",
            "author",
            "side",
            "pinned",
            "passenger",
            "tokenizer",
            "key",
            "secretary",
            "authenticated",
            "",
            "compass",
            "bypass",
            "desig",
        ] {
            assert!(!names.is_secret(name), "{name}");
        }
    }

    #[test]
    fn rules_come_before_what_is_built_in() {
        let rules = Rules {
            names: vec!["badge-number".into(), "page_token".into()],
            keep: vec!["csrf_token".into()],
            ..Rules::default()
        };
        let names = Names::new(&rules);
        assert!(names.is_secret("badgeNumber") && names.is_secret("pageToken"));
        assert!(!names.is_secret("CSRF-Token") && names.is_secret("token"));
    }
}
