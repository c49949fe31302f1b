//! Commands by name: which there are, and where they have their first key.
//!
//! Names that are not listed are commands all the same; their first argument counts as the key, as
//! it does in modules (`JSON.GET`, `FT.SEARCH`).

/// Where a command has its first key, or channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Key {
    /// It is the argument at this index; the name is at 0.
    At(usize),
    /// Nowhere.
    None,
    /// Behind the count of keys at this index.
    Counted(usize),
    /// Behind the word `STREAMS`.
    Streams,
    /// At 3, or behind the word `KEYS` where that is empty.
    Migrate,
}

/// Commands whose second word belongs to their name.
const CONTAINERS: [&str; 17] = [
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY",
    "MODULE", "OBJECT", "PUBSUB", "SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO",
];

/// Longer names are not listed, and not looked at further.
const NAME_BYTES_MAX: usize = 24;

/// Commands with their first key at 1.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "APPEND", "BITCOUNT", "BITFIELD", "BITFIELD_RO", "BITPOS", "BLMOVE", "BLPOP", "BRPOP",
    "BRPOPLPUSH", "BZPOPMAX", "BZPOPMIN", "COPY", "DECR", "DECRBY", "DEL", "DUMP", "EXISTS",
    "EXPIRE", "EXPIREAT", "EXPIRETIME", "GEOADD", "GEODIST", "GEOHASH", "GEOPOS", "GEORADIUS",
    "GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO", "GEORADIUS_RO", "GEOSEARCH", "GEOSEARCHSTORE",
    "GET", "GETBIT", "GETDEL", "GETEX", "GETRANGE", "GETSET", "HDEL", "HEXISTS", "HEXPIRE", "HGET",
    "HGETALL", "HGETDEL", "HGETEX", "HINCRBY", "HINCRBYFLOAT", "HKEYS", "HLEN", "HMGET", "HMSET",
    "HPERSIST", "HPEXPIRE", "HPTTL", "HRANDFIELD", "HSCAN", "HSET", "HSETEX", "HSETNX", "HSTRLEN",
    "HTTL", "HVALS", "INCR", "INCRBY", "INCRBYFLOAT", "LCS", "LINDEX", "LINSERT", "LLEN", "LMOVE",
    "LPOP", "LPOS", "LPUSH", "LPUSHX", "LRANGE", "LREM", "LSET", "LTRIM", "MGET", "MOVE", "MSET",
    "MSETNX", "PERSIST", "PEXPIRE", "PEXPIREAT", "PEXPIRETIME", "PFADD", "PFCOUNT", "PFMERGE",
    "PSETEX", "PSUBSCRIBE", "PTTL", "PUBLISH", "PUNSUBSCRIBE", "RENAME", "RENAMENX", "RESTORE",
    "RESTORE-ASKING", "RPOP", "RPOPLPUSH", "RPUSH", "RPUSHX", "SADD", "SCARD", "SDIFF",
    "SDIFFSTORE", "SET", "SETBIT", "SETEX", "SETNX", "SETRANGE", "SINTER", "SINTERSTORE",
    "SISMEMBER", "SMEMBERS", "SMISMEMBER", "SMOVE", "SORT", "SORT_RO", "SPOP", "SPUBLISH",
    "SRANDMEMBER", "SREM", "SSCAN", "SSUBSCRIBE", "STRLEN", "SUBSCRIBE", "SUBSTR", "SUNION",
    "SUNIONSTORE", "SUNSUBSCRIBE", "TOUCH", "TTL", "TYPE", "UNLINK", "UNSUBSCRIBE", "WATCH",
    "XACK", "XADD", "XAUTOCLAIM", "XCLAIM", "XDEL", "XLEN", "XPENDING", "XRANGE", "XREVRANGE",
    "XSETID", "XTRIM", "ZADD", "ZCARD", "ZCOUNT", "ZDIFFSTORE", "ZINCRBY", "ZINTERSTORE",
    "ZLEXCOUNT", "ZMSCORE", "ZPOPMAX", "ZPOPMIN", "ZRANDMEMBER", "ZRANGE", "ZRANGEBYLEX",
    "ZRANGEBYSCORE", "ZRANGESTORE", "ZRANK", "ZREM", "ZREMRANGEBYLEX", "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZREVRANK", "ZSCAN",
    "ZSCORE", "ZUNIONSTORE",
];

/// The others, of KeyDB, Dragonfly and modules too.
#[rustfmt::skip]
const OTHERS: &[(&str, Key)] = &[
    ("ACL", Key::None), ("ASKING", Key::None), ("AUTH", Key::None), ("BGREWRITEAOF", Key::None),
    ("BGSAVE", Key::None), ("BITOP", Key::At(2)), ("BLMPOP", Key::Counted(2)),
    ("BZMPOP", Key::Counted(2)), ("CLIENT", Key::None), ("CLUSTER", Key::None),
    ("COMMAND", Key::None), ("CONFIG", Key::None), ("DBSIZE", Key::None), ("DEBUG", Key::At(2)),
    ("DFLYCLUSTER", Key::None), ("DISCARD", Key::None), ("ECHO", Key::None),
    ("EVAL", Key::Counted(2)), ("EVALSHA", Key::Counted(2)), ("EVALSHA_RO", Key::Counted(2)),
    ("EVAL_RO", Key::Counted(2)), ("EXEC", Key::None), ("FAILOVER", Key::None),
    ("FCALL", Key::Counted(2)), ("FCALL_RO", Key::Counted(2)), ("FLUSHALL", Key::None),
    ("FLUSHDB", Key::None), ("FT._LIST", Key::None), ("FUNCTION", Key::None), ("HELLO", Key::None),
    ("INFO", Key::None), ("KEYS", Key::None), ("LASTSAVE", Key::None), ("LATENCY", Key::None),
    ("LMPOP", Key::Counted(1)), ("LOLWUT", Key::None), ("MEMORY", Key::At(2)),
    ("MIGRATE", Key::Migrate), ("MODULE", Key::None), ("MONITOR", Key::None), ("MULTI", Key::None),
    ("OBJECT", Key::At(2)), ("PFDEBUG", Key::At(2)), ("PFSELFTEST", Key::None), ("PING", Key::None),
    ("PSYNC", Key::None), ("PUBSUB", Key::At(2)), ("QUIT", Key::None), ("RANDOMKEY", Key::None),
    ("READONLY", Key::None), ("READWRITE", Key::None), ("REPLCONF", Key::None),
    ("REPLICAOF", Key::None), ("RESET", Key::None), ("ROLE", Key::None), ("RREPLAY", Key::None),
    ("SAVE", Key::None), ("SCAN", Key::None), ("SCRIPT", Key::None), ("SELECT", Key::None),
    ("SENTINEL", Key::At(2)), ("SHUTDOWN", Key::None), ("SINTERCARD", Key::Counted(1)),
    ("SLAVEOF", Key::None), ("SLOWLOG", Key::None), ("SWAPDB", Key::None), ("SYNC", Key::None),
    ("TIME", Key::None), ("TS.MGET", Key::None), ("UNWATCH", Key::None), ("WAIT", Key::None),
    ("WAITAOF", Key::None), ("XGROUP", Key::At(2)), ("XINFO", Key::At(2)), ("XREAD", Key::Streams),
    ("XREADGROUP", Key::Streams), ("ZDIFF", Key::Counted(1)), ("ZINTER", Key::Counted(1)),
    ("ZINTERCARD", Key::Counted(1)), ("ZMPOP", Key::Counted(1)), ("ZUNION", Key::Counted(1)),
];

/// What is known of a listed command.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Its name, in upper case.
    pub name: &'static str,
    /// Where it has its first key.
    pub key: Key,
    /// Whether its second word belongs to its name.
    pub is_container: bool,
}

/// The listed command of that name, upper or lower case.
pub fn find(name: &[u8]) -> Option<&'static Listed> {
    let mut slot = slot_of(name);
    // The table has empty places.
    while let Some(listed) = &SLOTS[slot] {
        if listed.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(listed);
        }
        slot = (slot + 1) % SLOTS.len();
    }
    None
}

/// The listed name of a command, in upper case.
pub fn listed(name: &[u8]) -> Option<&'static str> {
    find(name).map(|listed| listed.name)
}

/// Where the command has its first key.
pub fn key(name: &[u8]) -> Key {
    find(name).map_or(Key::At(1), |listed| listed.key)
}

/// Whether the second word belongs to the command's name.
pub fn is_container(name: &[u8]) -> bool {
    find(name).is_some_and(|listed| listed.is_container)
}

/// Whether a master tells its replicas of such a command.
pub fn is_replicated(name: &[u8]) -> bool {
    const READS: [&str; 12] = [
        "GET",
        "MGET",
        "HGET",
        "HGETALL",
        "HMGET",
        "LRANGE",
        "SMEMBERS",
        "EXISTS",
        "TTL",
        "TYPE",
        "SUBSCRIBE",
        "PSUBSCRIBE",
    ];
    const CARRIED: [&str; 6] = ["PING", "SELECT", "MULTI", "EXEC", "REPLCONF", "FLUSHALL"];
    match listed(name) {
        None => false,
        Some(listed) => {
            CARRIED.contains(&listed)
                || key(name) == Key::At(1) && !READS.contains(&listed) && !is_container(name)
        }
    }
}

// === the table of find ===

/// All commands, each at the place that its name says or at the next one that was free.
static SLOTS: [Option<Listed>; 1024] = slots();

const fn slots() -> [Option<Listed>; 1024] {
    let mut slots = [None; 1024];
    let mut at = 0;
    while at < PLAIN.len() {
        insert(&mut slots, PLAIN[at], Key::At(1));
        at += 1;
    }
    at = 0;
    while at < OTHERS.len() {
        insert(&mut slots, OTHERS[at].0, OTHERS[at].1);
        at += 1;
    }
    slots
}

const fn insert(slots: &mut [Option<Listed>; 1024], name: &'static str, key: Key) {
    let mut slot = slot_of(name.as_bytes());
    while slots[slot].is_some() {
        slot = (slot + 1) % slots.len();
    }
    slots[slot] = Some(Listed { name, key, is_container: is_in(name, &CONTAINERS) });
}

const fn is_in(name: &str, list: &[&str]) -> bool {
    let mut at = 0;
    while at < list.len() {
        if list[at].as_bytes().eq_ignore_ascii_case(name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

/// The same for upper and lower case.
const fn slot_of(name: &[u8]) -> usize {
    let mut hash = name.len() as u32;
    let mut at = 0;
    while at < name.len() && at < NAME_BYTES_MAX {
        hash = (hash ^ (name[at] | 0x20) as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash >> 22) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_disjoint() {
        assert!(PLAIN.is_sorted() && OTHERS.is_sorted_by_key(|(name, _)| name));
        for name in PLAIN {
            assert_eq!((listed(name.as_bytes()), key(name.as_bytes())), (Some(*name), Key::At(1)));
        }
        for (name, key_) in OTHERS {
            assert!(PLAIN.binary_search(name).is_err(), "{name} twice");
            assert_eq!((listed(name.as_bytes()), key(name.as_bytes())), (Some(*name), *key_));
        }
    }

    #[test]
    fn every_container_is_listed() {
        for name in CONTAINERS {
            assert!(is_container(name.as_bytes()), "{name}");
        }
        assert!(!is_container(b"GET") && find(b"").is_none() && find(&[b'A'; 100]).is_none());
    }

    #[test]
    fn names_are_found_in_a_few_steps() {
        let mut longest = 0;
        for name in PLAIN.iter().copied().chain(OTHERS.iter().map(|(name, _)| *name)) {
            assert!(name.len() <= NAME_BYTES_MAX);
            let at = SLOTS.iter().position(|slot| slot.is_some_and(|found| found.name == name));
            longest = longest.max((at.unwrap() + 1024 - slot_of(name.as_bytes())) % 1024);
        }
        assert!(longest < 8, "{longest}");
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(listed(b"hGetAll"), Some("HGETALL"));
        assert_eq!(key(b"xread"), Key::Streams);
        assert!(is_container(b"client"));
        assert_eq!(key(b"JSON.SET"), Key::At(1));
    }
}
