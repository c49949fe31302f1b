//! All names of the language, put together from the common columns and the protocols' tables.

use std::collections::{BTreeMap, HashMap};

use model::{Field, Kind, Protocol};

use crate::{
    Column, Item, Type,
    aliases::{self, Alias, Carried},
    common,
};

/// What a protocol brings into the language.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolTable {
    /// Its name, which is also true or false in the language.
    pub name: &'static str,
    /// A line about it.
    pub about: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// The protocol in whose messages it is spoken, if it is: then that one's name holds, too.
    pub over: Option<&'static str>,
    /// Whether it is spoken by itself, too: then the other one's name holds only for calls that have
    /// one of its fields.
    pub also_alone: bool,
}

/// Every name that an expression may use.
#[derive(Clone, Debug)]
pub struct Columns {
    tables: Vec<ProtocolTable>,
    fields: Vec<FieldColumn>,
    /// For each table, the column of each of its fields.
    numbers: Vec<Vec<u16>>,
    named: BTreeMap<String, Column>,
    facts: HashMap<Column, Named>,
    aliases: Vec<Alias>,
    carried: Vec<Carried>,
}

/// A field that one protocol or several declare.
#[derive(Clone, Debug)]
pub struct FieldColumn {
    /// Its name: `http.request.method`.
    pub name: &'static str,
    /// The type of its values. Where protocols differ: the widest that holds all.
    pub ty: Type,
    /// What the first protocol says of it.
    pub about: &'static str,
    /// The protocols that have it.
    pub protocols: Vec<&'static str>,
}

/// A column with its name, for tables.
#[derive(Clone, Debug)]
pub struct Named {
    /// The column.
    pub column: Column,
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub ty: Type,
    /// A line about it.
    pub about: &'static str,
}

// === impl ProtocolTable ===

impl ProtocolTable {
    /// What `protocol` brings by itself.
    #[must_use]
    pub fn of(protocol: &'static Protocol) -> Self {
        let Protocol { name, about, fields, .. } = *protocol;
        Self { name, about, fields, over: None, also_alone: true }
    }
}

// === impl Columns ===

impl Columns {
    /// Names for calls of these protocols. A name that comes twice is one protocol with the fields of
    /// both.
    #[must_use]
    pub fn new(tables: &[ProtocolTable]) -> Self {
        let mut new = Self {
            tables: tables.to_vec(),
            fields: Vec::new(),
            numbers: Vec::new(),
            named: BTreeMap::new(),
            facts: HashMap::new(),
            aliases: aliases::all(),
            carried: aliases::carried(),
        };
        new.add_common();
        for table in tables {
            let numbers = table.fields.iter().map(|field| new.add_field(table.name, field));
            let numbers = numbers.collect();
            new.numbers.push(numbers);
        }
        new
    }

    fn add_common(&mut self) {
        for (fact, name, ty, about) in common::CALL {
            self.add(Column::Call(*fact), (*name).to_owned(), *ty, about);
        }
        for (end, name, ty, about) in common::END {
            self.add(Column::Src(*end), format!("src.{name}"), *ty, about);
            self.add(Column::Dst(*end), format!("dst.{name}"), *ty, about);
        }
        for (half, name, ty, about) in common::HALF {
            self.add(Column::Request(*half), format!("request.{name}"), *ty, about);
            self.add(Column::Response(*half), format!("response.{name}"), *ty, about);
        }
        for (name, column) in common::SYNONYMS {
            self.named.insert((*name).to_owned(), *column);
        }
    }

    fn add(&mut self, column: Column, name: String, ty: Type, about: &'static str) {
        self.named.insert(name.clone(), column);
        self.facts.insert(column, Named { column, name, ty, about });
    }

    /// The number of a field, a new one unless its name is known.
    fn add_field(&mut self, protocol: &'static str, field: &'static Field) -> u16 {
        let known = self.fields.iter().position(|known| known.name == field.name);
        let at = known.unwrap_or_else(|| {
            let (name, about, ty) = (field.name, field.about, type_of(field));
            self.fields.push(FieldColumn { name, ty, about, protocols: Vec::new() });
            self.fields.len() - 1
        });
        let column = &mut self.fields[at];
        if !column.protocols.contains(&protocol) {
            column.protocols.push(protocol);
        }
        column.ty = wider(column.ty, type_of(field));
        let (ty, number) = (column.ty, u16::try_from(at).unwrap_or(u16::MAX));
        let column = Column::Field(number);
        // A common column of that name says what the field says.
        self.named.entry(field.name.to_owned()).or_insert(column);
        let named = Named { column, name: field.name.to_owned(), ty, about: field.about };
        self.facts.entry(column).and_modify(|named| named.ty = ty).or_insert(named);
        number
    }

    /// What this name means, if it is a column's name or another name of it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Column> {
        self.named.get(name).copied()
    }

    /// What is known of a column; `None` for one of other [`Columns`].
    #[must_use]
    pub fn facts(&self, column: Column) -> Option<&Named> {
        self.facts.get(&column)
    }

    /// All columns, by name.
    pub fn all(&self) -> impl Iterator<Item = &Named> {
        let mut all: Vec<&Named> = self.facts.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.into_iter()
    }

    /// The protocols' fields; [`Column::Field`] is a place among them.
    #[must_use]
    pub fn fields(&self) -> &[FieldColumn] {
        &self.fields
    }

    /// The column's number of each field of a protocol, in the order of its table.
    #[must_use]
    pub fn field_numbers(&self, protocol: &str) -> Option<&[u16]> {
        let at = self.tables.iter().position(|table| table.name == protocol)?;
        self.numbers.get(at).map(Vec::as_slice)
    }

    /// Every name of the language that is no function.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.named.keys().map(String::as_str);
        let aliases = self.aliases.iter().map(|alias| alias.name);
        names.chain(aliases).chain(self.tables.iter().map(|table| table.name))
    }

    /// The protocols.
    #[must_use]
    pub fn protocols(&self) -> &[ProtocolTable] {
        &self.tables
    }

    /// The field that means the same as a column, where its value is this word; and the protocols that
    /// have the field from the one they are spoken in.
    pub(crate) fn carried(
        &self,
        column: Column,
        word: &str,
    ) -> Option<(Column, Vec<&'static str>)> {
        let is_meant = |carried: &&Carried| {
            self.named(carried.column) == Some(column) && carried.words.contains(&word)
        };
        let field = self.carried.iter().find(is_meant).and_then(|one| self.named(one.field))?;
        let Column::Field(number) = field else { return None };
        let has_it = |at: usize| self.numbers.get(at).is_some_and(|all| all.contains(&number));
        let tables = self.tables.iter().enumerate();
        let carried = tables.filter(|(at, table)| table.over.is_some() && has_it(*at));
        let names: Vec<_> = carried.map(|(_, table)| table.name).collect();
        (!names.is_empty()).then_some((field, names))
    }

    /// Names of other tools, and short forms, each with an expression that says what it means.
    #[must_use]
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }
}

fn type_of(field: &Field) -> Type {
    match (field.kind, field.many) {
        (Kind::Text, false) => Type::Text,
        (Kind::Integer, false) => Type::Int,
        (Kind::Bool, false) => Type::Bool,
        (Kind::Text, true) => Type::List(Item::Text),
        (Kind::Integer, true) => Type::List(Item::Int),
        (Kind::Bool, true) => Type::List(Item::Bool),
    }
}

/// The type that holds values of both.
fn wider(a: Type, b: Type) -> Type {
    if a == b {
        return a;
    }
    match (item(a), item(b)) {
        (_, _) if !matches!(a, Type::List(_)) && !matches!(b, Type::List(_)) => Type::Json,
        (a, b) if a == b => Type::List(a),
        _ => Type::List(Item::Any),
    }
}

fn item(ty: Type) -> Item {
    match ty {
        Type::List(item) => item,
        Type::Bool => Item::Bool,
        Type::Int => Item::Int,
        Type::Text => Item::Text,
        _ => Item::Any,
    }
}
