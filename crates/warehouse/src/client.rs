//! The client that object storage is asked by: that of the engines, in the terms of the library.

use std::{fmt, io, path::Path, time::Duration};

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use object_store::{
    ClientOptions,
    client::{
        self, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use tokio::time::timeout;

use crate::{connector::connector, door::deepest};

type Client = legacy::Client<HttpsConnector<HttpConnector>, HttpRequestBody>;

/// Makes clients.
pub(crate) struct Connector(Client);

/// One of them.
struct Asking(Client);

/// How long a request may take until its answer begins: a file of some megabytes on its way.
const ANSWER: Duration = Duration::from_secs(120);

// === impl Connector ===

impl Connector {
    pub(crate) fn new(authority: Option<&Path>) -> Result<Self, String> {
        let connector = connector(authority)?;
        // Files go out now and then: servers close connections that are idle.
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(2))
            .build(connector);
        Ok(Self(client))
    }
}

impl client::HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Asking(self.0.clone())))
    }
}

#[async_trait]
impl HttpService for Asking {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |kind, why: String| HttpError::new(kind, io::Error::other(why));
        let response = match timeout(ANSWER, self.0.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let kind = match error.is_connect() {
                    true => HttpErrorKind::Connect,
                    false => HttpErrorKind::Interrupted,
                };
                return Err(failed(kind, deepest(&error)));
            }
            Err(_) => return Err(failed(HttpErrorKind::Timeout, "no answer in time".into())),
        };
        Ok(response.map(|body| {
            let cut = |error: hyper::Error| HttpError::new(HttpErrorKind::Interrupted, error);
            HttpResponseBody::new(body.map_err(cut))
        }))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}
