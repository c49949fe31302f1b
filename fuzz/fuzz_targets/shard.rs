//! Steps of a small network through the whole engine, with little memory, on one worker and on
//! several: nothing panics, limits hold, and the calls are the same.
#![no_main]

use std::fmt::Write;

use dissect::Limits;
use flow::{Settings, Worker};
use fuzz::{
    Input,
    network::{Network, Sent},
};
use libfuzzer_sys::fuzz_target;
use model::{BodyFacts, Call, CallSink, Message, Tell, Timestamp, Value};
use packet::{LinkType, Packet};

const WORKERS: usize = 3;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let settings = settings(input.byte());
    let mut network = Network::default();
    let mut packets = Vec::new();
    while !input.is_empty() {
        packets.extend(network.step(&mut input));
    }
    let alone = run(0, 1, &settings, &packets);
    let mut together: Vec<Line> =
        (0..WORKERS).flat_map(|index| run(index, WORKERS, &settings, &packets)).collect();
    // Calls leave in this order; those of one flow and packet come from one worker, in order.
    together.sort_by_key(|line| (line.order, line.stream));
    assert_eq!(alone, together, "one worker (left) and {WORKERS} (right)");
});

/// Tight to generous.
fn settings(how: u8) -> Settings {
    Settings {
        lenses: dissectors::LENSES,
        list: dissectors::ALL,
        limits: Limits {
            unread_bytes_max: 64 << (how & 7),
            body_bytes_max: 16 << (how >> 3 & 3),
            pending_max: 2 << (how >> 5 & 3),
            ..Limits::default()
        },
        memory: if how >> 7 == 1 { 16 << 20 } else { 64 << 10 },
        flows_max: if how >> 6 & 1 == 1 { 1 << 16 } else { 32 },
        connections: how & 1 == 1,
    }
}

fn run(index: usize, workers: usize, settings: &Settings, packets: &[Sent]) -> Vec<Line> {
    let mut worker = Worker::new(index, workers, settings);
    let mut lines = Lines::default();
    for (frame, sent) in (1..).zip(packets) {
        let Sent { at, bytes, wire_len } = sent;
        worker.packet(
            &Packet {
                at: Timestamp(*at),
                link: LinkType::ETHERNET,
                source: 0,
                frame,
                scope: 0,
                bytes,
                wire_len: *wire_len,
            },
            &mut lines,
        );
    }
    worker.finish(&mut lines);
    let peak = worker.report().memory_peak;
    assert!(peak as u64 <= settings.memory as u64, "{peak} bytes of {}", settings.memory);
    lines.0
}

/// A call in words.
#[derive(Debug, Eq, PartialEq)]
struct Line {
    order: u64,
    stream: u64,
    words: String,
}

/// Writes calls down.
#[derive(Default)]
struct Lines(Vec<Line>);

// === impl Lines ===

impl CallSink for Lines {
    fn call(&mut self, call: &Call<'_>) {
        let headline = (call.protocol.headline)(call.request, call.response);
        let mut words = format!("{} {:?} {:?}", call.number, call.pairing, call.missing);
        let _ = write!(words, " {} {headline:?}", call.protocol.name);
        for message in [call.request, call.response].into_iter().flatten() {
            tell(call, message, &mut words);
        }
        self.0.push(Line { order: call.order, stream: call.stream, words });
    }
}

fn tell(call: &Call<'_>, message: &Message, words: &mut String) {
    let fields = call.protocol.fields.len();
    (call.protocol.tell)(message, &mut Told { fields, words });
    let _ = write!(words, " {:?}", message.body);
}

/// Listens, and checks that fields are in the table.
struct Told<'w> {
    fields: usize,
    words: &'w mut String,
}

// === impl Told ===

impl Tell for Told<'_> {
    fn field(&mut self, index: usize, value: Value<'_>) {
        assert!(index < self.fields, "field {index} of {}", self.fields);
        let _ = write!(self.words, " {index}={value:?}");
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let _ = write!(self.words, " {}:{}", name.escape_ascii(), value.escape_ascii());
    }

    fn body(&mut self, facts: BodyFacts<'_>) {
        let _ = write!(self.words, " {facts:?}");
    }
}
