//! Kinds of commands and errors (`PulsarApi.proto`). A command's field has the number of its kind.

use model::Side;

pub(super) const CONNECT: u64 = 2;
pub(super) const CONNECTED: u64 = 3;
pub(super) const SUBSCRIBE: u64 = 4;
pub(super) const PRODUCER: u64 = 5;
pub(super) const SEND: u64 = 6;
pub(super) const SEND_RECEIPT: u64 = 7;
pub(super) const SEND_ERROR: u64 = 8;
pub(super) const MESSAGE: u64 = 9;
pub(super) const ERROR: u64 = 14;
pub(super) const PING: u64 = 18;
pub(super) const PONG: u64 = 19;
pub(super) const PARTITIONS_RESPONSE: u64 = 22;
pub(super) const LOOKUP_RESPONSE: u64 = 24;
pub(super) const AUTH_CHALLENGE: u64 = 36;
pub(super) const AUTH_RESPONSE: u64 = 37;

/// Who a command is in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Says {
    Asks,
    Answers,
}

/// A kind by name, without `Response` (that is what a status is for).
pub(super) fn name(kind: u64) -> Option<&'static str> {
    Some(match kind {
        CONNECT => "CONNECT",
        CONNECTED => "CONNECTED",
        SUBSCRIBE => "SUBSCRIBE",
        PRODUCER => "PRODUCER",
        SEND => "SEND",
        SEND_RECEIPT => "SEND_RECEIPT",
        SEND_ERROR => "SEND_ERROR",
        MESSAGE => "MESSAGE",
        10 => "ACK",
        11 => "FLOW",
        12 => "UNSUBSCRIBE",
        13 => "SUCCESS",
        ERROR => "ERROR",
        15 => "CLOSE_PRODUCER",
        16 => "CLOSE_CONSUMER",
        17 => "PRODUCER_SUCCESS",
        PING => "PING",
        PONG => "PONG",
        20 => "REDELIVER_UNACKNOWLEDGED_MESSAGES",
        21 => "PARTITIONED_METADATA",
        PARTITIONS_RESPONSE => "PARTITIONED_METADATA_RESPONSE",
        23 => "LOOKUP",
        LOOKUP_RESPONSE => "LOOKUP_RESPONSE",
        25 => "CONSUMER_STATS",
        26 => "CONSUMER_STATS_RESPONSE",
        27 => "REACHED_END_OF_TOPIC",
        28 => "SEEK",
        29 => "GET_LAST_MESSAGE_ID",
        30 => "GET_LAST_MESSAGE_ID_RESPONSE",
        31 => "ACTIVE_CONSUMER_CHANGE",
        32 => "GET_TOPICS_OF_NAMESPACE",
        33 => "GET_TOPICS_OF_NAMESPACE_RESPONSE",
        34 => "GET_SCHEMA",
        35 => "GET_SCHEMA_RESPONSE",
        AUTH_CHALLENGE => "AUTH_CHALLENGE",
        AUTH_RESPONSE => "AUTH_RESPONSE",
        38 => "ACK_RESPONSE",
        39 => "GET_OR_CREATE_SCHEMA",
        40 => "GET_OR_CREATE_SCHEMA_RESPONSE",
        50 => "NEW_TXN",
        51 => "NEW_TXN_RESPONSE",
        52 => "ADD_PARTITION_TO_TXN",
        53 => "ADD_PARTITION_TO_TXN_RESPONSE",
        54 => "ADD_SUBSCRIPTION_TO_TXN",
        55 => "ADD_SUBSCRIPTION_TO_TXN_RESPONSE",
        56 => "END_TXN",
        57 => "END_TXN_RESPONSE",
        62 => "TC_CLIENT_CONNECT_REQUEST",
        63 => "TC_CLIENT_CONNECT_RESPONSE",
        64 => "WATCH_TOPIC_LIST",
        65 => "WATCH_TOPIC_LIST_SUCCESS",
        66 => "WATCH_TOPIC_UPDATE",
        67 => "WATCH_TOPIC_LIST_CLOSE",
        68 => "TOPIC_MIGRATED",
        _ => return None,
    })
}

/// The field of a command that holds its request id.
pub(super) fn request_id(kind: u64) -> Option<u64> {
    Some(match kind {
        SUBSCRIBE => 5,
        PRODUCER => 3,
        12 | 15 | 16 | 21 | PARTITIONS_RESPONSE | 23 | 28..=30 => 2,
        13 | ERROR | 17 | 25 | 26 | 32..=35 | 39 | 40 | 50..=57 | 62..=65 | 67 => 1,
        LOOKUP_RESPONSE => 4,
        // Acknowledgements have one where the client wants an answer.
        10 => 8,
        38 => 6,
        _ => return None,
    })
}

/// Who a command is in a call; `None` where nobody answers it.
pub(super) fn side(kind: u64) -> Option<Says> {
    Some(match kind {
        CONNECT | SUBSCRIBE | PRODUCER | SEND | 10 | 12 | 15 | 16 | PING | 21 | 23 | 25 | 28
        | 29 | 32 | 34 | 39 | 50 | 52 | 54 | 56 | 62 | 64 | 67 => Says::Asks,
        CONNECTED | SEND_RECEIPT | SEND_ERROR | 13 | ERROR | 17 | PONG | PARTITIONS_RESPONSE
        | LOOKUP_RESPONSE | 26 | 30 | 33 | 35 | 38 | 40 | 51 | 53 | 55 | 57 | 63 | 65 => {
            Says::Answers
        }
        _ => return None,
    })
}

/// Who sends a command, where only one does.
pub(super) fn sender(kind: u64) -> Option<Side> {
    match kind {
        // Either end pings, and a broker closes producers and consumers.
        PING | PONG | 15 | 16 => None,
        MESSAGE | 27 | 31 | AUTH_CHALLENGE | 66 | 68 => Some(Side::Server),
        11 | 20 | AUTH_RESPONSE => Some(Side::Client),
        kind => Some(if side(kind) == Some(Says::Answers) { Side::Server } else { Side::Client }),
    }
}

/// A server's error by name.
pub(super) fn error(code: u64) -> &'static str {
    const ERRORS: [&str; 26] = [
        "UnknownError",
        "MetadataError",
        "PersistenceError",
        "AuthenticationError",
        "AuthorizationError",
        "ConsumerBusy",
        "ServiceNotReady",
        "ProducerBlockedQuotaExceededError",
        "ProducerBlockedQuotaExceededException",
        "ChecksumError",
        "UnsupportedVersionError",
        "TopicNotFound",
        "SubscriptionNotFound",
        "ConsumerNotFound",
        "TooManyRequests",
        "TopicTerminatedError",
        "ProducerBusy",
        "InvalidTopicName",
        "IncompatibleSchema",
        "ConsumerAssignError",
        "TransactionCoordinatorNotFound",
        "InvalidTxnStatus",
        "NotAllowedError",
        "TransactionConflict",
        "TransactionNotFound",
        "ProducerFenced",
    ];
    usize::try_from(code).ok().and_then(|at| ERRORS.get(at).copied()).unwrap_or("UnknownError")
}
