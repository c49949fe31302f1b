//! Documents against another decoder, secrets under every cut and loss, and what is not MongoDB.

use std::collections::BTreeMap;

use bson::{Bson, doc};
use dissect::{
    Hello, Verdict,
    kit::{self, Case, Kept, Replay, Turn},
};
use model::{BodyFacts, Mark, Message, Pairing, Side, Tell, Transport};
use proptest::{collection::vec, prelude::*};

use super::{DISSECTION, PROTOCOL, bson::Document, json::Writer, record::HEAD};

// === documents ===

fn value() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("not a number", |n| n.is_finite()).prop_map(Bson::Double),
        "[ -~äß\n\u{1}]{0,20}".prop_map(Bson::String),
        any::<bool>().prop_map(Bson::Boolean),
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<[u8; 12]>().prop_map(|id| Bson::ObjectId(bson::oid::ObjectId::from_bytes(id))),
        (-1i64 << 45..1i64 << 48).prop_map(|ms| Bson::DateTime(bson::DateTime::from_millis(ms))),
        any::<[u8; 16]>().prop_map(|bits| Bson::Decimal128(bson::Decimal128::from_bytes(bits))),
        (any::<u32>(), any::<u32>())
            .prop_map(|(time, increment)| { Bson::Timestamp(bson::Timestamp { time, increment }) }),
        (vec(any::<u8>(), 0..20), 0u8..9).prop_map(|(bytes, kind)| {
            Bson::Binary(bson::Binary { subtype: kind.into(), bytes })
        }),
        "[a-z^$]{0,9}".prop_map(|pattern| {
            Bson::RegularExpression(bson::Regex { pattern, options: "im".into() })
        }),
        "[a-z()]{0,9}".prop_map(Bson::JavaScriptCode),
        "[a-z]{0,9}".prop_map(Bson::Symbol),
        prop::sample::select(vec![Bson::Null, Bson::Undefined, Bson::MinKey, Bson::MaxKey]),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Bson::Array),
            document_of(inner).prop_map(Bson::Document),
        ]
    })
}

fn document_of(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = bson::Document> {
    prop::collection::btree_map("[a-zA-Z_$.]{1,8}", value, 0..6)
        .prop_map(|map: BTreeMap<String, Bson>| map.into_iter().collect())
}

fn text_of(bytes: &[u8]) -> (String, bool) {
    let mut writer = Writer::new(1 << 20);
    if let Ok((document, _)) = Document::split(bytes) {
        writer.document(&document, |_| false);
    }
    (String::from_utf8(writer.text).unwrap(), writer.partial)
}

proptest! {
    #[test]
    fn documents_are_told_as_the_oracle_tells_them(document in document_of(value())) {
        let bytes = bson::to_vec(&document).unwrap();
        let (text, partial) = text_of(&bytes);
        prop_assert!(!partial);
        let ours: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(ours, Bson::Document(document).into_relaxed_extjson());
    }

    #[test]
    fn a_document_cut_anywhere_is_json_still(document in document_of(value()), cut in 5usize..500) {
        let bytes = bson::to_vec(&document).unwrap();
        let (text, partial) = text_of(bytes.get(..cut).unwrap_or(&bytes));
        prop_assert!(partial == (cut < bytes.len()), "{}", text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn any_conversation_is_survived(bytes in vec(any::<u8>(), 0..2_000)) {
        kit::fuzz(&DISSECTION, &bytes);
    }

    #[test]
    fn no_record_makes_the_telling_panic(
        mut record in vec(any::<u8>(), HEAD..90),
        op in prop::sample::select(vec![1u16, 2001, 2002, 2004, 2005, 2006, 2007, 2010, 2011, 2013]),
        packer in 0u8..5,
        kept in vec(prop_oneof![Just(0u8), Just(1), Just(2), Just(3), any::<u8>()], 0..90),
    ) {
        record[2] = packer;
        record[4..6].copy_from_slice(&op.to_le_bytes());
        for from in [Side::Client, Side::Server] {
            tell(from, record.clone(), kept.clone());
        }
    }

    #[test]
    fn a_broken_message_is_survived(document in document_of(value()), at in 0usize..300, byte: u8, size in 1usize..90) {
        let mut command = bson::doc! { "find": "c" };
        command.extend(document);
        let mut bytes = message(0, &command, 7, 0);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let _ = probe(&bytes);
        for call in play(vec![Turn::Says(Side::Client, bytes)], size) {
            let _ = call.headline();
            let _ = call.request.map(|half| half.told(&PROTOCOL));
        }
    }
}

#[test]
fn a_document_of_a_thousand_levels_is_told_in_bounds() {
    let mut bytes = b"\x05\0\0\0\0".to_vec();
    for _ in 0..1_000 {
        let size = i32::try_from(bytes.len() + 8).unwrap().to_le_bytes();
        bytes = [&size[..], b"\x03a\0", &bytes, b"\0"].concat();
    }
    let (text, partial) = text_of(&bytes);
    assert!(partial && text.len() < 2_000);
    let hello = message(
        0,
        &doc! { "hello": 1, "a": bson::from_slice::<bson::Document>(&bytes[..0]).unwrap_or_default() },
        1,
        0,
    );
    assert_eq!(play(vec![Turn::Says(Side::Client, hello)], 9).len(), 1);
    let deep = [&hex("00000000"), &[0][..], &bytes].concat();
    let _ = super::secrets::hidden(super::wire::Op::MSG, &deep[4..]);
}

// === secrets ===

const SECRET: &str = "s3cret-s3cret";

#[test]
fn a_secret_is_nowhere_however_it_is_cut_or_lost() {
    let payload = Bson::Binary(bson::Binary { subtype: 0.into(), bytes: SECRET.into() });
    for (request, answer) in [
        (
            doc! { "saslStart": 1, "payload": &payload },
            doc! { "conversationId": 1, "payload": &payload, "ok": 1.0 },
        ),
        (doc! { "SASLContinue": 1, "payload": &payload }, doc! { "payload": &payload, "ok": 1.0 }),
        (doc! { "createUser": "a", "pwd": SECRET }, doc! { "ok": 1.0 }),
        (doc! { "updateUser": "a", "x": "y".repeat(40_000), "pwd": SECRET }, doc! { "ok": 1.0 }),
        (
            doc! { "hello": 1, "speculativeAuthenticate": { "payload": &payload } },
            doc! { "a": 1, "speculativeAuthenticate": { "payload": &payload }, "ok": 1.0 },
        ),
        (
            doc! { "find": "system.users" },
            doc! { "cursor": { "firstBatch": [{ "credentials": { "k": SECRET } }] }, "ok": 1.0 },
        ),
        (
            doc! { "getMore": 7_i64, "collection": "oplog.rs" },
            doc! { "cursor": { "nextBatch": [{ "o": { "credentials": { "k": SECRET } } }] }, "ok": 1.0 },
        ),
        (doc! { "setParameter": 1, "ldapQueryPassword": SECRET }, doc! { "ok": 1.0 }),
    ] {
        for packer in [None, Some(1), Some(0)] {
            let pack = |message: Vec<u8>| packer.map_or(message.clone(), |id| packed(&message, id));
            let turns = vec![
                Turn::Says(Side::Client, pack(message(0, &request, 1, 0))),
                Turn::Says(Side::Server, pack(message(0, &answer, 9, 1))),
            ];
            let case = Case { turns, ..Case::default() };
            let whole = Replay::new(&case).run(&DISSECTION);
            assert_eq!(whole.len(), 1, "{request}");
            no_secret(&whole);
            for size in [1, 7, 50, 300] {
                assert_eq!(whole, Replay::new(&case).pieces(size).run(&DISSECTION), "{request}");
                for lost in 0..40 {
                    no_secret(&Replay::new(&case).pieces(size).lose(lost).run(&DISSECTION));
                }
            }
            no_secret(&Replay::new(&case).join_at(1).run(&DISSECTION));
        }
    }
}

fn no_secret(calls: &[Kept]) {
    for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten() {
        let told = half.told(&PROTOCOL);
        assert!(!half.record.escape_ascii().to_string().contains("s3cret"), "{:?}", half.record);
        assert!(told.iter().all(|(_, value)| !value.contains("s3cret")), "{told:?}");
    }
}

// === large messages ===

#[test]
fn how_a_large_answer_ended_is_known_though_it_is_not_kept() {
    let rows: Vec<Bson> =
        (0..3_000).map(|n| Bson::Document(doc! { "n": n, "x": "y".repeat(40) })).collect();
    let cursor = doc! { "firstBatch": rows, "id": 5_i64, "ns": "a.b" };
    for (ok, code) in [(1.0, "OK"), (0.0, "7")] {
        let answer = doc! { "cursor": &cursor, "ok": ok, "code": 7 };
        let turns = vec![
            Turn::Says(Side::Client, message(0, &doc! { "find": "b", "$db": "a" }, 1, 0)),
            Turn::Says(Side::Server, message(1, &answer, 9, 1)),
        ];
        let calls = play(turns, 1_448);
        assert_eq!(calls[0].headline(), format!("matched find b {code}"));
        let told = calls[0].response.as_ref().unwrap().told(&PROTOCOL);
        let listed = |(name, text): &&(String, String)| {
            name == "body_text_cut" && text.matches(r#"{\"n\":"#).count() > 100
        };
        assert_eq!(told.iter().filter(listed).count(), 1);
        assert!(told.contains(&("mongodb.cut".into(), "true".into())));
    }
}

#[test]
fn a_message_of_ten_megabytes_is_not_waited_for() {
    let rows: Vec<Bson> = (0..200).map(|_| Bson::String("y".repeat(50_000))).collect();
    let insert = message(0, &doc! { "insert": "b", "documents": rows }, 1, 0);
    let turns = vec![
        Turn::Says(Side::Client, insert),
        Turn::Says(Side::Server, message(0, &doc! { "n": 1, "ok": 1.0 }, 9, 1)),
    ];
    assert_eq!(play(turns, 1_448)[0].headline(), "matched insert b OK");
}

// === detection ===

#[test]
fn what_others_say_is_not_claimed() {
    let others: [(&str, &[u8]); 14] = [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("Redis in a line", b"PING\r\n"),
        ("SMTP", b"220 mail.example.com ESMTP\r\n"),
        ("memcached", b"get a\r\n"),
        ("memcached, binary", b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f"),
        ("PostgreSQL, start", b"\0\0\0\x1c\0\x03\0\0user\0ann\0database\0db\0\0"),
        ("MySQL", b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xc7\x15"),
        ("TLS", b"\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03abcdefghabcdefghabcdefghabcdefgh"),
        ("Kafka", b"\0\0\0\x1d\0\x12\0\x03\0\0\0\x01\0\x07console\0\0\0\0"),
        ("SMB", b"\0\0\0\x54\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x1f\0\0\0\0\0\0\0\0\0"),
        ("zeros", &[0; 64]),
        ("a length and an opcode, no document", b"\x24\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x0f\0\0\0\x40\x01\0\0\0\0\0\0\0\0\0"),
    ];
    for (name, bytes) in others {
        assert_eq!(probe(bytes), Verdict::No, "{name}");
    }
}

#[test]
fn both_sides_are_known_on_any_port_and_a_wrong_side_is_not() {
    let asks = message(0, &doc! { "ping": 1 }, 1, 0);
    let answers = message(0, &doc! { "ok": 1.0 }, 2, 1);
    assert_eq!(probe(&asks), Verdict::Is(Side::Client));
    assert_eq!(probe(&answers), Verdict::Is(Side::Server));
    assert_eq!(probe(&asks[..18]), Verdict::Maybe);
    assert_eq!(probe(&packed(&asks, 1)), Verdict::Is(Side::Client));
    let hello = Hello { from: Some(Side::Server), ..hello(&asks) };
    assert_eq!((DISSECTION.probe)(&hello), Verdict::No);
}

// === helpers ===

fn message(flags: u32, document: &bson::Document, id: u32, to: u32) -> Vec<u8> {
    let document = bson::to_vec(document).unwrap();
    let sum: &[u8] = if flags & 1 == 1 { b"\x01\x02\x03\x04" } else { b"" };
    let length = u32::try_from(16 + 5 + document.len() + sum.len()).unwrap();
    let head: Vec<u8> =
        [length, id, to, 2_013, flags].iter().flat_map(|word| word.to_le_bytes()).collect();
    [&head, &[0][..], &document, sum].concat()
}

fn packed(message: &[u8], packer: u8) -> Vec<u8> {
    let (head, payload) = message.split_at(16);
    let size = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let payload = match packer {
        1 => snap::raw::Encoder::new().compress_vec(payload).unwrap(),
        _ => payload.to_vec(),
    };
    let length = u32::try_from(25 + payload.len()).unwrap().to_le_bytes();
    [&length, &head[4..12], &hex("dc070000"), &head[12..16], &size, &[packer], &payload].concat()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn play(turns: Vec<Turn>, size: usize) -> Vec<Kept> {
    let calls = Replay::new(&Case { turns, ..Case::default() }).pieces(size).run(&DISSECTION);
    assert!(calls.iter().all(|call| call.pairing != Pairing::Orphan || call.request.is_none()));
    calls
}

fn tell(from: Side, record: Vec<u8>, kept: Vec<u8>) {
    let mut message = Message::new(from, Mark::default());
    message.body.size = kept.len() as u64;
    (message.record, message.body.kept) = (record, kept);
    let _ = (PROTOCOL.headline)(Some(&message), Some(&message));
    let _ = (PROTOCOL.headline)(None, Some(&message));
    (PROTOCOL.tell)(&message, &mut Deaf);
}

struct Deaf;

impl Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: BodyFacts<'_>) {}
}

fn probe(bytes: &[u8]) -> Verdict {
    (DISSECTION.probe)(&hello(bytes))
}

fn hello(bytes: &[u8]) -> Hello<'_> {
    Hello {
        bytes,
        from: None,
        transport: Transport::Tcp,
        to_usual_port: false,
        from_usual_port: false,
        more: true,
    }
}
