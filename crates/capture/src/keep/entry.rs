//! A call's place among kept packets: one line of text, its parts between tabs.

use std::{borrow::Cow, net::IpAddr};

use model::{Endpoint, Timestamp, Transport};

/// What is written down of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its id, as in the output.
    pub id: String,
    /// When its first packet was captured.
    pub from: Timestamp,
    /// When its last packet was captured.
    pub to: Timestamp,
    /// What carries it.
    pub transport: Transport,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Whether its bytes can only be read with its connection's beginning (TLS).
    pub is_covered: bool,
    /// What it was, and who its ends were, for people.
    pub about: String,
}

/// Bytes of [`Entry::about`] at most.
const ABOUT_BYTES_MAX: usize = 1_024;

// === impl Entry ===

impl Entry {
    /// Appends its line.
    pub fn push(&self, out: &mut Vec<u8>) {
        let transport = self.transport.name();
        let about = &self.about[..self.about.floor_char_boundary(ABOUT_BYTES_MAX)];
        let line = format!(
            "{}\t{}\t{}\t{transport}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            self.id,
            self.from.0,
            self.to.0,
            self.client.ip,
            self.client.port,
            self.server.ip,
            self.server.port,
            u8::from(self.is_covered),
            plain(about),
        );
        out.extend_from_slice(line.as_bytes());
    }

    /// Reads a line; none if it is not whole.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut parts = line.splitn(10, '\t');
        let id = parts.next()?.to_owned();
        let from = Timestamp(parts.next()?.parse().ok()?);
        let to = Timestamp(parts.next()?.parse().ok()?);
        let transport = Transport::named(parts.next()?)?;
        let client = end(parts.next()?, parts.next()?)?;
        let server = end(parts.next()?, parts.next()?)?;
        let is_covered = parts.next()? == "1";
        let about = parts.next()?.to_owned();
        Some(Self { id, from, to, transport, client, server, is_covered, about })
    }
}

fn end(ip: &str, port: &str) -> Option<Endpoint> {
    Some(Endpoint { ip: ip.parse::<IpAddr>().ok()?, port: port.parse().ok()? })
}

/// Without what would end the line.
fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, " ").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: "123.1-4".to_owned(),
            from: Timestamp(5),
            to: Timestamp(9),
            transport: Transport::Udp,
            client: Endpoint { ip: "fd00::1".parse().unwrap(), port: 4_000 },
            server: Endpoint { ip: "fd00::2".parse().unwrap(), port: 53 },
            is_covered: true,
            about: "dns A a.example".to_owned(),
        }
    }

    #[test]
    fn a_line_is_read_back() {
        let mut line = Vec::new();
        entry().push(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(Entry::read(line.trim_end_matches('\n')), Some(entry()));
    }

    #[test]
    fn half_a_line_is_none_and_text_can_not_break_one() {
        let mut line = Vec::new();
        Entry { about: "a\tb\nc".to_owned(), ..entry() }.push(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Entry::read(line.trim_end()).unwrap().about, "a b c");
        let until_about = line.rfind('\t').unwrap();
        for len in 0..until_about {
            assert_eq!(Entry::read(&line[..len]), None, "{len}");
        }
    }
}
