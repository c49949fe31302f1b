//! What a server speaks: what of its dialect is used depends on its version.

use store::{Kept, Kind};

/// A server's dialect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// 18.16 and later: neither codecs, nor `TTL`, nor moments to the nanosecond.
    Old,
    /// 21.1 and later.
    Modern,
}

/// Nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

// === impl Dialect ===

impl Dialect {
    /// Of a server of this version: `26.9.2.1`.
    pub(crate) fn of(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        match (major, minor) {
            (21.., _) => Some(Self::Modern),
            (18, 16..) | (19 | 20, _) => Some(Self::Old),
            _ => None,
        }
    }

    /// A column, as a table is made of it.
    pub(crate) fn column(self, kept: &Kept) -> String {
        let (kind, codec) = match (self, kept.kind) {
            (Self::Old, Kind::Time) => ("Int64", ""),
            (Self::Modern, Kind::Time) => ("DateTime64(9, 'UTC')", " CODEC(DoubleDelta, ZSTD(1))"),
            (_, Kind::Number) => ("Int64", " CODEC(T64, ZSTD(1))"),
            (Self::Modern, Kind::Json) => ("String", " CODEC(ZSTD(3))"),
            (_, Kind::Word | Kind::Text | Kind::Json) => ("String", " CODEC(ZSTD(1))"),
        };
        let kind = match kept.is_optional {
            true => format!("Nullable({kind})"),
            false => kind.to_owned(),
        };
        match (self, kept.kind) {
            (Self::Old, _) => format!("`{}` {kind}", kept.name),
            (Self::Modern, Kind::Word) => {
                format!("`{}` LowCardinality({kind}){codec}", kept.name)
            }
            (Self::Modern, _) => format!("`{}` {kind}{codec}", kept.name),
        }
    }

    /// What every table has besides: whether the call has ended, which is what counts where a call came twice,
    /// and when it was taken.
    pub(crate) fn own_columns(self) -> [&'static str; 2] {
        match self {
            Self::Old => ["`ended` UInt8", "`taken` DateTime DEFAULT now()"],
            Self::Modern => ["`ended` UInt8", "`taken` DateTime64(3, 'UTC') DEFAULT now64(3)"],
        }
    }

    /// A day's calls are together.
    pub(crate) fn partition(self) -> String {
        match self {
            Self::Old => format!("intDiv(time, {DAY_NS})"),
            Self::Modern => "toYYYYMMDD(time)".to_owned(),
        }
    }

    /// A moment, in nanoseconds since 1970.
    pub(crate) fn moment(self, ns: i64) -> String {
        match self {
            Self::Old => ns.to_string(),
            Self::Modern => format!("fromUnixTimestamp64Nano(toInt64({ns}), 'UTC')"),
        }
    }

    /// A column of moments as nanoseconds since 1970.
    pub(crate) fn nanoseconds(self, expression: &str) -> String {
        match self {
            Self::Old => expression.to_owned(),
            Self::Modern => format!("toUnixTimestamp64Nano({expression})"),
        }
    }

    /// Says what time it is, in its own ticks: those of when calls were taken.
    pub(crate) fn clock(self) -> &'static str {
        match self {
            Self::Old => "SELECT toUInt32(now())",
            Self::Modern => "SELECT toUnixTimestamp64Milli(now64(3))",
        }
    }

    /// A moment of that clock.
    pub(crate) fn tick(self, tick: i64) -> String {
        match self {
            Self::Old => format!("toDateTime({tick})"),
            Self::Modern => format!("fromUnixTimestamp64Milli(toInt64({tick}), 'UTC')"),
        }
    }

    /// How long calls may take from when they are taken until they are seen, in ticks: three seconds.
    pub(crate) fn overlap(self) -> i64 {
        match self {
            Self::Old => 3,
            Self::Modern => 3000,
        }
    }

    /// How questions are to be run. A call's copies are always in one partition: the day is that of its time.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Self::Old => " SETTINGS max_block_size = 8192",
            Self::Modern => {
                " SETTINGS max_block_size = 8192, do_not_merge_across_partitions_select_final = 1, \
                 cancel_http_readonly_queries_on_client_close = 1"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_tell_the_dialect() {
        for (version, dialect) in [
            ("18.16.1", Some(Dialect::Old)),
            ("20.12.3.3", Some(Dialect::Old)),
            ("21.3.1", Some(Dialect::Modern)),
            ("26.9.2.1", Some(Dialect::Modern)),
            ("18.14.1", None),
            ("1.1.54390", None),
            ("new", None),
        ] {
            assert_eq!(Dialect::of(version), dialect, "{version}");
        }
    }

    #[test]
    fn columns_are_what_the_dialect_has() {
        let word = Kept { name: "method", kind: Kind::Word, is_optional: true };
        assert_eq!(Dialect::Old.column(&word), "`method` Nullable(String)");
        assert_eq!(
            Dialect::Modern.column(&word),
            "`method` LowCardinality(Nullable(String)) CODEC(ZSTD(1))"
        );
        let time = Kept { name: "time", kind: Kind::Time, is_optional: false };
        assert_eq!(Dialect::Old.column(&time), "`time` Int64");
    }
}
