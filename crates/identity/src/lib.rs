//! Who had an address when: a directory with history.
//!
//! A [`Book`] takes in [`Event`]s, in any order, and hands out [`Directory`]s: values that never
//! change, share their parts, and answer [`Query`]s. No clock, no I/O: time comes with the events.
//!
//! The rules are in `docs/IDENTITY.md`.

mod answers;
mod book;
mod find;
mod intern;
mod map;
mod memo;
mod names;
mod object;
mod parse;
mod raw;
mod tables;
mod window;

use std::sync::Arc;

pub use answers::{Answers, Lesson};
pub use book::{Book, Counts, Limits};
pub use find::{Found, Query};
pub use memo::Memo;
pub use names::{NameRule, Names};
pub use object::{
    Body, Change, Container, ContainerPort, Event, Kind, Meta, NodeBody, Object, OwnerRef, PodBody,
    ServiceBody, ServicePort, SliceBody, Target, Uid,
};
pub use parse::{Trouble, Troubles, moment, object, slim};
pub use window::{FOREVER, Span, Window};

/// Who had which address when, as far as was known when it was taken from its [`Book`].
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<tables::Tables>);
