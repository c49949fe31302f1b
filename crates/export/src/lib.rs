//! What leaves: calls as JSON lines, as one JSON document, and as a table for a terminal.
//!
//! Everything is appended to a buffer of the caller's; nothing here opens, writes or asks the time.
//! The names in the JSON are a contract: `docs/schema/call-1.schema.json`.

mod body;
mod half;
mod indent;
mod json;
mod ndjson;
mod party;
mod peer;
mod push;
mod record;
mod stamp;
mod table;
mod told;

pub use json::Json;
pub use ndjson::{Ends, Ndjson, Options, Places};
pub use party::Party;
pub use peer::{push_dns_names, push_peer};
pub use record::{Around, Eyes, Seen};
pub use stamp::moment;
pub use table::{Abouts, Style, Table};
