//! Any bytes as a body and its headers: `[coding, whole, limit, limit, len, header …, body …]`.
#![no_main]

use content::{MediaType, Scratch, cookie, decode, form, json, multipart, read};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

/// Content-Encoding values; the last is taken from the input.
const CODINGS: [&str; 9] = [
    "gzip",
    "deflate",
    "br",
    "zstd",
    "identity",
    "gzip, br",
    "br, gzip, deflate, zstd",
    "x-gzip",
    "",
];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (coding, whole, limit, len) = (input.byte(), input.byte(), input.short(), input.byte());
    let header = input.piece(usize::from(len));
    let text = String::from_utf8_lossy(header);
    let body = input.0;
    let encoding = CODINGS.get(usize::from(coding) % (CODINGS.len() + 1)).copied().unwrap_or(&text);

    let mut scratch = Scratch::default();
    let limit = usize::from(limit);
    let decoded = decode(body, whole & 1 == 0, Some(encoding), limit, &mut scratch);
    assert!(decoded.bytes.len() <= limit, "more decoded than allowed");
    headers(header, &text);
    bodies(body, &text);
    bodies(decoded.bytes, &text);
});

fn headers(header: &[u8], text: &str) {
    cookie::cookies(header).for_each(drop);
    let _ = format!("{:?}", cookie::set_cookie(header));
    let media_type = MediaType::parse(text);
    let _ = (media_type.nature(), media_type.is_multipart(), media_type.is("text/html"));
}

fn bodies(body: &[u8], text: &str) {
    let media_type = MediaType::parse(text);
    for cut in [false, true] {
        let _ = read(body, Some(&media_type), cut);
        let _ = read(body, None, cut);
    }
    let parts = multipart::parts(body, text).inspect(|part| {
        multipart::headers(part.headers).for_each(drop);
    });
    assert!(parts.count() <= multipart::PARTS_MAX);
    form::pairs(body).for_each(drop);
    let _ = form::percent_decode(body);
    strings(body);
}

fn strings(bytes: &[u8]) {
    let mut out = Vec::new();
    json::push_bytes_lossy(&mut out, bytes);
    json::push_base64(&mut out, bytes);
    json::push_str(&mut out, &String::from_utf8_lossy(bytes));
    let text = std::str::from_utf8(&out).expect("JSON is UTF-8");
    assert!(text.chars().all(|c| c >= ' '), "a control character in a JSON string");
}
