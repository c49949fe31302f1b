//! What a statement is about that does not read or write rows: definitions, rights, settings.

use std::borrow::Cow;

use super::{
    Target, name,
    token::{Kind, Token, Tokens},
};

/// Words looked at before the name must have come.
const WORDS_MAX: usize = 24;

/// Kinds of things with rows.
const TABLES: [&str; 4] = ["TABLE", "VIEW", "TABLES", "COLUMNFAMILY"];
/// Things that belong to a table, which is named behind `ON`.
const PARTS: [&str; 5] = ["INDEX", "TRIGGER", "POLICY", "RULE", "STATISTICS"];
/// Things with a name of their own.
const OTHERS: [&str; 21] = [
    "DATABASE",
    "SCHEMA",
    "ROLE",
    "USER",
    "SEQUENCE",
    "FUNCTION",
    "PROCEDURE",
    "TYPE",
    "EXTENSION",
    "DOMAIN",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "EVENT",
    "TABLESPACE",
    "KEYSPACE",
    "AGGREGATE",
    "COLLATION",
    "LANGUAGE",
    "GROUP",
    "SYSTEM",
];
/// Words before a name that are not part of it.
const MODIFIERS: [&str; 27] = [
    "IF",
    "NOT",
    "EXISTS",
    "ONLY",
    "CONCURRENTLY",
    "SESSION",
    "LOCAL",
    "GLOBAL",
    "SAVEPOINT",
    "FULL",
    "FREEZE",
    "VERBOSE",
    "ANALYZE",
    "TABLE",
    "TO",
    "PREPARE",
    "EXTENDED",
    "NEXT",
    "PRIOR",
    "FIRST",
    "LAST",
    "FORWARD",
    "BACKWARD",
    "NO_WRITE_TO_BINLOG",
    "FROM",
    "IN",
    "ALL",
];
/// Statements about a table that is named right behind the verb.
const ABOUT_TABLES: [&str; 10] = [
    "VACUUM", "ANALYZE", "ANALYSE", "CLUSTER", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM",
    "DESCRIBE", "DESC",
];
/// Statements about something else that is named right behind the verb.
const ABOUT_OTHERS: [&str; 16] = [
    "CALL",
    "EXECUTE",
    "EXEC",
    "USE",
    "SET",
    "RESET",
    "SHOW",
    "FETCH",
    "MOVE",
    "CLOSE",
    "LISTEN",
    "UNLISTEN",
    "NOTIFY",
    "SAVEPOINT",
    "RELEASE",
    "DEALLOCATE",
];
/// Statements whose object is behind its kind.
const DEFINES: [&str; 9] =
    ["CREATE", "ALTER", "DROP", "REFRESH", "REINDEX", "COMMENT", "GRANT", "REVOKE", "RENAME"];

/// What the statement with this verb is about; `tokens` are behind the verb.
pub fn read<'a>(verb: Token<'a>, tokens: Tokens<'a>, text: &'a [u8]) -> Option<Target<'a>> {
    if verb.is("SHOW") {
        return shown(tokens, text);
    }
    if verb.is_one_of(&ABOUT_TABLES) {
        return named(tokens, text).map(Target::Table);
    }
    if verb.is_one_of(&ABOUT_OTHERS) {
        return named(tokens, text).map(Target::Other);
    }
    if verb.is_one_of(&["GRANT", "REVOKE"]) {
        return behind_on(tokens, text);
    }
    verb.is_one_of(&DEFINES).then(|| defined(tokens, text))?
}

/// The thing behind the word for its kind.
fn defined<'a>(mut tokens: Tokens<'a>, text: &'a [u8]) -> Option<Target<'a>> {
    for _ in 0..WORDS_MAX {
        let token = tokens.next()?;
        if token.is_one_of(&TABLES) {
            return named(tokens, text).map(Target::Table);
        }
        if token.is_one_of(&PARTS) {
            return behind_on(tokens.clone(), text)
                .or_else(|| named(tokens, text).map(Target::Other));
        }
        if token.is_one_of(&OTHERS) {
            return named(tokens, text).map(Target::Other);
        }
    }
    None
}

/// `ON [TABLE] name`
fn behind_on<'a>(mut tokens: Tokens<'a>, text: &'a [u8]) -> Option<Target<'a>> {
    tokens.by_ref().take(WORDS_MAX).find(|token| token.is("ON"))?;
    if tokens.peek()?.is_one_of(&OTHERS) {
        tokens.next();
        return named(tokens, text).map(Target::Other);
    }
    named(tokens, text).map(Target::Table)
}

/// `SHOW CREATE TABLE t`, `SHOW COLUMNS FROM t`, `SHOW search_path`
fn shown<'a>(tokens: Tokens<'a>, text: &'a [u8]) -> Option<Target<'a>> {
    let mut ahead = tokens.clone().take(4);
    let from_table = ["COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS"];
    match ahead.find(|token| token.is_one_of(&from_table) || token.is("CREATE")) {
        Some(token) if token.is("CREATE") => defined(tokens, text),
        Some(_) => {
            let mut tokens = tokens;
            tokens.by_ref().take(WORDS_MAX).find(|token| token.is_one_of(&["FROM", "IN"]))?;
            named(tokens, text).map(Target::Table)
        }
        None => named(tokens, text).map(Target::Other),
    }
}

/// The first name behind words and options that are none.
fn named<'a>(mut tokens: Tokens<'a>, text: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let mut level = 0_u32;
    for _ in 0..WORDS_MAX {
        let token = tokens.next()?;
        match token.kind {
            Kind::Mark(b'(') => level += 1,
            Kind::Mark(b')') => level = level.saturating_sub(1),
            Kind::Mark(b';') => return None,
            Kind::Word | Kind::Name if level == 0 && !token.is_one_of(&MODIFIERS) => {
                return name::read(token, &mut tokens, text);
            }
            _ => {}
        }
    }
    None
}
