//! What is asked for where.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tower_http::compression::{
    CompressionLayer,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use crate::{
    Asker, Fault, Mcp, Who, aggregate, assets, calls, encryption::Encrypted, exports, guard,
    health, heatmap, language, login, map, metrics, openapi, state::Api, streams, tail, upload,
};

/// Bytes of a body, but for uploads, which count by themselves.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer that is worth compressing.
const COMPRESSED_FROM: u64 = 1024;

// === impl Api ===

impl Api {
    /// Everything, behind the door: for listeners.
    pub fn router(self: &Arc<Self>) -> Router {
        let asker = Arc::new(Asker::Here(self.open_router()));
        let mcp = StreamableHttpService::new(
            move || Ok(Mcp::new(asker.clone())),
            Arc::new(LocalSessionManager::default()),
            // The door has checked hosts and origins already.
            StreamableHttpServerConfig::default()
                .disable_allowed_hosts()
                .disable_allowed_origins()
                .with_legacy_session_mode(false)
                .with_json_response(true)
                .with_max_request_body_bytes(BODY_BYTES_MAX),
        );
        self.routes()
            .nest_service("/mcp", mcp)
            .route("/api/v1/session", post(session))
            .route("/login", get(login::begin))
            .route("/login/callback", get(login::callback))
            .route("/logout", post(login::end))
            .fallback(files)
            .with_state(self.clone())
            .layer(middleware::from_fn_with_state(self.clone(), guard::door))
            .layer(compression())
    }

    /// The API without the door, for this process's own questions; each brings its role.
    pub fn open_router(self: &Arc<Self>) -> Router {
        self.routes().with_state(self.clone())
    }

    fn routes(&self) -> Router<Arc<Self>> {
        Router::new()
            .route("/api/v1/calls", get(calls::list))
            .route("/api/v1/calls/{id}", get(calls::one))
            .route("/api/v1/calls/{id}/curl", get(calls::curl))
            .route("/api/v1/calls/{id}/har", get(calls::har))
            .route("/api/v1/calls/{id}/body/{half}", get(calls::body))
            .route("/api/v1/calls/{id}/packets", get(calls::packets))
            .route("/api/v1/calls/{id}/pcap", get(calls::pcap))
            .route("/api/v1/streams/{stream}", get(streams::one))
            .route("/api/v1/tail", get(tail::tail))
            .route("/api/v1/aggregate", get(aggregate::table))
            .route("/api/v1/histogram", get(aggregate::histogram))
            .route("/api/v1/heatmap", get(heatmap::heatmap))
            .route("/api/v1/facets", get(aggregate::facets))
            .route("/api/v1/map", get(map::map))
            .route("/api/v1/fields", get(language::fields))
            .route("/api/v1/complete", get(language::complete))
            .route("/api/v1/check", get(language::check))
            .route("/api/v1/protocols", get(language::protocols))
            .route("/api/v1/import", post(upload::import).layer(DefaultBodyLimit::disable()))
            .route("/api/v1/imports", get(upload::list))
            .route("/api/v1/imports/{id}", get(upload::one))
            .route("/api/v1/export", get(exports::export))
            .route("/api/v1/health", get(health::health))
            .route("/api/v1/openapi.json", get(openapi::description))
            .route("/healthz", get(health::alive))
            .route("/metrics", get(metrics::metrics))
            .route("/api/{*rest}", axum::routing::any(nothing))
            .method_not_allowed_fallback(not_so)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
    }
}

/// Events must not wait in a compressor.
fn compression() -> CompressionLayer<impl Predicate> {
    let packed = ["text/event-stream", "image/png", "font/woff2", "application/vnd.apache.parquet"];
    let [events, png, font, parquet] = packed.map(NotForContentType::const_new);
    CompressionLayer::new()
        .compress_when(SizeAbove::new(COMPRESSED_FROM).and(events).and(png).and(font).and(parquet))
}

async fn nothing(uri: Uri) -> Fault {
    let path: String = uri.path().chars().take(80).collect();
    Fault {
        hint: Some("/api/v1/openapi.json describes what there is".into()),
        ..Fault::missing(format!("there is no {path}"))
    }
}

async fn not_so(method: Method, uri: Uri) -> Fault {
    let path: String = uri.path().chars().take(80).collect();
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for {path}"))
}

/// The dashboard.
async fn files(State(api): State<Arc<Api>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return not_so(method, uri).await.into_response();
    }
    assets::serve(uri.path(), api.settings.ui.as_deref()).await
}

/// Keeps the token that was shown in a cookie, for links and event sources, which can't show it.
async fn session(who: Who, request: axum::extract::Request) -> Response {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
    // Tokens are visible ASCII; what would end the cookie is none of ours.
    let plain = token.bytes().all(|byte| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte));
    let token = if plain { token } else { "" };
    // A browser that has it by an encrypted connection does not show it by another.
    let is_encrypted = request.extensions().get::<Encrypted>().is_some();
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookie = format!("{}={token}; HttpOnly; SameSite=Strict; Path=/{secure}", guard::COOKIE);
    let namespaces = who.scope().map(crate::Scope::namespaces);
    let told = serde_json::json!({ "role": who.role().name(), "namespaces": namespaces });
    let mut response = axum::Json(told).into_response();
    if let (Ok(cookie), false) = (HeaderValue::from_str(&cookie), token.is_empty()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
