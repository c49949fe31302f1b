//! Is this LDAP? A sequence with an id and an operation whose lengths fit each other.

use dissect::{Hello, Verdict};
use model::{Side, Transport};

use super::wire::{self, Front, op};
use crate::{
    ber::{Items, tag},
    framed::Halt,
};

/// Bytes of a first message at most that is no search or change.
const FIRST_MAX: u64 = 1 << 20;

/// What the first bytes look like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let front = match Front::read(hello.bytes) {
        Ok(front) => front,
        Err(Halt::Short(_)) if hello.more => return Verdict::Maybe,
        Err(_) => return Verdict::No,
    };
    let side = front.from();
    if hello.from.is_some_and(|from| from != side) || front.size > FIRST_MAX {
        return Verdict::No;
    }
    // The traps of SNMP are no messages of LDAP, but begin alike.
    let fits_datagram = front.size == hello.bytes.len() as u64 || front.counter().is_some();
    if hello.transport == Transport::Udp && !fits_datagram {
        return Verdict::No;
    }
    match is_sound(&front, hello.bytes) {
        Ok(true) => Verdict::Is(side),
        Err(Halt::Short(_)) if hello.more => Verdict::Maybe,
        // What there is fits.
        Err(Halt::Short(_)) if hello.usual_port() => Verdict::Is(side),
        _ => Verdict::No,
    }
}

/// Whether what is in the operation is what belongs there.
fn is_sound(front: &Front, input: &[u8]) -> Result<bool, Halt> {
    wire::size_of_sound(front, input)?;
    let whole = usize::try_from(front.size).unwrap_or(usize::MAX);
    if input.len() < whole.min(256) {
        return Err(Halt::Short(whole.min(256)));
    }
    let mut items = Items(front.inside(input));
    Ok(match front.op {
        op::BIND_REQUEST => {
            let version = items.next().and_then(|item| item.number());
            let name = items.wanted(tag::OCTETS);
            let choice = items.next();
            matches!(version, Some(2 | 3))
                && name.is_some()
                && choice
                    .is_some_and(|choice| matches!(choice.tag, 0x80 | 0xa3 | 0x89 | 0x8a | 0x8b))
        }
        op::SEARCH_REQUEST => {
            items.next();
            items.wanted(tag::ENUMERATED).is_some() && items.wanted(tag::ENUMERATED).is_some()
        }
        op::SEARCH_ENTRY => {
            items.next();
            items.next().is_some_and(|item| item.tag == tag::SEQUENCE)
        }
        op::EXTENDED_REQUEST => items
            .wanted(0x80)
            .is_some_and(|name| name.len() > 4 && name.iter().all(|b| b"0123456789.".contains(b))),
        op::UNBIND_REQUEST | op::ABANDON_REQUEST => front.size < 16,
        op::DELETE_REQUEST => front.inside(input).contains(&b'='),
        op::SEARCH_REFERENCE | op::INTERMEDIATE => {
            front.inside(input).windows(5).any(|five| five == b"ldap:" || five == b"1.3.6")
        }
        op::MODIFY_REQUEST | op::ADD_REQUEST | op::COMPARE_REQUEST => {
            items.next();
            items.next().is_some_and(|item| item.tag == tag::SEQUENCE)
        }
        op::RENAME_REQUEST => {
            items.next();
            items.wanted(tag::OCTETS).is_some() && items.wanted(tag::BOOLEAN).is_some()
        }
        // A result: a code, a name, a text.
        _ => {
            items.wanted(tag::ENUMERATED).is_some_and(|code| (1..=2).contains(&code.len()))
                && items.wanted(tag::OCTETS).is_some()
                && items.wanted(tag::OCTETS).is_some()
        }
    } && front.from() == wire::side(front.op).unwrap_or(Side::Client))
}
