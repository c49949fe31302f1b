//! Servers and clients for the tests of the taps, and what the taps say of them.
// Each test takes its own part.
#![allow(dead_code, missing_docs)]

use std::{
    collections::BTreeMap,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use model::Timestamp;
use plaintext::{Counts, Flow, Outlet, Role, Settings, Taps, Way};

/// Both directions of one connection.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// What the client sent.
    pub asked: Vec<u8>,
    /// What the server sent.
    pub answered: Vec<u8>,
    /// Bytes that are missing.
    pub lacks: u64,
    pub is_closed: bool,
    pub flow: Option<Flow>,
}

/// Connections by number.
#[derive(Clone, Default)]
pub struct Talks(Arc<Mutex<BTreeMap<u64, Talk>>>);

impl Talks {
    fn with(&self, flow: &Flow, act: impl FnOnce(&mut Talk)) {
        let mut talks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(talks.entry(flow.number).or_default());
    }

    /// Those to or from `port`, in the order in which they began.
    pub fn at(&self, port: u16) -> Vec<Talk> {
        let talks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_at = |talk: &&Talk| {
            let socket = talk.flow.expect("a flow that was opened").socket;
            socket.local.port == port || socket.remote.port == port
        };
        talks.values().filter(is_at).cloned().collect()
    }
}

impl Outlet for Talks {
    fn opened(&mut self, flow: &Flow, _: Timestamp) {
        self.with(flow, |talk| talk.flow = Some(*flow));
    }

    fn data(&mut self, flow: &Flow, way: Way, _: Timestamp, bytes: &[u8]) {
        // Who asks, where nobody saw it: the one with the higher port.
        let is_client = match flow.role {
            Role::Client => true,
            Role::Server => false,
            Role::Unknown => flow.socket.local.port > flow.socket.remote.port,
        };
        self.with(flow, |talk| {
            let asks = is_client == (way == Way::Written);
            if asks { &mut talk.asked } else { &mut talk.answered }.extend_from_slice(bytes);
        });
    }

    fn gap(&mut self, flow: &Flow, _: Way, _: Timestamp, len: u64) {
        self.with(flow, |talk| talk.lacks += len);
    }

    fn closed(&mut self, flow: &Flow, _: Timestamp) {
        self.with(flow, |talk| talk.is_closed = true);
    }
}

/// With room for everything that a test says at both ends: on a busy machine the reader may come late.
pub fn roomy() -> Settings {
    Settings { ring_bytes: 128 << 20, ..Settings::default() }
}

/// Taps that are read by a thread of their own.
pub struct Running {
    pub talks: Talks,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<Counts>>,
}

impl Running {
    /// Starts the taps; says why not, and is nothing, where this machine doesn't allow them.
    pub fn start(settings: Settings) -> Option<Self> {
        let mut taps = match Taps::start(settings) {
            Ok(taps) => taps,
            Err(why) => {
                println!("skipped: {why}");
                return None;
            }
        };
        let (talks, stop) = (Talks::default(), Arc::new(AtomicBool::new(false)));
        let reader = thread::spawn({
            let (mut talks, stop) = (talks.clone(), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    taps.read(Duration::from_millis(20), &mut talks);
                }
                taps.read(Duration::from_millis(50), &mut talks);
                taps.finish(&mut talks);
                taps.counts()
            }
        });
        Some(Self { talks, stop, reader: Some(reader) })
    }

    /// Waits until `done`, for some seconds.
    pub fn until(&self, port: u16, done: impl Fn(&[Talk]) -> bool) -> Vec<Talk> {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end && !done(&self.talks.at(port)) {
            thread::sleep(Duration::from_millis(20));
        }
        self.talks.at(port)
    }

    pub fn stop(mut self) -> Counts {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.take().expect("stopped once").join().expect("the reader")
    }
}

/// A process that ends with the test.
pub struct Server(Child);

impl Server {
    pub fn start(command: &mut Command, port: u16) -> Self {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self(child.expect("a server"));
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "{command:?} doesn't listen");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its children (nginx's workers) are told by its own end.
        let _ = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        for _ in 0..50 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn has(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    }) || Path::new("/usr/sbin").join(program).exists();
    if !found {
        println!("skipped: {program} is not here");
    }
    found
}

/// A port for a server: below those that clients are given, since the lower one is taken for the server's
/// where nobody saw who connected to whom.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() % 10_000;
    let mut ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let port = ports.find_map(|nth| {
        let port = u16::try_from(first).ok()? + nth;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
    });
    port.expect("a port")
}

/// A folder with a key and a certificate.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("callscope-tls-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let made = run(Command::new("openssl").current_dir(&folder).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-days",
        "30",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]));
    assert!(made.status.success(), "{made:?}");
    folder
}

pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("a program")
}

/// Bytes without a period that a chunk could hide.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..len).map(next).collect()
}

/// nginx with the folder's key, for the folder's files.
pub fn nginx(folder: &Path, port: u16) -> Server {
    let at = folder.display();
    let config = format!(
        "daemon off; worker_processes 2; pid {at}/pid; error_log {at}/error.log;\n\
         events {{}}\n\
         http {{ access_log off; client_max_body_size 0; client_body_temp_path {at}/body;\n\
         proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
         server {{ listen 127.0.0.1:{port} ssl http2; root {at}/files;\n\
         ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem; }} }}\n",
    );
    fs::write(folder.join("nginx.conf"), config).expect("a file");
    // The files are read by a worker of another user.
    let _ = run(Command::new("chmod").args(["-R", "a+rX"]).arg(folder));
    Server::start(Command::new("/usr/sbin/nginx").arg("-c").arg(folder.join("nginx.conf")), port)
}

/// A file of noise for each size.
pub fn files(folder: &Path, sizes: &[usize]) {
    fs::create_dir_all(folder.join("files")).expect("a folder");
    for size in sizes {
        fs::write(folder.join(format!("files/{size}")), noise(*size)).expect("a file");
    }
}
