//! Names of operations, results, extended operations and controls.

use super::wire::op;

pub(super) const SUCCESS: i64 = 0;
/// RFC 4511 §4.14.
pub(super) const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// RFC 3062.
pub(super) const CHANGE_PASSWORD: &[u8] = b"1.3.6.1.4.1.4203.1.11.1";

/// The operation of a message.
pub(super) fn operation(tag: u8) -> &'static str {
    match tag {
        op::BIND_REQUEST | op::BIND_RESPONSE => "bind",
        op::UNBIND_REQUEST => "unbind",
        op::SEARCH_REQUEST | op::SEARCH_ENTRY | op::SEARCH_DONE | op::SEARCH_REFERENCE => "search",
        op::MODIFY_REQUEST | op::MODIFY_RESPONSE => "modify",
        op::ADD_REQUEST | op::ADD_RESPONSE => "add",
        op::DELETE_REQUEST | op::DELETE_RESPONSE => "delete",
        op::RENAME_REQUEST | op::RENAME_RESPONSE => "modifyDN",
        op::COMPARE_REQUEST | op::COMPARE_RESPONSE => "compare",
        op::ABANDON_REQUEST => "abandon",
        op::EXTENDED_REQUEST | op::EXTENDED_RESPONSE => "extended",
        op::INTERMEDIATE => "intermediate",
        _ => "unknown",
    }
}

/// A result code's name (RFC 4511 §4.1.9, RFC 4510 and later ones registered with IANA).
pub(super) fn result(code: i64) -> Option<&'static str> {
    Some(match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        5 => "compareFalse",
        6 => "compareTrue",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        9 => "partialResults",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        33 => "aliasProblem",
        34 => "invalidDNSyntax",
        35 => "isLeaf",
        36 => "aliasDereferencingProblem",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        54 => "loopDetect",
        60 => "sortControlMissing",
        61 => "offsetRangeError",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        70 => "resultsTooLarge",
        71 => "affectsMultipleDSAs",
        76 => "virtualListViewError",
        80 => "other",
        118 => "canceled",
        119 => "noSuchOperation",
        120 => "tooLate",
        121 => "cannotCancel",
        122 => "assertionFailed",
        123 => "authorizationDenied",
        4096 => "e-syncRefreshRequired",
        16654 => "noOperation",
        _ => return None,
    })
}

/// Whether a result is no failure.
pub(super) fn is_fine(code: i64) -> bool {
    matches!(code, 0 | 5 | 6 | 10 | 14)
}

/// What an object identifier of an extended operation or a control stands for.
pub(super) fn object(oid: &[u8]) -> Option<&'static str> {
    Some(match str::from_utf8(oid).ok()? {
        "1.3.6.1.4.1.1466.20037" => "StartTLS",
        "1.3.6.1.4.1.4203.1.11.1" => "modifyPassword",
        "1.3.6.1.4.1.4203.1.11.3" => "whoAmI",
        "1.3.6.1.1.8" => "cancel",
        "1.3.6.1.1.21.1" => "startTransaction",
        "1.3.6.1.1.21.3" => "endTransaction",
        "1.3.6.1.1.21.2" => "transaction",
        "1.3.6.1.4.1.1466.20036" => "noticeOfDisconnection",
        "1.3.6.1.4.1.1466.101.119.1" => "dynamicRefresh",
        "1.3.6.1.4.1.4203.1.9.1.1" => "syncRequest",
        "1.3.6.1.4.1.4203.1.9.1.2" => "syncState",
        "1.3.6.1.4.1.4203.1.9.1.3" => "syncDone",
        "1.3.6.1.4.1.4203.1.9.1.4" => "syncInfo",
        "1.2.840.113556.1.4.319" => "pagedResults",
        "1.2.840.113556.1.4.473" => "sortRequest",
        "1.2.840.113556.1.4.474" => "sortResponse",
        "1.2.840.113556.1.4.417" => "showDeleted",
        "1.2.840.113556.1.4.528" => "notification",
        "1.2.840.113556.1.4.529" => "extendedDN",
        "1.2.840.113556.1.4.801" => "securityDescriptorFlags",
        "1.2.840.113556.1.4.805" => "treeDelete",
        "1.2.840.113556.1.4.841" => "dirSync",
        "1.2.840.113556.1.4.1338" => "verifyName",
        "1.2.840.113556.1.4.1339" => "domainScope",
        "1.2.840.113556.1.4.1340" => "searchOptions",
        "1.2.840.113556.1.4.1413" => "permissiveModify",
        "1.2.840.113556.1.4.1781" => "fastBind",
        "2.16.840.1.113730.3.4.2" => "manageDsaIT",
        "2.16.840.1.113730.3.4.3" => "persistentSearch",
        "2.16.840.1.113730.3.4.9" => "virtualListViewRequest",
        "2.16.840.1.113730.3.4.10" => "virtualListViewResponse",
        "2.16.840.1.113730.3.4.12" | "2.16.840.1.113730.3.4.18" => "proxiedAuthorization",
        "2.16.840.1.113730.3.4.4" => "passwordExpired",
        "2.16.840.1.113730.3.4.5" => "passwordExpiring",
        "1.3.6.1.4.1.42.2.27.8.5.1" => "passwordPolicy",
        "1.3.6.1.1.12" => "assertion",
        "1.3.6.1.1.13.1" => "preRead",
        "1.3.6.1.1.13.2" => "postRead",
        "1.3.6.1.4.1.4203.1.10.1" => "subentries",
        "1.3.6.1.4.1.4203.1.10.2" => "noOperation",
        _ => return None,
    })
}
