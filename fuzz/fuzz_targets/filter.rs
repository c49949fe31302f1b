//! Any text as an expression: `[at, text …]`. It is compiled, asked, and completed at some place.
#![no_main]

use std::sync::OnceLock;

use filter::{Column, Columns, Condition, ProtocolTable, Record, Value};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use model::Timestamp;

/// A record that has something of everything.
struct Everything;

impl Record for Everything {
    fn value(&self, column: Column) -> Value<'_> {
        static DOCUMENT: OnceLock<serde_json::Value> = OnceLock::new();
        let document = || serde_json::from_str(r#"{"a":[1,2.5,"x",null,{"b":[true]}]}"#);
        match format!("{column:?}").len() % 6 {
            0 => Value::Missing,
            1 => Value::Int(7),
            2 => "text with é".into(),
            3 => Value::Time(1),
            4 => Value::Json(DOCUMENT.get_or_init(|| document().unwrap_or_default())),
            _ => Value::Duration(i64::MIN),
        }
    }

    fn each(&self, _: Column, see: &mut dyn FnMut(&str, Value<'_>) -> bool) {
        let _ =
            (0..50).all(|number| see(if number % 2 == 0 { "" } else { "a=b" }, Value::Int(number)));
    }

    fn entry(&self, _: Column, name: &str) -> Value<'_> {
        name.to_owned().into()
    }
}

fuzz_target!(|data: &[u8]| {
    static COLUMNS: OnceLock<Columns> = OnceLock::new();
    let columns = COLUMNS.get_or_init(|| {
        let tables = dissectors::ALL.iter().map(|one| ProtocolTable::of(one.protocol));
        Columns::new(&tables.collect::<Vec<_>>())
    });
    let mut input = Input(data);
    let at = usize::from(input.byte());
    let text = String::from_utf8_lossy(input.0);
    let completion = columns.complete(&text, at);
    assert!(text.get(completion.at).is_some());
    match Condition::compile(&text, columns, Timestamp(1 << 60)) {
        Ok(condition) => {
            let _ = condition.holds(&Everything);
            let _ = (condition.necessary(), condition.columns());
        }
        Err(fault) => {
            assert!(text.get(fault.at.clone()).is_some(), "a fault points into the text");
            let _ = fault.show(&text);
        }
    }
});
