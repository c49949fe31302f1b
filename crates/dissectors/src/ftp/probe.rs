//! Is this FTP? A greeting that says so, or replies that nobody else has: SMTP greets with the same
//! code, and POP3 and IRC have some of the commands.

use dissect::{Hello, Verdict};
use model::Side;

use crate::{framed::Halt, replies};

/// Replies that say nothing by their code.
const COMMON: [u16; 7] = [200, 211, 215, 220, 230, 331, 530];

/// The commands (RFC 959, 2228, 2389, 2428, 3659, and what is used besides).
const COMMANDS: [&[u8]; 54] = [
    b"USER", b"PASS", b"ACCT", b"CWD", b"CDUP", b"SMNT", b"REIN", b"QUIT", b"PORT", b"PASV",
    b"TYPE", b"STRU", b"MODE", b"RETR", b"STOR", b"STOU", b"APPE", b"ALLO", b"REST", b"RNFR",
    b"RNTO", b"ABOR", b"DELE", b"RMD", b"MKD", b"PWD", b"LIST", b"NLST", b"SITE", b"SYST", b"STAT",
    b"HELP", b"NOOP", b"AUTH", b"ADAT", b"PBSZ", b"PROT", b"CCC", b"MIC", b"CONF", b"ENC", b"FEAT",
    b"OPTS", b"EPRT", b"EPSV", b"MDTM", b"MLSD", b"MLST", b"SIZE", b"XPWD", b"XMKD", b"XCWD",
    b"CLNT", b"HOST",
];

/// What the first bytes look like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    replies::probe(hello, client, |hello| replies::probe_server(hello, &COMMON, says_so))
}

fn client(hello: &Hello<'_>) -> Verdict {
    match replies::line(hello.bytes) {
        Ok(end) => {
            let line = hello.bytes.get(..end).unwrap_or_default();
            let known = is_command(line);
            if known && (hello.to_usual_port || is_sure(line)) {
                return Verdict::Is(Side::Client);
            }
            // The server may still say what it is.
            if known && hello.from != Some(Side::Server) { Verdict::Maybe } else { Verdict::No }
        }
        Err(Halt::Short(_)) if may_be_command(hello.bytes) => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}

/// Whether it is a command of FTP, which others may have as well.
pub(super) fn is_command(line: &[u8]) -> bool {
    let verb = replies::words(line).map(|(verb, _)| verb.to_ascii_uppercase());
    verb.is_some_and(|verb| COMMANDS.contains(&&verb[..]))
}

fn may_be_command(start: &[u8]) -> bool {
    let word = start.split(|byte| matches!(byte, b' ' | b'\r')).next().unwrap_or_default();
    let upper = word.get(..8).unwrap_or(word).to_ascii_uppercase();
    start.len() < 512
        && COMMANDS
            .iter()
            .any(|known| known.starts_with(&upper) || word.len() < start.len() && *known == upper)
}

/// Whether nobody else says this.
fn is_sure(line: &[u8]) -> bool {
    let line = replies::without_end(line).to_ascii_uppercase();
    let numbers = |rest: &[u8]| {
        rest.split(|byte| *byte == b',').count() == 6
            && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b',')
    };
    match &line[..] {
        b"PASV" | b"EPSV" | b"TYPE I" | b"TYPE A" | b"TYPE A N" | b"PBSZ 0" | b"PROT P"
        | b"PROT C" | b"OPTS UTF8 ON" => true,
        [b'P', b'O', b'R', b'T', b' ', rest @ ..] => numbers(rest),
        // What POP3 gives out has numbers.
        [b'R', b'E', b'T', b'R', b' ', name @ ..] => !name.iter().all(u8::is_ascii_digit),
        line => line.starts_with(b"EPRT |") || line.starts_with(b"STOR "),
    }
}

/// Whether a reply can only be one of FTP.
fn says_so(code: u16, reply: &[u8]) -> bool {
    let start = reply.get(..512).unwrap_or(reply).to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&start, text).is_some();
    match code {
        220 => (has(b"ftp") || has(b"filezilla")) && !has(b"smtp"),
        331 => has(b"password") || has(b"pass"),
        227 => has(b"passive mode") && start.iter().filter(|byte| **byte == b',').count() >= 5,
        229 => has(b"passive mode") && has(b"(|||"),
        150 | 125 => has(b"data connection") || has(b"mode data"),
        211 => has(b"\r\n mdtm") || has(b"\r\n epsv") || has(b"\r\n rest stream"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use model::Transport;

    use super::*;

    fn verdict(bytes: &[u8], transport: Transport) -> Verdict {
        let more = transport == Transport::Tcp;
        let (to_usual_port, from_usual_port) = (false, false);
        probe(&Hello { bytes, from: None, transport, to_usual_port, from_usual_port, more })
    }

    #[test]
    fn files_are_fetched_by_name_and_mails_by_number() {
        let is = |line: &[u8]| verdict(line, Transport::Tcp) == Verdict::Is(Side::Client);
        assert!(is(b"RETR a.txt\r\n"));
        assert!(is(b"STOR a.txt\r\n"));
        assert!(!is(b"RETR 12\r\n"));
        assert!(!is(b"USER x\r\n"));
    }
}
