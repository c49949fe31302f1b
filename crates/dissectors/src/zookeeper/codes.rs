//! Operations, errors and events (`ZooDefs`, `KeeperException`, `Watcher.Event`).

pub(super) const PING: i32 = 11;
pub(super) const MULTI: i32 = 14;
pub(super) const MULTI_READ: i32 = 22;
pub(super) const AUTH: i32 = 100;
pub(super) const SET_WATCHES: i32 = 101;
pub(super) const SASL: i32 = 102;
pub(super) const SET_WATCHES_2: i32 = 105;
pub(super) const WHO_AM_I: i32 = 107;
pub(super) const CLOSE: i32 = -11;
/// The number of what nobody asked for.
pub(super) const EVENT: i32 = -1;
/// Stands for the operation of an event in records.
pub(super) const EVENT_OP: i32 = -1;

/// An operation by name.
pub(super) fn operation(op: i32) -> Option<&'static str> {
    Some(match op {
        super::wire::CONNECT => "connect",
        EVENT_OP => "event",
        1 => "create",
        2 => "delete",
        3 => "exists",
        4 => "getData",
        5 => "setData",
        6 => "getACL",
        7 => "setACL",
        8 => "getChildren",
        9 => "sync",
        PING => "ping",
        12 => "getChildren2",
        13 => "check",
        MULTI => "multi",
        15 => "create2",
        16 => "reconfig",
        17 => "checkWatches",
        18 => "removeWatches",
        19 => "createContainer",
        20 => "deleteContainer",
        21 => "createTTL",
        MULTI_READ => "multiRead",
        AUTH => "auth",
        SET_WATCHES => "setWatches",
        SASL => "sasl",
        103 => "getEphemerals",
        104 => "getAllChildrenNumber",
        SET_WATCHES_2 => "setWatches2",
        106 => "addWatch",
        WHO_AM_I => "whoAmI",
        CLOSE => "closeSession",
        _ => return None,
    })
}

/// An error by name.
pub(super) fn error(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "OK",
        -1 => "SYSTEMERROR",
        -2 => "RUNTIMEINCONSISTENCY",
        -3 => "DATAINCONSISTENCY",
        -4 => "CONNECTIONLOSS",
        -5 => "MARSHALLINGERROR",
        -6 => "UNIMPLEMENTED",
        -7 => "OPERATIONTIMEOUT",
        -8 => "BADARGUMENTS",
        -13 => "NEWCONFIGNOQUORUM",
        -14 => "RECONFIGINPROGRESS",
        -15 => "UNKNOWNSESSION",
        -100 => "APIERROR",
        -101 => "NONODE",
        -102 => "NOAUTH",
        -103 => "BADVERSION",
        -108 => "NOCHILDRENFOREPHEMERALS",
        -110 => "NODEEXISTS",
        -111 => "NOTEMPTY",
        -112 => "SESSIONEXPIRED",
        -113 => "INVALIDCALLBACK",
        -114 => "INVALIDACL",
        -115 => "AUTHFAILED",
        -118 => "SESSIONMOVED",
        -119 => "NOTREADONLY",
        -120 => "EPHEMERALONLOCALSESSION",
        -121 => "NOWATCHER",
        -122 => "REQUESTTIMEOUT",
        -123 => "RECONFIGDISABLED",
        -124 => "SESSIONCLOSEDREQUIRESASLAUTH",
        -125 => "QUOTAEXCEEDED",
        -127 => "THROTTLEDOP",
        _ => return None,
    })
}

/// Whether all of a kind are asked and answered under this number.
pub(super) fn is_shared(xid: i32) -> bool {
    matches!(xid, -2 | -4 | -8)
}

/// The number that all of this kind share.
pub(super) fn number(op: i32) -> Option<i32> {
    Some(match op {
        PING => -2,
        AUTH => -4,
        SET_WATCHES | SET_WATCHES_2 => -8,
        _ => return None,
    })
}

/// What an event says.
pub(super) fn event(kind: i32) -> &'static str {
    match kind {
        -1 => "None",
        1 => "NodeCreated",
        2 => "NodeDeleted",
        3 => "NodeDataChanged",
        4 => "NodeChildrenChanged",
        5 => "DataWatchRemoved",
        6 => "ChildWatchRemoved",
        7 => "PersistentWatchRemoved",
        _ => "unknown",
    }
}

/// A word of four letters that the server answers by itself.
pub(super) fn word(bytes: u32) -> Option<[u8; 4]> {
    const WORDS: [&[u8; 4]; 19] = [
        b"conf", b"cons", b"crst", b"dump", b"envi", b"ruok", b"srst", b"srvr", b"stat", b"wchs",
        b"wchc", b"wchp", b"dirs", b"mntr", b"isro", b"gtmk", b"stmk", b"hash", b"lsnp",
    ];
    let bytes = bytes.to_be_bytes();
    WORDS.contains(&&bytes).then_some(bytes)
}
