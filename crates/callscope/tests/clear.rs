//! `callscope tap --tls` shows what is said under TLS without keys. Needs root and programs in the kernel;
//! says so and passes where it can't be done.

mod common {
    pub mod net;
    pub mod postgresql;
}

use std::fs;

use common::{
    net::{CLIENT, Net, Running, SERVER, can, sh, start, tap},
    postgresql,
};
use serde_json::Value;

/// Whether libraries can be tapped here.
fn can_tap(programs: &[&str]) -> bool {
    if !can(programs) {
        return false;
    }
    let doctor = sh(&format!("{} doctor", env!("CARGO_BIN_EXE_callscope"))).stdout;
    let doctor = String::from_utf8_lossy(&doctor).into_owned();
    let works = |name: &str| {
        let line = doctor.lines().find(|line| line.contains(name));
        line.is_some_and(|line| line.trim_start().starts_with("yes"))
    };
    let can = works("uprobes") && works("inet_sock_set_state");
    if !can {
        eprintln!("skipped: the kernel takes no programs here: {doctor}");
    }
    can
}

/// Starts nginx with TLS on the server's machine. Tells the pid of its worker.
fn nginx(net: &mut Net) -> u32 {
    let at = net.folder.path().display().to_string();
    sh(&format!(
        "cd {at}; mkdir files; head -c 300000 /dev/urandom > files/large; echo hello > files/small
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem \
         -out cert.pem -days 30 -subj /CN=shop.example 2> /dev/null
         chmod -R a+rX {at}"
    ));
    let config = format!(
        "daemon off; worker_processes 1; pid {at}/pid; error_log {at}/errors;
         events {{ }}
         http {{ access_log off; client_max_body_size 0; client_body_temp_path {at}/b;
           proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
           server {{ listen {SERVER}:443 ssl http2; root {at}/files;
             ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
             location /upload {{ client_body_in_file_only on; return 204; }} }} }}"
    );
    let path = format!("{at}/nginx.conf");
    fs::write(&path, config).unwrap();
    let pid = net.serve(443, &["nginx", "-e", "/dev/null", "-c", &path]);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

/// The next call of HTTP.
fn next(tap: &mut Running) -> Value {
    loop {
        let call = tap.next();
        if call["protocol"] == "http" {
            return call;
        }
    }
}

#[test]
fn calls_under_tls_are_calls() {
    if !can_tap(&["nginx", "curl", "openssl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    let worker = nginx(&mut net);
    let keys = net.folder.path().join("keys");
    fs::write(&keys, "").unwrap();
    let keys = keys.to_str().unwrap();
    let (client, server) = (net.client.clone(), net.server.clone());
    // With the keys, too: what is known twice is told once.
    let mut tap = tap(&["--netns", &client, "--netns", &server, "--tls", "--keylog", keys]);
    let log = format!("SSLKEYLOGFILE={keys}");
    for (version, told) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for (path, size) in [("small", 6), ("large", 300_000)] {
            let url = format!("https://{SERVER}/{path}");
            let pid = net.run(&["env", &log, "curl", "-sk", version, &url]);
            let call = next(&mut tap);
            assert_eq!(call["endpoint"], format!("/{path}"), "{call}");
            assert_eq!(call["version"], told, "{call}");
            assert_eq!(call["tls"]["decrypted_by"], "ebpf", "{call}");
            assert_eq!(call["pairing"], "matched", "{call}");
            assert_eq!(call["missing"], Value::Null, "{call}");
            assert_eq!(call["response"]["body"]["size"], size, "{call}");
            let [src, dst] = [&call["src"], &call["dst"]];
            assert_eq!(
                [&src["ip"], &dst["ip"], &dst["port"]],
                [CLIENT, SERVER, "443"].map(text).each_ref()
            );
            assert_eq!(src["process"]["pid"], pid, "{call}");
            assert_eq!(src["process"]["name"], "curl", "{call}");
            assert_eq!(dst["process"]["pid"], worker, "{call}");
        }
    }
    let large = net.folder.path().join("files/large");
    let upload = format!("@{}", large.display());
    let url = format!("https://{SERVER}/upload");
    net.run(&["env", &log, "curl", "-sk", "--http1.1", "--data-binary", &upload, &url]);
    let call = next(&mut tap);
    assert_eq!([&call["method"], &call["endpoint"]], ["POST", "/upload"].map(text).each_ref());
    assert_eq!(call["request"]["body"]["size"], 300_000, "{call}");
    let said = tap.end();
    assert!(said.is_success, "{}", said.errors);
    let rest = said.calls.iter().filter(|call| call["protocol"] == "http");
    assert_eq!(rest.count(), 0, "{:?}", said.calls);
}

/// Both speak in the clear first, and agree on TLS; the server is a process for each connection.
#[test]
fn postgresql_under_tls_is_read() {
    if !can_tap(&["openssl", "setpriv", "ss"]) {
        return;
    }
    let mut net = Net::new();
    let Some(database) = postgresql::start(&mut net, true) else { return };
    let (client, server) = (net.client.clone(), net.server.clone());
    let tap = tap(&["--netns", &client, "--netns", &server, "--tls"]);
    let to = format!("host={SERVER} user=postgres sslmode=require");
    let rows = "select repeat('x', n) as wide from generate_series(1, 300) n";
    let pid =
        net.run(&[&database.psql, &to, "-c", "select 6 * 7", "-c", "select 1 / 0", "-c", rows]);
    let said = tap.end();
    assert!(said.is_success, "{}", said.errors);
    let asked: Vec<_> = said.calls.iter().filter(|call| call["method"] == "SELECT").collect();
    assert_eq!(asked.len(), 3, "each once: {:?}", said.calls);
    for call in &asked {
        assert_eq!(call["protocol"], "postgresql", "{call}");
        assert_eq!(call["tls"]["decrypted_by"], "ebpf", "{call}");
        assert_eq!(
            [&call["pairing"], &call["missing"]],
            [&text("matched"), &Value::Null],
            "{call}"
        );
        assert_eq!(call["src"]["process"]["pid"], pid, "{call}");
        assert_eq!(call["dst"]["process"]["parent"], database.pid, "{call}");
        assert_eq!(
            [&call["src"]["ip"], &call["dst"]["port"]],
            [CLIENT, "5432"].map(text).each_ref()
        );
    }
    assert_eq!(asked[1]["status"]["code"], "22012", "{}", asked[1]);
}

fn text(text: &str) -> Value {
    text.parse::<u16>().map_or_else(|_| text.into(), Into::into)
}

#[test]
fn who_speaks_tls_is_told() {
    if !can_tap(&["nginx", "openssl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    let worker = nginx(&mut net);
    let said = start(&["doctor", "--tls", "--json"]).rest();
    assert!(said.is_success, "{}", said.errors);
    let rows = said.calls[0]["processes"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["pid"] == worker).unwrap();
    assert_eq!([&row["name"], &row["library"]], ["nginx", "OpenSSL"].map(text).each_ref());
    assert_eq!(row["tapped"], true, "{row}");
    assert!(row["path"].as_str().unwrap().contains("libssl"), "{row}");
}
