//! Who is granted what, by what a provider says of him.

use std::str::FromStr;

use serde_json::Value;

use crate::{Grant, Role, Scope};

/// `CLAIM=VALUE ROLE [namespaces=A,B | namespaces=@CLAIM]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    claim: String,
    /// What it must be, or have among others; anything if it is `*`.
    value: String,
    role: Role,
    namespaces: Namespaces,
}

/// What somebody is limited to.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Namespaces {
    All,
    These(Scope),
    /// Those that this claim names.
    Of(String),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let flaw = || "a rule is CLAIM=VALUE ROLE [namespaces=A,B or namespaces=@CLAIM]".to_owned();
        let mut words = text.split_whitespace();
        let (claim, value) = words.next().and_then(|word| word.split_once('=')).ok_or_else(flaw)?;
        if claim.is_empty() || value.is_empty() {
            return Err(flaw());
        }
        let role: Role = words.next().ok_or_else(flaw)?.parse()?;
        let namespaces = match words.next() {
            None => Namespaces::All,
            Some(word) => {
                let names = word.strip_prefix("namespaces=").ok_or_else(flaw)?;
                match names.strip_prefix('@') {
                    Some("") => return Err(flaw()),
                    Some(claim) => Namespaces::Of(claim.to_owned()),
                    None => Namespaces::These(names.parse()?),
                }
            }
        };
        if words.next().is_some() {
            return Err(flaw());
        }
        if role == Role::Admin && namespaces != Namespaces::All {
            return Err("an admin is not limited to namespaces: make it a viewer".into());
        }
        Ok(Self { claim: claim.to_owned(), value: value.to_owned(), role, namespaces })
    }
}

/// What the first rule that fits grants to somebody with these claims.
pub(super) fn grant(rules: &[Rule], claims: &Value) -> Result<Grant, String> {
    let fits = |rule: &&Rule| {
        let said = texts(&claims[&rule.claim]);
        !said.is_empty() && (rule.value == "*" || said.contains(&rule.value.as_str()))
    };
    let rule = rules.iter().find(fits).ok_or("nothing here is granted to you")?;
    let scope = match &rule.namespaces {
        Namespaces::All => None,
        Namespaces::These(scope) => Some(scope.clone()),
        // Without any, nobody is let in to all.
        Namespaces::Of(claim) => Some(texts(&claims[claim]).join(",").parse()?),
    };
    let names = ["email", "preferred_username", "sub"];
    let name = names.iter().find_map(|name| claims[*name].as_str()).unwrap_or_default();
    Grant::new(rule.role, scope, name)
}

/// The texts of a claim that is one, or has many.
fn texts(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => vec![text],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(all: &[&str]) -> Vec<Rule> {
        all.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = rules(&[
            "groups=sre admin",
            "groups=shop viewer namespaces=shop,web",
            "teams=* viewer-without-payloads namespaces=@teams",
        ]);
        let role = |claims: Value| grant(&rules, &claims).map(|grant| (grant.role, grant.name));
        let sre = json!({ "groups": ["shop", "sre"], "email": "ann@example.com", "sub": "1" });
        assert_eq!(role(sre), Ok((Role::Admin, "ann@example.com".into())));
        let shop = grant(&rules, &json!({ "groups": "shop", "sub": "2" })).unwrap();
        assert_eq!(shop.scope.unwrap().namespaces(), ["shop", "web"]);
        let team = grant(&rules, &json!({ "teams": ["bank", "dev"], "sub": "3" })).unwrap();
        assert_eq!(team.scope.unwrap().namespaces(), ["bank", "dev"]);
        assert!(role(json!({ "groups": ["shops"], "sub": "4" })).is_err());
        assert!(role(json!({ "teams": [], "sub": "5" })).is_err(), "no namespaces are not all");
        assert!(role(json!({ "teams": ["a\" || true"], "sub": "6" })).is_err());
        assert!(role(json!({ "groups": { "sre": true }, "sub": "7" })).is_err());
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "groups viewer",
            "groups= viewer",
            "groups=a",
            "groups=a king",
            "groups=a viewer shop",
            "groups=a viewer namespaces=",
            "groups=a viewer namespaces=@",
            "groups=a viewer namespaces=a b",
            "groups=a admin namespaces=a",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
