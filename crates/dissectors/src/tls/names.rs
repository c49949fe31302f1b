//! What IANA calls the numbers of TLS.
//!
//! <https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml>

mod suites;

use std::borrow::Cow;

use self::suites::SUITES;

/// The cipher suite with this number, `0xnnnn` if nobody named it.
pub fn suite(number: u16) -> Cow<'static, str> {
    named(SUITES, number).map_or_else(|| unnamed(number), Cow::Borrowed)
}

/// The name of the cipher suite with this number, if it has one.
pub fn known_suite(number: u16) -> Option<&'static str> {
    named(SUITES, number)
}

/// The group with this number.
pub fn group(number: u16) -> Cow<'static, str> {
    named(GROUPS, number).map_or_else(|| unnamed(number), Cow::Borrowed)
}

/// The signature scheme with this number.
pub fn signature_scheme(number: u16) -> Cow<'static, str> {
    named(SIGNATURE_SCHEMES, number).map_or_else(|| unnamed(number), Cow::Borrowed)
}

/// The alert with this description, `alert_n` if nobody named it.
pub fn alert(description: u8) -> Cow<'static, str> {
    let named = named(ALERTS, u16::from(description));
    named.map_or_else(|| Cow::Owned(format!("alert_{description}")), Cow::Borrowed)
}

/// Whether an alert with this description is one.
pub fn is_alert(description: u8) -> bool {
    named(ALERTS, u16::from(description)).is_some()
}

/// A version as people say it: `1.3`.
pub fn version(number: u16) -> Cow<'static, str> {
    match number {
        0x0002 => "2.0".into(),
        0x0300 => "3.0".into(),
        0x0301 => "1.0".into(),
        0x0302 => "1.1".into(),
        0x0303 => "1.2".into(),
        0x0304 => "1.3".into(),
        0x7f00..=0x7fff => format!("1.3-draft-{}", number & 0xff).into(),
        _ => unnamed(number),
    }
}

/// `ssl` up to version 3.0, `tls` since.
pub fn family(version: u16) -> &'static str {
    if version <= 0x0300 { "ssl" } else { "tls" }
}

fn named(table: &'static [(u16, &'static str)], number: u16) -> Option<&'static str> {
    let at = table.binary_search_by_key(&number, |(n, _)| *n).ok()?;
    table.get(at).map(|(_, name)| *name)
}

fn unnamed(number: u16) -> Cow<'static, str> {
    Cow::Owned(format!("0x{number:04x}"))
}

/// Alerts (RFC 8446 §6, RFC 5246 §7.2, RFC 6066 §9, RFC 7301 §3.2).
const ALERTS: &[(u16, &str)] = &[
    (0, "close_notify"),
    (1, "end_of_early_data"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

/// Groups, once called curves (RFC 8446 §4.2.7, RFC 8422 §5.1.1).
const GROUPS: &[(u16, &str)] = &[
    (0x0001, "sect163k1"),
    (0x0002, "sect163r1"),
    (0x0003, "sect163r2"),
    (0x0004, "sect193r1"),
    (0x0005, "sect193r2"),
    (0x0006, "sect233k1"),
    (0x0007, "sect233r1"),
    (0x0008, "sect239k1"),
    (0x0009, "sect283k1"),
    (0x000a, "sect283r1"),
    (0x000b, "sect409k1"),
    (0x000c, "sect409r1"),
    (0x000d, "sect571k1"),
    (0x000e, "sect571r1"),
    (0x000f, "secp160k1"),
    (0x0010, "secp160r1"),
    (0x0011, "secp160r2"),
    (0x0012, "secp192k1"),
    (0x0013, "secp192r1"),
    (0x0014, "secp224k1"),
    (0x0015, "secp224r1"),
    (0x0016, "secp256k1"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001a, "brainpoolP256r1"),
    (0x001b, "brainpoolP384r1"),
    (0x001c, "brainpoolP512r1"),
    (0x001d, "x25519"),
    (0x001e, "x448"),
    (0x001f, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0022, "GC256A"),
    (0x0023, "GC256B"),
    (0x0024, "GC256C"),
    (0x0025, "GC256D"),
    (0x0026, "GC512A"),
    (0x0027, "GC512B"),
    (0x0028, "GC512C"),
    (0x0029, "curveSM2"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x0200, "MLKEM512"),
    (0x0201, "MLKEM768"),
    (0x0202, "MLKEM1024"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ec, "X25519MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (0x11ee, "curveSM2MLKEM768"),
    (0x6399, "X25519Kyber768Draft00"),
    (0x639a, "SecP256r1Kyber768Draft00"),
    (0xff01, "arbitrary_explicit_prime_curves"),
    (0xff02, "arbitrary_explicit_char2_curves"),
];

/// Signature schemes (RFC 8446 §4.2.3); the pairs of hash and signature before it by like names.
const SIGNATURE_SCHEMES: &[(u16, &str)] = &[
    (0x0101, "rsa_pkcs1_md5"),
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0202, "dsa_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0301, "rsa_pkcs1_sha224"),
    (0x0302, "dsa_sha224"),
    (0x0303, "ecdsa_sha224"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0402, "dsa_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0502, "dsa_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0602, "dsa_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0708, "sm2sig_sm3"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
    (0x081a, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x081b, "ecdsa_brainpoolP384r1tls13_sha384"),
    (0x081c, "ecdsa_brainpoolP512r1tls13_sha512"),
    (0x0904, "mldsa44"),
    (0x0905, "mldsa65"),
    (0x0906, "mldsa87"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_rises_so_that_it_can_be_searched() {
        for table in [SUITES, ALERTS, GROUPS, SIGNATURE_SCHEMES] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn numbers_have_the_names_of_the_registry() {
        assert_eq!(suite(0x1301), "TLS_AES_128_GCM_SHA256");
        assert_eq!(suite(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(suite(0x0a0a), "0x0a0a");
        assert_eq!(group(0x11ec), "X25519MLKEM768");
        assert_eq!(alert(48), "unknown_ca");
        assert_eq!(alert(250), "alert_250");
        assert_eq!(version(0x7f1c), "1.3-draft-28");
    }
}
