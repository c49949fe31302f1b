//! Any bytes are survived, and whatever is lost of a connection with many streams: no pair that never
//! was, no header or body that is another stream's.

use std::collections::HashMap;

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use httlib_hpack::Encoder;
use model::Side;
use proptest::prelude::*;

use super::{DISSECTION, chain::PREFACE};
use crate::http::{PROTOCOL, list};

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What is said of one stream.
#[derive(Clone, Debug)]
struct Exchange {
    request: Vec<(Vec<u8>, Vec<u8>)>,
    response: Vec<(Vec<u8>, Vec<u8>)>,
    asked: Vec<u8>,
    answered: Vec<u8>,
    trailers: bool,
    interim: bool,
    /// The answer is broken off.
    reset: bool,
}

/// A connection, as what each side sends piece by piece.
#[derive(Debug)]
struct Talk {
    exchanges: HashMap<u32, Exchange>,
    turns: Vec<Turn>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn pair(name: &str, value: impl Into<String>) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.into().into_bytes())
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let agent = prop::sample::select(vec!["one", "two", "three"]);
    let status = prop::sample::select(vec!["200", "404", "302", "503"]);
    (0..10_000u32, agent, status, 0..3usize, 0..400usize, any::<[bool; 4]>()).prop_map(
        |(n, agent, status, asks, answers, [trailers, interim, reset, rare])| Exchange {
            request: vec![
                pair(":method", if asks > 0 { "POST" } else { "GET" }),
                pair(":path", format!("/item/{n}")),
                pair(":scheme", "http"),
                pair(":authority", "shop"),
                pair("user-agent", agent),
                pair("x-id", n.to_string()),
            ],
            response: vec![
                pair(":status", status),
                pair("server", "toy"),
                pair("x-echo", n.to_string()),
            ],
            asked: n.to_string().repeat(asks).into_bytes(),
            answered: n.to_string().repeat(answers).into_bytes(),
            trailers,
            interim: interim && rare,
            reset: reset && rare,
        },
    )
}

/// The frames of each side, stream by stream, with the encoder's tables running through all of them.
fn frames(exchanges: &[Exchange], mix: &[usize]) -> Vec<(Side, Vec<u8>)> {
    let mut coders = [Encoder::default(), Encoder::default()];
    let mut left: Vec<Vec<(Side, Step)>> = exchanges.iter().map(steps).collect();
    let mut frames = vec![
        (Side::Client, [PREFACE, &frame(4, 0, 0, &[])].concat()),
        (Side::Server, frame(4, 0, 0, &[])),
    ];
    for turn in mix.iter().cycle() {
        let open: Vec<usize> = (0..left.len()).filter(|n| !left[*n].is_empty()).collect();
        let Some(at) = open.get(turn % open.len().clamp(1, 6)) else { break };
        let (side, step) = left[*at].remove(0);
        let stream = 2 * u32::try_from(*at).unwrap() + 1;
        frames.push((side, step.encode(stream, &mut coders[side as usize])));
    }
    frames
}

#[derive(Clone, Debug)]
enum Step {
    Headers(Vec<(Vec<u8>, Vec<u8>)>, bool),
    Data(Vec<u8>, bool),
    Reset,
}

fn steps(exchange: &Exchange) -> Vec<(Side, Step)> {
    let bodiless = exchange.asked.is_empty();
    let mut steps = vec![(Side::Client, Step::Headers(exchange.request.clone(), bodiless))];
    if !bodiless {
        steps.push((Side::Client, Step::Data(exchange.asked.clone(), true)));
    }
    if exchange.interim {
        steps.push((Side::Server, Step::Headers(vec![pair(":status", "103")], false)));
    }
    steps.push((Side::Server, Step::Headers(exchange.response.clone(), false)));
    for part in exchange.answered.chunks(300) {
        steps.push((Side::Server, Step::Data(part.to_vec(), false)));
    }
    steps.push(match exchange {
        Exchange { reset: true, .. } => (Side::Client, Step::Reset),
        Exchange { trailers: true, .. } => {
            let id = exchange.response[2].1.clone();
            let sum = vec![(b"x-sum".to_vec(), id)];
            (Side::Server, Step::Headers(sum, true))
        }
        _ => (Side::Server, Step::Data(Vec::new(), true)),
    });
    steps
}

impl Step {
    fn encode(&self, stream: u32, coder: &mut Encoder<'_>) -> Vec<u8> {
        let end = |ends: &bool| if *ends { END_STREAM } else { 0 };
        match self {
            Self::Headers(fields, ends) => {
                let mut block = Vec::new();
                for (name, value) in fields {
                    let field = (name.clone(), value.clone(), Encoder::BEST_FORMAT);
                    let kept = (
                        name.clone(),
                        value.clone(),
                        Encoder::BEST_FORMAT | Encoder::WITH_INDEXING,
                    );
                    let field = if name == b":path" { field } else { kept };
                    coder.encode(field, &mut block).unwrap();
                }
                frame(1, END_HEADERS | end(ends), stream, &block)
            }
            Self::Data(bytes, ends) => frame(0, end(ends), stream, bytes),
            Self::Reset => frame(3, 0, stream, &8u32.to_be_bytes()),
        }
    }
}

/// Packets: some frames of one side in a row, sometimes cut in two.
fn packets(frames: Vec<(Side, Vec<u8>)>, cuts: &[u8]) -> Vec<(Side, Vec<u8>)> {
    let mut packets: Vec<(Side, Vec<u8>)> = Vec::new();
    for ((side, bytes), cut) in frames.into_iter().zip(cuts.iter().cycle()) {
        match packets.last_mut() {
            Some((last, packet)) if *last == side && cut % 3 == 0 => packet.extend(bytes),
            _ if cut % 7 == 1 => {
                let (front, back) = bytes.split_at(bytes.len().min(usize::from(cut % 20)));
                packets.extend([(side, front.to_vec()), (side, back.to_vec())]);
            }
            _ => packets.push((side, bytes)),
        }
    }
    packets.retain(|(_, bytes)| !bytes.is_empty());
    packets
}

fn talk() -> impl Strategy<Value = Talk> {
    let exchanges = prop::collection::vec(exchange(), 1..24);
    let mix = prop::collection::vec(0..6usize, 40);
    let cuts = prop::collection::vec(any::<u8>(), 50);
    (exchanges, mix, cuts).prop_map(|(exchanges, mix, cuts)| {
        let turns = packets(frames(&exchanges, &mix), &cuts);
        Talk {
            exchanges: (1u32..).step_by(2).zip(exchanges).collect(),
            turns: turns.into_iter().map(|(side, bytes)| Turn::Says(side, bytes)).collect(),
        }
    })
}

fn play(turns: Vec<Turn>, late: bool) -> Vec<Kept> {
    let case = Case { turns, late, ..Case::default() };
    Replay::new(&case).run(&DISSECTION)
}

fn told(call: &Kept, side: Side) -> Option<Vec<(String, String)>> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    half.as_ref().map(|half| half.told(&PROTOCOL))
}

/// Whether something of a half is missing, if the half is there.
fn missing(call: &Kept, side: Side) -> Option<bool> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    half.as_ref().map(|half| half.missing.is_some())
}

// === impl Talk ===

impl Talk {
    /// Everything that is told of a half was said on its stream, whose number comes back.
    fn check(&self, call: &Kept, side: Side) -> Option<u32> {
        let told = told(call, side)?;
        let value = |wanted: &str| told.iter().find(|(name, _)| name == wanted).map(|(_, v)| v);
        let stream: u32 = value("http.stream.id").unwrap().parse().unwrap();
        let exchange = &self.exchanges[&stream];
        let (fields, body) = match side {
            Side::Client => (&exchange.request, &exchange.asked),
            Side::Server => (&exchange.response, &exchange.answered),
        };
        let id = pair("x-sum", String::from_utf8_lossy(&exchange.response[2].1));
        let said = |name: &str, value: &str| {
            let same = |said: &[u8], told: &str| told == "?" || told.as_bytes() == said;
            fields.iter().chain([&id]).any(|(n, v)| same(n, name) && same(v, value))
                || name == ":status" && value == "103"
        };
        for (name, value) in
            told.iter().filter_map(|(name, value)| Some((name.strip_prefix("header:")?, value)))
        {
            assert!(said(name, value), "stream {stream} never said {name}: {value}");
        }
        let kept = value("body").unwrap().as_bytes();
        assert!(body.starts_with(kept), "stream {stream} has another body");
        if missing(call, side) == Some(false) {
            assert_eq!(kept.len(), body.len().min(64 << 10), "stream {stream}");
        }
        Some(stream)
    }
}

proptest! {
    #[test]
    fn every_call_of_a_whole_connection_comes_out_whole(talk in talk()) {
        let calls = play(talk.turns.clone(), false);
        prop_assert_eq!(calls.len(), talk.exchanges.len());
        for call in &calls {
            let stream = talk.check(call, Side::Client).unwrap();
            prop_assert_eq!(Some(stream), talk.check(call, Side::Server));
            prop_assert_eq!(missing(call, Side::Client), Some(false));
            prop_assert_eq!(missing(call, Side::Server), Some(talk.exchanges[&stream].reset));
            let unknown = |side| told(call, side).unwrap().iter().any(|(_, v)| v.as_bytes() == list::UNKNOWN);
            prop_assert!(!unknown(Side::Client) && !unknown(Side::Server));
        }
    }

    #[test]
    fn nothing_wrong_is_said_whatever_is_lost(
        talk in talk(),
        lost in prop::collection::vec(0u8..10, 64),
        late in any::<bool>(),
        from in 0usize..20,
    ) {
        let mut turns = talk.turns.clone();
        if late {
            turns.drain(..from.min(turns.len() - 1));
        }
        for (turn, lost) in turns.iter_mut().zip(lost.iter().cycle()) {
            if let (Turn::Says(side, bytes), 0) = (&turn, lost) {
                *turn = Turn::Gap(*side, bytes.len() as u64);
            }
        }
        for call in play(turns, late) {
            let (asked, answered) = (talk.check(&call, Side::Client), talk.check(&call, Side::Server));
            let pair = asked.is_none() || answered.is_none() || asked == answered;
            prop_assert!(pair, "a pair that never was");
        }
    }

    #[test]
    fn any_bytes_are_survived(data: Vec<u8>) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn any_frames_are_survived(
        frames in prop::collection::vec((any::<u8>(), 0..11u8, any::<u8>(), 0..6u32, payload()), 1..40),
        late in any::<bool>(),
    ) {
        let mut data = vec![u8::from(late)];
        for (what, kind, flags, stream, payload) in frames {
            let bytes = frame(kind, flags, stream, &payload);
            data.extend([what, u8::try_from(bytes.len()).unwrap()]);
            data.extend_from_slice(&bytes);
        }
        fuzz(&DISSECTION, &data);
    }
}

/// Payloads that are often those of a frame.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let usual: &[&[u8]] = &[
        &[0x82, 0x84, 0x86],
        &[0x88],
        &[0x48, 3, b'1', b'0', b'3'],
        &[0xbe],
        &[0x40, 1, b'a', 1, b'b'],
        &[0, 0, 0, 2, 0x82, 0x84],
        &[0, 0, 0, 8],
        &[0, 0, 0, 1, 0, 0, 0, 2],
        &[0, 5, 0, 0, 0x80, 0],
        &[],
    ];
    prop_oneof![
        3 => prop::sample::select(usual.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

#[test]
fn a_few_bytes_that_stand_for_many_are_not_written_out() {
    let mut block = vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
    block.extend_from_slice(&[b'y'; 4_000]);
    block.extend_from_slice(&[0xbe; 12_000]);
    let client = [
        PREFACE,
        &frame(1, END_HEADERS | END_STREAM, 1, &[&[0x82, 0x84][..], &block].concat()),
        &frame(1, END_HEADERS | END_STREAM, 3, &[0x82, 0x84, 0xbe]),
    ];
    let calls = play(vec![Turn::Says(Side::Client, client.concat())], false);
    assert_eq!(calls.len(), 2);
    let told = calls[0].request.as_ref().unwrap().told(&PROTOCOL);
    assert!(told.contains(&("http.headers.partial".into(), "true".into())));
    assert!(calls[0].request.as_ref().unwrap().record.len() <= 257 << 10);
    let next = calls[1].request.as_ref().unwrap().told(&PROTOCOL);
    assert!(next.iter().any(|(name, value)| name == "header:x" && value.len() == 4_000));
}

#[test]
fn an_answer_that_began_is_not_refused_by_a_server_that_goes_away() {
    let client = [PREFACE, &frame(1, END_HEADERS | END_STREAM, 5, &[0x82, 0x84])].concat();
    let server = [
        frame(1, END_HEADERS, 5, &[0x88]),
        frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
        frame(0, END_STREAM, 5, b"ok"),
    ];
    let turns = vec![Turn::Says(Side::Client, client), Turn::Says(Side::Server, server.concat())];
    let calls: Vec<_> = play(turns, false).iter().map(Kept::headline).collect();
    assert_eq!(calls, ["matched GET / 200"]);
}

#[test]
fn ten_thousand_streams_stay_in_the_budget() {
    let mut turns = vec![Turn::Says(Side::Client, PREFACE.to_vec())];
    for stream in (1..20_000).step_by(2) {
        turns.push(Turn::Says(Side::Client, frame(1, END_HEADERS, stream, &[0x83, 0x84, 0x86])));
        turns.push(Turn::Says(Side::Client, frame(0, 0, stream, b"some")));
        turns.push(Turn::Says(Side::Server, frame(1, END_HEADERS, stream, &[0x88])));
    }
    for stream in (1..20_000).step_by(2) {
        turns.push(Turn::Says(Side::Client, frame(0, END_STREAM, stream, b" more")));
        turns.push(Turn::Says(Side::Server, frame(0, END_STREAM, stream, b"ok")));
    }
    let calls = play(turns, false);
    assert_eq!(calls.len(), 10_000);
    assert!(calls.iter().all(|call| call.headline() == "matched POST / 200"));
}
