//! How fast bodies are decoded and become JSON strings: `cargo run --release -p content --example speed_content`.
//!
//! The JSON case is drawn from a seeded generator, so that no branch predictor can learn it.

#![expect(clippy::disallowed_methods, reason = "it is a stopwatch")]

use std::{hint::black_box, io::Read, time::Instant};

use content::{Scratch, decode, json};
use flate2::{Compression, read::GzEncoder};

fn main() {
    let texts = [
        ("json, a quote every 5 bytes", random_json(8)),
        ("json, a quote every 8 bytes", random_json(15)),
        (
            "html",
            "<p class='row'>Socks fit for a Messiah.</p> <a href=\"/x\">more</a>\n".repeat(1000),
        ),
        ("plain", "Socks fit for a Messiah. ".repeat(2600)),
        ("control characters", "\u{1}".repeat(65_536)),
    ];
    let mut out = Vec::new();
    for (name, text) in &texts {
        report(name, "push_str", text.len(), || {
            out.clear();
            json::push_str(&mut out, black_box(text));
        });
        report(name, "push_bytes_lossy", text.len(), || {
            out.clear();
            json::push_bytes_lossy(&mut out, black_box(text.as_bytes()));
        });
        report(name, "serde_json", text.len(), || {
            out.clear();
            serde_json::to_writer(&mut out, black_box(text)).unwrap_or_default();
        });
    }
    let plain = texts[3].1.as_str();
    report("plain", "push_base64", plain.len(), || {
        out.clear();
        json::push_base64(&mut out, black_box(plain.as_bytes()));
    });
    let mut scratch = Scratch::default();
    for len in [1_000, 65_536] {
        let (text, mut sent) = (&texts[1].1.as_bytes()[..len], Vec::new());
        GzEncoder::new(text, Compression::default()).read_to_end(&mut sent).unwrap_or_default();
        report(&format!("gzip, {len} bytes of json"), "decode", len, || {
            black_box(decode(black_box(&sent), true, Some("gzip"), len, &mut scratch));
        });
    }
    report("header of 20 bytes", "push_str", 20, || {
        out.clear();
        json::push_str(&mut out, black_box(&plain[..20]));
    });
}

fn random_json(word_len_max: u64) -> String {
    let mut state = 1_u64;
    let mut draw = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = String::from("{");
    while text.len() < 65_536 {
        let (name, value) = (2 + draw(word_len_max), 1 + draw(2 * word_len_max));
        text += &format!("\"{}\":\"{}\",", "n".repeat(name as usize), "v".repeat(value as usize));
    }
    text
}

fn report(name: &str, how: &str, bytes: usize, mut run: impl FnMut()) {
    let runs = 10_000_000 / bytes.max(1000);
    let mut best = f64::MAX;
    for _ in 0..9 {
        let begin = Instant::now();
        (0..runs).for_each(|_| run());
        best = best.min(begin.elapsed().as_secs_f64() / runs as f64);
    }
    println!("{name:30} {how:18} {:6.2} GB/s", bytes as f64 / best / 1e9);
}
