//! Expressions to tests and terms: names get their columns, everything gets its type.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    Column, Columns, Fact, Fault, Item, Type, Value,
    ast::{Kind, Node, Relation, Sign},
    seq::Seq,
    term::Term,
    test::{Test, Unit, Word},
};

/// Nodes compiled at most, those of aliases included.
const WORK_MAX: usize = 50_000;

/// What an expression was compiled to.
pub(crate) struct Compiled {
    pub(crate) test: Test,
    pub(crate) columns: BTreeSet<Column>,
}

/// Compiles a whole expression.
pub(crate) fn compile(node: &Node, columns: &Columns, now: i64) -> Result<Compiled, Fault> {
    let mut compiler = Compiler {
        columns,
        now,
        used: BTreeSet::new(),
        far_first: false,
        has_ends: false,
        response: false,
        has_halves: false,
        locals: Vec::new(),
        level: 0,
        within: None,
        aliases: Vec::new(),
        work: 0,
    };
    let mut test = compiler.test(node)?;
    if compiler.has_ends {
        compiler.far_first = true;
        test = any(vec![test, compiler.test(node)?]);
    }
    Ok(Compiled { test, columns: compiler.used })
}

pub(crate) struct Compiler<'c> {
    pub(crate) columns: &'c Columns,
    pub(crate) now: i64,
    pub(crate) used: BTreeSet<Column>,
    /// Whether `local` is who was asked, and `remote` who asked.
    pub(crate) far_first: bool,
    /// Whether `local` or `remote` was used.
    pub(crate) has_ends: bool,
    /// Whether `either` is the response.
    pub(crate) response: bool,
    /// Whether `either` was used in the test that is compiled.
    pub(crate) has_halves: bool,
    pub(crate) locals: Vec<Local>,
    pub(crate) level: u16,
    /// Where the alias is written whose meaning is compiled.
    pub(crate) within: Option<Range<usize>>,
    /// Names of the aliases whose meanings are compiled, the outermost first.
    pub(crate) aliases: Vec<&'static str>,
    work: usize,
}

/// A name for the elements of a list.
pub(crate) struct Local {
    pub(crate) name: String,
    pub(crate) level: u16,
    pub(crate) ty: Type,
}

/// A term or a list, and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) what: What,
    pub(crate) ty: Type,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Term(Term),
    /// For lists and maps.
    Seq(Seq),
}

// === impl Typed ===

impl Typed {
    pub(crate) fn term(term: Term, ty: Type) -> Self {
        Self { what: What::Term(term.folded()), ty }
    }

    pub(crate) fn seq(seq: Seq, ty: Type) -> Self {
        Self { what: What::Seq(seq), ty }
    }

    pub(crate) fn constant(&self) -> Option<&Value<'static>> {
        match &self.what {
            What::Term(term) => term.constant(),
            What::Seq(_) => None,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self.what, What::Seq(_))
    }

    fn is_nothing(&self) -> bool {
        self.constant() == Some(&Value::Missing)
    }

    pub(crate) fn column(&self) -> Option<Column> {
        match &self.what {
            What::Term(Term::Column(column)) => Some(*column),
            _ => None,
        }
    }
}

// === impl Compiler: tests ===

impl Compiler<'_> {
    /// Where to point at.
    pub(crate) fn at(&self, at: &Range<usize>) -> Range<usize> {
        self.within.clone().unwrap_or_else(|| at.clone())
    }

    pub(crate) fn fault(&self, at: &Range<usize>, message: impl Into<String>) -> Fault {
        Fault::new(self.at(at), message)
    }

    pub(crate) fn labour(&mut self, node: &Node) -> Result<(), Fault> {
        self.work += 1;
        if self.work > WORK_MAX {
            return Err(self.fault(&node.at, "the expression is too large"));
        }
        Ok(())
    }

    /// What must be true or false.
    pub(crate) fn test(&mut self, node: &Node) -> Result<Test, Fault> {
        self.labour(node)?;
        match &node.kind {
            Kind::All(nodes) => Ok(all(self.tests(nodes)?)),
            Kind::Any(nodes) => Ok(any(self.tests(nodes)?)),
            Kind::Not(inner) => Ok(self.test(inner)?.not()),
            Kind::Compare(Relation::IsNot, a, b) => {
                Ok(self.leaf(&mut |this| this.compare(node, Relation::Is, a, b))?.not())
            }
            Kind::Compare(relation, a, b) => {
                self.leaf(&mut |this| this.compare(node, *relation, a, b))
            }
            Kind::If(nodes) => {
                let [test, yes, no] = &**nodes;
                let three = [self.test(test)?, self.test(yes)?, self.test(no)?];
                Ok(Test::If(Box::new(three)))
            }
            _ => self.leaf(&mut |this| this.truth(node)),
        }
    }

    fn tests(&mut self, nodes: &[Node]) -> Result<Vec<Test>, Fault> {
        nodes.iter().map(|node| self.test(node)).collect()
    }

    /// A test that holds for one half at least, if it speaks of either.
    fn leaf(
        &mut self,
        compile: &mut dyn FnMut(&mut Self) -> Result<Test, Fault>,
    ) -> Result<Test, Fault> {
        let before = (self.response, self.has_halves);
        (self.response, self.has_halves) = (false, false);
        let mut test = compile(self)?;
        if self.has_halves {
            self.response = true;
            test = any(vec![test, compile(self)?]);
        }
        (self.response, self.has_halves) = before;
        Ok(test)
    }

    /// A value that is true or false by itself.
    fn truth(&mut self, node: &Node) -> Result<Test, Fault> {
        let typed = self.value(node)?;
        match (typed.what, typed.ty) {
            (What::Term(Term::Test(test)), _) => Ok(*test),
            (What::Term(Term::Constant(Value::Bool(truth))), _) => Ok(Test::Constant(truth)),
            (What::Term(term), Type::Bool | Type::Json) => Ok(Test::True(term)),
            (_, ty) => {
                let fault = self.fault(&node.at, format!("{} is not true or false", ty.name()));
                Err(fault.hint("compare it with something, or ask has(…)"))
            }
        }
    }

    // === comparing ===

    fn compare(
        &mut self,
        node: &Node,
        relation: Relation,
        a: &Node,
        b: &Node,
    ) -> Result<Test, Fault> {
        if relation == Relation::In {
            return self.is_in(a, b);
        }
        match (&a.kind, &b.kind) {
            (Kind::Null, _) if relation == Relation::Is => return Ok(self.has(b)?.not()),
            (_, Kind::Null) if relation == Relation::Is => return Ok(self.has(a)?.not()),
            _ => {}
        }
        let (left, right) = (self.value(a)?, self.value(b)?);
        let right = self.as_type_of(&left, right, b, relation)?;
        let left = self.as_type_of(&right, left, a, relation)?;
        self.comparable(node, &left, &right, relation)?;
        match (left.what, right.what) {
            (What::Term(left), What::Term(right)) => Ok(self.pair(relation, left, right)),
            (What::Seq(seq), What::Term(term)) | (What::Term(term), What::Seq(seq))
                if relation == Relation::Is =>
            {
                Ok(Test::Holds(Box::new(seq), Box::new(term)))
            }
            _ => {
                let fault = self.fault(&node.at, "lists can't be compared like this");
                Err(fault.hint("list.exists(x, x > 1), or size(list)"))
            }
        }
    }

    /// What is there, for `has(…)` and `null`.
    pub(crate) fn has(&mut self, node: &Node) -> Result<Test, Fault> {
        Ok(match self.value(node)?.what {
            What::Term(term) => Test::Has(term),
            What::Seq(seq) => Test::HasAny(seq),
        })
    }

    fn pair(&mut self, relation: Relation, left: Term, right: Term) -> Test {
        match (left, right) {
            (Term::Constant(constant), other) if !matches!(other, Term::Constant(_)) => {
                self.with_constant(flipped(relation), other, constant)
            }
            (other, Term::Constant(constant)) => self.with_constant(relation, other, constant),
            (left, right) => Test::Compare(relation, Box::new((left, right))),
        }
    }

    /// The shortest way to compare with what is written out.
    fn with_constant(&mut self, relation: Relation, term: Term, constant: Value<'static>) -> Test {
        let Term::Column(column) = term else {
            return Test::Compare(relation, Box::new((term, Term::Constant(constant))));
        };
        match constant {
            Value::Text(text) if relation == Relation::Is && !text.is_empty() => {
                self.is_word(column, &text)
            }
            Value::Int(number) if self.is_number(column) => {
                Test::Number(column, relation, number, Unit::One)
            }
            Value::Time(at) => Test::Number(column, relation, at, Unit::Time),
            Value::Duration(ns) => Test::Number(column, relation, ns, Unit::Duration),
            constant => {
                let pair = (Term::Column(column), Term::Constant(constant));
                Test::Compare(relation, Box::new(pair))
            }
        }
    }

    fn is_number(&self, column: Column) -> bool {
        let ty = self.columns.facts(column).map(|named| named.ty);
        matches!(ty, Some(Type::Int | Type::Time | Type::Duration))
    }

    fn is_word(&mut self, column: Column, text: &str) -> Test {
        let word = Word::new(&Self::spelled(column, text));
        let test = Test::Is(column, word.clone());
        let Some((field, carried)) = self.columns.carried(column, &word.text) else { return test };
        let protocols = carried.iter().map(|name| Word::new(name)).collect();
        self.used.extend([Column::Call(Fact::Protocol), field]);
        let protocol = Test::OneOf(Column::Call(Fact::Protocol), protocols);
        any(vec![test, all(vec![protocol, Test::Is(field, word)])])
    }

    /// Names of protocols are the same in any case.
    fn spelled(column: Column, text: &str) -> String {
        match column {
            Column::Call(Fact::Protocol) => text.to_ascii_lowercase(),
            _ => text.to_owned(),
        }
    }

    /// A text where a time or a span is expected is read as one; a number that is compared with a
    /// column of numbers in text is text.
    fn as_type_of(
        &self,
        other: &Typed,
        typed: Typed,
        node: &Node,
        relation: Relation,
    ) -> Result<Typed, Fault> {
        let Some(constant) = typed.constant() else { return Ok(typed) };
        let read = match (other.ty, constant) {
            (Type::Time, Value::Text(text)) => {
                (crate::moment::time(text).map(Value::Time), Type::Time)
            }
            (Type::Duration, Value::Text(text)) => {
                (crate::moment::duration(text).map(Value::Duration), Type::Duration)
            }
            (Type::Text, Value::Int(number))
                if relation == Relation::Is && other.column().is_some_and(is_numeral) =>
            {
                (Some(Value::from(number.to_string())), Type::Text)
            }
            _ => return Ok(typed),
        };
        match read {
            (Some(value), ty) => Ok(Typed::term(Term::Constant(value), ty)),
            (None, ty) => {
                let fault = self.fault(&node.at, format!("this is no {}", ty.name()));
                Err(fault.hint(match ty {
                    Type::Time => "like \"2026-03-14T22:00:00Z\", or now() - duration(\"5m\")",
                    _ => "like \"1.5s\", \"5m\", \"1h30m\"",
                }))
            }
        }
    }

    fn comparable(
        &self,
        node: &Node,
        a: &Typed,
        b: &Typed,
        relation: Relation,
    ) -> Result<(), Fault> {
        let (left, right) = (scalar(a.ty), scalar(b.ty));
        let number = |ty| matches!(ty, Type::Int | Type::Float);
        if (left == right && left != Type::Map)
            || (number(left) && number(right))
            || ((left == Type::Json || right == Type::Json)
                && left != Type::Map
                && right != Type::Map)
        {
            return Ok(());
        }
        let message = format!("{} and {} can't be compared", a.ty.name(), b.ty.name());
        let fault = self.fault(&node.at, message);
        let texts = [(a, b), (b, a)].into_iter().find(|(text, _)| text.ty == Type::Text);
        Err(match texts {
            Some((text, _)) if text.column() == Some(Column::Call(Fact::StatusCode)) => {
                fault.hint("status_code is a number")
            }
            Some((text, _)) if text.constant().is_none() => match b.constant().or(a.constant()) {
                Some(Value::Int(number)) if relation == Relation::Is => {
                    fault.hint(format!("text is \"{number}\""))
                }
                _ => fault,
            },
            Some((text, _)) => match text.constant() {
                Some(Value::Text(text)) if text.parse::<f64>().is_ok() => {
                    fault.hint(format!("the number is {text}"))
                }
                _ => fault,
            },
            None => fault,
        })
    }

    // === in ===

    fn is_in(&mut self, a: &Node, b: &Node) -> Result<Test, Fault> {
        if let Some(nets) = self.networks(b)? {
            let What::Term(term) = self.value(a)?.what else {
                return Err(self.fault(&a.at, "an address is expected"));
            };
            return Ok(Test::Net(term, nets));
        }
        let (element, list) = (self.value(a)?, self.value(b)?);
        let What::Term(element_term) = element.what.clone() else {
            let fault = self.fault(&a.at, "a list can't be an element");
            return Err(fault.hint("list.exists(x, x in other)"));
        };
        match (list.what, list.ty) {
            (What::Seq(seq), Type::Map) => Ok(Test::Key(Box::new(seq), Box::new(element_term))),
            (What::Seq(seq), ty) => {
                let item = Typed::term(Term::Constant(Value::Missing), scalar(ty));
                self.comparable(b, &element, &item, Relation::Is)?;
                Ok(self.member(element_term, seq))
            }
            (What::Term(term), Type::Json) => {
                let seq = Seq::Document(Box::new(term));
                let key = Test::Key(Box::new(seq.clone()), Box::new(element_term.clone()));
                Ok(any(vec![key, Test::Holds(Box::new(seq), Box::new(element_term))]))
            }
            (_, ty) => {
                let fault = self.fault(&b.at, format!("{} has no elements", ty.name()));
                Err(fault.hint("text.contains(\"…\") looks into a text"))
            }
        }
    }

    fn member(&mut self, element: Term, seq: Seq) -> Test {
        let words: Option<Vec<String>> = match (&element, &seq) {
            (Term::Column(_), Seq::Terms(terms)) => terms
                .iter()
                .map(|term| match term.constant() {
                    Some(Value::Text(text)) if !text.is_empty() => Some(text.to_string()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let (Term::Column(column), Some(words)) = (&element, words) else {
            return Test::Holds(Box::new(seq), Box::new(element));
        };
        if words.iter().any(|word| self.columns.carried(*column, word).is_some()) {
            return any(words.iter().map(|word| self.is_word(*column, word)).collect());
        }
        let words = words.iter().map(|word| Word::new(&Self::spelled(*column, word)));
        Test::OneOf(*column, words.collect())
    }
}

// === impl Compiler: values ===

impl Compiler<'_> {
    /// What has a value.
    pub(crate) fn value(&mut self, node: &Node) -> Result<Typed, Fault> {
        self.labour(node)?;
        let constant = |value: Value<'static>, ty| Ok(Typed::term(Term::Constant(value), ty));
        match &node.kind {
            Kind::Null => constant(Value::Missing, Type::Json),
            Kind::Bool(truth) => constant(Value::Bool(*truth), Type::Bool),
            Kind::Int(number) => constant(Value::Int(*number), Type::Int),
            Kind::Float(number) => constant(Value::Float(*number), Type::Float),
            Kind::Text(text) => constant(text.clone().into(), Type::Text),
            Kind::Name(_) | Kind::Select(..) | Kind::Index(..) => self.path(node),
            Kind::Call { .. } => self.call(node),
            Kind::Not(_) | Kind::All(_) | Kind::Any(_) | Kind::Compare(..) => {
                let test = self.test(node)?;
                Ok(Typed { what: What::Term(Term::Test(Box::new(test))), ty: Type::Bool })
            }
            Kind::Negate(inner) => {
                let typed = self.value(inner)?;
                let (What::Term(term), Type::Int | Type::Float | Type::Duration | Type::Json) =
                    (typed.what, typed.ty)
                else {
                    return Err(self.fault(&node.at, "only numbers have a negative"));
                };
                Ok(Typed::term(Term::Negate(Box::new(term)), typed.ty))
            }
            Kind::Math(sign, a, b) => self.math(node, *sign, a, b),
            Kind::If(nodes) => self.choice(nodes),
            Kind::List(nodes) => self.list(nodes),
        }
    }

    fn choice(&mut self, nodes: &[Node; 3]) -> Result<Typed, Fault> {
        let [test, yes, no] = nodes;
        let test = self.test(test)?;
        let (a, b) = (self.value(yes)?, self.value(no)?);
        let ty =
            if a.ty == b.ty || b.constant() == Some(&Value::Missing) { a.ty } else { Type::Json };
        match (a.what, b.what) {
            (What::Term(a), What::Term(b)) => Ok(Typed::term(Term::If(Box::new((test, a, b))), ty)),
            _ => Err(self.fault(&yes.at, "lists can't be chosen between")),
        }
    }

    fn list(&mut self, nodes: &[Node]) -> Result<Typed, Fault> {
        let mut terms = Vec::with_capacity(nodes.len());
        let mut item = None;
        for node in nodes {
            let typed = self.value(node)?;
            let What::Term(term) = typed.what else {
                return Err(self.fault(&node.at, "a list in a list can't be written here"));
            };
            let one = item_of(typed.ty);
            item = Some(if item.is_none_or(|item| item == one) { one } else { Item::Any });
            terms.push(term);
        }
        Ok(Typed::seq(Seq::Terms(terms.into()), Type::List(item.unwrap_or(Item::Any))))
    }

    fn math(&mut self, node: &Node, sign: Sign, a: &Node, b: &Node) -> Result<Typed, Fault> {
        let (left, right) = (self.value(a)?, self.value(b)?);
        // A list that no protocol here tells adds nothing.
        match (&left, &right) {
            (list, none) if list.is_list() && none.is_nothing() => return Ok(left),
            (none, list) if list.is_list() && none.is_nothing() => return Ok(right),
            _ => {}
        }
        let ty = math_type(sign, left.ty, right.ty).ok_or_else(|| {
            let word = match sign {
                Sign::Plus => "added",
                Sign::Minus => "subtracted",
                Sign::Times => "multiplied",
                Sign::By | Sign::Modulo => "divided",
            };
            let message = format!("{} and {} can't be {word}", left.ty.name(), right.ty.name());
            self.fault(&node.at, message)
        })?;
        match (left.what, right.what) {
            (What::Term(a), What::Term(b)) => {
                Ok(Typed::term(Term::Math(sign, Box::new((a, b))), ty))
            }
            (What::Seq(a), What::Seq(b)) => Ok(Typed::seq(Seq::Chain([a, b].into()), ty)),
            _ => Err(self.fault(&node.at, "a list and a value can't be added")),
        }
    }
}

// === small parts ===

pub(crate) fn all(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Constant(true) => {}
            Test::Constant(false) => return Test::Constant(false),
            Test::All(inner) => kept.extend(inner),
            test => kept.push(test),
        }
    }
    one_or(kept, true, Test::All)
}

pub(crate) fn any(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Constant(false) => {}
            Test::Constant(true) => return Test::Constant(true),
            Test::Any(inner) => kept.extend(inner),
            test => kept.push(test),
        }
    }
    one_or(kept, false, Test::Any)
}

fn one_or(mut tests: Vec<Test>, empty: bool, join: fn(Box<[Test]>) -> Test) -> Test {
    match tests.len() {
        0 => Test::Constant(empty),
        1 => tests.remove(0),
        _ => join(tests.into()),
    }
}

fn flipped(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::More,
        Relation::AtMost => Relation::AtLeast,
        Relation::More => Relation::Less,
        Relation::AtLeast => Relation::AtMost,
        other => other,
    }
}

/// Columns of text whose values may be numbers.
fn is_numeral(column: Column) -> bool {
    matches!(column, Column::Call(Fact::StatusCode | Fact::Stream | Fact::Id))
}

/// The type of a list's elements; every other type as it is.
pub(crate) fn scalar(ty: Type) -> Type {
    match ty {
        Type::List(Item::Bool) => Type::Bool,
        Type::List(Item::Int) => Type::Int,
        Type::List(Item::Float) => Type::Float,
        Type::List(Item::Text) => Type::Text,
        Type::List(Item::Any) => Type::Json,
        other => other,
    }
}

pub(crate) fn item_of(ty: Type) -> Item {
    match ty {
        Type::Bool => Item::Bool,
        Type::Int => Item::Int,
        Type::Float => Item::Float,
        Type::Text => Item::Text,
        _ => Item::Any,
    }
}

fn math_type(sign: Sign, a: Type, b: Type) -> Option<Type> {
    use Type::{Duration, Float, Int, Json, List, Text, Time};
    let adds = matches!(sign, Sign::Plus | Sign::Minus);
    Some(match (a, b) {
        (Int, Int) => Int,
        (Int | Float, Int | Float) if sign != Sign::Modulo => Float,
        (Time, Duration) if adds => Time,
        (Duration, Time) if sign == Sign::Plus => Time,
        (Time, Time) if sign == Sign::Minus => Duration,
        (Duration, Duration) if adds => Duration,
        (Text, Text) if sign == Sign::Plus => Text,
        (List(a), List(b)) if sign == Sign::Plus => List(if a == b { a } else { Item::Any }),
        (Json, Json | Int | Float | Text | Time | Duration)
        | (Int | Float | Text | Time | Duration, Json) => Json,
        _ => return None,
    })
}
