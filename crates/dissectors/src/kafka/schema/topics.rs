//! Topics: made, changed and deleted.

use super::{Api, Kind, bool, each, int8, int16, int32, int64, list, string, topic, uuid};

/// CreateTopics.
pub static CREATE_TOPICS: Api = Api {
    key: 19,
    name: "CreateTopics",
    latest: 7,
    flexible: Some(5),
    request: &[
        list(
            "topics",
            &[
                topic("name"),
                int32("num_partitions"),
                int16("replication_factor"),
                list("assignments", &[int32("partition_index"), each("broker_ids", &Kind::Int32)]),
                list("configs", &[string("name"), string("value")]),
            ],
        ),
        int32("timeout_ms"),
        bool("validate_only").since(1),
    ],
    response: &[
        int32("throttle_time_ms").since(2),
        list(
            "topics",
            &[
                topic("name"),
                uuid("topic_id").since(7),
                int16("error_code"),
                string("error_message").since(1),
                int16("topic_config_error_code").since(5).tagged(0),
                int32("num_partitions").since(5),
                int16("replication_factor").since(5),
                list(
                    "configs",
                    &[
                        string("name"),
                        string("value"),
                        bool("read_only"),
                        int8("config_source"),
                        bool("is_sensitive"),
                    ],
                )
                .since(5),
            ],
        ),
    ],
};

/// DeleteTopics.
pub static DELETE_TOPICS: Api = Api {
    key: 20,
    name: "DeleteTopics",
    latest: 6,
    flexible: Some(4),
    request: &[
        list("topics", &[topic("name"), uuid("topic_id")]).since(6),
        each("topic_names", &Kind::Topic).until(5),
        int32("timeout_ms"),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        list(
            "responses",
            &[
                topic("name"),
                uuid("topic_id").since(6),
                int16("error_code"),
                string("error_message").since(5),
            ],
        ),
    ],
};

/// DeleteRecords.
pub static DELETE_RECORDS: Api = Api {
    key: 21,
    name: "DeleteRecords",
    latest: 2,
    flexible: Some(2),
    request: &[
        list(
            "topics",
            &[topic("name"), list("partitions", &[int32("partition_index"), int64("offset")])],
        ),
        int32("timeout_ms"),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[int32("partition_index"), int64("low_watermark"), int16("error_code")],
                ),
            ],
        ),
    ],
};

/// CreatePartitions.
pub static CREATE_PARTITIONS: Api = Api {
    key: 37,
    name: "CreatePartitions",
    latest: 3,
    flexible: Some(2),
    request: &[
        list(
            "topics",
            &[
                topic("name"),
                int32("count"),
                list("assignments", &[each("broker_ids", &Kind::Int32)]),
            ],
        ),
        int32("timeout_ms"),
        bool("validate_only"),
    ],
    response: &[
        int32("throttle_time_ms"),
        list("results", &[topic("name"), int16("error_code"), string("error_message")]),
    ],
};

/// ElectLeaders.
pub static ELECT_LEADERS: Api = Api {
    key: 43,
    name: "ElectLeaders",
    latest: 2,
    flexible: Some(2),
    request: &[
        int8("election_type").since(1),
        list("topic_partitions", &[topic("topic"), each("partitions", &Kind::Int32)]),
        int32("timeout_ms"),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code").since(1),
        list(
            "replica_election_results",
            &[
                topic("topic"),
                list(
                    "partition_result",
                    &[int32("partition_id"), int16("error_code"), string("error_message")],
                ),
            ],
        ),
    ],
};
