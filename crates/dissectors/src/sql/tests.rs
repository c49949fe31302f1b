//! Statements and what is said of them; a full parser says the same where it can read them.

use std::ops::ControlFlow;

use proptest::prelude::*;
use sqlparser::{
    ast::visit_relations,
    dialect::{MySqlDialect, PostgreSqlDialect},
    parser::Parser,
};

use super::*;

/// Statement, verb, table (or what else it is about behind `:`), summary.
const POSTGRES: &[(&str, &str, &str, &str)] = &[
    ("select 1", "SELECT", "", "SELECT"),
    ("SELECT * FROM users WHERE id = $1", "SELECT", "users", "SELECT users"),
    (
        "SELECT * FROM public.users u, orders o",
        "SELECT",
        "public.users",
        "SELECT public.users orders",
    ),
    ("SELECT * FROM \"My \"\"T\" JOIN b USING (id)", "SELECT", "My \"T", "SELECT My \"T b"),
    ("SELECT extract(year FROM d) FROM t", "SELECT", "t", "SELECT t"),
    ("SELECT a IS DISTINCT FROM b FROM t", "SELECT", "t", "SELECT t"),
    ("SELECT (SELECT max(x) FROM b) FROM a", "SELECT", "a", "SELECT SELECT b a"),
    ("SELECT * FROM (SELECT * FROM a) x", "SELECT", "a", "SELECT SELECT a"),
    ("SELECT * FROM generate_series(1, 5)", "SELECT", "", "SELECT"),
    ("SELECT * FROM generate_series(1, 5) g JOIN t ON true", "SELECT", "t", "SELECT t"),
    ("SELECT 'x FROM y' FROM t -- FROM z", "SELECT", "t", "SELECT t"),
    ("/* c */ (select 1 from a) union (select 2 from b)", "SELECT", "a", "SELECT a SELECT b"),
    ("WITH x AS (SELECT * FROM a) SELECT * FROM x", "SELECT", "a", "SELECT a SELECT x"),
    (
        "with recursive x(n) AS (VALUES (1)), y as materialized (select * from b) insert into t select * from y",
        "INSERT",
        "t",
        "VALUES SELECT b INSERT t SELECT y",
    ),
    (
        "INSERT INTO s.t (a, b) VALUES (1, 'x') ON CONFLICT DO UPDATE SET a = 1",
        "INSERT",
        "s.t",
        "INSERT s.t",
    ),
    ("INSERT INTO t SELECT * FROM u", "INSERT", "t", "INSERT t SELECT u"),
    ("UPDATE ONLY t SET a = 1 FROM u WHERE t.id = u.id", "UPDATE", "t", "UPDATE t u"),
    ("DELETE FROM t USING u WHERE true", "DELETE", "t", "DELETE t u"),
    ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "MERGE", "t", "MERGE t s"),
    ("TRUNCATE TABLE t", "TRUNCATE", "t", "TRUNCATE t"),
    ("SELECT * FROM t FOR UPDATE", "SELECT", "t", "SELECT t"),
    ("COPY t (a, b) FROM STDIN", "COPY", "t", "COPY t"),
    ("COPY (SELECT * FROM t) TO STDOUT", "COPY", "t", "COPY SELECT t"),
    ("EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", "EXPLAIN", "t", "EXPLAIN UPDATE t"),
    ("EXPLAIN ANALYZE SELECT * FROM t", "EXPLAIN", "t", "EXPLAIN SELECT t"),
    ("DECLARE c CURSOR FOR SELECT * FROM t", "DECLARE", "t", "DECLARE SELECT t"),
    ("LOCK TABLE t IN SHARE MODE", "LOCK", "t", "LOCK t"),
    ("CREATE TEMP TABLE IF NOT EXISTS t (a int)", "CREATE", "t", "CREATE t"),
    ("CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY s.t (a)", "CREATE", "s.t", "CREATE s.t"),
    ("CREATE DATABASE d", "CREATE", ":d", "CREATE d"),
    ("ALTER TABLE IF EXISTS t ADD b int", "ALTER", "t", "ALTER t"),
    ("DROP MATERIALIZED VIEW v", "DROP", "v", "DROP v"),
    ("GRANT SELECT ON t TO ann", "GRANT", "t", "GRANT t"),
    ("VACUUM (FULL) t", "VACUUM", "t", "VACUUM t"),
    ("ANALYZE t", "ANALYZE", "t", "ANALYZE t"),
    ("SET search_path TO x", "SET", ":search_path", "SET search_path"),
    ("SHOW server_version", "SHOW", ":server_version", "SHOW server_version"),
    ("CALL p(1)", "CALL", ":p", "CALL p"),
    ("DEALLOCATE ALL", "DEALLOCATE", "", "DEALLOCATE"),
    ("BEGIN", "BEGIN", "", "BEGIN"),
    ("start transaction", "START", "", "START"),
    ("LISTEN c", "LISTEN", ":c", "LISTEN c"),
    ("SELECT pg_sleep(1)", "SELECT", "", "SELECT"),
];

const MY_SQL: &[(&str, &str, &str, &str)] = &[
    ("SELECT `a`.`b` FROM `shop`.`order` AS o", "SELECT", "shop.order", "SELECT shop.order"),
    ("SELECT \"x FROM y\" FROM t # FROM z", "SELECT", "t", "SELECT t"),
    ("INSERT IGNORE t VALUES (1)", "INSERT", "t", "INSERT t"),
    ("REPLACE INTO t VALUES (1)", "REPLACE", "t", "REPLACE t"),
    ("DELETE LOW_PRIORITY FROM t", "DELETE", "t", "DELETE t"),
    ("/*!40101 SET NAMES utf8 */", "SET", ":NAMES", "SET NAMES"),
    ("SHOW FULL COLUMNS FROM t", "SHOW", "t", "SHOW t"),
    ("SHOW CREATE TABLE t", "SHOW", "t", "SHOW t"),
    ("USE shop", "USE", ":shop", "USE shop"),
    ("DESCRIBE t", "DESCRIBE", "t", "DESCRIBE t"),
    ("SET @a = 1", "SET", ":@a", "SET @a"),
];

fn said(text: &str, dialect: Dialect) -> (String, String, String) {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let facts = facts(text.as_bytes(), dialect).expect("a statement");
    let target = match &facts.target {
        Some(Target::Table(name)) => lossy(name),
        Some(Target::Other(name)) => format!(":{}", lossy(name)),
        None => String::new(),
    };
    (lossy(&facts.verb), target, lossy(&summary(text.as_bytes(), dialect)))
}

#[test]
fn verb_and_table_of_statements() {
    for (dialect, list) in [(Dialect::PostgreSql, POSTGRES), (Dialect::MySql, MY_SQL)] {
        for (text, verb, target, summary) in list {
            let wanted = (verb.to_string(), target.to_string(), summary.to_string());
            assert_eq!(said(text, dialect), wanted, "{text}");
        }
    }
}

#[test]
fn a_full_parser_knows_the_same_tables() {
    let mut agreed = 0;
    for (dialect, list) in [(Dialect::PostgreSql, POSTGRES), (Dialect::MySql, MY_SQL)] {
        for (text, _, target, _) in list.iter().filter(|row| !row.2.is_empty()) {
            let parsed = match dialect {
                Dialect::MySql => Parser::parse_sql(&MySqlDialect {}, text),
                _ => Parser::parse_sql(&PostgreSqlDialect {}, text),
            };
            let Ok(parsed) = parsed else { continue };
            let mut relations = Vec::new();
            let _ = visit_relations(&parsed, |name| {
                let parts = name.0.iter().filter_map(|part| part.as_ident());
                relations.push(parts.map(|part| part.value.clone()).collect::<Vec<_>>().join("."));
                ControlFlow::<()>::Continue(())
            });
            // It takes the word ONLY of `UPDATE ONLY t` for a table.
            if relations.is_empty()
                || relations.iter().any(|name| name == "ONLY")
                || target.starts_with(':')
            {
                continue;
            }
            assert!(relations.iter().any(|name| name == target), "{text}: {relations:?}");
            agreed += 1;
        }
    }
    assert!(agreed >= 25, "the parser was asked: {agreed}");
}

#[test]
fn statements_are_split_outside_of_texts() {
    let text = b"; begin ;;select ';' /* ; */ from t; $$;$$ -- ;\n;";
    let split: Vec<_> = statements(text, Dialect::PostgreSql).collect();
    assert_eq!(split, [&b"begin"[..], b"select ';' /* ; */ from t", b"$$;$$"]);
    assert_eq!(statements(b" -- nothing", Dialect::PostgreSql).count(), 0);
    assert_eq!(facts(b" -- nothing", Dialect::PostgreSql), None);
}

#[test]
fn hostile_text_costs_little() {
    for piece in ["(", "WITH a AS (", "SELECT FROM ", "/*", "'", "$$", "a.", "-", "\"", ";", ",("] {
        let text = piece.repeat(1 << 20);
        let _ = facts(text.as_bytes(), Dialect::PostgreSql);
        let _ = summary(text.as_bytes(), Dialect::MySql);
        let _ = normalised(text.as_bytes(), Dialect::PostgreSql);
        let _ = statements(text.as_bytes(), Dialect::PostgreSql).count();
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(words in proptest::collection::vec("[a-zA-Z\"'`$(),.;* /-]{0,6}|SELECT|FROM|WITH|INTO|AS|JOIN|ON|TABLE|SHOW|CREATE", 0..60)) {
        let text = words.join(" ");
        for dialect in [Dialect::PostgreSql, Dialect::MySql, Dialect::SqlServer, Dialect::Standard] {
            let _ = facts(text.as_bytes(), dialect);
            prop_assert!(summary(text.as_bytes(), dialect).len() <= SUMMARY_MAX);
            let _ = normalised(text.as_bytes(), dialect);
            secret::hide(text.as_bytes(), dialect, &mut |place| assert!(text.as_bytes().get(place).is_some()));
        }
    }
}
