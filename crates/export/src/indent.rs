//! JSON laid out over lines, without being understood: also what is cut, or wrong, comes out whole.

/// Appends `json` with a line for each member, lines after the first indented by `margin` spaces and
/// two more for each level. Short lists of plain values stay on one line. White space between the
/// parts is replaced.
pub(crate) fn push_indented(out: &mut Vec<u8>, json: &[u8], margin: usize) {
    let mut depth = 0_usize;
    let mut rest = json;
    let mut ended = false;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte.is_ascii_whitespace() {
            continue;
        }
        if std::mem::take(&mut ended) && byte != b',' {
            new_line(out, margin);
        }
        match byte {
            b'"' => rest = push_string(out, after),
            b'{' | b'[' => match short_list(byte, after) {
                Some(len) => {
                    rest = push_short_list(out, byte, after, len);
                    ended = depth == 0;
                }
                None => {
                    depth += 1;
                    out.push(byte);
                    new_line(out, margin + indent(depth));
                }
            },
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(out, margin + indent(depth));
                out.push(byte);
                ended = depth == 0;
            }
            b',' => {
                out.push(byte);
                new_line(out, margin + indent(depth));
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
}

/// A list of plain values is shown on one line up to this length.
const SHORT_LIST_BYTES_MAX: usize = 100;

/// Deeper levels are not indented further: 64 KiB of `[` shall not become gigabytes.
const DEPTH_SHOWN_MAX: usize = 32;

fn indent(depth: usize) -> usize {
    2 * depth.min(DEPTH_SHOWN_MAX)
}

fn new_line(out: &mut Vec<u8>, spaces: usize) {
    out.push(b'\n');
    out.resize(out.len() + spaces, b' ');
}

/// Copies a string whose opening quote was read, with that quote; gives back what is behind it.
fn push_string<'a>(out: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    let (string, rest) = rest.split_at(string_len(rest));
    out.push(b'"');
    out.extend_from_slice(string);
    rest
}

/// Length of a string behind its opening quote, closing quote included.
fn string_len(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = rest.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next + 1;
        match rest.get(at - 1) {
            Some(b'\\') => at += 1,
            _ => return at,
        }
    }
    rest.len()
}

/// How long an empty object or a short list of plain values is behind its opening bracket.
fn short_list(open: u8, rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < SHORT_LIST_BYTES_MAX {
        match rest.get(at)? {
            b']' if open == b'[' => return Some(at + 1),
            b'}' if open == b'{' => return Some(at + 1),
            b'[' | b'{' | b']' | b'}' => return None,
            space if space.is_ascii_whitespace() => at += 1,
            _ if open == b'{' => return None,
            b'"' => at += 1 + string_len(&rest[at + 1..]),
            _ => at += 1,
        }
    }
    None
}

fn push_short_list<'a>(out: &mut Vec<u8>, open: u8, rest: &'a [u8], len: usize) -> &'a [u8] {
    let (mut list, behind) = rest.split_at(len);
    out.push(open);
    while let Some((&byte, after)) = list.split_first() {
        list = after;
        match byte {
            b'"' => list = push_string(out, after),
            b',' => out.extend_from_slice(b", "),
            space if space.is_ascii_whitespace() => {}
            _ => out.push(byte),
        }
    }
    behind
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn members_have_lines_and_short_lists_have_one() {
        assert_eq!(
            indented(r#"{"a":[1,"x, \"y\"",null],"b":{"c":[[1],{}],"d":[]}}"#),
            r#"{
  "a": [1, "x, \"y\"", null],
  "b": {
    "c": [
      [1],
      {}
    ],
    "d": []
  }
}"#
        );
    }

    #[test]
    fn what_is_cut_is_shown_as_far_as_it_goes() {
        assert_eq!(indented(r#"{"a":"b\"#), "{\n  \"a\": \"b\\");
        assert_eq!(indented(r#"{"a":[1,"#), "{\n  \"a\": [\n    1,\n    ");
    }

    #[test]
    fn documents_in_a_row_have_lines_of_their_own() {
        assert_eq!(indented("{\"a\":1}\n{\"a\":2}\n"), "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}");
        assert_eq!(indented("{}{}"), "{}\n{}");
    }

    #[test]
    fn a_deep_document_does_not_explode() {
        let deep = "[".repeat(65_536);
        assert!(indented(&deep).len() < 5_000_000);
    }

    proptest! {
        #[test]
        fn a_document_means_the_same_afterwards(value in document()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let read: Value = serde_json::from_str(&indented(&text)).unwrap();
                prop_assert_eq!(&read, &value);
            }
        }

        #[test]
        fn any_bytes_keep_all_that_is_not_white_space(text in "[\\[\\]{}\",:\\\\ a1\n]{0,60}") {
            let solid = |text: &str| text.split_ascii_whitespace().collect::<String>();
            prop_assert_eq!(solid(&indented(&text)), solid(&text));
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,5}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn indented(json: &str) -> String {
        let mut out = Vec::new();
        push_indented(&mut out, json.as_bytes(), 0);
        String::from_utf8(out).unwrap()
    }
}
