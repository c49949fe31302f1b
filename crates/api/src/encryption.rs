//! TLS of a listener: the certificate that it shows, and those that its clients show (RFC 8446 §4.4.2).

use std::{
    fmt::Display,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// How a listener encrypts: as its files say, also when they are replaced by others while it listens.
#[derive(Clone)]
pub struct Encryption(Arc<Papers>);

struct Papers {
    files: Files,
    current: Mutex<Current>,
}

/// Where the certificate, its key, and the authority of clients are (PEM).
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authority: Option<PathBuf>,
}

/// What new connections get.
struct Current {
    acceptor: TlsAcceptor,
    /// The files it was made of.
    stamps: Stamps,
    /// Those that did not fit together.
    refused: Option<Stamps>,
    looked_at: Instant,
}

/// What tells a file from the one that was there before: inode, bytes, and when it was written.
type Stamps = [Option<(u64, u64, i64, i64)>; 3];

/// How soon after one look at the files another is worth it.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Goes with every request that came encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Encrypted {
    /// The common name in the certificate of the authority that was shown; empty if it has none.
    pub(crate) certified: Option<Arc<str>>,
}

/// The protocols that are spoken inside, the better one first (RFC 7301).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

// === impl Encryption ===

impl Encryption {
    /// With the certificate and the key of these files (PEM); clients may show a certificate of
    /// `authority`, and need not.
    ///
    /// # Errors
    /// When a file can't be read, or does not hold what it should; in one line.
    pub fn read(certificate: &Path, key: &Path, authority: Option<&Path>) -> Result<Self, String> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            authority: authority.map(Path::to_owned),
        };
        let stamps = files.stamps();
        let acceptor = files.acceptor()?;
        let current = Current { acceptor, stamps, refused: None, looked_at: Instant::now() };
        Ok(Self(Arc::new(Papers { files, current: Mutex::new(current) })))
    }

    /// Shakes hands with a client. None if that fails: how, is the client's affair.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Option<(TlsStream<TcpStream>, Encrypted)> {
        let acceptor = self.acceptor(Instant::now());
        let stream = acceptor.accept(stream).await.ok()?;
        // The verifier lets none through that the authority has not signed.
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certified = shown.map(|shown| common_name(shown).into());
        Some((stream, Encrypted { certified }))
    }

    /// What is shown to who comes `now`. Files that don't fit together (one is replaced, the other not
    /// yet) are told of once, and change nothing.
    fn acceptor(&self, now: Instant) -> TlsAcceptor {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(current.looked_at) < LOOK_AGAIN {
            return current.acceptor.clone();
        }
        current.looked_at = now;
        let stamps = self.0.files.stamps();
        if stamps != current.stamps {
            match self.0.files.acceptor() {
                Ok(acceptor) => (current.acceptor, current.stamps) = (acceptor, stamps),
                Err(why) if current.refused != Some(stamps) => {
                    eprintln!("callscope: the new certificate is not used: {why}");
                    current.refused = Some(stamps);
                }
                Err(_) => {}
            }
        }
        current.acceptor.clone()
    }
}

// === impl Files ===

impl Files {
    fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let chain = certificates(&self.certificate)?;
        let at_key = |error: &dyn Display| told(&self.key, error);
        let bytes = fs::read(&self.key).map_err(|error| at_key(&error))?;
        let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| at_key(&error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.authority {
            Some(path) => builder.with_client_cert_verifier(verifier(path)?),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, private);
        let mut config = config.map_err(|error| told(&self.certificate, &error))?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn stamps(&self) -> Stamps {
        [Some(&self.certificate), Some(&self.key), self.authority.as_ref()].map(|path| {
            let about = fs::metadata(path?).ok()?;
            Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
        })
    }
}

/// RFC 5280 §4.1.2.6: whom a certificate is of. Of several common names the last, which is the most special.
fn common_name(certificate: &[u8]) -> String {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return String::new() };
    let name = read.subject().iter_common_name().last().and_then(|name| name.as_str().ok());
    name.unwrap_or_default().to_owned()
}

fn verifier(authority: &Path) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = warehouse::roots(authority).map_err(|error| told(authority, &error))?;
    let provider = Arc::new(default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| told(authority, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(path).map_err(|error| told(path, &error))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| told(path, &error))?;
    if all.is_empty() {
        return Err(told(path, &"holds no certificate"));
    }
    Ok(all)
}

fn told(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}
