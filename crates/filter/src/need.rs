//! What every record that fulfils a condition has in common, in terms that a store can look up.

use crate::Column;

/// A condition in columns and literals alone. Every record for which the whole condition holds
/// fulfils it; others may, too.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Nothing is known: any record may do.
    Anything,
    /// No record does.
    Nothing,
    /// All of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
    /// One column alone, told by [`Record::value`](crate::Record::value).
    Compare(Column, Op, Literal),
    /// The column's value is there.
    Has(Column),
    /// The column's value is not there.
    Lacks(Column),
}

/// How a column's value stands to a literal. A value that is missing fulfils
/// [`IsNot`](Self::IsNot), and none of the others.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Op {
    /// It is equal.
    Is,
    /// It is missing, or not equal.
    IsNot,
    /// It is less.
    Less,
    /// It is less or equal.
    AtMost,
    /// It is more.
    More,
    /// It is more or equal.
    AtLeast,
    /// The text begins with it.
    StartsWith,
    /// The text ends with it.
    EndsWith,
    /// It is somewhere in the text.
    Contains,
}

/// A value that is written in an expression. Never the empty text.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Nanoseconds since 1970, UTC.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
}
