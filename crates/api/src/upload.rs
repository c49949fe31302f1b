//! Captures that clients send: to a temporary file as they come, then read like any other.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json,
    body::Body,
    extract::{Path as InPath, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{
    Fault, Role, Settings, Who,
    fault::{Answer, ErrorBody},
    guard,
    params::Asked,
    state::Api,
};

/// Characters of a name.
const NAME_MAX: usize = 200;

/// Files that were sent; they are removed when the server ends.
pub(crate) struct Uploads {
    folder: PathBuf,
    bytes_max: u64,
    bytes_max_all: u64,
    bytes: AtomicU64,
    number: AtomicU64,
    files: Mutex<Vec<PathBuf>>,
}

/// A file that is written; removed unless it is kept.
struct Draft<'u> {
    uploads: &'u Uploads,
    path: PathBuf,
    bytes: u64,
    kept: bool,
}

/// What it is called.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportAsked {
    /// What people call it: the file's name.
    name: Option<String>,
}

/// Imports a capture (pcap or pcapng, also gzip or zstd), sent as the body. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/import", tag = "imports", params(ImportAsked),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, description = "It will be read", body = crate::openapi::Imported),
        (status = "4XX", description = "It is too large, or not allowed", body = ErrorBody)))]
pub(crate) async fn import(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<ImportAsked>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    if who.role() < Role::Admin {
        guard::drain(body).await;
        return Err(Fault::forbidden("imports need the role admin"));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    let path = api.uploads.write(declared, body).await?;
    let name: String = asked.name.unwrap_or_default().chars().take(NAME_MAX).collect();
    let name = if name.is_empty() { "upload".to_owned() } else { name };
    let import = api.import(&name, vec![path])?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "import": import.id }))).into_response())
}

/// All imports, oldest first.
#[utoipa::path(get, path = "/api/v1/imports", tag = "imports",
    responses((status = 200, description = "The imports", body = crate::openapi::ImportList)))]
pub(crate) async fn list(State(api): State<Arc<Api>>, who: Who) -> Json<Value> {
    let imports: Vec<_> = api.imports.all().iter().map(|import| import.facts_for(&who)).collect();
    Json(json!({ "imports": imports }))
}

/// How far an import is.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "imports",
    params(("id" = String, Path, description = "The import's id")),
    responses((status = 200, description = "The import", body = crate::ImportFacts),
        (status = "4XX", description = "There is no such import", body = ErrorBody)))]
pub(crate) async fn one(
    State(api): State<Arc<Api>>,
    who: Who,
    InPath(id): InPath<String>,
) -> Answer<Json<crate::ImportFacts>> {
    let import = api.imports.get(&id).ok_or_else(|| Fault::missing("there is no such import"))?;
    Ok(Json(import.facts_for(&who)))
}

// === impl Uploads ===

impl Uploads {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            folder: settings.uploads.clone(),
            bytes_max: settings.limits.upload_bytes,
            bytes_max_all: settings.limits.uploads_bytes,
            bytes: AtomicU64::new(0),
            number: AtomicU64::new(0),
            files: Mutex::default(),
        }
    }

    /// Writes a body to a file, piece by piece.
    async fn write(&self, declared: u64, body: Body) -> Result<PathBuf, Fault> {
        self.check(declared)?;
        tokio::fs::create_dir_all(&self.folder)
            .await
            .map_err(|error| failed(&self.folder, &error))?;
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("upload-{}-{number}", std::process::id()));
        let mut draft = Draft { uploads: self, path: path.clone(), bytes: 0, kept: false };
        let mut file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .await
            .map_err(|error| failed(&path, &error))?;
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| Fault::bad("the upload broke off"))?;
            draft.add(piece.len() as u64)?;
            file.write_all(&piece).await.map_err(|error| failed(&path, &error))?;
        }
        file.flush().await.map_err(|error| failed(&path, &error))?;
        if draft.bytes == 0 {
            return Err(Fault::bad("the body is empty: send the capture as the body"));
        }
        draft.kept = true;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        Ok(path)
    }

    /// Whether so many bytes may come.
    fn check(&self, bytes: u64) -> Result<(), Fault> {
        if bytes > self.bytes_max {
            let message = format!("an upload has at most {} bytes", self.bytes_max);
            return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        if self.bytes.load(Ordering::Relaxed).saturating_add(bytes) > self.bytes_max_all {
            let message = format!("all uploads together have at most {} bytes", self.bytes_max_all);
            return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Ok(())
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        for path in self.files.get_mut().unwrap_or_else(PoisonError::into_inner) {
            drop(std::fs::remove_file(path));
        }
    }
}

// === impl Draft ===

impl Draft<'_> {
    fn add(&mut self, bytes: u64) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.uploads.bytes_max {
            return self.uploads.check(self.bytes);
        }
        let all = self.uploads.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > self.uploads.bytes_max_all {
            return self.uploads.check(0);
        }
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.uploads.bytes.fetch_sub(
                self.bytes.min(self.uploads.bytes.load(Ordering::Relaxed)),
                Ordering::Relaxed,
            );
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// The disk's fault, and not the client's.
fn failed(path: &Path, error: &std::io::Error) -> Fault {
    eprintln!("callscope: {}: {error}", path.display());
    Fault::new(
        StatusCode::INSUFFICIENT_STORAGE,
        format!("the upload can't be kept: {}", error.kind()),
    )
}
