//! Why a list or a watch came to an end.

use std::{error::Error, time::Duration};

/// Why it did, where it should not have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Failure {
    /// The resource version or the page is too old (410).
    #[error("{0}")]
    Gone(String),
    /// The API server says no.
    #[error("{code} {message}")]
    Refused {
        code: u16,
        message: String,
        /// How long it asks us to wait.
        wait: Option<Duration>,
    },
    /// The API server has no streaming lists.
    #[error("it has no streaming lists")]
    NoStreams,
    /// The API server was not reached.
    #[error("not reached: {0}")]
    Unreached(String),
    /// The connection broke.
    #[error("broken off: {0}")]
    Broken(String),
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// What came is not what an API server says.
    #[error("not the answer of an API server: {0}")]
    Garbage(String),
    /// Nobody listens any more.
    #[error("nobody listens")]
    Closed,
}

/// So many causes of an error are told.
const CAUSES_MAX: usize = 8;

/// An error and its causes.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(error) = cause else { break };
        let text = error.to_string();
        // Some say their cause themselves.
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}
