//! Never a wrong pair, whatever was lost: recordings are damaged at random, and every pair that still
//! comes out must be a pair of the untouched recording.
//!
//! Lost, doubled, moved and cut packets, a recording begun late, connections whose first packets were
//! not seen.
//!
//! `LOSS_RUNS=5000 cargo test --release -p callscope --test loss -- --nocapture` runs more of them and
//! prints what survives.

use std::{collections::HashMap, path::PathBuf};

use capture::{Batch, Input, Options, Reader};
use flow::{Settings, Worker};
use model::{BodyFacts, Call, Message, Pairing, Tell, Timestamp, Value};
use packet::{Content, Decoder, DecoderLimits, LinkType, Packet};

/// Runs per recording unless `LOSS_RUNS` says otherwise.
const RUNS: u64 = 400;

#[test]
fn pipelined_http_is_never_mispaired() {
    prove("http1-pipelined.pcap.zst", 1_500);
}

#[test]
fn plain_http_is_never_mispaired() {
    prove("http1-plain.pcap.zst", 150);
}

#[test]
fn pipelined_redis_is_never_mispaired() {
    prove("redis-pipelined.pcap.zst", 3_000);
}

#[test]
fn plain_redis_is_never_mispaired() {
    prove("redis-plain.pcap.zst", 80);
}

#[test]
fn dns_is_never_mispaired() {
    prove("dns.pcap.zst", 60);
}

/// Without its secrets: the handshakes.
#[test]
fn quic_is_never_mispaired() {
    prove("quic.pcapng.zst", 13);
}

/// All recordings of the folder that have no test of their own.
#[test]
fn no_recording_is_ever_mispaired() {
    let own = ["http1-", "redis-", "dns.", "quic."];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".zst") && !own.iter().any(|known| name.starts_with(known)))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "there are no recordings");
    for name in names {
        prove(&name, 1);
    }
}

/// Streams of one connection share what was said before: who comes late, or loses a packet, must not
/// read one's headers into another's.
#[test]
fn streams_are_never_mixed_up_after_a_late_start() {
    for name in ["http2.pcap.zst", "grpc.pcap.zst", "tonic.pcap.zst", "tonic-many.pcap.zst"] {
        let packets = recording(name);
        let truth = Truth::of(&packets);
        let step = (packets.len() / LATE_STARTS).max(1);
        let (mut late, mut late_of, mut holed, mut holed_of) = (0, 0, 0, 0);
        for at in (1..packets.len()).step_by(step) {
            let found = Truth::of(&packets[at..]);
            truth.holds(&found, &format!("{name} without its first {at} packets"));
            let first = packets[at].frame;
            late += found.whole_calls(first);
            late_of += truth.whole_calls(first);
            let rest: Vec<_> = packets
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at)
                .map(|(_, p)| p.clone())
                .collect();
            let found = Truth::of(&rest);
            truth.holds(&found, &format!("{name} without packet {at}"));
            holed += found.whole_calls(0);
            holed_of += truth.whole_calls(0);
        }
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        println!(
            "{name}: whole are {:.1} % of the calls that begin after a late start, {:.1} % of all where one packet is lost",
            share(late, late_of),
            share(holed, holed_of),
        );
    }
}

/// Places at which a recording is begun late.
const LATE_STARTS: usize = 120;

/// Everything that a recording says.
struct Truth {
    pairs: Vec<Pair>,
    halves: Vec<Half>,
}

/// One half of any call.
#[derive(Debug)]
struct Half {
    client: String,
    side: model::Side,
    frames: (u64, u64),
    stream: Option<i64>,
    headers: Vec<(String, String)>,
    /// Whole, and all its headers are known; the call has its other half, too.
    whole: bool,
}

impl Truth {
    fn of(packets: &[Owned]) -> Self {
        let (mut pairs, mut halves) = (Vec::new(), Vec::new());
        read(packets, &mut |call| {
            if call.pairing == Pairing::Matched {
                pairs.push(Pair::of(call));
            }
            halves.extend([call.request, call.response].into_iter().flatten().map(|half| {
                let all = Headers::of_half(call, half);
                Half {
                    client: call.client.to_string(),
                    side: half.from,
                    frames: (half.first.frame, half.last.frame),
                    stream: all.stream,
                    whole: half.missing.is_none()
                        && all.unknown == 0
                        && call.pairing == Pairing::Matched,
                    headers: all.known,
                }
            }));
        });
        Self { pairs, halves }
    }

    /// Whether all that `found` says is said here: no pair and no header that never was.
    fn holds(&self, found: &Self, how: &str) {
        for pair in &found.pairs {
            assert!(self.knows(pair), "{how}: {pair:?} never was");
        }
        for half in &found.halves {
            let known = self.halves.iter().any(|known| {
                let stream = known.stream == half.stream || half.stream.is_none();
                let within = known.frames.0 <= half.frames.0 && half.frames.0 <= known.frames.1;
                known.client == half.client
                    && known.side == half.side
                    && stream
                    && within
                    && half.headers.iter().all(|header| known.headers.contains(header))
            });
            assert!(known, "{how}: {half:?} was never said");
        }
    }

    /// A pair of these, or the late answer to a request that was broken off, where that was lost: it
    /// finds its request by the stream's number.
    fn knows(&self, pair: &Pair) -> bool {
        let half = |frame: u64, stream: Option<i64>| {
            let of = |half: &&Half| half.client == pair.client && half.frames.0 == frame;
            stream.is_some() && self.halves.iter().filter(of).any(|half| half.stream == stream)
        };
        let [asked, answered] = pair.streams;
        self.pairs.iter().any(|known| known.key() == pair.key() && pair.may_be(known))
            || asked == answered && half(pair.frames.0, asked) && half(pair.frames.1, answered)
    }

    /// Calls of which both halves are whole, that begin at packet `first` or later.
    fn whole_calls(&self, first: u64) -> usize {
        let asked = |half: &&Half| half.side == model::Side::Client && half.frames.0 >= first;
        self.halves.iter().filter(asked).filter(|half| half.whole).count()
    }
}

/// Damages the recording in every way, many times.
fn prove(name: &str, calls_min: usize) {
    let packets = recording(name);
    let all = Truth::of(&packets);
    let mut truth = pairs(&packets);
    truth.sort_by(|a, b| a.key().cmp(&b.key()));
    assert!(truth.len() >= calls_min, "{name} has {} pairs", truth.len());
    let runs = std::env::var("LOSS_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let (mut kept_at_one_percent, mut kept_late) = ((0, 0), (0, 0));
    for seed in 1..=runs {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let damage = Damage::roll(seed, packets.len(), &mut dice);
        let damaged = damage.apply(&packets, &mut dice);
        let found = pairs(&damaged);
        if damage.only_one_percent_lost() {
            kept_at_one_percent.0 += found.len();
            kept_at_one_percent.1 += truth.len();
        }
        if damage.only_late() {
            kept_late.0 += found.len();
            kept_late.1 += truth.len();
        }
        for pair in found {
            let at = truth.partition_point(|known| known.key() < pair.key());
            let same = truth[at..].iter().take_while(|known| known.key() == pair.key());
            if !same.into_iter().any(|known| pair.may_be(known)) && !all.knows(&pair) {
                dump(&damaged);
                panic!("{name}, seed {seed}, {damage:?}: {pair:?} never was");
            }
        }
    }
    let share = |(kept, of): (usize, usize)| match of {
        0 => "(not tried) ".to_owned(),
        of => format!("{:.1}", 100.0 * kept as f64 / of as f64),
    };
    println!(
        "{name}: {runs} runs, 0 wrong pairs; with 1 % of packets lost {} % of calls are still paired, without the first packets of connections {} %",
        share(kept_at_one_percent),
        share(kept_late)
    );
}

/// A packet that is owned.
#[derive(Clone)]
struct Owned {
    /// Which connection it belongs to, and its place there, from 0.
    connection: Option<u64>,
    nth: usize,
    at: Timestamp,
    link: LinkType,
    frame: u64,
    bytes: Vec<u8>,
    wire_len: u32,
}

/// What makes a pair the same pair: who, where in the recording, and what was said.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Pair {
    client: String,
    frames: (u64, u64),
    /// What tells it: where the header that says so was lost, the carrier's.
    protocol: &'static str,
    /// `None` where bytes of it are missing: what is told of it may be less then.
    asked: Option<String>,
    answered: Option<String>,
    /// Headers of both halves, as far as they are known.
    headers: Vec<(String, String)>,
    /// The streams of both halves, where they have numbers.
    streams: [Option<i64>; 2],
}

/// What stands for a header of which only a part is known.
const UNKNOWN: &str = "?";

/// Leaves a damaged recording in the file that `LOSS_DUMP` names, to be looked at.
fn dump(packets: &[Owned]) {
    let Some(path) = std::env::var_os("LOSS_DUMP") else { return };
    let mut file = vec![0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(packets.first().map_or(1, |p| p.link.0).to_le_bytes());
    for packet in packets {
        let (seconds, ns) = (packet.at.0 / 1_000_000_000, packet.at.0 % 1_000_000_000);
        for word in [seconds as u32, ns as u32, packet.bytes.len() as u32, packet.wire_len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&packet.bytes);
    }
    std::fs::write(path, file).unwrap();
}

fn recording(name: &str) -> Vec<Owned> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    let mut reader = Reader::open(&[Input::Path(path)], Options::default()).unwrap();
    let (mut batch, mut packets) = (Batch::new(), Vec::new());
    let mut decoder = Decoder::new(DecoderLimits::default());
    let (mut seen, mut said) = (HashMap::<u64, usize>::new(), HashMap::new());
    // What is sent again has the number of its first time: either may be the one that is seen.
    let mut place = |packet: &Packet<'_>| match decoder.decode(packet) {
        Content::Tcp(segment) => {
            let count = seen.entry(segment.hash).or_default();
            *count += 1;
            let bytes = (segment.hash, segment.dir as u8, segment.seq, segment.payload.to_vec());
            let is_said = !segment.payload.is_empty();
            let first =
                if is_said { *said.entry(bytes).or_insert(packet.frame) } else { packet.frame };
            (Some(segment.hash), *count - 1, first)
        }
        _ => (None, 0, packet.frame),
    };
    while reader.next(&mut batch).unwrap() {
        packets.extend(batch.packets().map(|p| (place(&p), p)).map(
            |((connection, nth, frame), p)| Owned {
                connection,
                nth,
                at: p.at,
                link: p.link,
                frame,
                bytes: p.bytes.to_vec(),
                wire_len: p.wire_len,
            },
        ));
    }
    packets
}

fn pairs(packets: &[Owned]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    read(packets, &mut |call| {
        if call.pairing == Pairing::Matched {
            pairs.push(Pair::of(call));
        }
    });
    pairs
}

fn read(packets: &[Owned], keep: &mut dyn FnMut(&Call<'_>)) {
    let settings = Settings {
        lenses: dissectors::LENSES,
        list: dissectors::ALL,
        limits: dissect::Limits::default(),
        memory: 64 << 20,
        flows_max: 1 << 16,
        connections: false,
    };
    let mut worker = Worker::new(0, 1, &settings);
    let mut keep = keep;
    for packet in packets {
        let view = Packet {
            at: packet.at,
            link: packet.link,
            source: 0,
            frame: packet.frame,
            scope: 0,
            bytes: &packet.bytes,
            wire_len: packet.wire_len,
        };
        worker.packet(&view, &mut keep);
    }
    worker.finish(&mut keep);
}

impl Pair {
    fn key(&self) -> (&str, (u64, u64)) {
        (&self.client, self.frames)
    }

    /// Whether this is that pair, as far as the capture still holds its words.
    fn may_be(&self, known: &Self) -> bool {
        let told_alike = self.protocol == known.protocol;
        let same = |mine: &Option<String>, theirs: &Option<String>| {
            mine.is_none() || !told_alike || mine == theirs
        };
        self.client == known.client
            && self.frames == known.frames
            && same(&self.asked, &known.asked)
            && same(&self.answered, &known.answered)
            && self.headers.iter().all(|header| known.headers.contains(header))
    }

    fn of(call: &Call<'_>) -> Self {
        let headline = (call.protocol.headline)(call.request, call.response);
        let text = |value: Option<&[u8]>| value.unwrap_or_default().escape_ascii().to_string();
        // A question sent again in a datagram is the same question: either copy may be the one that is seen.
        let datagrams = call.transport == model::Transport::Udp;
        let frames = match call.protocol.name {
            _ if datagrams => (0, 0),
            // The server's part may begin with the wish for another hello, and that may be lost.
            "tls" => (frame(call.request), 0),
            // Pieces of a datagram come in any order: which one completes it says nothing.
            "icmp" => (Numbers::of(call, call.request), Numbers::of(call, call.response)),
            _ => (frame(call.request), frame(call.response)),
        };
        Self {
            client: call.client.to_string(),
            frames,
            protocol: call.protocol.name,
            asked: whole(call.request)
                .then(|| {
                    let (method, endpoint) = (headline.method, headline.endpoint);
                    format!("{} {}", text(method.as_deref()), text(endpoint.as_deref()))
                })
                // What was said before and lost (a header's name, a statement) may be what the line
                // would say: then it says nothing instead, or an id in the place of a topic's name.
                .filter(|line| !line.ends_with(' ') && !line.split(' ').any(is_unknown))
                .filter(|line| call.protocol.name != "kafka" || !line.split(' ').any(is_topic_id)),
            answered: whole(call.response)
                .then(|| text(headline.status.as_ref().map(|status| &*status.code)))
                .filter(|code| !is_unknown(code)),
            headers: Headers::of(call),
            streams: [call.request, call.response]
                .map(|half| half.and_then(|half| Headers::of_half(call, half).stream)),
        }
    }
}

/// 16 bytes as Kafka's tools write them.
fn is_topic_id(word: &str) -> bool {
    word.len() == 22
}

fn is_unknown(word: &str) -> bool {
    [UNKNOWN, "unknown", ""].contains(&word)
}

/// Listens to whole numbers, and makes one of them.
#[derive(Default)]
struct Numbers(u64);

impl Numbers {
    fn of(call: &Call<'_>, half: Option<&Message>) -> u64 {
        let mut all = Self::default();
        half.into_iter().for_each(|half| (call.protocol.tell)(half, &mut all));
        all.0
    }
}

impl Tell for Numbers {
    fn field(&mut self, _: usize, value: Value<'_>) {
        if let Value::Integer(n) = value {
            self.0 = self.0.wrapping_mul(1 << 16).wrapping_add(n as u64);
        }
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    fn body(&mut self, _: BodyFacts<'_>) {}
}

/// Listens to headers that are known.
#[derive(Default)]
struct Headers {
    known: Vec<(String, String)>,
    unknown: usize,
    stream: Option<i64>,
    stream_at: Option<usize>,
}

impl Headers {
    fn of(call: &Call<'_>) -> Vec<(String, String)> {
        let halves = [call.request, call.response].into_iter().flatten();
        halves.flat_map(|half| Self::of_half(call, half).known).collect()
    }

    fn of_half(call: &Call<'_>, half: &Message) -> Self {
        let stream_at = call.protocol.fields.iter().position(|f| f.name == "http.stream.id");
        let mut all = Self { stream_at, ..Self::default() };
        (call.protocol.tell)(half, &mut all);
        all
    }
}

impl Tell for Headers {
    fn field(&mut self, index: usize, value: Value<'_>) {
        if let (Value::Integer(n), true) = (value, Some(index) == self.stream_at) {
            self.stream = Some(n);
        }
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let (name, value) = (text(name), text(value));
        if name != UNKNOWN && value != UNKNOWN {
            self.known.push((name, value));
        } else {
            self.unknown += 1;
        }
    }

    fn body(&mut self, _: BodyFacts<'_>) {}
}

fn whole(message: Option<&Message>) -> bool {
    message.is_some_and(|message| message.missing.is_none())
}

fn frame(message: Option<&Message>) -> u64 {
    message.map_or(0, |message| message.first.frame)
}

/// How a recording is damaged; shares are in 1/10,000.
#[derive(Debug)]
struct Damage {
    lost: u64,
    doubled: u64,
    moved: u64,
    cut: u64,
    cut_len: usize,
    skipped: usize,
    /// Packets not seen at the start of each connection.
    late: usize,
}

impl Damage {
    /// Every third run loses exactly one per cent and nothing else, so that what survives is comparable;
    /// every seventh of the others begins all connections late and does nothing else.
    fn roll(seed: u64, packets: usize, dice: &mut Dice) -> Self {
        let none = Self { lost: 0, doubled: 0, moved: 0, cut: 0, cut_len: 0, skipped: 0, late: 0 };
        if seed.is_multiple_of(3) {
            return Self { lost: 100, ..none };
        }
        let late = |dice: &mut Dice| 1 + dice.below(40) as usize;
        if seed.is_multiple_of(7) {
            return Self { late: late(dice), ..none };
        }
        let one_of = |dice: &mut Dice, of: &[u64]| of[dice.below(of.len() as u64) as usize];
        Self {
            lost: one_of(dice, &[0, 10, 100, 500, 2_000]),
            doubled: one_of(dice, &[0, 0, 100, 1_000]),
            moved: one_of(dice, &[0, 0, 100, 1_000]),
            cut: one_of(dice, &[0, 0, 0, 100, 10_000]),
            cut_len: 60 + dice.below(400) as usize,
            skipped: if dice.below(4) == 0 { dice.below(packets as u64) as usize } else { 0 },
            late: if dice.below(4) == 0 { late(dice) } else { 0 },
        }
    }

    fn only_one_percent_lost(&self) -> bool {
        let Self { lost, doubled, moved, cut, skipped, late, .. } = self;
        *lost == 100 && doubled + moved + cut == 0 && skipped + late == 0
    }

    fn only_late(&self) -> bool {
        let Self { lost, doubled, moved, cut, skipped, late, .. } = self;
        *late > 0 && lost + doubled + moved + cut == 0 && *skipped == 0
    }

    fn apply(&self, packets: &[Owned], dice: &mut Dice) -> Vec<Owned> {
        let mut out: Vec<Owned> = Vec::with_capacity(packets.len());
        for packet in packets.iter().skip(self.skipped) {
            let unseen = packet.connection.is_some() && packet.nth < self.late;
            if unseen || dice.hits(self.lost) {
                continue;
            }
            out.push(packet.clone());
            if dice.hits(self.cut) {
                out.last_mut().unwrap().bytes.truncate(self.cut_len);
            }
            if dice.hits(self.doubled) {
                out.push(packet.clone());
            }
        }
        for at in 0..out.len() {
            if dice.hits(self.moved) {
                let other = (at + 1 + dice.below(6) as usize).min(out.len() - 1);
                out.swap(at, other);
                // The capture stamps packets as it sees them.
                let (a, b) = (out[at].at, out[other].at);
                (out[at].at, out[other].at) = (a.min(b), a.max(b));
            }
        }
        out
    }
}

/// Numbers that only the seed decides.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn hits(&mut self, of_ten_thousand: u64) -> bool {
        self.below(10_000) < of_ten_thousand
    }
}
