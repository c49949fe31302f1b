//! What cases can't say: any bytes, secrets cut anywhere, segments, and frames of another
//! implementation.

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use model::{Mark, Message, Pairing, Side};
use proptest::{collection::vec, prelude::*};

use super::{
    DISSECTION,
    segment::tests::{packed, plain},
};

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_pieces_of_cql_make_it_panic(pieces in vec((any::<u8>(), piece()), 0..60)) {
        let mut data = vec![0];
        for (what, piece) in pieces {
            data.extend([what, u8::try_from(piece.len()).unwrap_or(255)]);
            data.extend(piece.iter().take(255));
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_record_makes_the_telling_panic(
        opcode in 0u8..0x12,
        record in vec(any::<u8>(), 0..90),
        body in vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..120),
    ) {
        let mut message = Message::new(Side::Server, Mark::default());
        message.record = [&[4, 0, opcode, 0][..], &record].concat();
        message.body.kept = body;
        drop((super::PROTOCOL.headline)(Some(&message), Some(&message)));
        (super::PROTOCOL.tell)(&message, &mut Deaf);
    }

    #[test]
    fn frames_come_out_however_they_are_put_into_segments(
        sizes in vec(1usize..60, 1..30),
        size in 1usize..100,
        packs in any::<bool>(),
    ) {
        let client: Vec<u8> = (0..8).flat_map(|n| query(5, n, "SELECT * FROM t")).collect();
        let server: Vec<u8> = (0..8).flat_map(|n| frame(0x85, n, 8, &[0, 0, 0, 1])).collect();
        let split = |bytes: &[u8]| {
            let (mut out, mut rest) = (Vec::new(), bytes);
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break }
                let (front, tail) = rest.split_at(rest.len().min(*size));
                out.extend(if packs {
                    packed(&lz4_flex::block::compress(front), front.len())
                } else {
                    plain(front, false)
                });
                rest = tail;
            }
            out
        };
        let calls = play(vec![
            Turn::Says(Side::Client, startup(5)),
            Turn::Says(Side::Server, frame(0x85, 0, 2, &[])),
            Turn::Says(Side::Client, split(&client)),
            Turn::Says(Side::Server, split(&server)),
        ], size);
        prop_assert_eq!(calls.len(), 9);
        for call in &calls {
            prop_assert_eq!(call.pairing, Pairing::Matched);
        }
        // Where too little of a statement is in its first segment it is hidden.
        let texts = calls.iter().flat_map(|call| told(call, Side::Client, "db.query.text"));
        prop_assert!(texts.into_iter().all(|text| text == "SELECT * FROM t"));
    }
}

#[test]
fn a_secret_is_nowhere_however_it_is_cut() {
    let role = query(4, 2, "CREATE ROLE ann WITH PASSWORD = 's3cret' AND LOGIN = true");
    let token = frame(4, 1, 0x0f, b"\0\0\0\x0b\0ann\0s3cret");
    let turns = vec![
        Turn::Says(Side::Client, startup(4)),
        Turn::Says(Side::Server, frame(0x84, 0, 3, b"\0\x05a.b.c")),
        Turn::Says(Side::Client, [token, role].concat()),
    ];
    let split =
        |bytes: &[u8], at: usize| [plain(&bytes[..at], false), plain(&bytes[at..], false)].concat();
    let role5 = query(5, 2, "CREATE ROLE ann WITH PASSWORD = 's3cret' AND LOGIN = true");
    for at in 1..role5.len() {
        let calls = play(vec![Turn::Says(Side::Client, split(&role5, at))], 1_000);
        let shown = format!("{calls:?}");
        assert!(calls.len() == 1 && !shown.contains("115, 51, 99"), "{at}: {shown}");
    }
    for size in 1..130 {
        let calls = play(turns.clone(), size);
        assert_eq!(calls.len(), 3);
        for half in calls.iter().filter_map(|call| call.request.as_ref()) {
            let shown = format!("{half:?}{:?}", half.told(&super::PROTOCOL));
            assert!(!shown.contains("s3cret") && !shown.contains("115, 51, 99"), "{shown}");
        }
        let text = told(&calls[2], Side::Client, "db.query.text");
        assert_eq!(text, ["CREATE ROLE ann WITH PASSWORD = *** AND LOGIN = true"]);
    }
}

#[test]
fn a_result_of_ten_megabytes_is_not_waited_for() {
    let body = [&[0, 0, 0, 1][..], &vec![0; 10 << 20]].concat();
    let calls = play(
        vec![
            Turn::Says(Side::Client, query(4, 1, "SELECT * FROM t")),
            Turn::Says(Side::Server, frame(0x84, 1, 8, &body)),
        ],
        1_448,
    );
    assert_eq!((calls.len(), calls[0].pairing), (1, Pairing::Matched));
    assert_eq!(told(&calls[0], Side::Server, "body.size"), [(10 * (1 << 20) + 4).to_string()]);
}

// === helpers ===

struct Deaf;

impl model::Tell for Deaf {
    fn field(&mut self, _index: usize, _value: model::Value<'_>) {}
    fn header(&mut self, _name: &[u8], _value: &[u8]) {}
    fn body(&mut self, _facts: model::BodyFacts<'_>) {}
}

fn frame(version: u8, stream: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[version, 0, 0, stream, opcode][..], &len, body].concat()
}

fn query(version: u8, stream: u8, text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap().to_be_bytes();
    let flags: &[u8] = if version >= 5 { &[0, 1, 0, 0, 0, 0] } else { &[0, 1, 0] };
    frame(version, stream, 7, &[&len, text.as_bytes(), flags].concat())
}

fn startup(version: u8) -> Vec<u8> {
    frame(version, 0, 1, b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0")
}

fn play(turns: Vec<Turn>, size: usize) -> Vec<Kept> {
    let case = Case { turns, ..Case::default() };
    Replay::new(&case).pieces(size).run(&DISSECTION)
}

fn told(call: &Kept, from: Side, name: &str) -> Vec<String> {
    let half = [&call.request, &call.response].into_iter().flatten().find(|half| half.from == from);
    let told = half.map(|half| half.told(&super::PROTOCOL)).unwrap_or_default();
    told.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..9),
        Just(startup(4)),
        Just(startup(5)),
        Just(frame(0x85, 0, 2, &[])),
        Just(query(4, 1, "SELECT 1")),
        Just(frame(4, 1, 9, b"\0\0\0\x08SELECT 1")),
        Just(frame(0x84, 1, 8, b"\0\0\0\x04\0\x02ab\0\0\0\0\0\0\0\0\0\0\0\0")),
        Just(frame(4, 2, 0x0a, b"\0\x02ab\0\x01\0")),
        Just(frame(0x84, 2, 8, b"\0\0\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x01\0\0\0\x01a")),
        Just(frame(4, 3, 0x0d, b"\0\0\x01\x01\0\x02ab\0\0\0\x01\0")),
        Just(plain(&query(5, 1, "SELECT 1"), true)),
        Just(plain(&query(5, 1, "SELECT 1")[..5], false)),
        Just(packed(&lz4_flex::block::compress(&query(5, 1, "SELECT 1")), 27)),
        Just(packed(b"\xff\xff\xff", 99_999)),
    ]
}
