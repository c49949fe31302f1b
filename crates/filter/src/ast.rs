//! An expression as it is written.

use std::ops::Range;

/// A part of an expression, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) at: Range<usize>,
    /// Nodes on the longest way down, this one included.
    pub(crate) depth: usize,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    /// `on.name`
    Select(Box<Node>, String),
    /// `on[index]`
    Index(Box<Node>, Box<Node>),
    /// `on.name(…)` or `name(…)`; the range is that of the name.
    Call {
        on: Option<Box<Node>>,
        name: String,
        name_at: Range<usize>,
        args: Vec<Node>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    /// `a && b && …`
    All(Vec<Node>),
    /// `a || b || …`
    Any(Vec<Node>),
    Compare(Relation, Box<Node>, Box<Node>),
    Math(Sign, Box<Node>, Box<Node>),
    If(Box<[Node; 3]>),
    List(Vec<Node>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relation {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sign {
    Plus,
    Minus,
    Times,
    By,
    Modulo,
}

// === impl Node ===

impl Node {
    /// The text, if it is written out.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

// === impl Kind ===

impl Kind {
    /// How deep what is below is.
    pub(crate) fn depth_below(&self) -> usize {
        let most = |nodes: &[Node]| nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Name(_) => 0,
            Self::Select(on, _) | Self::Not(on) | Self::Negate(on) => on.depth,
            Self::Index(a, b) | Self::Compare(_, a, b) | Self::Math(_, a, b) => {
                a.depth.max(b.depth)
            }
            Self::Call { on, args, .. } => most(args).max(on.as_ref().map_or(0, |on| on.depth)),
            Self::All(nodes) | Self::Any(nodes) | Self::List(nodes) => most(nodes),
            Self::If(nodes) => most(&**nodes),
        }
    }
}
