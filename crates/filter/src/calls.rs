//! Functions: what they take and what they are compiled to.

use aho_corasick::AhoCorasick;

use crate::{
    Fault, Type, Value,
    ast::{Kind, Node},
    compile::{Compiler, Local, Typed, What, item_of, scalar},
    functions,
    moment::Part,
    names::{element_type, entry_type},
    near,
    net::Net,
    seq::Seq,
    term::{Letters, Term, To},
    test::{Count, Test},
    text::{Needle, Place},
};

/// Texts that are searched for at once at most.
const NEEDLES_MAX: usize = 100;

/// A call as it is written.
struct Call<'n> {
    node: &'n Node,
    name: &'n str,
    on: Option<&'n Node>,
    args: &'n [Node],
}

impl Compiler<'_> {
    pub(crate) fn call(&mut self, node: &Node) -> Result<Typed, Fault> {
        let Kind::Call { on, name, name_at, args } = &node.kind else {
            return Err(self.fault(&node.at, "no call"));
        };
        let call = Call { node, name, on: on.as_deref(), args };
        let known = functions::ALL.iter().any(|function| function.name == name);
        if !known {
            let fault = self.fault(name_at, format!("there is no function {name}"));
            return Err(match near::function(name) {
                Some(near) => fault.hint(format!("nearest: {near}")),
                None => fault,
            });
        }
        match (call.on, call.args) {
            (Some(on), args) => self.method(&call, on, args),
            (None, [first, rest @ ..]) if functions::is_method(name) => {
                self.method(&call, first, rest)
            }
            (None, _) => self.function(&call),
        }
    }

    fn wrong(&self, call: &Call<'_>) -> Fault {
        let function = functions::ALL.iter().find(|function| function.name == call.name);
        let signature = function.map_or("", |function| function.signature);
        let fault = self.fault(&call.node.at, format!("{} is not called like this", call.name));
        fault.hint(format!("it is {signature}"))
    }

    fn bool(test: Test) -> Typed {
        Typed::term(Term::Test(Box::new(test)), Type::Bool)
    }

    // === functions ===

    fn function(&mut self, call: &Call<'_>) -> Result<Typed, Fault> {
        match (call.name, call.args) {
            ("now", []) => Ok(Typed::term(Term::Constant(Value::Time(self.now)), Type::Time)),
            ("has", [what]) => Ok(Self::bool(self.has(what)?)),
            ("map_get", [map, key]) => self.map_get(call, map, key, None),
            ("map_get", [map, key, default]) => self.map_get(call, map, key, Some(default)),
            ("first", [_, ..]) => self.first(call),
            ("search", [_, ..]) => self.search(call),
            ("inCIDR", [on, nets @ ..]) if !nets.is_empty() => {
                let nets = nets.iter().map(|net| self.network(net)).collect::<Result<_, _>>()?;
                self.is_in_net(on, nets)
            }
            ("pairs", [list]) => match self.value(list)? {
                Typed { what: What::Seq(seq), ty: Type::List(_) } => {
                    Ok(Typed::seq(Seq::Pairs(Box::new(seq)), Type::Map))
                }
                // A list that no protocol here tells.
                nothing if nothing.constant() == Some(&Value::Missing) => Ok(nothing),
                _ => Err(self.wrong(call)),
            },
            ("dyn", [what]) => Ok(Typed { ty: Type::Json, ..self.value(what)? }),
            (name, [what]) => match conversion(name) {
                Some((to, ty)) => self.convert(to, ty, what),
                None => Err(self.wrong(call)),
            },
            _ => Err(self.wrong(call)),
        }
    }

    fn convert(&mut self, to: To, ty: Type, what: &Node) -> Result<Typed, Fault> {
        let typed = self.value(what)?;
        let What::Term(term) = typed.what else {
            return Err(self.fault(&what.at, format!("{} is not one value", typed.ty.name())));
        };
        let converted = Typed::term(Term::Convert(to, Box::new(term)), ty);
        if converted.constant() == Some(&Value::Missing) {
            let fault = self.fault(&what.at, format!("this is no {}", ty.name()));
            return Err(match to {
                To::Time => fault.hint("like \"2026-03-14T22:00:00Z\""),
                To::Duration => fault.hint("like \"1.5s\", \"5m\", \"1h30m\""),
                _ => fault,
            });
        }
        Ok(converted)
    }

    fn map_get(
        &mut self,
        call: &Call<'_>,
        map: &Node,
        key: &Node,
        default: Option<&Node>,
    ) -> Result<Typed, Fault> {
        let (map, key) = (self.value(map)?, self.value(key)?);
        let What::Term(key) = key.what else { return Err(self.wrong(call)) };
        let (term, ty) = match (map.what, map.ty) {
            (What::Seq(seq), Type::Map) => {
                let ty = entry_type(&seq);
                (Term::Entry(Box::new(seq), Box::new(key)), ty)
            }
            (What::Term(term), Type::Json) => {
                (Term::Piece(Box::new(term), Box::new(key)), Type::Json)
            }
            _ => return Err(self.wrong(call)),
        };
        let Some(default) = default else { return Ok(Typed::term(term, ty)) };
        let default = self.value(default)?;
        let What::Term(other) = default.what else { return Err(self.wrong(call)) };
        let ty = if default.ty == ty { ty } else { Type::Json };
        Ok(Typed::term(Term::First([term, other].into()), ty))
    }

    fn first(&mut self, call: &Call<'_>) -> Result<Typed, Fault> {
        let mut terms = Vec::new();
        let mut ty: Option<Type> = None;
        for arg in call.args {
            let typed = self.value(arg)?;
            let What::Term(term) = typed.what else { return Err(self.wrong(call)) };
            // What no protocol has here is left out.
            if term.constant() == Some(&Value::Missing) {
                continue;
            }
            ty = Some(if ty.is_none_or(|ty| ty == typed.ty) { typed.ty } else { Type::Json });
            terms.push(term);
        }
        Ok(match (terms.len(), ty) {
            (1, Some(ty)) => Typed::term(terms.remove(0), ty),
            (_, Some(ty)) => Typed::term(Term::First(terms.into()), ty),
            (_, None) => Typed::term(Term::Constant(Value::Missing), Type::Json),
        })
    }

    fn search(&mut self, call: &Call<'_>) -> Result<Typed, Fault> {
        let texts: Vec<&str> = call.args.iter().filter_map(Node::as_text).collect();
        if texts.len() != call.args.len() || texts.len() > NEEDLES_MAX || texts.contains(&"") {
            return Err(self.wrong(call));
        }
        let mut builder = AhoCorasick::builder();
        let needles = builder.ascii_case_insensitive(true).build(texts);
        let needles = needles.map_err(|error| self.fault(&call.node.at, error.to_string()))?;
        self.used.extend(crate::test::searched());
        Ok(Self::bool(Test::Search(Box::new(needles))))
    }

    // === networks ===

    /// The networks of `cidr("…")`, or `None` for anything else.
    pub(crate) fn networks(&self, node: &Node) -> Result<Option<Box<[Net]>>, Fault> {
        match &node.kind {
            Kind::Call { on: None, name, args, .. } if name == "cidr" && !args.is_empty() => {
                args.iter().map(|arg| self.network(arg)).collect::<Result<_, _>>().map(Some)
            }
            _ => Ok(None),
        }
    }

    fn network(&self, node: &Node) -> Result<Net, Fault> {
        let net = node.as_text().and_then(Net::parse);
        let fault = || self.fault(&node.at, "this is no network").hint("like \"10.0.0.0/8\"");
        net.ok_or_else(fault)
    }

    fn is_in_net(&mut self, on: &Node, nets: Box<[Net]>) -> Result<Typed, Fault> {
        match self.value(on)? {
            Typed { what: What::Term(term), ty: Type::Text | Type::Json } => {
                Ok(Self::bool(Test::Net(term, nets)))
            }
            _ => Err(self.fault(&on.at, "an address is expected")),
        }
    }

    // === methods ===

    fn method(&mut self, call: &Call<'_>, on: &Node, args: &[Node]) -> Result<Typed, Fault> {
        if let Some(count) = quantifier(call.name) {
            return self.over(call, on, args, count);
        }
        if let (Some(nets), "containsIP", [ip]) = (self.networks(on)?, call.name, args) {
            return self.is_in_net(ip, nets);
        }
        match (call.name, args) {
            ("filter" | "map", [_, _] | [_, _, _]) => return self.each(call, on, args),
            ("contains", [needle]) => return self.looks_for(call, on, needle, Place::Anywhere),
            ("startsWith", [needle]) => return self.looks_for(call, on, needle, Place::First),
            ("endsWith", [needle]) => return self.looks_for(call, on, needle, Place::Last),
            ("matches", [pattern]) => return self.matches(call, on, pattern),
            _ => {}
        }
        let typed = self.value(on)?;
        match (call.name, args, typed.what, typed.ty) {
            ("size", [], What::Seq(seq), _) => {
                Ok(Typed::term(Term::Count(Box::new(seq)), Type::Int))
            }
            ("size", [], What::Term(term), Type::Text | Type::Json) => {
                Ok(Typed::term(Term::Size(Box::new(term)), Type::Int))
            }
            (name, args, What::Term(term), Type::Text | Type::Json) => {
                self.of_text(call, name, args, term)
            }
            (name, [], What::Term(term), ty @ (Type::Time | Type::Duration)) => {
                match Part::named(name) {
                    Some(part) if ty == Type::Time || part.unit().is_some() => {
                        Ok(Typed::term(Term::Part(part, Box::new(term)), Type::Int))
                    }
                    _ => Err(self.wrong(call)),
                }
            }
            _ => Err(self.wrong(call)),
        }
    }

    fn of_text(
        &mut self,
        call: &Call<'_>,
        name: &str,
        args: &[Node],
        term: Term,
    ) -> Result<Typed, Fault> {
        let term = Box::new(term);
        let letters = |letters| Ok(Typed::term(Term::Letters(letters, term.clone()), Type::Text));
        match (name, args) {
            ("lowerAscii", []) => letters(Letters::Lower),
            ("upperAscii", []) => letters(Letters::Upper),
            ("trim", []) => letters(Letters::Trim),
            ("split", [separator]) => match separator.as_text() {
                Some(separator) if !separator.is_empty() => {
                    let seq = Seq::Split(term, separator.into());
                    Ok(Typed::seq(seq, Type::List(item_of(Type::Text))))
                }
                _ => Err(self.wrong(call)),
            },
            ("substring", [from]) => self.cut(call, *term, from, None),
            ("substring", [from, to]) => self.cut(call, *term, from, Some(to)),
            _ => match Part::named(name) {
                Some(part) if args.is_empty() => Ok(Typed::term(Term::Part(part, term), Type::Int)),
                _ => Err(self.wrong(call)),
            },
        }
    }

    fn cut(
        &mut self,
        call: &Call<'_>,
        text: Term,
        from: &Node,
        to: Option<&Node>,
    ) -> Result<Typed, Fault> {
        let from = self.value(from)?;
        let to = match to {
            Some(to) => self.value(to)?,
            None => Typed::term(Term::Constant(Value::Missing), Type::Int),
        };
        match (from, to) {
            (
                Typed { what: What::Term(from), ty: Type::Int },
                Typed { what: What::Term(to), ty: Type::Int },
            ) => Ok(Typed::term(Term::Cut(Box::new((text, from, to))), Type::Text)),
            _ => Err(self.wrong(call)),
        }
    }

    // === looking into texts ===

    fn looks_for(
        &mut self,
        call: &Call<'_>,
        on: &Node,
        needle: &Node,
        place: Place,
    ) -> Result<Typed, Fault> {
        let needle = match self.value(needle)? {
            Typed { what: What::Term(Term::Constant(Value::Text(text))), .. } => {
                Needle::new(place, &text)
            }
            Typed { what: What::Term(term), ty: Type::Text | Type::Json } => {
                Needle::Computed(place, Box::new(term))
            }
            _ => return Err(self.wrong(call)),
        };
        self.look(call, on, needle)
    }

    fn matches(&mut self, call: &Call<'_>, on: &Node, pattern: &Node) -> Result<Typed, Fault> {
        let Some(text) = pattern.as_text() else {
            let fault = self.fault(&pattern.at, "a pattern must be written out");
            return Err(fault.hint("text.matches(\"^/api/v[0-9]+\")"));
        };
        let needle = Needle::pattern(text).map_err(|why| self.fault(&pattern.at, why))?;
        self.look(call, on, needle)
    }

    /// Looks into a text, or into each element of a list.
    fn look(&mut self, call: &Call<'_>, on: &Node, needle: Needle) -> Result<Typed, Fault> {
        let typed = self.value(on)?;
        match (typed.what, scalar(typed.ty)) {
            (What::Term(term), Type::Text | Type::Json) => Ok(Self::bool(Test::Text(term, needle))),
            (What::Seq(seq), Type::Text | Type::Json) => {
                let test = Box::new(Test::Text(Term::Local(self.level), needle));
                let (seq, level) = (Box::new(seq), self.level);
                Ok(Self::bool(Test::Over { seq, level, both: false, count: Count::Some, test }))
            }
            (_, ty) => {
                let message = format!("{} is no text to look into", ty.name());
                let fault = self.fault(&on.at, message);
                Err(match typed.ty {
                    Type::Map => fault.hint("\"name\" in map, or map[\"name\"]"),
                    Type::Int | Type::Float => fault.hint(format!("string(…).{}(…)", call.name)),
                    _ => fault,
                })
            }
        }
    }

    // === going through lists ===

    /// The list that is gone through, and the type of its elements.
    fn list_of(&mut self, call: &Call<'_>, on: &Node) -> Result<(Seq, Type), Fault> {
        let typed = self.value(on)?;
        let element = element_type(typed.ty);
        match (typed.what, typed.ty) {
            (What::Seq(seq), _) => Ok((seq, element)),
            (What::Term(term), Type::Json) => Ok((Seq::Document(Box::new(term)), Type::Json)),
            _ => Err(self.wrong(call)),
        }
    }

    /// Compiles something in which names stand for elements.
    fn inside<T>(
        &mut self,
        names: &[(&str, Type)],
        compile: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (level, known) = (self.level, self.locals.len());
        for (name, ty) in names {
            self.locals.push(Local { name: (*name).to_owned(), level: self.level, ty: *ty });
            self.level += 1;
        }
        let compiled = compile(self);
        self.level = level;
        self.locals.truncate(known);
        compiled
    }

    fn over(
        &mut self,
        call: &Call<'_>,
        on: &Node,
        args: &[Node],
        count: Count,
    ) -> Result<Typed, Fault> {
        let (seq, element) = self.list_of(call, on)?;
        let (names, test) = match args {
            [name, test] => (vec![(self.local_name(call, name)?, element)], test),
            [key, value, test] => {
                let names = [self.local_name(call, key)?, self.local_name(call, value)?];
                (vec![(names[0], Type::Text), (names[1], Type::Json)], test)
            }
            _ => return Err(self.wrong(call)),
        };
        let level = self.level;
        let test = Box::new(self.inside(&names, |this| this.test(test))?);
        let (seq, both) = (Box::new(seq), names.len() == 2);
        Ok(Self::bool(Test::Over { seq, level, both, count, test }))
    }

    fn each(&mut self, call: &Call<'_>, on: &Node, args: &[Node]) -> Result<Typed, Fault> {
        let (seq, element) = self.list_of(call, on)?;
        let (name, test, result) = match (call.name, args) {
            ("filter", [name, test]) => (name, Some(test), None),
            ("map", [name, result]) => (name, None, Some(result)),
            ("map", [name, test, result]) => (name, Some(test), Some(result)),
            _ => return Err(self.wrong(call)),
        };
        let names = [(self.local_name(call, name)?, element)];
        let level = self.level;
        let mut list = (seq, element);
        if let Some(test) = test {
            let test = Box::new(self.inside(&names, |this| this.test(test))?);
            list.0 = Seq::Filter { over: Box::new(list.0), level, test };
        }
        if let Some(result) = result {
            let typed = self.inside(&names, |this| this.value(result))?;
            let What::Term(term) = typed.what else { return Err(self.wrong(call)) };
            let over = Box::new(list.0);
            list = (Seq::Map { over, level, term: Box::new(term) }, typed.ty);
        }
        Ok(Typed::seq(list.0, Type::List(item_of(list.1))))
    }

    fn local_name<'n>(&self, call: &Call<'_>, node: &'n Node) -> Result<&'n str, Fault> {
        match &node.kind {
            Kind::Name(name) => Ok(name),
            _ => Err(self.wrong(call)),
        }
    }
}

fn quantifier(name: &str) -> Option<Count> {
    Some(match name {
        "exists" => Count::Some,
        "all" => Count::All,
        "exists_one" | "existsOne" => Count::One,
        _ => return None,
    })
}

fn conversion(name: &str) -> Option<(To, Type)> {
    Some(match name {
        "int" | "uint" => (To::Int, Type::Int),
        "double" => (To::Float, Type::Float),
        "string" => (To::Text, Type::Text),
        "bool" => (To::Bool, Type::Bool),
        "timestamp" => (To::Time, Type::Time),
        "duration" => (To::Duration, Type::Duration),
        _ => return None,
    })
}
