//! The operation of a document (<https://spec.graphql.org/October2021/> §2): its type, its name and
//! the first field that it asks for. Nothing else is read.

/// Tokens that are looked at.
const TOKENS_MAX: usize = 1 << 16;

/// An operation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Operation {
    /// `query`, `mutation`, `subscription`
    pub(super) kind: String,
    pub(super) name: Option<String>,
    /// The first field of its selection, not its alias.
    pub(super) field: Option<String>,
    /// All brackets were closed.
    pub(super) is_whole: bool,
}

/// Takes tokens off a document: names, and single characters.
struct Tokens<'d> {
    rest: &'d str,
    left: usize,
}

impl Operation {
    /// The operation `wanted`, else the first one; `None` where this is no document.
    pub(super) fn of(document: &str, wanted: Option<&str>) -> Option<Self> {
        let mut tokens = Tokens { rest: document, left: TOKENS_MAX };
        let mut first = None;
        while let Some(token) = tokens.next() {
            let found = match token {
                "{" => Self { kind: "query".into(), ..Self::default() }.body(&mut tokens, true),
                "query" | "mutation" | "subscription" => {
                    Self { kind: token.into(), ..Self::default() }.body(&mut tokens, false)
                }
                "fragment" => {
                    let _ = Self::default().body(&mut tokens, false);
                    continue;
                }
                _ => return first,
            };
            let found = found?;
            if wanted.is_some() && wanted == found.name.as_deref() {
                return Some(found);
            }
            first = first.or(Some(found));
        }
        first
    }

    /// Reads on to the end of the selection. `open` says that its bracket was read.
    fn body(mut self, tokens: &mut Tokens<'_>, open: bool) -> Option<Self> {
        let (mut braces, mut others) = (u32::from(open), 0_u32);
        // Tokens since the beginning, or since the first field.
        let mut place = 0;
        let mut aliased = false;
        while let Some(token) = tokens.next() {
            place += 1;
            match token {
                "{" if others == 0 => braces += 1,
                "(" | "[" | "{" => others += 1,
                ")" | "]" => others = others.saturating_sub(1),
                "}" if others > 0 => others -= 1,
                "}" => {
                    braces = braces.checked_sub(1)?;
                    if braces == 0 {
                        self.is_whole = true;
                        return self.field.is_some().then_some(self);
                    }
                }
                _ if others > 0 => {}
                // `alias: field`
                ":" if place == 1 && braces == 1 && !aliased => aliased = true,
                ":" | "@" | "." => {}
                _ if !is_name(token) => return None,
                _ if braces == 0 && place == 1 => self.name = Some(token.into()),
                _ if braces == 1 && (self.field.is_none() || aliased && place == 2) => {
                    self.field = Some(token.into());
                    place = 2 * u32::from(aliased);
                }
                _ => {}
            }
        }
        self.field.is_some().then_some(self)
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

// === impl Tokens ===

impl<'d> Tokens<'d> {
    fn next(&mut self) -> Option<&'d str> {
        self.left = self.left.checked_sub(1)?;
        self.skip();
        let first = self.rest.chars().next()?;
        let len = match first {
            _ if is_name(self.rest) => {
                let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                end.unwrap_or(self.rest.len())
            }
            '"' => self.text_len(),
            _ => first.len_utf8(),
        };
        let (token, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(token)
    }

    /// White space, commas and comments.
    fn skip(&mut self) {
        loop {
            let blank = |c: char| c.is_whitespace() || c == ',' || c == '\u{feff}';
            self.rest = self.rest.trim_start_matches(blank);
            if !self.rest.starts_with('#') {
                return;
            }
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.rest = self.rest.get(end..).unwrap_or_default();
        }
    }

    fn text_len(&self) -> usize {
        if let Some(block) = self.rest.strip_prefix("\"\"\"") {
            return block.find("\"\"\"").map_or(self.rest.len(), |at| at + 6);
        }
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        end.map_or(self.rest.len(), |(at, _)| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(document: &str, wanted: Option<&str>) -> Option<(String, String, String)> {
        let found = Operation::of(document, wanted)?;
        Some((found.kind, found.name.unwrap_or_default(), found.field.unwrap_or_default()))
    }

    fn want(kind: &str, name: &str, field: &str) -> Option<(String, String, String)> {
        Some((kind.into(), name.into(), field.into()))
    }

    #[test]
    fn operations_have_type_name_and_first_field() {
        assert_eq!(of("{ hero { name } }", None), want("query", "", "hero"));
        assert_eq!(of("query { me }", None), want("query", "", "me"));
        assert_eq!(
            of(
                "mutation Buy($id: ID! = \"}\", $o: In = {a: 1}) @x(y: 1) { do: buy(id: $id) { ok } }",
                None
            ),
            want("mutation", "Buy", "buy")
        );
        assert_eq!(of("# {\n subscription S { a b(s: \"x", None), want("subscription", "S", "a"));
    }

    #[test]
    fn the_wanted_operation_is_found_among_others() {
        let all = "fragment F on T { x } query A { a(s: \"\"\"}\"\"\") } query B { b ...F }";
        assert_eq!(of(all, None), want("query", "A", "a"));
        assert_eq!(of(all, Some("B")), want("query", "B", "b"));
        assert_eq!(of(all, Some("C")), want("query", "A", "a"));
    }

    #[test]
    fn what_is_no_document_has_no_operation() {
        for text in [
            "",
            "SELECT 1",
            "shoes",
            "query",
            "{}",
            "}",
            "query shoes",
            "{\"match\": 1}",
            "{job=\"x\"}",
            "up{job=1}",
        ] {
            assert_eq!(of(text, None), None, "{text}");
        }
    }
}
