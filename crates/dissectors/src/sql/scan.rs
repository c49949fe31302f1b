//! Walks over a statement and mentions its verbs and tables, without understanding the rest.
//!
//! A parenthesis opens a level. `FROM` means tables only on a level that has a verb (it is also a
//! word in `extract(year FROM x)`), and a word is a verb only where a statement may begin.

use std::borrow::Cow;

use super::{
    name,
    token::{Kind, Token, Tokens},
};

/// Levels of parentheses that are looked into.
const LEVELS_MAX: u32 = 64;

/// Words that begin a statement which may be inside another.
const VERBS: [&str; 10] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "VALUES", "TABLE", "WITH",
    "TRUNCATE",
];
/// Words that begin a statement and are looked into, but are never inside another.
const OUTER_VERBS: [&str; 6] = ["COPY", "LOCK", "EXPLAIN", "PREPARE", "DECLARE", "LOAD"];
/// Words between a verb and its table.
const MODIFIERS: [&str; 14] = [
    "INTO",
    "ONLY",
    "TABLE",
    "TABLES",
    "IGNORE",
    "LOW_PRIORITY",
    "HIGH_PRIORITY",
    "DELAYED",
    "QUICK",
    "OVERWRITE",
    "OR",
    "LATERAL",
    "BINARY",
    "TOP",
];
/// Words that end a list of tables.
const CLAUSES: [&str; 17] = [
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "SET",
    "VALUES",
    "WINDOW",
    "RETURNING",
    "FETCH",
    "OFFSET",
    "FOR",
    "SELECT",
    "ALLOW",
];

/// Something said in a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Mention<'a> {
    /// A statement begins, on this level.
    Verb(u32, &'a [u8]),
    /// A table is named, on this level.
    Table(u32, Cow<'a, [u8]>),
    /// What follows up to the next mention on this level is the meaning of this name.
    Common(u32, Cow<'a, [u8]>),
}

/// What may come next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expects {
    Nothing,
    /// A verb.
    Statement,
    /// A table, whatever follows it.
    Target,
    /// A table, or a function if a parenthesis follows.
    Relation,
    /// A relation or a verb.
    Either,
}

/// Levels, as a set.
#[derive(Clone, Copy, Debug, Default)]
struct Levels(u64);

/// The mentions of one statement; ends at its semicolon.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    text: &'a [u8],
    tokens: Tokens<'a>,
    level: u32,
    expects: Expects,
    /// Levels that have a verb.
    queries: Levels,
    /// Levels in a list of tables.
    lists: Levels,
    /// Levels in `WITH`.
    withs: Levels,
    /// The statement that is explained or prepared is still to come.
    announced: bool,
    after_distinct: bool,
}

// === impl Levels ===

impl Levels {
    fn has(self, level: u32) -> bool {
        self.0 >> level & 1 == 1
    }

    fn set(&mut self, level: u32, is: bool) {
        self.0 = self.0 & !(1 << level) | u64::from(is) << level;
    }
}

// === impl Scan ===

impl<'a> Scan<'a> {
    /// The mentions of the statement at the start of `text`.
    pub fn of(text: &'a [u8], tokens: Tokens<'a>) -> Self {
        Self {
            text,
            tokens,
            level: 0,
            expects: Expects::Statement,
            queries: Levels::default(),
            lists: Levels::default(),
            withs: Levels::default(),
            announced: false,
            after_distinct: false,
        }
    }

    fn opened(&mut self) -> Option<()> {
        let relation = matches!(self.expects, Expects::Relation | Expects::Either);
        self.level += 1;
        if self.level >= LEVELS_MAX {
            return None;
        }
        self.queries.set(self.level, relation);
        self.lists.set(self.level, relation);
        self.withs.set(self.level, false);
        self.expects = if relation { Expects::Either } else { Expects::Statement };
        Some(())
    }

    fn closed(&mut self) {
        self.level = self.level.saturating_sub(1);
        self.expects = Expects::Nothing;
    }

    /// Anything that is neither a parenthesis nor a comma.
    fn token(&mut self, token: Token<'a>) -> Option<Mention<'a>> {
        let after_distinct = std::mem::replace(&mut self.after_distinct, token.is("DISTINCT"));
        if self.begins_statement(token) {
            return Some(self.verb(token));
        }
        match self.expects {
            Expects::Target if !token.is_one_of(&MODIFIERS) => return self.target(token),
            Expects::Relation | Expects::Either if !token.is_one_of(&MODIFIERS) => {
                return self.relation(token);
            }
            Expects::Target | Expects::Relation | Expects::Either => return None,
            Expects::Statement | Expects::Nothing => {}
        }
        self.expects = Expects::Nothing;
        if self.withs.has(self.level) {
            return self.common(token);
        }
        let tables = self.queries.has(self.level);
        if token.is("FROM") && tables && !after_distinct {
            self.lists.set(self.level, true);
            self.expects = Expects::Relation;
        } else if tables && (token.is("JOIN") || token.is("USING") && self.names_a_table()) {
            self.expects = Expects::Relation;
        } else if token.is_one_of(&CLAUSES) {
            self.lists.set(self.level, false);
        }
        None
    }

    /// `DELETE … USING table`, but not `JOIN … USING (column)`, nor `USING btree`.
    fn names_a_table(&self) -> bool {
        self.tokens.peek().is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name))
    }

    fn begins_statement(&self, token: Token<'a>) -> bool {
        if token.is("SELECT") {
            return true;
        }
        let first = matches!(self.expects, Expects::Statement | Expects::Either);
        let may = first || self.withs.has(self.level) || self.announced && self.level == 0;
        let outer = self.level == 0 && self.expects == Expects::Statement && !self.announced;
        may && token.is_one_of(&VERBS) || outer && token.is_one_of(&OUTER_VERBS)
    }

    fn verb(&mut self, token: Token<'a>) -> Mention<'a> {
        let level = self.level;
        let outer = token.is_one_of(&OUTER_VERBS);
        self.lists.set(level, false);
        self.withs.set(level, token.is("WITH"));
        self.queries.set(level, !outer);
        self.announced = token.is_one_of(&["EXPLAIN", "PREPARE", "DECLARE"]);
        self.expects = match () {
            () if self.announced => Expects::Statement,
            () if token.is_one_of(&["SELECT", "DELETE", "WITH", "VALUES", "LOAD"]) => {
                Expects::Nothing
            }
            () => Expects::Target,
        };
        Mention::Verb(level, token.text)
    }

    fn target(&mut self, token: Token<'a>) -> Option<Mention<'a>> {
        self.expects = Expects::Nothing;
        let name = name::read(token, &mut self.tokens, self.text)?;
        Some(Mention::Table(self.level, name))
    }

    fn relation(&mut self, token: Token<'a>) -> Option<Mention<'a>> {
        self.expects = Expects::Nothing;
        let name = name::read(token, &mut self.tokens, self.text)?;
        let is_function = self.tokens.peek().is_some_and(|next| next.kind == Kind::Mark(b'('));
        (!is_function).then_some(Mention::Table(self.level, name))
    }

    /// A name that `WITH` gives a meaning to.
    fn common(&mut self, token: Token<'a>) -> Option<Mention<'a>> {
        if token.is_one_of(&["RECURSIVE", "AS", "NOT", "MATERIALIZED"]) {
            return None;
        }
        let name = name::read(token, &mut self.tokens, self.text)?;
        Some(Mention::Common(self.level, name))
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Mention<'a>;

    fn next(&mut self) -> Option<Mention<'a>> {
        loop {
            let token = self.tokens.next()?;
            match token.kind {
                Kind::Mark(b'(') => self.opened()?,
                Kind::Mark(b')') => self.closed(),
                Kind::Mark(b';') => return None,
                Kind::Mark(b',') if self.lists.has(self.level) => self.expects = Expects::Relation,
                _ => {
                    if let Some(mention) = self.token(token) {
                        return Some(mention);
                    }
                }
            }
        }
    }
}
