//! What handshake messages say to the connection they are on.

use model::Side;

use crate::tls::{
    hello::{ClientHello, Extensions, ServerHello, extension},
    session::Session,
};

/// Types of handshake messages that change how records are read.
pub mod message {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const END_OF_EARLY_DATA: u8 = 5;
    pub const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub const FINISHED: u8 = 20;
}

/// What a handshake message says to the connection.
pub enum News {
    Client(Option<Box<Session>>),
    Server(Option<Chosen>),
    Extensions { early_data: bool, alpn: Vec<u8> },
    Premaster([u8; 8]),
    EndOfEarlyData,
    Finished,
    Other,
}

/// What a server chose, as far as records depend on it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The version.
    pub version: u16,
    /// The suite.
    pub suite: u16,
    /// The server's random.
    pub random: [u8; 32],
    /// MACs are over what is encrypted (RFC 7366).
    pub encrypt_then_mac: bool,
    /// The master secret depends on all of the handshake (RFC 7627).
    pub extended_master_secret: bool,
    /// The client shall say hello again.
    pub is_retry: bool,
    /// The protocol inside (RFC 7301); empty where it is said later, or not.
    pub alpn: Vec<u8>,
}

// === impl News ===

impl News {
    pub fn of(from: Side, kind: u8, body: &[u8]) -> Self {
        match (from, kind) {
            (Side::Client, message::CLIENT_HELLO) => {
                Self::Client(ClientHello::read(body).map(|hello| Box::new(Session::new(&hello))))
            }
            (Side::Server, message::SERVER_HELLO) => {
                Self::Server(ServerHello::read(body).map(|hello| Chosen::of(&hello)))
            }
            (Side::Server, message::ENCRYPTED_EXTENSIONS) => {
                let extensions = Extensions::of_message(body);
                Self::Extensions {
                    early_data: extensions.find(extension::EARLY_DATA).is_some(),
                    alpn: extensions.alpn().next().unwrap_or_default().to_vec(),
                }
            }
            (Side::Client, message::CLIENT_KEY_EXCHANGE) => {
                // RFC 5246 §7.4.7.1: what a key log calls it by is its start.
                let id = body.get(2..).and_then(|sealed| sealed.first_chunk());
                id.map_or(Self::Other, |id| Self::Premaster(*id))
            }
            (Side::Client, message::END_OF_EARLY_DATA) => Self::EndOfEarlyData,
            (_, message::FINISHED) => Self::Finished,
            _ => Self::Other,
        }
    }
}

// === impl Chosen ===

impl Chosen {
    fn of(hello: &ServerHello<'_>) -> Self {
        let has = |number| hello.extensions.find(number).is_some();
        Self {
            version: hello.version(),
            suite: hello.suite,
            random: *hello.random,
            encrypt_then_mac: has(extension::ENCRYPT_THEN_MAC),
            extended_master_secret: has(extension::EXTENDED_MASTER_SECRET),
            is_retry: hello.is_retry(),
            alpn: hello.extensions.alpn().next().unwrap_or_default().to_vec(),
        }
    }
}
