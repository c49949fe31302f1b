//! Names with dots to columns, and what is asked of them.

use std::ops::Range;

use crate::{
    Alias, Column, Fact, Fault, Item, Type, Value,
    ast::{Kind, Node},
    compile::{Compiler, Typed, What, all, any, scalar},
    near,
    parse::parse,
    seq::Seq,
    term::Term,
    test::{Test, Word},
};

/// Aliases in aliases at most.
const ALIASES_MAX: usize = 5;

/// `a.b[0].c` taken apart.
struct Path<'n> {
    /// `None` where it begins with something that is no name.
    root: Option<&'n str>,
    base: &'n Node,
    steps: Vec<Step<'n>>,
}

#[derive(Clone, Copy)]
struct Step<'n> {
    what: Access<'n>,
    /// Where the path ends that it is the last step of.
    end: usize,
}

#[derive(Clone, Copy)]
enum Access<'n> {
    Name(&'n str),
    At(&'n Node),
}

// === impl Path ===

impl<'n> Path<'n> {
    fn of(mut node: &'n Node) -> Self {
        let mut steps = Vec::new();
        loop {
            let end = node.at.end;
            match &node.kind {
                Kind::Select(on, name) => {
                    steps.push(Step { what: Access::Name(name), end });
                    node = on;
                }
                Kind::Index(on, index) => {
                    let what = index.as_text().map_or(Access::At(index), Access::Name);
                    steps.push(Step { what, end });
                    node = on;
                }
                kind => {
                    steps.reverse();
                    let root = match kind {
                        Kind::Name(name) => Some(name.as_str()),
                        _ => None,
                    };
                    return Self { root, base: node, steps };
                }
            }
        }
    }

    /// How many steps are names, from the front.
    fn names(&self) -> usize {
        self.steps.iter().take_while(|step| matches!(step.what, Access::Name(_))).count()
    }

    /// The root and this many steps, with dots.
    fn joined(&self, root: &str, steps: usize) -> String {
        let mut name = root.to_owned();
        for step in self.steps.iter().take(steps) {
            if let Access::Name(part) = step.what {
                name.push('.');
                name.push_str(part);
            }
        }
        name
    }

    /// Where the root and this many steps are written.
    fn range(&self, steps: usize) -> Range<usize> {
        let last = steps.checked_sub(1).and_then(|at| self.steps.get(at));
        self.base.at.start..last.map_or(self.base.at.end, |step| step.end)
    }
}

// === impl Compiler ===

impl Compiler<'_> {
    /// A name, and what is asked of it.
    pub(crate) fn path(&mut self, node: &Node) -> Result<Typed, Fault> {
        let path = Path::of(node);
        let Some(root) = path.root else {
            let base = self.value(path.base)?;
            return self.follow(base, &path, 0);
        };
        if let Some(local) = self.locals.iter().rev().find(|local| local.name == root) {
            let base = Typed { what: What::Term(Term::Local(local.level)), ty: local.ty };
            return self.follow(base, &path, 0);
        }
        let root = self.seen_from(root);
        for steps in (0..=path.names()).rev() {
            let name = path.joined(root, steps);
            // The meaning of an alias speaks of columns: what is longer than a name is none here.
            let whole = steps == path.names() || self.columns.named(&name).is_some();
            if self.within.is_some() && !whole {
                continue;
            }
            if let Some(found) = self.name(&name, &path.range(steps))? {
                return self.follow(found, &path, steps);
            }
        }
        if self.within.is_some() {
            return Ok(Typed::term(Term::Constant(Value::Missing), Type::Json));
        }
        Err(self.unknown(&path))
    }

    /// `local` and `remote` are one end each, `either` is one half; all go through both.
    fn seen_from<'n>(&mut self, root: &'n str) -> &'n str {
        match root {
            "local" | "remote" => {
                self.has_ends = true;
                if (root == "local") == self.far_first { "dst" } else { "src" }
            }
            "either" => {
                self.has_halves = true;
                if self.response { "response" } else { "request" }
            }
            other => other,
        }
    }

    /// What this name means, if anything.
    fn name(&mut self, name: &str, at: &Range<usize>) -> Result<Option<Typed>, Fault> {
        if let Some(column) = self.columns.named(name) {
            return Ok(Some(self.column(column)));
        }
        if let Some(test) = self.protocol(name) {
            return Ok(Some(Typed::term(Term::Test(Box::new(test)), Type::Bool)));
        }
        let alias = self.columns.aliases().iter().find(|alias| alias.name == name);
        // A name in its own meaning is that of a field which no protocol has here.
        let Some(alias) = alias.filter(|alias| !self.aliases.contains(&alias.name)) else {
            return Ok(None);
        };
        let alias = *alias;
        self.expand(alias, at).map(Some)
    }

    pub(crate) fn column(&mut self, column: Column) -> Typed {
        self.used.insert(column);
        let ty = self.columns.facts(column).map_or(Type::Json, |named| named.ty);
        match ty {
            Type::List(_) | Type::Map => Typed::seq(Seq::Column(column), ty),
            _ => Typed::term(Term::Column(column), ty),
        }
    }

    fn expand(&mut self, alias: Alias, at: &Range<usize>) -> Result<Typed, Fault> {
        let at = self.at(at);
        let node = parse(alias.meaning)?.filter(|_| self.aliases.len() < ALIASES_MAX);
        let Some(node) = node else { return Err(Fault::new(at, "this name has no meaning")) };
        let (within, locals) = (self.within.replace(at), std::mem::take(&mut self.locals));
        self.aliases.push(alias.name);
        let typed = self.value(&node);
        self.aliases.pop();
        (self.within, self.locals) = (within, locals);
        typed
    }

    /// Whether a call is one of a protocol, or of one that is spoken in its messages.
    fn protocol(&mut self, name: &str) -> Option<Test> {
        let tables = self.columns.protocols();
        let base = tables.iter().find(|table| table.name == name)?;
        let over = |table: &&crate::ProtocolTable| table.over == Some(name);
        let carried = tables.iter().filter(over).filter(|table| !table.also_alone);
        let words = std::iter::once(base).chain(carried).map(|table| Word::new(table.name));
        let protocol = Column::Call(Fact::Protocol);
        let mut tests = vec![Test::OneOf(protocol, words.collect())];
        let numbers = self.columns.field_numbers(name).unwrap_or_default();
        for table in tables.iter().filter(over).filter(|table| table.also_alone) {
            let fields =
                numbers.iter().map(|number| match self.column(Column::Field(*number)).what {
                    What::Term(term) => Test::Has(term),
                    What::Seq(seq) => Test::HasAny(seq),
                });
            let carrier = any(fields.collect());
            tests.push(all(vec![Test::Is(protocol, Word::new(table.name)), carrier]));
        }
        self.used.insert(protocol);
        Some(any(tests))
    }

    /// What comes of the steps from this one on.
    fn follow(&mut self, base: Typed, path: &Path<'_>, from: usize) -> Result<Typed, Fault> {
        let mut typed = base;
        for (at, step) in path.steps.iter().enumerate().skip(from) {
            typed = self.step(typed, step, path, at)?;
        }
        Ok(typed)
    }

    fn step(
        &mut self,
        on: Typed,
        step: &Step<'_>,
        path: &Path<'_>,
        at: usize,
    ) -> Result<Typed, Fault> {
        let key = match step.what {
            Access::Name(name) => Typed::term(Term::text(name), Type::Text),
            Access::At(node) => self.value(node)?,
        };
        let What::Term(key_term) = key.what else {
            return Err(self.fault(&path.range(at + 1), "a list can't be a name or a place"));
        };
        let (key_term, is_text) = (Box::new(key_term), matches!(key.ty, Type::Text | Type::Json));
        let is_place = matches!(key.ty, Type::Int | Type::Json);
        match (on.what, on.ty) {
            (What::Seq(seq), Type::Map) if is_text => {
                let ty = entry_type(&seq);
                Ok(Typed::term(Term::Entry(Box::new(seq), key_term), ty))
            }
            (What::Seq(seq), ty @ Type::List(_)) if is_place => {
                Ok(Typed::term(Term::Nth(Box::new(seq), key_term), scalar(ty)))
            }
            (What::Term(term), Type::Json) if is_text || is_place => {
                Ok(Typed::term(Term::Piece(Box::new(term), key_term), Type::Json))
            }
            _ if path.root.is_some() && matches!(step.what, Access::Name(_)) => {
                match self.within {
                    // A field of a protocol that has a name here, but not this field.
                    Some(_) => Ok(Typed::term(Term::Constant(Value::Missing), Type::Json)),
                    None => Err(self.unknown(path)),
                }
            }
            (_, ty) => Err(self.no_part(ty, path, at)),
        }
    }

    fn no_part(&self, ty: Type, path: &Path<'_>, at: usize) -> Fault {
        let name = path.joined(path.root.unwrap_or("this"), at);
        let message = match ty {
            Type::List(_) => format!("{name} is a list: its elements have places from 0"),
            Type::Map => format!("{name} is a map: its elements have names"),
            ty => format!("{name} is {}: there is nothing in it", ty.name()),
        };
        self.fault(&path.range(at + 1), message)
    }

    fn unknown(&self, path: &Path<'_>) -> Fault {
        let steps = path.names();
        let name = path.joined(path.root.unwrap_or_default(), steps);
        let fault = self.fault(&path.range(steps), format!("{name} is not known"));
        match near::hint(&name, self.columns) {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

/// The type of a map's elements.
pub(crate) fn entry_type(map: &Seq) -> Type {
    match map {
        Seq::Column(Column::Call(Fact::Fields)) => Type::Json,
        _ => Type::Text,
    }
}

/// The type by which elements of a list or the names of a map are known.
pub(crate) fn element_type(ty: Type) -> Type {
    match ty {
        Type::Map => Type::Text,
        Type::List(Item::Any) | Type::Json => Type::Json,
        other => scalar(other),
    }
}
