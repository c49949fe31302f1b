//! Where a directory's events come from: dumps of a cluster, logs and recordings of its changes, and
//! names that the user gives.

mod file;
mod names;
mod piece;
mod yaml;

pub use file::{FileError, Form, Item, NamesForm, Origin, read, read_from};
