//! The specification's examples, another coder as oracle, and what is known after a late start.

use httlib_hpack::Encoder;
use proptest::prelude::*;

use super::{Decoder, Flaw};

type Known = (Option<Vec<u8>>, Option<Vec<u8>>);
/// Name, value, and how they are to be encoded.
type Said = (Vec<u8>, Vec<u8>, u8);

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Known>, Flaw> {
    let mut fields = Vec::new();
    decoder.decode(block, &mut |field| {
        fields.push((field.name.map(<[u8]>::to_vec), field.value.map(<[u8]>::to_vec)));
    })?;
    Ok(fields)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let byte = |n: usize| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap();
    (0..digits.len() / 2).map(byte).collect()
}

fn known(fields: &[(&str, &str)]) -> Vec<Known> {
    fields.iter().map(|(n, v)| (Some(n.as_bytes().into()), Some(v.as_bytes().into()))).collect()
}

/// Plays blocks to one decoder.
fn play(size: Option<usize>, blocks: &[(&str, &[(&str, &str)])]) {
    let mut decoder = Decoder::default();
    if let Some(size) = size {
        decoder.table.resize(size);
    }
    for (block, want) in blocks {
        assert_eq!(decode(&mut decoder, &unhex(block)), Ok(known(want)), "{block}");
    }
}

#[test]
fn literals_of_appendix_c_2() {
    play(
        None,
        &[(
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            &[("custom-key", "custom-header")],
        )],
    );
    play(None, &[("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")])]);
    play(None, &[("1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")])]);
    play(None, &[("82", &[(":method", "GET")])]);
}

const ASKED: [&[(&str, &str)]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

#[test]
fn requests_of_appendix_c_3() {
    play(
        None,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", ASKED[0]),
            ("8286 84be 5808 6e6f 2d63 6163 6865", ASKED[1]),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", ASKED[2]),
        ],
    );
}

#[test]
fn coded_requests_of_appendix_c_4() {
    play(
        None,
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", ASKED[0]),
            ("8286 84be 5886 a8eb 1064 9cbf", ASKED[1]),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", ASKED[2]),
        ],
    );
}

const ANSWERED: [&[(&str, &str)]; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

#[test]
fn responses_of_appendix_c_5_with_entries_dropped() {
    play(
        Some(256),
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
             2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
             6c65 2e63 6f6d",
                ANSWERED[0],
            ),
            ("4803 3330 37c1 c0bf", ANSWERED[1]),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
             54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
             5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
             3d31",
                ANSWERED[2],
            ),
        ],
    );
}

#[test]
fn coded_responses_of_appendix_c_6_with_entries_dropped() {
    play(
        Some(256),
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
             2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                ANSWERED[0],
            ),
            ("4883 640e ffc1 c0bf", ANSWERED[1]),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
             77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
             9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                ANSWERED[2],
            ),
        ],
    );
}

#[test]
fn a_block_that_can_not_be_read_is_a_flaw_and_nothing_is_known_after_it() {
    for block in
        ["80", "40", "4001", "4001 6101", "82 3f", "82 20", "ff ff ff ff ff ff", "4081 ff 00"]
    {
        let mut decoder = Decoder::default();
        decode(&mut decoder, &unhex("4001 6101 62")).unwrap();
        assert_eq!(decode(&mut decoder, &unhex(block)), Err(Flaw), "{block}");
        assert_eq!(decode(&mut decoder, &unhex("be")), Ok(vec![(None, None)]));
    }
}

#[test]
fn what_was_said_before_is_unknown_and_what_was_said_since_is_certain() {
    let mut decoder = Decoder::default();
    let fields = decode(&mut decoder, &unhex("82 be 7f00 01 78 be bf")).unwrap();
    let name = |name: &str| Some(name.as_bytes().to_vec());
    assert_eq!(
        fields,
        [
            (name(":method"), name("GET")),
            (None, None),
            (None, name("x")),
            (None, name("x")),
            (None, None),
        ]
    );
}

/// Header lists as they are in the world: names and values come again.
fn lists() -> impl Strategy<Value = Vec<Vec<Said>>> {
    let names = prop::sample::select(vec![
        ":path",
        ":method",
        ":status",
        "x-request-id",
        "cookie",
        "date",
        "grpc-status",
        "te",
    ]);
    let name = prop_oneof![
        4 => names.prop_map(|name| name.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let value = prop_oneof![
        4 => prop::sample::select(vec!["GET", "200", "/", "a", "b", "trailers", "c"])
            .prop_map(|value| value.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(32..127_u8, 500..1500),
    ];
    let how = prop::sample::select(vec![
        Encoder::BEST_FORMAT,
        Encoder::WITH_INDEXING,
        Encoder::HUFFMAN_NAME | Encoder::HUFFMAN_VALUE | Encoder::WITH_INDEXING,
        Encoder::HUFFMAN_VALUE,
        Encoder::NEVER_INDEXED,
        0,
    ]);
    prop::collection::vec(prop::collection::vec((name, value, how), 0..12), 1..24)
}

/// The blocks of an encoder that changes the size of its table now and then.
fn encode(lists: &[Vec<Said>], sizes: &[u32]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::default();
    let mut blocks = Vec::new();
    for (n, list) in lists.iter().enumerate() {
        let mut block = Vec::new();
        if let Some(size) = sizes.get(n).filter(|_| n % 3 == 2) {
            encoder.update_max_dynamic_size(*size, &mut block).unwrap();
        }
        for field in list {
            encoder.encode(field.clone(), &mut block).unwrap();
        }
        blocks.push(block);
    }
    blocks
}

fn same(got: &Known, want: &Said) -> bool {
    got.0.as_ref().is_none_or(|name| *name == want.0)
        && got.1.as_ref().is_none_or(|value| *value == want.1)
}

proptest! {
    #[test]
    fn what_another_coder_says_is_understood(
        lists in lists(),
        sizes in prop::collection::vec(prop::sample::select(vec![0u32, 64, 300, 4_096]), 24),
    ) {
        let mut decoder = Decoder::default();
        for (block, list) in encode(&lists, &sizes).iter().zip(&lists) {
            let fields = decode(&mut decoder, block).unwrap();
            let want: Vec<Known> =
                list.iter().map(|(n, v, _)| (Some(n.clone()), Some(v.clone()))).collect();
            prop_assert_eq!(fields, want);
        }
    }

    #[test]
    fn nothing_wrong_is_said_after_a_late_start_or_a_loss(
        lists in lists(),
        sizes in prop::collection::vec(prop::sample::select(vec![0u32, 64, 300, 4_096]), 24),
        lost in prop::collection::vec(any::<bool>(), 24),
    ) {
        let mut decoder = Decoder::default();
        for ((block, list), lost) in encode(&lists, &sizes).iter().zip(&lists).zip(lost) {
            if lost {
                decoder.forget();
                continue;
            }
            let fields = decode(&mut decoder, block).unwrap();
            prop_assert_eq!(fields.len(), list.len());
            for (got, want) in fields.iter().zip(list) {
                prop_assert!(same(got, want), "{:?} is not {:?}", got, want);
            }
        }
    }

    #[test]
    fn any_block_is_survived_and_memory_stays_small(blocks: Vec<Vec<u8>>) {
        let mut decoder = Decoder::default();
        for block in &blocks {
            let _ = decode(&mut decoder, block);
        }
    }

    #[test]
    fn another_decoder_reads_the_same(block: Vec<u8>) {
        // It panics where a block is cut.
        let Ok(ours) = decode(&mut Decoder::default(), &block) else { return Ok(()) };
        let mut theirs = Vec::new();
        if httlib_hpack::Decoder::default().decode(&mut block.clone(), &mut theirs).is_ok() {
            prop_assert_eq!(ours.len(), theirs.len());
            prop_assert!(ours.iter().zip(&theirs).all(|(got, want)| same(got, want)));
        }
    }
}
