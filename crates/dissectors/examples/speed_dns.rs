//! How fast DNS is read and told: `cargo run --release -p dissectors --example speed_dns [ROUNDS]`.

#![expect(clippy::disallowed_methods, reason = "it is a stopwatch")]

use std::{hint::black_box, time::Instant};

use dissect::{Context, Counts, Done, Limits, Outlet, Pool};
use model::{BodyFacts, Budget, Mark, Message, Side, Tell, Timestamp, Transport, Value};

const ROUNDS: u32 = 4_000_000;

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |n| n.parse().expect("a number"));
    let query =
        b"\0\0\x01\0\0\x01\0\0\0\0\0\x01\x06orders\x09sock-shop\x03svc\x07cluster\x05local\0\
        \0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    let mut answer = [&query[..2], b"\x85\x80\0\x01\0\x02\0\0\0\x01", &query[12..52]].concat();
    for last in [7, 8] {
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02");
        answer.push(last);
    }
    answer.extend_from_slice(&query[52..]);
    read("udp", Transport::Udp, query, &answer, rounds);
    let behind_length = |message: &[u8]| [&(message.len() as u16).to_be_bytes(), message].concat();
    read("tcp", Transport::Tcp, &behind_length(query), &behind_length(&answer), rounds);
    tell("query", query, rounds / 10);
    tell("answer", &answer, rounds / 10);
}

/// Questions and answers, each with an id of its own, one after the other.
fn read(name: &str, transport: Transport, query: &[u8], answer: &[u8], rounds: u32) {
    let (limits, mut budget, mut pool) = (Limits::default(), Budget::new(1 << 30), Pool::default());
    let (mut counts, mut calls) = (Counts::default(), Calls(0));
    let mut talk = (dissectors::dns::DISSECTION.open)(transport);
    let (mut query, mut answer) = (query.to_vec(), answer.to_vec());
    let id_at = if transport == Transport::Tcp { 2 } else { 0 };
    let start = Instant::now();
    for round in 0..rounds {
        let mut cx = Context {
            limits: &limits,
            budget: &mut budget,
            pool: &mut pool,
            counts: &mut counts,
            outlet: &mut calls,
        };
        let id = (round as u16).max(1).to_be_bytes();
        query[id_at..id_at + 2].copy_from_slice(&id);
        answer[id_at..id_at + 2].copy_from_slice(&id);
        let mark = Mark { at: Timestamp(u64::from(round)), frame: u64::from(round) };
        black_box(talk.data(Side::Client, mark, black_box(&query), 0, &mut cx));
        black_box(talk.data(Side::Server, mark, black_box(&answer), 0, &mut cx));
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(calls.0, u64::from(rounds));
    let messages = 2.0 * f64::from(rounds);
    let bytes = f64::from(rounds) * (query.len() + answer.len()) as f64;
    println!(
        "{name}: {:.1} ns/message with pairing, {:.2} GB/s",
        seconds * 1e9 / messages,
        bytes / seconds / 1e9
    );
}

fn tell(name: &str, bytes: &[u8], tells: u32) {
    let protocol = &dissectors::dns::PROTOCOL;
    let mut message = Message::new(Side::Client, Mark::default());
    message.record = [&[0], bytes].concat();
    let start = Instant::now();
    for _ in 0..tells {
        black_box((protocol.headline)(Some(black_box(&message)), None));
    }
    let headline = start.elapsed();
    let mut told = Counted(0);
    for _ in 0..tells {
        (protocol.tell)(black_box(&message), &mut told);
    }
    let tell = start.elapsed() - headline;
    let each = |time: std::time::Duration| time.as_secs_f64() * 1e9 / f64::from(tells);
    println!("{name}: headline {:.0} ns, tell {:.0} ns", each(headline), each(tell));
    black_box(told.0);
}

struct Calls(u64);

impl Outlet for Calls {
    fn done(&mut self, done: &Done<'_>) {
        self.0 += u64::from(done.request.is_some() && done.response.is_some());
    }
}

struct Counted(usize);

impl Tell for Counted {
    fn field(&mut self, index: usize, value: Value<'_>) {
        self.0 += index;
        if let Value::Text(text) = value {
            self.0 += text.len();
        }
    }

    fn header(&mut self, _name: &[u8], _value: &[u8]) {}

    fn body(&mut self, _facts: BodyFacts<'_>) {}
}
