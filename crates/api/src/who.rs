//! Who asks: what he may do, and of which namespaces.

use std::{
    fmt::Write as _,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::Value;

use crate::Role;

/// Namespaces that somebody is limited to. He sees a call if one of its ends is in one of them: such a call he
/// sees as those see it who run that end, with the name of the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    namespaces: Vec<String>,
    condition: String,
}

/// What the bearer of a token, or of a certificate, is granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// What he may do.
    pub(crate) role: Role,
    /// Where; everywhere if absent.
    pub(crate) scope: Option<Scope>,
    /// What he is called.
    pub(crate) name: String,
}

/// Somebody who asks. All answers go to one.
#[derive(Clone, Debug)]
pub struct Who {
    grant: Arc<Grant>,
    told: Arc<Told>,
}

/// What went out in an answer, for the audit log.
#[derive(Debug, Default)]
struct Told {
    calls: AtomicU64,
    payloads: AtomicBool,
    /// Questions that were asked on his behalf.
    asked: Mutex<Vec<String>>,
}

/// Namespaces of one scope: each one is looked for in every call.
const NAMESPACES_MAX: usize = 64;
/// Bytes of a namespace's name (RFC 1123 label).
const NAMESPACE_BYTES_MAX: usize = 63;
/// Questions on somebody's behalf that are remembered of one request.
const ASKED_MAX: usize = 16;

// === impl Scope ===

impl FromStr for Scope {
    type Err = String;

    /// Names of namespaces, comma-separated.
    fn from_str(text: &str) -> Result<Self, String> {
        let namespaces: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        // What is no name could be written so that the condition says something else.
        if !namespaces.iter().all(|name| is_namespace(name)) {
            return Err("namespaces are named like a,b: small letters, digits and -".into());
        }
        if namespaces.len() > NAMESPACES_MAX {
            return Err(format!("more than {NAMESPACES_MAX} namespaces"));
        }
        let mut condition = String::new();
        for (at, name) in namespaces.iter().enumerate() {
            let or = if at == 0 { "" } else { " || " };
            let name = Value::from(name.as_str());
            let _ = write!(condition, "{or}src.namespace == {name} || dst.namespace == {name}");
        }
        Ok(Self { namespaces, condition })
    }
}

impl Scope {
    /// The namespaces.
    #[must_use]
    pub fn namespaces(&self) -> &[String] {
        &self.namespaces
    }

    /// Whether it is one of them.
    pub(crate) fn has(&self, namespace: Option<&str>) -> bool {
        namespace.is_some_and(|name| self.namespaces.iter().any(|ours| ours == name))
    }

    /// The expression of what is in the scope, and fulfils this one, too: one that is an expression by itself.
    pub(crate) fn narrow(&self, condition: &str) -> String {
        match condition.trim() {
            "" => self.condition.clone(),
            // A comment ends with its line.
            condition => format!("({}) && (\n{condition}\n)", self.condition),
        }
    }
}

/// RFC 1123 §2.1, as Kubernetes has it: small letters.
fn is_namespace(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAMESPACE_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

// === impl Grant ===

impl Grant {
    /// This role, everywhere or in these namespaces, to somebody of this name.
    ///
    /// # Errors
    /// When it makes no sense: an admin imports calls of any namespace.
    pub fn new(role: Role, scope: Option<Scope>, name: &str) -> Result<Self, String> {
        if role == Role::Admin && scope.is_some() {
            return Err("an admin is not limited to namespaces: make it a viewer".into());
        }
        Ok(Self { role, scope, name: name.to_owned() })
    }
}

// === impl Who ===

impl Who {
    /// Somebody with this role everywhere.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self::new(Arc::new(Grant { role, scope: None, name: role.name().to_owned() }))
    }

    /// Whoever comes, where nobody is asked who he is: he may do everything.
    pub(crate) fn anybody() -> Self {
        let (role, name) = (Role::Admin, "(anybody)".to_owned());
        Self::new(Arc::new(Grant { role, scope: None, name }))
    }

    /// Somebody who shows nothing, where nothing is asked.
    pub(crate) fn nobody() -> Self {
        let (role, name) = (Role::ViewerWithoutPayloads, String::new());
        Self::new(Arc::new(Grant { role, scope: None, name }))
    }

    pub(crate) fn new(grant: Arc<Grant>) -> Self {
        Self { grant, told: Arc::default() }
    }

    /// What he may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.grant.role
    }

    /// Whether he may see what calls carried.
    #[must_use]
    pub fn sees_payloads(&self) -> bool {
        self.grant.role.sees_payloads()
    }

    /// What he is called.
    pub(crate) fn name(&self) -> &str {
        &self.grant.name
    }

    /// So many calls go out to him, perhaps with what they carried.
    pub(crate) fn tell(&self, calls: usize, payloads: bool) {
        self.told.calls.fetch_add(calls as u64, Ordering::Relaxed);
        if payloads && calls > 0 {
            self.told.payloads.store(true, Ordering::Relaxed);
        }
    }

    /// How many calls went out to him, and whether with what they carried.
    pub(crate) fn was_told(&self) -> (u64, bool) {
        (self.told.calls.load(Ordering::Relaxed), self.told.payloads.load(Ordering::Relaxed))
    }

    /// A question is asked on his behalf.
    pub(crate) fn asks(&self, path: &str) {
        let mut asked = self.told.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() < ASKED_MAX {
            asked.push(path.to_owned());
        }
    }

    /// Questions that were asked on his behalf.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.told.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What he is limited to.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.grant.scope.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_names_and_nothing_else() {
        let scope: Scope = "shop, web-1".parse().unwrap();
        assert_eq!(scope.namespaces(), ["shop", "web-1"]);
        assert!(scope.has(Some("shop")) && !scope.has(Some("sho")) && !scope.has(None));
        let long = "x".repeat(64);
        for flaw in ["", ",", "a,", "a b", "Shop", "a\" || true || \"", "*", long.as_str()] {
            assert!(flaw.parse::<Scope>().is_err(), "{flaw}");
        }
        assert!(vec!["a"; NAMESPACES_MAX + 1].join(",").parse::<Scope>().is_err());
    }

    #[test]
    fn a_condition_can_not_leave_its_scope() {
        let scope: Scope = "shop".parse().unwrap();
        let ours = "src.namespace == \"shop\" || dst.namespace == \"shop\"";
        assert_eq!(scope.narrow(" "), ours);
        assert_eq!(scope.narrow("http // all"), format!("({ours}) && (\nhttp // all\n)"));
    }

    #[test]
    fn an_admin_is_everywhere() {
        let scope: Scope = "shop".parse().unwrap();
        assert!(Grant::new(Role::Admin, Some(scope.clone()), "x").is_err());
        assert!(Grant::new(Role::Viewer, Some(scope), "x").is_ok());
    }
}
