//! An identity provider: what it says of itself (OpenID Connect Discovery 1.0 §4), its keys, its tokens.

use std::{
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};
use warehouse::deepest;

use crate::text::{encoded, query};

/// A way to it, and what it said.
pub(super) struct Provider {
    issuer: String,
    client: Client<HttpsConnector<HttpConnector>, Body>,
    known: Mutex<Option<Arc<Known>>>,
}

/// What it said of itself, and when.
struct Known {
    place: Place,
    keys: Arc<JwkSet>,
    since: Instant,
}

/// Where it is asked for what.
#[derive(Clone, Debug, Deserialize)]
struct Place {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

/// What it gives for a code.
#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long what it said is believed.
const BELIEVED: Duration = Duration::from_secs(3600);
/// How soon it is asked again for keys that it may have changed.
const AGAIN: Duration = Duration::from_secs(10);

// === impl Provider ===

impl Provider {
    pub(super) fn new(issuer: &str, authority: Option<&Path>) -> Result<Self, String> {
        let connector = warehouse::connector(authority)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(2))
            .build(connector);
        Ok(Self { issuer: issuer.to_owned(), client, known: Mutex::new(None) })
    }

    /// Where browsers are sent to log in.
    pub(super) async fn authorization(&self) -> Result<String, String> {
        Ok(self.known(false).await?.place.authorization_endpoint.clone())
    }

    /// The keys that it signs with; asked for again, if some are missing.
    pub(super) async fn keys(&self, are_missing: bool) -> Result<Arc<JwkSet>, String> {
        Ok(self.known(are_missing).await?.keys.clone())
    }

    async fn known(&self, is_doubted: bool) -> Result<Arc<Known>, String> {
        let mut known = self.known.lock().await;
        let believed = if is_doubted { AGAIN } else { BELIEVED };
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < believed) {
            return Ok(known.clone());
        }
        let issuer = self.issuer.trim_end_matches('/');
        let place = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        let place: Place = serde_json::from_slice(&place).map_err(|error| error.to_string())?;
        // Discovery §4.3: or somebody else's keys would count.
        if place.issuer != self.issuer {
            return Err(format!("it calls itself {:?}, not {:?}", place.issuer, self.issuer));
        }
        for url in [&place.authorization_endpoint, &place.token_endpoint, &place.jwks_uri] {
            check(url)?;
        }
        let keys = self.get(&place.jwks_uri).await?;
        let keys = serde_json::from_slice(&keys).map_err(|error| format!("its keys: {error}"))?;
        let new = Arc::new(Known { place, keys: Arc::new(keys), since: Instant::now() });
        *known = Some(new.clone());
        Ok(new)
    }

    /// The ID token that it gives for a code.
    pub(super) async fn token(
        &self,
        form: &[(&str, &str)],
        secret: Option<(&str, &str)>,
    ) -> Result<String, String> {
        let place = self.known(false).await?.place.token_endpoint.clone();
        let pairs: Vec<_> = form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let form = query("", &pairs);
        let mut request = Request::post(place)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some((client, secret)) = secret {
            // RFC 6749 §2.3.1.
            let pair = STANDARD.encode(format!("{}:{}", encoded(client), encoded(secret)));
            request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
        }
        let body = Body::from(form.trim_start_matches('?').to_owned());
        let said = self.ask(request.body(body).map_err(|error| error.to_string())?).await?;
        let tokens: Tokens = serde_json::from_slice(&said).map_err(|error| error.to_string())?;
        tokens.id_token.ok_or_else(|| "it gives no ID token".into())
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let request = Request::get(url).header(header::ACCEPT, "application/json");
        self.ask(request.body(Body::empty()).map_err(|error| error.to_string())?).await
    }

    async fn ask(&self, request: Request<Body>) -> Result<Vec<u8>, String> {
        let path = request.uri().path().to_owned();
        let asking = async {
            let response = self.client.request(request).await.map_err(|error| deepest(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes().to_vec();
            if status.is_success() {
                return Ok(body);
            }
            // What it says may have secrets in it: the kind of the error is enough (RFC 6749 §5.2).
            let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let error = said["error"].as_str().unwrap_or_default();
            let error: String = error.chars().filter(char::is_ascii_graphic).take(80).collect();
            Err(format!("{path}: {status} {error}"))
        };
        timeout(ANSWER, asking).await.unwrap_or_else(|_| Err("it does not answer in time".into()))
    }
}

/// Whether what goes there and comes back can be believed: encrypted, or on this machine.
pub(super) fn check(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if is_here => Ok(()),
        _ => Err(format!("{url:?} is not https://…")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_encrypted_or_here_is_believed() {
        for good in ["https://login.example/realm", "http://127.0.0.1:9", "http://[::1]:9/x"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["http://login.example", "ftp://login.example", "login.example", ""] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
