//! One network namespace that is listened in: its ring, its interfaces, and what is wanted of them.

use std::collections::HashMap;

use libc::sock_filter;
use model::{Source, Timestamp};
use packet::LinkType;

use super::{
    TapError,
    choice::Choice,
    frame::Frame,
    libpcap::FilterError,
    links::Links,
    program::{self, OwnEnd, Wanted},
    ring::Ring,
    space::Space,
};
use crate::{Batch, batch::Record};

/// A namespace that is listened in.
pub(super) struct Post {
    space: Space,
    /// The address space of its `lo`.
    scope: u16,
    pub(super) ring: Ring,
    pub(super) links: Links,
    choice: Choice,
    promiscuous: Option<Vec<u32>>,
    sources: Known,
    /// Packets for which the ring had no room.
    pub(super) drops: u64,
}

/// The numbers of the sources met, by interface and whether its packets begin with Ethernet.
#[derive(Default)]
struct Known {
    all: HashMap<(u32, bool), u32>,
    last: Option<((u32, bool), u32)>,
}

/// What is the same for all namespaces.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) wanted: Option<&'a Wanted>,
    pub(super) own: &'a [OwnEnd],
}

/// Where packets go.
pub(super) struct Target<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) bytes_max: usize,
    pub(super) sources: &'a mut Vec<Source>,
    /// Packets so far.
    pub(super) frames: &'a mut u64,
}

// === impl Post ===

impl Post {
    /// Begins to listen.
    pub(super) fn open(
        space: Space,
        scope: u16,
        choice: Choice,
        rules: Rules<'_>,
        ring_bytes: usize,
        promiscuous: bool,
    ) -> Result<Self, TapError> {
        let (ring, links) = space.inside(|| {
            let links = Links::open().map_err(|source| TapError::Io {
                what: "can't list the interfaces".to_owned(),
                source,
            })?;
            let program = program_of(&choice, &links, rules)?;
            let ring = Ring::open(ring_bytes, &program).map_err(TapError::of_socket)?;
            Ok((ring, links))
        })?;
        let promiscuous = promiscuous.then(Vec::new);
        let sources = Known::default();
        let mut post = Self { space, scope, ring, links, choice, promiscuous, sources, drops: 0 };
        post.listen_to_others();
        Ok(post)
    }

    /// Where it is.
    pub(super) fn space(&self) -> &Space {
        &self.space
    }

    /// What of the choice is not there, in words.
    pub(super) fn missing(&self) -> Vec<String> {
        let there: Vec<_> = self.links.iter().map(|(_, name)| name.to_owned()).collect();
        let missing = self.choice.missing(&self.links);
        missing
            .map(|word| {
                let there = there.join(", ");
                format!("no interface {word} yet ({}: {there}); waiting for it", self.space.name)
            })
            .collect()
    }

    /// Follows interfaces that have come or gone.
    pub(super) fn follow(&mut self, rules: Rules<'_>) -> Result<(), TapError> {
        let news = self.links.follow().map_err(|source| TapError::Io {
            what: "can't list the interfaces".to_owned(),
            source,
        })?;
        if news && !self.choice.is_all() {
            self.apply(rules)?;
        }
        if news {
            self.listen_to_others();
        }
        Ok(())
    }

    /// Has the kernel decide by these rules from now on.
    pub(super) fn apply(&self, rules: Rules<'_>) -> Result<(), TapError> {
        let program = program_of(&self.choice, &self.links, rules)?;
        self.ring.filter(&program).map_err(TapError::of_socket)
    }

    /// Adds what the kernel counted.
    pub(super) fn count(&mut self) {
        self.drops += self.ring.statistics().drops;
    }

    /// When the next packet was captured, if one is there.
    pub(super) fn next_at(&mut self) -> Option<Timestamp> {
        self.ring.peek().map(|frame| frame.at)
    }

    /// Moves the next packet; says no if there is none or no room for it.
    pub(super) fn move_one(&mut self, target: &mut Target<'_>) -> bool {
        let Self { ring, links, sources, space, scope, .. } = self;
        let Some(frame) = ring.peek() else { return false };
        let source = sources.of(&frame, links, space, target.sources);
        let scope = if frame.is_loopback() { *scope } else { 0 };
        if !push(&frame, source, scope, target) {
            return false;
        }
        ring.advance();
        *target.frames += 1;
        true
    }

    fn listen_to_others(&mut self) {
        let Some(done) = &mut self.promiscuous else { return };
        let numbers = self.choice.numbers(&self.links);
        // One that vanishes in between needs nothing any more.
        numbers.iter().filter(|number| !done.contains(number)).for_each(|number| {
            let _ = self.ring.promiscuous(*number);
        });
        *done = numbers;
    }
}

fn program_of(
    choice: &Choice,
    links: &Links,
    rules: Rules<'_>,
) -> Result<Vec<sock_filter>, FilterError> {
    let numbers = (!choice.is_all()).then(|| choice.numbers(links));
    let program = program::assemble(numbers.as_deref(), rules.own, rules.wanted);
    program.ok_or_else(|| FilterError::TooLong(numbers.unwrap_or_default().len()))
}

/// Copies a frame into the batch: with its VLAN tag put back, or with a header in place of one that
/// is not Ethernet's.
fn push(frame: &Frame<'_>, source: u32, scope: u16, target: &mut Target<'_>) -> bool {
    let record = Record {
        at: frame.at,
        frame: *target.frames + 1,
        offset: 0,
        len: 0,
        wire_len: frame.wire_len,
        source,
        link: if frame.is_ethernet() { LinkType::ETHERNET } else { LinkType::LINUX_SLL2 },
        scope,
    };
    let (batch, bytes_max) = (&mut *target.batch, target.bytes_max);
    if !frame.is_ethernet() {
        let (cooked, rest) = (frame.cooked(), frame.bytes.get(frame.network..).unwrap_or_default());
        let extra = cooked.len() as u32;
        let wire_len = frame.wire_len.saturating_sub(frame.network as u32).saturating_add(extra);
        return batch.push(Record { wire_len, ..record }, &[&cooked, rest], bytes_max);
    }
    match (frame.vlan, frame.bytes.split_at_checked(12)) {
        (Some(tag), Some((addresses, rest))) => {
            let wire_len = frame.wire_len.saturating_add(4);
            batch.push(Record { wire_len, ..record }, &[addresses, &tag, rest], bytes_max)
        }
        _ => batch.push(record, &[frame.bytes], bytes_max),
    }
}

// === impl Known ===

impl Known {
    fn of(
        &mut self,
        frame: &Frame<'_>,
        links: &Links,
        space: &Space,
        sources: &mut Vec<Source>,
    ) -> u32 {
        let key = (frame.interface, frame.is_ethernet());
        if let Some((last, source)) = self.last
            && last == key
        {
            return source;
        }
        let source = *self.all.entry(key).or_insert_with(|| {
            let name = links.name(frame.interface);
            let interface = name.map_or_else(|| format!("#{}", frame.interface), str::to_owned);
            let name = space.name.clone();
            sources.push(Source { kind: "interface", name, interface: Some(interface) });
            (sources.len() - 1) as u32
        });
        self.last = Some((key, source));
        source
    }
}
