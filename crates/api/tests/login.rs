//! Login with an identity provider, which is made here: what it says counts only if it is said to us, now, for
//! this login, and with its key.

mod common;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use api::{Login, LoginSettings, Settings};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use common::{House, Said};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

const CLIENT: &str = "callscope";
const SECRET: &str = "pass:word";
const BASE: &str = "https://calls.example";

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    Nothing,
    Nonce,
    Expired,
    NotYet,
    Audience,
    TwoAudiences,
    Issuer,
    NoSubject,
    AlgNone,
    Hmac,
    OtherKey,
    UnknownKey,
    Torn,
    Absent,
}

/// An identity provider.
struct Idp {
    issuer: String,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    wrong: Wrong,
    /// The login under way: what it was begun with.
    begun: Option<(String, String)>,
    claims: Value,
    kid: String,
    asked_keys: usize,
}

type Shared = Arc<Mutex<Idp>>;

fn key() -> EcdsaKeyPair {
    let (on, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let document = EcdsaKeyPair::generate_pkcs8(on, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(on, document.as_ref(), &random).unwrap()
}

fn lock(idp: &Shared) -> std::sync::MutexGuard<'_, Idp> {
    idp.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn provider() -> Shared {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
    let idp = Arc::new(Mutex::new(Idp {
        issuer,
        key: key(),
        other: key(),
        wrong: Wrong::Nothing,
        begun: None,
        claims: json!({ "groups": ["shop"], "email": "ann@example.com" }),
        kid: "first".into(),
        asked_keys: 0,
    }));
    let router = Router::new()
        .route("/realm/.well-known/openid-configuration", get(discovery))
        .route("/realm/keys", get(keys))
        .route("/realm/token", post(token))
        .with_state(idp.clone());
    tokio::spawn(api::serve(listener, router, 100, std::future::pending()));
    idp
}

async fn discovery(State(idp): State<Shared>) -> Response {
    let idp = lock(&idp);
    let at = |path: &str| format!("{}/{path}", idp.issuer);
    axum::Json(json!({ "issuer": idp.issuer, "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"), "jwks_uri": at("keys") }))
    .into_response()
}

async fn keys(State(idp): State<Shared>) -> Response {
    let mut idp = lock(&idp);
    idp.asked_keys += 1;
    let point = idp.key.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    axum::Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": idp.kid,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) }] }))
    .into_response()
}

/// RFC 6749 §4.1.3 and RFC 7636 §4.6: who asks, for which code, and whether it is who began.
async fn token(State(idp): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut idp = lock(&idp);
    let form: Vec<(String, String)> = pairs(str::from_utf8(&body).unwrap());
    let field = |name: &str| {
        form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value).to_owned()
    };
    let basic = format!("Basic {}", STANDARD.encode("callscope:pass%3Aword"));
    let Some((challenge, nonce)) = idp.begun.take() else { return denied("invalid_grant") };
    let proof = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
    if headers[header::AUTHORIZATION] != basic.as_str() || field("client_id") != CLIENT {
        return denied("invalid_client");
    }
    let right = proof == challenge && field("code") == "the-code";
    if !right || field("redirect_uri") != format!("{BASE}/login/callback") {
        return denied("invalid_grant");
    }
    if idp.wrong == Wrong::Absent {
        return axum::Json(json!({ "access_token": "x" })).into_response();
    }
    axum::Json(json!({ "id_token": idp.signed(&nonce), "access_token": "x" })).into_response()
}

fn denied(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

impl Idp {
    fn signed(&self, nonce: &str) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = self.claims.clone();
        let all = json!({ "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now,
            "exp": now + 300, "nonce": nonce });
        claims.as_object_mut().unwrap().extend(all.as_object().unwrap().clone());
        let (mut alg, mut kid) = ("ES256", self.kid.as_str());
        match self.wrong {
            Wrong::Nonce => claims["nonce"] = json!("another"),
            Wrong::Expired => claims["exp"] = json!(now - 600),
            Wrong::NotYet => claims["nbf"] = json!(now + 600),
            Wrong::Audience => claims["aud"] = json!("somebody"),
            Wrong::TwoAudiences => claims["aud"] = json!([CLIENT, "somebody"]),
            Wrong::Issuer => claims["iss"] = json!("https://evil.example"),
            Wrong::NoSubject => drop(claims.as_object_mut().unwrap().remove("sub")),
            Wrong::AlgNone => alg = "none",
            Wrong::Hmac => alg = "HS256",
            Wrong::UnknownKey => kid = "unknown",
            _ => {}
        }
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": alg, "kid": kid, "typ": "JWT" }));
        let mut text = format!("{head}.{}", part(claims));
        let key = if self.wrong == Wrong::OtherKey { &self.other } else { &self.key };
        let signature = match self.wrong {
            Wrong::AlgNone => String::new(),
            // With the public key for a secret: what a library that trusts `alg` falls for.
            Wrong::Hmac => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.public_key().as_ref());
                URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, text.as_bytes()))
            }
            _ => {
                let signed = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
                URL_SAFE_NO_PAD.encode(signed)
            }
        };
        if self.wrong == Wrong::Torn {
            text = text.replacen('.', ".A", 1);
        }
        format!("{text}.{signature}")
    }
}

async fn house(idp: &Shared, lasts: Duration) -> House {
    let rules = ["groups=sre admin", "groups=shop viewer namespaces=shop"];
    let login = Login::new(LoginSettings {
        issuer: lock(idp).issuer.clone(),
        client: CLIENT.into(),
        secret: Some(SECRET.into()),
        base: BASE.into(),
        scopes: "email groups".into(),
        authority: None,
        rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        lasts,
    });
    let login = login.unwrap();
    assert_eq!(login.host(), "calls.example");
    House::with(&[], Settings { login: Some(Arc::new(login)), ..Settings::default() }).await
}

/// The cookie of this name that an answer sets, with its attributes.
fn set(said: &Said, name: &str) -> String {
    let all = said.headers.get_all(header::SET_COOKIE).iter();
    let mut all = all.map(|value| value.to_str().unwrap().to_owned());
    all.find(|value| value.starts_with(&format!("{name}="))).unwrap_or_default()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

/// Begins a login: what the browser keeps, and the state that the provider is told.
async fn begin(house: &House, idp: &Shared) -> (String, String) {
    let said = house.get("/login").await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text());
    let place = said.headers[header::LOCATION].to_str().unwrap().to_owned();
    let (at, query) = place.split_once('?').unwrap();
    assert_eq!(at, format!("{}/authorize", lock(idp).issuer));
    let query = pairs(query);
    let field = |name: &str| {
        query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!((field("response_type"), field("client_id")), ("code".into(), CLIENT.into()));
    assert_eq!(field("redirect_uri"), format!("{BASE}/login/callback"));
    assert_eq!(
        (field("scope"), field("code_challenge_method")),
        ("openid email groups".into(), "S256".into())
    );
    lock(idp).begun = Some((field("code_challenge"), field("nonce")));
    let cookie = set(&said, "callscope-login");
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    (pair(&cookie), field("state"))
}

async fn callback(house: &House, cookie: &str, query: &str) -> Said {
    // As the provider's page leads a browser here.
    let request = Request::get(format!("/login/callback?{query}"));
    house.ask(request.header(header::COOKIE, cookie).header("sec-fetch-site", "cross-site")).await
}

async fn login(house: &House, idp: &Shared) -> Said {
    let (cookie, state) = begin(house, idp).await;
    callback(house, &cookie, &format!("code=the-code&state={state}&session_state=x")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_logs_in_and_out() {
    let idp = provider().await;
    let house = house(&idp, Duration::from_secs(3600)).await;
    let said = house.get("/api/v1/calls").await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
    assert!(said.text().contains("/login"), "{}", said.text());
    let said = login(&house, &idp).await;
    assert_eq!(
        (said.status, &said.headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/".parse().unwrap())
    );
    assert!(set(&said, "callscope-login").contains("Max-Age=0"));
    let cookie = set(&said, "callscope-session");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Max-Age=3600", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let session = pair(&cookie);
    let ask = async |request: axum::http::request::Builder| {
        house.ask(request.header(header::COOKIE, &session)).await
    };
    let who = ask(Request::post("/api/v1/session")).await;
    assert_eq!(who.json(), json!({ "role": "viewer", "namespaces": ["shop"] }));
    assert!(set(&who, "callscope-token").is_empty());
    assert_eq!(ask(Request::get("/api/v1/calls")).await.status, StatusCode::OK);
    assert_eq!(ask(Request::post("/api/v1/import")).await.status, StatusCode::FORBIDDEN);
    // Another name is none, and neither is what the login was begun with.
    for other in ["callscope-session=AAAA", "callscope-session=", "callscope-login=a.b.c"] {
        let said = house.ask(Request::get("/api/v1/calls").header(header::COOKIE, other)).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{other}");
    }
    // Nobody else's page ends it.
    let foreign = Request::post("/logout").header("sec-fetch-site", "cross-site");
    assert_eq!(ask(foreign).await.status, StatusCode::FORBIDDEN);
    let said = ask(Request::post("/logout")).await;
    assert_eq!(said.status, StatusCode::NO_CONTENT);
    assert!(set(&said, "callscope-session").contains("Max-Age=0"));
    assert_eq!(ask(Request::get("/api/v1/calls")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_anything_wrong_lets_nobody_in() {
    let idp = provider().await;
    let house = house(&idp, Duration::from_secs(3600)).await;
    for wrong in [
        Wrong::Nonce,
        Wrong::Expired,
        Wrong::NotYet,
        Wrong::Audience,
        Wrong::TwoAudiences,
        Wrong::Issuer,
        Wrong::NoSubject,
        Wrong::AlgNone,
        Wrong::Hmac,
        Wrong::OtherKey,
        Wrong::UnknownKey,
        Wrong::Torn,
        Wrong::Absent,
    ] {
        lock(&idp).wrong = wrong;
        let said = login(&house, &idp).await;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::BAD_GATEWAY];
        assert!(refused.contains(&said.status), "{wrong:?}: {said:?}");
        assert!(set(&said, "callscope-session").is_empty(), "{wrong:?}");
        lock(&idp).wrong = Wrong::Nothing;
        assert_eq!(login(&house, &idp).await.status, StatusCode::SEE_OTHER, "after {wrong:?}");
    }
    // Who is known and granted nothing.
    lock(&idp).claims = json!({ "groups": ["strangers"] });
    let said = login(&house, &idp).await;
    assert_eq!(
        (said.status, set(&said, "callscope-session")),
        (StatusCode::FORBIDDEN, String::new())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_began_goes_on() {
    let idp = provider().await;
    let house = house(&idp, Duration::from_secs(3600)).await;
    let (cookie, state) = begin(&house, &idp).await;
    let (_, other) = begin(&house, &idp).await;
    let right = format!("code=the-code&state={state}");
    for (cookie, query) in [
        ("", right.as_str()),
        ("callscope-login=", "code=the-code&state="),
        ("callscope-login=..", "code=the-code&state="),
        ("callscope-login=a.b", "code=the-code&state=a"),
        (&cookie, "code=the-code"),
        (&cookie, &format!("code=the-code&state={other}")),
        (&cookie, &format!("state={state}")),
        (&cookie, &format!("state={state}&error=access_denied")),
        (&cookie, &format!("{right}&iss=https%3A%2F%2Fevil.example")),
    ] {
        let said = callback(&house, cookie, query).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{cookie} {query}: {said:?}");
        assert!(set(&said, "callscope-session").is_empty());
    }
    // The other login began last: this one's proof is not the one that the provider was told.
    let said = callback(&house, &cookie, &right).await;
    assert_eq!(said.status, StatusCode::BAD_GATEWAY);
    assert!(said.error().contains("invalid_grant"), "{}", said.text());
    // A code is good once.
    let (cookie, state) = begin(&house, &idp).await;
    let query = format!("code=the-code&state={state}");
    assert_eq!(callback(&house, &cookie, &query).await.status, StatusCode::SEE_OTHER);
    assert_eq!(callback(&house, &cookie, &query).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_and_a_provider_that_is_away_is_told() {
    let idp = provider().await;
    let brief = house(&idp, Duration::ZERO).await;
    let said = login(&brief, &idp).await;
    let session = pair(&set(&said, "callscope-session"));
    let said = brief.ask(Request::get("/api/v1/calls").header(header::COOKIE, session)).await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
    // Another issuer than it should be: its keys would be somebody else's.
    let right = lock(&idp).issuer.clone();
    let fresh = house(&idp, Duration::from_secs(60)).await;
    lock(&idp).issuer = "https://evil.example".into();
    let said = fresh.get("/login").await;
    assert_eq!(said.status, StatusCode::BAD_GATEWAY);
    assert!(said.error().contains("evil.example"), "{}", said.text());
    lock(&idp).issuer = right;
    assert_eq!(fresh.get("/login").await.status, StatusCode::SEE_OTHER);
    let none = House::with(&[], Settings::default()).await;
    for path in ["/login", "/login/callback"] {
        assert_eq!(none.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    drop(none.send(Request::post("/logout"), Body::empty()).await);
    assert!(lock(&idp).asked_keys >= 2);
}
