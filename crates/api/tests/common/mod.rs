//! A server in this process, over recordings.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use api::{Api, Finished, Imports, Phase, Settings};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use capture::{Batch, Input, Options, Reader};
use dissect::Limits;
use export::Ndjson;
use filter::{Columns, ProtocolTable};
use flow::Worker;
use http_body_util::BodyExt as _;
use model::{Call, CallSink, Protocol, Timestamp};
use serde_json::Value;
use store::Store;
use tempfile::TempDir;
use tower_service::Service as _;

/// A server, and the folder that it lives in.
pub struct House {
    pub api: Arc<Api>,
    pub store: Arc<Store>,
    pub router: Router,
    pub folder: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Bytes,
}

/// A recording of this name.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// Lines of the calls in a recording, as `callscope read` would write them.
struct Lines {
    ndjson: Ndjson,
    lines: Vec<u8>,
}

impl CallSink for Lines {
    fn call(&mut self, call: &Call<'_>) {
        self.ndjson.render(call, &mut self.lines);
    }
}

fn read(inputs: &[PathBuf], mut take: impl FnMut(&[u8])) -> Result<(), String> {
    let inputs: Vec<_> = inputs.iter().cloned().map(Input::Path).collect();
    let mut reader =
        Reader::open(&inputs, Options::default()).map_err(|error| error.to_string())?;
    let settings = flow::Settings {
        list: dissectors::ALL,
        lenses: dissectors::LENSES,
        limits: Limits::default(),
        memory: 64 << 20,
        flows_max: 10_000,
        connections: false,
    };
    let mut worker = Worker::new(0, 1, &settings);
    let mut lines =
        Lines { ndjson: Ndjson::new(&[], export::Options::default()), lines: Vec::new() };
    let mut batch = Batch::new();
    while reader.next(&mut batch).map_err(|error| error.to_string())? {
        lines.ndjson.learn_sources(reader.sources());
        for packet in batch.packets() {
            worker.packet(&packet, &mut lines);
        }
        take(&lines.lines);
        lines.lines.clear();
    }
    worker.finish(&mut lines);
    take(&lines.lines);
    Ok(())
}

fn protocols() -> &'static [&'static Protocol] {
    let mut all: Vec<&'static Protocol> = Vec::new();
    let seen_through = dissectors::LENSES.iter().flat_map(|lens| lens.protocols).copied();
    for protocol in
        dissectors::ALL.iter().map(|one| one.protocol).chain(seen_through).chain([&flow::CONN])
    {
        if !all.contains(&protocol) {
            all.push(protocol);
        }
    }
    Box::leak(all.into_boxed_slice())
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp(u64::try_from(since.as_nanos()).unwrap())
}

impl House {
    /// A server that has read these recordings.
    pub async fn with(names: &[&str], settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let protocols = protocols();
        let tables: Vec<_> = protocols.iter().map(|one| ProtocolTable::of(one)).collect();
        let columns = Arc::new(Columns::new(&tables));
        let path = folder.path().join("store");
        std::fs::create_dir_all(&path).unwrap();
        let store = Store::open(&path, columns.clone(), store::Options::default(), now()).unwrap();
        let store = Arc::new(store);
        let reading: api::Reading = Arc::new(|import, intake| {
            let done = read(&import.inputs, |lines| intake.take(import, lines).unwrap());
            Finished { failure: done.err(), ..Finished::default() }
        });
        let settings = Settings { uploads: folder.path().join("uploads"), ..settings };
        let imports = Imports::of_folder(&path).unwrap();
        let api = Api::new(
            store.clone(),
            Some(store.clone()),
            columns,
            protocols,
            imports,
            settings,
            reading,
        )
        .unwrap();
        let house = Self { router: api.router(), api, store, folder };
        for name in names {
            house.api.import(name, vec![fixture(name)]).unwrap();
        }
        house.settled().await;
        house
    }

    /// A server that has read the shop, for everybody.
    pub async fn shop() -> Self {
        Self::with(&["shop.pcapng.zst"], Settings::default()).await
    }

    /// When all imports are read.
    pub async fn settled(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.api.imports().iter().any(|import| import.phase() < Phase::Done) {
            assert!(Instant::now() < until, "imports take too long");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks as a local program would.
    pub async fn get(&self, path: &str) -> Said {
        self.ask(Request::get(path)).await
    }

    /// Asks for JSON that must be there.
    pub async fn json(&self, path: &str) -> Value {
        let said = self.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}: {said:?}");
        said.json()
    }

    /// Asks anything.
    pub async fn ask(&self, request: axum::http::request::Builder) -> Said {
        self.send(request, Body::empty()).await
    }

    /// Sends something. The host is a local one unless it is said.
    pub async fn send(&self, request: axum::http::request::Builder, body: Body) -> Said {
        let mut request = request.body(body).unwrap();
        request
            .headers_mut()
            .entry(header::HOST)
            .or_insert(header::HeaderValue::from_static("127.0.0.1:8899"));
        let Ok(response) = self.router.clone().call(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Said { status: parts.status, headers: parts.headers, body }
    }
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What is wrong, in words.
    pub fn error(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// A text in a query.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
