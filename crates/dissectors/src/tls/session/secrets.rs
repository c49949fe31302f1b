//! Secrets of a handshake are found and made into keys.

use dissect::Secrets;
use model::Side;

use super::{
    Session,
    direction::{Next, Stage},
};
use crate::tls::{
    hello::is_13,
    keys::{self, Randoms, Suite, Traffic},
    record::Opened,
    talk::Chosen,
};

impl Session {
    /// Looks for the secrets of this handshake and makes keys of them.
    pub(super) fn find_keys(&mut self, secrets: &Secrets) -> Opened {
        self.secrets_version = secrets.version();
        if secrets.version() == 0 {
            return Opened::Unsaid;
        }
        let Some(chosen) = self.chosen.clone() else { return Opened::Unsaid };
        let Some(suite) = Suite::of(chosen.suite) else { return Opened::UnknownSuite };
        if is_13(chosen.version) {
            return self.find_traffic(&chosen, suite, secrets);
        }
        if !(0x0301..=0x0303).contains(&chosen.version) {
            return Opened::UnknownVersion;
        }
        let randoms = Randoms { client: self.client_random, server: chosen.random };
        let Some((master, origin)) = self.find_master(&chosen, suite, &randoms, secrets) else {
            return Opened::NoSecret;
        };
        let etm = chosen.encrypt_then_mac;
        match keys::openers(chosen.version, suite, &master, &randoms, etm) {
            Some([client, server]) => {
                self.directions[Side::Client as usize].next = Next::Cipher(client);
                self.directions[Side::Server as usize].next = Next::Cipher(server);
                Opened::by(origin)
            }
            None => Opened::NoSecret,
        }
    }

    fn find_master(
        &self,
        chosen: &Chosen,
        suite: Suite,
        randoms: &Randoms,
        secrets: &Secrets,
    ) -> Option<(Vec<u8>, &'static str)> {
        if let Some((master, origin)) = secrets.find("CLIENT_RANDOM", &self.client_random) {
            return Some((master.to_vec(), origin));
        }
        let by_id = self.premaster.and_then(|id| secrets.find("RSA", &id));
        let (premaster, origin) =
            by_id.or_else(|| secrets.find("PMS_CLIENT_RANDOM", &self.client_random))?;
        (!chosen.extended_master_secret)
            .then(|| (keys::master_secret(chosen.version, suite, premaster, randoms), origin))
    }

    fn find_traffic(&mut self, chosen: &Chosen, suite: Suite, secrets: &Secrets) -> Opened {
        let find = |label: &str| {
            let (secret, origin) = secrets.find(label, &self.client_random)?;
            Some((Traffic::new(chosen.version, suite, secret)?, origin))
        };
        let found = [
            [find("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), find("CLIENT_TRAFFIC_SECRET_0")],
            [find("SERVER_HANDSHAKE_TRAFFIC_SECRET"), find("SERVER_TRAFFIC_SECRET_0")],
        ];
        let mut origin = None;
        for (direction, found) in self.directions.iter_mut().zip(found) {
            // A handshake that failed has no secret for payload.
            let [Some((handshake, from)), payload] = found else { continue };
            origin = Some(from);
            let handshake = Stage { traffic: handshake, is_payload: false };
            let payload = payload.map(|(traffic, _)| Stage { traffic, is_payload: true });
            let mut stages = Vec::from_iter(payload);
            if direction.opener.is_some() {
                // Early data goes on until the client says so.
                stages.insert(0, handshake);
            } else {
                direction.enter(handshake);
            }
            direction.next = Next::Secrets(stages);
        }
        origin.map_or(Opened::NoSecret, Opened::by)
    }
}
