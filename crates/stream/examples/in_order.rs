//! Measures what a segment costs: `cargo run --release -p stream --example in_order`.

#![expect(clippy::disallowed_methods, reason = "it is a stopwatch")]

use std::{hint::black_box, net::IpAddr, time::Instant};

use model::{Budget, Dir, Endpoint, FlowKey, Mark, Timestamp, Transport, Why};
use packet::{Segment, TcpFlags};
use stream::{Connection, Counts, End, Outcome, Outlet};

const ROUNDS: u32 = 400;
const SEGMENTS: u32 = 10_000;

/// Adds up what leaves.
#[derive(Default)]
struct Sum(u64);

impl Outlet for Sum {
    fn data(&mut self, _: Dir, _: Mark, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }

    fn gap(&mut self, _: Dir, _: Mark, len: u64, _: Why) {
        self.0 += len;
    }

    fn end(&mut self, _: Dir, _: Mark, _: End) {}
}

/// Sends segments made by `segment`, and says what one cost in the best of many rounds.
fn measure(name: &str, mut segment: impl FnMut(u32) -> Segment<'static>) {
    let mut connection = Connection::new(&segment(0));
    let (mut budget, mut counts, mut sum) =
        (Budget::new(1 << 24), Counts::default(), Sum::default());
    let mut best = f64::MAX;
    for round in 0..ROUNDS {
        let begin = Instant::now();
        for n in round * SEGMENTS..(round + 1) * SEGMENTS {
            let segment = segment(n);
            let mark = Mark { at: Timestamp(u64::from(n) * 1000), frame: u64::from(n) };
            let segment = black_box(&segment);
            let outcome = connection.segment(segment, mark, &mut budget, &mut counts, &mut sum);
            assert_eq!(outcome, Outcome::Same);
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(SEGMENTS));
    }
    println!("{name:<34} {best:5.1} ns a segment ({} bytes, {} gaps)", sum.0, counts.gaps);
}

fn main() {
    let endpoint = |port| Endpoint { ip: IpAddr::from([10, 0, 0, 1]), port };
    let key = FlowKey { a: endpoint(1), b: endpoint(2), transport: Transport::Tcp, scope: 0 };
    let empty = Segment {
        key,
        dir: Dir::Ab,
        hash: 0,
        seq: 1,
        ack: 1,
        flags: TcpFlags(TcpFlags::ACK),
        window: 0,
        payload: b"",
        cut: 0,
    };
    let payload = [0x61_u8; 1460].as_slice();
    let payload: &'static [u8] = Box::leak(payload.to_vec().into_boxed_slice());
    println!("a connection is {} bytes", size_of::<Connection>());
    let begin = Instant::now();
    for n in 0..SEGMENTS * 100 {
        black_box(&Segment { seq: n, dir: if n % 2 == 0 { Dir::Ab } else { Dir::Ba }, ..empty });
    }
    let ns = begin.elapsed().as_nanos() as f64 / f64::from(SEGMENTS * 100);
    println!("{:<34} {ns:5.1} ns", "of which to make a segment");
    measure("in order, one way, acknowledged", |n| {
        let sent = |n: u32| 1_u32.wrapping_add((n / 2).wrapping_mul(1460));
        match n % 2 {
            0 => Segment { seq: sent(n), payload, ..empty },
            _ => Segment { dir: Dir::Ba, seq: 1, ack: sent(n + 1), ..empty },
        }
    });
    measure("question and answer", |n| {
        let sent = |n: u32| 1_u32.wrapping_add((n / 2).wrapping_mul(100));
        let payload = &payload[..100];
        match n % 2 {
            0 => Segment { seq: sent(n), ack: sent(n), payload, ..empty },
            _ => Segment { dir: Dir::Ba, seq: sent(n), ack: sent(n + 1), payload, ..empty },
        }
    });
    measure("only one side captured", |n| Segment {
        seq: 1_u32.wrapping_add(n.wrapping_mul(100)),
        ack: 1_u32.wrapping_add(n.wrapping_mul(100)),
        payload: &payload[..100],
        ..empty
    });
    measure("each answer before its question", |n| {
        let sent = |n: u32| 1_u32.wrapping_add((n / 2).wrapping_mul(100));
        let payload = &payload[..100];
        match n % 2 {
            0 => Segment { dir: Dir::Ba, seq: sent(n), ack: sent(n + 2), payload, ..empty },
            _ => Segment { seq: sent(n), ack: sent(n), payload, ..empty },
        }
    });
    measure("cut by a snap length", |n| Segment {
        dir: if n % 2 == 0 { Dir::Ab } else { Dir::Ba },
        seq: 1_u32.wrapping_add((n / 2).wrapping_mul(1460)),
        payload: &payload[..40],
        cut: 1420,
        ..empty
    });
}
