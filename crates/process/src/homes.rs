//! Which addresses a network namespace has: what a socket bound to all of them stands for.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::proc;

/// Namespaces that are looked at.
const NAMESPACES_MAX: usize = 4096;
/// Addresses that are taken of one namespace.
const ADDRESSES_MAX: usize = 4096;

/// Each network namespace, by its inode number, with a process in it: the first one.
#[must_use]
pub fn namespaces(pids: &[u32]) -> BTreeMap<u32, u32> {
    let mut namespaces = BTreeMap::new();
    for pid in pids {
        if let Some(netns) = proc::netns(*pid)
            && namespaces.len() < NAMESPACES_MAX
        {
            namespaces.entry(netns).or_insert(*pid);
        }
    }
    namespaces
}

/// The namespaces of each address.
#[must_use]
pub fn homes(namespaces: &BTreeMap<u32, u32>) -> HashMap<IpAddr, Vec<u32>> {
    let mut homes: HashMap<IpAddr, Vec<u32>> = HashMap::new();
    for (netns, pid) in namespaces {
        for address in addresses(*pid) {
            let at = homes.entry(address).or_default();
            if !at.contains(netns) {
                at.push(*netns);
            }
        }
    }
    homes
}

/// The addresses in the network namespace of a process.
fn addresses(pid: u32) -> Vec<IpAddr> {
    let read = |name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let v4 = local_v4(&read("fib_trie")).map(IpAddr::from).collect::<Vec<_>>();
    let v6 = read("if_inet6");
    let v6 = v6.lines().filter_map(local_v6).map(IpAddr::from);
    v4.into_iter().chain(v6).take(ADDRESSES_MAX).collect()
}

/// Of the tree of routes, the addresses that are the machine's own:
/// ```text
///         |-- 10.0.0.1
///            /32 host LOCAL
/// ```
fn local_v4(trie: &str) -> impl Iterator<Item = Ipv4Addr> {
    let mut leaf = None;
    trie.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        }
        leaf.filter(|_| line == "/32 host LOCAL")
    })
}

/// `fe80…0001 02 40 20 80 eth0`
fn local_v6(line: &str) -> Option<Ipv6Addr> {
    let digits = line.split_ascii_whitespace().next()?;
    u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_leaves_of_the_tree() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
             \x20    +-- 10.0.0.0/24 2 0 2\n           |-- 10.0.0.1\n              /32 host LOCAL\n\
             \x20          |-- 10.0.0.255\n              /32 link BROADCAST\n";
        assert_eq!(local_v4(trie).collect::<Vec<_>>(), [Ipv4Addr::new(10, 0, 0, 1)]);
    }

    #[test]
    fn addresses_of_ipv6_are_digits() {
        let line = "fe800000000000000000000000000001 02 40 20 80     eth0";
        assert_eq!(local_v6(line), Some("fe80::1".parse().unwrap()));
        assert_eq!(local_v6(""), None);
    }

    #[test]
    fn loopback_is_at_home_in_our_own_namespace() {
        let own = std::process::id();
        let namespaces = namespaces(&[own]);
        let homes = homes(&namespaces);
        let netns = proc::own_netns().unwrap();
        assert!(homes[&IpAddr::from([127, 0, 0, 1])].contains(&netns), "{homes:?}");
    }
}
