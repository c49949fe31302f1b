//! Other libraries and other uses of them: Go, Python, GnuTLS, Redis, and both processes left to themselves.

mod common;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use common::{Running, Server, Talk, folder, free_port, has, noise, roomy, run};
use plaintext::Settings;

fn ends_with_body(talk: &Talk, body: &[u8]) -> bool {
    talk.lacks == 0 && talk.answered.ends_with(body)
}

/// Python's ssl on both sides: a blocking server in threads, and asyncio, which reads and writes sockets
/// by itself (memory BIOs).
const PYTHON: &str = r#"
import asyncio, socket, ssl, sys, threading
port, size, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
body = bytes(i * 7 % 251 for i in range(size))
def serve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=answer, args=(context, peer)).start()
def answer(context, peer):
    with context.wrap_socket(peer, server_side=True) as tls:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += tls.recv(1000)
        tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
async def aserve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", port, ssl=context)
    await server.serve_forever()
async def ask():
    context = ssl.create_default_context(cafile="cert.pem")
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    for _ in range(1):
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        got = await reader.read(-1)
    writer.close()
    assert got.endswith(body), len(got)
if how == "serve": serve()
if how == "aserve": asyncio.run(aserve())
if how == "ask": asyncio.run(ask())
"#;

#[test]
fn python_blocking_and_asyncio() {
    if !has("python3") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(Settings::default()) else { return };
    let folder = folder("python");
    fs::write(folder.join("talk.py"), PYTHON).expect("a file");
    for how in ["serve", "aserve"] {
        let port = free_port();
        let python = |how: &str| {
            let mut command = Command::new("python3");
            command.current_dir(&folder).args(["talk.py", &port.to_string(), "300000", how]);
            command
        };
        let server = Server::start(&mut python(how), port);
        let asked = run(&mut python("ask"));
        assert!(asked.status.success(), "{asked:?}");
        let body: Vec<u8> = (0..300_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let talks = taps.until(port, |talks| talks.iter().any(|talk| ends_with_body(talk, &body)));
        let talk = talks.iter().find(|talk| !talk.answered.is_empty()).expect("a connection");
        assert_eq!(talk.asked, b"GET / HTTP/1.0\r\n\r\n", "{how}");
        assert!(
            ends_with_body(talk, &body),
            "{how}: {} bytes, lacks {}",
            talk.answered.len(),
            talk.lacks
        );
        drop(server);
    }
    println!("{:?}", taps.stop());
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn gnutls_tools() {
    if !has("gnutls-serv") || !has("gnutls-cli") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(Settings::default()) else { return };
    let (folder, port) = (folder("gnutls"), free_port());
    let server = Server::start(
        Command::new("gnutls-serv").current_dir(&folder).args([
            "--echo",
            "--x509keyfile",
            "key.pem",
            "--x509certfile",
            "cert.pem",
            "-p",
            &port.to_string(),
        ]),
        port,
    );
    let mut client = Command::new("gnutls-cli")
        .current_dir(&folder)
        .args(["--x509cafile", "cert.pem", "-p", &port.to_string(), "localhost"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a client");
    let line: Vec<u8> = noise(3_000).iter().map(|b| b'a' + b % 26).chain([b'\n']).collect();
    thread::sleep(Duration::from_millis(500));
    client.stdin.as_mut().expect("its input").write_all(&line).expect("written");
    let talks =
        taps.until(port, |talks| talks.iter().any(|talk| talk.answered.len() >= line.len()));
    let _ = client.kill();
    let _ = client.wait();
    drop(server);
    let talk = talks.iter().find(|talk| !talk.asked.is_empty()).expect("a connection");
    assert!(talk.asked == line, "{} bytes", talk.asked.len());
    assert!(talk.answered == line, "{} bytes", talk.answered.len());
    assert!(talk.flow.expect("a flow").is_whole);
    taps.stop();
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn redis_over_tls() {
    if !has("redis-server") || !has("redis-cli") || !has("openssl") {
        return;
    }
    let Some(taps) = Running::start(Settings::default()) else { return };
    let (folder, port) = (folder("redis"), free_port());
    let text = port.to_string();
    let server = Server::start(
        Command::new("redis-server").current_dir(&folder).args([
            "--port",
            "0",
            "--tls-port",
            &text,
            "--tls-cert-file",
            "cert.pem",
            "--tls-key-file",
            "key.pem",
            "--tls-auth-clients",
            "no",
            "--save",
            "",
        ]),
        port,
    );
    let set = run(Command::new("redis-cli").args([
        "-p",
        &text,
        "--tls",
        "--insecure",
        "set",
        "colour",
        "green",
    ]));
    assert!(set.status.success(), "{set:?}");
    let is_set = |talk: &Talk| talk.asked.ends_with(b"$6\r\ncolour\r\n$5\r\ngreen\r\n");
    let is_done = |talk: &Talk| is_set(talk) && talk.answered.ends_with(b"+OK\r\n");
    let talks = taps.until(port, |talks| talks.iter().any(is_done));
    let talk = talks.iter().find(|talk| is_set(talk)).expect("a connection that sets");
    assert!(talk.answered.ends_with(b"+OK\r\n"), "{talk:?}");
    drop(server);
    taps.stop();
    let _ = fs::remove_dir_all(folder);
}

const GO: &str = r#"
package main

import ("crypto/tls"; "fmt"; "io"; "net/http"; "os"; "strconv")

func main() {
	if os.Args[1] == "ask" {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for _, size := range os.Args[3:] {
			got, err := client.Get("https://" + os.Args[2] + "/" + size)
			if err != nil { panic(err) }
			n, _ := io.Copy(io.Discard, got.Body)
			fmt.Println(n)
		}
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("Content-Length", strconv.Itoa(size))
		body := make([]byte, size)
		for i := range body { body[i] = byte(i * 7 % 251) }
		w.Write(body)
	})
	server := &http.Server{Addr: os.Args[2], TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	fmt.Println(server.ListenAndServeTLS("cert.pem", "key.pem"))
}
"#;

/// `go` of the search path or of `CALLSCOPE_GO`.
fn go() -> Option<PathBuf> {
    let named = std::env::var_os("CALLSCOPE_GO").map(PathBuf::from).filter(|go| go.exists());
    named.or_else(|| has("go").then(|| PathBuf::from("go")))
}

#[test]
fn go_with_symbols_and_stripped() {
    let Some(go) = go() else { return };
    if !has("openssl") {
        return;
    }
    let folder = folder("go");
    fs::write(folder.join("talk.go"), GO).expect("a file");
    for (name, flags) in [("plain", ""), ("stripped", "-s -w")] {
        let built = run(Command::new(&go)
            .current_dir(&folder)
            .env("GOCACHE", std::env::temp_dir().join("callscope-gocache"))
            .env("GOFLAGS", "-mod=mod")
            .env("GO111MODULE", "off")
            .args(["build", "-ldflags", flags, "-o", name, "talk.go"]));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let Some(taps) = Running::start(roomy()) else { return };
        let port = free_port();
        let at = format!("127.0.0.1:{port}");
        let server = Server::start(
            Command::new(folder.join(name)).current_dir(&folder).args(["serve", &at]),
            port,
        );
        // The server is found while it waits.
        thread::sleep(Duration::from_millis(1_500));
        let asked =
            run(Command::new(folder.join(name)).args(["ask", &at, "1", "70000", "20000000"]));
        assert_eq!(String::from_utf8_lossy(&asked.stdout), "1\n70000\n20000000\n", "{asked:?}");
        let body: Vec<u8> = (0..20_000_000_u64).map(|i| (i * 7 % 251) as u8).collect();
        let talks = taps.until(port, |talks| talks.iter().any(|talk| ends_with_body(talk, &body)));
        let talk = talks.iter().find(|talk| talk.answered.len() > 1_000).expect("a connection");
        assert!(
            ends_with_body(talk, &body),
            "{name}: {} bytes, lacks {}",
            talk.answered.len(),
            talk.lacks
        );
        let asked = String::from_utf8_lossy(&talk.asked);
        assert_eq!(asked.matches("GET /").count(), 3, "{asked}");
        drop(server);
        println!("{name}: {:?}", taps.stop());
    }
    let _ = fs::remove_dir_all(folder);
}
