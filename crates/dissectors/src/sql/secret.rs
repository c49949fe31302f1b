//! Passwords in statements.
//!
//! `ALTER ROLE ann PASSWORD '…'`, `CREATE USER … IDENTIFIED BY '…'`, `SET PASSWORD = '…'`, and
//! connection strings of foreign servers and subscriptions.

use super::{
    Dialect,
    token::{Kind, Tokens},
};

/// Words whose next literals are secret.
const WORDS: [&str; 5] = ["PASSWORD", "IDENTIFIED", "SECRET", "CONNECTION", "PASSPHRASE"];
/// Functions whose every literal is secret.
const FUNCTIONS: [&str; 7] = [
    "dblink_connect",
    "crypt",
    "pgp_sym_encrypt",
    "pgp_sym_decrypt",
    "aes_encrypt",
    "aes_decrypt",
    "dblink",
];
/// Tokens behind such a word that may still be its literal.
const REACH: usize = 6;

/// Whether `text` may hold a secret: worth a look with [`hide`]. Cheap.
#[must_use]
pub fn may_hold(text: &[u8]) -> bool {
    if memchr::memchr3(b'\'', b'"', b'$', text).is_none() {
        return false;
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'(';
    let at = text.iter().position(|byte| !blank(byte)).unwrap_or(0);
    match text.get(at..at + 3) {
        // Most of what is said: none of these holds a password but in a function.
        Some([b'S' | b's', b'E' | b'e', b'L' | b'l']) => contains_function(text),
        Some([b'I' | b'i', b'N' | b'n', _] | [b'D' | b'd', b'E' | b'e', b'L' | b'l'])
        | Some([b'U' | b'u', b'P' | b'p', _] | [b'B' | b'b', b'E' | b'e', _])
        | Some([b'C' | b'c', b'O' | b'o', _] | [b'R' | b'r', b'O' | b'o', _])
            if !text.contains(&b';') =>
        {
            contains_function(text)
        }
        _ => true,
    }
}

fn contains_function(text: &[u8]) -> bool {
    // Each of the functions has one of these in its name.
    ["crypt", "link", "CRYPT", "LINK"]
        .iter()
        .any(|part| memchr::memmem::find(text, part.as_bytes()).is_some())
        || memchr::memchr(b';', text).is_some()
}

/// Calls `each` with the place of every secret literal in `text`, in order; quotes included.
pub fn hide(text: &[u8], dialect: Dialect, each: &mut dyn FnMut(std::ops::Range<usize>)) {
    let mut reach = 0;
    for token in Tokens::of(text, dialect) {
        let is_function = token.kind == Kind::Word
            && FUNCTIONS.iter().any(|name| token.text.eq_ignore_ascii_case(name.as_bytes()));
        if is_function {
            reach = REACH * 3;
        } else if token.is_one_of(&WORDS) {
            reach = REACH;
        } else if token.kind == Kind::Text && reach > 0 {
            each(token.at..token.end());
        } else if token.kind == Kind::Mark(b';') {
            reach = 0;
        } else {
            reach = reach.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str, dialect: Dialect) -> String {
        let mut hidden = text.as_bytes().to_vec();
        if may_hold(text.as_bytes()) {
            hide(text.as_bytes(), dialect, &mut |place| hidden[place].fill(b'*'));
        }
        String::from_utf8_lossy(&hidden).into_owned()
    }

    #[test]
    fn passwords_are_found_and_other_literals_stay() {
        for (text, wanted) in [
            (
                "ALTER ROLE ann PASSWORD 'abc' VALID UNTIL 'x'",
                "ALTER ROLE ann PASSWORD ***** VALID UNTIL ***",
            ),
            (
                "create user ann with encrypted password $$a$$",
                "create user ann with encrypted password *****",
            ),
            ("SELECT 1; ALTER USER ann PASSWORD 'a'", "SELECT 1; ALTER USER ann PASSWORD ***"),
            (
                "SELECT dblink_connect('c', 'password=a')",
                "SELECT dblink_connect(***, ************)",
            ),
            ("SELECT 'abc' FROM t", "SELECT 'abc' FROM t"),
            ("SET search_path = 'x'", "SET search_path = 'x'"),
        ] {
            assert_eq!(hidden(text, Dialect::PostgreSql), wanted);
        }
        let my_sql =
            hidden("CREATE USER a IDENTIFIED WITH mysql_native_password BY 'abc'", Dialect::MySql);
        assert_eq!(my_sql, "CREATE USER a IDENTIFIED WITH mysql_native_password BY *****");
        assert_eq!(
            hidden("SET PASSWORD FOR 'a' = 'bcd'", Dialect::MySql),
            "SET PASSWORD FOR *** = *****"
        );
    }
}
