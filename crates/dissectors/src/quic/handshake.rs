//! What a handshake says to the connection it is on: whose secrets are looked for, and what they are
//! for.

use dissect::Secrets;
use model::{Cover, Side};

use crate::tls::{
    hello::{ClientHello, Extensions, ServerHello, extension},
    keys::Suite,
    names,
    record::Opened,
};

/// Suites of TLS 1.3 that early data may be under.
const SUITES_MAX: usize = 8;

/// Types of handshake messages that are looked into.
pub mod message {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub const FINISHED: u8 = 20;
}

/// What was learnt of a handshake.
#[derive(Debug, Default)]
pub struct Handshake {
    client_random: Vec<u8>,
    server_name: String,
    /// The suites that early data may be under.
    offered: Vec<u16>,
    /// What is offered first, until something is chosen.
    alpn: Vec<u8>,
    /// The client sends before it is answered.
    pub is_early: bool,
    /// The suite that was chosen.
    pub suite: Option<u16>,
    /// How what follows is opened.
    pub opened: Opened,
}

/// What a message changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum News {
    /// A client offers something.
    Asked,
    /// The server chose: keys can be made.
    Chosen,
    /// Early data was for nothing.
    EarlyRefused,
    /// The side is done.
    Finished,
    /// Nothing.
    Nothing,
}

/// For what a secret is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// What a client sends before it is answered.
    Early,
    /// The handshake.
    Handshake,
    /// Everything after it.
    App,
}

// === impl Handshake ===

impl Handshake {
    /// A whole message of `from`.
    pub fn hear(&mut self, from: Side, kind: u8, body: &[u8]) -> News {
        match (from, kind) {
            (Side::Client, message::CLIENT_HELLO) => self.hear_client(body),
            (Side::Server, message::SERVER_HELLO) => self.hear_server(body),
            (Side::Server, message::ENCRYPTED_EXTENSIONS) => self.hear_extensions(body),
            (_, message::FINISHED) => News::Finished,
            _ => News::Nothing,
        }
    }

    /// The secret of `from` for a purpose, if it was given, and where it came from.
    pub fn secret<'s>(
        &self,
        from: Side,
        purpose: Purpose,
        secrets: &'s Secrets,
    ) -> Option<(&'s [u8], &'static str)> {
        let label = match (purpose, from) {
            (Purpose::Early, _) => "CLIENT_EARLY_TRAFFIC_SECRET",
            (Purpose::Handshake, Side::Client) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            (Purpose::Handshake, Side::Server) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            (Purpose::App, Side::Client) => "CLIENT_TRAFFIC_SECRET_0",
            (Purpose::App, Side::Server) => "SERVER_TRAFFIC_SECRET_0",
        };
        if self.client_random.is_empty() {
            return None;
        }
        let find = |label: &str| secrets.find(label, &self.client_random);
        // Early drafts named them apart.
        find(label).or_else(|| find(&format!("QUIC_{label}")))
    }

    /// The suites that packets for a purpose may be under.
    pub fn suites(&self, purpose: Purpose) -> impl Iterator<Item = Suite> + '_ {
        let offered = if purpose == Purpose::Early { &self.offered[..] } else { &[] };
        let chosen = self.suite.filter(|_| purpose != Purpose::Early);
        offered.iter().copied().chain(chosen).filter_map(Suite::of)
    }

    /// Whether a client's hello was heard.
    pub fn is_begun(&self) -> bool {
        !self.client_random.is_empty()
    }

    /// The name that the client asks for; empty where there is none.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// What payload is wrapped in.
    pub fn cover(&self) -> Cover {
        let suite = self.suite.map_or_else(String::new, |suite| names::suite(suite).into());
        Cover {
            decrypted_by: self.opened.word(),
            server_name: self.server_name.clone(),
            // The only one in QUIC (RFC 9001 §4.2).
            version: "1.3".into(),
            alpn: String::from_utf8_lossy(&self.alpn).into(),
            cipher: suite,
        }
    }

    fn hear_client(&mut self, body: &[u8]) -> News {
        let Some(hello) = ClientHello::read(body) else { return News::Nothing };
        hello.random.clone_into(&mut self.client_random);
        self.server_name = String::from_utf8_lossy(hello.server_name().unwrap_or_default()).into();
        self.offered = hello.suites().filter(|suite| suite >> 8 == 0x13).take(SUITES_MAX).collect();
        self.alpn = hello.extensions.alpn().next().unwrap_or_default().to_vec();
        self.is_early = hello.extensions.find(extension::EARLY_DATA).is_some();
        News::Asked
    }

    fn hear_server(&mut self, body: &[u8]) -> News {
        let Some(hello) = ServerHello::read(body) else { return News::Nothing };
        if hello.is_retry() {
            return News::Nothing;
        }
        self.suite = Some(hello.suite);
        News::Chosen
    }

    fn hear_extensions(&mut self, body: &[u8]) -> News {
        let extensions = Extensions::of_message(body);
        if let Some(alpn) = extensions.alpn().next() {
            alpn.clone_into(&mut self.alpn);
        }
        if self.is_early && extensions.find(extension::EARLY_DATA).is_none() {
            return News::EarlyRefused;
        }
        News::Nothing
    }
}
