//! How fast HTTP/1 is read: conversations played in a loop, nanoseconds a message and bytes a second.
//!
//! `cargo run --release -p dissectors --example speed_http [ROUNDS]`

use std::{fs, hint::black_box};

use dissect::{Context, Conversation, Counts, Done, Limits, Outlet, Pool};
use dissectors::http::DISSECTION;
use model::{BodyFacts, Budget, Mark, Side, Tell, Timestamp, Transport, Value, Why};

const REQUEST: &[u8] = b"GET /api/v1/catalogue/items?page=2&size=20&sort=price HTTP/1.1\r\n\
    Host: catalogue.shop.svc.cluster.local:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Cookie: sid=8a7b6c5d4e3f2a1b; theme=dark\r\n\
    X-Request-Id: 5f0c2a4e-9b1d-4c3a-8e7f\r\n\
    Connection: keep-alive\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
    Date: Thu, 29 Jan 2026 11:08:21 GMT\r\nConnection: keep-alive\r\n\r\n{}";

/// What becomes of the calls.
enum After {
    Nothing,
    Headline,
    Everything,
}

struct Sum {
    after: After,
    calls: u64,
    told: usize,
}

impl Outlet for Sum {
    fn done(&mut self, done: &Done<'_>) {
        self.calls += 1;
        if matches!(self.after, After::Nothing) {
            return;
        }
        black_box((done.protocol.headline)(done.request, done.response));
        if matches!(self.after, After::Everything) {
            for message in [done.request, done.response].into_iter().flatten() {
                (done.protocol.tell)(message, self);
            }
        }
    }
}

impl Tell for Sum {
    fn field(&mut self, index: usize, _value: Value<'_>) {
        self.told += index;
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        self.told += name.len() + value.len();
    }

    fn body(&mut self, facts: BodyFacts<'_>) {
        self.told += usize::from(facts.media_type.is_some());
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    let body = vec![b'x'; 8_000];
    let large =
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body]
            .concat();
    let chunk = [b"3e8\r\n", &body[..1_000], b"\r\n"].concat();
    let chunked = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        &chunk.repeat(8)[..],
        b"0\r\n\r\n",
    ]
    .concat();
    let head = [b"HTTP/1.1 304 Not Modified\r\n\r\n", &b""[..]].concat();
    println!("request head: {} bytes, small answer: {} bytes", REQUEST.len(), ANSWER.len());
    play("small answers", REQUEST, ANSWER, usize::MAX, After::Nothing, rounds);
    play("mostly requests", REQUEST, &head, usize::MAX, After::Nothing, rounds);
    play("mostly answers", b"GET / HTTP/1.1\r\n\r\n", ANSWER, usize::MAX, After::Nothing, rounds);
    play("8,000 bytes", REQUEST, &large, 1_448, After::Nothing, rounds / 4);
    play("8 chunks", REQUEST, &chunked, 1_448, After::Nothing, rounds / 4);
    play("pieces of 100 bytes", REQUEST, ANSWER, 100, After::Nothing, rounds / 4);
    play("and headlines", REQUEST, ANSWER, usize::MAX, After::Headline, rounds / 2);
    play("and everything told", REQUEST, ANSWER, usize::MAX, After::Everything, rounds / 4);
}

fn play(name: &str, request: &[u8], answer: &[u8], piece: usize, after: After, rounds: u64) {
    let limits = Limits::default();
    let mut budget = Budget::new(64 << 20);
    let (mut pool, mut counts) = (Pool::default(), Counts::default());
    let mut sum = Sum { after, calls: 0, told: 0 };
    let mut talk: Box<dyn Conversation> = (DISSECTION.open)(Transport::Tcp);
    let began = cpu_ns();
    for round in 0..rounds {
        let mark = Mark { at: Timestamp(round * 1_000), frame: round };
        let mut cx = Context {
            limits: &limits,
            budget: &mut budget,
            pool: &mut pool,
            counts: &mut counts,
            outlet: &mut sum,
        };
        for (side, bytes) in [(Side::Client, request), (Side::Server, answer)] {
            for chunk in bytes.chunks(piece) {
                black_box(talk.data(side, mark, black_box(chunk), 0, &mut cx));
            }
        }
    }
    let ns = cpu_ns() - began;
    let mark = Mark::default();
    talk.close(
        mark,
        Why::CaptureEnd,
        &mut Context {
            limits: &limits,
            budget: &mut budget,
            pool: &mut pool,
            counts: &mut counts,
            outlet: &mut sum,
        },
    );
    assert_eq!(sum.calls, rounds, "{name}");
    let bytes = (request.len() + answer.len()) as f64 * rounds as f64;
    println!("{name:>20}: {:7.1} ns/message {:6.2} GB/s", ns / (2 * rounds) as f64, bytes / ns);
}

/// Nanoseconds that this process was on a core: other work on the machine does not count.
fn cpu_ns() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("Linux with schedstat")
}
