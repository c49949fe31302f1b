//! Frames and values as another implementation writes them.

use std::{borrow::Cow, collections::HashMap};

use dissect::kit::{Case, Kept, Replay, Turn};
use model::Side;
use scylla_cql::{
    frame::{
        Compression, SerializedRequest,
        request::{
            SerializableRequest, batch, prepare::Prepare, query::Query, query::QueryParameters,
            startup::Startup,
        },
        response::result::{CollectionType, ColumnType, NativeType},
        types::{Consistency, SerialConsistency},
    },
    serialize::{row::SerializedValues, value::SerializeValue},
};

use super::{DISSECTION, PROTOCOL, cursor::Cursor, value::Type};

const WAYS: [Option<Compression>; 3] = [None, Some(Compression::Lz4), Some(Compression::Snappy)];

fn call(request: &impl SerializableRequest, way: Option<Compression>) -> Kept {
    let mut frame = SerializedRequest::make(request, way, false).unwrap();
    frame.set_stream(7);
    let case = Case {
        turns: vec![
            Turn::Says(Side::Client, frame.get_data().to_vec()),
            Turn::Says(Side::Server, b"\x84\0\0\x07\x08\0\0\0\x04\0\0\0\x01".to_vec()),
        ],
        ..Case::default()
    };
    let mut calls = Replay::new(&case).pieces(11).run(&DISSECTION);
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

fn told(call: &Kept, name: &str) -> Vec<String> {
    let told = call.request.as_ref().unwrap().told(&PROTOCOL);
    told.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

fn values() -> SerializedValues {
    let mut values = SerializedValues::new();
    values.add_value(&"ann", &ColumnType::Native(NativeType::Text)).unwrap();
    values.add_value(&None::<i32>, &ColumnType::Native(NativeType::Int)).unwrap();
    values
}

#[test]
fn a_query_of_another_implementation_is_read() {
    let text = "SELECT a, b FROM shop.users WHERE a = ? AND b = ? ALLOW FILTERING";
    let query = Query {
        contents: Cow::Borrowed(text),
        parameters: QueryParameters {
            consistency: Consistency::LocalQuorum,
            serial_consistency: Some(SerialConsistency::LocalSerial),
            timestamp: Some(77),
            page_size: Some(100),
            values: Cow::Owned(values()),
            ..QueryParameters::default()
        },
    };
    for way in WAYS {
        let call = call(&query, way);
        assert_eq!(call.headline(), "matched SELECT shop.users OK");
        for (name, wanted) in [
            ("db.query.text", text),
            ("cassandra.consistency.level", "local_quorum"),
            ("cassandra.consistency.serial", "local_serial"),
            ("cassandra.timestamp", "77"),
            ("cassandra.page.size", "100"),
        ] {
            assert_eq!(told(&call, name), [wanted], "{way:?}");
        }
        assert_eq!(told(&call, "cassandra.value"), ["\\\"ann\\\"", "null"]);
    }
}

#[test]
fn other_requests_of_another_implementation_are_read() {
    let prepare = call(&Prepare { query: "INSERT INTO t (a) VALUES (?)" }, None);
    assert_eq!(prepare.headline(), "matched PREPARE t OK");
    let options = HashMap::from([(Cow::Borrowed("CQL_VERSION"), Cow::Borrowed("4.0.0"))]);
    let startup = call(&Startup { options }, None);
    assert_eq!(told(&startup, "header:CQL_VERSION"), ["4.0.0"]);
    let statements = [
        batch::BatchStatement::Query { text: "INSERT INTO shop.t (a) VALUES (?, ?)".into() },
        batch::BatchStatement::Prepared { id: Cow::Borrowed(b"0123456789abcdef") },
    ];
    let batch = batch::Batch {
        statements: Cow::Borrowed(&statements),
        batch_type: batch::BatchType::Unlogged,
        consistency: Consistency::EachQuorum,
        serial_consistency: None,
        timestamp: Some(5),
        values: vec![values(), SerializedValues::new()],
    };
    for way in WAYS {
        let batch = call(&batch, way);
        assert_eq!(batch.headline(), "matched BATCH shop.t OK");
        assert_eq!(told(&batch, "cassandra.batch.kind"), ["unlogged"]);
        assert_eq!(told(&batch, "db.operation.batch.size"), ["2"]);
        assert_eq!(told(&batch, "cassandra.consistency.level"), ["each_quorum"]);
        assert_eq!(told(&batch, "cassandra.timestamp"), ["5"]);
        assert_eq!(told(&batch, "cassandra.value"), ["\\\"ann\\\"", "null"]);
    }
}

fn shown(value: &impl SerializeValue, column: &ColumnType<'_>, of: &[u8]) -> String {
    let mut values = SerializedValues::new();
    values.add_value(value, column).unwrap();
    let mut bytes = Vec::new();
    values.write_to_request(&mut bytes);
    let mut cursor = Cursor(&bytes);
    assert_eq!(cursor.short(), Some(1));
    let value = cursor.bytes().unwrap();
    let mut out = Vec::new();
    Type::read(&mut Cursor(of)).unwrap().write(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_of_another_implementation_are_read() {
    let native = ColumnType::Native;
    assert_eq!(shown(&-5i32, &native(NativeType::Int), &[0, 9]), "-5");
    assert_eq!(shown(&i64::MIN, &native(NativeType::BigInt), &[0, 2]), i64::MIN.to_string());
    assert_eq!(shown(&-7i8, &native(NativeType::TinyInt), &[0, 0x14]), "-7");
    assert_eq!(shown(&0.25f64, &native(NativeType::Double), &[0, 7]), "0.25");
    assert_eq!(shown(&true, &native(NativeType::Boolean), &[0, 4]), "true");
    assert_eq!(shown(&"ä\n", &native(NativeType::Text), &[0, 0x0d]), "\"ä\\n\"");
    assert_eq!(shown(&vec![1u8, 255], &native(NativeType::Blob), &[0, 3]), "\"0x01ff\"");
    let list = ColumnType::Collection {
        frozen: false,
        typ: CollectionType::List(Box::new(native(NativeType::Int))),
    };
    assert_eq!(shown(&vec![1, 2, 3], &list, &[0, 0x20, 0, 9]), "[1,2,3]");
    let map = ColumnType::Collection {
        frozen: false,
        typ: CollectionType::Map(
            Box::new(native(NativeType::Text)),
            Box::new(native(NativeType::Int)),
        ),
    };
    let value = HashMap::from([("a", 1)]);
    assert_eq!(shown(&value, &map, &[0, 0x21, 0, 0x0d, 0, 9]), "{\"a\":1}");
    let tuple = ColumnType::Tuple(vec![native(NativeType::Int), native(NativeType::Text)]);
    assert_eq!(shown(&(1, "b"), &tuple, &[0, 0x31, 0, 2, 0, 9, 0, 0x0d]), "[1,\"b\"]");
    let duration = scylla_cql::value::CqlDuration { months: 1, days: -2, nanoseconds: 3_000 };
    assert_eq!(shown(&duration, &native(NativeType::Duration), &[0, 0x15]), "\"1mo-2d3000ns\"");
    let time = scylla_cql::value::CqlTimestamp(-1);
    let text = shown(&time, &native(NativeType::Timestamp), &[0, 0x0b]);
    assert_eq!(text, "\"1969-12-31T23:59:59.999Z\"");
}
