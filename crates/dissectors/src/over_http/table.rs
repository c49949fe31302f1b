//! Field tables of protocols that are spoken over HTTP: HTTP's own fields come first, under the
//! indexes that they have there, so that HTTP tells them itself.

use model::{Field, Kind};

use crate::http;

/// How many fields are HTTP's.
pub(super) const HTTP_LEN: usize = http::FIELDS.len();

/// HTTP's fields, then `own`.
pub(super) const fn join<const LEN: usize>(own: &[Field]) -> [Field; LEN] {
    let mut all = [const { Field { name: "", kind: Kind::Text, many: false, about: "" } }; LEN];
    let mut at = 0;
    while at < LEN {
        let field = if at < HTTP_LEN { &http::FIELDS[at] } else { &own[at - HTTP_LEN] };
        all[at] =
            Field { name: field.name, kind: field.kind, many: field.many, about: field.about };
        at += 1;
    }
    all
}

/// Declares the fields of one protocol and, in one breath, the indexes into its table.
macro_rules! fields {
    ($($name:ident = $text:literal $kind:ident $($many:ident)?, $about:literal;)*) => {
        /// A field that HTTP does not have.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum At { $($name),* }

        const OWN: &[model::Field] = &[$(model::Field {
            name: $text,
            kind: model::Kind::$kind,
            many: $crate::over_http::table::fields!(@ $($many)?),
            about: $about,
        }),*];

        /// All fields, by index.
        pub(super) static FIELDS: [model::Field; $crate::over_http::table::HTTP_LEN + OWN.len()] =
            $crate::over_http::table::join(OWN);

        impl $crate::over_http::tell::Place for At {
            fn index(self) -> usize {
                $crate::over_http::table::HTTP_LEN + self as usize
            }
        }
    };
    (@) => { false };
    (@ many) => { true };
}

pub(super) use fields;
