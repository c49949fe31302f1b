//! Which interfaces are listened to: names, patterns, or all.

use super::links::Links;

/// Names and patterns of interfaces; none means all.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice(Vec<String>);

// === impl Choice ===

impl Choice {
    /// What words of the command line mean: names, patterns with `*` and `?`, `any`.
    pub(super) fn of(words: &[String]) -> Self {
        if words.iter().any(|word| word == "any") { Self::default() } else { Self(words.to_vec()) }
    }

    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of those that were chosen, as they are now.
    pub(super) fn numbers(&self, links: &Links) -> Vec<u32> {
        links.iter().filter(|(_, name)| self.takes(name)).map(|(index, _)| index).collect()
    }

    /// Words that no interface goes by now.
    pub(super) fn missing<'a>(&'a self, links: &'a Links) -> impl Iterator<Item = &'a str> {
        let is_there = |word: &str| links.iter().any(|(_, name)| matches(word, name));
        self.0.iter().map(String::as_str).filter(move |word| !is_there(word))
    }

    fn takes(&self, name: &str) -> bool {
        self.0.iter().any(|word| matches(word, name))
    }
}

/// Whether a name fits a pattern: `*` is any text, `?` any one byte.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and how much of the name it has eaten. Each turn goes on in the name,
    // or has the star eat one more byte: at most length × length turns of 15 bytes at most.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                (p, n) = (at + 1, eaten + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_eat_as_much_as_they_need() {
        for (pattern, name) in [
            ("eth0", "eth0"),
            ("veth*", "veth12ab"),
            ("*", "lo"),
            ("e*h?", "eth1"),
            ("*a*a", "aba"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("eth0", "eth01"), ("veth*", "eth0"), ("e?", "eth0"), ("", "lo")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn any_among_names_is_all() {
        assert!(Choice::of(&["eth0".to_owned(), "any".to_owned()]).is_all());
        assert!(!Choice::of(&["eth0".to_owned()]).is_all());
    }
}
