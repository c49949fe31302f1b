//! Hellos: views over the two messages that begin a handshake, checked once.
//!
//! RFC 8446 §4.1, RFC 5246 §7.4.1; extensions RFC 6066 and the registry of IANA.

use super::wire::{Cursor, numbers};

/// The random of a server hello that is a request to try again (RFC 8446 §4.1.3).
pub const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Numbers of extensions that are looked into.
pub mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const EC_POINT_FORMATS: u16 = 11;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const ENCRYPT_THEN_MAC: u16 = 22;
    pub const EXTENDED_MASTER_SECRET: u16 = 23;
    pub const SESSION_TICKET: u16 = 35;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const EARLY_DATA: u16 = 42;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const KEY_SHARE: u16 = 51;
    pub const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// What a client offers.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'b> {
    /// The highest version it speaks, if it speaks none above TLS 1.2.
    pub version: u16,
    /// Names its secrets in key logs.
    pub random: &'b [u8],
    /// The session it wants to go on with; anything in TLS 1.3.
    pub session_id: &'b [u8],
    suites: &'b [u8],
    /// Bytes of a suite: three in a hello of SSL 2.0.
    suite_len: usize,
    /// What else it says.
    pub extensions: Extensions<'b>,
}

/// What a server chose.
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'b> {
    /// TLS 1.2 for TLS 1.3, too.
    legacy_version: u16,
    /// Or [`RETRY`].
    pub random: &'b [u8; 32],
    /// The suite.
    pub suite: u16,
    /// What else it says.
    pub extensions: Extensions<'b>,
}

/// The extensions of a hello.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'b>(pub &'b [u8]);

/// Whether a number is one of those that say nothing, to keep servers tolerant (RFC 8701).
pub fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

// === impl ClientHello ===

impl<'b> ClientHello<'b> {
    /// The hello in the body of a handshake message.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let version = cursor.u16()?;
        let random = cursor.take(32)?;
        let session_id = cursor.vec8().filter(|id| id.len() <= 32)?;
        let suites = cursor.vec16().filter(|suites| suites.len().is_multiple_of(2))?;
        cursor.vec8().filter(|methods| !methods.is_empty())?;
        let extensions = Extensions::read(cursor)?;
        Some(Self { version, random, session_id, suites, suite_len: 2, extensions })
    }

    /// A hello in the form of SSL 2.0, behind its length (RFC 5246 appendix E.2).
    pub fn read_v2(message: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(message);
        cursor.u8().filter(|kind| *kind == 1)?;
        let version = cursor.u16()?;
        let (suites, session_id, challenge) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        let suites = cursor.take(usize::from(suites)).filter(|s| s.len().is_multiple_of(3))?;
        let session_id = cursor.take(usize::from(session_id))?;
        let random =
            cursor.take(usize::from(challenge)).filter(|r| (16..=32).contains(&r.len()))?;
        let extensions = Extensions::default();
        (cursor.0.is_empty() && version >> 8 == 3).then_some(Self {
            version,
            random,
            session_id,
            suites,
            suite_len: 3,
            extensions,
        })
    }

    /// The suites it offers, in its order.
    pub fn suites(&self) -> impl Iterator<Item = u16> + 'b {
        self.suites.chunks_exact(self.suite_len).filter_map(|suite| match *suite {
            [high, low] | [0, high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        })
    }

    /// The versions it offers, in its order.
    pub fn versions(&self) -> impl Iterator<Item = u16> + 'b {
        let listed = self.extensions.find(extension::SUPPORTED_VERSIONS);
        let listed = listed.and_then(|data| Cursor(data).vec8()).unwrap_or_default();
        let alone = listed.is_empty().then_some(self.version);
        numbers(listed).filter(|version| !is_grease(*version)).chain(alone)
    }

    /// The name of the server it wants.
    pub fn server_name(&self) -> Option<&'b [u8]> {
        let data = self.extensions.find(extension::SERVER_NAME)?;
        let mut names = Cursor(Cursor(data).vec16()?);
        let kind = names.u8()?;
        names.vec16().filter(|name| kind == 0 && !name.is_empty())
    }

    /// The groups it offers, in its order.
    pub fn groups(&self) -> impl Iterator<Item = u16> + Clone + 'b {
        self.extensions.list(extension::SUPPORTED_GROUPS)
    }

    /// The signature schemes it takes, in its order.
    pub fn signature_schemes(&self) -> impl Iterator<Item = u16> + Clone + 'b {
        self.extensions.list(extension::SIGNATURE_ALGORITHMS)
    }

    /// The point formats it takes.
    pub fn point_formats(&self) -> &'b [u8] {
        let data = self.extensions.find(extension::EC_POINT_FORMATS);
        data.and_then(|data| Cursor(data).vec8()).unwrap_or_default()
    }

    /// Whether it offers to go on with a session of TLS 1.2 by a ticket.
    pub fn has_ticket(&self) -> bool {
        self.extensions.find(extension::SESSION_TICKET).is_some_and(|ticket| !ticket.is_empty())
    }
}

// === impl ServerHello ===

impl<'b> ServerHello<'b> {
    /// The hello in the body of a handshake message.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(body);
        let legacy_version = cursor.u16()?;
        let random = cursor.array()?;
        // Drafts of TLS 1.3 before the 22nd have neither a session nor a compression method.
        let is_old_draft = legacy_version >> 8 == 0x7f;
        if !is_old_draft {
            cursor.vec8().filter(|session_id| session_id.len() <= 32)?;
        }
        let suite = cursor.u16()?;
        if !is_old_draft {
            cursor.u8()?;
        }
        let extensions = Extensions::read(cursor)?;
        Some(Self { legacy_version, random, suite, extensions })
    }

    /// The version in its old place: TLS 1.2 for TLS 1.3.
    pub fn legacy_version(&self) -> u16 {
        self.legacy_version
    }

    /// The version that is spoken.
    pub fn version(&self) -> u16 {
        let chosen = self.extensions.find(extension::SUPPORTED_VERSIONS);
        chosen.and_then(|data| Cursor(data).u16()).unwrap_or(self.legacy_version)
    }

    /// Whether it only says what the client should have said (RFC 8446 §4.1.4).
    pub fn is_retry(&self) -> bool {
        *self.random == RETRY
    }

    /// The group that was chosen, in TLS 1.3.
    pub fn group(&self) -> Option<u16> {
        Cursor(self.extensions.find(extension::KEY_SHARE)?).u16()
    }
}

/// Whether a version is TLS 1.3, drafts of it included.
pub fn is_13(version: u16) -> bool {
    version == 0x0304 || version >> 8 == 0x7f
}

// === impl Extensions ===

impl<'b> Extensions<'b> {
    /// The rest of a hello: nothing, or a vector.
    fn read(mut cursor: Cursor<'b>) -> Option<Self> {
        if cursor.0.is_empty() {
            return Some(Self::default());
        }
        cursor.vec16().map(Self)
    }

    /// Those in the body of `EncryptedExtensions` (RFC 8446 §4.3.1).
    pub fn of_message(body: &'b [u8]) -> Self {
        Cursor(body).vec16().map_or_else(Self::default, Self)
    }

    /// The data of the first extension with this number.
    pub fn find(self, number: u16) -> Option<&'b [u8]> {
        self.into_iter().find(|(n, _)| *n == number).map(|(_, data)| data)
    }

    /// The names of protocols in an ALPN extension (RFC 7301 §3.1).
    pub fn alpn(self) -> impl Iterator<Item = &'b [u8]> {
        let data = self.find(extension::ALPN).and_then(|data| Cursor(data).vec16());
        let mut names = Cursor(data.unwrap_or_default());
        std::iter::from_fn(move || names.vec8())
    }

    /// The numbers in an extension that is a vector of them.
    fn list(self, number: u16) -> impl Iterator<Item = u16> + Clone + 'b {
        let data = self.find(number).and_then(|data| Cursor(data).vec16());
        numbers(data.unwrap_or_default())
    }
}

impl<'b> IntoIterator for Extensions<'b> {
    type Item = (u16, &'b [u8]);
    type IntoIter = Each<'b>;

    fn into_iter(self) -> Each<'b> {
        Each(Cursor(self.0))
    }
}

/// Extensions one by one: number and data.
#[derive(Clone, Debug)]
pub struct Each<'b>(Cursor<'b>);

impl<'b> Iterator for Each<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.u16()?, self.0.vec16()?))
    }
}
