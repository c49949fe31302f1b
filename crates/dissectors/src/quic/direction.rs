//! The packets of one side: the keys of each kind, and the numbers.

use super::{
    keys::{Keys, Seal, Secret},
    version::Version,
    wire::Kind,
};

/// Keys updated at once, at most, where packets in between were not seen.
const UPDATES_MAX: usize = 4;
/// Set in the first byte of a short header: under which of two keys (RFC 9001 §6).
const PHASE: u8 = 0x04;
/// Packets in a row that can't be opened, after which key updates are not looked for any more.
const BAD_MAX: u32 = 256;

/// One side.
#[derive(Debug, Default)]
pub struct Direction {
    initial: Option<(Version, Keys)>,
    /// Keys for what a client sends before it is answered; several until one is proved.
    pub early: Vec<Keys>,
    /// The same, in the handshake.
    pub handshake: Option<Keys>,
    app: Option<App>,
    /// The highest number in each of three spaces (RFC 9000 §12.3).
    largest: [Option<u64>; 3],
    /// Packets in a row that could not be opened.
    bad: u32,
    /// Something was opened that is no Initial packet.
    is_proved: bool,
}

/// Keys after the handshake.
struct App {
    keys: Keys,
    /// What makes the next keys.
    secret: Secret,
    /// The keys before: packets overtake each other.
    last: Option<Seal>,
    phase: u8,
}

// === impl Direction ===

impl Direction {
    /// Initial packets are under these keys.
    pub fn set_initial(&mut self, version: Version, keys: Keys) {
        self.initial = Some((version, keys));
    }

    /// The version that the keys of Initial packets are for.
    pub fn initial_version(&self) -> Option<Version> {
        self.initial.as_ref().map(|(version, _)| *version)
    }

    /// Packets after the handshake are under this secret.
    pub fn set_app(&mut self, secret: Secret) {
        let Some(keys) = secret.keys() else { return };
        self.app = Some(App { keys, secret, last: None, phase: 0 });
    }

    /// Whether there are keys for packets of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Initial => self.initial.is_some(),
            Kind::Early => !self.early.is_empty(),
            Kind::Handshake => self.handshake.is_some(),
            Kind::Short => self.app.is_some(),
            Kind::Retry => false,
        }
    }

    /// Opens a packet and appends its payload to `out`; whether that could be done.
    pub fn open(&mut self, kind: Kind, bytes: &[u8], number_at: usize, out: &mut Vec<u8>) -> bool {
        let space = match kind {
            Kind::Initial | Kind::Retry => 0,
            Kind::Handshake => 1,
            Kind::Early | Kind::Short => 2,
        };
        let largest = self.largest.get(space).copied().flatten();
        let opened = match (kind, &mut self.app) {
            (Kind::Short, Some(app)) => app.open(bytes, number_at, largest, self.bad, out),
            (Kind::Short, None) => None,
            (Kind::Early, _) => self.open_early(bytes, number_at, largest, out),
            _ => self.keys(kind).and_then(|keys| keys.open(bytes, number_at, largest, out)),
        };
        let Some(number) = opened else {
            self.bad = self.bad.saturating_add(1);
            return false;
        };
        self.bad = 0;
        self.is_proved |= kind != Kind::Initial;
        if let Some(known) = self.largest.get_mut(space) {
            *known = Some(known.map_or(number, |known| known.max(number)));
        }
        true
    }

    /// Whether secrets were given for packets that they don't open.
    pub fn is_hopeless(&self) -> bool {
        !self.is_proved && self.bad > 2
    }

    /// Nothing before the handshake's end comes any more.
    pub fn let_go(&mut self) {
        (self.initial, self.early, self.handshake) = (None, Vec::new(), None);
    }

    fn keys(&self, kind: Kind) -> Option<&Keys> {
        match kind {
            Kind::Initial => self.initial.as_ref().map(|(_, keys)| keys),
            _ => self.handshake.as_ref(),
        }
    }

    /// Under one of the suites that were offered.
    fn open_early(
        &mut self,
        bytes: &[u8],
        number_at: usize,
        largest: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Option<u64> {
        let mut open = |keys: &Keys| keys.open(bytes, number_at, largest, out);
        let (at, number) =
            self.early.iter().map(&mut open).enumerate().find_map(|(at, n)| Some((at, n?)))?;
        let proved = self.early.swap_remove(at);
        self.early = vec![proved];
        Some(number)
    }
}

// === impl App ===

impl App {
    /// Opens a packet: under the keys at hand, those before, or those after them.
    fn open(
        &mut self,
        bytes: &[u8],
        number_at: usize,
        largest: Option<u64>,
        bad: u32,
        out: &mut Vec<u8>,
    ) -> Option<u64> {
        let unmasked = self.keys.header.unmask(bytes, number_at)?;
        let number = unmasked.full(largest);
        let phase = unmasked.first & PHASE;
        if phase == self.phase
            && self.keys.seal.open(bytes, number_at, &unmasked, number, out).is_some()
        {
            return Some(number);
        }
        if phase != self.phase
            && let Some(last) = &self.last
            && last.open(bytes, number_at, &unmasked, number, out).is_some()
        {
            return Some(number);
        }
        if bad >= BAD_MAX {
            return None;
        }
        let mut secret = self.secret.clone();
        for turn in 1..=UPDATES_MAX {
            secret = secret.updated();
            let turned = if turn % 2 == 1 { phase != self.phase } else { phase == self.phase };
            if !turned {
                continue;
            }
            let seal = secret.seal()?;
            if seal.open(bytes, number_at, &unmasked, number, out).is_some() {
                self.last = Some(std::mem::replace(&mut self.keys.seal, seal));
                (self.secret, self.phase) = (secret, phase);
                return Some(number);
            }
        }
        None
    }
}

// === impl Debug ===

impl std::fmt::Debug for App {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("phase", &self.phase).finish_non_exhaustive()
    }
}
