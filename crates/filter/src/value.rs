//! Values as a record tells them, borrowed where they can be.

use std::borrow::Cow;

/// What a record says of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// It is not there, or not known.
    Missing,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text; bytes that are no UTF-8 are replaced.
    Text(Cow<'a, str>),
    /// Nanoseconds since 1970, UTC.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// A piece of a JSON document.
    Json(&'a serde_json::Value),
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Whether it is not there; `null` in a document is.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Json(serde_json::Value::Null))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(serde_json::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Text from the wire.
    #[must_use]
    pub fn lossy(bytes: &'a [u8]) -> Self {
        Self::Text(String::from_utf8_lossy(bytes))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Missing, Into::into)
    }
}
