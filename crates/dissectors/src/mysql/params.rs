//! Values that a client binds: parameters of statements, attributes of queries.

use super::{
    command::{self, Command},
    record::Asked,
    value,
    wire::Cursor,
};

/// Parameters shown, at most.
const PARAMS_MAX: usize = 256;
/// Flag of `EXECUTE`: the number of parameters is told.
const HAS_COUNT: u8 = 8;
/// Flag of a type: no sign.
const UNSIGNED: u8 = 0x80;
/// Flag of a bulk: types are sent.
const BULK_TYPES: u16 = 128;

/// A bound value: its name, if it has one, and itself as JSON.
pub type Bound<'b> = (&'b [u8], Vec<u8>);

/// The attributes of a query, and its text.
pub fn split_query(payload: &[u8]) -> (Vec<Bound<'_>>, &[u8]) {
    let [_, 1, ..] = payload else { return (Vec::new(), payload) };
    let mut cursor = Cursor(payload);
    let Some(count) = cursor.count() else { return (Vec::new(), payload) };
    cursor.byte();
    if count == 0 {
        return (Vec::new(), cursor.rest());
    }
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= PARAMS_MAX) else {
        return (Vec::new(), payload);
    };
    match bound(&mut cursor, count, true, &[]) {
        Some(bound) => (bound, cursor.rest()),
        None => (Vec::new(), payload),
    }
}

/// The parameters of an `EXECUTE`, or of the first row of a bulk, as far as they can be told.
pub fn of<'m>(asked: &Asked<'m>) -> Vec<Bound<'m>> {
    let mut cursor = Cursor(asked.payload);
    cursor.long();
    match asked.command {
        command::EXECUTE => of_execute(asked, cursor).unwrap_or_default(),
        command::BULK_EXECUTE => of_bulk(asked, cursor).unwrap_or_default(),
        Command(_) => Vec::new(),
    }
}

fn of_execute<'m>(asked: &Asked<'m>, mut cursor: Cursor<'m>) -> Option<Vec<Bound<'m>>> {
    let flags = cursor.byte()?;
    cursor.long()?;
    let plain = || {
        let mut cursor = cursor;
        let bound = bound(&mut cursor, asked.params.into(), false, asked.types)?;
        cursor.rest().is_empty().then_some(bound)
    };
    if flags & HAS_COUNT == 0
        && asked.params > 0
        && let Some(bound) = plain()
    {
        return Some(bound);
    }
    let mut cursor = cursor;
    let count = usize::try_from(cursor.count()?).ok()?;
    let found = bound(&mut cursor, count, true, &[])?;
    cursor.rest().is_empty().then_some(found)
}

/// MariaDB: each value has a byte before it that says whether there is one.
fn of_bulk<'m>(asked: &Asked<'m>, mut cursor: Cursor<'m>) -> Option<Vec<Bound<'m>>> {
    let flags = cursor.short()?;
    let params = usize::from(asked.params).min(PARAMS_MAX);
    let types = if flags & BULK_TYPES != 0 { cursor.take(2 * params)? } else { asked.types };
    let mut all = Vec::new();
    for [kind, flag] in types.as_chunks().0.iter().take(params) {
        let mut out = Vec::new();
        match cursor.byte()? {
            0 => value::push_binary(&mut out, *kind, flag & UNSIGNED != 0, &mut cursor)?,
            1 => out.extend_from_slice(b"null"),
            2 => out.extend_from_slice(b"\"DEFAULT\""),
            _ => out.extend_from_slice(b"\"IGNORE\""),
        }
        all.push((&[][..], out));
    }
    Some(all)
}

/// A bit for each null, whether types are sent, types (with names), values.
fn bound<'m>(
    cursor: &mut Cursor<'m>,
    count: usize,
    has_names: bool,
    known: &'m [u8],
) -> Option<Vec<Bound<'m>>> {
    if count == 0 || count > PARAMS_MAX {
        return (count == 0).then(Vec::new);
    }
    let nulls = cursor.take(count.div_ceil(8))?;
    let types = match cursor.byte()? {
        0 => known.as_chunks().0.iter().map(|pair| (*pair, &[][..])).collect(),
        1 => types(cursor, count, has_names)?,
        _ => return None,
    };
    if types.len() < count {
        return None;
    }
    let mut all = Vec::new();
    for (number, ([kind, flag], name)) in types.into_iter().enumerate().take(count) {
        let mut out = Vec::new();
        if nulls.get(number / 8)? >> (number % 8) & 1 == 1 {
            out.extend_from_slice(b"null");
        } else {
            value::push_binary(&mut out, kind, flag & UNSIGNED != 0, cursor)?;
        }
        all.push((name, out));
    }
    Some(all)
}

fn types<'m>(
    cursor: &mut Cursor<'m>,
    count: usize,
    has_names: bool,
) -> Option<Vec<([u8; 2], &'m [u8])>> {
    let mut types = Vec::new();
    for _ in 0..count {
        let kind = cursor.array()?;
        let name = if has_names { cursor.text()? } else { &[] };
        types.push((kind, name));
    }
    Some(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'m>(payload: &'m [u8], params: u16, types: &'m [u8]) -> Asked<'m> {
        Asked { command: command::EXECUTE, schema: b"", text: b"", types, params, payload }
    }

    fn shown(all: &[Bound<'_>]) -> Vec<String> {
        all.iter()
            .map(|(name, json)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(json))
            })
            .collect()
    }

    #[test]
    fn attributes_stand_before_the_text() {
        let (all, text) = split_query(b"\x01\x01\0\x01\xfe\0\x01a\x011select 1");
        assert_eq!((shown(&all), text), (vec!["a=\"1\"".into()], &b"select 1"[..]));
        assert_eq!(split_query(b"\0\x01select 1").1, b"select 1");
        assert_eq!(split_query(b"select 1").1, b"select 1");
    }

    #[test]
    fn parameters_have_the_types_of_before_or_new_ones() {
        let new = b"\x01\0\0\0\0\x01\0\0\0\x02\x01\x03\0\xfe\0\x07\0\0\0";
        assert_eq!(shown(&of(&asked(new, 2, b""))), ["=7", "=null"]);
        let old = b"\x01\0\0\0\0\x01\0\0\0\x02\0\x07\0\0\0";
        assert_eq!(shown(&of(&asked(old, 2, b"\x03\0\xfe\0"))), ["=7", "=null"]);
        assert!(of(&asked(old, 2, b"")).is_empty());
    }

    #[test]
    fn parameters_may_have_names() {
        let named = b"\x01\0\0\0\x08\x01\0\0\0\x01\0\x01\x03\0\x01n\x07\0\0\0";
        assert_eq!(shown(&of(&asked(named, 0, b""))), ["n=7"]);
        for len in 0..named.len() {
            assert!(of(&asked(&named[..len], 1, b"")).is_empty());
        }
    }
}
