//! A statement without its values: two that differ in them only become the same text.

use super::{
    Dialect,
    token::{Kind, Token, Tokens},
};

/// Writes `text` down with `?` for each value, lists of values as one, blanks as one.
pub fn normalised(text: &[u8], dialect: Dialect) -> Vec<u8> {
    let mut shape = Vec::with_capacity(text.len());
    let mut last: Option<Token<'_>> = None;
    let mut tokens = Tokens::of(text, dialect);
    while let Some(token) = tokens.next() {
        let spaced = last.is_some_and(|last| last.end() < token.at);
        if is_sign(last, token, &tokens) {
            last = Some(Token { at: token.at, ..token });
            if spaced {
                shape.push(b' ');
            }
            continue;
        }
        let touching = last.is_some_and(|last| is_hidden_sign(last, &shape));
        if spaced && !touching && shape.last() != Some(&b' ') {
            shape.push(b' ');
        }
        match token.kind {
            Kind::Text | Kind::Number | Kind::Placeholder => value(&mut shape),
            Kind::Mark(b')') => close(&mut shape),
            _ => shape.extend_from_slice(token.text),
        }
        last = Some(token);
    }
    while matches!(shape.last(), Some(b';' | b' ')) {
        shape.pop();
    }
    shape
}

/// `-` and `+` before a number belong to it, unless something is before them to take away from.
fn is_sign(last: Option<Token<'_>>, token: Token<'_>, rest: &Tokens<'_>) -> bool {
    let signs = matches!(token.kind, Kind::Mark(b'-' | b'+'));
    let operand = match last.map(|last| last.kind) {
        Some(Kind::Mark(mark)) => matches!(mark, b')' | b']' | b'-' | b'+'),
        Some(Kind::Word) => last.is_some_and(|last| !last.is_one_of(&BEFORE_VALUES)),
        Some(_) => true,
        None => false,
    };
    signs && !operand && rest.peek().is_some_and(|next| next.kind == Kind::Number)
}

/// Words that are no operand of a sign behind them.
const BEFORE_VALUES: [&str; 10] =
    ["VALUES", "SELECT", "LIMIT", "OFFSET", "AND", "BETWEEN", "THEN", "ELSE", "RETURNING", "WHEN"];

/// Whether the last token was left out.
fn is_hidden_sign(last: Token<'_>, shape: &[u8]) -> bool {
    matches!(last.kind, Kind::Mark(b'-' | b'+')) && shape.last() != last.text.first()
}

/// A value; one that follows another one in a list is not written.
fn value(shape: &mut Vec<u8>) {
    let trimmed = shape.trim_ascii_end();
    if let Some(before) = trimmed.strip_suffix(b",")
        && before.trim_ascii_end().ends_with(b"?")
        && is_in_list(before.trim_ascii_end())
    {
        let len = before.trim_ascii_end().len();
        shape.truncate(len);
        return;
    }
    shape.push(b'?');
}

/// Whether the value at the end of `shape` is the first of a list in parentheses.
fn is_in_list(shape: &[u8]) -> bool {
    let before = shape.strip_suffix(b"?").unwrap_or(shape).trim_ascii_end();
    before.ends_with(b"(") || before.ends_with(b"[")
}

/// The end of a list; one that follows another one like it is not written: `(?), (?)`.
fn close(shape: &mut Vec<u8>) {
    let trimmed = shape.trim_ascii_end().len();
    if let Some(before) = shape[..trimmed].strip_suffix(b"(?") {
        let before = before.trim_ascii_end();
        if let Some(before) = before.strip_suffix(b",")
            && before.trim_ascii_end().ends_with(b"(?)")
        {
            let len = before.trim_ascii_end().len();
            shape.truncate(len);
            return;
        }
    }
    shape.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_differ_in_values_become_the_same() {
        for (text, wanted) in [
            ("SELECT * FROM t WHERE a = 'x' AND b=1.5", "SELECT * FROM t WHERE a = ? AND b=?"),
            ("SELECT 1 /* id 7 */ ;", "SELECT ?"),
            ("select a\n\tfrom  t -- x", "select a from t"),
            ("a IN (1, 2,3)", "a IN (?)"),
            ("a IN ($1,$2)", "a IN (?)"),
            ("VALUES (1,'a'), (2,'b'),(3,'c')", "VALUES (?)"),
            ("VALUES (1, now()), (2, now())", "VALUES (?, now()), (?, now())"),
            ("a = -5 AND b - 5 > +1", "a = ? AND b - ? > ?"),
            ("f(a, 1, 2)", "f(a, ?, ?)"),
            ("ARRAY[1,2]", "ARRAY[?]"),
            ("SELECT $$x$$, E'\\''", "SELECT ?, ?"),
            ("t2.a1 = 'it''s", "t2.a1 = ?"),
            ("a->>'b' #> '{c}'", "a->>? #> ?"),
        ] {
            let shape = normalised(text.as_bytes(), Dialect::PostgreSql);
            assert_eq!(String::from_utf8_lossy(&shape), wanted, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_shape_is_not_longer_and_holds_no_value(text in proptest::collection::vec(0u8..=127, 0..200)) {
            let shape = normalised(&text, Dialect::PostgreSql);
            assert!(shape.len() <= text.len() + 1);
        }
    }
}
