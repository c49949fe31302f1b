//! A call of the output contract without its secrets.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use content::json::push_str;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{Mask, mark::is_marked, text};

/// A line is no call.
#[derive(Debug, thiserror::Error)]
#[error("not a line of the output contract: {0}")]
pub struct Malformed(#[from] serde_json::Error);

/// The members of an object, in order.
struct Members<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

// === impl Members ===

impl<'de: 'j, 'j> Deserialize<'de> for Members<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

/// Copies an object, each member as `each` writes it.
fn object<'j>(
    json: &'j str,
    out: &mut Vec<u8>,
    mut each: impl FnMut(&str, &'j str, &mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let Members(members) = serde_json::from_str(json)?;
    out.push(b'{');
    let mut comma: &[u8] = b"";
    for (key, value) in members {
        out.extend_from_slice(comma);
        comma = b",";
        push_str(out, &key);
        out.push(b':');
        each(&key, value.get(), out)?;
    }
    out.push(b'}');
    Ok(())
}

pub(crate) fn masked<'l>(mask: &Mask, line: &'l str) -> Result<Cow<'l, str>, Malformed> {
    let mut out = Vec::with_capacity(line.len());
    object(line, &mut out, |key, value, out| match key {
        "request" | "response" => half(mask, value, out),
        "endpoint" | "method" | "version" | "status" => strings(mask, value, out),
        _ => copy(value, out),
    })?;
    if out == line.as_bytes() {
        return Ok(Cow::Borrowed(line));
    }
    // Texts went in, and nothing else.
    Ok(Cow::Owned(String::from_utf8(out).unwrap_or_default()))
}

fn half(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    object(json, out, |key, value, out| match key {
        "headers" => headers(mask, value, out),
        "fields" => fields(mask, value, out),
        "body" => body(mask, value, out),
        _ => copy(value, out),
    })
}

fn copy(json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.extend_from_slice(json.as_bytes());
    Ok(())
}

/// All texts in it, whatever it is.
fn strings(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match json.as_bytes().first() {
        Some(b'"') => {
            let Key(text) = serde_json::from_str(json)?;
            push_masked(&text, &mask.text(&text), json, out);
            Ok(())
        }
        Some(b'[') => list(json, out, |item, out| strings(mask, item, out)),
        Some(b'{') => object(json, out, |_, value, out| strings(mask, value, out)),
        _ => copy(json, out),
    }
}

/// What did not change is copied as it was written.
fn push_masked(text: &str, masked: &str, json: &str, out: &mut Vec<u8>) {
    if text == masked {
        out.extend_from_slice(json.as_bytes());
    } else {
        push_str(out, masked);
    }
}

fn list(
    json: &str,
    out: &mut Vec<u8>,
    mut each: impl FnMut(&str, &mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let items: Vec<&RawValue> = serde_json::from_str(json)?;
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item.get(), out)?;
    }
    out.push(b']');
    Ok(())
}

/// `[[name, value], …]`
fn headers(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    list(json, out, |pair, out| {
        let [name, value]: [Key<'_>; 2] = serde_json::from_str(pair)?;
        let masked = header(mask, &name.0, &value.0);
        if masked == value.0 {
            return copy(pair, out);
        }
        out.push(b'[');
        push_str(out, &name.0);
        out.push(b',');
        push_str(out, &masked);
        out.push(b']');
        Ok(())
    })
}

fn header<'v>(mask: &Mask, name: &str, value: &'v str) -> Cow<'v, str> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("authorization") || is("proxy-authorization") {
        return Cow::Owned(credentials(mask, value));
    }
    if is("cookie") {
        let cookies: Vec<_> = value.split(';').map(|cookie| after_equals(mask, cookie)).collect();
        return Cow::Owned(cookies.join(";"));
    }
    if is("set-cookie") {
        let (cookie, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
        return Cow::Owned(after_equals(mask, cookie) + attributes);
    }
    // Places to which browsers send passwords, and what they are not allowed to do.
    if mask.names.is_secret(name) {
        return whole(mask, value);
    }
    mask.text(value)
}

/// The scheme stays (RFC 9110 §11.4).
fn credentials(mask: &Mask, value: &str) -> String {
    match value.trim().split_once(' ') {
        Some((scheme, secret)) => format!("{scheme} {}", whole(mask, secret.trim())),
        None => whole(mask, value.trim()).into_owned(),
    }
}

/// `name=value`: the name stays. What has no name is a value.
fn after_equals(mask: &Mask, pair: &str) -> String {
    let (name, value) = match pair.split_once('=') {
        Some((name, value)) => (format!("{name}="), value),
        None => {
            let value = pair.trim_start();
            (pair[..pair.len() - value.len()].to_owned(), value)
        }
    };
    format!("{name}{}", whole(mask, value.trim()))
}

fn whole<'v>(mask: &Mask, value: &'v str) -> Cow<'v, str> {
    if is_marked(value) { Cow::Borrowed(value) } else { Cow::Owned(mask.fingerprint(value)) }
}

/// Fields are named by our own tables: what they hold says what is secret. Cookies and parameters are
/// lists of `name=value`.
fn fields(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    object(json, out, |key, value, out| {
        let is_cookie = matches!(key, "http.request.cookie" | "http.response.set_cookie");
        let is_parameter = matches!(key, "url.query.parameter" | "mysql.query_attribute");
        if !is_cookie && !is_parameter {
            return strings(mask, value, out);
        }
        list(value, out, |item, out| {
            let Ok(Key(text)) = serde_json::from_str(item) else { return copy(item, out) };
            let name = text.split('=').next().unwrap_or_default();
            let masked = if is_cookie || mask.names.is_secret(name) {
                Cow::Owned(after_equals(mask, &text))
            } else {
                mask.text(&text)
            };
            push_masked(&text, &masked, item, out);
            Ok(())
        })
    })
}

/// Texts as their kind is; of other bytes what is known by its form. What can't be decoded may hold
/// anything, and is left out.
fn body(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let Members(members) = serde_json::from_str(json)?;
    let is_there = |name: &str| members.iter().any(|(key, _)| key == name);
    let media_type = members.iter().find(|(key, _)| key == "media_type");
    let is_form =
        media_type.is_some_and(|(_, value)| value.get().contains("x-www-form-urlencoded"));
    let is_opaque = is_there("decode_error") && is_there("base64");
    out.push(b'{');
    let mut comma: &[u8] = b"";
    for (key, value) in &members {
        if is_opaque && key == "base64" {
            continue;
        }
        out.extend_from_slice(comma);
        comma = b",";
        push_str(out, key);
        out.push(b':');
        match key.as_ref() {
            "text" => {
                let Key(text) = serde_json::from_str(value.get())?;
                push_masked(&text, &text::masked(mask, &text, is_form), value.get(), out);
            }
            "base64" => push_bytes(mask, value.get(), out)?,
            _ => copy(value.get(), out)?,
        }
    }
    out.push(b'}');
    Ok(())
}

/// Bytes keep their places: a mark is as long as the secret was, or cut off.
fn push_bytes(mask: &Mask, json: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let Key(base64) = serde_json::from_str(json)?;
    let mut places = Vec::new();
    let Ok(mut bytes) = STANDARD.decode(base64.as_bytes()) else { return copy("\"\"", out) };
    mask.patterns.find_bytes(&bytes, |at| places.push(at));
    if places.is_empty() {
        return copy(json, out);
    }
    for at in places {
        let Some(secret) = bytes.get_mut(at) else { continue };
        let mark = mask.mark.of(secret);
        let filled = mark.bytes().chain(std::iter::repeat(b'*'));
        secret.iter_mut().zip(filled).for_each(|(byte, star)| *byte = star);
    }
    push_str(out, &STANDARD.encode(bytes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    const LINE: &str = r#"{"id":"5-1","time":"2026-01-29T11:08:21.123456789Z","protocol":"http","method":"GET","endpoint":"/a?b=1","status":{"code":"200","result":"ok"},"src":{"ip":"10.0.0.1","port":1},"dst":{"ip":"10.0.0.2","port":80,"labels":{"token":"label"}},"request":{"first_ns":0,"headers":[["Host","a\"b"]],"fields":{"http.request.method":"GET","n":[1,2]},"body":{"size":2,"truncated":false,"text":"ok"}},"response":{"size":1},"pairing":"matched","missing":null,"stream":"5"}"#;

    fn mask() -> Mask {
        Mask::new(&Rules::default(), &[7; 32]).unwrap()
    }

    fn with(request: &str) -> String {
        let half = format!(r#"{{"id":"1","request":{request},"stream":"1"}}"#);
        mask().line(&half).unwrap().into_owned()
    }

    #[test]
    fn a_line_without_secrets_is_not_touched() {
        assert!(matches!(mask().line(LINE).unwrap(), Cow::Borrowed(line) if line == LINE));
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for line in ["", "x", "[]", "{\"request\":{\"headers\":[[1,2]]}}", "{\"request\":7}"] {
            assert!(mask().line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn headers_are_masked_by_their_names() {
        let mark = mask().fingerprint("hunter2");
        let masked = with(
            r#"{"headers":[["Authorization","Bearer hunter2"],["cookie","a=hunter2; b=hunter2"],["Set-Cookie","s=hunter2; Path=/; HttpOnly"],["X-API-Key","hunter2"],["Referer","http://a/?token=hunter2&x=1"],["Host","a"]]}"#,
        );
        let expected = format!(
            r#"{{"headers":[["Authorization","Bearer {mark}"],["cookie","a={mark}; b={mark}"],["Set-Cookie","s={mark}; Path=/; HttpOnly"],["X-API-Key","{mark}"],["Referer","http://a/?token={mark}&x=1"],["Host","a"]]}}"#
        );
        assert_eq!(masked, format!(r#"{{"id":"1","request":{expected},"stream":"1"}}"#));
    }

    #[test]
    fn fields_and_bodies_are_masked() {
        for request in [
            r#"{"fields":{"http.request.cookie":["theme=hunter2"],"url.query.parameter":["q=1","token=hunter2"],"url.full":"http://a/?token=hunter2"}}"#,
            r#"{"body":{"media_type":"application/x-www-form-urlencoded","text":"a=1&password=x;\"hunter2"}}"#,
            r#"{"body":{"media_type":"application/json","text":"{\"password\":\"hunter2\"}"}}"#,
            r#"{"body":{"encoding":"br","decode_error":"broken","base64":"aHVudGVyMg=="}}"#,
        ] {
            let masked = with(request);
            assert!(!masked.contains("hunter2") && !masked.contains("aHVudGVyMg"), "{masked}");
        }
    }

    #[test]
    fn tokens_in_bytes_are_overwritten_in_place() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
        let bytes = [b"\x00\xff".as_slice(), jwt.as_bytes(), b"\x01"].concat();
        let masked = with(&format!(r#"{{"body":{{"base64":"{}"}}}}"#, STANDARD.encode(&bytes)));
        let base64 = masked.split("base64\":\"").nth(1).unwrap().split('"').next().unwrap();
        let after = STANDARD.decode(base64).unwrap();
        assert_eq!((after.len(), &after[..6]), (bytes.len(), b"\x00\xff***#".as_slice()));
        assert!(!after.windows(3).any(|three| three == b"eyJ") && after.ends_with(b"*\x01"));
    }
}
