//! What must not be written down, and where in a message it is.

use super::{
    schema::{self, Api, Field},
    walk::{Ending, Event, Value, Visit, walk},
};

/// Secrets in one message at most; a message with more is not written down.
const SECRETS_MAX: usize = 64;
/// Parts of the names of settings whose values are secret.
const SECRET_NAMES: [&str; 8] = [
    "password",
    "secret",
    "jaas",
    "credential",
    "private",
    "token",
    "keystore.key",
    "certificate.chain",
];

/// Where secrets are in a message.
#[derive(Debug, Default)]
pub struct Secrets<'m> {
    places: Vec<(usize, usize)>,
    name: &'m [u8],
}

// === impl Secrets ===

impl<'m> Secrets<'m> {
    /// Those in `body`; nothing if that is not known for sure.
    pub fn find(
        fields: &'static [Field],
        version: i16,
        flexible: bool,
        body: &'m [u8],
    ) -> Option<Vec<(usize, usize)>> {
        let mut secrets = Self::default();
        let ending = walk(fields, version, flexible, body, &mut secrets);
        let all = ending == Ending::Whole(body.len()) && secrets.places.len() <= SECRETS_MAX;
        all.then_some(secrets.places)
    }
}

impl<'m> Visit<'m> for Secrets<'m> {
    fn meet(&mut self, field: &'static Field, event: Event<'m>) {
        let (len, end) = match event {
            Event::Value(Value::Secret(bytes, end)) => (bytes.len(), end),
            Event::Value(Value::Setting(text, end)) if is_secret(self.name) => (text.len(), end),
            Event::Value(Value::Text(text)) if field.name == "name" => {
                self.name = text;
                return;
            }
            _ => return,
        };
        if self.places.len() <= SECRETS_MAX {
            self.places.push((end.saturating_sub(len), end));
        }
    }
}

/// Whether the front of a message that nobody knows, with so many bytes behind it, may be that of an
/// answer with secrets.
pub fn may_be_in_any(front: &[u8], left: usize) -> bool {
    let apis = [36, 38, 41, 58].into_iter().filter_map(schema::api);
    let mut all = apis.flat_map(|api| (0..=api.latest).map(move |version| (api, version)));
    all.any(|(api, version)| {
        // The front begins behind the number; tagged fields may come before the body.
        let skipped = usize::from(api.is_flexible(version));
        let body = front.get(skipped..).unwrap_or_default();
        match walk(api.response, version, api.is_flexible(version), body, &mut Secrets::default()) {
            Ending::Whole(used) => left == 0 && used == body.len(),
            Ending::Short => left > 0,
            Ending::Rest | Ending::Bad => false,
        }
    })
}

/// Whether messages of this API hold secrets.
pub fn may_be_in(api: &Api, asks: bool) -> bool {
    // Walking the table for each message would cost more than all the rest.
    match api.key {
        // SaslAuthenticate and Envelope, both ways.
        36 | 58 => true,
        // AlterConfigs, RenewDelegationToken, ExpireDelegationToken, IncrementalAlterConfigs,
        // AlterUserScramCredentials.
        33 | 39 | 40 | 44 | 51 => asks,
        // CreateDelegationToken, DescribeDelegationToken.
        38 | 41 => !asks,
        _ => false,
    }
}

/// Whether a setting of this name has a secret value.
fn is_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::{super::schema::Kind, *};

    #[test]
    fn the_short_list_is_what_the_tables_say() {
        for api in (0..93).filter_map(schema::api) {
            assert_eq!(may_be_in(api, true), has_secret(api.request), "{} asked", api.name);
            assert_eq!(may_be_in(api, false), has_secret(api.response), "{} answered", api.name);
        }
    }

    #[test]
    fn settings_are_secret_by_their_names() {
        for name in ["ssl.keystore.password", "listener.name.x.plain.sasl.jaas.config", "a.Secret"]
        {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in ["retention.ms", "cleanup.policy", "compression.type", ""] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }

    fn has_secret(fields: &[Field]) -> bool {
        fields.iter().any(|field| match &field.kind {
            Kind::Secret | Kind::Setting => true,
            Kind::List(fields) | Kind::Structure(fields) | Kind::Maybe(fields) => {
                has_secret(fields)
            }
            _ => false,
        })
    }
}
