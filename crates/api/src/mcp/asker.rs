//! Asks an API: the one in this process, or that of another server.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tower_service::Service as _;

use crate::Who;

/// Where questions go.
pub enum Asker {
    /// To the routes of this process, behind the door.
    Here(Router),
    /// To a running server.
    There {
        /// `http://127.0.0.1:8899`
        base: String,
        /// Its token, if it wants one.
        token: Option<String>,
        /// Keeps connections.
        client: Box<Client<HttpConnector, Body>>,
    },
}

/// What was answered.
pub struct Said {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

// === impl Asker ===

impl Asker {
    /// Asks the server at `base`, a URL without a path.
    ///
    /// # Errors
    /// When it is not the URL of a server.
    pub fn there(base: &str, token: Option<String>) -> Result<Self, String> {
        let base = base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            return Err(format!("{base}: a server is named like http://127.0.0.1:8899"));
        }
        let client = Box::new(Client::builder(TokioExecutor::new()).build_http());
        Ok(Self::There { base, token, client })
    }

    /// Asks for a path with its query, as somebody.
    ///
    /// # Errors
    /// When the server can't be reached, or says too much.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        who: &Who,
        body: Body,
    ) -> Result<Said, String> {
        let response = self.head(method, path, who, body).await?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| format!("the answer: {error}"))?;
        Ok(Said { status, body: body.to_bytes() })
    }

    /// Follows a stream of server-sent events: each goes to `take` with its name, until that has enough.
    ///
    /// # Errors
    /// When the server can't be reached, or refuses; when the stream breaks off.
    pub async fn follow(
        &self,
        path: &str,
        who: &Who,
        mut take: impl FnMut(&str, &str) -> bool,
    ) -> Result<(), String> {
        let response = self.head(Method::GET, path, who, Body::empty()).await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            let body = body.collect().await.map_err(|error| format!("the answer: {error}"))?;
            let said = Said { status, body: body.to_bytes() };
            return said.json().map(drop);
        }
        let (mut body, mut unread) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the stream broke off: {error}"))?;
            let Ok(bytes) = frame.into_data() else { continue };
            unread.extend_from_slice(&bytes);
            // An event ends with an empty line (HTML Living Standard §9.2.6).
            while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = unread.drain(..end + 2).collect();
                let text = String::from_utf8_lossy(&event);
                let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
                let (name, data) = (field("event: "), field("data: "));
                if let (Some(name), Some(data)) = (name, data)
                    && !take(name, data)
                {
                    return Ok(());
                }
            }
            if unread.len() > ANSWER_BYTES_MAX {
                return Err("an event without an end".into());
            }
        }
        Err("the server ended the stream".into())
    }

    /// The answer, its body unread.
    async fn head(
        &self,
        method: Method,
        path: &str,
        who: &Who,
        body: Body,
    ) -> Result<axum::http::Response<Body>, String> {
        Ok(match self {
            Self::Here(router) => {
                who.asks(path);
                let mut request = request(method, path, body)?;
                request.extensions_mut().insert(who.clone());
                let Ok(response) = router.clone().call(request).await;
                response
            }
            Self::There { base, token, client } => {
                let mut request = request(method, &format!("{base}{path}"), body)?;
                if let Some(token) = token {
                    let value =
                        format!("Bearer {token}").parse().map_err(|_| "a token is ASCII")?;
                    request.headers_mut().insert(header::AUTHORIZATION, value);
                }
                let response = client.request(request).await;
                response.map_err(|error| format!("{base} does not answer: {error}"))?.map(Body::new)
            }
        })
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// What the server says is wrong, in words.
    pub async fn get(&self, path: &str, who: &Who) -> Result<Value, String> {
        let said = self.ask(Method::GET, path, who, Body::empty()).await?;
        said.json()
    }
}

fn request(method: Method, uri: &str, body: Body) -> Result<Request<Body>, String> {
    Request::builder().method(method).uri(uri).body(body).map_err(|error| error.to_string())
}

// === impl Said ===

impl Said {
    /// The JSON that was said.
    ///
    /// # Errors
    /// What the server says is wrong, in words.
    pub fn json(&self) -> Result<Value, String> {
        let value: Value = serde_json::from_slice(&self.body)
            .map_err(|_| format!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))?;
        if self.status.is_success() {
            return Ok(value);
        }
        let error = &value["error"];
        let mut words = error["message"].as_str().unwrap_or("it failed").to_owned();
        if let (Some(from), Some(to)) = (error["at"][0].as_u64(), error["at"][1].as_u64()) {
            words += &format!(" (at characters {from} to {to})");
        }
        if let Some(hint) = error["hint"].as_str() {
            words += &format!("; {hint}");
        }
        Err(words)
    }
}
