//! Recorded watches, to be played again.

use serde_json::Value;

/// A recorded watch of one kind.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// What was there at the beginning.
    pub initial: Vec<Step>,
    /// What happened then.
    pub changes: Vec<Step>,
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Step {
    /// `ADDED`, `MODIFIED`, `DELETED`.
    pub what: String,
    /// The object then, resource version included.
    pub object: Value,
}

// === impl Recording ===

impl Recording {
    /// A watch as it stands in a file: an event on every line, the initial ones up to a bookmark.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut recording = Self::default();
        let mut is_initial = true;
        for line in text.lines() {
            let Ok(mut event) = serde_json::from_str::<Value>(line) else { continue };
            let object = event["object"].take();
            let what = event["type"].as_str().unwrap_or_default().to_owned();
            match what.as_str() {
                "BOOKMARK" => is_initial = false,
                "ERROR" => {}
                _ if is_initial => recording.initial.push(Step { what, object }),
                _ => recording.changes.push(Step { what, object }),
            }
        }
        recording
    }
}

// === impl Step ===

impl Step {
    /// The resource version that it led to.
    #[must_use]
    pub fn version(&self) -> u64 {
        let version = self.object["metadata"]["resourceVersion"].as_str();
        version.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}
