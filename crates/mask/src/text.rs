//! Secrets in a text of any kind: documents, forms, statements, pages, whole or cut off.

use std::borrow::Cow;

use memchr::memchr3_iter;

use crate::{
    Mask,
    hits::{Form, Hits},
    names::{counts, is_header},
    value::{self, Place},
};

/// Bytes of a name that are looked for before a separator.
const NAME_BYTES_MAX: usize = 96;
/// Bytes between a name and the value that belongs to it, where they are told apart.
const NEAR_BYTES_MAX: usize = 256;

/// The text without its secrets. `is_form`: it is a form (`a=b&c=d`) and nothing else.
pub(crate) fn masked<'t>(mask: &Mask, text: &'t str, is_form: bool) -> Cow<'t, str> {
    let mut hits = Hits::default();
    mask.patterns.find(text, |at| hits.add(at, Form::Plain));
    if is_form {
        find_in_form(mask, text, &mut hits);
    }
    find_by_names(mask, text, &mut hits);
    hits.replace(text, &mask.mark)
}

/// Values may hold all but `&`.
fn find_in_form(mask: &Mask, text: &str, hits: &mut Hits) {
    let mut from = 0;
    for pair in text.split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && mask.names.is_secret(&String::from_utf8_lossy(&content::form::percent_decode(
                name.as_bytes(),
            )))
        {
            let begin = from + name.len() + 1;
            hits.add(begin..begin + value.len(), Form::Percent);
        }
        from += pair.len() + 1;
    }
}

fn find_by_names(mask: &Mask, text: &str, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for at in memchr3_iter(b':', b'=', b'>', bytes) {
        if at < done {
            continue;
        }
        if bytes[at] == b'>' {
            if element_name(text, at).is_some_and(|name| mask.names.is_secret(name)) {
                done = element(text, at + 1, hits);
            }
            continue;
        }
        let Some(name) = Name::before(text, at) else { continue };
        if mask.names.is_secret(&name.decoded()) {
            let place = Place {
                is_quoted: name.is_quoted,
                begins_line: name.begins_line,
                separator: bytes[at],
                counts: counts(name.text),
                is_header: name.begins_line && bytes[at] == b':' && is_header(name.text),
            };
            // `=>`, `==`, `:=`
            let doubled = bytes.get(at + 1).is_some_and(|next| b"=>".contains(next));
            if is_of_ring(name.text, text)
                && let Some(end) = value::numbers(text, at + 1)
            {
                done = end;
                continue;
            }
            done = value::find(text, at + 1 + usize::from(doubled), place, hits);
        } else if matches!(name.text, "name" | "key" | "Name" | "Key") {
            find_apart(mask, text, at + 1, hits);
        }
    }
}

/// A database's node says which places of a ring it has: whole numbers beside the name of its data centre.
fn is_of_ring(name: &str, text: &str) -> bool {
    name == "tokens" && text.contains("data_center")
}

/// A name as it stands before a separator.
struct Name<'t> {
    text: &'t str,
    is_quoted: bool,
    begins_line: bool,
}

// === impl Name ===

impl<'t> Name<'t> {
    fn before(text: &'t str, separator: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let skip = |end: usize, skipped: &[u8]| {
            let rest = bytes.get(..end).unwrap_or_default();
            end - rest.iter().rev().take(NAME_BYTES_MAX).take_while(|b| skipped.contains(b)).count()
        };
        let end = skip(separator, b" \t");
        let word_end = skip(end, b"\"'");
        let is_quoted = word_end < end;
        let word_end = if is_quoted { skip(word_end, b"\\") } else { word_end };
        let word = bytes.get(..word_end)?.iter().rev().take(NAME_BYTES_MAX);
        let begin = word_end - word.take_while(|byte| is_part(**byte)).count();
        let name = text.get(begin..word_end).filter(|name| !name.is_empty())?;
        let before = bytes.get(..begin)?;
        let line = before.iter().rev().take_while(|byte| **byte != b'\n');
        let begins_line = line.take(NAME_BYTES_MAX).all(|byte| b" \t\r-".contains(byte));
        Some(Self { text: name, is_quoted, begins_line })
    }

    /// A letter may be written as `\u0061`.
    fn decoded(&self) -> Cow<'t, str> {
        if !self.is_quoted || !self.text.contains("\\u") {
            return Cow::Borrowed(self.text);
        }
        let single = self.text.replace("\\\\", "\\");
        serde_json::from_str(&format!("\"{single}\"")).map_or(Cow::Borrowed(self.text), Cow::Owned)
    }
}

/// What names are made of, in all notations; backslashes for letters that are escaped.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-.[]%$@\\".contains(&byte)
}

/// The name of the element that begins with the tag that ends here.
fn element_name(text: &str, end: usize) -> Option<&str> {
    let before = text.as_bytes().get(..end)?;
    let back = before.iter().rev().take(NEAR_BYTES_MAX).position(|byte| *byte == b'<')?;
    let tag = text.get(end - back..end)?;
    let name = tag.split_ascii_whitespace().next()?;
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_name && tag.starts_with(name) && !tag.ends_with('/')).then_some(name)
}

/// The text of an element, up to the next tag.
fn element(text: &str, from: usize, hits: &mut Hits) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let inner = rest.strip_prefix("<![CDATA[").map_or((from, "<"), |_| (from + 9, "]]>"));
    let rest = text.get(inner.0..).unwrap_or_default();
    let end = inner.0 + rest.find(inner.1).unwrap_or(rest.len());
    let value = text.get(inner.0..end).unwrap_or_default();
    let (begin, value) = (inner.0 + value.len() - value.trim_start().len(), value.trim());
    hits.add(begin..begin + value.len(), Form::Plain);
    end
}

/// `name="password"`, and the value later: in a part of a multipart body, an attribute, a pair.
fn find_apart(mask: &Mask, text: &str, from: usize, hits: &mut Hits) {
    let rest = text.get(from..).unwrap_or_default();
    let from = from + rest.len() - rest.trim_start().len();
    let Some(name) = value::quoted(text, from) else { return };
    if !text
        .get(name.inner.clone())
        .is_some_and(|name| name.len() <= NAME_BYTES_MAX && mask.names.is_secret(name))
    {
        return;
    }
    let rest = text.get(name.end..).unwrap_or_default();
    if let Some((begin, len)) = part(rest) {
        hits.add(name.end + begin..name.end + begin + len, Form::Plain);
        return;
    }
    let mut near = NEAR_BYTES_MAX.min(rest.len());
    while !rest.is_char_boundary(near) {
        near -= 1;
    }
    let near = rest.get(..near).unwrap_or_default();
    let near = near.split(['>', '}']).next().unwrap_or_default();
    let Some(word) = near.to_ascii_lowercase().find("value") else { return };
    let after = near.get(word + "value".len()..).unwrap_or_default();
    let value = after.trim_start_matches(['"', '\'', '\\', ' ', '\t', '\r', '\n']);
    let Some(value) = value.strip_prefix([':', '=']) else { return };
    let begin = name.end + word + "value".len() + (after.len() - value.len());
    let place = Place {
        is_quoted: true,
        begins_line: false,
        separator: b':',
        counts: false,
        is_header: false,
    };
    value::find(text, begin, place, hits);
}

/// The content of a part (RFC 7578) whose name ended just before: behind an empty line, up to the next
/// boundary.
fn part(rest: &str) -> Option<(usize, usize)> {
    let head = rest.split("\n--").next()?;
    let line_end = head.find('\n')?;
    // Other parameters may follow on the line, but nothing that is no header.
    if !head.get(..line_end)?.trim_start().is_empty() && !head.starts_with(';') {
        return None;
    }
    let empty =
        head.find("\r\n\r\n").map(|at| at + 4).or_else(|| head.find("\n\n").map(|at| at + 2))?;
    let value = head.get(empty..)?.trim_end_matches('\r');
    Some((empty, value.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rules;

    fn mask() -> Mask {
        Mask::new(&Rules::default(), &[7; 32]).unwrap()
    }

    /// Each text holds `hunter2` once or more, where it is a secret.
    const TEXTS: [&str; 36] = [
        r#"{"user":"bob","password":"hunter2"}"#,
        r#"{"user":"bob","password" : "hunter2","x":1}"#,
        r#"{"password":"hunter2"#,
        r#"{"pass\u0077ord":"hunter2"}"#,
        r#"{"password":"a\"hunter2"}"#,
        r#"{"password":"a\\","b":1,"secret":"hunter2"}"#,
        r#"{"secrets":["hunter2",{"a":"hunter2"}],"b":[1]}"#,
        r#"{"credentials":{"key":{"data":"hunter2"}}}"#,
        r#"{"text":"{\"password\":\"hunter2\"}"}"#,
        r#"{"text":"{\"a\":\"{\\\"token\\\":\\\"hunter2\\\"}\"}"}"#,
        r#"{"text":"{\"password\":\"a\\\"hunter2\"}"}"#,
        "{'password': 'hunter2'}",
        "user=bob&password=hunter2&x=1",
        "user=bob&user%5Bpassword%5D=hunter2",
        "https://a.example/x?api_key=hunter2#top",
        "https://bob:hunter2@a.example/",
        "password: hunter2",
        "db:\n  password: some hunter2\n  host: a",
        "X-Api-Key: hunter2\r\nHost: a",
        "GET / HTTP/1.1\r\nAuthorization: Custom a hunter2\r\nHost: a",
        "GET / HTTP/1.1\r\nCookie: a=hunter2; b=hunter2\r\n\r\n",
        "PASSWORD=hunter2 USER=bob",
        "Server=a;User=b;Password=hunter2;Timeout=3",
        "<login><user>bob</user><password>hunter2</password></login>",
        "<ns:Password Type=\"text\">hunter2</ns:Password>",
        "<password><![CDATA[hunter2]]></password>",
        "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"secret\"; filename=\"x\"\r\nContent-Type: a/b\r\n\r\nhunter2\nx\r\n--b--",
        "<input type=\"password\" name=\"password\" value=\"hunter2\">",
        r#"[{"name":"x-api-key","value":"hunter2"}]"#,
        r#"[{"name":"x-api-key","value":[1,"hunter2"]}]"#,
        "CREATE USER a IDENTIFIED BY 'hunter2'",
        "UPDATE users SET password = 'it''s hunter2' WHERE id = 1",
        "params.token => 'hunter2'",
        "data: {\"access_token\":\"hunter2\"}\n\ndata: [DONE]",
        "ünïcode_password=hunter2",
    ];

    #[test]
    fn secrets_are_found_in_texts_of_all_kinds() {
        let mask = mask();
        for text in TEXTS {
            let masked = mask.text(text);
            assert!(!masked.contains("hunter2"), "{text} → {masked}");
            assert_eq!(mask.text(&masked), masked, "{text}");
        }
    }

    #[test]
    fn equal_secrets_have_equal_marks_however_they_are_written() {
        let (mask, mark) = (mask(), mask().fingerprint("a b\"c"));
        for text in [
            r#"{"token":"a b\"c"}"#,
            r#"{"x":"{\"token\":\"a b\\\"c\"}"}"#,
            "token=a+b%22c&x=1",
            "token: a b\"c",
        ] {
            let masked = mask.text(text);
            assert!(masked.contains(&mark), "{text} → {masked}");
        }
    }

    #[test]
    fn what_stands_around_stays() {
        let (mask, mark) = (mask(), mask().fingerprint("hunter2"));
        let same = |text: &str| {
            assert_eq!(mask.text(&text.replace("***", "hunter2")), text.replace("***", &mark))
        };
        same(r#"{"user":"bob","password":"***","n":{"token":null,"ok":true}}"#);
        same("a=1&password=***&b=2");
        same("<a><token>***</token><b>1</b></a>");
        same("SET password = '***' WHERE id = 1");
        let number = mask.fingerprint("1234");
        assert_eq!(
            mask.text(r#"{"pin": 1234, "b": 2}"#),
            format!(r#"{{"pin": "{number}", "b": 2}}"#)
        );
        assert_eq!(
            mask.text(r#"{"a":"{\"pin\":1234}"}"#),
            format!(r#"{{"a":"{{\"pin\":\"{number}\"}}"}}"#)
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        let mask = mask();
        for text in [
            r#"{"usage":{"prompt_tokens":12,"total_tokens":40},"next_page_token":"abc"}"#,
            r#"{"password":null,"has_token":true,"token":""}"#,
            "the author's key: value; a == b",
            "https://a.example/passport?page=2",
            "<passage>text</passage>",
        ] {
            assert_eq!(mask.text(text), text);
        }
    }

    #[test]
    fn places_of_a_ring_are_no_secrets() {
        for open in [
            r#"{"data_center":"dc1","tokens":["-9223372036854775808", "17"],"rack":"r1"}"#,
            r#"{"row":["{\"data_center\":\"dc1\",\"tokens\":[\"-42\",\"0\"]}"]}"#,
        ] {
            assert_eq!(masked(&mask(), open, false), open);
        }
        for shut in [
            r#"{"data_center":"dc1","tokens":["-42","hunter2"]}"#,
            r#"{"data_center":"dc1","tokens":["007"]}"#,
            r#"{"data_center":"dc1","tokens":["12"#,
            r#"{"data_center":"dc1","access_tokens":["17"]}"#,
            r#"{"user":"bob","tokens":["123456"]}"#,
        ] {
            assert_ne!(masked(&mask(), shut, false), shut, "{shut}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_masked_once(text in r#"([a-c"'\\:=>{}\[\], <&é\r\n-]|password|token|name|value|hunter2){0,40}"#) {
            let mask = mask();
            let once = mask.text(&text).into_owned();
            let in_json = serde_json::to_string(&once).unwrap();
            prop_assert!(mask.text(&in_json).len() < usize::MAX);
            // No marks of marks: every piece of `once` that is one stays.
            for mark in once.match_indices("***#").map(|(at, _)| once.get(at..at + 12)) {
                prop_assert!(mark.is_some());
            }
        }

        #[test]
        fn documents_stay_documents(name in "(password|token|pin|secrets|user)", value in any::<String>(), number: i64) {
            let mask = mask();
            let document = serde_json::json!({ "a": number, &name: [value, { "b": value }, number], "c": { &name: value } });
            let text = document.to_string();
            let masked = mask.text(&text);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert!(serde_json::from_str::<String>(&mask.text(&quoted)).is_ok(), "{quoted}");
        }
    }
}
