//! What an ID token says, if it is the provider's, for us, now, and of this login (OpenID Connect Core §3.1.3.7).

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Validation,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    decode, decode_header,
    errors::ErrorKind,
    jwk::JwkSet,
    signature::{self, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

/// What must stand in a token.
pub(super) struct Expected<'e> {
    pub(super) issuer: &'e str,
    pub(super) client: &'e str,
    pub(super) nonce: &'e str,
}

/// Why a token says nothing.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("the ID token is signed with a key that the provider does not name")]
    UnknownKey,
    #[error("the ID token: {0}")]
    Wrong(String),
}

/// Signatures that are accepted. None that a secret makes, and never none at all.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384];
/// Seconds that clocks may differ.
const LEEWAY_S: u64 = 60;

/// The library's signatures are checked by ring, which everything else here uses.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(Check(*algorithm, key.clone()))),
    key_utils: KeyUtils::new_unimplemented(),
};

/// What the token says.
pub(super) fn claims(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Value, Flaw> {
    let wrong = |error: jsonwebtoken::errors::Error| Flaw::Wrong(error.to_string());
    // Whoever was first has installed the same.
    let _ = RING.install_default();
    let header = decode_header(token).map_err(wrong)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Flaw::Wrong(format!("signed by {:?}", header.alg)));
    }
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    };
    let key = DecodingKey::from_jwk(key.ok_or(Flaw::UnknownKey)?).map_err(wrong)?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[expected.client]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_S;
    let claims: Value = decode(token, &key, &validation).map_err(wrong)?.claims;
    let is_of_others = claims["azp"].as_str().is_some_and(|azp| azp != expected.client);
    let is_of_many = claims["aud"].as_array().is_some_and(|all| all.len() > 1);
    if is_of_others || is_of_many && claims["azp"].as_str().is_none() {
        return Err(Flaw::Wrong("it is for somebody else".into()));
    }
    if claims["nonce"].as_str() != Some(expected.nonce) {
        return Err(Flaw::Wrong("it is of another login".into()));
    }
    Ok(claims)
}

/// A key, and what it is used for.
struct Check(Algorithm, DecodingKey);

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> Result<(), signature::Error> {
        let rsa = |parameters: &'static RsaParameters| match self.1.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signed).map_err(|_| signature::Error::new())
            }
            DecodingKeyKind::SecretOrDer(_) => Err(signature::Error::new()),
        };
        // A key of another kind is no point of the curve.
        let curve = |on: &'static dyn VerificationAlgorithm| match self.1.kind() {
            DecodingKeyKind::SecretOrDer(point) => {
                let key = UnparsedPublicKey::new(on, point);
                key.verify(message, signed).map_err(|_| signature::Error::new())
            }
            DecodingKeyKind::RsaModulusExponent { .. } => Err(signature::Error::new()),
        };
        match self.0 {
            Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::ES256 => curve(&ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => curve(&ECDSA_P384_SHA384_FIXED),
            _ => Err(signature::Error::new()),
        }
    }
}
