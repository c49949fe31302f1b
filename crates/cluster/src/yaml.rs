//! YAML, bounded by the length of its text.

use serde::de::DeserializeOwned;

/// Every document of a text.
///
/// # Errors
/// In words, when one of them can't be read: also when it would grow far beyond its text.
pub fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    let bytes = text.len().max(1 << 20);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: bytes,
            max_nodes: bytes,
            max_total_scalar_bytes: bytes.saturating_mul(2),
            max_documents: bytes,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.to_string())
}
