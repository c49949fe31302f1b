//! Names of tables and other things: `public.users`, `"My Table"`, `` `shop`.`order` ``.

use std::borrow::Cow;

use super::token::{Kind, Token, Tokens};

/// Parts of one name, at most: server, database, schema, table.
const PARTS_MAX: usize = 4;

/// Reads the name that begins with `first`; the rest of it comes off `tokens`.
pub fn read<'a>(
    first: Token<'a>,
    tokens: &mut Tokens<'a>,
    text: &'a [u8],
) -> Option<Cow<'a, [u8]>> {
    let mut name = part(first)?;
    let mut last = first;
    for _ in 1..PARTS_MAX {
        let mut ahead = tokens.clone();
        if ahead.next().is_none_or(|token| token.kind != Kind::Mark(b'.')) {
            break;
        }
        let Some((next, inner)) = ahead.next().and_then(|token| Some((token, part(token)?))) else {
            break;
        };
        *tokens = ahead;
        name = match text.get(first.at..next.end()) {
            Some(whole) if is_plain(whole) && first.kind == Kind::Word => Cow::Borrowed(whole),
            _ => [&name, &b"."[..], &inner].concat().into(),
        };
        last = next;
    }
    (last.kind == Kind::Name || !name.is_empty()).then_some(name)
}

fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

fn part(token: Token<'_>) -> Option<Cow<'_, [u8]>> {
    match token.kind {
        Kind::Word => Some(Cow::Borrowed(token.text)),
        Kind::Name => Some(unquoted(token.text)),
        _ => None,
    }
}

/// Without its quotes; a doubled one stands for one.
fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    let open = text.iter().position(|byte| matches!(byte, b'"' | b'`' | b'[')).unwrap_or(0);
    let close = match text.get(open) {
        Some(b'[') => b']',
        Some(byte) => *byte,
        None => b'"',
    };
    let inner = text.get(open + 1..).unwrap_or_default();
    let inner = inner.strip_suffix(&[close]).unwrap_or(inner);
    if !inner.contains(&close) {
        return Cow::Borrowed(inner);
    }
    let mut name = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        name.push(*byte);
        if *byte == close {
            bytes.next();
        }
    }
    Cow::Owned(name)
}
