//! What others make of the same bytes: dnspython's texts (`rdata/golden.txt`) and messages that
//! hickory-proto writes.

use hickory_proto::{
    op::{Message as Theirs, Query},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{
            self, A, AAAA, CNAME, MX, NAPTR, NS, NULL, OPENPGPKEY, PTR, SMIMEA, SOA, SRV, SSHFP,
            TLSA, TXT,
            sshfp::{Algorithm, FingerprintType},
            tlsa::{CertUsage, Matching, Selector},
        },
    },
};
use proptest::{collection::vec, prelude::*};

use super::{
    codes,
    tests::{Told, told},
};

#[test]
fn record_data_reads_as_dnspython_writes_it() {
    let rows = include_str!("rdata/golden.txt").lines().filter(|row| !row.starts_with('#'));
    let mut kinds = std::collections::BTreeSet::new();
    for row in rows {
        let [kind, data, text] = row.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let kind: u16 = kind.parse().unwrap();
        let answer = answer_with(kind, &unhex(data));
        let name = String::from_utf8(codes::kind(kind).into_owned()).unwrap();
        let want = normal(kind, &format!("a. 5 IN {name} {text}"));
        assert_eq!(
            told(&answer).of("dns.answers").map(|t| normal(kind, t)).collect::<Vec<_>>(),
            [want]
        );
        assert!(told(&answer).of("dns.malformed").next().is_none(), "{row}");
        kinds.insert(kind);
    }
    assert!(kinds.len() > 70, "{kinds:?}");
}

#[test]
fn cut_or_longer_record_data_is_flagged_or_another_text() {
    for row in include_str!("rdata/golden.txt").lines().filter(|row| !row.starts_with('#')) {
        let mut parts = row.splitn(3, ' ');
        let kind: u16 = parts.next().unwrap().parse().unwrap();
        let data = unhex(parts.next().unwrap());
        let whole = told(&answer_with(kind, &data));
        for len in 0..data.len() {
            let cut = told(&answer_with(kind, &data[..len]));
            let same = cut.of("dns.answers").eq(whole.of("dns.answers"));
            assert!(!same || cut.of("dns.malformed").next().is_some(), "{row} cut at {len}");
        }
    }
}

/// Where dnspython writes another form that means the same: GPOS without quotes (ours are those of
/// other character strings), all values of SVCB in quotes (ours only where text can hold anything),
/// an algorithm of CERT by name (RFC 4398 allows both).
fn normal(kind: u16, text: &str) -> String {
    match kind {
        27 | 64 | 65 => text.replace('"', ""),
        37 => text.replace(" RSASHA256 ", " 8 "),
        _ => text.to_owned(),
    }
}

fn answer_with(kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap().to_be_bytes();
    [
        b"\0\x01\x80\0\0\0\0\x01\0\0\0\0\x01a\0",
        &kind.to_be_bytes()[..],
        b"\0\x01\0\0\0\x05",
        &len,
        data,
    ]
    .concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).unwrap() as u8;
    let digits: Vec<_> = text.chars().map(digit).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

// === messages that hickory writes ===

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn messages_of_hickory_read_as_it_means_them(message in any_message()) {
        let bytes = message.to_vec().unwrap();
        let ours = told(&bytes);
        prop_assert!(ours.of("dns.malformed").next().is_none());
        prop_assert_eq!(super::probe::certain(&bytes), Ok(model::Side::Server));
        let question = &message.queries[0];
        let name = question.name().to_string();
        let bare = if name == "." { "." } else { name.trim_end_matches('.') };
        prop_assert_eq!(ours.of("dns.question.name").collect::<Vec<_>>(), [bare]);
        prop_assert_eq!(
            ours.of("dns.question.type").collect::<Vec<_>>(),
            [kind_text(question.query_type())]
        );
        for (field, theirs) in [
            ("dns.answers", &message.answers),
            ("dns.authorities", &message.authorities),
            ("dns.additionals", &message.additionals),
        ] {
            let ours: Vec<_> = ours.of(field).collect();
            let theirs: Vec<_> = theirs.iter().map(text_of).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}

fn kind_text(kind: RecordType) -> String {
    String::from_utf8(codes::kind(kind.into()).into_owned()).unwrap()
}

/// A record as hickory writes it, but for: character strings in quotes and escaped (hickory writes
/// them bare), NULL and unknown types as RFC 3597 wants them (hickory: Base64), hexadecimal in small
/// letters.
fn text_of(record: &Record) -> String {
    let data = match &record.data {
        RData::TXT(text) => quoted(text.txt_data.iter().map(|text| &text[..])),
        RData::HINFO(info) => quoted([&info.cpu[..], &info.os[..]].into_iter()),
        RData::NULL(null) => generic(&null.anything),
        RData::Unknown { rdata, .. } => generic(&rdata.anything),
        data @ (RData::TLSA(_) | RData::SMIMEA(_) | RData::SSHFP(_)) => {
            data.to_string().to_lowercase()
        }
        data => data.to_string(),
    };
    let kind = kind_text(record.record_type());
    format!("{} {} IN {kind} {data}", record.name, record.ttl).trim_end().to_owned()
}

fn quoted<'t>(texts: impl Iterator<Item = &'t [u8]>) -> String {
    let quoted = texts.map(|text| {
        let mut out = Vec::new();
        super::encode::quoted(text, &mut out);
        String::from_utf8(out).unwrap()
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn generic(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\\# {} {hex}", bytes.len()).trim_end().to_owned()
}

fn any_message() -> impl Strategy<Value = Theirs> {
    let records = || vec(any_record(), 0..5);
    (any::<u16>(), any_name(), any_kind(), records(), records(), records()).prop_map(
        |(id, name, kind, answers, authorities, additionals)| {
            let mut message = Theirs::response(id, hickory_proto::op::OpCode::Query);
            message.add_query(Query::query(name, kind));
            message.add_answers(answers);
            message.add_authorities(authorities);
            message.add_additionals(additionals);
            message
        },
    )
}

fn any_kind() -> impl Strategy<Value = RecordType> {
    prop::sample::select(vec![1u16, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 46, 48, 64, 65, 255, 257])
        .prop_map(RecordType::from)
}

/// Few labels, so that names share ends and are compressed.
fn any_name() -> impl Strategy<Value = Name> {
    let label = prop::sample::select(vec!["a", "www", "example", "com", "net", "_tcp", "x-1"]);
    vec(label, 0..5).prop_map(|labels| {
        let mut name = Name::from_labels(labels).unwrap();
        name.set_fqdn(true);
        name
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    (any_name(), any::<u32>(), any_data()).prop_map(|(name, ttl, data)| {
        // RFC 2181 §8: the highest bit is not used; hickory drops such a TTL.
        Record::from_rdata(name, ttl >> 1, data)
    })
}

fn any_text() -> impl Strategy<Value = Box<[u8]>> {
    vec(any::<u8>(), 0..20).prop_map(Vec::into_boxed_slice)
}

fn plain_text() -> impl Strategy<Value = Box<[u8]>> {
    "[a-zA-Z0-9+!:@.^$*]{0,20}".prop_map(|text| text.into_bytes().into_boxed_slice())
}

fn any_data() -> impl Strategy<Value = RData> {
    let n = any::<u16>;
    let bytes = || vec(any::<u8>(), 1..40);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        any_name().prop_map(|name| RData::CNAME(CNAME(name))),
        any_name().prop_map(|name| RData::NS(NS(name))),
        any_name().prop_map(|name| RData::PTR(PTR(name))),
        (n(), any_name()).prop_map(|(n, name)| RData::MX(MX::new(n, name))),
        (any_name(), any_name(), any::<u32>(), 0..i32::MAX, any::<u32>()).prop_map(
            |(one, other, serial, time, minimum)| RData::SOA(SOA::new(
                one, other, serial, time, time, time, minimum
            ))
        ),
        (n(), n(), n(), any_name()).prop_map(|(a, b, c, name)| RData::SRV(SRV::new(a, b, c, name))),
        vec(any_text(), 1..4).prop_map(|texts| {
            RData::TXT(TXT::from_bytes(texts.iter().map(|text| &text[..]).collect()))
        }),
        (any_text(), any_text())
            .prop_map(|(cpu, os)| RData::HINFO(rdata::HINFO::from_bytes(cpu, os))),
        (n(), n(), plain_text(), plain_text(), plain_text(), any_name()).prop_map(
            |(a, b, flags, services, regexp, name)| RData::NAPTR(NAPTR::new(
                a,
                b,
                "U".as_bytes().into(),
                if services.is_empty() { flags } else { services },
                regexp,
                name
            ))
        ),
        bytes().prop_map(|bytes| RData::NULL(NULL::with(bytes))),
        bytes().prop_map(|bytes| RData::OPENPGPKEY(OPENPGPKEY::new(bytes))),
        (any::<[u8; 3]>(), bytes()).prop_map(|([a, b, c], bytes)| RData::TLSA(TLSA::new(
            CertUsage::from(a),
            Selector::from(b),
            Matching::from(c),
            bytes
        ))),
        (any::<[u8; 3]>(), bytes()).prop_map(|([a, b, c], bytes)| RData::SMIMEA(SMIMEA::new(
            CertUsage::from(a),
            Selector::from(b),
            Matching::from(c),
            bytes
        ))),
        (any::<[u8; 2]>(), bytes()).prop_map(|([a, b], bytes)| RData::SSHFP(SSHFP::new(
            Algorithm::from(a),
            FingerprintType::from(b),
            bytes
        ))),
        (60_000u16..61_000, bytes()).prop_map(|(code, bytes)| RData::Unknown {
            code: RecordType::from(code),
            rdata: NULL::with(bytes),
        }),
    ]
}

/// Used by the texts above only.
impl Told {
    fn of<'t>(&'t self, field: &'t str) -> impl Iterator<Item = &'t str> + 't {
        self.0.iter().filter(move |(name, _)| *name == field).map(|(_, value)| &value[..])
    }
}
