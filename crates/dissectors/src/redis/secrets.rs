//! Which arguments of a command are secrets, so that they are never written down.
//!
//! Rather one argument too many is hidden than one too few.

/// What stands in the place of a secret.
pub const HIDDEN: &[u8] = b"$3\r\n***\r\n";

/// Watches the arguments of one command go by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secrets {
    habit: Habit,
    /// Bit n: the n-th argument from here is a secret.
    ahead: u8,
}

/// Where a command carries secrets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Habit {
    /// Nowhere.
    #[default]
    None,
    /// `AUTH [user] password`.
    Auth,
    /// `HELLO 3 AUTH user password`.
    Hello,
    /// `MIGRATE … AUTH password`, `AUTH2 user password`.
    Migrate,
    /// `CONFIG SET name value …`, `SENTINEL SET master name value …`: the value of a telling name.
    Settings,
    /// `ACL SETUSER user >password <password #hash !hash …`.
    Rules,
    /// `CONFIG`, `SENTINEL`, `ACL` before their second word.
    Undecided,
}

// === impl Secrets ===

impl Secrets {
    /// For the command `name`.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let (Some(first), 3..=8) = (name.first(), name.len()) else { return Self::default() };
        let habit = match first | 0x20 {
            b'a' if name.eq_ignore_ascii_case(b"auth") => Habit::Auth,
            b'a' if name.eq_ignore_ascii_case(b"acl") => Habit::Undecided,
            b'c' if name.eq_ignore_ascii_case(b"config") => Habit::Undecided,
            b'h' if name.eq_ignore_ascii_case(b"hello") => Habit::Hello,
            b'm' if name.eq_ignore_ascii_case(b"migrate") => Habit::Migrate,
            b's' if name.eq_ignore_ascii_case(b"sentinel") => Habit::Undecided,
            _ => Habit::None,
        };
        Self { habit, ahead: 0 }
    }

    /// Whether the argument at `index` (the name is at 0) of `count` is a secret. Must be asked of
    /// each in order; `argument` is `None` for one that is too large to be looked at.
    #[inline]
    pub fn hides(&mut self, index: u32, count: u32, argument: Option<&[u8]>) -> bool {
        if self.habit == Habit::None || index == 0 {
            return false;
        }
        self.look(index, count, argument)
    }

    fn look(&mut self, index: u32, count: u32, argument: Option<&[u8]>) -> bool {
        let hidden = self.ahead & 1 == 1;
        self.ahead >>= 1;
        let text = argument.unwrap_or_default();
        match self.habit {
            Habit::None => {}
            Habit::Auth => return count != 3 || index != 1,
            Habit::Rules => {
                return index > 2
                    && argument.is_none_or(|a| matches!(a, [b'>' | b'<' | b'#' | b'!', ..]));
            }
            Habit::Hello if text.eq_ignore_ascii_case(b"auth") => self.ahead |= 0b10,
            Habit::Migrate if text.eq_ignore_ascii_case(b"auth") => self.ahead |= 0b01,
            Habit::Migrate if text.eq_ignore_ascii_case(b"auth2") => self.ahead |= 0b10,
            Habit::Settings if names_a_secret(text) => self.ahead |= 0b01,
            Habit::Hello | Habit::Migrate | Habit::Settings => {}
            Habit::Undecided if text.eq_ignore_ascii_case(b"setuser") => self.habit = Habit::Rules,
            Habit::Undecided if text.eq_ignore_ascii_case(b"set") => self.habit = Habit::Settings,
            Habit::Undecided => {}
        }
        hidden
    }
}

/// Whether the value of the setting `name` is a secret: `requirepass`, `masterauth`, `auth-pass`,
/// `tls-key-file-pass` and what else speaks of it.
pub fn names_a_secret(name: &[u8]) -> bool {
    name.len() <= 64 && (holds(name, b"pass") || holds(name, b"auth"))
}

/// The same for text of which it is not known whether it is the name of a setting.
pub fn surely_names_a_secret(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"requirepass") || name.eq_ignore_ascii_case(b"masterauth")
}

/// How much of a `MONITOR` line may be kept: up to the first word that may be followed by a secret.
/// Newer servers hide them themselves, older ones don't.
pub fn open_part(line: &[u8]) -> &[u8] {
    let words = [&b"\"auth"[..], b"pass\"", b"auth\"", b"\"setuser\""];
    let at = words.iter().filter_map(|word| Some(find(line, word)? + word.len())).min();
    at.and_then(|at| line.get(..at)).unwrap_or(line)
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    find(text, word).is_some()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|piece| piece.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command with its secrets hidden.
    fn shown(command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let mut secrets = Secrets::of(words[0].as_bytes());
        let count = words.len() as u32;
        let each = words.iter().enumerate().map(|(at, word)| {
            if secrets.hides(at as u32, count, Some(word.as_bytes())) { "***" } else { word }
        });
        each.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_place_of_a_secret_is_known() {
        for (command, wanted) in [
            ("AUTH s3cret", "AUTH ***"),
            ("auth ann s3cret", "auth ann ***"),
            ("AUTH a b c", "AUTH *** *** ***"),
            ("HELLO 3 AUTH ann s3cret SETNAME me", "HELLO 3 AUTH ann *** SETNAME me"),
            ("hello 3 setname auth Auth AUTH s3cret", "hello 3 setname auth Auth *** ***"),
            ("CONFIG SET requirepass s3cret", "CONFIG SET requirepass ***"),
            ("config set dir /pass masterauth s3cret", "config set dir /pass *** ***"),
            ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 1"),
            ("CONFIG GET masterauth *", "CONFIG GET masterauth *"),
            ("MIGRATE h 1 k 0 9 AUTH s3cret KEYS a", "MIGRATE h 1 k 0 9 AUTH *** KEYS a"),
            ("MIGRATE h 1 k 0 9 auth2 ann s3cret", "MIGRATE h 1 k 0 9 auth2 ann ***"),
            ("MIGRATE h 1 k 0 9 auth2 AUTH s3cret", "MIGRATE h 1 k 0 9 auth2 AUTH ***"),
            ("ACL SETUSER ann on >s3cret ~* +@all", "ACL SETUSER ann on *** ~* +@all"),
            ("acl setuser ann #0123 <old !4567", "acl setuser ann *** *** ***"),
            ("ACL WHOAMI", "ACL WHOAMI"),
            ("SENTINEL SET m auth-pass s3cret", "SENTINEL SET m auth-pass ***"),
            ("SENTINEL CONFIG SET sentinel-pass s3cret", "SENTINEL CONFIG SET sentinel-pass ***"),
            ("SET auth pass", "SET auth pass"),
        ] {
            assert_eq!(shown(command), wanted);
        }
    }

    #[test]
    fn a_monitor_line_ends_where_a_secret_may_begin() {
        assert_eq!(open_part(br#"1.2 [0 a] "AUTH" "x""#), br#"1.2 [0 a] "AUTH"#);
        assert_eq!(
            open_part(br#"1.2 [0 a] "config" "set" "requirepass" "x""#),
            br#"1.2 [0 a] "config" "set" "requirepass""#
        );
        assert_eq!(open_part(br#"1.2 [0 a] "GET" "x""#), br#"1.2 [0 a] "GET" "x""#);
    }
}
