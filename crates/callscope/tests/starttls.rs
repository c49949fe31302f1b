//! Connections that begin in clear text and are upgraded to TLS: the handshake is an entry after the
//! upgrade, and inside goes on what was spoken before.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

fn calls() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/starttls.pcapng.zst");
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(["read", "-q", "--format", "ndjson"]).arg(file).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The calls of the connection to `port`, in the order of their requests: protocol, method, status, and
/// whether it was encrypted.
fn told(calls: &[Value], port: u16) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of_port = |call: &&Value| call["dst"]["port"] == port || call["src"]["port"] == port;
    let mut calls: Vec<_> = calls.iter().filter(of_port).collect();
    calls.sort_by_key(|call| {
        let half = if call["request"].is_object() { &call["request"] } else { &call["response"] };
        (half["frames"][0].as_u64(), text(&call["id"]))
    });
    let line = |call: &&Value| {
        let sealed = if call["tls"]["decrypted_by"].is_string() { " inside" } else { "" };
        let code = text(&call["status"]["code"]);
        format!("{} {} {code}{sealed}", text(&call["protocol"]), text(&call["method"]))
    };
    calls.iter().map(line).collect()
}

#[test]
fn what_was_spoken_before_the_upgrade_goes_on_inside() {
    let calls = calls();
    for (port, wants) in [
        (
            587,
            &[
                "smtp greeting 220",
                "smtp EHLO 250",
                "smtp STARTTLS 220",
                "tls handshake OK",
                "smtp EHLO 250 inside",
                "smtp MAIL 250 inside",
                "smtp QUIT 221 inside",
            ][..],
        ),
        // Nothing inside that only SMTP has.
        (
            10587,
            &[
                "smtp greeting 220",
                "smtp EHLO 250",
                "smtp STARTTLS 220",
                "tls handshake OK",
                "smtp NOOP 250 inside",
                "smtp RSET 250 inside",
            ],
        ),
        (
            2121,
            &[
                "ftp greeting 220",
                "ftp AUTH 234",
                "tls handshake OK",
                "ftp USER 331 inside",
                "ftp PASS 230 inside",
                "ftp PBSZ 200 inside",
                "ftp CWD 250 inside",
            ],
        ),
        (
            10389,
            &[
                "ldap extended success",
                "tls handshake OK",
                "ldap bind success inside",
                "ldap delete success inside",
            ],
        ),
        (
            15432,
            &[
                "postgresql SSLREQUEST S",
                "tls handshake OK",
                "postgresql STARTUP 00000 inside",
                "postgresql SELECT 00000 inside",
                "postgresql TERMINATE - inside",
            ],
        ),
        (
            13306,
            &[
                "mysql SSL_REQUEST -",
                "tls handshake OK",
                "mysql login OK inside",
                "mysql SELECT OK inside",
                "mysql PING OK inside",
                "mysql QUIT - inside",
            ],
        ),
        (
            14222,
            &[
                "nats INFO -",
                "tls handshake OK",
                "nats CONNECT - inside",
                "nats PING OK inside",
                "nats SUB - inside",
                "nats PUB - inside",
                "nats MSG - inside",
            ],
        ),
        (15672, &["tls handshake OK", "amqp open OK inside", "amqp close OK inside"]),
        // RFC 2817: the answer to the request that upgraded comes inside.
        (
            8631,
            &["http OPTIONS 101", "tls handshake OK", "http - 200 inside", "http GET 200 inside"],
        ),
    ] {
        assert_eq!(told(&calls, port), wants, "port {port}");
    }
}

#[test]
fn the_handshake_and_the_inside_say_the_names_of_tls() {
    let calls = calls();
    let handshakes: Vec<_> = calls.iter().filter(|call| call["protocol"] == "tls").collect();
    assert_eq!(handshakes.len(), 9);
    for handshake in handshakes {
        assert_eq!(handshake["endpoint"], "mail.example", "{handshake}");
    }
    for call in calls.iter().filter(|call| call["tls"]["decrypted_by"].is_string()) {
        assert_eq!(call["tls"]["sni"], "mail.example", "{call}");
        assert_eq!(call["tls"]["decrypted_by"], "embedded", "{call}");
    }
}
