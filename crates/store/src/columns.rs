//! The columns of a file, declared once: name, what is in them, and what the query language calls them.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use filter::{Column, End, Fact, Half};

use crate::{Part, part::Numbers};

/// A column of a file.
pub(crate) struct Stored {
    pub(crate) name: &'static str,
    pub(crate) what: What,
    /// The same in the query language.
    pub(crate) column: Option<Column>,
}

/// What is in a column.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// When the call began; never missing.
    Time,
    /// A number.
    Number(fn(&Numbers) -> Option<i64>),
    /// A text of few different values.
    Word(Part),
    /// A text of many different values.
    Text(Part),
    /// The endpoint's template.
    Template,
    /// The name that the client asked for in TLS or QUIC.
    ServerName,
    /// The rest of the line.
    Rest,
    /// A piece of the line, as JSON.
    Piece(Part),
}

/// The columns, in their order in a file. New ones may come; none is renamed or changes its type.
pub(crate) const STORED: &[Stored] = &[
    Stored { name: "id", what: What::Text(Part::Id), column: call(Fact::Id) },
    Stored { name: "time", what: What::Time, column: call(Fact::Time) },
    number("duration_ns", |n| n.duration_ns, Column::Call(Fact::Duration)),
    word("protocol", Part::Protocol, Column::Call(Fact::Protocol)),
    word("version", Part::Version, Column::Call(Fact::Version)),
    word("method", Part::Method, Column::Call(Fact::Method)),
    Stored { name: "endpoint", what: What::Text(Part::Endpoint), column: call(Fact::Endpoint) },
    Stored {
        name: "endpoint_template",
        what: What::Template,
        column: call(Fact::EndpointTemplate),
    },
    word("status_code", Part::StatusCode, Column::Call(Fact::StatusCode)),
    word("status_text", Part::StatusText, Column::Call(Fact::StatusText)),
    word("result", Part::Result, Column::Call(Fact::StatusResult)),
    word("pairing", Part::Pairing, Column::Call(Fact::Pairing)),
    word("paired_by", Part::PairedBy, Column::Call(Fact::PairedBy)),
    word("state", Part::State, Column::Call(Fact::State)),
    word("missing_why", Part::MissingWhy, Column::Call(Fact::MissingWhy)),
    Stored { name: "tls_sni", what: What::ServerName, column: call(Fact::TlsSni) },
    word("transport", Part::Transport, Column::Call(Fact::Transport)),
    word("source_name", Part::SourceName, Column::Call(Fact::SourceName)),
    Stored { name: "stream", what: What::Text(Part::Stream), column: call(Fact::Stream) },
    word("src_ip", Part::SrcIp, Column::Src(End::Ip)),
    number("src_port", |n| Some(n.src_port), Column::Src(End::Port)),
    word("src_service_ip", Part::SrcServiceIp, Column::Src(End::ServiceIp)),
    word("src_name", Part::SrcName, Column::Src(End::Name)),
    word("src_namespace", Part::SrcNamespace, Column::Src(End::Namespace)),
    word("src_pod", Part::SrcPod, Column::Src(End::Pod)),
    word("src_service", Part::SrcService, Column::Src(End::Service)),
    word("src_workload_kind", Part::SrcWorkloadKind, Column::Src(End::WorkloadKind)),
    word("src_workload_name", Part::SrcWorkloadName, Column::Src(End::WorkloadName)),
    word("src_node", Part::SrcNode, Column::Src(End::Node)),
    word("src_container", Part::SrcContainer, Column::Src(End::Container)),
    word("src_process_name", Part::SrcProcessName, Column::Src(End::ProcessName)),
    word("dst_ip", Part::DstIp, Column::Dst(End::Ip)),
    number("dst_port", |n| Some(n.dst_port), Column::Dst(End::Port)),
    word("dst_service_ip", Part::DstServiceIp, Column::Dst(End::ServiceIp)),
    word("dst_name", Part::DstName, Column::Dst(End::Name)),
    word("dst_namespace", Part::DstNamespace, Column::Dst(End::Namespace)),
    word("dst_pod", Part::DstPod, Column::Dst(End::Pod)),
    word("dst_service", Part::DstService, Column::Dst(End::Service)),
    word("dst_workload_kind", Part::DstWorkloadKind, Column::Dst(End::WorkloadKind)),
    word("dst_workload_name", Part::DstWorkloadName, Column::Dst(End::WorkloadName)),
    word("dst_node", Part::DstNode, Column::Dst(End::Node)),
    word("dst_container", Part::DstContainer, Column::Dst(End::Container)),
    word("dst_process_name", Part::DstProcessName, Column::Dst(End::ProcessName)),
    number("request_size", |n| n.request_size, Column::Request(Half::Size)),
    number("response_size", |n| n.response_size, Column::Response(Half::Size)),
    Stored { name: "call", what: What::Rest, column: None },
    piece("request_headers", Part::RequestHeaders),
    piece("request_fields", Part::RequestFields),
    piece("request_body", Part::RequestBody),
    piece("response_headers", Part::ResponseHeaders),
    piece("response_fields", Part::ResponseFields),
    piece("response_body", Part::ResponseBody),
];

/// The columns that a row is put together from; pieces come behind them.
pub(crate) const ROW: [&str; 4] = ["id", "time", "duration_ns", "call"];

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(STORED.iter().map(Stored::field).collect::<Vec<_>>())));

/// What a file looks like.
pub(crate) fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// Whether a file's columns are these, perhaps without the last ones, or with later ones.
pub(crate) fn are_in(file: &Schema) -> bool {
    let is_same = |(field, stored): (&Arc<Field>, &Stored)| {
        field.name() == stored.name && *field.data_type() == stored.kind()
    };
    file.fields().iter().zip(STORED).all(is_same)
}

/// The columns of a file as they are read: texts of few different values stay numbers that stand for them.
pub(crate) fn reading(file: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let known = STORED.iter().find(|stored| stored.name == field.name());
        let is_word = known.is_some_and(Stored::is_word) && *field.data_type() == DataType::Utf8;
        if !is_word {
            return field.as_ref().clone();
        }
        let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        field.as_ref().clone().with_data_type(kind)
    };
    Arc::new(Schema::new(file.fields().iter().map(field).collect::<Vec<_>>()))
}

/// The column's place in a file.
pub(crate) fn place(name: &str) -> Option<usize> {
    STORED.iter().position(|stored| stored.name == name)
}

/// The column of a file that has what this column of the language has.
pub(crate) fn of(column: Column) -> Option<&'static Stored> {
    STORED.iter().find(|stored| stored.column == Some(column))
}

const fn call(fact: Fact) -> Option<Column> {
    Some(Column::Call(fact))
}

const fn word(name: &'static str, part: Part, column: Column) -> Stored {
    Stored { name, what: What::Word(part), column: Some(column) }
}

const fn number(name: &'static str, of: fn(&Numbers) -> Option<i64>, column: Column) -> Stored {
    Stored { name, what: What::Number(of), column: Some(column) }
}

const fn piece(name: &'static str, part: Part) -> Stored {
    Stored { name, what: What::Piece(part), column: None }
}

// === impl Stored ===

impl Stored {
    pub(crate) fn kind(&self) -> DataType {
        match self.what {
            What::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            What::Number(_) => DataType::Int64,
            _ => DataType::Utf8,
        }
    }

    /// Whether it is a text of few different values.
    pub(crate) fn is_word(&self) -> bool {
        matches!(self.what, What::Word(_) | What::Template | What::ServerName)
    }

    fn field(&self) -> Field {
        Field::new(self.name, self.kind(), self.is_optional())
    }

    /// Whether calls may have nothing there.
    pub(crate) fn is_optional(&self) -> bool {
        !matches!(self.name, "id" | "time" | "protocol" | "call")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_once() {
        for (at, stored) in STORED.iter().enumerate() {
            assert_eq!(place(stored.name), Some(at));
        }
    }

    #[test]
    fn what_a_row_is_made_of_is_there() {
        assert!(ROW.iter().all(|name| place(name).is_some()));
    }
}
