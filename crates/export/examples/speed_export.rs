//! How fast calls become lines: `cargo run --release -p export --example speed_export`.

use std::{hint::black_box, time::Instant};

use common::{Half, PATH, call};
use export::{Ndjson, Options, Style, Table};
use model::{Call, Side, Source};

#[path = "../tests/common/mod.rs"]
mod common;

const REQUEST_HEADERS: [(&str, &str); 10] = [
    ("Host", "catalogue.sock-shop.svc.cluster.local"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Content-Type", "application/json"),
    ("Content-Length", "100"),
    ("Cookie", "md.sid=s%3AaBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789.abcdefghijklmnop; logged_in=x"),
    ("X-Request-Id", "6f1c9a52-8d6e-4b1b-9a53-2f6f0f1f7b11"),
    ("Connection", "keep-alive"),
];

const RESPONSE_HEADERS: [(&str, &str); 6] = [
    ("Content-Type", "application/json; charset=utf-8"),
    ("Content-Length", "100"),
    ("Date", "Thu, 29 Jan 2026 11:08:21 GMT"),
    ("ETag", "W/\"64-abcdefghijklmnopqrstuvwxyz0\""),
    ("X-Powered-By", "Express"),
    ("Connection", "keep-alive"),
];

fn main() {
    let [small, large] = [100, 65_536].map(halves);
    let with = |with_bodies| Options { with_bodies, ..Options::default() };
    line("call with 10+6 headers, bodies of 100 bytes", with(true), &small);
    line("the same without bodies", with(false), &small);
    line("the same with bodies of 64 KiB", with(true), &large);
    let bare = [Half::of(Side::Client, 0), Half::of(Side::Server, 1_000)];
    line("bare call", with(true), &bare);
    table("table", &small);
}

fn halves(body_len: usize) -> [Half; 2] {
    let body =
        format!("{{\"items\":[{}", "{\"name\":\"Holy socks\",\"n\":12},".repeat(body_len / 28 + 1));
    let body = &body.as_bytes()[..body_len];
    let size = body_len as u64;
    let mut request = Half::of(Side::Client, 0)
        .method(b"POST")
        .endpoint(b"/catalogue/3395a43e-2d88-40de-b95f-e00e1502085b")
        .version(b"1.1")
        .frames(4_711, 4_711);
    for (name, value) in REQUEST_HEADERS {
        request = request.header(name.as_bytes(), value.as_bytes());
    }
    let mut response =
        Half::of(Side::Server, 1_981_000).status(b"200", b"OK", b"ok").frames(4_712, 4_713);
    for (name, value) in RESPONSE_HEADERS {
        response = response.header(name.as_bytes(), value.as_bytes());
    }
    [
        request.text(PATH, b"/catalogue/3395a43e").body("application/json", "", body, size),
        response.integer(0, 200).body("application/json; charset=utf-8", "", body, size),
    ]
}

fn line(name: &str, options: Options, halves: &[Half; 2]) {
    let source =
        Source { kind: "file", name: "shop.pcapng".into(), interface: Some("eth0".into()) };
    let mut ndjson = Ndjson::new(&[source], options);
    measure(name, halves, |call, out| ndjson.render(call, out));
}

fn table(name: &str, halves: &[Half; 2]) {
    let mut table = Table::new(Style { colour: true, width: Some(140), unicode: true });
    measure(name, halves, |call, out| table.render(call, out));
}

fn measure(
    name: &str,
    [request, response]: &[Half; 2],
    mut render: impl FnMut(&Call<'_>, &mut Vec<u8>),
) {
    let mut call = call(Some(request), Some(response));
    let (mut out, mut best, mut bytes) = (Vec::new(), f64::MAX, 0);
    // Runs of a millisecond, so that some of them are not interrupted.
    let calls = 1_000_000 / (1_000 + request.0.body.kept.len());
    for _ in 0..500 {
        let begin = Instant::now();
        for number in 0..calls {
            out.clear();
            call.number = number as u64;
            call.client.port = number as u16;
            render(black_box(&call), &mut out);
        }
        best = best.min(begin.elapsed().as_secs_f64() / calls as f64);
        bytes = out.len();
    }
    let (us, rate) = (best * 1e6, bytes as f64 / best / 1e9);
    println!("{name:45} {us:8.3} µs/call {bytes:7} bytes {rate:6.2} GB/s");
}
