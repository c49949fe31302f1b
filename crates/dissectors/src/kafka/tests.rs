//! What cases can't say: any bytes, secrets cut anywhere, whose bytes are not Kafka, and records as
//! another library writes them.

use bytes::BytesMut;
use dissect::{
    Hello, Verdict,
    kit::{Case, Kept, Replay, Turn, fuzz},
};
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use model::{Mark, Message, Side, Tell, Transport};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_broken_message_makes_it_panic(
        key in 0i16..94, version in 0i16..20, body in vec(any::<u8>(), 0..300), cut in 0usize..300,
    ) {
        let asked = request(key, version, 1, &body);
        let answered = response(1, &body);
        for size in [usize::MAX, cut + 1] {
            let talk = case([Turn::Says(Side::Client, asked.clone()), Turn::Says(Side::Server, answered.clone())]);
            for call in Replay::new(&talk).pieces(size).run(&DISSECTION) {
                told(&call, Side::Client, "kafka.message");
                told(&call, Side::Server, "kafka.message");
            }
        }
    }

    #[test]
    fn no_record_makes_the_telling_panic(
        kind in prop::sample::select(vec![b'q', b'r', b'o', b't', b'x']),
        key in 0u8..95, version in 0u8..20,
        rest in vec(any::<u8>(), 0..200), kept in vec(any::<u8>(), 0..100),
    ) {
        let mut message = Message::new(Side::Server, Mark::default());
        message.record = [&[kind, 0, 0, key, 0, version, 0, key, 0, version, 0, 0, 0, 1, 0, 0][..], &rest].concat();
        message.body.kept = kept;
        message.record.truncate(rest.len());
        let _ = (DISSECTION.protocol.headline)(Some(&message), Some(&message));
        (DISSECTION.protocol.tell)(&message, &mut Deaf);
    }

    #[test]
    fn no_batch_makes_the_telling_panic(body in vec(any::<u8>(), 0..300), magic in 0u8..4, coding in 0u8..8) {
        let mut batch = body;
        for (at, byte) in [(16, magic), (17, coding), (22, coding)] {
            if let Some(place) = batch.get_mut(at) {
                *place = byte;
            }
        }
        let call = produced(&batch);
        told(&call, Side::Client, "kafka.records");
    }

    #[test]
    fn a_pipeline_of_any_depth_is_paired(count in 1i32..100, size in 1usize..500) {
        let asked = (0..count).flat_map(|n| request(3, 1, n, &[0, 0, 0, 0])).collect();
        let answered = (0..count).flat_map(|n| response(n, &[0; 12])).collect();
        let talk = case([Turn::Says(Side::Client, asked), Turn::Says(Side::Server, answered)]);
        let calls = Replay::new(&talk).pieces(size).run(&DISSECTION);
        prop_assert_eq!(calls.len(), usize::try_from(count).unwrap());
        for call in &calls {
            prop_assert_eq!(
                told(call, Side::Client, "kafka.correlation_id"),
                told(call, Side::Server, "kafka.correlation_id")
            );
        }
    }
}

// === secrets ===

const SECRET: &str = "s3cret-s3cret-s3cret";

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    let token = format!("\0ann\0{SECRET}").into_bytes();
    let bytes = |len: usize| u32::try_from(len).unwrap().to_be_bytes();
    let sized = [&bytes(token.len())[..], &token].concat();
    let compact = [&[u8::try_from(token.len() + 1).unwrap()][..], &token].concat();
    let long = [&bytes(3_000)[..], &SECRET.as_bytes().repeat(150)].concat();
    let huge = [&bytes(30_000)[..], &SECRET.as_bytes().repeat(1_500)].concat();
    for (key, version, asked, answered) in [
        // SaslAuthenticate, of any size.
        (36, 0, sized.clone(), [&[0, 0, 0xff, 0xff], &sized[..]].concat()),
        (36, 2, [&compact[..], &[0]].concat(), [&[0, 0, 0, 0], &compact[..], &[0; 9]].concat()),
        (36, 0, long.clone(), [&[0, 0, 0xff, 0xff], &long[..]].concat()),
        (36, 0, huge.clone(), [&[0, 0, 0xff, 0xff], &huge[..]].concat()),
        // Of a version that nobody knows, and with bytes behind it.
        (36, 9, sized.clone(), sized.clone()),
        (36, 0, [&sized[..], &sized].concat(), [&[0, 0, 0xff, 0xff], &sized[..], &sized].concat()),
        // RenewDelegationToken, and an API that nobody knows.
        (39, 1, [&sized[..], &[0; 8]].concat(), vec![0; 14]),
        (9_999, 0, sized.clone(), sized.clone()),
    ] {
        let talk = case([
            Turn::Says(Side::Client, request(3, 1, 1, &[0; 4])),
            Turn::Says(Side::Server, response(1, &[0; 12])),
            Turn::Says(Side::Client, request(key, version, 2, &asked)),
            Turn::Says(Side::Server, response(2, &answered)),
        ]);
        no_secret_in(&talk, 2);
    }
}

#[test]
fn a_token_without_a_header_is_nowhere_however_it_is_cut() {
    let token = format!("\0ann\0{SECRET}").into_bytes();
    let frame = [&u32::try_from(token.len()).unwrap().to_be_bytes()[..], &token].concat();
    let talk = case([
        Turn::Says(Side::Client, request(17, 0, 1, b"\0\x05PLAIN")),
        Turn::Says(Side::Server, response(1, b"\0\0\0\0\0\x01\0\x05PLAIN")),
        Turn::Says(Side::Client, frame.clone()),
        Turn::Says(Side::Server, frame),
    ]);
    no_secret_in(&talk, 2);
}

fn no_secret_in(talk: &Case, calls: usize) {
    let whole = Replay::new(talk).run(&DISSECTION);
    assert_eq!(whole.len(), calls);
    no_secret(&whole);
    for size in (1..200).step_by(7).chain([1_448, usize::MAX]) {
        no_secret(&Replay::new(talk).pieces(size).run(&DISSECTION));
        for lost in 0..6 {
            no_secret(&Replay::new(talk).pieces(size).lose(lost).run(&DISSECTION));
        }
    }
    for turn in 1..4 {
        no_secret(&Replay::new(talk).join_at(turn).run(&DISSECTION));
    }
}

fn no_secret(calls: &[Kept]) {
    for half in calls.iter().flat_map(|call| [&call.request, &call.response]).flatten() {
        let message = half.message();
        for bytes in [&message.record, &message.body.kept] {
            assert!(!bytes.windows(6).any(|w| w == b"s3cret"), "{}", bytes.escape_ascii());
        }
    }
}

// === the probe ===

fn ask(bytes: &[u8], to: bool, from: bool, more: bool) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport: Transport::Tcp,
        to_usual_port: to,
        from_usual_port: from,
        more,
    })
}

#[test]
fn its_neighbours_are_not_kafka() {
    let startup = b"\0\0\0\x54\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0psql\0client_encoding\0UTF8\0\0";
    let zookeeper =
        [&[0, 0, 0, 0x2c][..], &[0; 12], &[0, 0, 0x75, 0x30], &[0; 8], &[0, 0, 0, 0x10], &[0; 16]]
            .concat();
    for bytes in [
        // PostgreSQL: startup, request for TLS, cancel.
        &startup[..],
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02",
        // MySQL's greeting, a command.
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0",
        b"\x03\0\0\0\x03abc",
        // MongoDB: OP_MSG.
        b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0",
        // DNS over TCP.
        b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01",
        // TLS.
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        // ONC RPC.
        b"\x80\0\0\x28\x12\x34\x56\x78\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\0\0\0\0",
        // Cassandra: STARTUP, OPTIONS, READY.
        b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0",
        b"\x04\0\0\0\x05\0\0\0\0",
        b"\x84\0\0\0\x02\0\0\0\0",
        // ZooKeeper: a session begins.
        &zookeeper,
        // Pulsar, RocketMQ, Thrift, NATS, HTTP, TDS, TPKT, AMQP, SMB.
        b"\0\0\0\x09\0\0\0\x05\x08\x12\x92\x01\0",
        b"\0\0\0\xf6\0\0\0\xe6{\"code\":105,\"flag\":0",
        b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0",
        b"INFO {\"server_id\":\"x\"}\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x12\x01\0\x2f\0\0\x01\0\0\0",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0",
        b"AMQP\0\0\x09\x01",
        b"\0\0\0\x2f\xffSMBr\0\0\0\0",
        // Nothing at all, for long.
        &[0; 200],
        &[1; 200],
    ] {
        for more in [true, false] {
            let verdict = ask(bytes, false, false, more);
            assert_eq!(verdict, Verdict::No, "{}", bytes.escape_ascii());
            let verdict = ask(bytes, true, false, more);
            assert_eq!(verdict, Verdict::No, "on its port: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn requests_are_known_on_any_port() {
    let client = Verdict::Is(Side::Client);
    let metadata = request(3, 1, 7, b"\0\0\0\x01\0\x01t");
    assert_eq!(ask(&metadata, false, false, true), client);
    assert_eq!(ask(&metadata[..metadata.len() - 1], false, false, true), Verdict::Maybe);
    assert_eq!(ask(&metadata[..3], false, false, true), Verdict::Maybe);
    assert_eq!(ask(&[&metadata[..], b"\0"].concat(), false, false, true), client);
    let newer = request(3, 99, 7, b"abcd");
    assert_eq!(ask(&newer, false, false, true), Verdict::No);
    assert_eq!(ask(&newer, true, false, true), client);
}

#[test]
fn responses_are_known_at_home_or_by_what_they_list() {
    let server = Verdict::Is(Side::Server);
    let versions = response(1, b"\0\0\0\0\0\x02\0\0\0\0\0\x07\0\x12\0\0\0\x03");
    assert_eq!(ask(&versions, false, false, true), server);
    assert_eq!(ask(&versions[..versions.len() - 1], false, false, true), Verdict::Maybe);
    let other = response(1, b"abcdefgh");
    assert_eq!(ask(&other, false, true, true), server);
    assert_eq!(ask(&other, false, false, true), Verdict::No);
}

// === records ===

#[test]
fn records_of_every_coding_are_read() {
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let call = produced(&encoded(compression));
        let records = told(&call, Side::Client, "kafka.records");
        assert_eq!(records.len(), 3, "{compression:?}");
        for (n, record) in records.iter().enumerate() {
            let wanted = format!(
                r#"\"offset\":{n},\"timestamp\":1700000000000,\"key\":\"k{n}\",\"value\":\"value {n}\""#
            );
            assert!(record.contains(&wanted), "{compression:?}: {record}");
        }
        assert_eq!(told(&call, Side::Client, "messaging.batch.message_count"), ["3"]);
    }
}

fn encoded(compression: Compression) -> Vec<u8> {
    let records: Vec<_> = (0..3)
        .map(|n: i32| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: n.into(),
            sequence: n,
            timestamp: 1_700_000_000_000,
            key: Some(format!("k{n}").into()),
            value: Some(format!("value {n}").into()),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.to_vec()
}

/// A batch, sent to a topic.
fn produced(batch: &[u8]) -> Kept {
    let size = u32::try_from(batch.len()).unwrap().to_be_bytes();
    let head = b"\xff\xff\0\x01\0\0\x03\xe8\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0";
    let body = [&head[..], &size, batch].concat();
    let talk = case([Turn::Says(Side::Client, request(0, 7, 1, &body))]);
    Replay::new(&talk).run(&DISSECTION).remove(0)
}

// === names of topics ===

#[test]
fn an_id_is_shown_with_the_name_that_the_connection_told() {
    let (known, unknown) = ([7; 16], [8; 16]);
    let talk = case([
        Turn::Says(Side::Client, request(3, 12, 1, b"\0\0\0\0")),
        Turn::Says(Side::Server, metadata(1, known)),
        Turn::Says(Side::Client, fetch(2, known)),
        Turn::Says(Side::Client, fetch(3, unknown)),
    ]);
    for size in [1, 7, 1_448, usize::MAX] {
        let calls = Replay::new(&talk).pieces(size).run(&DISSECTION);
        let endpoint = |n: usize| calls[n].headline();
        assert!(endpoint(1).contains("Fetch orders"), "{}", endpoint(1));
        let ids = told(&calls[1], Side::Client, "kafka.topic_ids");
        assert_eq!(ids, ["BwcHBwcHBwcHBwcHBwcHBw"]);
        let name = |n: usize| told(&calls[n], Side::Client, "messaging.destination.name");
        assert_eq!((name(1), name(2)), (vec!["orders".to_owned()], vec![]));
        assert!(endpoint(2).contains("Fetch CAgICAgICAgICAgICAgICA"), "{}", endpoint(2));
    }
    // Nobody told it: the answer was lost.
    let calls = Replay::new(&talk).join_at(2).run(&DISSECTION);
    assert!(calls.iter().all(|call| !call.headline().contains("orders")));
}

/// Metadata in version 12: no brokers, one topic without partitions.
fn metadata(correlation: i32, id: [u8; 16]) -> Vec<u8> {
    let topic = [&b"\0\0\x07orders"[..], &id, b"\0\x01\x80\0\0\0\0"].concat();
    let body = [&b"\0\0\0\0\0\x01\0\0\0\0\x01\x02"[..], &topic, b"\0"].concat();
    response(correlation, &body)
}

/// Fetch in version 13 of partition 0 of one topic.
fn fetch(correlation: i32, id: [u8; 16]) -> Vec<u8> {
    let limits = [&[0xff; 4][..], &[0, 0, 1, 0xf4, 0, 0, 0, 1, 0, 1, 0, 0, 0], &[0; 8]].concat();
    let partition = [&[0; 4][..], &[0xff; 4], &[0; 8], &[0xff; 4], &[0xff; 8], &[0, 1, 0, 0, 0]];
    let topic = [&id[..], &[2], &partition.concat(), &[0]].concat();
    request(1, 13, correlation, &[&limits[..], &[2], &topic, &[1, 1, 0]].concat())
}

// === helpers ===

fn request(key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let flexible = super::schema::api(key).is_some_and(|api| api.is_flexible(version));
    let tags: &[u8] = if flexible { &[0] } else { &[] };
    let message = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation.to_be_bytes(),
        b"\0\x03app",
        tags,
        body,
    ]
    .concat();
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
}

fn response(correlation: i32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
    [&size[..], &correlation.to_be_bytes(), body].concat()
}

fn case(turns: impl IntoIterator<Item = Turn>) -> Case {
    Case { turns: turns.into_iter().collect(), ..Case::default() }
}

fn told(call: &Kept, side: Side, name: &str) -> Vec<String> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    let told = half.as_ref().map(|half| half.told(call.protocol)).unwrap_or_default();
    told.into_iter().filter(|(found, _)| found == name).map(|(_, value)| value).collect()
}

struct Deaf;

impl Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: model::BodyFacts<'_>) {}
}
