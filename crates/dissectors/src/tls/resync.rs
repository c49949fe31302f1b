//! Where the next record starts after bytes were lost.

use dissect::Found;

use super::wire::{HEAD, Halt, Head, Kind};

/// Where a record starts in `input`, which begins where a packet's payload did.
///
/// Senders begin most packets with a record. Elsewhere five bytes are too little to be sure, since
/// what is encrypted may look like anything: a record must then be followed by another, or end where
/// the packets seen so far do.
pub fn find(input: &[u8]) -> Found {
    match Head::read(input) {
        Ok(head) if !is_told(input, head) => return Found::Maybe(0),
        Ok(head) if follows(input, head) != Some(false) => return Found::At(0),
        Err(Halt::Short(_)) => return Found::Maybe(0),
        _ => {}
    }
    for at in memchr::memchr_iter(3, input) {
        // The version's first byte is the second of a record.
        let Some(at) = at.checked_sub(1).filter(|at| *at > 0) else { continue };
        let rest = input.get(at..).unwrap_or_default();
        match Head::read(rest) {
            Ok(head) => match follows(rest, head) {
                Some(true) if is_told(rest, head) => return Found::At(at),
                Some(true) => return Found::Maybe(at),
                Some(false) => {}
                None => return Found::Maybe(at),
            },
            Err(Halt::Short(_)) => return Found::Maybe(at),
            Err(Halt::Bad) => {}
        }
    }
    match input.split_last() {
        Some((last, before)) if Head::read(&[*last]) != Err(Halt::Bad) => {
            Found::Maybe(before.len())
        }
        _ => Found::Nowhere,
    }
}

/// Whether another record follows the one at the start of `input`, or it ends exactly there; none if
/// that can't be seen.
pub fn follows(input: &[u8], head: Head) -> Option<bool> {
    let rest = input.get(head.size()..)?;
    if rest.is_empty() {
        return Some(true);
    }
    match Head::read(rest) {
        Ok(next) => Some(next.version == head.version || next.kind != head.kind),
        Err(Halt::Short(_)) => None,
        Err(Halt::Bad) => Some(false),
    }
}

/// Whether it can be seen if the record at the start of `input` begins a handshake.
fn is_told(input: &[u8], head: Head) -> bool {
    head.kind != Kind::Handshake || input.len() >= head.size().min(HEAD + 5)
}

/// Whether `input` starts with a record in clear that begins a handshake: a hello whose length fits.
pub fn begins_handshake(input: &[u8]) -> bool {
    let Ok(Head { kind: Kind::Handshake, len, .. }) = Head::read(input) else { return false };
    let Some([kind, high, middle, low, major, ..]) = input.get(HEAD..) else { return false };
    let size = u32::from_be_bytes([0, *high, *middle, *low]);
    let fits = usize::try_from(size).is_ok_and(|size| (34..=1 << 17).contains(&size));
    fits && len >= 4 && matches!(*kind, 1 | 2) && matches!(*major, 3 | 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: [u8; 9] = [23, 3, 3, 0, 4, 9, 8, 7, 6];

    #[test]
    fn a_packet_that_begins_with_a_record_is_believed() {
        assert_eq!(find(&DATA), Found::At(0));
        assert_eq!(find(&[23, 3, 3, 0x40, 0, 1, 2, 3]), Found::At(0));
        assert_eq!(find(&[&DATA[..], &[1, 2, 3, 4, 5]].concat()), Found::Nowhere);
    }

    #[test]
    fn in_the_middle_another_record_must_follow() {
        let tail = [1, 2, 3, 3, 23, 3];
        assert_eq!(find(&[&tail[..], &DATA, &DATA].concat()), Found::At(6));
        assert_eq!(find(&[&tail[..], &DATA].concat()), Found::At(6));
        assert_eq!(find(&[&tail[..], &[23, 3, 3, 0x40, 0, 1, 2]].concat()), Found::Maybe(6));
        assert_eq!(find(&[&tail[..], &DATA, &[5, 5, 5]].concat()), Found::Nowhere);
        assert_eq!(find(&[5; 100]), Found::Nowhere);
        assert_eq!(find(&[1, 5, 23]), Found::Maybe(2));
        assert_eq!(find(&[23]), Found::Maybe(0));
    }

    #[test]
    fn a_hello_is_told_from_what_is_encrypted() {
        assert!(begins_handshake(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
        assert!(!begins_handshake(&[22, 3, 3, 0, 40, 0x9f, 3, 1, 7, 3, 3]));
        assert!(!begins_handshake(&[22, 3, 3, 0, 4, 14, 0, 0, 0]));
    }
}
