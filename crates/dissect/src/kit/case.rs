//! A case as it is written.

use model::{CallId, Side, Transport};

use super::Kept;

/// One written conversation.
#[derive(Debug, Default)]
pub struct Case {
    /// What happens, in order.
    pub turns: Vec<Turn>,
    /// The calls that come out, in order.
    pub wants: Vec<Want>,
    /// What carries it (said by `over udp`, `over icmp`); of a datagram protocol each turn is a datagram.
    pub over: Option<Transport>,
    /// The flow was not seen from its start.
    pub late: bool,
    /// Losing a piece may make a pair that never was, and nobody could know (said by `only whole`).
    pub only_whole: bool,
    /// The probe can't know these bytes (said by `unprobed`).
    pub unprobed: bool,
    /// What the conversation before it left (said by `heritage TEXT`).
    pub heritage: Vec<u8>,
    /// The call that agreed on it: the second of flow 7 (said by `by 7-2`).
    pub by: Option<CallId>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Turn {
    /// A side sends bytes.
    Says(Side, Vec<u8>),
    /// Bytes of a side were lost.
    Gap(Side, u64),
    /// A side is done.
    End(Side),
    /// Nothing is said for so many milliseconds.
    Wait(u64),
}

/// One call that is expected.
#[derive(Debug)]
pub struct Want {
    headline: String,
    request: Vec<(String, String)>,
    response: Vec<(String, String)>,
}

// === impl Case ===

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// Says which line can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut case = Self::default();
        for (number, line) in text.lines().enumerate() {
            case.line(line).map_err(|why| format!("line {}: {why}: {line}", number + 1))?;
        }
        if case.turns.is_empty() {
            return Err("no bytes in this case".into());
        }
        Ok(case)
    }

    /// What carries it.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.over.unwrap_or(Transport::Tcp)
    }

    /// The expected calls in one line each.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.wants.iter().map(|want| want.headline.clone()).collect()
    }

    pub(super) fn longest(&self) -> usize {
        self.says().map(|(_, bytes)| bytes.len()).max().unwrap_or(0)
    }

    pub(super) fn pieces(&self, size: usize) -> usize {
        self.says().map(|(_, bytes)| bytes.len().div_ceil(size)).sum()
    }

    pub(super) fn firsts(&self) -> impl Iterator<Item = (Side, &[u8])> {
        [Side::Client, Side::Server]
            .into_iter()
            .filter_map(|side| self.says().find(|(from, _)| *from == side))
    }

    fn says(&self) -> impl Iterator<Item = (Side, &[u8])> {
        self.turns.iter().filter_map(|turn| match turn {
            Turn::Says(side, bytes) => Some((*side, &bytes[..])),
            _ => None,
        })
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            ">" => self.turns.push(Turn::Says(Side::Client, unescape(rest)?)),
            "<" => self.turns.push(Turn::Says(Side::Server, unescape(rest)?)),
            ">x" => self.turns.push(Turn::Says(Side::Client, unhex(rest)?)),
            "<x" => self.turns.push(Turn::Says(Side::Server, unhex(rest)?)),
            "gap" => {
                let (side, len) = rest.split_once(' ').ok_or("gap SIDE BYTES")?;
                self.turns.push(Turn::Gap(
                    side_of(side)?,
                    len.trim().parse().map_err(|_| "not a number")?,
                ));
            }
            "end" if matches!(rest.trim(), ">" | "<") => {
                self.turns.push(Turn::End(side_of(rest.trim())?))
            }
            "wait" => {
                self.turns.push(Turn::Wait(rest.trim().parse().map_err(|_| "wait MILLISECONDS")?))
            }
            "over" if Transport::named(rest.trim()).is_some() => {
                self.over = Transport::named(rest.trim());
            }
            "only" if rest.trim() == "whole" => self.only_whole = true,
            "late" if rest.is_empty() => self.late = true,
            "unprobed" if rest.is_empty() => self.unprobed = true,
            "by" if rest.contains('-') => self.by = Some(call(rest)?),
            "heritage" if !rest.is_empty() => self.heritage = unescape(rest)?,
            "=" => self.wants.push(Want {
                headline: rest.trim().into(),
                request: Vec::new(),
                response: Vec::new(),
            }),
            "=>" => self.want()?.request.extend(pairs(rest)?),
            "=<" => self.want()?.response.extend(pairs(rest)?),
            _ => {}
        }
        Ok(())
    }

    fn want(&mut self) -> Result<&mut Want, String> {
        self.wants.last_mut().ok_or_else(|| "fields before the first call".into())
    }
}

// === impl Want ===

impl Want {
    pub(super) fn check_fields(&self, call: &Kept) {
        for (half, wants, mark) in
            [(&call.request, &self.request, ">"), (&call.response, &self.response, "<")]
        {
            if wants.is_empty() {
                continue;
            }
            let message =
                half.as_ref().unwrap_or_else(|| panic!("{}: no half ={mark}", self.headline));
            let told = message.told(call.protocol);
            for want in wants {
                assert!(
                    told.contains(want),
                    "{} ={mark} {want:?} is not among {told:#?}",
                    self.headline
                );
            }
        }
    }
}

fn side_of(word: &str) -> Result<Side, String> {
    match word {
        ">" => Ok(Side::Client),
        "<" => Ok(Side::Server),
        _ => Err("a side is > or <".into()),
    }
}

fn call(text: &str) -> Result<CallId, String> {
    let number = |text: &str| text.trim().parse().map_err(|_| "by FLOW-NUMBER");
    let (stream, of) = text.split_once('-').ok_or("by FLOW-NUMBER")?;
    Ok(CallId { stream: number(stream)?, inside: 0, number: number(of)? })
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split("; ")
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or("NAME=VALUE; NAME=VALUE")?;
            Ok((name.trim().to_owned(), value.to_owned()))
        })
        .collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).ok_or("not hexadecimal"))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("half a byte".into());
    }
    Ok(digits.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect())
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (bytes, rest) = match (first, tail) {
            (b'\\', [b'r', tail @ ..]) => (with(bytes, b'\r'), tail),
            (b'\\', [b'n', tail @ ..]) => (with(bytes, b'\n'), tail),
            (b'\\', [b't', tail @ ..]) => (with(bytes, b'\t'), tail),
            (b'\\', [b'0', tail @ ..]) => (with(bytes, 0), tail),
            (b'\\', [b'\\', tail @ ..]) => (with(bytes, b'\\'), tail),
            (b'\\', [b'x', a, b, tail @ ..]) => {
                let byte = unhex(&format!("{}{}", *a as char, *b as char))?;
                (with(bytes, byte[0]), tail)
            }
            (b'\\', _) => return Err("an escape is \\r \\n \\t \\0 \\\\ or \\xNN".into()),
            (byte, tail) => (with(bytes, *byte), tail),
        };
    }
    Ok(bytes)
}

fn with(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(unescape(r"a\r\n\x00\\").unwrap(), b"a\r\n\0\\");
        assert!(unescape(r"\q").is_err());
    }

    #[test]
    fn prose_is_not_bytes() {
        let case = Case::parse("Some words.\n> a\n= one-way A - -\n").unwrap();
        assert_eq!((case.turns.len(), case.calls().len()), (1, 1));
    }
}
