//! The query language: text to a typed condition over calls.
