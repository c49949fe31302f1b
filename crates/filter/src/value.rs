//! Values as a record tells them, borrowed where they can be.

use std::{borrow::Cow, net::IpAddr};

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
    /// An address: text that need not be written down to be compared.
    Ip(IpAddr),
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

    /// The same, borrowed from it.
    #[must_use]
    pub fn lend(&self) -> Value<'_> {
        match self {
            Self::Missing => Value::Missing,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Ip(ip) => Value::Ip(*ip),
            Self::Time(at) => Value::Time(*at),
            Self::Duration(ns) => Value::Duration(*ns),
            Self::Json(json) => Value::Json(json),
        }
    }

    /// A document's scalar as what it is; everything else as it was.
    #[must_use]
    pub fn plain(self) -> Self {
        use serde_json::Value as Json;
        match self {
            Self::Json(Json::Null) => Self::Missing,
            Self::Json(Json::Bool(truth)) => Self::Bool(*truth),
            Self::Json(Json::String(text)) => Self::Text(Cow::Borrowed(text)),
            Self::Json(Json::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Float(number),
                (None, None) => Self::Missing,
            },
            other => other,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(serde_json::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The text, if it is text or an address.
    #[must_use]
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Ip(ip) => Some(Cow::Owned(ip.to_string())),
            Self::Json(serde_json::Value::String(text)) => Some(Cow::Borrowed(text)),
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
