//! The frames of one direction of a stream.

use dissect::Sink;
use model::{Lore, Side, Why};

use super::Talk;
use crate::{
    http2::{
        headers::{self, Made, Outcome, Told},
        tunnel,
    },
    http3::{
        flow::{Awaits, Flow},
        frame::{Head, OneWay, Type, number, one_way, table_capacity},
        qpack::Decoder,
    },
};

/// Longer frames are not read at once; header lists are limited far below that.
const WHOLE_MAX: u64 = 256 << 10;
/// Bytes kept of all streams of a connection that wait for insertions.
const KEPT_MAX: usize = 1 << 20;
/// Lanes of promises are apart from those of streams, whose numbers have 62 bits (§4.6).
const PROMISES: u64 = 1 << 62;

// === impl Talk ===

impl Talk {
    /// Bytes of a stream; whether a message is finished by them.
    pub(super) fn says(
        &mut self,
        from: Side,
        id: u64,
        bytes: &[u8],
        is_last: bool,
        sink: &mut Sink<'_, '_>,
    ) -> bool {
        let Some(flow) = self.flow(from, id) else { return false };
        if let Awaits::Insertions(..) = flow.awaits {
            flow.is_over |= is_last;
            return self.put_aside(from, id, bytes, sink);
        }
        sink.turn_to(flow.lane);
        let mut rest = bytes;
        // Every turn takes a byte or more, or waits for insertions.
        while !rest.is_empty() {
            let ends = is_last.then_some(rest.len());
            let took = self.step(from, id, rest, ends, sink);
            rest = rest.get(took..).unwrap_or_default();
            let Some(flow) = self.flow(from, id) else { return false };
            if let Awaits::Insertions(..) = flow.awaits {
                flow.is_over |= is_last;
                return self.put_aside(from, id, rest, sink);
            }
        }
        is_last && self.end(from, id, sink)
    }

    /// Bytes behind a field section that waits for insertions.
    fn put_aside(&mut self, from: Side, id: u64, bytes: &[u8], sink: &mut Sink<'_, '_>) -> bool {
        let fits = self.kept + bytes.len() <= KEPT_MAX;
        let Some(flow) = self.flow(from, id) else { return false };
        flow.kept.extend_from_slice(bytes);
        self.kept += bytes.len();
        if fits {
            return false;
        }
        // Nothing is waited for any more.
        self.decoders[from as usize].lose();
        self.is_woken = true;
        self.wake(from, sink)
    }

    /// Goes on where a field section waited; whether a message was finished.
    pub(super) fn go_on(&mut self, from: Side, id: u64, sink: &mut Sink<'_, '_>) -> bool {
        let Some(flow) = self.flows.get_mut(&(id, from as u8)) else { return false };
        let Awaits::Insertions(head, _) = flow.awaits else { return false };
        let kept = std::mem::take(&mut flow.kept);
        let is_over = flow.is_over;
        self.kept = self.kept.saturating_sub(kept.len());
        flow.awaits = Awaits::Whole(head);
        sink.turn_to(flow.lane);
        let mut rest = &kept[..];
        while !rest.is_empty() {
            let ends = is_over.then_some(rest.len());
            let took = self.step(from, id, rest, ends, sink);
            rest = rest.get(took..).unwrap_or_default();
            let Some(flow) = self.flows.get_mut(&(id, from as u8)) else { return false };
            if let Awaits::Insertions(..) = flow.awaits {
                flow.kept.extend_from_slice(rest);
                self.kept += rest.len();
                return false;
            }
        }
        is_over && self.end(from, id, sink)
    }

    /// Reads at least one byte; `ends` says how many there are if these are the last ones.
    fn step(
        &mut self,
        from: Side,
        id: u64,
        input: &[u8],
        ends: Option<usize>,
        sink: &mut Sink<'_, '_>,
    ) -> usize {
        let Some(flow) = self.flows.get_mut(&(id, from as u8)) else {
            return input.len();
        };
        match flow.awaits {
            Awaits::Type => self.typed(from, id, input, sink),
            Awaits::Frame => framed(flow, input, sink),
            Awaits::Data(left) => {
                let (took, bytes) = front(input, left);
                flow.awaits = Awaits::of_data(left - took as u64);
                if self.tunnels.has(id) {
                    sink.inner(id, bytes);
                } else {
                    sink.body(bytes);
                }
                sink.book(0, took as u64);
                took
            }
            Awaits::Skip(left) => {
                let (took, _) = front(input, left);
                flow.awaits = Awaits::of_rest(left - took as u64);
                sink.book(took as u64, 0);
                took
            }
            Awaits::Instructions => {
                self.decoders[from as usize].instructions(input);
                self.is_woken = true;
                input.len()
            }
            Awaits::Whole(head) => self.whole(from, id, head, input, ends, sink),
            Awaits::Foreign => {
                sink.passed_by(input.len() as u64);
                input.len()
            }
            Awaits::Nothing | Awaits::Insertions(..) => input.len(),
        }
    }

    /// The type of a stream that one side alone sends.
    fn typed(&mut self, from: Side, id: u64, input: &[u8], sink: &mut Sink<'_, '_>) -> usize {
        let Some(flow) = self.flows.get_mut(&(id, from as u8)) else {
            return input.len();
        };
        let read = |bytes: &[u8]| one_way(bytes).map(|(kind, push, len)| ((kind, push), len));
        let (found, took) = flow.number(input, read);
        let Some(((kind, push), len)) = found else { return took };
        match kind {
            OneWay::Control => (flow.awaits, flow.is_control) = (Awaits::Frame, true),
            OneWay::Encoder => flow.awaits = Awaits::Instructions,
            OneWay::Push if from == Side::Server => {
                flow.awaits = Awaits::Frame;
                (flow.is_push, flow.lane) = (true, PROMISES | push);
                sink.turn_to(flow.lane);
                sink.book(len as u64, 0);
            }
            OneWay::Foreign => flow.awaits = Awaits::Foreign,
            OneWay::Push | OneWay::Other => flow.awaits = Awaits::Nothing,
        }
        took
    }

    /// A frame that is read when all of it is there.
    fn whole(
        &mut self,
        from: Side,
        id: u64,
        head: Head,
        input: &[u8],
        ends: Option<usize>,
        sink: &mut Sink<'_, '_>,
    ) -> usize {
        let Some(flow) = self.flows.get_mut(&(id, from as u8)) else {
            return input.len();
        };
        let wanted = usize::try_from(head.len).unwrap_or(usize::MAX);
        let missing = wanted.saturating_sub(flow.kept.len());
        let Some(bytes) = input.get(..missing) else {
            flow.kept.extend_from_slice(input);
            return input.len();
        };
        flow.awaits = Awaits::Frame;
        let mut kept = std::mem::take(&mut flow.kept);
        kept.extend_from_slice(bytes);
        let ends = ends == Some(missing);
        match head.kind {
            Type::Headers | Type::PushPromise => {
                self.section(from, id, head, kept, ends, sink);
            }
            Type::Settings => self.decoders[from.other() as usize].allow(table_capacity(&kept)),
            Type::GoAway => self.go_away(from, &kept),
            _ => {}
        }
        missing
    }

    /// §5.2: the first request that the server did not look at.
    fn go_away(&mut self, from: Side, payload: &[u8]) {
        let first = number(payload).map(|(first, _)| first);
        if let Some(first) = first.filter(|first| from == Side::Server && first & 3 == 0) {
            self.refused_from = Some(first);
        }
    }

    /// HEADERS or `PUSH_PROMISE`, read now or once what it refers to is there.
    fn section(
        &mut self,
        from: Side,
        id: u64,
        head: Head,
        payload: Vec<u8>,
        ends: bool,
        sink: &mut Sink<'_, '_>,
    ) {
        let pushed = head.kind == Type::PushPromise;
        let (push, block) = match number(&payload) {
            Some((push, block)) if pushed => (Some(push), block),
            _ => (None, &payload[..]),
        };
        let decoder = &self.decoders[from as usize];
        let Ok(prefix) = decoder.prefix(block) else { return self.break_off(from, id, sink) };
        let is_ready = decoder.is_ready(prefix);
        let Some(flow) = self.flows.get_mut(&(id, from as u8)) else { return };
        if !is_ready {
            flow.awaits = Awaits::Insertions(head, prefix);
            self.kept += payload.len();
            flow.kept = payload;
            return;
        }
        let lane = push.map_or(flow.lane, |push| PROMISES | push);
        sink.turn_to(lane);
        let told = Told {
            from,
            version: b'3',
            ends,
            stream: id,
            alone: flow.is_push,
            pushed,
            upgraded: None,
            from_start: true,
            interims: flow.interims,
            lore: &Lore::default(),
        };
        // What was promised twice is one promise (§7.2.5).
        let is_known = pushed && sink.is_open();
        if !is_known {
            let made = headers::read(told, decoder.section(block, prefix), sink);
            if let Ok(Outcome { made: Made::Interim(status), .. }) = made {
                note_interim(flow, status);
            }
            if let Ok(Outcome { tunnel, status, .. }) = made
                && !pushed
                && !flow.is_push
            {
                let head = tunnel::Head { asks: tunnel, status, ends };
                self.tunnels.head(from, id, head, sink);
            }
            if !pushed {
                sink.book((head.size + payload.len()) as u64, 0);
            }
        }
        sink.turn_to(flow.lane);
    }

    /// A frame can't be read: nothing on its stream can from here on.
    fn break_off(&mut self, from: Side, id: u64, sink: &mut Sink<'_, '_>) {
        if let Some(flow) = self.flows.get_mut(&(id, from as u8)) {
            flow.awaits = Awaits::Nothing;
        }
        sink.lose(0, Why::Gap);
    }

    /// The last byte of a stream was read; whether a message ends by that.
    fn end(&mut self, from: Side, id: u64, sink: &mut Sink<'_, '_>) -> bool {
        let Some(flow) = self.flows.remove(&(id, from as u8)) else { return false };
        sink.turn_to(flow.lane);
        self.tunnels.ends(from, id, sink);
        if !sink.is_open() {
            if from == Side::Server && id & 3 == 0 && !flow.is_between() {
                // What it answered with was lost.
                sink.abandon(id, id, Why::Gap);
            }
            return false;
        }
        match flow.awaits {
            Awaits::Data(left) => sink.lose(left, Why::Closed),
            _ if !flow.is_between() => sink.lose(0, Why::Gap),
            _ => {}
        }
        sink.finish();
        true
    }
}

/// The head of a frame, and what it says to do.
fn framed(flow: &mut Flow, input: &[u8], sink: &mut Sink<'_, '_>) -> usize {
    let (found, took) = flow.head(input);
    let Some((head, size)) = found else { return took };
    if !matches!(head.kind, Type::Headers | Type::PushPromise) {
        sink.book(size as u64, 0);
    }
    flow.awaits = match head.kind {
        Type::Foreign => Awaits::Foreign,
        Type::Data if !flow.is_control => Awaits::of_data(head.len),
        Type::Headers | Type::PushPromise if !flow.is_control && head.len <= WHOLE_MAX => {
            Awaits::Whole(head)
        }
        Type::Settings | Type::GoAway if flow.is_control && head.len <= WHOLE_MAX => {
            Awaits::Whole(head)
        }
        _ => Awaits::of_rest(head.len),
    };
    took
}

/// As many bytes as are `left`.
fn front(input: &[u8], left: u64) -> (usize, &[u8]) {
    let took = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    (took, input.get(..took).unwrap_or(input))
}

fn note_interim(flow: &mut Flow, status: u16) {
    let repeated = flow.interims.iter().rfind(|code| **code > 0) == Some(&status);
    let free = flow.interims.iter_mut().find(|code| **code == 0);
    if let (Some(free), false) = (free, repeated) {
        *free = status;
    }
}

// === impl Awaits ===

impl Awaits {
    fn of_data(left: u64) -> Self {
        if left == 0 { Self::Frame } else { Self::Data(left) }
    }

    fn of_rest(left: u64) -> Self {
        if left == 0 { Self::Frame } else { Self::Skip(left) }
    }
}

// === impl Flow ===

impl Flow {
    /// What comes next can't be understood.
    pub(super) fn lose(&mut self) {
        (self.awaits, self.kept) = (Awaits::Nothing, Vec::new());
    }

    /// So many bytes were lost: whether they were instructions, and how many were of a body.
    pub(super) fn lose_bytes(&mut self, len: u64) -> (bool, u64) {
        match self.awaits {
            Awaits::Data(left) if len <= left => {
                self.awaits = Awaits::of_data(left - len);
                (false, len)
            }
            Awaits::Skip(left) if len <= left => {
                self.awaits = Awaits::of_rest(left - len);
                (false, 0)
            }
            Awaits::Data(left) => {
                self.lose();
                (false, left)
            }
            Awaits::Instructions => {
                self.lose();
                (true, 0)
            }
            _ => {
                self.lose();
                (false, 0)
            }
        }
    }
}

// === impl Decoder ===

impl Decoder {
    /// Whether what a stream waits for is there, or will never be.
    pub(super) fn unblocks(&self, flow: &Flow) -> bool {
        match flow.awaits {
            Awaits::Insertions(_, prefix) => self.is_ready(prefix),
            _ => false,
        }
    }
}
