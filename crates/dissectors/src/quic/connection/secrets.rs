//! Secrets of a connection are found and made into keys.

use dissect::Sink;
use model::Side;

use super::Connection;
use crate::{
    quic::{handshake::Purpose, keys::Secret, wire::Kind},
    tls::record::Opened,
};

impl Connection {
    /// Looks for the secrets of this handshake and makes keys of them.
    pub(super) fn find_keys(&mut self, sink: &Sink<'_, '_>) {
        let secrets = sink.secrets();
        self.secrets_version = secrets.version();
        if secrets.version() == 0 || !self.handshake.is_begun() {
            return;
        }
        let mut origin = self.find_early(sink);
        for from in [Side::Client, Side::Server] {
            for purpose in [Purpose::Handshake, Purpose::App] {
                let found = self.handshake.secret(from, purpose, secrets);
                let suite = self.handshake.suites(purpose).next();
                let (Some((bytes, by)), Some(suite)) = (found, suite) else { continue };
                let Some(secret) = Secret::new(self.version, suite, bytes) else { continue };
                origin = Some(by);
                let direction = &mut self.directions[from as usize];
                match purpose {
                    Purpose::App if direction.has(Kind::Short) => {}
                    Purpose::App => direction.set_app(secret),
                    _ => direction.handshake = secret.keys(),
                }
            }
        }
        self.late.look_again();
        self.handshake.opened = match (origin, self.handshake.suite) {
            (Some(origin), _) => Opened::by(origin),
            (None, None) => Opened::Unsaid,
            (None, Some(_)) if self.handshake.suites(Purpose::App).next().is_none() => {
                Opened::UnknownSuite
            }
            (None, Some(_)) => Opened::NoSecret,
        };
    }

    /// The keys for what the client sends before it is answered; where the secret came from.
    fn find_early(&mut self, sink: &Sink<'_, '_>) -> Option<&'static str> {
        if !self.handshake.is_early {
            return None;
        }
        let (bytes, origin) =
            self.handshake.secret(Side::Client, Purpose::Early, sink.secrets())?;
        let direction = &mut self.directions[Side::Client as usize];
        if !direction.has(Kind::Early) {
            let suites = self.handshake.suites(Purpose::Early);
            let secrets = suites.filter_map(|suite| Secret::new(self.version, suite, bytes));
            direction.early = secrets.filter_map(|secret| secret.keys()).collect();
        }
        Some(origin)
    }
}
