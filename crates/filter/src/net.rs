//! Networks: which addresses are in them.

use std::net::{IpAddr, Ipv6Addr};

use crate::Value;

/// A network, as `10.0.0.0/8` writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Net {
    bits: u128,
    mask: u128,
    is_v6: bool,
}

// === impl Net ===

impl Net {
    /// Reads a network, or an address alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (ip, len) = match text.split_once('/') {
            Some((ip, len)) => (ip.parse().ok()?, Some(len.parse::<u32>().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let (bits, is_v6) = bits(ip);
        let width = if is_v6 { 128 } else { 32 };
        let len = len.unwrap_or(width);
        let host = width.checked_sub(len)?;
        let mask = u128::MAX.checked_shl(host).unwrap_or(0);
        Some(Self { bits: bits & mask, mask, is_v6 })
    }

    fn has(&self, ip: IpAddr) -> bool {
        let (bits, is_v6) = bits(ip);
        is_v6 == self.is_v6 && bits & self.mask == self.bits
    }

    /// Whether the value is an address in one of them.
    pub(crate) fn any(nets: &[Self], value: &Value<'_>) -> bool {
        let ip = match value {
            Value::Ip(ip) => Some(*ip),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        ip.is_some_and(|ip| nets.iter().any(|net| net.has(ip)))
    }
}

/// The address as a number; one of version 4 written as one of version 6 is what it stands for.
fn bits(ip: IpAddr) -> (u128, bool) {
    match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), false),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => (u128::from(ip.to_bits()), false),
            None => (Ipv6Addr::to_bits(ip), true),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_of_its_own_version() {
        let is_in = |net, ip: &str| Net::any(&[Net::parse(net).unwrap()], &ip.into());
        assert!(is_in("10.0.0.0/8", "10.200.0.1") && !is_in("10.0.0.0/8", "11.0.0.1"));
        assert!(is_in("10.1.2.3/8", "10.200.0.1") && is_in("10.0.0.7", "10.0.0.7"));
        assert!(is_in("0.0.0.0/0", "1.2.3.4") && !is_in("0.0.0.0/0", "::1"));
        assert!(is_in("fd00::/8", "fd12::1") && is_in("::/0", "fd12::1"));
        assert!(is_in("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!is_in("10.0.0.0/8", "ten"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/-1", ""] {
            assert_eq!(Net::parse(text), None, "{text}");
        }
    }
}
