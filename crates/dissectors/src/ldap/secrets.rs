//! What is not written down: passwords of binds, values of attributes that hold passwords, and what a
//! change of a password carries (RFC 3062).

use super::{
    codes,
    wire::{Front, op},
};
use crate::ber::{self, Items, tag};

/// Attributes whose values are secrets, in lower case.
const SECRET: [&[u8]; 12] = [
    b"userpassword",
    b"unicodepwd",
    b"authpassword",
    b"sambantpassword",
    b"sambalmpassword",
    b"krbprincipalkey",
    b"krb5key",
    b"olcrootpw",
    b"supplementalcredentials",
    b"ms-mcs-admpwd",
    b"dbcspwd",
    b"ntpwdhistory",
];
/// How deep is looked.
const DEPTH_MAX: u32 = 12;
const STARS: [u8; 64] = [b'*'; 64];

/// A bind without its credentials, and whether it is one by SASL.
pub(super) fn without_credentials<'b>(front: &Front, message: &'b [u8]) -> (&'b [u8], bool) {
    let inside = front.inside(message);
    let mut items = Items(inside);
    let (_, _) = (items.next(), items.next());
    // Bytes in front of the credentials.
    let plain = inside.len() - items.0.len();
    let head = front.inside_at + plain;
    let (is_sasl, more) = match items.next() {
        Some(choice) if choice.tag == 0xa3 => {
            let front = ber::Front::read(inside.get(plain..).unwrap_or_default());
            let mechanism = ber::Front::read(choice.value).map_or(0, ber::Front::size);
            let mechanism = usize::try_from(mechanism).unwrap_or(0).min(choice.value.len());
            (true, front.map_or(0, |front| front.head) + mechanism)
        }
        Some(_) => (false, 1),
        None => (false, 0),
    };
    (message.get(..head + more).unwrap_or(message), is_sasl)
}

/// Tells where in `message` stars are to be.
pub(super) fn mask(front: &Front, message: &[u8], mut stars: impl FnMut(usize, &[u8])) {
    let inside = front.inside(message);
    let mut cover = |at: usize, len: usize| {
        for from in (0..len).step_by(STARS.len()) {
            stars(at + from, STARS.get(..len - from).unwrap_or(&STARS));
        }
    };
    match front.op {
        op::ADD_REQUEST | op::MODIFY_REQUEST | op::COMPARE_REQUEST | op::SEARCH_ENTRY => {
            walk(inside, front.inside_at, false, 0, &mut cover);
        }
        op::SEARCH_REQUEST => {
            let mut items = Items(inside);
            for _ in 0..6 {
                items.next();
            }
            let at = front.inside_at + (inside.len() - items.0.len());
            let filter = ber::Front::read(items.0).map_or(0, ber::Front::size);
            let filter = usize::try_from(filter).unwrap_or(usize::MAX);
            walk(items.0.get(..filter).unwrap_or(items.0), at, false, 0, &mut cover);
        }
        op::EXTENDED_REQUEST if Items(inside).wanted(0x80) != Some(codes::START_TLS) => {
            let mut items = Items(inside);
            if items.wanted(0x80) == Some(codes::CHANGE_PASSWORD) {
                let at = front.inside_at + (inside.len() - items.0.len());
                walk(items.0, at, true, 0, &mut cover);
            }
        }
        _ => {}
    }
}

/// Covers the values behind the name of a secret attribute, however deep; all values if `all`.
fn walk(bytes: &[u8], at: usize, all: bool, depth: u32, cover: &mut impl FnMut(usize, usize)) {
    let (mut all, mut items) = (all, Items(bytes));
    loop {
        let before = items.0.len();
        let Some(item) = items.next() else { return };
        let end = at + (bytes.len() - before) + (before - items.0.len());
        let value_at = end - item.value.len();
        let is_nested = item.tag & 0x20 != 0 || item.tag == 0x81 && all && depth == 0;
        if is_nested {
            if depth < DEPTH_MAX {
                walk(item.value, value_at, all, depth + 1, cover);
            } else {
                cover(value_at, item.value.len());
            }
        } else if all {
            cover(value_at, item.value.len());
        } else if item.tag == tag::OCTETS && is_secret(item.value) {
            all = true;
        }
    }
}

/// Whether an attribute of this name holds secrets; options (`;binary`) don't count.
fn is_secret(name: &[u8]) -> bool {
    let name = name.split(|byte| *byte == b';').next().unwrap_or_default();
    name.len() < 32 && SECRET.contains(&name.to_ascii_lowercase().as_slice())
}
