//! Random values of all types: written by `serde_amqp`, read here.

use proptest::{collection::vec, prelude::*};
use serde_amqp::{
    Value as Other,
    described::Described,
    descriptor::Descriptor,
    primitives::{Array, Dec32, Dec64, Dec128, OrderedMap, Symbol, Timestamp, Uuid},
};

use super::types::{Value, extent, is_sound, value};

proptest! {
    #[test]
    fn values_are_read_as_they_were_written(other in any_value()) {
        let bytes = serde_amqp::to_vec(&other).unwrap();
        let mut rest = &bytes[..];
        let read = value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(said(read), wanted(&other));
        prop_assert!(is_sound(&bytes));
        prop_assert_eq!(extent(&bytes), Ok(bytes.len()));
    }

    #[test]
    fn a_value_cut_anywhere_is_none(other in any_value()) {
        let bytes = serde_amqp::to_vec(&other).unwrap();
        for cut in 0..bytes.len() {
            let mut rest = &bytes[..cut];
            prop_assert!(value(&mut rest).is_err());
            prop_assert!(!is_sound(&bytes[..cut]));
        }
    }
}

fn any_leaf() -> impl Strategy<Value = Other> {
    prop_oneof![
        Just(Other::Null),
        any::<bool>().prop_map(Other::Bool),
        any::<u8>().prop_map(Other::Ubyte),
        any::<u16>().prop_map(Other::Ushort),
        any::<u32>().prop_map(Other::Uint),
        (0_u32..300).prop_map(Other::Uint),
        any::<u64>().prop_map(Other::Ulong),
        any::<i8>().prop_map(Other::Byte),
        any::<i16>().prop_map(Other::Short),
        any::<i32>().prop_map(Other::Int),
        (-200_i64..200).prop_map(Other::Long),
        any::<i64>().prop_map(Other::Long),
        any::<f32>().prop_map(Other::from),
        any::<f64>().prop_map(Other::from),
        any::<char>().prop_map(Other::Char),
        any::<i64>().prop_map(|ms| Other::Timestamp(Timestamp::from_milliseconds(ms))),
        any::<[u8; 16]>().prop_map(|octets| Other::Uuid(Uuid::from(octets))),
        any::<[u8; 4]>().prop_map(|octets| Other::Decimal32(Dec32::from(octets))),
        any::<[u8; 8]>().prop_map(|octets| Other::Decimal64(Dec64::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| Other::Decimal128(Dec128::from(octets))),
        vec(any::<u8>(), 0..300).prop_map(|octets| Other::Binary(octets.into())),
        "\\PC{0,90}".prop_map(Other::String),
        "[a-z:-]{0,300}".prop_map(|text| Other::Symbol(Symbol(text))),
        vec(any::<i32>(), 1..9)
            .prop_map(|all| Other::Array(Array(all.into_iter().map(Other::Int).collect()))),
        vec("[a-z]{0,20}", 1..40).prop_map(|all| {
            Other::Array(Array(all.into_iter().map(|s| Other::Symbol(Symbol(s))).collect()))
        }),
    ]
}

fn any_value() -> impl Strategy<Value = Other> {
    any_leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Other::List),
            vec(("[a-z]{1,8}", inner.clone()), 0..5).prop_map(|pairs| {
                let pairs = pairs.into_iter().map(|(key, value)| (Other::String(key), value));
                Other::Map(pairs.collect::<OrderedMap<_, _>>())
            }),
            (any::<u64>(), inner).prop_map(|(code, value)| {
                Other::Described(Box::new(Described { descriptor: Descriptor::Code(code), value }))
            }),
        ]
    })
}

/// What was read, in words.
fn said(of: Value<'_>) -> String {
    let all = |items: super::types::Items<'_>| items.map(said).collect::<Vec<_>>().join(",");
    match of {
        Value::List(items) => format!("list[{}]", all(items)),
        Value::Map(items) => format!("map[{}]", all(items)),
        Value::Array(items) => format!("array[{}]", all(items)),
        Value::Described { mut descriptor, value: mut inside } => {
            let descriptor = said(value(&mut descriptor).unwrap());
            format!("{descriptor}:{}", said(value(&mut inside).unwrap()))
        }
        Value::Text(text) => format!("text {}", text.escape_ascii()),
        Value::Symbol(text) => format!("symbol {}", text.escape_ascii()),
        other => format!("{other:?}"),
    }
}

/// What was written, in the same words.
fn wanted(of: &Other) -> String {
    let all = |items: &[Other]| items.iter().map(wanted).collect::<Vec<_>>().join(",");
    let plain = match of {
        Other::Described(described) => {
            let Descriptor::Code(code) = &described.descriptor else { panic!("a code") };
            return format!("{:?}:{}", Value::Unsigned(*code), wanted(&described.value));
        }
        Other::List(items) => return format!("list[{}]", all(items)),
        Other::Array(items) => return format!("array[{}]", all(&items.0)),
        Other::Map(map) => {
            let pairs = map.iter().flat_map(|(key, value)| [wanted(key), wanted(value)]);
            return format!("map[{}]", pairs.collect::<Vec<_>>().join(","));
        }
        Other::String(text) => return format!("text {}", text.as_bytes().escape_ascii()),
        Other::Symbol(text) => {
            return format!("symbol {}", text.as_str().as_bytes().escape_ascii());
        }
        Other::Null => Value::Null,
        Other::Bool(value) => Value::Bool(*value),
        Other::Ubyte(number) => Value::Unsigned((*number).into()),
        Other::Ushort(number) => Value::Unsigned((*number).into()),
        Other::Uint(number) => Value::Unsigned((*number).into()),
        Other::Ulong(number) => Value::Unsigned(*number),
        Other::Byte(number) => Value::Signed((*number).into()),
        Other::Short(number) => Value::Signed((*number).into()),
        Other::Int(number) => Value::Signed((*number).into()),
        Other::Long(number) => Value::Signed(*number),
        Other::Float(number) => Value::Float(number.0),
        Other::Double(number) => Value::Double(number.0),
        Other::Decimal32(octets) => Value::Decimal(octets.as_inner()),
        Other::Decimal64(octets) => Value::Decimal(octets.as_inner()),
        Other::Decimal128(octets) => Value::Decimal(octets.as_inner()),
        Other::Char(char) => Value::Char(u32::from(*char)),
        Other::Timestamp(ms) => Value::Timestamp(ms.milliseconds()),
        Other::Uuid(octets) => Value::Uuid(octets.as_inner()),
        Other::Binary(octets) => Value::Binary(octets),
    };
    format!("{plain:?}")
}
