//! The small pieces of a JSON line: counts and addresses.

use std::net::IpAddr;

use content::short::{push_ip6, push_number};

/// `"name":number,` where `key` is all before the number.
#[inline]
pub(crate) fn push_count<const LEN: usize>(out: &mut Vec<u8>, key: &[u8; LEN], number: u64) {
    out.extend_from_slice(key);
    push_number(out, number);
    out.push(b',');
}

/// An address without quotes.
pub(crate) fn push_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            push_octet(out, a, b'.');
            push_octet(out, b, b'.');
            push_octet(out, c, b'.');
            push_number(out, d);
        }
        IpAddr::V6(ip) => push_ip6(out, ip),
    }
}

/// Makes the comma after the last member the end of its object.
#[inline]
pub(crate) fn close_object(out: &mut [u8]) {
    debug_assert_eq!(out.last(), Some(&b','));
    if let Some(last) = out.last_mut() {
        *last = b'}';
    }
}

// === the parts of push_ip ===

#[inline]
fn push_octet(out: &mut Vec<u8>, octet: u8, then: u8) {
    push_number(out, octet);
    out.push(then);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for ip in ["0.0.0.0", "10.0.37.237", "255.255.255.255", "2001:db8::1", "::ffff:1.2.3.4"] {
            let mut out = Vec::new();
            push_ip(&mut out, ip.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), ip);
        }
    }
}
