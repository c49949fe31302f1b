//! Where a directory's events come from: a cluster as it changes, dumps of one, logs and recordings
//! of its changes, and names that the user gives.

mod cut;
mod file;
mod names;
#[cfg(feature = "watch")]
mod objects;
mod piece;
#[cfg(feature = "watch")]
mod watch;
mod yaml;

pub use cut::{Cutter, NoList, Part};
pub use file::{FileError, Form, Item, NamesForm, Origin, read, read_from};
#[cfg(feature = "watch")]
pub use objects::{Deed, Objects, Refusal, SHELVES, Shelf};
#[cfg(feature = "watch")]
pub use watch::{
    Access, AccessError, Bounds, Clock, Load, Resource, Timing, Told, Watch, WatchOptions,
};
pub use yaml::documents;
