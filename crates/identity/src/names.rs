//! What the user calls addresses: one by one, by port, or by network.

use std::{collections::HashMap, net::IpAddr};

use ipnet::IpNet;

/// A name that the user gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameRule {
    /// The address or the network.
    pub net: IpNet,
    /// Only on this port.
    pub port: Option<u16>,
    /// The name.
    pub name: String,
}

/// All names that the user gave.
#[derive(Clone, Debug, Default)]
pub struct Names {
    single: HashMap<IpAddr, Vec<Given>>,
    /// Networks, the narrowest first.
    nets: Vec<NameRule>,
}

/// A name of one address, perhaps of one port of it.
type Given = (Option<u16>, Box<str>);

// === impl Names ===

impl Names {
    /// Of several rules for the same, the first one counts.
    #[must_use]
    pub fn new(rules: Vec<NameRule>) -> Self {
        let mut names = Self::default();
        for rule in rules {
            match rule.net.prefix_len() == rule.net.max_prefix_len() {
                true => {
                    let own = names.single.entry(rule.net.addr()).or_default();
                    own.push((rule.port, rule.name.into_boxed_str()));
                }
                false => names.nets.push(rule),
            }
        }
        // Stable: the first of equals stays the first.
        names
            .nets
            .sort_by_key(|rule| (std::cmp::Reverse(rule.net.prefix_len()), rule.port.is_none()));
        names
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.single.is_empty() && self.nets.is_empty()
    }

    /// The name: an address beats a network, a port beats none, a narrow network a wide one.
    #[must_use]
    pub fn find(&self, ip: IpAddr, port: u16) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        let of = |port| {
            let own = self.single.get(&ip)?;
            own.iter().find(|(of, _)| *of == port).map(|(_, name)| &**name)
        };
        let in_net =
            |rule: &&NameRule| rule.net.contains(&ip) && rule.port.is_none_or(|own| own == port);
        let net = || self.nets.iter().find(in_net).map(|rule| rule.name.as_str());
        of(Some(port)).or_else(|| of(None)).or_else(net)
    }

    /// The ports that an address has names of their own for.
    pub(crate) fn ports(&self, ip: IpAddr) -> impl Iterator<Item = u16> + '_ {
        let single = self.single.get(&ip).into_iter().flatten().filter_map(|(port, _)| *port);
        let nets = self.nets.iter().filter(move |rule| rule.net.contains(&ip));
        single.chain(nets.filter_map(|rule| rule.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_rule_counts() {
        let rule = |net: &str, port, name: &str| NameRule {
            net: net.parse().unwrap(),
            port,
            name: name.to_owned(),
        };
        let names = Names::new(vec![
            rule("10.0.0.0/8", None, "inside"),
            rule("10.1.0.0/16", None, "lab"),
            rule("10.1.0.0/16", Some(5432), "lab-db"),
            rule("10.1.2.3/32", None, "box"),
            rule("10.1.2.3/32", Some(22), "box-ssh"),
            rule("10.1.2.3/32", None, "late"),
            rule("fd00::/8", None, "inside6"),
        ]);
        for (ip, port, name) in [
            ("10.9.9.9", 80, Some("inside")),
            ("10.1.9.9", 80, Some("lab")),
            ("10.1.9.9", 5432, Some("lab-db")),
            ("10.1.2.3", 5432, Some("box")),
            ("10.1.2.3", 22, Some("box-ssh")),
            ("fd00::1", 22, Some("inside6")),
            ("192.0.2.1", 22, None),
        ] {
            assert_eq!(names.find(ip.parse().unwrap(), port), name, "{ip}:{port}");
        }
    }
}
