//! What a condition is asked about: a call, or a row of the store.

use crate::{Column, Value};

/// Something with columns. Only what a condition needs is asked for, and only until it is decided.
///
/// Which method is asked follows from the column's [`Type`](crate::Type): lists and maps are asked
/// by [`each`](Self::each) and [`entry`](Self::entry), all others by [`value`](Self::value).
pub trait Record {
    /// The value of a column that is no list and no map; a document whole ([`Value::Json`]).
    fn value(&self, column: Column) -> Value<'_>;

    /// The elements of a list (with empty names) or a map, in order, until `see` says `false`.
    /// Headers and other names that come twice are told twice.
    fn each(&self, column: Column, see: &mut dyn FnMut(&str, Value<'_>) -> bool);

    /// The first element of a map under this name; names of headers are the same in any case.
    fn entry(&self, column: Column, name: &str) -> Value<'_>;
}
