//! Every message of Kafka as a table: which fields it has, in which versions, in which order.
//!
//! <https://kafka.apache.org/protocol#protocol_api_keys>. Fields that newer versions dropped are
//! still here, because old clients are still there. One interpreter reads all tables: see `walk`.

mod acls;
mod brokers;
mod configs;
mod controller;
mod fetch;
mod group_admin;
mod groups;
mod metadata;
mod offsets;
mod produce;
mod quorum;
mod quotas;
mod replicas;
mod security;
mod share;
mod share_state;
mod streams;
mod topics;
mod transactions;

/// One kind of call.
#[derive(Debug)]
pub struct Api {
    /// Its number.
    pub key: i16,
    /// Its name in the specification.
    pub name: &'static str,
    /// The newest version that the table knows.
    pub latest: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible: Option<i16>,
    /// What is asked.
    pub request: &'static [Field],
    /// What is answered.
    pub response: &'static [Field],
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The first and the last version that have it.
    versions: (i16, i16),
    /// Its number among the tagged fields, if it is one.
    pub tag: Option<u32>,
}

/// What a field holds.
#[derive(Debug)]
pub enum Kind {
    /// A byte that is 0 or not.
    Bool,
    /// One byte, signed.
    Int8,
    /// Two bytes, signed.
    Int16,
    /// Two bytes, unsigned.
    Uint16,
    /// Four bytes, signed.
    Int32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// A string, or null.
    Text,
    /// The name of a topic.
    Topic,
    /// The name of a group of consumers.
    Group,
    /// The name of a transactional producer.
    Transaction,
    /// A configured value; secret if its name says so.
    Setting,
    /// Bytes, or null.
    Bytes,
    /// Bytes that nobody may see.
    Secret,
    /// Batches of records.
    Records,
    /// Several of one kind.
    Each(&'static Kind),
    /// Several structures.
    List(&'static [Field]),
    /// One structure.
    Structure(&'static [Field]),
    /// One structure, or null.
    Maybe(&'static [Field]),
    /// From here on the table says nothing.
    Rest,
}

/// All of them, by rising key.
static ALL: &[&Api] = &[
    &produce::PRODUCE,
    &fetch::FETCH,
    &offsets::LIST_OFFSETS,
    &metadata::METADATA,
    &controller::LEADER_AND_ISR,
    &controller::STOP_REPLICA,
    &controller::UPDATE_METADATA,
    &controller::CONTROLLED_SHUTDOWN,
    &offsets::OFFSET_COMMIT,
    &offsets::OFFSET_FETCH,
    &groups::FIND_COORDINATOR,
    &groups::JOIN_GROUP,
    &groups::HEARTBEAT,
    &groups::LEAVE_GROUP,
    &groups::SYNC_GROUP,
    &group_admin::DESCRIBE_GROUPS,
    &group_admin::LIST_GROUPS,
    &security::SASL_HANDSHAKE,
    &metadata::API_VERSIONS,
    &topics::CREATE_TOPICS,
    &topics::DELETE_TOPICS,
    &topics::DELETE_RECORDS,
    &transactions::INIT_PRODUCER_ID,
    &offsets::OFFSET_FOR_LEADER_EPOCH,
    &transactions::ADD_PARTITIONS_TO_TXN,
    &transactions::ADD_OFFSETS_TO_TXN,
    &transactions::END_TXN,
    &transactions::WRITE_TXN_MARKERS,
    &transactions::TXN_OFFSET_COMMIT,
    &acls::DESCRIBE_ACLS,
    &acls::CREATE_ACLS,
    &acls::DELETE_ACLS,
    &configs::DESCRIBE_CONFIGS,
    &configs::ALTER_CONFIGS,
    &replicas::ALTER_REPLICA_LOG_DIRS,
    &replicas::DESCRIBE_LOG_DIRS,
    &security::SASL_AUTHENTICATE,
    &topics::CREATE_PARTITIONS,
    &security::CREATE_DELEGATION_TOKEN,
    &security::RENEW_DELEGATION_TOKEN,
    &security::EXPIRE_DELEGATION_TOKEN,
    &security::DESCRIBE_DELEGATION_TOKEN,
    &group_admin::DELETE_GROUPS,
    &topics::ELECT_LEADERS,
    &configs::INCREMENTAL_ALTER_CONFIGS,
    &replicas::ALTER_PARTITION_REASSIGNMENTS,
    &replicas::LIST_PARTITION_REASSIGNMENTS,
    &offsets::OFFSET_DELETE,
    &quotas::DESCRIBE_CLIENT_QUOTAS,
    &quotas::ALTER_CLIENT_QUOTAS,
    &security::DESCRIBE_USER_SCRAM_CREDENTIALS,
    &security::ALTER_USER_SCRAM_CREDENTIALS,
    &quorum::VOTE,
    &quorum::BEGIN_QUORUM_EPOCH,
    &quorum::END_QUORUM_EPOCH,
    &quorum::DESCRIBE_QUORUM,
    &replicas::ALTER_PARTITION,
    &brokers::UPDATE_FEATURES,
    &brokers::ENVELOPE,
    &quorum::FETCH_SNAPSHOT,
    &metadata::DESCRIBE_CLUSTER,
    &transactions::DESCRIBE_PRODUCERS,
    &brokers::BROKER_REGISTRATION,
    &brokers::BROKER_HEARTBEAT,
    &brokers::UNREGISTER_BROKER,
    &transactions::DESCRIBE_TRANSACTIONS,
    &transactions::LIST_TRANSACTIONS,
    &transactions::ALLOCATE_PRODUCER_IDS,
    &groups::CONSUMER_GROUP_HEARTBEAT,
    &group_admin::CONSUMER_GROUP_DESCRIBE,
    &brokers::CONTROLLER_REGISTRATION,
    &quotas::GET_TELEMETRY_SUBSCRIPTIONS,
    &quotas::PUSH_TELEMETRY,
    &replicas::ASSIGN_REPLICAS_TO_DIRS,
    &configs::LIST_CONFIG_RESOURCES,
    &metadata::DESCRIBE_TOPIC_PARTITIONS,
    &share::SHARE_GROUP_HEARTBEAT,
    &share::SHARE_GROUP_DESCRIBE,
    &share::SHARE_FETCH,
    &share::SHARE_ACKNOWLEDGE,
    &quorum::ADD_RAFT_VOTER,
    &quorum::REMOVE_RAFT_VOTER,
    &quorum::UPDATE_RAFT_VOTER,
    &share_state::INITIALIZE_SHARE_GROUP_STATE,
    &share_state::READ_SHARE_GROUP_STATE,
    &share_state::WRITE_SHARE_GROUP_STATE,
    &share_state::DELETE_SHARE_GROUP_STATE,
    &share_state::READ_SHARE_GROUP_STATE_SUMMARY,
    &streams::STREAMS_GROUP_HEARTBEAT,
    &streams::STREAMS_GROUP_DESCRIBE,
    &share_state::DESCRIBE_SHARE_GROUP_OFFSETS,
    &share_state::ALTER_SHARE_GROUP_OFFSETS,
    &share_state::DELETE_SHARE_GROUP_OFFSETS,
];

/// The call with this number.
pub fn api(key: i16) -> Option<&'static Api> {
    let at = usize::try_from(key).ok()?;
    ALL.get(at).copied().filter(|api| api.key == key)
}

// === impl Api ===

impl Api {
    /// Whether messages of `version` have compact lengths and tagged fields.
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible.is_some_and(|since| version >= since)
    }

    /// Whether the table describes `version`.
    pub fn knows(&self, version: i16) -> bool {
        (0..=self.latest).contains(&version)
    }
}

// === impl Field ===

impl Field {
    /// Whether messages of `version` have it.
    pub fn is_in(&self, version: i16) -> bool {
        self.versions.0 <= version && version <= self.versions.1
    }

    const fn since(mut self, version: i16) -> Self {
        self.versions.0 = version;
        self
    }

    const fn until(mut self, version: i16) -> Self {
        self.versions.1 = version;
        self
    }

    const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, versions: (0, i16::MAX), tag: None }
}

macro_rules! kinds {
    ($($name:ident $kind:ident)*) => {
        $(const fn $name(name: &'static str) -> Field {
            field(name, Kind::$kind)
        })*
    };
}

kinds! {
    bool Bool
    int8 Int8
    int16 Int16
    uint16 Uint16
    int32 Int32
    int64 Int64
    float64 Float64
    uuid Uuid
    string Text
    topic Topic
    group Group
    transaction Transaction
    setting Setting
    bytes Bytes
    secret Secret
    records Records
}

const fn each(name: &'static str, kind: &'static Kind) -> Field {
    field(name, Kind::Each(kind))
}

const fn list(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::List(fields))
}

const fn structure(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::Structure(fields))
}

const fn maybe(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::Maybe(fields))
}

const fn rest() -> Field {
    field("", Kind::Rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_by_its_key() {
        for (key, entry) in (0..).zip(ALL) {
            assert_eq!(api(key).map(|api| api.name), Some(entry.name));
        }
        assert!(api(-1).is_none() && api(93).is_none());
    }

    #[test]
    fn tables_are_shallow_and_their_fields_have_names_of_their_own() {
        for api in ALL {
            for version in 0..=api.latest {
                check(api.request, version, 0);
                check(api.response, version, 0);
            }
        }
    }

    fn check(fields: &[Field], version: i16, depth: usize) {
        assert!(depth <= super::super::walk::DEPTH_MAX);
        let mut names = std::collections::HashSet::new();
        for field in fields.iter().filter(|field| field.is_in(version)) {
            assert!(names.insert(field.name), "{} twice", field.name);
            if let Kind::List(fields) | Kind::Structure(fields) | Kind::Maybe(fields) = field.kind {
                check(fields, version, depth + 1);
            }
        }
    }
}
