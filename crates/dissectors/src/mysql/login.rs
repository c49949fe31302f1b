//! The login: what the server says first, what the client says then. What proves the password never
//! leaves this file.

use super::{
    capability::{
        CONNECT_ATTRS, CONNECT_WITH_DB, Capabilities, LONG_PASSWORD, PLUGIN_AUTH,
        PLUGIN_AUTH_LENENC, PROTOCOL_41, SECURE_CONNECTION, SSL,
    },
    facts::{Facts, What},
    wire::Cursor,
};

/// Attributes of the client kept, at most.
const ATTRIBUTES_MAX: usize = 32;
/// Bytes of one of them kept, name and value.
const ATTRIBUTE_MAX: usize = 256;
/// Bytes of a login request of 4.1 before the user.
const FIXED_LEN: usize = 32;

/// What a client says to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Login<'b> {
    /// What the client can.
    pub capabilities: Capabilities,
    /// The largest packet it takes.
    pub packet_max: u32,
    /// Number of its collation.
    pub collation: u16,
    /// Who.
    pub user: &'b [u8],
    /// The schema to begin with.
    pub database: &'b [u8],
    /// How it proves who it is.
    pub plugin: &'b [u8],
    attributes: &'b [u8],
}

/// Writes down what a server says first; nothing if it is no greeting.
pub fn greeting(payload: &[u8]) -> Option<(Facts, Capabilities)> {
    let mut cursor = Cursor(payload);
    let version = cursor.byte().filter(|version| matches!(version, 9 | 10))?;
    let server = cursor.until_nul()?;
    if !is_version(server) {
        return None;
    }
    let connection = cursor.long()?;
    let mut facts = Facts::default();
    facts.integer(What::Protocol, version.into());
    facts.text(What::ServerVersion, server);
    facts.integer(What::Connection, connection.into());
    if version == 9 {
        cursor.until_nul()?;
        return Some((facts, Capabilities(0)));
    }
    cursor.take(8)?;
    if cursor.byte()? != 0 {
        return None;
    }
    let capabilities = extended(&mut cursor, &mut facts).unwrap_or_default();
    facts.integer(What::ServerCapabilities, capabilities.0);
    Some((facts, capabilities))
}

/// What 3.23 and later add; each version a little more.
fn extended(cursor: &mut Cursor<'_>, facts: &mut Facts) -> Option<Capabilities> {
    let low = u64::from(cursor.short()?);
    let Some([collation, status, status_high]) = cursor.array() else {
        return Some(Capabilities(low));
    };
    facts.integer(What::ServerCollation, collation.into());
    facts.integer(What::ServerStatus, u16::from_le_bytes([status, status_high]).into());
    let Some(high) = cursor.short() else { return Some(Capabilities(low)) };
    let mut all = low | u64::from(high) << 16;
    let salt_len = usize::from(cursor.byte()?);
    cursor.take(6)?;
    let more = cursor.long()?;
    if all & LONG_PASSWORD == 0 {
        all |= u64::from(more) << 32;
    }
    if all & SECURE_CONNECTION != 0 {
        cursor.take(salt_len.saturating_sub(8).max(13))?;
    }
    if all & PLUGIN_AUTH != 0 {
        let plugin = cursor.until_nul().unwrap_or(cursor.rest());
        facts.text(What::ServerPlugin, plugin);
    }
    Some(Capabilities(all))
}

/// Whether it looks like the version of a server: printable, with a number in it.
fn is_version(version: &[u8]) -> bool {
    (3..=128).contains(&version.len())
        && version.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && version.iter().any(u8::is_ascii_digit)
        && version.contains(&b'.')
}

/// Whether the client only asks for TLS.
pub fn asks_for_tls(payload: &[u8]) -> bool {
    let mut cursor = Cursor(payload);
    match payload.len() {
        FIXED_LEN => cursor.long().is_some_and(|flags| u64::from(flags) & SSL != 0),
        5 => cursor.short().is_some_and(|flags| u64::from(flags) & (SSL | PROTOCOL_41) == SSL),
        _ => false,
    }
}

// === impl Login ===

impl<'b> Login<'b> {
    /// Reads a login request, whichever form it has.
    pub fn read(payload: &'b [u8]) -> Option<Self> {
        let flags = Cursor(payload).short()?;
        if u64::from(flags) & PROTOCOL_41 == 0 {
            Self::read_320(payload)
        } else {
            Self::read_41(payload)
        }
    }

    fn read_41(payload: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let flags = cursor.long()?;
        let packet_max = cursor.long()?;
        let collation = cursor.byte()?.into();
        let filler = cursor.take(19)?;
        let more = cursor.long()?;
        if filler.iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut all = u64::from(flags);
        if all & LONG_PASSWORD == 0 {
            all |= u64::from(more) << 32;
        }
        let mut login =
            Self { capabilities: Capabilities(all), packet_max, collation, ..Self::default() };
        if cursor.rest().is_empty() {
            return Some(login);
        }
        login.user = cursor.until_nul()?;
        // What follows may be cut short by old clients.
        let _ = login.read_rest(&mut cursor);
        Some(login)
    }

    fn read_rest(&mut self, cursor: &mut Cursor<'b>) -> Option<()> {
        let has = |flag| self.capabilities.has(flag);
        if has(PLUGIN_AUTH_LENENC) {
            cursor.text()?;
        } else if has(SECURE_CONNECTION) {
            let len = cursor.byte()?;
            cursor.take(len.into())?;
        } else {
            cursor.until_nul()?;
        }
        if self.capabilities.has(CONNECT_WITH_DB) {
            self.database = until_nul_or_end(cursor);
        }
        if self.capabilities.has(PLUGIN_AUTH) {
            self.plugin = until_nul_or_end(cursor);
        }
        if self.capabilities.has(CONNECT_ATTRS) {
            self.attributes = cursor.text_or_less()?.0;
        }
        Some(())
    }

    /// The form before 4.1: two bytes of flags, three of the largest packet.
    fn read_320(payload: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let capabilities = Capabilities(cursor.short()?.into());
        let packet_max = cursor.medium()?;
        let user = cursor.until_nul()?;
        let mut login = Self { capabilities, packet_max, user, ..Self::default() };
        if capabilities.has(CONNECT_WITH_DB) && cursor.until_nul().is_some() {
            login.database = until_nul_or_end(&mut cursor);
        }
        Some(login)
    }

    /// `COM_CHANGE_USER` behind its command byte; `known` is what the login agreed on.
    pub fn change(payload: &'b [u8], known: Option<Capabilities>) -> Option<Self> {
        let capabilities = known
            .unwrap_or(Capabilities(PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | CONNECT_ATTRS));
        let mut cursor = Cursor(payload);
        let mut login = Self { capabilities, user: cursor.until_nul()?, ..Self::default() };
        if capabilities.has(SECURE_CONNECTION) {
            let len = cursor.byte()?;
            cursor.take(len.into())?;
        } else {
            cursor.until_nul()?;
        }
        login.database = until_nul_or_end(&mut cursor);
        login.collation = cursor.short().unwrap_or_default();
        if capabilities.has(PLUGIN_AUTH) {
            login.plugin = until_nul_or_end(&mut cursor);
        }
        if capabilities.has(CONNECT_ATTRS) {
            login.attributes = cursor.text_or_less().map_or(&[], |(text, _)| text);
        }
        Some(login)
    }

    /// What may be told of it.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        if self.capabilities.0 != 0 {
            facts.integer(What::ClientCapabilities, self.capabilities.0);
        }
        if self.packet_max > 0 {
            facts.integer(What::PacketMax, self.packet_max.into());
        }
        if self.collation > 0 {
            facts.integer(What::ClientCollation, self.collation.into());
        }
        for (what, text) in [
            (What::User, self.user),
            (What::Database, self.database),
            (What::ClientPlugin, self.plugin),
        ] {
            if !text.is_empty() {
                facts.text(what, text);
            }
        }
        for (name, value) in self.attributes().take(ATTRIBUTES_MAX) {
            facts.pair(What::Attribute, name, if is_secret(name) { b"***" } else { value });
        }
        facts
    }

    fn attributes(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        let mut cursor = Cursor(self.attributes);
        std::iter::from_fn(move || Some((cursor.text()?, cursor.text()?)))
            .filter(|(name, value)| name.len() + value.len() <= ATTRIBUTE_MAX)
    }
}

fn until_nul_or_end<'b>(cursor: &mut Cursor<'b>) -> &'b [u8] {
    cursor.until_nul().unwrap_or_else(|| std::mem::take(cursor).rest())
}

/// Whether an attribute of this name is nobody's business.
fn is_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token", "credential"]
        .iter()
        .any(|word| memchr::memmem::find(&name, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(facts: &Facts, what: What) -> Option<String> {
        let found = Facts::each(facts.bytes()).find(|(w, _)| *w == what as u8)?;
        Some(found.1.escape_ascii().to_string())
    }

    fn login_41() -> Vec<u8> {
        let flags = u32::try_from(
            LONG_PASSWORD
                | PROTOCOL_41
                | SECURE_CONNECTION
                | CONNECT_WITH_DB
                | PLUGIN_AUTH
                | CONNECT_ATTRS,
        );
        let mut login = flags.unwrap().to_le_bytes().to_vec();
        login.extend([0, 0, 0, 1, 45]);
        login.extend([0; 23]);
        login.extend(b"ann\0\x04\xde\xad\xbe\xefshop\0mysql_native_password\0");
        login.extend(b"\x15\x04_pid\x0242\x08my_token\x041234");
        login
    }

    #[test]
    fn a_login_says_who_but_not_what_proves_it() {
        let bytes = login_41();
        let login = Login::read(&bytes).unwrap();
        assert_eq!((login.user, login.database), (&b"ann"[..], &b"shop"[..]));
        assert_eq!(login.plugin, b"mysql_native_password");
        let facts = login.facts();
        let has = |bytes: &[u8]| memchr::memmem::find(facts.bytes(), bytes).is_some();
        assert!(!has(b"\xde\xad\xbe\xef") && !has(b"1234") && has(b"_pid"));
    }

    #[test]
    fn half_a_login_says_half() {
        let bytes = login_41();
        for len in 0..bytes.len() {
            let _ = Login::read(&bytes[..len]);
            let _ = Login::change(&bytes[..len], None);
            let _ = greeting(&bytes[..len]);
        }
    }

    #[test]
    fn the_old_form_is_read() {
        let login = Login::read(b"\x85\x24\0\0\0ann\0scramble").unwrap();
        assert_eq!(login.user, b"ann");
        assert!(login.database.is_empty());
    }

    #[test]
    fn mariadb_has_flags_where_mysql_has_none() {
        let mut bytes =
            b"\x0a5.5.5-10.11.6-MariaDB\0\x07\0\0\0saltsalt\0\xfe\xf7\x2d\x02\0\xff\x81\x15"
                .to_vec();
        bytes.extend(b"\0\0\0\0\0\0\x1d\0\0\0twelve-bytes\0mysql_native_password\0");
        let (facts, capabilities) = greeting(&bytes).unwrap();
        assert_eq!(capabilities.0 >> 32, 0x1d);
        assert_eq!(told(&facts, What::ServerPlugin).as_deref(), Some("mysql_native_password"));
        assert_eq!(told(&facts, What::ServerVersion).as_deref(), Some("5.5.5-10.11.6-MariaDB"));
        assert!(memchr::memmem::find(facts.bytes(), b"salt").is_none());
    }

    #[test]
    fn old_greetings_are_short() {
        let (facts, _) = greeting(b"\x093.20.32\0\x01\0\0\0scramble\0").unwrap();
        assert_eq!(told(&facts, What::ServerVersion).as_deref(), Some("3.20.32"));
        assert!(
            greeting(
                b"\x0a3.23.54\0\x01\0\0\0scramble\0\x2c\0\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
            )
            .is_some()
        );
        assert!(greeting(b"\x0aHello\0\x01\0\0\0scramble\0").is_none());
    }
}
