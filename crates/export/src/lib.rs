//! What leaves: calls as JSON lines, as one JSON document, and as a table for a terminal.
//!
//! Everything is appended to a buffer of the caller's; nothing here opens, writes or asks the time.
//! The names in the JSON are a contract: `docs/schema/call-1.schema.json`.

mod body;
mod half;
mod indent;
mod json;
mod ndjson;
mod push;
mod stamp;
mod table;

pub use json::Json;
pub use ndjson::{Ndjson, Options};
pub use table::{Style, Table};
