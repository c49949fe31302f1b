//! What cases can't say: packets of 16 MiB, any bytes, what must not be remembered.

use dissect::kit::{Case, Replay, Turn, fuzz};
use model::Side;
use proptest::prelude::*;

use super::{DISSECTION, wire::LEN_MAX};

fn packet(seq: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&len[..3], &[seq], payload].concat()
}

fn shown(turns: Vec<Turn>) -> Vec<String> {
    let case = Case { turns, ..Case::default() };
    Replay::new(&case).pieces(1_400).run(&DISSECTION).iter().map(|call| call.headline()).collect()
}

#[test]
fn a_payload_of_16_mib_goes_on_in_the_next_packet() {
    let mut text = b"\x03INSERT INTO items VALUES ('".to_vec();
    text.resize(LEN_MAX, b'x');
    let asked = [packet(0, &text), packet(1, b"yyy')")].concat();
    let done = packet(2, b"\0\x01\0\x02\0\0\0");
    let mut long_row = b"\xfd\xff\xff\xff".to_vec();
    long_row.resize(LEN_MAX, b'z');
    let column = b"\x03def\0\0\0\x01a\0\x0c\x2d\0\0\0\0\0\xfd\0\0\0\0\0";
    let rows = [
        packet(1, b"\x01"),
        packet(2, column),
        packet(3, b"\xfe\0\0\x02\0"),
        packet(4, &long_row),
        packet(5, b"\xfe is no end here"),
        packet(6, b"\x01b"),
        packet(7, b"\xfe\0\0\x02\0"),
    ];
    let calls = shown(vec![
        Turn::Says(Side::Client, asked),
        Turn::Says(Side::Server, done),
        Turn::Says(Side::Client, packet(0, b"\x03SELECT a FROM b")),
        Turn::Says(Side::Server, rows.concat()),
        Turn::Says(Side::Client, packet(0, b"\x0e")),
        Turn::Says(Side::Server, packet(1, b"\0\0\0\x02\0\0\0")),
    ]);
    assert_eq!(calls, ["matched INSERT items OK", "matched SELECT b OK", "matched PING - OK"]);
}

#[test]
fn a_long_statement_with_a_password_is_not_kept() {
    let mut text = b"\x03CREATE USER ann IDENTIFIED BY 'hidden', ".to_vec();
    text.resize(9_000, b'u');
    text.extend_from_slice(b" IDENTIFIED BY 'hidden'");
    let case = Case {
        turns: vec![
            Turn::Says(Side::Client, packet(0, &text)),
            Turn::Says(Side::Server, packet(1, b"\0\0\0\x02\0\0\0")),
        ],
        ..Case::default()
    };
    let calls = Replay::new(&case).run(&DISSECTION);
    assert_eq!(calls[0].headline(), "matched CREATE ann OK");
    let request = calls[0].request.as_ref().unwrap();
    assert!(memchr::memmem::find(&request.record, b"hidden").is_none());
    let told = request.told(calls[0].protocol);
    assert!(told.iter().all(|(_, value)| !value.contains("hidden")), "{told:?}");
}

#[test]
fn many_commands_in_one_compressed_packet_end_somewhere() {
    use std::io::Write;

    let greeting = b"\x0a8.0.32\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0caching_sha2_password\0";
    let login = [&b"\x25\xa2\x00\0\0\0\0\x01\x2d"[..], &[0; 23], b"ann\0\0"].concat();
    let plain = packet(0, b"\x0e").repeat(200_000);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&plain).unwrap();
    let payload = encoder.finish().unwrap();
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let [d, e, f, _] = u32::try_from(plain.len()).unwrap().to_le_bytes();
    let calls = shown(vec![
        Turn::Says(Side::Server, packet(0, greeting)),
        Turn::Says(Side::Client, packet(1, &login)),
        Turn::Says(Side::Server, packet(2, b"\0\0\0\x02\0\0\0")),
        Turn::Says(Side::Client, [&[a, b, c, 0, d, e, f], &payload[..]].concat()),
    ]);
    assert!(calls.len() > 1 && calls[0] == "matched login - OK");
    assert!(calls.len() <= payload.len() + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn any_packets_are_survived(
        packets in prop::collection::vec((any::<bool>(), 0..4_u8, prop::collection::vec(any::<u8>(), 1..40)), 1..20),
        late in any::<bool>(),
    ) {
        let mut data = vec![u8::from(late)];
        for (server, seq, payload) in packets {
            let bytes = packet(seq, &payload);
            data.push(u8::from(server));
            data.push(u8::try_from(bytes.len()).unwrap());
            data.extend(bytes);
        }
        fuzz(&DISSECTION, &data);
    }
}
