//! The floor: about the least work that turns a recording into HTTP/1 calls.
//!
//!     floor walk|http|http-json FILE
//!
//! Reads a classic Ethernet pcap in order. `walk` looks at record, Ethernet, IPv4
//! and TCP headers; `http` adds a flow table, in-order reassembly, httparse,
//! Content-Length framing and in-order pairing; `http-json` writes a JSON line for
//! each call. No gaps, no chunked bodies, no IPv6: a yardstick, not a tool.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::time::Instant;

use hashbrown::HashMap;

const CHUNK: usize = 1 << 20;

type Key = (u32, u32, u16, u16);

#[derive(Default)]
struct Dir {
    next: Option<u32>,
    /// Bytes of a head that has not ended yet.
    head: Vec<u8>,
    /// Body bytes still to skip.
    skip: usize,
    /// Segments ahead of `next`.
    later: Vec<(u32, Vec<u8>)>,
}

#[derive(Default)]
struct Flow {
    client: Dir,
    server: Dir,
    /// JSON of requests without an answer yet (empty strings when not writing).
    pending: VecDeque<Vec<u8>>,
}

struct Http<W> {
    flows: HashMap<Key, Flow, foldhash::fast::RandomState>,
    calls: u64,
    out: Option<W>,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (mode, path) = match &args[..] {
        [_, m, p] if ["walk", "http", "http-json"].contains(&m.as_str()) => (m.as_str(), p),
        _ => {
            eprintln!("usage: floor walk|http|http-json FILE");
            std::process::exit(2);
        }
    };
    let start = Instant::now();
    let mut file = File::open(path).expect("open");
    let mut http = Http {
        flows: HashMap::default(),
        calls: 0,
        out: (mode == "http-json").then(|| BufWriter::with_capacity(CHUNK, std::io::stdout().lock())),
    };
    let (mut packets, mut tcp_packets, mut payload_bytes) = (0u64, 0u64, 0u64);
    let bytes = records(&mut file, |frame| {
        packets += 1;
        if let Some((key, seq, flags, payload)) = tcp(frame) {
            tcp_packets += 1;
            payload_bytes += payload.len() as u64;
            if mode != "walk" {
                http.segment(key, seq, flags, payload);
            }
        }
    });
    if let Some(out) = &mut http.out {
        out.flush().expect("write");
    }
    let s = start.elapsed().as_secs_f64();
    eprintln!(
        "bytes={bytes} packets={packets} tcp={tcp_packets} payload={payload_bytes} calls={} seconds={s:.4} GB/s={:.3} packets/s={:.0} calls/s={:.0}",
        http.calls,
        bytes as f64 / s / 1e9,
        packets as f64 / s,
        http.calls as f64 / s
    );
}

/// Calls `each` with every frame; returns the file's size.
fn records(file: &mut File, mut each: impl FnMut(&[u8])) -> u64 {
    let mut buf = vec![0u8; CHUNK * 2];
    let (mut from, mut to, mut total) = (0usize, 0usize, 0u64);
    let mut header = true;
    loop {
        if from > 0 {
            buf.copy_within(from..to, 0);
            to -= from;
            from = 0;
        }
        let end = (to + CHUNK).min(buf.len());
        let n = file.read(&mut buf[to..end]).expect("read");
        if n == 0 {
            return total;
        }
        total += n as u64;
        to += n;
        if header {
            if to < 24 {
                continue;
            }
            let magic = u32::from_le_bytes(buf[..4].try_into().unwrap());
            assert!(magic == 0xa1b2_c3d4 || magic == 0xa1b2_3c4d, "a little-endian classic pcap is needed");
            assert_eq!(buf[20], 1, "Ethernet is needed");
            from = 24;
            header = false;
        }
        while to - from >= 16 {
            let len = u32::from_le_bytes(buf[from + 8..from + 12].try_into().unwrap()) as usize;
            if to - from < 16 + len {
                break;
            }
            each(&buf[from + 16..from + 16 + len]);
            from += 16 + len;
        }
    }
}

#[inline]
fn be16(b: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([b[at], b[at + 1]])
}

#[inline]
fn be32(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

#[inline]
fn tcp(f: &[u8]) -> Option<(Key, u32, u8, &[u8])> {
    if f.len() < 54 || be16(f, 12) != 0x0800 {
        return None;
    }
    let ip = &f[14..];
    let ihl = usize::from(ip[0] & 15) * 4;
    // A total length of 0 stands for a segment too long for the field (offload).
    let total = match usize::from(be16(ip, 2)) {
        0 => ip.len(),
        n => n.min(ip.len()),
    };
    if ip[9] != 6 || total < ihl + 20 {
        return None;
    }
    let t = &ip[ihl..total];
    let offset = usize::from(t[12] >> 4) * 4;
    let payload = t.get(offset..)?;
    Some(((be32(ip, 12), be32(ip, 16), be16(t, 0), be16(t, 2)), be32(t, 4), t[13], payload))
}

impl<W: Write> Http<W> {
    fn segment(&mut self, k: Key, seq: u32, flags: u8, payload: &[u8]) {
        const SYN: u8 = 2;
        if payload.is_empty() && flags & SYN == 0 {
            return;
        }
        // The lower port is the server's: true of the recordings this is for.
        let to_server = k.3 < k.2;
        let key = if to_server { k } else { (k.1, k.0, k.3, k.2) };
        let flow = self.flows.entry(key).or_default();
        if flags & SYN != 0 {
            if to_server {
                *flow = Flow::default(); // a reused port
            }
            let dir = if to_server { &mut flow.client } else { &mut flow.server };
            dir.next = Some(seq.wrapping_add(1));
            return;
        }
        let Flow { client, server, pending } = flow;
        let dir = if to_server { client } else { server };
        let next = dir.next.get_or_insert(seq);
        let ahead = seq.wrapping_sub(*next) as i32;
        if ahead > 0 {
            dir.later.push((seq, payload.to_vec()));
            return;
        }
        let old = ahead.unsigned_abs() as usize;
        if old >= payload.len() && old > 0 {
            return;
        }
        let fresh = &payload[old..];
        dir.next = Some(next.wrapping_add(fresh.len() as u32));
        feed(dir, fresh, to_server, pending, &mut self.calls, &mut self.out);
        // Rare: segments that came early.
        while let Some(i) = dir.later.iter().position(|(s, d)| {
            let a = s.wrapping_sub(dir.next.unwrap()) as i32;
            a <= 0 && (a.unsigned_abs() as usize) < d.len()
        }) {
            let (s, d) = dir.later.swap_remove(i);
            let next = dir.next.unwrap();
            let fresh = &d[next.wrapping_sub(s) as usize..];
            dir.next = Some(next.wrapping_add(fresh.len() as u32));
            feed(dir, fresh, to_server, pending, &mut self.calls, &mut self.out);
        }
    }
}

fn feed<W: Write>(dir: &mut Dir, mut data: &[u8], request: bool, pending: &mut VecDeque<Vec<u8>>, calls: &mut u64, out: &mut Option<W>) {
    while !data.is_empty() {
        if dir.skip > 0 {
            let n = dir.skip.min(data.len());
            dir.skip -= n;
            data = &data[n..];
            continue;
        }
        let kept = dir.head.len();
        if kept == 0 {
            // The usual case: a head within one segment, parsed in place.
            match message(data, request, pending, calls, out) {
                Some((head, body)) => {
                    dir.skip = body;
                    data = &data[head..];
                }
                None => {
                    dir.head.extend_from_slice(data);
                    return;
                }
            }
        } else {
            dir.head.extend_from_slice(data);
            match message(&dir.head, request, pending, calls, out) {
                Some((head, body)) => {
                    dir.skip = body;
                    data = &data[head - kept..];
                    dir.head.clear();
                }
                None => return,
            }
        }
    }
}

/// Lengths of head and body, once the head is whole.
fn message<W: Write>(data: &[u8], request: bool, pending: &mut VecDeque<Vec<u8>>, calls: &mut u64, out: &mut Option<W>) -> Option<(usize, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    if request {
        let mut r = httparse::Request::new(&mut headers);
        let n = match r.parse(data) {
            Ok(httparse::Status::Complete(n)) => n,
            Ok(httparse::Status::Partial) => return None,
            Err(e) => panic!("request: {e}"),
        };
        let body = content_length(r.headers);
        let mut line = Vec::new();
        if out.is_some() {
            line.reserve(1024);
            line.extend_from_slice(b"{\"method\":");
            string(&mut line, r.method.unwrap().as_bytes());
            line.extend_from_slice(b",\"path\":");
            string(&mut line, r.path.unwrap().as_bytes());
            line.extend_from_slice(b",\"request_headers\":");
            list(&mut line, r.headers);
        }
        pending.push_back(line);
        Some((n, body))
    } else {
        let mut r = httparse::Response::new(&mut headers);
        let n = match r.parse(data) {
            Ok(httparse::Status::Complete(n)) => n,
            Ok(httparse::Status::Partial) => return None,
            Err(e) => panic!("response: {e}"),
        };
        let body = content_length(r.headers);
        if let Some(mut line) = pending.pop_front() {
            *calls += 1;
            if let Some(w) = out {
                write!(line, ",\"status\":{},\"response_headers\":", r.code.unwrap()).unwrap();
                list(&mut line, r.headers);
                line.extend_from_slice(b"}\n");
                w.write_all(&line).expect("write");
            }
        }
        Some((n, body))
    }
}

fn content_length(headers: &[httparse::Header]) -> usize {
    headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case("content-length"))
        .and_then(|h| std::str::from_utf8(h.value).ok()?.trim().parse().ok())
        .unwrap_or(0)
}

fn list(out: &mut Vec<u8>, headers: &[httparse::Header]) {
    out.push(b'[');
    for (i, h) in headers.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"[" } else { b",[" });
        string(out, h.name.as_bytes());
        out.push(b',');
        string(out, h.value);
        out.push(b']');
    }
    out.push(b']');
}

fn string(out: &mut Vec<u8>, s: &[u8]) {
    out.push(b'"');
    let mut from = 0;
    for (i, &b) in s.iter().enumerate() {
        if b < 0x20 || b == b'"' || b == b'\\' || b >= 0x7f {
            out.extend_from_slice(&s[from..i]);
            // Bytes above ASCII as Latin-1: enough for a yardstick.
            write!(out, "\\u{b:04x}").unwrap();
            from = i + 1;
        }
    }
    out.extend_from_slice(&s[from..]);
    out.push(b'"');
}
