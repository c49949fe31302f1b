//! What leaves: calls as JSON lines, as one JSON document, as a table for a terminal, and in the formats of
//! other tools.
//!
//! Everything is appended to a buffer of the caller's; nothing here opens, writes or asks the time.
//! The names in the JSON are a contract: `docs/schema/call-1.schema.json`.

mod body;
mod csv;
mod curl;
mod fact;
mod half;
mod har;
mod indent;
mod json;
mod ndjson;
mod otlp;
mod party;
mod pcapng;
mod peer;
mod process;
mod push;
mod record;
mod stamp;
mod table;
mod told;

pub use csv::{csv_begin, csv_line};
pub use curl::curl;
pub use har::{HAR_END, har_begin, har_entry};
pub use json::Json;
pub use ndjson::{Ends, Ndjson, Options, Places};
pub use otlp::{Spans, Taken, spans};
pub use party::Party;
pub use pcapng::Pcapng;
pub use peer::{push_dns_names, push_peer};
pub use process::push_process;
pub use record::{Around, Eyes, Seen};
pub use stamp::moment;
pub use table::{Abouts, Style, Table};
