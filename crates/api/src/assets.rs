//! The dashboard's files: built into the program, or of a folder during development.

use std::{borrow::Cow, path::Path};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

/// `ui/dist`, where it was there at build time.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// What is served where the dashboard was not built.
const PAGE: &[u8] =
    b"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>callscope</title>\n\
    <h1>callscope</h1>\n<p>This program was built without its dashboard. The API is described by \
    <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.</p>\n</html>\n";

/// Bytes of a file of `--ui-dir` at most.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The file at this path of the dashboard; its first page for every path that is none of its files.
pub(crate) async fn serve(path: &str, folder: Option<&Path>) -> Response {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if let Some(bytes) = find(path, folder).await {
        return file(path, bytes);
    }
    // A missing script is not a page: the browser would say that HTML is no script. Files lie at the top and
    // in one folder; what is deeper is a place in the dashboard, whatever dots are in it.
    let is_file = path.contains('.') && !path.contains('/');
    if path.starts_with("assets/") || (is_file && path != "index.html") {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    }
    match find("index.html", folder).await {
        Some(bytes) => file("index.html", bytes),
        None => file("index.html", Cow::Borrowed(PAGE)),
    }
}

async fn find(path: &str, folder: Option<&Path>) -> Option<Cow<'static, [u8]>> {
    let Some(folder) = folder else { return Dist::get(path).map(|file| file.data) };
    let plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain || path.contains('\\') || path.contains('\0') {
        return None;
    }
    let path = folder.join(path);
    let meta = tokio::fs::metadata(&path).await.ok()?;
    if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
        return None;
    }
    Some(Cow::Owned(tokio::fs::read(&path).await.ok()?))
}

fn file(path: &str, bytes: Cow<'static, [u8]>) -> Response {
    let body = match bytes {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(path))),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching(path))),
    ];
    (headers, body).into_response()
}

/// Vite puts a hash of the content into the names of all that is in `assets/`.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_gives_its_own_files_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        std::fs::write(folder.path().join("index.html"), "page").unwrap();
        std::fs::write(folder.path().join("assets/a-1.js"), "code").unwrap();
        let get = async |path: &str| serve(path, Some(folder.path())).await;
        let page = get("/").await;
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
        let script = get("/assets/a-1.js").await;
        assert_eq!(script.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(script.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        for other in
            ["/calls/3:1-0", "/call/3:12.1-3@17", "/services/shop.example", "/../etc/x.txt"]
        {
            let page = get(other).await;
            assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8", "{other}");
        }
        for missing in ["/assets/b.js", "/favicon.ico", "/assets/../../x.txt", "/b.css"] {
            assert_eq!(get(missing).await.status(), StatusCode::NOT_FOUND, "{missing}");
        }
    }

    #[tokio::test]
    async fn what_is_built_in_has_a_first_page() {
        assert_eq!(serve("/", None).await.status(), StatusCode::OK);
    }
}
