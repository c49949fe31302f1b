//! The tables of an engine: made, and brought up to what this version of callscope writes.
//!
//! | table | what is in it |
//! |---|---|
//! | `calls` | the calls; with a cluster, a `Distributed` table over `calls_local` of all its servers |
//! | `callscope_schema` | which versions of the tables were made here, and when |
//!
//! New columns are added where they are missing; all else that changes has a version.

use store::{Kept, kept_columns};

use crate::{
    dialect::Dialect,
    door::{Door, Refusal},
    place::Place,
    sql,
};

/// What is known of one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Known {
    pub(crate) dialect: Dialect,
}

/// The version of tables that is written, and read.
const VERSION: u32 = 1;

/// What a server speaks, if it has tables that can be read.
pub(crate) fn found(door: &Door, server: usize) -> Result<Known, Refusal> {
    let known = know(door, server)?;
    check_version(door, server, &Tables::of(&door.place))?;
    let there = columns_of(door, server, "calls")?;
    if kept_columns().iter().all(|kept| there.iter().any(|name| name == kept.name)) {
        return Ok(known);
    }
    let (host, place) = (door.host(server), &door.place);
    Err(Refusal::Unfit(format!(
        "{host}: {place} holds no calls, or those of an earlier callscope: `--sink` makes its tables"
    )))
}

/// Tables of a place, by their names in questions.
#[derive(Debug)]
pub(crate) struct Tables {
    /// What is asked and written.
    pub(crate) calls: String,
    /// Where calls lie.
    pub(crate) local: String,
    pub(crate) local_name: &'static str,
    schema: String,
    database: String,
}

// === impl Tables ===

impl Tables {
    pub(crate) fn of(place: &Place) -> Self {
        let database = sql::name(&place.database);
        let local_name = if place.cluster.is_some() { "calls_local" } else { "calls" };
        Self {
            calls: format!("{database}.`calls`"),
            local: format!("{database}.`{local_name}`"),
            schema: format!("{database}.`callscope_schema`"),
            database,
            local_name,
        }
    }
}

/// Asks a server what it speaks.
pub(crate) fn know(door: &Door, server: usize) -> Result<Known, Refusal> {
    let version = door.tell(server, "SELECT version()")?;
    let version = version.trim();
    let dialect = Dialect::of(version).ok_or_else(|| {
        let host = door.host(server);
        Refusal::Unfit(format!("{host}: ClickHouse {version:?} is too old: 18.16 is needed"))
    })?;
    Ok(Known { dialect })
}

/// Makes what is missing on a server, if that may be done.
pub(crate) fn prepare(door: &Door, server: usize) -> Result<Known, Refusal> {
    let known = know(door, server)?;
    let (place, tables) = (&door.place, Tables::of(&door.place));
    let tell = |sql: &str| door.tell(server, sql);
    if place.may_create {
        let database = sql::text(&place.database);
        let there = tell(&format!("SELECT count() FROM system.databases WHERE name = {database}"))?;
        if there.trim() == "0" {
            tell(&format!("CREATE DATABASE IF NOT EXISTS {}", tables.database))?;
        }
    }
    check_version(door, server, &tables)?;
    if !place.may_create {
        return Ok(known);
    }
    for statement in made(place, &tables, known.dialect) {
        tell(&statement)?;
    }
    let version = format!("INSERT INTO {} (version) VALUES ({VERSION})", tables.schema);
    if version_of(door, server, &tables)? != Some(VERSION) {
        tell(&version)?;
    }
    add_columns(door, server, &tables, known.dialect)?;
    keep_to_days(door, server, &tables, known.dialect)?;
    Ok(known)
}

/// Tables of a later version are left alone.
fn check_version(door: &Door, server: usize, tables: &Tables) -> Result<(), Refusal> {
    match version_of(door, server, tables)? {
        Some(version) if version > VERSION => Err(Refusal::Unfit(format!(
            "{}: the tables are of version {version}, made by a later callscope; this one knows {VERSION}",
            door.host(server)
        ))),
        _ => Ok(()),
    }
}

fn version_of(door: &Door, server: usize, tables: &Tables) -> Result<Option<u32>, Refusal> {
    if columns_of(door, server, "callscope_schema")?.is_empty() {
        return Ok(None);
    }
    let said = door.tell(server, &format!("SELECT max(version) FROM {}", tables.schema))?;
    Ok(said.trim().parse().ok().filter(|version| *version > 0))
}

/// The names of a table's columns; none where it is not there.
fn columns_of(door: &Door, server: usize, table: &str) -> Result<Vec<String>, Refusal> {
    let database = sql::text(&door.place.database);
    let said = door.tell(
        server,
        &format!(
            "SELECT name FROM system.columns WHERE database = {database} AND table = '{table}'"
        ),
    )?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// What makes tables that are not there.
fn made(place: &Place, tables: &Tables, dialect: Dialect) -> Vec<String> {
    let mut statements = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {} (version UInt32, at DateTime DEFAULT now()) \
             ENGINE = MergeTree ORDER BY version",
            tables.schema
        ),
        local(tables, dialect, place.days),
    ];
    if let Some(cluster) = &place.cluster {
        // Copies of a call are on one server: they have one id.
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS {} AS {} ENGINE = Distributed({}, {}, {}, sipHash64(id))",
            tables.calls,
            tables.local,
            sql::name(cluster),
            tables.database,
            tables.local_name
        ));
    }
    statements
}

fn local(tables: &Tables, dialect: Dialect, days: Option<u32>) -> String {
    let columns = kept_columns();
    let columns = columns.iter().map(|kept| dialect.column(kept));
    let columns: Vec<String> = columns.chain(dialect.own_columns().map(str::to_owned)).collect();
    let index = match dialect {
        Dialect::Old => "",
        Dialect::Modern => {
            ", INDEX by_id id TYPE bloom_filter GRANULARITY 4, \
             INDEX by_taken taken TYPE minmax GRANULARITY 1"
        }
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({}{index}) ENGINE = ReplacingMergeTree(ended) \
         PARTITION BY {} ORDER BY (time, id){}",
        tables.local,
        columns.join(", "),
        dialect.partition(),
        ttl(dialect, days).map_or_else(String::new, |ttl| format!(" TTL {ttl}")),
    )
}

/// Calls that began so many days ago go by themselves, where the dialect has it.
fn ttl(dialect: Dialect, days: Option<u32>) -> Option<String> {
    match (dialect, days) {
        (Dialect::Modern, Some(days)) => Some(format!("toDateTime(time) + toIntervalDay({days})")),
        _ => None,
    }
}

/// Columns that came with later versions.
fn add_columns(
    door: &Door,
    server: usize,
    tables: &Tables,
    dialect: Dialect,
) -> Result<(), Refusal> {
    let mut places = vec![(tables.local_name, &tables.local)];
    if door.place.cluster.is_some() {
        places.push(("calls", &tables.calls));
    }
    for (name, table) in places {
        let there = columns_of(door, server, name)?;
        let is_missing = |kept: &Kept| !there.iter().any(|name| name == kept.name);
        for kept in kept_columns().iter().filter(|kept| is_missing(kept)) {
            let column = dialect.column(kept);
            let added = door.tell(server, &format!("ALTER TABLE {table} ADD COLUMN {column}"));
            // Somebody else may have been quicker.
            if let Err(refusal) = added
                && !columns_of(door, server, name)?.iter().any(|name| name == kept.name)
            {
                return Err(refusal);
            }
        }
    }
    Ok(())
}

/// Has calls go after as many days as the place says, if tables were made for another number.
fn keep_to_days(
    door: &Door,
    server: usize,
    tables: &Tables,
    dialect: Dialect,
) -> Result<(), Refusal> {
    let Some(ttl) = ttl(dialect, door.place.days) else { return Ok(()) };
    let database = sql::text(&door.place.database);
    let made = door.tell(
        server,
        &format!(
            "SELECT engine_full FROM system.tables WHERE database = {database} AND name = '{}'",
            tables.local_name
        ),
    )?;
    if made.contains(&ttl) {
        return Ok(());
    }
    door.tell(server, &format!("ALTER TABLE {} MODIFY TTL {ttl}", tables.local)).map(drop)
}

/// Where the dialect has nothing by which calls go by themselves: drops the days that are over. To be called
/// now and then.
pub(crate) fn retire(door: &Door, server: usize, now_ns: i64) -> Result<(), Refusal> {
    let Some(days) = door.place.days else { return Ok(()) };
    let tables = Tables::of(&door.place);
    let oldest = now_ns / crate::dialect::DAY_NS - i64::from(days);
    let database = sql::text(&door.place.database);
    let parts = door.tell(
        server,
        &format!(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = {database} \
             AND table = '{}'",
            tables.local_name
        ),
    )?;
    // A partition is a day: its number.
    let over = parts.lines().filter_map(|day| day.parse::<i64>().ok()).filter(|day| *day < oldest);
    for day in over {
        door.tell(server, &format!("ALTER TABLE {} DROP PARTITION {day}", tables.local))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_what_the_dialect_has() {
        let place = Place::parse("clickhouse://a,b/x?cluster=pair&keep=30").unwrap();
        let tables = Tables::of(&place);
        let old = made(&place, &tables, Dialect::Old);
        assert!(old[1].starts_with("CREATE TABLE IF NOT EXISTS `x`.`calls_local` (`id` String, "));
        for word in ["CODEC", "TTL", "LowCardinality", "DateTime64", "INDEX"] {
            assert!(!old[1].contains(word), "{word}");
        }
        assert!(old[2].ends_with("Distributed(`pair`, `x`, calls_local, sipHash64(id))"));
        let modern = made(&place, &tables, Dialect::Modern);
        for word in ["ZSTD(3)", "TTL toDateTime(time) + toIntervalDay(30)", "LowCardinality"] {
            assert!(modern[1].contains(word), "{word}");
        }
        let alone = Place::parse("clickhouse://a/x").unwrap();
        assert_eq!(made(&alone, &Tables::of(&alone), Dialect::Modern).len(), 2);
    }
}
