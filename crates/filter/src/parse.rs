//! Words and signs to an expression, by the grammar of CEL; bounded in length, size and depth.

use std::ops::Range;

use crate::{
    Fault,
    ast::{Kind, Node, Relation, Sign},
    lex::{Lexer, Token},
};

/// Bytes of an expression at most.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Nodes of an expression at most.
const NODES_MAX: usize = 10_000;
/// Nodes on the longest way down at most.
const DEPTH_MAX: usize = 100;
/// Brackets in brackets at most.
const NESTING_MAX: usize = 50;

/// Reads an expression; `None` if there is nothing but blanks and comments.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let fault = Fault::new(TEXT_BYTES_MAX..text.len(), "the expression is too long");
        return Err(fault.hint(format!("{TEXT_BYTES_MAX} bytes at most")));
    }
    let mut lexer = Lexer::new(text);
    let (token, at) = lexer.next()?;
    let mut parser = Parser { lexer, token, at, before: 0, nodes: 0, nesting: 0 };
    if parser.token == Token::End {
        return Ok(None);
    }
    let node = parser.expression()?;
    match parser.token {
        Token::End => Ok(Some(node)),
        _ => Err(parser.unexpected("an operator like && or ==")),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    at: Range<usize>,
    /// Where the token before ended.
    before: usize,
    nodes: usize,
    nesting: usize,
}

// === impl Parser ===

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Fault> {
        let (next, at) = self.lexer.next()?;
        self.before = self.at.end;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn takes(&mut self, sign: &str) -> Result<bool, Fault> {
        let is_there = matches!(self.token, Token::Sign(next) if next == sign);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.takes(sign)? { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let fault = Fault::new(self.at.clone(), format!("{wanted} is expected here"));
        match &self.token {
            Token::Name(name) => match name.to_ascii_lowercase().as_str() {
                "and" => fault.hint("and is &&"),
                "or" => fault.hint("or is ||"),
                "not" => fault.hint("not is !"),
                "like" | "contains" => fault.hint("text.contains(\"…\")"),
                _ => fault,
            },
            _ => fault,
        }
    }

    fn node(&mut self, kind: Kind, from: usize) -> Result<Node, Fault> {
        let node = Node { depth: kind.depth_below() + 1, kind, at: from..self.before };
        self.nodes += 1;
        if node.depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(Fault::new(node.at, "the expression is too large"));
        }
        Ok(node)
    }

    /// One more level of brackets.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(Fault::new(self.at.clone(), "the brackets are nested too deep"));
        }
        let read = read(self);
        self.nesting -= 1;
        read
    }

    fn expression(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let test = self.any()?;
        if !self.takes("?")? {
            return Ok(test);
        }
        let yes = self.nested(Self::any)?;
        self.expect(":")?;
        let no = self.nested(Self::expression)?;
        self.node(Kind::If(Box::new([test, yes, no])), from)
    }

    fn any(&mut self) -> Result<Node, Fault> {
        self.chain("||", Self::all, Kind::Any)
    }

    fn all(&mut self) -> Result<Node, Fault> {
        self.chain("&&", Self::relation, Kind::All)
    }

    fn chain(
        &mut self,
        sign: &str,
        read: fn(&mut Self) -> Result<Node, Fault>,
        kind: fn(Vec<Node>) -> Kind,
    ) -> Result<Node, Fault> {
        let from = self.at.start;
        let first = read(self)?;
        if !matches!(self.token, Token::Sign(next) if next == sign) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes(sign)? {
            parts.push(read(self)?);
        }
        self.node(kind(parts), from)
    }

    fn relation(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let mut left = self.sum()?;
        while let Some(relation) = self.relation_sign() {
            self.advance()?;
            let right = self.sum()?;
            left = self.node(Kind::Compare(relation, left.into(), right.into()), from)?;
        }
        Ok(left)
    }

    fn relation_sign(&self) -> Option<Relation> {
        Some(match &self.token {
            Token::Sign("==") => Relation::Is,
            Token::Sign("!=") => Relation::IsNot,
            Token::Sign("<") => Relation::Less,
            Token::Sign("<=") => Relation::AtMost,
            Token::Sign(">") => Relation::More,
            Token::Sign(">=") => Relation::AtLeast,
            Token::Name(name) if name == "in" => Relation::In,
            _ => return None,
        })
    }

    fn sum(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let mut left = self.product()?;
        loop {
            let sign = match self.token {
                Token::Sign("+") => Sign::Plus,
                Token::Sign("-") => Sign::Minus,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.product()?;
            left = self.node(Kind::Math(sign, left.into(), right.into()), from)?;
        }
    }

    fn product(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let mut left = self.unary()?;
        loop {
            let sign = match self.token {
                Token::Sign("*") => Sign::Times,
                Token::Sign("/") => Sign::By,
                Token::Sign("%") => Sign::Modulo,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.unary()?;
            left = self.node(Kind::Math(sign, left.into(), right.into()), from)?;
        }
    }

    /// `!` and `-`; twice is nothing.
    fn unary(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let mut nots = 0_usize;
        while self.takes("!")? {
            nots += 1;
        }
        if nots > 0 {
            let inner = self.member()?;
            let inner = self.node(Kind::Not(inner.into()), from)?;
            return if nots % 2 == 1 {
                Ok(inner)
            } else {
                self.node(Kind::Not(inner.into()), from)
            };
        }
        let mut minus = 0_usize;
        while self.takes("-")? {
            minus += 1;
        }
        if minus.is_multiple_of(2) {
            return self.member();
        }
        // The lowest number has no positive twin.
        if self.token == Token::Int(1 << 63) {
            self.advance()?;
            return self.node(Kind::Int(i64::MIN), from);
        }
        let inner = self.member()?;
        match inner.kind {
            Kind::Int(number) => self.node(Kind::Int(-number), from),
            Kind::Float(number) => self.node(Kind::Float(-number), from),
            _ => self.node(Kind::Negate(inner.into()), from),
        }
    }

    fn member(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let mut on = self.primary()?;
        loop {
            if self.takes(".")? {
                on = self.select(on, from)?;
            } else if self.takes("[")? {
                let index = self.nested(Self::expression)?;
                self.expect("]")?;
                on = self.node(Kind::Index(on.into(), index.into()), from)?;
            } else {
                return Ok(on);
            }
        }
    }

    fn select(&mut self, on: Node, from: usize) -> Result<Node, Fault> {
        let name_at = self.at.clone();
        let name = match &self.token {
            Token::Name(name) | Token::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected("a name")),
        };
        self.advance()?;
        if !self.takes("(")? {
            return self.node(Kind::Select(on.into(), name), from);
        }
        let args = self.arguments(")")?;
        self.node(Kind::Call { on: Some(on.into()), name, name_at, args }, from)
    }

    fn arguments(&mut self, end: &'static str) -> Result<Vec<Node>, Fault> {
        let mut args = Vec::new();
        while !self.takes(end)? {
            args.push(self.nested(Self::expression)?);
            if !self.takes(",")? {
                self.expect(end)?;
                break;
            }
        }
        Ok(args)
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        let from = self.at.start;
        let kind = match &self.token {
            Token::Name(_) => return self.name(from),
            Token::Text(text) => Kind::Text(text.clone()),
            Token::Float(number) => Kind::Float(*number),
            Token::Int(number) => match i64::try_from(*number) {
                Ok(number) => Kind::Int(number),
                Err(_) => return Err(Fault::new(self.at.clone(), "the number is too large")),
            },
            Token::Sign("(") => {
                self.advance()?;
                let inner = self.nested(Self::expression)?;
                self.expect(")")?;
                return Ok(Node { at: from..self.before, ..inner });
            }
            Token::Sign("[") => {
                self.advance()?;
                let list = self.arguments("]")?;
                return self.node(Kind::List(list), from);
            }
            Token::Sign("{") => {
                return Err(Fault::new(self.at.clone(), "maps can't be written here"));
            }
            // A leading dot asks for a name that nothing shadows.
            Token::Sign(".") => {
                self.advance()?;
                return match self.token {
                    Token::Name(_) => self.name(from),
                    _ => Err(self.unexpected("a name")),
                };
            }
            _ => return Err(self.unexpected("a value or a name")),
        };
        self.advance()?;
        self.node(kind, from)
    }

    fn name(&mut self, from: usize) -> Result<Node, Fault> {
        let name_at = self.at.clone();
        let Token::Name(name) = self.advance()? else { return Err(self.unexpected("a name")) };
        match name.as_str() {
            "true" => return self.node(Kind::Bool(true), from),
            "false" => return self.node(Kind::Bool(false), from),
            "null" => return self.node(Kind::Null, from),
            "in" => return Err(Fault::new(name_at, "a value is expected before in")),
            _ => {}
        }
        if !self.takes("(")? {
            return self.node(Kind::Name(name), from);
        }
        let args = self.arguments(")")?;
        self.node(Kind::Call { on: None, name, name_at, args }, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        parse(text).expect_err(text)
    }

    #[test]
    fn and_binds_closer_than_or_and_comparing_closer_than_both() {
        let node = parse("a || b && c == 1 + 2 * 3").unwrap().unwrap();
        let Kind::Any(parts) = node.kind else { panic!("not or") };
        assert!(
            matches!(&parts[1].kind, Kind::All(parts) if matches!(parts[1].kind, Kind::Compare(..)))
        );
    }

    #[test]
    fn nothing_is_no_expression() {
        assert_eq!(parse(" \n // a comment\n# another").unwrap(), None);
    }

    #[test]
    fn faults_point_at_what_is_wrong() {
        assert_eq!(fault("a && ").at, 5..5);
        assert_eq!(fault("a and b").hint.as_deref(), Some("and is &&"));
        assert_eq!(fault("(a == 1").at, 7..7);
        assert_eq!(fault("a == 1 b").at, 7..8);
        assert_eq!(fault("{1: 2}").at, 0..1);
    }

    #[test]
    fn large_expressions_are_refused_and_not_descended() {
        for text in [
            "(".repeat(60_000),
            "!(".repeat(30_000),
            "a".to_owned() + &".b".repeat(20_000),
            "1".to_owned() + &"+1".repeat(20_000),
            "a?b:".repeat(16_000),
            "[".repeat(60_000),
            "a == 1 && ".repeat(6_000) + "b",
            "x".repeat(TEXT_BYTES_MAX + 1),
        ] {
            assert!(!fault(&text).message.is_empty());
        }
        assert!(parse(&("!".repeat(60_000) + "a")).unwrap().is_some());
        assert!(parse(&("a == 1 && ".repeat(1_000) + "b")).unwrap().is_some());
    }
}
