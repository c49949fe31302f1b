//! What is spoken over HTTP, from recordings of real peers to the program's output.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use capture::{Batch, Input, Options, Reader};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn run(name: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(["read", "-q", "--format", "ndjson"]).arg(fixture(name)).args(more);
    command.stdin(Stdio::null()).output().unwrap()
}

fn calls(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The first message of one half of a gRPC call.
fn message(call: &Value, half: &str) -> Value {
    let text = call[half]["fields"]["grpc.message"][0].as_str();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[test]
fn tonic_is_read_with_the_descriptors_given() {
    let shop = fixture("shop.protoset");
    let calls = calls(&run("tonic.pcap.zst", &["--proto-descriptors", shop.to_str().unwrap()]));
    assert_eq!(calls.len(), 18);
    let mut typed = 0;
    for call in calls.iter().filter(|call| call["endpoint"].as_str().unwrap().contains("Shop/")) {
        for (half, name) in
            [("request", "shop.v1.OrderRequest"), ("response", "shop.v1.OrderReply")]
        {
            let message = message(call, half);
            if message.is_null() {
                continue;
            }
            typed += 1;
            assert_eq!(message["type"], name, "{message}");
            assert!(message.get("untyped").is_none() && message.get("cut").is_none(), "{message}");
            if half == "response" {
                let payload = &message["payload"];
                assert_eq!(payload["state"], "STATE_ACCEPTED");
                assert_eq!(payload["acceptedAt"], "2026-01-01T00:00:00.250Z");
            } else {
                assert_eq!(message["payload"]["items"][0]["unitPrice"], 2.5);
                assert_eq!(message["payload"]["labels"]["channel"], "web");
            }
        }
    }
    assert_eq!(typed, 30);
}

#[test]
fn what_a_server_tells_serves_the_later_calls_of_its_connection_at_once() {
    let with = |threads: &str| run("tonic.pcap.zst", &["--threads", threads]);
    let calls = calls(&with("1"));
    let typed: Vec<_> =
        calls.iter().filter(|call| message(call, "request")["type"].is_string()).collect();
    let [call] = typed[..] else { panic!("{} calls have types", typed.len()) };
    assert_eq!(message(call, "request")["payload"]["customerName"], "after reflection");
    assert_eq!(message(call, "response")["payload"]["orderId"], "18446744073709551614");
    for threads in ["2", "16"] {
        assert!(with(threads).stdout == with("1").stdout, "{threads} threads");
    }
}

/// A recording with a second connection of the same client to a server that told its descriptors on the
/// first one: long before, and again to another server. Both are after megabytes of other packets.
fn long_after_reflection() -> tempfile::NamedTempFile {
    const SECOND: u64 = 84;
    const PORT_AT: std::ops::Range<usize> = 36..38;
    let input = [Input::Path(fixture("tonic.pcap.zst"))];
    let (mut reader, mut batch) = (Reader::open(&input, Options::default()).unwrap(), Batch::new());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while reader.next(&mut batch).unwrap() {
        for packet in batch.packets() {
            let of = if packet.frame < SECOND { &mut first } else { &mut second };
            of.push(packet.bytes.to_vec());
        }
    }
    let port = second[0][PORT_AT].to_vec();
    // Another server: the same address, the next port.
    let other = second.iter().map(|packet| {
        let mut packet = packet.clone();
        for at in [34, 36] {
            if packet[at..at + 2] == port[..] {
                packet[at + 1] ^= 1;
            }
        }
        packet
    });
    // Of a protocol for experiments (IEEE 802).
    let filler = [&[0xff; 12][..], &[0x88, 0xb5], &[0; 1_400]].concat();
    let filler = vec![filler; 4_500];
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    let all = first.iter().chain(&filler).cloned().chain(second.clone()).chain(other);
    for (n, packet) in (0_u32..).zip(all) {
        let len = u32::try_from(packet.len()).unwrap();
        for word in [1_769_684_901, n * 100, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    let path = tempfile::NamedTempFile::with_suffix(".pcap").unwrap();
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn what_a_server_tells_serves_later_connections_to_it_and_to_nobody_else() {
    let file = long_after_reflection();
    let with = |threads: &str| run(file.path().to_str().unwrap(), &["--threads", threads]);
    let calls = calls(&with("1"));
    let typed = |call: &Value| message(call, "request")["type"].is_string();
    let shop = |call: &&Value| call["endpoint"].as_str().unwrap_or_default().contains("Shop/");
    let client = |call: &Value| (call["src"]["port"].clone(), call["dst"]["port"].clone());
    let mut by_connection: Vec<((Value, Value), usize, usize)> = Vec::new();
    for call in calls.iter().filter(shop) {
        let at = by_connection.iter().position(|(known, ..)| *known == client(call));
        let at = at.unwrap_or_else(|| {
            by_connection.push((client(call), 0, 0));
            by_connection.len() - 1
        });
        by_connection[at].1 += usize::from(typed(call));
        by_connection[at].2 += 1;
    }
    let counts: Vec<_> = by_connection.iter().map(|(_, typed, all)| (*typed, *all)).collect();
    assert_eq!(counts, [(1, 9), (8, 8), (0, 8)], "{by_connection:?}");
    for threads in ["2", "16"] {
        assert!(with(threads).stdout == with("1").stdout, "{threads} threads");
    }
}

#[test]
fn methods_that_are_not_described_are_shown_by_numbers_and_said_to_be() {
    let shop = fixture("shop.protoset");
    let calls = calls(&run("grpc.pcap.zst", &["--proto-descriptors", shop.to_str().unwrap()]));
    let message = message(&calls[0], "request");
    assert!(message["untyped"].as_str().unwrap().starts_with("no descriptor of shop.v1.Orders/"));
    assert!(message["payload"].is_object());
}

#[test]
fn descriptors_that_are_none_are_one_clear_line() {
    for (name, words) in [("grpc.pcap.zst", "no set of file descriptors"), ("none", "No such file")]
    {
        let path = fixture(name);
        let output = run("grpc.pcap.zst", &["--proto-descriptors", path.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        assert!(text.contains(words) && text.contains(name), "{text}");
    }
}

fn headers(half: &Value) -> Vec<(&str, &str)> {
    let pairs = half["headers"].as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?))).collect()
}

#[test]
fn a_browser_speaks_websocket_inside_http2_inside_tls() {
    let calls = calls(&run("browser.pcapng.zst", &[]));
    let of = |protocol: &str, path: &str| -> Vec<&Value> {
        let wanted = |call: &&Value| call["protocol"] == protocol && call["endpoint"] == path;
        calls.iter().filter(wanted).collect()
    };
    let [handshake] = of("http", "/ws")[..] else { panic!("one handshake") };
    assert_eq!(
        (&handshake["method"], &handshake["status"]["code"]),
        (&"CONNECT".into(), &"200".into())
    );
    assert!(headers(&handshake["request"]).contains(&(":protocol", "websocket")));
    let messages = of("websocket", "/ws");
    assert_eq!(messages.len(), 18);
    let (mut said, mut echoed) = (Vec::new(), Vec::new());
    for message in &messages {
        let half = if message["src"]["port"] == 443 { &mut echoed } else { &mut said };
        let body = &message["request"]["body"];
        half.push((message["method"].as_str().unwrap(), body["text"].as_str().unwrap_or_default()));
        assert_eq!(message["request"]["fields"]["websocket.subprotocol"], "echo", "{message}");
        assert_eq!(message["tls"]["alpn"], "h2");
    }
    let want = |n: usize| format!("hello {n} {}", "x".repeat(n * 60));
    for (n, (method, text)) in said.iter().take(8).enumerate() {
        assert_eq!((*method, *text), ("text", want(n).as_str()));
    }
    assert_eq!(said, echoed);
    assert_eq!(said.last().unwrap().0, "close");
    // By upgrade of HTTP/1.1.
    assert_eq!(of("websocket", "/ws1").len(), 10);
}

/// Inside HTTP/2, by upgrade of HTTP/1.1 behind other calls of its connection, and inside TLS.
#[test]
fn messages_of_websocket_refer_to_their_handshake() {
    let calls = calls(&run("browser.pcapng.zst", &[]));
    let path = |call: &Value| call["endpoint"].as_str().unwrap_or_default().to_owned();
    let mut found = std::collections::BTreeSet::new();
    for message in calls.iter().filter(|call| call["protocol"] == "websocket") {
        let id = &message["request"]["fields"]["websocket.handshake.id"];
        let known: Vec<_> = calls.iter().filter(|call| call["id"] == *id).collect();
        let [handshake] = known[..] else { panic!("{id} is known {} times", known.len()) };
        assert_eq!(path(handshake), path(message), "{id}");
        assert!(handshake["id"].as_str().unwrap().contains('.'), "it is inside TLS: {id}");
        found.insert(path(message));
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["/ws", "/ws1"]);
}

#[test]
fn a_browser_listens_to_events_and_cancels() {
    let calls = calls(&run("browser.pcapng.zst", &[]));
    let [events] = calls.iter().filter(|call| call["protocol"] == "sse").collect::<Vec<_>>()[..]
    else {
        panic!("one stream of events")
    };
    let told = events["response"]["fields"]["sse.event"].as_array().unwrap();
    assert!(told.len() >= 5, "{told:?}");
    assert_eq!(events["status"]["text"], "CANCEL");
    let loaded = calls.iter().filter(|call| call["endpoint"] == "/load").count();
    assert_eq!(loaded, 60);
}

#[test]
fn a_call_that_its_client_broke_off_shows_why() {
    let calls = calls(&run("tonic.pcap.zst", &[]));
    let broken: Vec<_> = calls
        .iter()
        .filter(|call| call["request"]["fields"]["http.stream.reset"] == "CANCEL")
        .map(|call| call["status"]["text"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(broken.len(), 3, "{broken:?}");
    let told = |text: &str| text.contains("by the client with CANCEL");
    assert!(broken.iter().copied().all(told), "{broken:?}");
}

#[test]
fn tunnels_through_http2_are_read_inside() {
    let calls = calls(&run("tunnels.pcap.zst", &[]));
    let of = |protocol: &str, path: &str| {
        let begins =
            |call: &&Value| call["endpoint"].as_str().unwrap_or_default().starts_with(path);
        calls.iter().filter(begins).filter(|call| call["protocol"] == protocol).count()
    };
    assert_eq!((of("http", "/inside/"), of("http", "/beside/")), (12, 12));
    assert_eq!((of("websocket", "/one"), of("websocket", "/two")), (27, 25));
    for call in calls.iter().filter(|call| call["protocol"] == "http") {
        assert_eq!(call["pairing"], "matched", "{call}");
        let inside = call["endpoint"].as_str().unwrap().starts_with("/inside/");
        assert_eq!(call["id"].as_str().unwrap().contains('.'), inside, "{call}");
    }
}

#[test]
fn tunnels_through_http3_are_read_inside() {
    let calls = calls(&run("http3-tunnels.pcapng.zst", &[]));
    let [handshake] = calls
        .iter()
        .filter(|call| call["endpoint"] == "/chat" && call["protocol"] == "http")
        .collect::<Vec<_>>()[..]
    else {
        panic!("one handshake")
    };
    assert_eq!((&handshake["method"], &handshake["version"]), (&"CONNECT".into(), &"3".into()));
    let mut messages: Vec<_> =
        calls.iter().filter(|call| call["protocol"] == "websocket").collect();
    messages.sort_by_key(|message| message["src"]["port"] == 443);
    let texts = |of: &[&Value]| -> Vec<String> {
        of.iter()
            .map(|m| m["request"]["body"]["text"].as_str().unwrap_or_default().into())
            .collect()
    };
    let said = ["hello 0", "hello 1", "hello 2", "bye"];
    assert_eq!(
        (texts(&messages[..4]), texts(&messages[4..])),
        (said.map(str::to_owned).into(), said.map(str::to_owned).into())
    );
    for message in messages {
        let fields = &message["request"]["fields"];
        assert_eq!(fields["websocket.handshake.id"], handshake["id"]);
        assert_eq!(
            (&fields["websocket.subprotocol"], &fields["url.path"]),
            (&"echo".into(), &"/chat".into())
        );
        assert_eq!(message["tls"]["alpn"], "h3");
    }
    // WebTransport speaks in capsules, datagrams and streams of its own: it is a call, and no tunnel.
    let [session] =
        calls.iter().filter(|call| call["endpoint"] == "/session").collect::<Vec<_>>()[..]
    else {
        panic!("one session")
    };
    assert_eq!(
        (&session["method"], &session["status"]["code"]),
        (&"CONNECT".into(), &"200".into())
    );
    assert!(headers(&session["request"]).contains(&(":protocol", "webtransport")));
}

/// A NAT that gave the client another port, then a client that moved with another connection ID.
#[test]
fn a_client_of_quic_keeps_its_connection_where_its_address_changes() {
    let with = |threads: &str| run("http3-tunnels.pcapng.zst", &["--threads", threads]);
    let calls = calls(&with("1"));
    let paths: Vec<_> = calls
        .iter()
        .filter(|call| call["protocol"] == "http" && call["method"] == "GET")
        .map(|call| (call["endpoint"].as_str().unwrap(), call["status"]["code"].as_str().unwrap()))
        .collect();
    let all = ["/first", "/beside", "/after", "/rebound", "/moved"].map(|path| (path, "200"));
    assert_eq!(paths, all);
    let quic: Vec<_> = calls.iter().filter(|call| call["protocol"] == "quic").collect();
    assert_eq!(quic.len(), 1);
    let ja4 = quic[0]["request"]["fields"]["tls.client.ja4"].as_str().unwrap_or_default();
    assert!(ja4.starts_with("q13"), "{}", quic[0]);
    for threads in ["2", "5", "16"] {
        assert!(with(threads).stdout == with("1").stdout, "{threads} threads");
    }
}
