//! What a `CONNECT` proves itself with is not written down.
//!
//! Its JSON is copied piece by piece; values of secret names become `"***"`. What can't be read as
//! JSON is hidden whole.

/// What stands in a secret's place.
pub const HIDDEN: &[u8] = b"\"***\"";
/// Names whose values are secrets (the options of `CONNECT`, and those of routes and leaf nodes).
const SECRETS: [&[u8]; 10] = [
    b"pass",
    b"password",
    b"auth_token",
    b"token",
    b"jwt",
    b"sig",
    b"nkey",
    b"seed",
    b"proxy_sig",
    b"client_key",
];
/// Arrays and objects within one another.
const DEPTH_MAX: usize = 32;

/// Where a value is not what JSON says.
#[derive(Debug)]
struct Broken;

/// What `CONNECT` says, secrets hidden; pieces go to `write`, in order.
pub fn masked<'b>(json: &'b [u8], mut write: impl FnMut(&'b [u8])) {
    let mut pieces = Pieces { json, at: 0, run: 0, write: &mut write };
    if pieces.value(None).is_err() {
        // What was written so far was read as JSON; the rest may hold anything.
        let Pieces { write, .. } = pieces;
        write(HIDDEN);
    } else {
        pieces.flush();
    }
}

/// Whether the option `verbose` is on; as without it (`server/client.go`, `defaultOpts`).
pub fn is_verbose(json: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(json, b"\"verbose\"") else { return true };
    let rest = json.get(at + 9..).unwrap_or_default().trim_ascii_start();
    let value = rest.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
    !value.starts_with(b"false")
}

/// Reads over JSON.
struct Pieces<'b, 'w, W: FnMut(&'b [u8])> {
    json: &'b [u8],
    at: usize,
    /// From here on nothing was written yet.
    run: usize,
    write: &'w mut W,
}

// === impl Pieces ===

impl<'b, W: FnMut(&'b [u8])> Pieces<'b, '_, W> {
    /// Reads one value; `name` is that under which it stands. Not by recursion: objects and arrays
    /// that are open are bits.
    fn value(&mut self, name: Option<&[u8]>) -> Result<(), Broken> {
        let mut name = name.map(is_secret).unwrap_or(false);
        // The innermost last: whether it is an object.
        let mut open = [false; DEPTH_MAX];
        let mut depth = 0;
        // Every turn takes at least one byte.
        loop {
            self.blanks();
            let Some(byte) = self.peek() else { return Err(Broken) };
            match byte {
                _ if name => {
                    self.flush();
                    self.skip_value()?;
                    (self.write)(HIDDEN);
                    self.run = self.at;
                }
                b'{' | b'[' => {
                    *open.get_mut(depth).ok_or(Broken)? = byte == b'{';
                    depth += 1;
                    self.at += 1;
                    self.blanks();
                    match self.peek() {
                        Some(b'}' | b']') => {}
                        _ => {
                            name = byte == b'{' && self.name()?;
                            continue;
                        }
                    }
                }
                b'"' => {
                    self.string()?;
                }
                _ => self.word()?,
            }
            // Behind a value: what closes, or the next one.
            loop {
                if depth == 0 {
                    self.blanks();
                    return if self.at == self.json.len() { Ok(()) } else { Err(Broken) };
                }
                self.blanks();
                let object = open.get(depth - 1).copied().unwrap_or(false);
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.blanks();
                        name = object && self.name()?;
                        break;
                    }
                    Some(b'}') if object => depth -= 1,
                    Some(b']') if !object => depth -= 1,
                    _ => return Err(Broken),
                }
                self.at += 1;
            }
        }
    }

    /// A name and its colon; whether it is that of a secret.
    fn name(&mut self) -> Result<bool, Broken> {
        let name = self.string()?;
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(Broken);
        }
        self.at += 1;
        Ok(is_secret(name))
    }

    /// A secret's value: a string or a word; nothing else is one.
    fn skip_value(&mut self) -> Result<(), Broken> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            _ => self.word(),
        }
    }

    fn string(&mut self) -> Result<&'b [u8], Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        let from = self.at + 1;
        let mut at = from;
        loop {
            match self.json.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => return Err(Broken),
            }
        }
        self.at = at + 1;
        Ok(self.json.get(from..at).unwrap_or_default())
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<(), Broken> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let len = rest.iter().take_while(|byte| is_word(byte)).count();
        self.at += len;
        if len > 0 { Ok(()) } else { Err(Broken) }
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn flush(&mut self) {
        let run = self.json.get(self.run..self.at).unwrap_or_default();
        if !run.is_empty() {
            (self.write)(run);
        }
        self.run = self.at;
    }
}

/// A name with an escape may be any.
fn is_secret(name: &[u8]) -> bool {
    name.contains(&b'\\') || SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        let mut out = Vec::new();
        masked(json.as_bytes(), |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_is_as_sent() {
        assert_eq!(
            shown(r#"{"user":"ann","pass":"s3cret","verbose":false,"a":[1,{"sig" : "s3cret"}]}"#),
            r#"{"user":"ann","pass":"***","verbose":false,"a":[1,{"sig" : "***"}]}"#
        );
        assert_eq!(shown(r#"{"PASS":"s3\"cret"}"#), r#"{"PASS":"***"}"#);
        assert_eq!(shown(r#"{"p\u0061ss":"s3cret"}"#), r#"{"p\u0061ss":"***"}"#);
        assert_eq!(shown("{}"), "{}");
    }

    #[test]
    fn what_is_not_json_is_hidden() {
        for broken in [
            r#"{"pass":s3cret!}"#,
            r#"{"user" "s3cret"}"#,
            r#"{"pass":{"a":"s3cret"}}"#,
            r#"{"a":"s3cret"#,
            r#"{"a":1} s3cret"#,
            &"[".repeat(100),
        ] {
            let shown = shown(broken);
            assert!(!shown.contains("s3cret") && shown.contains("***"), "{broken}: {shown}");
        }
    }

    #[test]
    fn verbose_is_on_unless_it_is_off() {
        assert!(is_verbose(b"{}"));
        assert!(is_verbose(br#"{"verbose": true}"#));
        assert!(!is_verbose(br#"{"a":1,"verbose": false}"#));
    }
}
