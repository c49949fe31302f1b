//! How fast Redis is read: synthetic conversations through the conversation trait, in a loop.

use std::{hint::black_box, time::Instant};

use dissect::{Context, Counts, Done, Limits, Outlet, Pool};
use model::{Budget, Mark, Side, Timestamp, Transport};

/// Bytes of each side of one round, and how many messages they hold.
struct Talk {
    name: &'static str,
    asked: Vec<u8>,
    answered: Vec<u8>,
    messages: u64,
}

struct Count(u64);

impl Outlet for Count {
    fn done(&mut self, done: &Done<'_>) {
        self.0 += u64::from(done.request.is_some()) + u64::from(done.response.is_some());
    }
}

fn main() {
    let value = "x".repeat(4_000);
    let array = format!("*10\r\n{}", "$5\r\nhello\r\n".repeat(10));
    let only = std::env::args().nth(1).unwrap_or_default();
    for talk in [
        talk(
            "GET, one at a time",
            "*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n",
            "$11\r\nhello world\r\n",
            1,
        ),
        talk(
            "GET, 100 in a row",
            "*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n",
            "$11\r\nhello world\r\n",
            100,
        ),
        talk(
            "SET, 100 in a row",
            "*5\r\n$3\r\nSET\r\n$8\r\nuser:123\r\n$11\r\nhello world\r\n$2\r\nPX\r\n$5\r\n60000\r\n",
            "+OK\r\n",
            100,
        ),
        talk("INCR, 100 in a row", "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", ":42\r\n", 100),
        talk(
            "arrays of 10, 10 in a row",
            "*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$1\r\n9\r\n",
            &array,
            10,
        ),
        talk(
            "values of 4 kB",
            "*2\r\n$3\r\nGET\r\n$8\r\nuser:123\r\n",
            &format!("$4000\r\n{value}\r\n"),
            1,
        ),
    ] {
        if talk.name.contains(&only) {
            measure(&talk);
        }
    }
}

fn talk(name: &'static str, asked: &str, answered: &str, times: usize) -> Talk {
    let (asked, answered) = (asked.repeat(times).into_bytes(), answered.repeat(times).into_bytes());
    Talk { name, asked, answered, messages: 2 * times as u64 }
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn measure(talk: &Talk) {
    let rounds = 4_000_000 / talk.messages;
    let limits = Limits::default();
    let (mut budget, mut pool) = (Budget::new(1 << 30), Pool::default());
    let (mut counts, mut outlet) = (Counts::default(), Count(0));
    let mut conversation = (dissectors::redis::DISSECTION.open)(Transport::Tcp);
    let began = Instant::now();
    for round in 0..rounds {
        let mark = Mark { at: Timestamp(round), frame: round };
        let mut cx = Context {
            limits: &limits,
            budget: &mut budget,
            pool: &mut pool,
            counts: &mut counts,
            outlet: &mut outlet,
        };
        for (side, bytes) in [(Side::Client, &talk.asked), (Side::Server, &talk.answered)] {
            for chunk in bytes.chunks(64 << 10) {
                let _ = black_box(conversation.data(side, mark, black_box(chunk), 0, &mut cx));
            }
        }
    }
    let ns = began.elapsed().as_nanos() as f64;
    let messages = rounds * talk.messages;
    assert_eq!(outlet.0, messages, "{}: a message was missed", talk.name);
    let bytes = rounds * (talk.asked.len() + talk.answered.len()) as u64;
    println!(
        "{:28} {:6.1} ns/message {:6.2} GB/s",
        talk.name,
        ns / messages as f64,
        bytes as f64 / ns
    );
}
