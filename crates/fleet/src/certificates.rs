//! Certificates by which hub and nodes know each other: given, or made here.

use std::{fs, io, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// The name in the hub's certificate, by whatever address it is reached.
pub const HUB_NAME: &str = "callscope-hub";
/// The name in the nodes' certificate.
const NODE_NAME: &str = "callscope-node";

/// A certificate, its key, and who signs those of the other side. All in PEM.
#[derive(Clone)]
pub struct Credentials {
    ca: String,
    certificate: String,
    key: String,
}

/// What [`make`] made, in PEM.
pub struct Made {
    /// The certificate that signed the others. Its key is not kept.
    pub ca: String,
    /// The hub's certificate and key.
    pub hub: (String, String),
    /// The nodes' certificate and key.
    pub node: (String, String),
}

/// Makes an authority, and certificates of it for the hub and for all nodes, for so many days from `now`
/// on (seconds since 1970). Each is good for its own side alone: who has the nodes' can't play the hub.
///
/// # Errors
/// When the system has no randomness, or `now` is no time.
pub fn make(now_seconds: i64, days: u32) -> Result<Made, Box<dyn std::error::Error + Send + Sync>> {
    let now = OffsetDateTime::from_unix_timestamp(now_seconds)?;
    // Clocks of machines differ.
    let life = (now - Duration::hours(24), now + Duration::days(i64::from(days)));
    let mut params = params("callscope", Vec::new(), life)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let leaf = |name: &str, usage| -> Result<(String, String), rcgen::Error> {
        let mut params = self::params(name, vec![name.to_owned()], life)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &ca)?.pem(), key.serialize_pem()))
    };
    Ok(Made {
        hub: leaf(HUB_NAME, ExtendedKeyUsagePurpose::ServerAuth)?,
        node: leaf(NODE_NAME, ExtendedKeyUsagePurpose::ClientAuth)?,
        ca: ca.pem(),
    })
}

fn params(
    name: &str,
    names: Vec<String>,
    (from, until): (OffsetDateTime, OffsetDateTime),
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (from, until);
    Ok(params)
}

// === impl Credentials ===

impl Credentials {
    /// Of these files, in PEM.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub fn read(ca: &Path, certificate: &Path, key: &Path) -> io::Result<Self> {
        let read = |path: &Path| {
            let told = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            };
            fs::read_to_string(path).map_err(told)
        };
        Ok(Self { ca: read(ca)?, certificate: read(certificate)?, key: read(key)? })
    }

    /// Of these texts.
    #[must_use]
    pub fn of(ca: &str, (certificate, key): &(String, String)) -> Self {
        Self { ca: ca.to_owned(), certificate: certificate.clone(), key: key.clone() }
    }

    /// What a node shows, and demands of its hub.
    pub(crate) fn of_node(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .domain_name(HUB_NAME)
            .ca_certificate(Certificate::from_pem(&self.ca))
            .identity(Identity::from_pem(&self.certificate, &self.key))
    }

    /// What the hub shows, and demands of nodes.
    pub(crate) fn of_hub(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.ca))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}
