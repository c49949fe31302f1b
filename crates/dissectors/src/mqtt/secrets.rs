//! What proves who somebody is: passwords and the data of an extended authentication. It is never
//! written down.

use super::{
    packet::{Coded, Connect},
    property::{AUTHENTICATION_DATA, Properties, Value},
    version::Version,
    wire::Kind,
};

/// What is written over a secret.
const STARS: &[u8] = &[b'*'; 64];

/// Writes down what may be known of `body`, the front of a packet (or all of it), piece by piece.
pub fn write(kind: Kind, body: &[u8], version: Version, write: &mut dyn FnMut(&[u8])) {
    match kind {
        Kind::Connect => {
            let Some(connect) = Connect::read(body) else { return };
            let known = body.get(..connect.len).unwrap_or_default();
            without_data(known, connect.properties, write);
        }
        Kind::Connack | Kind::Auth => match Coded::read(kind, body, version) {
            Some(coded) if version.is_5() => without_data(body, coded.properties, write),
            // The code alone: what is behind it can't be told from a secret.
            _ => write(body.get(..2).unwrap_or(body)),
        },
        _ => write(body),
    }
}

/// Writes `body` without the authentication data among `properties`, which are a part of it.
fn without_data(body: &[u8], properties: &[u8], write: &mut dyn FnMut(&[u8])) {
    let Some(at) = place_of(properties, body) else { return write(body) };
    let mut each = Properties::of(properties);
    let mut done = 0;
    while let Some(property) = each.next() {
        if let (AUTHENTICATION_DATA, Value::Bytes(data)) = (property.id, property.value) {
            let end = at + properties.len() - each.rest().len();
            write(body.get(done..end - data.len()).unwrap_or_default());
            data.chunks(STARS.len())
                .for_each(|some| write(STARS.get(..some.len()).unwrap_or_default()));
            done = end;
        }
    }
    // Behind a property that can't be read, nothing is known to be no secret.
    let end = if each.is_done() { body.len() } else { at + properties.len() - each.rest().len() };
    write(body.get(done..end.max(done)).unwrap_or_default());
}

/// Where `part` begins in `whole`, if it is a part of it.
fn place_of(part: &[u8], whole: &[u8]) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (!part.is_empty() && at + part.len() <= whole.len()).then_some(at)
}
