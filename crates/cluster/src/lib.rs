//! Where a directory's events come from: a cluster as it changes, dumps of one, logs and recordings
//! of its changes, and names that the user gives.

mod file;
mod names;
mod piece;
mod watch;
mod yaml;

pub use file::{FileError, Form, Item, NamesForm, Origin, read, read_from};
pub use watch::{
    Access, AccessError, Bounds, Clock, Load, Resource, Timing, Told, Watch, WatchOptions,
};
