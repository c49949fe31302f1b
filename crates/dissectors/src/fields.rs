//! Field tables of protocols: a field and its index in one breath, and short words for telling them.

use model::{Tell, Value};

/// A field of a protocol's table.
pub(crate) trait Place {
    /// Its index there.
    fn index(self) -> usize;
}

/// Declares the fields of one protocol and, in one breath, the indexes into its table.
macro_rules! fields {
    ($($name:ident = $text:literal $kind:ident $($many:ident)?, $about:literal;)*) => {
        /// A field, by its index.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum At { $($name),* }

        /// All fields, by index.
        pub(super) const FIELDS: &[model::Field] = &[$(model::Field {
            name: $text,
            kind: model::Kind::$kind,
            many: $crate::fields::fields!(@ $($many)?),
            about: $about,
        }),*];

        impl $crate::fields::Place for At {
            fn index(self) -> usize {
                self as usize
            }
        }
    };
    (@) => { false };
    (@ many) => { true };
}

pub(crate) use fields;

/// Tells text.
pub(crate) fn text(to: &mut dyn Tell, at: impl Place, text: impl AsRef<[u8]>) {
    to.field(at.index(), Value::Text(text.as_ref()));
}

/// Tells text, if there is any.
pub(crate) fn some_text(to: &mut dyn Tell, at: impl Place, text: impl AsRef<[u8]>) {
    let text = text.as_ref();
    if !text.is_empty() {
        to.field(at.index(), Value::Text(text));
    }
}

/// Tells a whole number.
pub(crate) fn integer(to: &mut dyn Tell, at: impl Place, value: impl Into<i64>) {
    to.field(at.index(), Value::Integer(value.into()));
}

/// Tells that something holds.
pub(crate) fn flag(to: &mut dyn Tell, at: impl Place, value: bool) {
    to.field(at.index(), Value::Bool(value));
}

/// A size or an unsigned number as a field has it.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
