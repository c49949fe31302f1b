//! `callscope serve` and `callscope mcp` as processes.

mod common {
    pub mod net;
    pub mod program;
}

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use common::{
    net::{Net, SERVER, can, wait_until},
    program::{Agent, Server, callscope, fixture},
};
use serde_json::{Value, json};

#[test]
fn a_file_is_imported_and_another_one_uploaded() {
    let file = fixture("shop.pcapng.zst");
    let server = Server::start(&[file.to_str().unwrap()]);
    let import = server.settled("1");
    assert_eq!((&import["state"], &import["calls"]), (&json!("done"), &json!(312)), "{import}");
    assert_eq!(import["bytes_read"], import["bytes_total"]);
    assert!(import["facts"]["packets"].as_u64() > Some(1000));
    let bytes = std::fs::read(fixture("dns.pcap.zst")).unwrap();
    let (status, body) = server.ask("POST /api/v1/import?name=dns.pcap.zst", &bytes);
    assert_eq!(status, 202);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let import = server.settled(body["import"].as_str().unwrap());
    assert_eq!((&import["state"], &import["name"]), (&json!("done"), &json!("dns.pcap.zst")));
    let health = server.json("/api/v1/health");
    assert_eq!(health["sources"].as_array().unwrap().len(), 2);
    let (status, _) = server.ask("POST /api/v1/import?name=x", b"this is no capture");
    assert_eq!(status, 202);
    let import = server.settled("3");
    assert_eq!(import["state"], "failed");
    assert!(!import["message"].as_str().unwrap().is_empty());
    server.stop();
}

#[test]
fn calls_and_their_packets_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().to_str().unwrap(), fixture("shop.pcapng.zst"));
    let server = Server::start(&["--store", store, file.to_str().unwrap()]);
    server.settled("1");
    let page = server.json("/api/v1/calls?limit=1&where=http");
    server.stop();
    let server = Server::start(&["--store", store]);
    let again = server.json("/api/v1/calls?limit=1&where=http");
    assert_eq!(page["calls"], again["calls"]);
    let id = again["calls"][0]["id"].as_str().unwrap().to_owned();
    let packets = server.json(&format!("/api/v1/calls/{id}/packets"));
    assert!(!packets["packets"].as_array().unwrap().is_empty());
}

/// Between a real server and a real client; needs root.
#[test]
fn what_passes_is_served_as_it_happens() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    let mut net = Net::new();
    net.nginx();
    let space = net.server.clone();
    let server = Server::start(&["--tap", "--netns", &space]);
    let source = || server.json("/api/v1/health")["sources"][0].clone();
    wait_until("the capture", || source()["state"] == "reading");
    assert_eq!(source()["name"], "live: any");
    net.ask(&format!("curl -s -H \"Authorization: Bearer hunter2\" http://{SERVER}/one"));
    let calls = || server.json("/api/v1/calls?where=http&select=whole")["calls"].clone();
    wait_until("the call", || calls()[0].is_object());
    let call = calls()[0].to_string();
    assert!(call.contains("\"/one\"") && !call.contains("hunter2"), "{call}");
    // What was counted is told while it goes on, and how fast it comes in.
    wait_until("what was counted", || source()["facts"]["packets"].as_u64() > Some(4));
    wait_until("the rates", || source()["rates"]["packets_per_s"].is_number());
    assert_eq!(source()["state"], "reading");
    let log = server.stop();
    assert!(log.contains("listening on any"), "{log}");
}

fn refused(words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = callscope().args(words).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn an_address_for_everybody_needs_a_token() {
    let (code, said) = refused(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("--token-file") && said.contains("--insecure"), "{said}");
    let (code, said) = refused(&["serve", "--token", "short"]);
    assert!(code == Some(1) && said.contains("16 characters"), "{said}");
    let oidc = ["serve", "--oidc-client", "x", "--oidc-base", "https://calls.example"];
    let grant = ["--oidc-grant", "groups=shop viewer namespaces=shop"];
    let issuer = ["--oidc-issuer", "http://login.example"];
    let (code, said) = refused(&[oidc.as_slice(), &grant, &issuer].concat());
    assert!(code == Some(1) && said.contains("is not https://"), "{said}");
    let issuer = ["--oidc-issuer", "https://login.example"];
    let (code, said) = refused(&[oidc.as_slice(), &["--oidc-grant", "x"], &issuer].concat());
    assert!(code == Some(2) && said.contains("CLAIM=VALUE ROLE"), "{said}");
    let (code, said) = refused(&["serve", issuer[0], issuer[1], grant[0], grant[1]]);
    assert!(code == Some(1) && said.contains("is called by the identity provider"), "{said}");
    let (code, said) = refused(&oidc);
    assert!(code == Some(1) && said.contains("--oidc-issuer"), "{said}");
    let (code, said) = refused(&["serve", "no-such-file.pcap"]);
    assert!(code == Some(1) && said.contains("no-such-file.pcap"), "{said}");
}

/// An authority, its own certificates for 127.0.0.1 and for a client, and a stranger's for a client.
const CERTIFICATES: &str = r#"
    new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
        -keyout "$1.key" "${@:2}"; }
    sign() { openssl x509 -req -in "$2.csr" -CA "$1.crt" -CAkey "$1.key" -days 2 \
        -copy_extensions copy -out "$2.crt"; }
    new ours -x509 -days 2 -out ours.crt && new other -x509 -days 2 -out other.crt
    new server -addext subjectAltName=IP:127.0.0.1 -out server.csr && sign ours server
    new renewed -addext subjectAltName=IP:127.0.0.1 -out renewed.csr && sign other renewed
    for of in ours other; do
        new $of-client -addext extendedKeyUsage=clientAuth -out $of-client.csr && sign $of $of-client
    done
"#;

#[test]
fn a_certificate_encrypts_and_lets_in() {
    if !can(&["curl", "openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let make = Command::new("bash").args(["-ec", CERTIFICATES]).current_dir(&folder).output();
    let make = make.unwrap();
    assert!(make.status.success(), "{}", String::from_utf8_lossy(&make.stderr));
    let (certificate, key, authority) = (at("server.crt"), at("server.key"), at("ours.crt"));
    let server = Server::start(&[
        "--tls-certificate",
        &certificate,
        "--tls-key",
        &key,
        "--tls-client-authority",
        &authority,
        "--token",
        "sixteen-characters-at-least",
    ]);
    let ask = |scheme: &str, words: &str| {
        let url = format!("{scheme}://{}/api/v1/calls", server.address);
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]);
        let told = curl.args(["--cacert", &authority]).args(words.split_whitespace()).arg(url);
        String::from_utf8(told.current_dir(&folder).output().unwrap().stdout).unwrap()
    };
    let ours = "--cert ours-client.crt --key ours-client.key";
    assert_eq!(ask("https", ours), "2 200");
    assert_eq!(ask("https", &format!("--http1.1 {ours}")), "1.1 200");
    assert_eq!(ask("https", ""), "2 401");
    assert_eq!(ask("https", "-H Authorization:Bearer_no"), "2 401");
    assert_eq!(ask("https", "--oauth2-bearer sixteen-characters-at-least"), "2 200");
    let strangers = ask("https", "--cert other-client.crt --key other-client.key");
    assert_eq!(strangers, "0 000", "who is signed by another does not get in");
    assert_eq!(ask("http", ""), "0 000");
    // Who shows a certificate is a viewer: importing is for others.
    let path = format!("https://{}/api/v1/import?name=x", server.address);
    let mut import = Command::new("curl");
    import.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", &authority, "-d", "x"]);
    let told = import.args(ours.split(' ')).arg(path).current_dir(&folder).output().unwrap();
    assert_eq!(String::from_utf8(told.stdout).unwrap(), "403");
    assert!(server.stop().contains("callscope: "));
    certificates_are_told_apart(&folder, [&certificate, &key, &authority]);
    let (code, said) = refused(&["serve", "--tls-certificate", &certificate]);
    assert!(code == Some(1) && said.contains("--tls-key"), "{said}");
    let (code, said) = refused(&["serve", "--tls-certificate", &key, "--tls-key", &key]);
    assert!(code == Some(1) && said.contains("holds no certificate"), "{said}");
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_new_connections() {
    if !can(&["curl", "openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let make = Command::new("bash").args(["-ec", CERTIFICATES]).current_dir(&folder).output();
    assert!(make.unwrap().status.success());
    let (certificate, key) = (at("server.crt"), at("server.key"));
    let server = Server::start(&["--tls-certificate", &certificate, "--tls-key", &key]);
    let trusts = |authority: &str| {
        let url = format!("https://{}/api/v1/health", server.address);
        let told = Command::new("curl").args(["-sf", "--cacert", &at(authority), &url]).output();
        told.unwrap().status.success()
    };
    assert!(trusts("ours.crt") && !trusts("other.crt"));
    std::fs::copy(at("renewed.key"), &key).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(trusts("ours.crt"), "a key without its certificate changes nothing");
    std::fs::copy(at("renewed.crt"), &certificate).unwrap();
    wait_until("the new certificate", || trusts("other.crt"));
    assert!(!trusts("ours.crt"));
    let told = server.stop();
    assert_eq!(told.matches("the new certificate is not used").count(), 1, "{told}");
}

#[test]
fn who_looked_at_what_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (log, tokens) = (at("audit"), at("tokens"));
    std::fs::write(&tokens, "viewer name=ann sixteen-characters-at-least\n").unwrap();
    let lines = || {
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(!text.contains("sixteen"), "{text}");
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    // An answer may be there a moment before the server sees that it has ended.
    let settled = |count: usize| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while lines().len() < count && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        lines()
    };
    for round in 0..2 {
        let file = fixture("shop.pcapng.zst");
        let words = [file.to_str().unwrap(), "--token-file", &tokens, "--audit-log", &log];
        let server = Server::start(&words);
        let (status, _) = server.ask("GET /api/v1/calls?where=http", b"");
        assert_eq!((status, settled(2 * round + 1).len()), (401, 2 * round + 1));
        let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
        let request = format!(
            "GET /api/v1/calls?limit=1 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Authorization: Bearer sixteen-characters-at-least\r\n\r\n",
            server.address
        );
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let lines = settled(2 * round + 2);
        let line = &lines[2 * round + 1];
        assert_eq!((&line["subject"], &line["address"]), (&json!("ann"), &json!("127.0.0.1")));
        assert_eq!((&line["route"], &line["status"]), (&json!("/api/v1/calls"), &json!(200)));
        server.stop();
    }
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, said) = refused(&["serve", "--audit-log", "/no/such/folder/audit"]);
    assert!(code == Some(1) && said.contains("/no/such/folder/audit"), "{said}");
}

/// A line of the token file for one of them, and what all others may do.
fn certificates_are_told_apart(folder: &tempfile::TempDir, paths: [&str; 3]) {
    let [certificate, key, authority] = paths;
    let tokens = folder.path().join("tokens").to_str().unwrap().to_owned();
    let encrypted = ["--tls-certificate", certificate, "--tls-key", key];
    let others = ["--tls-client-authority", authority, "--tls-client-namespace", "shop"];
    let session = |client: &str, words: &[&str]| {
        let server = Server::start(&[encrypted.as_slice(), &others, words].concat());
        let url = format!("https://{}/api/v1/session", server.address);
        let mut curl = Command::new("curl");
        let curl = curl.args(["-s", "-X", "POST", "--cacert", authority, &url]).args([
            "--cert",
            &format!("{client}.crt"),
            "--key",
            &format!("{client}.key"),
        ]);
        let said = String::from_utf8(curl.current_dir(folder).output().unwrap().stdout).unwrap();
        serde_json::from_str::<Value>(&said).unwrap_or_else(|_| panic!("{said}"))
    };
    let line = "viewer-without-payloads namespaces=bank,web certificate=ours-client\n";
    std::fs::write(&tokens, line).unwrap();
    let known = session("ours-client", &["--token-file", &tokens]);
    assert_eq!(known["role"], "viewer-without-payloads", "{known}");
    assert_eq!(known["namespaces"], serde_json::json!(["bank", "web"]));
    let other = session("ours-client", &[]);
    assert_eq!((&other["role"], &other["namespaces"]), (&"viewer".into(), &vec!["shop"].into()));
    let (code, said) = refused(&["serve", "--token-file", &tokens]);
    assert!(code == Some(1) && said.contains("--tls-client-authority"), "{said}");
    let admin = ["--tls-client-role", "admin"];
    let (code, said) = refused(&[["serve"].as_slice(), &encrypted, &others, &admin].concat());
    assert!(code == Some(1) && said.contains("namespaces"), "{said}");
}

#[test]
fn settings_come_from_a_file_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callscope.toml");
    let config = path.to_str().unwrap();
    std::fs::write(&path, "[serve]\nlisten = \"0.0.0.0:0\"\nstore-size = \"1GiB\"\n").unwrap();
    let (code, said) = refused(&["--config", config, "serve"]);
    assert!(code == Some(1) && said.contains("0.0.0.0"), "{said}");
    let check = callscope().args(["--config", config, "config", "check"]).output().unwrap();
    assert!(check.status.success());
    let show = callscope()
        .args(["--config", config, "config", "show"])
        .env("CALLSCOPE_READ_QUIET", "yes")
        .output()
        .unwrap();
    let show = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(show.contains("[serve] listen = 0.0.0.0:0  (file)"), "{show}");
    assert!(show.contains("[read] quiet = true  (environment)"), "{show}");
    for (text, word) in [
        ("[serve]\nlisten = \"nowhere\"\n", "listen"),
        ("[serve]\nlisen = \"127.0.0.1:1\"\n", "perhaps listen"),
        ("[serve\n", "TOML"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (code, said) = refused(&["--config", config, "config", "check"]);
        assert!(code == Some(1) && said.contains(word), "{text}: {said}");
    }
}

/// What an agent does, whatever is behind it.
fn investigate(agent: &mut Agent) {
    let until = Instant::now() + Duration::from_secs(60);
    while !agent.tool("capture_status", json!({})).contains("\"done\"") {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
    let tools = agent.ask("tools/list", json!({}));
    assert_eq!(tools["tools"].as_array().unwrap().len(), 9);
    let list = agent.tool("list_calls", json!({ "where": "http", "limit": 3 }));
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 5, "{list}");
    let cursor = lines[4].strip_prefix("next: ").unwrap();
    let more = agent.tool("list_calls", json!({ "where": "http", "limit": 3, "cursor": cursor }));
    assert_ne!(more.lines().nth(1), Some(lines[1]));
    let (id, stream) =
        (lines[1].split('\t').next().unwrap(), lines[1].rsplit('\t').next().unwrap());
    let call: Value = serde_json::from_str(&agent.tool("get_call", json!({ "id": id }))).unwrap();
    assert_eq!((&call["id"], &call["protocol"]), (&json!(id), &json!("http")));
    let connection = agent.tool("connections", json!({ "stream": stream }));
    assert!(connection.contains("\"state\"") && connection.contains(id), "{connection}");
    let found = agent.tool("search", json!({ "text": "ALICE" }));
    assert!(found.lines().count() > 2, "{found}");
    let table = agent.tool("aggregate", json!({ "by": "protocol", "show": "count,p99" }));
    assert!(table.contains("http\t99\t"), "{table}");
    assert!(agent.tool("service_map", json!({})).lines().count() > 3);
    assert!(!agent.tool("not_seen", json!({})).is_empty());
    let said =
        agent.ask("tools/call", json!({ "name": "list_calls", "arguments": { "where": "htp" } }));
    assert_eq!(said["isError"], true, "{said}");
    let fields = agent.ask("resources/read", json!({ "uri": "callscope://fields" }));
    assert!(fields["contents"][0]["text"].as_str().unwrap().contains("status.number\tint\t"));
    let prompt =
        agent.ask("prompts/get", json!({ "name": "explain_call", "arguments": { "id": id } }));
    assert!(prompt["messages"][0]["content"]["text"].as_str().unwrap().contains(id));
}

#[test]
fn an_agent_asks_about_a_file() {
    let mut agent = Agent::start(&[fixture("shop.pcapng.zst").to_str().unwrap()]);
    investigate(&mut agent);
    let dns = fixture("dns.pcap.zst");
    let said = agent.tool("import_file", json!({ "path": dns.to_str().unwrap() }));
    assert!(said.contains("\"import\""), "{said}");
}

#[test]
fn an_agent_asks_a_running_server() {
    let server = Server::start(&[fixture("shop.pcapng.zst").to_str().unwrap()]);
    let base = format!("http://{}", server.address);
    investigate(&mut Agent::start(&["--server", &base]));
}
