//! Which connections are callscope's own, so that it does not watch itself.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::program::OwnEnd;

/// Connections left out at most: each costs a dozen instructions for every packet.
const ENDS_MAX: usize = 32;
/// Descriptors looked at.
const DESCRIPTORS_MAX: usize = 65_536;

/// The ends of our own sockets, as they are now.
pub(super) fn ends() -> Vec<OwnEnd> {
    let inodes = socket_inodes();
    if inodes.is_empty() {
        return Vec::new();
    }
    let mut ends = Vec::new();
    for (table, protocol) in [("tcp", 6), ("tcp6", 6), ("udp", 17), ("udp6", 17)] {
        let text = fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        ends.extend(text.lines().skip(1).filter_map(|line| own_end(line, protocol, &inodes)));
    }
    ends.sort_unstable();
    ends.dedup();
    ends.truncate(ENDS_MAX);
    ends
}

fn socket_inodes() -> HashSet<u64> {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else { return HashSet::new() };
    let inode = |link: &str| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    let links = descriptors.take(DESCRIPTORS_MAX).flatten();
    links.filter_map(|entry| inode(fs::read_link(entry.path()).ok()?.to_str()?)).collect()
}

/// The local end that a line of a socket table (proc_net_tcp(5)) tells, if the socket is ours.
fn own_end(line: &str, protocol: u8, inodes: &HashSet<u64>) -> Option<OwnEnd> {
    let mut words = line.split_ascii_whitespace();
    let local = words.nth(1)?;
    let inode = words.nth(7)?.parse().ok()?;
    if !inodes.contains(&inode) {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let (ip, port) = (address(ip)?, u16::from_str_radix(port, 16).ok()?);
    let own = OwnEnd { protocol, ip: (!ip.is_unspecified()).then_some(ip), port };
    (port > 0).then_some(own)
}

/// Words of an address as numbers of this machine's byte order, in hexadecimal.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (at, place) in octets.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *place = word(at)?;
            }
            let ip = Ipv6Addr::from(octets);
            Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_own_listener_is_found_and_a_closed_one_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ip = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(ends().contains(&OwnEnd { protocol: 6, ip, port }));
        drop(listener);
        assert!(!ends().contains(&OwnEnd { protocol: 6, ip, port }));
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let local = u32::from_ne_bytes([127, 0, 0, 1]);
        assert_eq!(address(&format!("{local:08X}")), Some([127, 0, 0, 1].into()));
        let last = u32::from_ne_bytes([0, 0, 0, 1]);
        let v6 = format!("{:024}{last:08X}", 0);
        assert_eq!(address(&v6), Some("::1".parse().unwrap()));
        assert_eq!(address("12"), None);
    }
}
