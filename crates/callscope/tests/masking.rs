//! Secrets on the wire are nowhere that callscope keeps or shows something.

mod common {
    pub mod program;
}

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use common::program::{Agent, Server, callscope};
use serde_json::json;

/// No part of any of them is anywhere else in the capture.
const SECRETS: [&str; 9] = [
    "hunter2-bearer",
    "hunter2-cookie",
    "hunter2-session",
    "hunter2-query",
    "hunter2-json",
    "hunter2-form",
    "hunter2-header",
    "hunter2-answer",
    "hunter2-badge",
];
/// What is no secret, and must be found.
const KEPT: &str = "visible-article";

/// A capture (pcap, raw IP) of two calls full of secrets, on one connection.
fn capture() -> Vec<u8> {
    let (json, form) = (
        r#"{"user":"bob","password":"hunter2-json","article":"visible-article","badge":"hunter2-badge"}"#,
        "user=bob&password=hunter2-form&x=1",
    );
    let requests = [
        format!(
            "POST /login?api_key=hunter2-query&page=1 HTTP/1.1\r\nHost: shop.example\r\n\
             Authorization: Bearer hunter2-bearer\r\nCookie: theme=hunter2-cookie\r\n\
             X-Auth-Token: hunter2-header\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{json}",
            json.len()
        ),
        format!(
            "POST /form HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer hunter2-bearer\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ),
    ];
    let answer = "{\"access_token\":\"hunter2-answer\"}";
    let response = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: sid=hunter2-session; Path=/\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    );
    written(&requests.map(|request| (request, response.clone())))
}

/// A capture (pcap, raw IP) of one connection with these requests and responses.
fn written(turns: &[(String, String)]) -> Vec<u8> {
    let mut packets = vec![
        segment(true, 0, 0, 0x02, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x10, b""),
    ];
    let (mut sent, mut got) = (1, 1);
    for (request, response) in turns {
        packets.push(segment(true, sent, got, 0x18, request.as_bytes()));
        sent += u32::try_from(request.len()).unwrap();
        packets.push(segment(false, got, sent, 0x18, response.as_bytes()));
        got += u32::try_from(response.len()).unwrap();
    }
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (number, packet) in (0_u32..).zip(packets) {
        let len = u32::try_from(packet.len()).unwrap();
        for word in [1_769_684_901, number * 1_000_000, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

/// A segment between two hosts, in IPv4.
fn segment(from_client: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (mut ports, mut hosts) = ([40_000_u16, 80], [[10, 0, 0, 1], [10, 0, 0, 2]]);
    if !from_client {
        ports.reverse();
        hosts.reverse();
    }
    let len = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
    hosts.iter().for_each(|host| packet.extend(host));
    ports.iter().for_each(|port| packet.extend(port.to_be_bytes()));
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

/// Whether a secret is in these bytes: as it is, in hexadecimal or in base64 at any of its offsets.
fn secret_in(bytes: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| memchr_like(bytes, part);
    SECRETS.into_iter().find(|secret| {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        has(secret.as_bytes())
            || has(hex.as_bytes())
            || (0..3).any(|skip| has(base64_of(&secret.as_bytes()[skip..]).as_bytes()))
    })
}

fn memchr_like(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What whole groups of three bytes become.
fn base64_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[(bits >> shift & 63) as usize]));
        }
    }
    text
}

fn assert_clean(what: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{what} is empty");
    let found = secret_in(bytes);
    assert!(found.is_none(), "{what} holds {found:?}: {}", String::from_utf8_lossy(bytes));
}

fn files_in(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_in(&path, each) } else { each(&path) }
    }
}

/// All that the API says of calls, and that is a file.
const QUESTIONS: [&str; 18] = [
    "calls?select=whole",
    "calls?select=summary",
    "calls?where=http&select=whole",
    "calls/ID",
    "calls/ID/packets",
    "calls/ID/pcap",
    "calls/ID/har",
    "calls/ID/curl",
    "calls/ID/body/request",
    "calls/ID/body/response",
    "export?format=ndjson",
    "export?format=csv",
    "export?format=har",
    "export?format=parquet",
    "export?format=pcapng",
    "facets?of=endpoint,protocol,status",
    "aggregate?by=endpoint&show=count",
    "health",
];

/// Params and results of JSON-RPC: in lines on a connection of their own, and over HTTP, one and in a batch.
#[test]
fn secrets_of_json_rpc_are_masked_wherever_it_is_spoken() {
    let ask = |id: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"login","params":{{"user":"{KEPT}","password":"hunter2-json","more":[{{"api_key":"hunter2-query"}}]}}}}"#
        )
    };
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"access_token":"hunter2-answer"}}"#;
    let failed = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"no","data":{"password":"hunter2-form"}}}"#;
    let notice = r#"{"jsonrpc":"2.0","method":"session","params":{"token":"hunter2-session"}}"#;
    let http = |first: &str, body: &str| {
        format!(
            "{first}\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let lines = [
        (ask(1) + "\n", format!("{answer}\n")),
        (ask(2) + "\n", format!("{failed}\n")),
        (format!("{notice}\n{}\n", ask(1)), format!("{answer}\n")),
    ];
    let over_http = [
        (http("POST /rpc HTTP/1.1", &ask(1)), http("HTTP/1.1 200 OK", answer)),
        (
            http("POST /rpc HTTP/1.1", &format!("[{},{},{notice}]", ask(1), ask(2))),
            http("HTTP/1.1 200 OK", &format!("[{answer},{failed}]")),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, turns) in [("lines", &lines[..]), ("http", &over_http)] {
        let pcap = folder.path().join(name).with_extension("pcap");
        fs::write(&pcap, written(turns)).unwrap();
        let read = |mask: &[&str]| {
            let mut command = callscope();
            command.args(["read", "-q", "--format", "ndjson"]).args(mask).arg(&pcap);
            command.output().unwrap().stdout
        };
        let clear = read(&[]);
        let calls = clear.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(calls, if name == "lines" { 4 } else { 2 }, "{name}");
        let said = memchr_like(&clear, br#""protocol":"jsonrpc""#);
        assert!(said && secret_in(&clear).is_some(), "{name}");
        let masked = read(&["--mask"]);
        assert_clean(name, &masked);
        assert!(memchr_like(&masked, KEPT.as_bytes()) && memchr_like(&masked, b"***#"), "{name}");
        assert!(memchr_like(&masked, br#""rpc.jsonrpc.params""#), "{name}");
    }
}

#[test]
fn a_secret_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (store, pcap) = (folder.path().join("store"), folder.path().join("secrets.pcap"));
    fs::write(&pcap, capture()).unwrap();
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.address);
    let words = [
        "--store",
        store.to_str().unwrap(),
        "--mask-name",
        "badge",
        "--otlp-endpoint",
        &endpoint,
        pcap.to_str().unwrap(),
    ];
    let server = Server::start(&words);
    let import = server.settled("1");
    assert_eq!((&import["state"], &import["calls"]), (&json!("done"), &json!(2)), "{import}");
    let calls = server.json("/api/v1/calls?select=whole&order=asc");
    let id = calls["calls"][0]["id"].as_str().unwrap().to_owned();
    assert!(calls.to_string().contains(KEPT));
    // The same secret in two calls has the same fingerprint.
    let bearer = |index: usize| {
        let headers = calls["calls"][index]["request"]["headers"].as_array().unwrap();
        headers.iter().find(|pair| pair[0] == "Authorization").unwrap()[1]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(bearer(0), bearer(1));
    assert!(bearer(0).starts_with("Bearer ***#"), "{}", bearer(0));
    for question in QUESTIONS {
        let path = format!("/api/v1/{}", question.replace("ID", &id));
        let (status, body) = server.ask(&format!("GET {path}"), b"");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        assert_clean(&path, &body);
    }
    let (_, body) = server.ask("GET /metrics", b"");
    assert_clean("/metrics", &body);
    let mut agent = Agent::start(&["--server", &format!("http://{}", server.address)]);
    assert_clean("MCP", agent.tool("get_call", json!({ "id": id, "payload": 0 })).as_bytes());
    assert_clean("MCP", agent.tool("get_call", json!({ "id": id })).as_bytes());
    assert_clean("MCP", agent.tool("search", json!({ "text": KEPT })).as_bytes());
    drop(agent);
    assert_clean("spans", &collector.taken());
    assert_clean("the log", server.stop().as_bytes());
    let mut files = 0;
    files_in(&store, &mut |path| {
        files += 1;
        let bytes = fs::read(path).unwrap();
        assert!(secret_in(&bytes).is_none(), "{}", path.display());
    });
    assert!(files > 1);
    // What is sealed is compressed: it is read again, by a program that masks nothing.
    let server = Server::start(&["--store", store.to_str().unwrap(), "--unmasked"]);
    let again = server.json("/api/v1/calls?select=whole&order=asc");
    assert_eq!(again["calls"], calls["calls"]);
}

#[test]
fn whoever_says_so_sees_all() {
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("secrets.pcap");
    fs::write(&pcap, capture()).unwrap();
    let server = Server::start(&["--unmasked", pcap.to_str().unwrap()]);
    server.settled("1");
    let calls = server.json("/api/v1/calls?select=whole").to_string();
    assert!(SECRETS.iter().all(|secret| calls.contains(secret)), "{calls}");
    let (_, bytes) = server.ask("GET /api/v1/export?format=pcapng", b"");
    assert!(SECRETS.iter().all(|secret| memchr_like(&bytes, secret.as_bytes())));
}

#[test]
fn what_is_read_is_masked_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (pcap, key) = (folder.path().join("secrets.pcap"), folder.path().join("key"));
    fs::write(&pcap, capture()).unwrap();
    let read = |words: &[&str]| {
        let output = callscope().arg("read").args(words).arg(&pcap).output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].concat())
    };
    let key = key.to_str().unwrap();
    let masked = ["--mask", "--mask-key", key, "--mask-pattern", "\"badge\":\"([^\"]*)\""];
    let mut texts = Vec::new();
    for format in ["ndjson", "json", "ndjson"] {
        let (code, text) = read(&[&masked[..], &["-q", "--format", format]].concat());
        assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&text));
        assert_clean(format, &text);
        assert!(memchr_like(&text, KEPT.as_bytes()));
        texts.push(text);
    }
    assert_eq!(texts[0], texts[2], "the key in the file makes the same fingerprints");
    let (_, plain) = read(&["-q", "--format", "ndjson"]);
    assert!(SECRETS.iter().all(|secret| memchr_like(&plain, secret.as_bytes())));
    let (code, said) = read(&["--mask", "--format", "table"]);
    assert!(code == Some(1) && memchr_like(&said, b"--format ndjson"));
    let (code, said) = read(&["--mask-pattern", "("]);
    assert!(code == Some(1) && memchr_like(&said, b"--mask-pattern"));
}

/// Takes what is sent to a collector of spans.
struct Collector {
    address: String,
    taken: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let taken = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let into = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let into = into.clone();
                std::thread::spawn(move || {
                    let mut buffer = [0; 65536];
                    let mut pending = Vec::new();
                    while let Ok(len @ 1..) = stream.read(&mut buffer) {
                        into.lock().unwrap().extend_from_slice(&buffer[..len]);
                        pending.extend_from_slice(&buffer[..len]);
                        // One answer for each request whose body has come.
                        while let Some(end) = request_end(&pending) {
                            pending.drain(..end);
                            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                            if stream.write_all(answer).is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        Self { address, taken }
    }

    /// What came, as soon as both calls did.
    fn taken(&self) -> Vec<u8> {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let taken = self.taken.lock().unwrap().clone();
            if memchr_like(&taken, b"/form") && memchr_like(&taken, b"/login") {
                return taken;
            }
            assert!(std::time::Instant::now() < until, "no spans came");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn request_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
    (bytes.len() >= head + length).then_some(head + length)
}

#[test]
fn a_key_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "short").unwrap();
    let mut command: Command = callscope();
    let command = command.args(["serve", "--listen", "127.0.0.1:0", "--mask-key"]).arg(&key);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("64 hexadecimal digits"), "{said}");
}
