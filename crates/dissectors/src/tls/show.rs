//! What is shown of a handshake: its line in a table, and its fields.

use std::borrow::Cow;

use model::{Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    certificate,
    fingerprint::{ja3_text, ja3s_text, ja4, md5},
    hello::{ClientHello, Extensions, ServerHello, extension, is_13, is_grease},
    names,
    record::{Alert, ENCRYPTED, Opened, View, What},
    wire::Cursor,
};

/// Types of handshake messages that are told of.
mod message {
    pub(super) const CLIENT_HELLO: u8 = 1;
    pub(super) const SERVER_HELLO: u8 = 2;
    pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(super) const CERTIFICATE: u8 = 11;
    pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(super) const CERTIFICATE_REQUEST: u8 = 13;
    pub(super) const SERVER_HELLO_DONE: u8 = 14;
    pub(super) const COMPRESSED_CERTIFICATE: u8 = 25;
}

/// `named_curve`, the only form of curves in use (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $many:literal $about:literal)*) => {
        #[derive(Clone, Copy)]
        enum Index { $($index),* }
        /// What a message tells.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: $many, about: $about,
        }),*];
    };
}

fields! {
    ProtocolName "tls.protocol.name" Text false "tls, or ssl up to version 3.0"
    ProtocolVersion "tls.protocol.version" Text false "the version agreed on: 1.2, 1.3"
    ServerName "tls.client.server_name" Text false "the name that the client asks for (SNI)"
    Versions "tls.client.supported_versions" Text true "the versions that the client offers, in its order"
    SupportedCiphers "tls.client.supported_ciphers" Text true "the cipher suites that the client offers, in its order"
    Groups "tls.client.supported_groups" Text true "the groups (curves) that the client offers, in its order"
    Schemes "tls.client.signature_algorithms" Text true "the signature schemes that the client takes, in its order"
    ClientAlpn "tls.client.alpn" Text true "the application protocols that the client offers, in its order"
    Ja3 "tls.client.ja3" Text false "JA3 fingerprint of the client's hello"
    Ja4 "tls.client.ja4" Text false "JA4 fingerprint of the client's hello"
    Ech "tls.client.ech" Bool false "true if the hello carries another, encrypted one (ECH, or ESNI before it)"
    Resumes "tls.client.resumption" Text true "how the client offers to go on with a session: session_id, ticket, psk"
    EarlyData "tls.client.early_data" Bool false "true if the client sends data before it is answered (0-RTT)"
    Cipher "tls.cipher" Text false "the cipher suite agreed on, as IANA names it"
    Curve "tls.curve" Text false "the group that keys are exchanged in: x25519, secp256r1"
    NextProtocol "tls.next_protocol" Text false "the application protocol agreed on (ALPN): h2, http/1.1"
    Ja3s "tls.server.ja3s" Text false "JA3S fingerprint of the server's hello"
    Resumed "tls.resumed" Bool false "true if an earlier session goes on"
    Established "tls.established" Bool false "true if this side was seen to be done with the handshake"
    Retry "tls.hello_retry_request" Bool false "true if the server asked for another hello"
    AsksClient "tls.client.certificate_requested" Bool false "true if the server asked for the client's certificate"
    ServerSubject "tls.server.subject" Text false "whom the server's certificate is for"
    ServerIssuer "tls.server.issuer" Text false "who issued the server's certificate"
    ServerNotBefore "tls.server.not_before" Text false "from when on the server's certificate is valid"
    ServerNotAfter "tls.server.not_after" Text false "until when the server's certificate is valid"
    ServerSerial "tls.server.serial_number" Text false "the serial number of the server's certificate, in hexadecimal"
    ServerNames "tls.server.subject_alternative_names" Text true "names and addresses that the server's certificate is for"
    ServerHash "tls.server.hash.sha256" Text false "SHA-256 of the server's certificate, in hexadecimal"
    ServerChain "tls.server.certificate_chain.subjects" Text true "the subjects of all certificates sent by the server, its own first"
    ClientSubject "tls.client.subject" Text false "whom the client's certificate is for"
    ClientIssuer "tls.client.issuer" Text false "who issued the client's certificate"
    ClientNotBefore "tls.client.not_before" Text false "from when on the client's certificate is valid"
    ClientNotAfter "tls.client.not_after" Text false "until when the client's certificate is valid"
    ClientSerial "tls.client.serial_number" Text false "the serial number of the client's certificate, in hexadecimal"
    ClientNames "tls.client.subject_alternative_names" Text true "names and addresses that the client's certificate is for"
    ClientHash "tls.client.hash.sha256" Text false "SHA-256 of the client's certificate, in hexadecimal"
    ClientChain "tls.client.certificate_chain.subjects" Text true "the subjects of all certificates sent by the client, its own first"
    AlertName "tls.alert" Text false "the alert that this side sent: unknown_ca, handshake_failure; encrypted_alert if its name is hidden"
    AlertLevel "tls.alert.level" Text false "warning or fatal"
    DecryptedBy "tls.decrypted_by" Text false "where the secrets come from that open the payload: keylog, embedded"
    NotDecrypted "tls.not_decrypted" Text false "why the payload is not opened although secrets were given: no secret, unsupported suite, unsupported version, bad record"
}

/// Fields of one side's certificate.
struct Columns {
    subject: Index,
    issuer: Index,
    not_before: Index,
    not_after: Index,
    serial: Index,
    names: Index,
    hash: Index,
    chain: Index,
}

const SERVER: Columns = Columns {
    subject: Index::ServerSubject,
    issuer: Index::ServerIssuer,
    not_before: Index::ServerNotBefore,
    not_after: Index::ServerNotAfter,
    serial: Index::ServerSerial,
    names: Index::ServerNames,
    hash: Index::ServerHash,
    chain: Index::ServerChain,
};

const CLIENT: Columns = Columns {
    subject: Index::ClientSubject,
    issuer: Index::ClientIssuer,
    not_before: Index::ClientNotBefore,
    not_after: Index::ClientNotAfter,
    serial: Index::ClientSerial,
    names: Index::ClientNames,
    hash: Index::ClientHash,
    chain: Index::ClientChain,
};

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let is_whole = request.is_none_or(|request| request.missing.is_none());
    headline_of(request.and_then(View::of), response.and_then(View::of), is_whole)
}

/// The same, of handshakes however they are carried; whether the client's half is whole.
pub fn headline_of<'m>(
    request: Option<View<'m>>,
    response: Option<View<'m>>,
    is_whole: bool,
) -> Headline<'m> {
    let is_known = is_whole || request.is_some_and(|view| view.facts.is_done);
    let Some(one) = request.or(response) else { return Headline::default() };
    let method: &[u8] = match one.facts.what {
        What::Client | What::Server => b"handshake",
        What::Alert => b"alert",
        What::BadRecord => b"record",
    };
    let hello = request.and_then(client_hello);
    let endpoint = hello.and_then(|hello| hello.server_name());
    let chosen = response.and_then(server_hello);
    Headline {
        method: Some(method.into()),
        endpoint: endpoint.map(Cow::Borrowed),
        version: chosen.as_ref().map(|hello| bytes(names::version(hello.version()))),
        status: status(request, response, chosen.as_ref(), is_known),
    }
}

/// Tells the fields.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    if let Some(view) = View::of(message) {
        tell_view(view, 't', to);
    }
}

/// The same, of a handshake however it is carried: `carrier` is JA4's letter for that.
pub fn tell_view(view: View<'_>, carrier: char, to: &mut dyn Tell) {
    let mut teller = Teller { to, carrier };
    match view.facts.what {
        What::Client => teller.client(view),
        What::Server => teller.server(view),
        What::Alert | What::BadRecord => {}
    }
    teller.facts(view);
}

/// How it ended: an alert, or as it should if the server chose.
fn status(
    request: Option<View<'_>>,
    response: Option<View<'_>>,
    chosen: Option<&ServerHello<'_>>,
    is_known: bool,
) -> Option<Status<'static>> {
    let halves = [request.map(|view| (view, "client")), response.map(|view| (view, "server"))];
    let is_13 = chosen.is_some_and(|hello| is_13(hello.version()));
    let is_chosen = chosen.is_some_and(|hello| !hello.is_retry());
    let alerts = halves
        .into_iter()
        .flatten()
        .filter_map(|(view, side)| view.facts.alert.map(|alert| (alert, side)));
    // A warning does not end a handshake that goes on.
    let ended = alerts.clone().find(|(alert, _)| alert.level != 1 || is_13 || !is_chosen);
    let ended = ended.or_else(|| alerts.clone().find(|(alert, _)| alert.description == 0));
    if let Some((alert, side)) = ended {
        let text = format!("sent by the {side}").into_bytes().into();
        return Some(Status { code: bytes(alert_name(alert)), text, outcome: Outcome::Error });
    }
    let one = request.or(response)?;
    if one.facts.what == What::BadRecord {
        let text = Cow::Borrowed(&b"can't be decrypted: bad record"[..]);
        let code = Cow::Borrowed(&b"bad_record"[..]);
        return Some(Status { code, text, outcome: Outcome::Error });
    }
    let warned = alerts.into_iter().next();
    let text = warned.map_or_else(String::new, |(alert, side)| {
        format!("the {side} warns: {}", alert_name(alert))
    });
    // What the client made of it may be among the bytes that are missing.
    let outcome = if is_known { Outcome::Ok } else { Outcome::Unknown };
    is_chosen.then(|| Status {
        code: Cow::Borrowed(b"OK"),
        text: text.into_bytes().into(),
        outcome,
    })
}

fn alert_name(alert: Alert) -> Cow<'static, str> {
    if alert.description == ENCRYPTED {
        return Cow::Borrowed("encrypted_alert");
    }
    names::alert(alert.description)
}

fn client_hello(view: View<'_>) -> Option<ClientHello<'_>> {
    let body = view.first(message::CLIENT_HELLO)?;
    if view.facts.is_ssl2 { ClientHello::read_v2(body) } else { ClientHello::read(body) }
}

/// The hello that counts: the last one, which is no request for another unless it is alone.
fn server_hello(view: View<'_>) -> Option<ServerHello<'_>> {
    view.last(message::SERVER_HELLO).and_then(ServerHello::read)
}

fn bytes(text: Cow<'static, str>) -> Cow<'static, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

struct Teller<'t> {
    to: &'t mut dyn Tell,
    carrier: char,
}

// === impl Teller ===

impl Teller<'_> {
    fn text(&mut self, index: Index, text: impl AsRef<[u8]>) {
        self.to.field(index as usize, Value::Text(text.as_ref()));
    }

    fn yes(&mut self, index: Index, is: bool) {
        if is {
            self.to.field(index as usize, Value::Bool(true));
        }
    }

    fn each<T: AsRef<[u8]>>(&mut self, index: Index, texts: impl Iterator<Item = T>) {
        texts.for_each(|text| self.text(index, text));
    }

    fn facts(&mut self, view: View<'_>) {
        if let Some(alert) = view.facts.alert {
            self.text(Index::AlertName, alert_name(alert).as_bytes());
            self.text(Index::AlertLevel, if alert.level == 1 { "warning" } else { "fatal" });
        }
        self.yes(Index::Established, view.facts.is_done);
        match view.facts.opened {
            Opened::Unsaid => {}
            opened if opened.is_open() => self.text(Index::DecryptedBy, opened.word()),
            opened => self.text(Index::NotDecrypted, opened.word()),
        }
    }

    fn client(&mut self, view: View<'_>) {
        if let Some(hello) = client_hello(view) {
            self.client_hello(&hello);
        }
        self.certificates(view, &CLIENT);
    }

    fn client_hello(&mut self, hello: &ClientHello<'_>) {
        let named = |number: &u16| !is_grease(*number);
        if let Some(name) = hello.server_name() {
            self.text(Index::ServerName, name);
        }
        self.each(Index::Versions, hello.versions().map(names::version).map(bytes));
        self.each(
            Index::SupportedCiphers,
            hello.suites().filter(named).map(names::suite).map(bytes),
        );
        self.each(Index::Groups, hello.groups().filter(named).map(names::group).map(bytes));
        let schemes = hello.signature_schemes().filter(named);
        self.each(Index::Schemes, schemes.map(names::signature_scheme).map(bytes));
        self.each(Index::ClientAlpn, hello.extensions.alpn());
        self.text(Index::Ja3, md5(&ja3_text(hello)));
        self.text(Index::Ja4, ja4(self.carrier, hello));
        let has = |number| hello.extensions.find(number).is_some();
        self.yes(
            Index::Ech,
            has(extension::ENCRYPTED_CLIENT_HELLO) || has(extension::ENCRYPTED_SERVER_NAME),
        );
        let has_psk = has(extension::PRE_SHARED_KEY);
        let speaks_13 = hello.versions().any(is_13);
        let offers = [
            ("session_id", !hello.session_id.is_empty() && !speaks_13),
            ("ticket", hello.has_ticket()),
            ("psk", has_psk),
        ];
        let offers = offers.iter().filter(|(_, is)| *is).map(|(word, _)| word);
        self.each(Index::Resumes, offers);
        self.yes(Index::EarlyData, has(extension::EARLY_DATA));
    }

    fn server(&mut self, view: View<'_>) {
        if let Some(hello) = server_hello(view) {
            self.server_hello(view, &hello);
        }
        let is_retry = |body| ServerHello::read(body).is_some_and(|hello| hello.is_retry());
        self.yes(Index::Retry, view.first(message::SERVER_HELLO).is_some_and(is_retry));
        self.yes(Index::AsksClient, view.first(message::CERTIFICATE_REQUEST).is_some());
        self.certificates(view, &SERVER);
    }

    fn server_hello(&mut self, view: View<'_>, hello: &ServerHello<'_>) {
        self.text(Index::ProtocolName, names::family(hello.version()));
        self.text(Index::ProtocolVersion, names::version(hello.version()).as_bytes());
        self.text(Index::Cipher, names::suite(hello.suite).as_bytes());
        if let Some(group) = hello.group().or_else(|| curve(view, hello.suite)) {
            self.text(Index::Curve, names::group(group).as_bytes());
        }
        let hidden = view.first(message::ENCRYPTED_EXTENSIONS).map(Extensions::of_message);
        let mut chosen = hello.extensions.alpn().chain(hidden.into_iter().flat_map(|h| h.alpn()));
        if let Some(name) = chosen.next() {
            self.text(Index::NextProtocol, name);
        }
        self.text(Index::Ja3s, md5(&ja3s_text(hello)));
        self.to.field(Index::Resumed as usize, Value::Bool(is_resumed(view, hello)));
    }

    fn certificates(&mut self, view: View<'_>, columns: &Columns) {
        let hidden = view.first(message::COMPRESSED_CERTIFICATE);
        let hidden = hidden.and_then(certificate::decompressed);
        let Some(body) = view.first(message::CERTIFICATE).or(hidden.as_deref()) else { return };
        let own = certificate::chain(body).next();
        if let Some(facts) = own.and_then(certificate::Facts::of) {
            self.text(columns.subject, &facts.subject);
            self.text(columns.issuer, &facts.issuer);
            self.text(columns.not_before, &facts.not_before);
            self.text(columns.not_after, &facts.not_after);
            self.text(columns.serial, &facts.serial);
            self.each(columns.names, facts.names.iter());
            self.text(columns.hash, &facts.sha256);
        }
        let subjects = certificate::chain(body).map(certificate::subject);
        self.each(columns.chain, subjects.map(|subject| subject.unwrap_or_else(|| "?".into())));
    }
}

/// Whether a session goes on: by a key that was agreed on before (RFC 8446 §2.2), or, until TLS 1.2,
/// since the server was done without a word after its hello (RFC 5246 §7.3).
fn is_resumed(view: View<'_>, hello: &ServerHello<'_>) -> bool {
    if is_13(hello.version()) {
        return hello.extensions.find(extension::PRE_SHARED_KEY).is_some();
    }
    view.facts.is_done && view.first(message::SERVER_HELLO_DONE).is_none()
}

/// The curve in a server's key exchange (RFC 8422 §5.4).
fn curve(view: View<'_>, suite: u16) -> Option<u16> {
    let name = names::known_suite(suite)?;
    if !name.starts_with("TLS_ECDH") || name.contains("PSK") {
        return None;
    }
    let mut cursor = Cursor(view.first(message::SERVER_KEY_EXCHANGE)?);
    cursor.u8().filter(|kind| *kind == NAMED_CURVE)?;
    cursor.u16()
}
