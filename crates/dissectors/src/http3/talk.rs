//! Reads both sides of a connection, stream by stream (RFC 9114 §4, §6, §7).

mod stream;

use std::collections::BTreeMap;

use dissect::{Dissector, Found, Pair, Sink, Step};
use model::{Side, Why};

use super::{flow::Flow, qpack::Decoder};
use crate::{
    http::{cut_off::CutOff, record::Listed},
    http2::tunnel::Tunnels,
    quic::mux::{self, Event, What},
};

/// The lane that no message is on.
const NOBODY: u64 = u64::MAX;
/// Streams that are read at a time, both directions counted; what comes on others is lost.
const FLOWS_MAX: usize = 8_192;
/// Requests of one connection that a GOAWAY is looked for.
const REFUSED_MAX: usize = 1 << 16;

/// Both sides of a connection.
#[derive(Debug)]
pub(super) struct Talk {
    /// By stream and sender.
    flows: BTreeMap<(u64, u8), Flow>,
    /// What each side inserted.
    decoders: [Decoder; 2],
    /// The event whose bytes come next, and whether they were read already.
    event: Option<(Event, bool)>,
    /// Bytes kept of streams that wait for insertions.
    kept: usize,
    /// Streams of a side may go on: what they waited for was inserted.
    is_woken: bool,
    /// The highest stream on which something was asked, and 4.
    opened: u64,
    /// The server refuses what is asked from here on.
    refused_from: Option<u64>,
    /// Bytes charged.
    held: usize,
    /// Streams that carry others' bytes (RFC 9220).
    tunnels: Tunnels,
}

// === impl Default ===

impl Default for Talk {
    fn default() -> Self {
        Self {
            flows: BTreeMap::new(),
            decoders: <[Decoder; 2]>::default(),
            event: None,
            kept: 0,
            is_woken: false,
            opened: 0,
            refused_from: None,
            held: 0,
            tunnels: Tunnels::in_streams(),
        }
    }
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some((event, is_read)) = self.event else {
            let Some(event) = Event::read(input) else {
                let needs_more = input.len() < mux::HEAD_LEN;
                return if needs_more { Step::Need(mux::HEAD_LEN) } else { Step::Lost };
            };
            sink.turn_to(NOBODY);
            self.event = Some((event, false));
            return Step::Took(mux::HEAD_LEN);
        };
        let len = if let What::Says { len, .. } = event.what { len } else { 0 };
        let Some(bytes) = input.get(..len).filter(|_| input.len() >= len + mux::TAIL_LEN) else {
            return Step::Need(len + mux::TAIL_LEN);
        };
        self.event = Some((event, true));
        let finished = !is_read && self.event(from, event, bytes, sink);
        if finished || self.wake(from, sink) || self.refuse(from, sink) {
            // There may be more to finish: that is for the next call.
            return Step::Took(0);
        }
        self.event = None;
        sink.turn_to(NOBODY);
        self.charge(sink);
        Step::Took(len + mux::TAIL_LEN)
    }

    /// Events are whole; so what comes after a loss begins with one. It is not known whose they were.
    fn resync(&mut self, from: Side, _: &[u8]) -> Found {
        self.event = None;
        self.decoders[from as usize].lose();
        for ((_, side), flow) in &mut self.flows {
            if *side == from as u8 {
                flow.lose();
            }
        }
        Found::At(0)
    }
}

// === impl Talk ===

impl Talk {
    /// What happens on a stream; whether a message is finished by that.
    fn event(&mut self, from: Side, event: Event, bytes: &[u8], sink: &mut Sink<'_, '_>) -> bool {
        let id = event.stream;
        match event.what {
            What::Says { is_last, .. } => return self.says(from, id, bytes, is_last, sink),
            What::Reset(code) => return self.reset(from, id, code, sink),
            What::Lost(len) => self.lost(from, id, u64::from(len), sink),
            // The client wants no answer any more: mostly, none comes (§4.1.1).
            What::Stopped(_) if from == Side::Client && id & 3 == 0 => {
                sink.turn_to(id);
                sink.abandon(id, id, Why::Reset);
            }
            What::Stopped(_) => {}
        }
        false
    }

    /// The stream that is spoken on; nothing if there are too many.
    fn flow(&mut self, from: Side, id: u64) -> Option<&mut Flow> {
        let key = (id, from as u8);
        if !self.flows.contains_key(&key) && self.flows.len() >= FLOWS_MAX {
            return None;
        }
        if from == Side::Client && id & 3 == 0 {
            self.opened = self.opened.max(id.saturating_add(4));
        }
        Some(self.flows.entry(key).or_insert_with(|| {
            let mut flow = Flow::new(id, id & 2 != 0);
            if id & 3 == 1 {
                // A server opens no streams that both sides send (§6.1).
                flow.lose();
            }
            flow
        }))
    }

    /// Goes on with the streams that waited for what was inserted, one message at a time.
    fn wake(&mut self, from: Side, sink: &mut Sink<'_, '_>) -> bool {
        if !self.is_woken {
            return false;
        }
        let ready = |(id, side): &(u64, u8), flow: &Flow| {
            let is_mine = *side == from as u8;
            (is_mine && self.decoders[from as usize].unblocks(flow)).then_some(*id)
        };
        let ready: Vec<u64> =
            self.flows.iter().filter_map(|(key, flow)| ready(key, flow)).collect();
        for id in ready {
            if self.go_on(from, id, sink) {
                return true;
            }
        }
        self.is_woken = false;
        false
    }

    /// Bytes of a stream were lost.
    fn lost(&mut self, from: Side, id: u64, len: u64, sink: &mut Sink<'_, '_>) {
        let Some(flow) = self.flow(from, id) else { return };
        let lane = flow.lane;
        sink.turn_to(lane);
        let (is_encoder, in_body) = flow.lose_bytes(len);
        if self.tunnels.has(id) {
            sink.inner_gap(id, len, Why::Gap);
        } else {
            sink.lose(in_body, Why::Gap);
        }
        if in_body < len && sink.is_open() {
            sink.lose(0, Why::Gap);
        }
        if is_encoder {
            self.decoders[from as usize].lose();
            self.is_woken = true;
        }
    }

    /// The sender gives a stream up (§4.1.1).
    fn reset(&mut self, from: Side, id: u64, code: u32, sink: &mut Sink<'_, '_>) -> bool {
        let Some(flow) = self.flows.remove(&(id, from as u8)) else {
            return self.refuse_one(from, id, CutOff::Reset(code), sink);
        };
        self.kept = self.kept.saturating_sub(flow.kept.len());
        self.tunnels.reset(id, sink);
        if id & 2 != 0 && !flow.is_push {
            return false;
        }
        sink.turn_to(flow.lane);
        if sink.is_open() {
            crate::http2::headers::amend(sink, |facts| {
                crate::http::record::end_early(facts, CutOff::Reset(code));
            });
            sink.abandon(flow.lane, id, Why::Reset);
            return false;
        }
        self.refuse_one(from, id, CutOff::Reset(code), sink)
    }

    /// A request that waits is answered by that the server does not answer it.
    fn refuse_one(&mut self, from: Side, id: u64, how: CutOff, sink: &mut Sink<'_, '_>) -> bool {
        if id & 3 != 0 {
            return false;
        }
        sink.turn_to(id);
        if from == Side::Client || sink.is_open() || sink.question_by_id(id).is_none() {
            sink.abandon(id, id, Why::Reset);
            return false;
        }
        sink.begin(Pair::Id(id));
        let stream = u32::try_from(id).unwrap_or(u32::MAX);
        let facts = Listed { version: b'3', stream, cut_off: Some(how), ..Listed::default() };
        sink.record(&facts.facts());
        sink.finish();
        sink.abandon(id, id, Why::Reset);
        true
    }

    /// §5.2: requests that the server that goes away did not look at, one in each call.
    fn refuse(&mut self, from: Side, sink: &mut Sink<'_, '_>) -> bool {
        let Some(first) = self.refused_from.filter(|_| from == Side::Server) else { return false };
        let how = CutOff::GoAway(crate::http::cut_off::H3_REQUEST_REJECTED);
        for id in (first..self.opened).step_by(4).take(REFUSED_MAX) {
            self.refused_from = Some(id.saturating_add(4));
            sink.turn_to(id);
            if !sink.is_open()
                && sink.question_by_id(id).is_some()
                && self.refuse_one(from, id, how, sink)
            {
                return true;
            }
        }
        self.refused_from = None;
        false
    }

    /// Charges what is kept; what the budget refuses is not waited for.
    fn charge(&mut self, sink: &mut Sink<'_, '_>) {
        let tables: usize = self.decoders.iter().map(Decoder::held).sum();
        let now = tables + self.kept + self.flows.len() * size_of::<Flow>();
        if now.abs_diff(self.held) < 1 << 10 {
            return;
        }
        if sink.hold(now) {
            self.held = now;
        } else {
            self.decoders.iter_mut().for_each(Decoder::lose);
            self.is_woken = true;
        }
    }
}
