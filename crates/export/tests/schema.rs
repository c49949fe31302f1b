//! The lines and the schema that is committed for them agree.

use std::io::Write;

use common::{BEGIN, Half, ID, IS_LAST, NAMES, PATH, call};
use export::{Ends, Ndjson, Options};
use jsonschema::Validator;
use model::{
    Call, Candidate, ContainerId, Cover, Doubt, Evidence, Evidences, Missing, Notice, Noticed,
    Pairing, Peer, Process, Says, Side, Source, Timestamp, Transport, Why, Workload,
};
use serde_json::{Value, json};

mod common;

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn every_property_is_described() {
    let mut undescribed = Vec::new();
    check_described(&schema(), "", &mut undescribed);
    assert!(undescribed.is_empty(), "{undescribed:?}");
}

#[test]
fn a_call_with_everything_is_valid() {
    let (request, response) = (full_request(), full_response());
    let line = valid(&call(Some(&request), Some(&response)));
    assert_eq!(line["id"], "12-3");
    assert_eq!(line["time"], "2026-01-29T11:08:21.123456789Z");
    assert_eq!(line["duration_ns"], 1_981_000);
    assert_eq!(line["status"], json!({"code": "200", "text": "OK", "result": "ok"}));
    assert_eq!(line["src"], json!({"ip": "10.0.37.237", "port": 43_282}));
    assert_eq!(
        line["request"]["headers"],
        json!([["Host", "user"], ["X-Odd", "caf\u{fffd} \"\\"]])
    );
    assert_eq!(
        line["request"]["fields"],
        json!({"test.id": -7, "test.names": ["a"], "url.path": "/login", "test.is_last": true})
    );
    assert_eq!(line["request"]["frames"], json!([4, 5]));
    assert_eq!(line["response"]["fields"]["test.names"], json!(["a", "b", "c"]));
    assert_eq!(line["response"]["body"]["decoded_size"], 12);
    assert_eq!(line["response"]["body"]["text"], "socks, socks");
    assert_eq!(line["source"], json!({"kind": "file", "name": "a\"b.pcap", "interface": "eth0"}));
    assert_eq!(line["missing"], Value::Null);
}

#[test]
fn ends_with_everything_known_are_valid() {
    let mut evidence = Evidences::default();
    Evidence::ALL.into_iter().for_each(|one| evidence.add(one));
    let peer = Peer {
        name: Some("user"),
        namespace: Some("shop"),
        pod: Some("user-7b-x"),
        service: Some("user"),
        services: vec!["user", "user-admin"],
        workload: Some(Workload { kind: "Deployment", name: "user" }),
        node: Some("n1"),
        zone: Some("z1"),
        container: Some("app"),
        service_account: Some("default"),
        labels: vec![("app", "user"), ("odd", "a\"b")],
        names: vec!["lb.example"],
        evidence,
        doubts: vec![Doubt::HostNetwork, Doubt::Snat, Doubt::Handover],
        candidates: vec![
            Candidate { kind: "node", namespace: None, name: "n1" },
            Candidate { kind: "pod", namespace: Some("shop"), name: "other" },
        ],
    };
    let (mut src, mut dst) = (Vec::new(), b",\"service_ip\":\"10.96.0.1\"".to_vec());
    export::push_peer(&mut src, &peer);
    export::push_dns_names(&mut dst, &["a.example", "b.example"]);
    let arguments = ["nginx".to_owned(), "-g".to_owned(), "daemon \"off\";".to_owned()];
    let (id, pod_uid) = ("3f2a".repeat(16), "0e1b7f5a-93b4-4d55-9bd0-6d4f2d6c1a11");
    let container = ContainerId { id: &id, runtime: Some("containerd"), pod_uid: Some(pod_uid) };
    let process = Process {
        pid: 4242,
        own_pid: Some(1),
        name: "nginx",
        path: Some("/usr/sbin/nginx"),
        command_line: Some(&arguments),
        parent: Some(4200),
        uid: 101,
        started: Some(Timestamp(1_769_684_901_000_000_000)),
        cgroup: Some("/kubepods/pod0e1b7f5a/3f2a"),
        container: Some(container),
    };
    export::push_process(&mut src, &process);
    export::push_process(&mut dst, &Process { pid: 7, ..Process::default() });
    let (request, response) = (full_request(), full_response());
    let call = call(Some(&request), Some(&response));
    let mut text = Vec::new();
    let ends = Ends { src: &src, dst: &dst };
    let places = Ndjson::new(&[], Options::default()).render_between(&call, ends, &mut text);
    assert_eq!((text[places.src], text[places.dst]), (b'}', b'}'));
    let line: Value = serde_json::from_slice(&text).unwrap();
    let errors: Vec<_> = validator().iter_errors(&line).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(line["src"]["labels"], json!({"app": "user", "odd": "a\"b"}));
    assert_eq!(line["src"]["workload"], json!({"kind": "Deployment", "name": "user"}));
    assert_eq!(line["src"]["evidence"].as_array().unwrap().len(), Evidence::ALL.len());
    assert_eq!(line["dst"]["names"], json!(["a.example", "b.example"]));
    assert_eq!(line["dst"]["ip"], "10.0.24.164");
    let told = json!({
        "pid": 4242, "own_pid": 1, "name": "nginx", "path": "/usr/sbin/nginx",
        "command_line": arguments, "parent": 4200, "uid": 101,
        "started": "2026-01-29T11:08:21.000000000Z", "cgroup": "/kubepods/pod0e1b7f5a/3f2a",
        "container": {"id": id, "runtime": "containerd", "pod_uid": pod_uid}
    });
    assert_eq!(line["src"]["process"], told);
    assert_eq!(line["dst"]["process"], json!({"pid": 7, "uid": 0}));
}

#[test]
fn a_line_for_people() {
    let request =
        Half::of(Side::Client, 0).method(b"GET").endpoint(b"/login").header(b"Host", b"user");
    let response = Half::of(Side::Server, 1_981_000)
        .status(b"404", b"Not Found", b"error")
        .text(PATH, b"/x")
        .body("text/plain", "", b"no\n", 3);
    let mut line = Vec::new();
    let call = call(Some(&request), Some(&response));
    Ndjson::new(&[], Options::default()).render(&call, &mut line);
    let expected = concat!(
        r#"{"id":"12-3","time":"2026-01-29T11:08:21.123456789Z","duration_ns":1981000,"#,
        r#""protocol":"test","method":"GET","endpoint":"/login","#,
        r#""status":{"code":"404","text":"Not Found","result":"error"},"#,
        r#""src":{"ip":"10.0.37.237","port":43282},"dst":{"ip":"10.0.24.164","port":80},"#,
        r#""request":{"first_ns":0,"last_ns":0,"size":0,"header_size":0,"headers":[["Host","user"]]},"#,
        r#""response":{"first_ns":1981000,"last_ns":1981000,"size":0,"header_size":0,"#,
        r#""fields":{"url.path":"/x"},"#,
        r#""body":{"media_type":"text/plain","size":3,"truncated":false,"text":"no\n"}},"#,
        r#""pairing":"matched","paired_by":"order","missing":null,"transport":"tcp","stream":"12"}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(line).unwrap(), expected);
}

#[test]
fn a_call_with_a_missing_half_is_valid() {
    let (request, response) = (full_request(), full_response());
    let unanswered = valid(&call(Some(&request), None));
    assert_eq!(unanswered.get("duration_ns").or(unanswered.get("response")), None);
    let orphan = Call {
        missing: Some(Missing { why: Why::CaptureStart, request_bytes: 0, response_bytes: 9 }),
        ..call(None, Some(&response))
    };
    let orphan = valid(&orphan);
    assert_eq!(orphan.get("method").or(orphan.get("request")), None);
    assert_eq!(
        orphan["missing"],
        json!({"why": "capture-start", "request_bytes": 0, "response_bytes": 9})
    );
    assert_eq!(orphan["response"]["first_ns"], 0);
}

#[test]
fn a_message_of_the_server_that_nobody_answers_is_a_response() {
    let message = Half::of(Side::Server, 0);
    let line = valid(&Call { pairing: Pairing::OneWay, ..call(None, Some(&message)) });
    assert_eq!(line["pairing"], "one-way");
    assert_eq!(line["response"], json!({"first_ns": 0, "last_ns": 0, "size": 0, "header_size": 0}));
}

#[test]
fn a_call_inside_another_stream_that_goes_on_is_valid() {
    let (request, response) = (full_request(), full_response());
    let cover = Cover {
        decrypted_by: "keylog",
        server_name: "user.sock-shop".into(),
        version: "1.3".into(),
        ..Cover::default()
    };
    let call = Call {
        inside: 2,
        cover: Some(&cover),
        goes_on: true,
        ..call(Some(&request), Some(&response))
    };
    let line = valid(&call);
    assert_eq!(line["id"], "12.2-3");
    assert_eq!(line["state"], "open");
    assert_eq!(
        line["tls"],
        json!({"decrypted_by": "keylog", "sni": "user.sock-shop", "version": "1.3"})
    );
}

#[test]
fn headers_that_follow_fields_stand_before_them() {
    let begin = || Half::of(Side::Client, 0);
    let told = |half: Half| valid(&call(Some(&half), None))["request"].clone();
    let in_order = begin().header(b"a", b"1").header(b"b", b"2").integer(ID, 7);
    let in_order = told(in_order.text(NAMES, b"x").text(NAMES, b"y").truth(IS_LAST, true));
    assert_eq!(in_order["headers"], json!([["a", "1"], ["b", "2"]]));
    let all_late = begin().integer(ID, 7).text(NAMES, b"x").header(b"a", b"1");
    let all_late = all_late.text(NAMES, b"y").header(b"b", b"2").truth(IS_LAST, true);
    assert_eq!(told(all_late), in_order, "also within a list");
    let one_late = begin().header(b"a", b"1").integer(ID, 7).header(b"b", b"2");
    let one_late = one_late.text(NAMES, b"x").text(NAMES, b"y").truth(IS_LAST, true);
    assert_eq!(told(one_late), in_order);
}

#[test]
fn what_icmp_said_of_a_call_is_valid() {
    let notice = Notice { from: [10, 0, 0, 9].into(), says: Says::TooBig, mtu: Some(1_400) };
    let request = full_request();
    let noticed = Some(Noticed { notice, at: BEGIN.after(7) });
    let missing = Some(Missing { why: Why::Unreachable, request_bytes: 0, response_bytes: 0 });
    for transport in [Transport::Icmp, Transport::Sctp] {
        let call = call(Some(&request), None);
        let line = valid(&Call {
            transport,
            noticed,
            missing,
            pairing: Pairing::Unanswered,
            paired_by: None,
            ..call
        });
        assert_eq!(line["transport"], transport.name());
        let said =
            json!({"from": "10.0.0.9", "says": "packet too big", "mtu": 1_400, "after_ns": 7});
        assert_eq!(line["icmp"], said);
        assert_eq!(line["missing"]["why"], "unreachable");
    }
}

#[test]
fn bodies_of_every_kind_are_valid() {
    let gzipped = gzip(b"socks, socks");
    let bomb = gzip(&vec![b'0'; 3 << 20]);
    for (media_type, encoding, kept, size, expected) in [
        ("", "", &b"\0\x01\xff"[..], 3, json!({"truncated": false, "base64": "AAH/"})),
        ("text/plain", "", "aé".as_bytes(), 3, json!({"truncated": false, "text": "aé"})),
        ("text/plain", "", b"a\xc3", 3, json!({"truncated": true, "text": "a"})),
        ("text/plain", "", b"", 3, json!({"truncated": true})),
        ("image/png", "", b"abc", 9, json!({"truncated": true, "base64": "YWJj"})),
        (
            "text/plain",
            "gzip",
            &gzipped[..gzipped.len() - 9],
            gzipped.len() as u64,
            json!({"truncated": true, "decoded_size_at_least": 12, "text": "socks, socks"}),
        ),
        (
            "text/plain",
            "x-none",
            b"abc",
            3,
            json!({"truncated": false, "decode_error": "unknown-coding", "text": "abc"}),
        ),
    ] {
        let half = Half::of(Side::Client, 0).body(media_type, encoding, kept, size);
        let mut body = valid(&call(Some(&half), None))["request"]["body"].take();
        let members = body.as_object_mut().unwrap();
        members.remove("media_type");
        members.remove("encoding");
        assert_eq!(members.remove("size"), Some(size.into()));
        assert_eq!(body, expected, "{media_type} {encoding}");
    }
    let half = Half::of(Side::Client, 0).body("", "gzip", &bomb, bomb.len() as u64);
    let body = valid(&call(Some(&half), None))["request"]["body"].take();
    assert_eq!(body["decoded_size"], 3 << 20);
    assert_eq!(body["text"].as_str().map(str::len), Some(1 << 20));
    assert_eq!(body["truncated"], true);
}

#[test]
fn bodies_are_left_out_when_not_wanted() {
    let half = Half::of(Side::Client, 0).body("text/plain", "", b"abc", 3);
    let options = Options { with_bodies: false, ..Options::default() };
    let line = rendered(&call(Some(&half), None), options);
    assert_eq!(line["request"].get("body"), None);
}

#[test]
fn ipv6_udp_and_an_unknown_source_are_valid() {
    let half = Half::of(Side::Client, 0);
    let mut call = call(Some(&half), None);
    call.client.ip = "2001:db8::1".parse().unwrap();
    (call.transport, call.source) = (Transport::Udp, 7);
    let line = valid(&call);
    assert_eq!(line["src"]["ip"], "2001:db8::1");
    assert_eq!(line["transport"], "udp");
    assert_eq!(line.get("source"), None);
}

#[test]
fn every_reason_is_in_the_schema() {
    let half = Half::of(Side::Client, 0);
    for why in [
        Why::Gap,
        Why::CaptureStart,
        Why::CaptureEnd,
        Why::Snaplen,
        Why::Budget,
        Why::Reset,
        Why::Closed,
        Why::Timeout,
    ] {
        let missing = Some(Missing { why, request_bytes: 1, response_bytes: u64::MAX });
        valid(&Call { missing, ..call(Some(&half), None) });
    }
}

#[test]
fn sources_met_later_are_learnt() {
    let half = Half::of(Side::Client, 0);
    let sources = [source(), Source { kind: "stdin", name: "-".into(), interface: None }];
    let mut ndjson = Ndjson::new(&sources[..1], Options::default());
    ndjson.learn_sources(&sources);
    let mut line = Vec::new();
    ndjson.render(&Call { source: 1, ..call(Some(&half), None) }, &mut line);
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["source"], json!({"kind": "stdin", "name": "-"}));
}

fn full_request() -> Half {
    let mut half = Half::of(Side::Client, 0)
        .method(b"POST")
        .endpoint(b"/login")
        .version(b"1.1")
        .sizes(403, 190)
        .frames(4, 5)
        .integer(ID, -7)
        .header(b"Host", b"user")
        .text(NAMES, b"a")
        .text(PATH, b"/login")
        .header(b"X-Odd", b"caf\xE9 \"\\")
        .truth(IS_LAST, true)
        .body("application/json", "", b"{\"a\":1}", 7);
    half.0.repeats = 2;
    half.0.last.at = BEGIN.after(12_000);
    half
}

fn full_response() -> Half {
    let body = gzip(b"socks, socks");
    Half::of(Side::Server, 1_981_000)
        .status(b"200", b"OK", b"ok")
        .frames(6, 6)
        .text(NAMES, b"a")
        .text(NAMES, b"b")
        .text(NAMES, b"c")
        .body("text/plain", "gzip", &body, body.len() as u64)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn valid(call: &Call<'_>) -> Value {
    let line = rendered(call, Options::default());
    let validator = validator();
    let errors: Vec<_> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{line:#}");
    line
}

fn rendered(call: &Call<'_>, options: Options) -> Value {
    let mut line = Vec::new();
    Ndjson::new(&[source()], options).render(call, &mut line);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
    serde_json::from_slice(&line).unwrap()
}

fn source() -> Source {
    Source { kind: "file", name: "a\"b.pcap".into(), interface: Some("eth0".into()) }
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/call-1.schema.json")).unwrap()
}

fn check_described(schema: &Value, path: &str, undescribed: &mut Vec<String>) {
    let Some(members) = schema.as_object() else { return };
    for (name, member) in members {
        let path = format!("{path}/{name}");
        if let ("properties" | "$defs", Some(properties)) = (name.as_str(), member.as_object()) {
            let lacks = properties.iter().filter(|(_, property)| property["description"].is_null());
            undescribed.extend(lacks.map(|(property, _)| format!("{path}/{property}")));
        }
        check_described(member, &path, undescribed);
        for (at, element) in member.as_array().into_iter().flatten().enumerate() {
            check_described(element, &format!("{path}/{at}"), undescribed);
        }
    }
}
