//! The HTTP API, the live tail, MCP, and the dashboard's files.
//!
//! [`Api`] holds what all of them share: the store, the imports, and who may ask. [`Api::router`] is
//! the whole of it as one service; [`serve`] puts it on a listener. What captures hold comes in by
//! [`Intake`], the one way into the store.

mod advice;
mod aggregate;
mod assets;
mod audit;
mod call;
mod calls;
mod encryption;
mod exports;
mod fault;
mod guard;
mod health;
mod heatmap;
mod imports;
mod intake;
mod language;
mod login;
mod map;
mod mcp;
mod metrics;
mod openapi;
mod otlp;
mod packets;
mod params;
mod query;
mod roles;
mod routes;
mod seen;
mod server;
mod settings;
mod state;
mod streams;
mod tail;
mod text;
mod upload;
mod who;

pub use audit::Audit;
pub use encryption::Encryption;
pub use fault::{ErrorBody, ErrorFacts, Fault};
pub use imports::{Count, Facts, Finished, Import, ImportFacts, Imports, Phase, Rates, Unread};
pub use intake::Intake;
pub use login::{Login, LoginSettings, Rule};
pub use mcp::{Asker, Mcp};
pub use otlp::{Collector, Speaks};
pub use packets::headers;
pub use roles::{Role, Tokens};
pub use server::{Listener, serve};
pub use settings::{Limits, Settings};
pub use state::{Api, Reading};
pub use who::{Grant, Scope, Who};
