//! Login with an identity provider: OpenID Connect Core 1.0 §3.1, by authorization code with PKCE (RFC 7636).
//!
//! What belongs to a login under way is in a cookie of the browser that began it, so that nobody can fill a table of
//! ours; what belongs to a session is here, under the hash of its name.

mod provider;
mod rules;
mod sessions;
mod verify;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

pub use rules::Rule;

use crate::{Fault, Grant, fault::Answer, guard::cookie, state::Api, text::query};
use provider::Provider;
use sessions::Sessions;

/// What whoever starts a server says of the identity provider.
#[derive(Clone, Default)]
pub struct LoginSettings {
    /// Who says who somebody is: `https://login.example/realm`.
    pub issuer: String,
    /// What this server is called there.
    pub client: String,
    /// Its password there, if it has one.
    pub secret: Option<String>,
    /// How browsers reach this server: `https://calls.example`.
    pub base: String,
    /// What is asked to be told, beside `openid`.
    pub scopes: String,
    /// Who signs the provider's certificate (a PEM file), if not one of those that the machine trusts.
    pub authority: Option<PathBuf>,
    /// Who is granted what; the first that fits counts.
    pub rules: Vec<Rule>,
    /// How long somebody stays logged in.
    pub lasts: Duration,
}

/// Who is logged in, and how others can be.
pub struct Login {
    settings: LoginSettings,
    provider: Provider,
    sessions: Sessions,
}

/// What a browser that logs in keeps.
const UNDER_WAY: &str = "callscope-login";
/// What a browser that is logged in keeps.
const SESSION: &str = "callscope-session";
/// Seconds that a login may take.
const UNDER_WAY_S: u64 = 600;
/// Bytes of randomness of each secret.
const SECRET_BYTES: usize = 32;
/// Characters that they are written with.
const SECRET_CHARS: usize = 43;

/// What the provider says by way of the browser.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Said {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

// === impl Login ===

impl Login {
    /// Nothing is asked of the provider before somebody logs in.
    ///
    /// # Errors
    /// When the settings make no sense; in one line.
    pub fn new(settings: LoginSettings) -> Result<Self, String> {
        if settings.rules.is_empty() {
            return Err("say who may do what: groups=shop viewer namespaces=shop".into());
        }
        if settings.client.is_empty() {
            return Err("say what this server is called by the identity provider".into());
        }
        for url in [&settings.issuer, &settings.base] {
            provider::check(url)?;
        }
        let provider = Provider::new(&settings.issuer, settings.authority.as_deref())?;
        let sessions = Sessions::new(settings.lasts);
        Ok(Self { settings, provider, sessions })
    }

    /// The name by which browsers reach this server.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.settings.base.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// What is granted to whoever shows the cookie of a session.
    pub(crate) fn of_session(&self, headers: &HeaderMap) -> Option<Arc<Grant>> {
        self.sessions.get(cookie(headers, SESSION)?)
    }

    fn redirect(&self) -> String {
        format!("{}/login/callback", self.settings.base.trim_end_matches('/'))
    }

    fn cookie(&self, name: &str, value: &str, attributes: &str) -> HeaderValue {
        // A browser that has it by an encrypted connection does not show it by another.
        let secure = if self.settings.base.starts_with("https://") { "; Secure" } else { "" };
        let text = format!("{name}={value}; HttpOnly; Path=/{secure}; {attributes}");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// Who it is, by what the provider's tokens say.
    async fn grant(&self, code: &str, nonce: &str, verifier: &str) -> Result<Grant, Fault> {
        let (settings, redirect) = (&self.settings, self.redirect());
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("client_id", &settings.client),
            ("code_verifier", verifier),
        ];
        let secret = settings.secret.as_deref().map(|secret| (settings.client.as_str(), secret));
        let token = self.provider.token(&form, secret).await.map_err(away)?;
        let expected =
            verify::Expected { issuer: &settings.issuer, client: &settings.client, nonce };
        let keys = self.provider.keys(false).await.map_err(away)?;
        let claims = match verify::claims(&token, &keys, &expected) {
            // It may have new keys.
            Err(verify::Flaw::UnknownKey) => {
                let keys = self.provider.keys(true).await.map_err(away)?;
                verify::claims(&token, &keys, &expected)
            }
            done => done,
        };
        let claims = claims.map_err(|flaw| refused(&flaw.to_string()))?;
        rules::grant(&settings.rules, &claims).map_err(Fault::forbidden)
    }
}

/// Sends a browser to the provider.
pub(crate) async fn begin(State(api): State<Arc<Api>>) -> Answer<Response> {
    let login = login(&api)?;
    let place = login.provider.authorization().await.map_err(away)?;
    let [state, nonce, verifier] = [secret()?, secret()?, secret()?];
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let scope = format!("openid {}", login.settings.scopes);
    let pairs = [
        ("response_type", "code".to_owned()),
        ("client_id", login.settings.client.clone()),
        ("redirect_uri", login.redirect()),
        ("scope", scope.trim().to_owned()),
        ("state", state.clone()),
        ("nonce", nonce.clone()),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256".to_owned()),
    ];
    let asked = query("", &pairs);
    let asked = if place.contains('?') { asked.replacen('?', "&", 1) } else { asked };
    let mut response = to(&format!("{place}{asked}"))?;
    // The provider leads back here from its own site: only a lax cookie comes along.
    let attributes = format!("SameSite=Lax; Max-Age={UNDER_WAY_S}");
    let kept = login.cookie(UNDER_WAY, &format!("{state}.{nonce}.{verifier}"), &attributes);
    response.headers_mut().append(header::SET_COOKIE, kept);
    Ok(response)
}

/// Where the provider leads a browser back to.
pub(crate) async fn callback(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Query(said): Query<Said>,
) -> Answer<Response> {
    let login = login(&api)?;
    let kept = cookie(&headers, UNDER_WAY).and_then(|kept| str::from_utf8(kept).ok());
    let parts: Vec<&str> = kept.unwrap_or_default().split('.').collect();
    // Whoever can set cookies here must not choose what is compared with nothing.
    let is_ours = parts.iter().all(|part| part.len() == SECRET_CHARS);
    let ([state, nonce, verifier], true) = (parts.as_slice(), is_ours) else {
        return Err(refused("this browser did not begin to log in here, or took too long"));
    };
    // Before anything else: what somebody else's page leads here is not ours (RFC 6749 §10.12).
    let shown = said.state.unwrap_or_default();
    if !bool::from(shown.as_bytes().ct_eq(state.as_bytes())) {
        return Err(refused("this is not the login that this browser began"));
    }
    // RFC 9207 §2.4.
    if said.iss.is_some_and(|iss| iss != login.settings.issuer) {
        return Err(refused("another identity provider answered"));
    }
    if let Some(error) = said.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(80).collect();
        return Err(refused(&format!("the identity provider says {error}")));
    }
    let code = said.code.ok_or_else(|| refused("the identity provider gave no code"))?;
    let grant = login.grant(&code, nonce, verifier).await?;
    let name = secret()?;
    login.sessions.add(&name, grant);
    let mut response = to("/")?;
    let lasts = login.settings.lasts.as_secs();
    let session = login.cookie(SESSION, &name, &format!("SameSite=Strict; Max-Age={lasts}"));
    response.headers_mut().append(header::SET_COOKIE, session);
    let gone = login.cookie(UNDER_WAY, "", "SameSite=Lax; Max-Age=0");
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

/// Ends a session.
pub(crate) async fn end(State(api): State<Arc<Api>>, headers: HeaderMap) -> Answer<Response> {
    let login = login(&api)?;
    if let Some(name) = cookie(&headers, SESSION) {
        login.sessions.remove(name);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let gone = login.cookie(SESSION, "", "SameSite=Strict; Max-Age=0");
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

fn login(api: &Api) -> Result<&Login, Fault> {
    let login = api.settings.login.as_deref();
    login.ok_or_else(|| Fault::missing("this server knows no identity provider"))
}

/// A text that nobody guesses.
fn secret() -> Result<String, Fault> {
    let mut bytes = [0; SECRET_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Fault::ours("there is no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn to(place: &str) -> Answer<Response> {
    let place = HeaderValue::from_str(place).map_err(Fault::ours)?;
    let headers =
        [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

fn refused(why: &str) -> Fault {
    Fault { hint: Some("log in again: /login".into()), ..Fault::new(StatusCode::UNAUTHORIZED, why) }
}

fn away(why: String) -> Fault {
    Fault::new(StatusCode::BAD_GATEWAY, format!("the identity provider: {why}"))
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.settings.issuer)
    }
}
