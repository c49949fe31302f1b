//! Made-up records over the tables of the real protocols.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{collections::BTreeMap, sync::OnceLock};

use filter::{
    Column, Columns, Condition, Fault, Half, Literal, Need, Op, ProtocolTable, Record, Value,
};
use model::Timestamp;

/// When all conditions are compiled: 2026-03-14T22:30:00Z.
pub const NOW: Timestamp = Timestamp(1_773_527_400_000_000_000);

/// The names of all protocols there are.
pub fn columns() -> &'static Columns {
    static COLUMNS: OnceLock<Columns> = OnceLock::new();
    COLUMNS.get_or_init(|| Columns::new(&tables()))
}

fn tables() -> Vec<ProtocolTable> {
    let mut tables: Vec<ProtocolTable> = Vec::new();
    for dissection in dissectors::ALL {
        if tables.iter().all(|table| table.name != dissection.protocol.name) {
            tables.push(ProtocolTable::of(dissection.protocol));
        }
    }
    tables.push(ProtocolTable::of(&flow::CONN));
    for lens in dissectors::LENSES {
        for protocol in lens.protocols {
            let over = Some(lens.over.name);
            match tables.iter_mut().find(|table| table.name == protocol.name) {
                Some(table) => table.over = over,
                None => tables.push(ProtocolTable {
                    over,
                    also_alone: false,
                    ..ProtocolTable::of(protocol)
                }),
            }
        }
    }
    tables
}

/// Compiles or says why not.
pub fn compile(text: &str) -> Result<Condition, Fault> {
    Condition::compile(text, columns(), NOW)
}

/// Whether the expression holds; panics if it is none.
pub fn holds(text: &str, record: &Made) -> bool {
    match compile(text) {
        Ok(condition) => condition.holds(record),
        Err(fault) => panic!("{}", fault.show(text)),
    }
}

/// A record whose columns are written down by name.
#[derive(Clone, Default)]
pub struct Made {
    values: BTreeMap<Column, Value<'static>>,
    lists: BTreeMap<Column, Vec<(String, Value<'static>)>>,
    documents: BTreeMap<Column, serde_json::Value>,
}

fn column(name: &str) -> Column {
    columns().named(name).unwrap_or_else(|| panic!("no column {name}"))
}

// === impl Made ===

impl Made {
    pub fn of(protocol: &str) -> Self {
        Self::default().set("protocol", protocol.to_owned())
    }

    pub fn set(mut self, name: &str, value: impl Into<Value<'static>>) -> Self {
        self.values.insert(column(name), value.into());
        self
    }

    pub fn list(mut self, name: &str, elements: &[&str]) -> Self {
        let elements = elements.iter().map(|text| (String::new(), (*text).to_owned().into()));
        self.lists.insert(column(name), elements.collect());
        self
    }

    pub fn map(mut self, name: &str, elements: &[(&str, &str)]) -> Self {
        let element =
            |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned().into());
        self.lists.insert(column(name), elements.iter().map(element).collect());
        self
    }

    pub fn json(mut self, name: &str, document: serde_json::Value) -> Self {
        self.documents.insert(column(name), document);
        self
    }
}

impl Record for Made {
    fn value(&self, column: Column) -> Value<'_> {
        match (self.values.get(&column), self.documents.get(&column)) {
            (Some(value), _) => value.lend(),
            (None, Some(document)) => Value::Json(document),
            (None, None) => Value::Missing,
        }
    }

    fn each(&self, column: Column, see: &mut dyn FnMut(&str, Value<'_>) -> bool) {
        let mut elements = self.lists.get(&column).into_iter().flatten();
        let _ = elements.all(|(name, value)| see(name, value.lend()));
    }

    fn entry(&self, column: Column, name: &str) -> Value<'_> {
        let headers =
            matches!(column, Column::Request(Half::Headers) | Column::Response(Half::Headers));
        let is_it =
            |known: &str| if headers { known.eq_ignore_ascii_case(name) } else { known == name };
        let mut elements = self.lists.get(&column).into_iter().flatten();
        elements.find(|(known, _)| is_it(known)).map_or(Value::Missing, |(_, value)| value.lend())
    }
}

/// Whether a record fulfils a need: how a store reads one.
pub fn fulfils(need: &Need, record: &dyn Record) -> bool {
    match need {
        Need::Anything => true,
        Need::Nothing => false,
        Need::All(needs) => needs.iter().all(|need| fulfils(need, record)),
        Need::Any(needs) => needs.iter().any(|need| fulfils(need, record)),
        Need::Has(column) => !record.value(*column).is_missing(),
        Need::Lacks(column) => record.value(*column).is_missing(),
        Need::Compare(column, op, literal) => compares(&record.value(*column), *op, literal),
    }
}

fn compares(value: &Value<'_>, op: Op, literal: &Literal) -> bool {
    if value.is_missing() {
        return op == Op::IsNot;
    }
    let order = match (value, literal) {
        (Value::Text(text), Literal::Text(other)) => match op {
            Op::StartsWith => return text.starts_with(other),
            Op::EndsWith => return text.ends_with(other),
            Op::Contains => return text.contains(other),
            _ => (**text).cmp(other),
        },
        (Value::Int(a), Literal::Int(b))
        | (Value::Time(a), Literal::Time(b))
        | (Value::Duration(a), Literal::Duration(b)) => a.cmp(b),
        (Value::Bool(a), Literal::Bool(b)) => a.cmp(b),
        _ => panic!("{value:?} {literal:?}"),
    };
    match op {
        Op::Is => order.is_eq(),
        Op::IsNot => order.is_ne(),
        Op::Less => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::More => order.is_gt(),
        Op::AtLeast => order.is_ge(),
        Op::StartsWith | Op::EndsWith | Op::Contains => false,
    }
}
