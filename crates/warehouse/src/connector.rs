//! Connections to servers by name, encrypted or not.

use std::{fmt::Display, fs, path::Path, sync::Arc, time::Duration};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);

/// Connects by `http` and `https`, in HTTP/1.1; certificates are of this `authority` (a PEM file), or else
/// of those that the machine trusts.
///
/// # Errors
/// When certificates can't be had; in one line.
pub fn connector(authority: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, String> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(CONNECT));
    http.set_nodelay(true);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = match authority {
        Some(path) => {
            let told = |error: &dyn Display| format!("{}: {error}", path.display());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| told(&error))?
                .with_root_certificates(roots(path).map_err(|error| told(&error))?)
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
        None => HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| error.to_string())?,
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

/// The authorities of a PEM file.
///
/// # Errors
/// When it can't be read, or holds none.
pub fn roots(path: &Path) -> Result<RootCertStore, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    let pem = fs::read(path)?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("holds no certificate".into());
    }
    Ok(roots)
}
