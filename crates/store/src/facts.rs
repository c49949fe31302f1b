//! What a store holds, and what it lost, in numbers and words.

use std::borrow::Cow;

use model::Timestamp;

/// What a store holds.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Calls that can be queried, in memory and in files.
    pub calls: u64,
    /// Of these, those in memory.
    pub calls_in_memory: u64,
    /// Bytes that these take.
    pub memory_bytes: u64,
    /// Sealed files.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Bytes of logs and unfinished files.
    pub log_bytes: u64,
    /// Bytes that files and logs may take.
    pub bytes_max: u64,
    /// When the first call in a file or in memory began.
    pub oldest: Option<Timestamp>,
    /// When the last call began.
    pub newest: Option<Timestamp>,
    /// Everything that was counted since the store was opened.
    pub counts: Vec<Count>,
}

/// Something counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Count {
    /// For metrics: `store_calls_lost_torn`.
    pub name: Cow<'static, str>,
    /// For people.
    pub about: Cow<'static, str>,
    /// How often.
    pub value: u64,
    /// Whether something was lost.
    pub is_loss: bool,
}

macro_rules! counters {
    ($($name:ident $is_loss:literal $about:literal,)*) => {
        /// What is counted while a store is open.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub(crate) struct Counters {
            $(#[doc = $about] pub(crate) $name: u64,)*
        }

        impl Counters {
            pub(crate) fn told(&self) -> Vec<Count> {
                vec![$(Count {
                    name: concat!("store_", stringify!($name)).into(),
                    about: $about.into(),
                    value: self.$name,
                    is_loss: $is_loss,
                },)*]
            }
        }
    };
}

counters! {
    calls_appended false "calls taken",
    calls_recovered false "calls read back from logs when the store was opened",
    calls_sealed false "calls written to files",
    calls_lost_torn true "calls lost at the end of a log: the machine or the process stopped while they were written",
    log_bytes_torn true "bytes at the end of a log that could not be read",
    calls_unlogged true "calls that were only in memory for a while: the log could not be written",
    calls_lost_full true "calls lost because they could neither be written nor kept in memory",
    lines_refused true "lines in a log that are no calls",
    seals_failed true "files that could not be written; tried again later",
    files_damaged true "files that can't be read; left as they are",
    files_vanished true "files that somebody removed",
    files_foreign false "files in the folder that are not the store's",
    files_retired false "files removed because of the limits on bytes or age",
    calls_retired false "calls in these files",
    tail_calls_missed true "calls that slow readers of the live tail missed",
}
