//! A collector of OpenTelemetry, and the ways to it: OTLP 1.x over HTTP (protobuf) and over gRPC.

use std::{fs, path::PathBuf, str::FromStr, time::Duration};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Request, Uri, header, response::Parts,
        uri::PathAndQuery,
    },
};
use export::{Spans, Taken};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;
use tonic::{
    Code,
    client::Grpc,
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_prost::ProstCodec;
use warehouse::deepest;

/// A collector, as somebody names it.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    /// `http://collector:4318`, `https://collector:4317`; over HTTP perhaps with the path.
    pub endpoint: String,
    /// How it is spoken to.
    pub speaks: Speaks,
    /// What goes along with every request: names and values.
    pub headers: Vec<(String, String)>,
    /// Who signs its certificate (a PEM file), if not one of those that the machine trusts.
    pub authority: Option<PathBuf>,
}

/// How a collector is spoken to, by the names of OpenTelemetry's `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Speaks {
    /// `http/protobuf`
    #[default]
    Http,
    /// `grpc`
    Grpc,
}

/// A way to a collector.
pub(super) enum Way {
    Http { client: Box<Client<HttpsConnector<HttpConnector>, Body>>, uri: Uri, headers: HeaderMap },
    Grpc { channel: Channel, headers: MetadataMap },
}

/// What became of spans.
pub(super) enum Given {
    /// They were taken, but for so many; why.
    Taken(u64, String),
    /// They may be taken another time.
    Later(String),
    /// They will never be.
    Refused(String),
}

/// How long a collector may take.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What is asked of it over HTTP.
const TRACES: &str = "/v1/traces";
/// What is asked of it over gRPC.
const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

// === impl Speaks ===

impl FromStr for Speaks {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "http/protobuf" => Ok(Self::Http),
            "grpc" => Ok(Self::Grpc),
            _ => Err(format!("{name:?} is neither http/protobuf nor grpc")),
        }
    }
}

// === impl Collector ===

impl Collector {
    fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let flaw = || format!("{name:?} with this value is no header");
            let name = HeaderName::from_str(name).map_err(|_| flaw())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| flaw())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }

    fn uri(&self) -> Result<Uri, String> {
        let example = match self.speaks {
            Speaks::Http => "http://127.0.0.1:4318",
            Speaks::Grpc => "http://127.0.0.1:4317",
        };
        let flaw = || format!("{}: a collector is named like {example}", self.endpoint);
        let base = self.endpoint.trim_end_matches('/');
        let path = match self.speaks {
            Speaks::Http if !base.ends_with(TRACES) => TRACES,
            _ => "",
        };
        let uri: Uri = format!("{base}{path}").parse().map_err(|_| flaw())?;
        let is_fit = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        is_fit.then_some(uri).ok_or_else(flaw)
    }
}

// === impl Way ===

impl Way {
    /// A way to `collector`, and what that is called; nothing is asked yet.
    pub(super) fn to(collector: &Collector) -> Result<(Self, String), String> {
        let (uri, headers) = (collector.uri()?, collector.headers()?);
        let name = uri.to_string();
        let way = match collector.speaks {
            Speaks::Http => {
                let connector = warehouse::connector(collector.authority.as_deref())?;
                let client = Box::new(Client::builder(TokioExecutor::new()).build(connector));
                Self::Http { client, uri, headers }
            }
            Speaks::Grpc => {
                let channel = channel(&uri, collector)?.connect_lazy();
                Self::Grpc { channel, headers: MetadataMap::from_headers(headers) }
            }
        };
        Ok((way, name))
    }

    /// Gives the collector these spans, once.
    pub(super) async fn give(&self, spans: &Spans) -> Given {
        let given = async {
            match self {
                Self::Http { client, uri, headers } => by_http(client, uri, headers, spans).await,
                Self::Grpc { channel, headers } => by_grpc(channel, headers, spans).await,
            }
        };
        let late = || Given::Later(format!("no answer in {} s", ANSWER.as_secs()));
        timeout(ANSWER, given).await.unwrap_or_else(|_| late())
    }
}

// === the parts of Way::to ===

fn channel(uri: &Uri, collector: &Collector) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from(uri.clone()).connect_timeout(ANSWER);
    if uri.scheme_str() != Some("https") {
        return Ok(endpoint);
    }
    let tls = match &collector.authority {
        None => ClientTlsConfig::new().with_native_roots(),
        Some(path) => {
            let pem = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
        }
    };
    endpoint.tls_config(tls).map_err(|error| deepest(&error))
}

// === the parts of Way::give ===

async fn by_http(
    client: &Client<HttpsConnector<HttpConnector>, Body>,
    uri: &Uri,
    headers: &HeaderMap,
    spans: &Spans,
) -> Given {
    let mut request = Request::new(Body::from(spans.to_bytes()));
    *request.method_mut() = axum::http::Method::POST;
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers.clone();
    let protobuf = HeaderValue::from_static("application/x-protobuf");
    request.headers_mut().insert(header::CONTENT_TYPE, protobuf);
    match client.request(request).await {
        Err(error) => Given::Later(format!("can't be reached: {}", deepest(&error))),
        Ok(response) => {
            let (Parts { status, .. }, body) = response.into_parts();
            if status.is_success() {
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                return taken(
                    &body.map_or_else(|_| Taken::default(), |body| Taken::of(&body.to_bytes())),
                );
            }
            let said = format!("it answered {status}");
            // OTLP, "Retryable Response Codes".
            match status.as_u16() {
                429 | 502 | 503 | 504 => Given::Later(said),
                _ => Given::Refused(said),
            }
        }
    }
}

async fn by_grpc(channel: &Channel, headers: &MetadataMap, spans: &Spans) -> Given {
    let mut client = Grpc::new(channel.clone());
    if let Err(error) = client.ready().await {
        return Given::Later(format!("can't be reached: {}", deepest(&error)));
    }
    let mut request = tonic::Request::new(spans.clone());
    *request.metadata_mut() = headers.clone();
    let codec = ProstCodec::<Spans, Taken>::default();
    match client.unary(request, EXPORT, codec).await {
        Ok(answer) => taken(answer.get_ref()),
        Err(status) => {
            let said = format!("it answered {:?}: {}", status.code(), status.message());
            // OTLP/gRPC Response, "Failures".
            match status.code() {
                Code::Cancelled
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss => Given::Later(said),
                _ => Given::Refused(said),
            }
        }
    }
}

fn taken(answer: &Taken) -> Given {
    let (rejected, why) = answer.rejected();
    Given::Taken(rejected, why.to_owned())
}
