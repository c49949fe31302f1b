//! Replicas: where they are, and who leads.

use super::{Api, Kind, bool, each, int8, int16, int32, int64, list, string, topic, uuid};

/// AlterReplicaLogDirs.
pub static ALTER_REPLICA_LOG_DIRS: Api = Api {
    key: 34,
    name: "AlterReplicaLogDirs",
    latest: 2,
    flexible: Some(2),
    request: &[list(
        "dirs",
        &[string("path"), list("topics", &[topic("name"), each("partitions", &Kind::Int32)])],
    )],
    response: &[
        int32("throttle_time_ms"),
        list(
            "results",
            &[
                topic("topic_name"),
                list("partitions", &[int32("partition_index"), int16("error_code")]),
            ],
        ),
    ],
};

/// DescribeLogDirs.
pub static DESCRIBE_LOG_DIRS: Api = Api {
    key: 35,
    name: "DescribeLogDirs",
    latest: 5,
    flexible: Some(2),
    request: &[list("topics", &[topic("topic"), each("partitions", &Kind::Int32)])],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code").since(3),
        list(
            "results",
            &[
                int16("error_code"),
                string("log_dir"),
                list(
                    "topics",
                    &[
                        topic("name"),
                        list(
                            "partitions",
                            &[
                                int32("partition_index"),
                                int64("partition_size"),
                                int64("offset_lag"),
                                bool("is_future_key"),
                            ],
                        ),
                    ],
                ),
                int64("total_bytes").since(4),
                int64("usable_bytes").since(4),
                bool("is_cordoned").since(5),
            ],
        ),
    ],
};

/// AlterPartitionReassignments.
pub static ALTER_PARTITION_REASSIGNMENTS: Api = Api {
    key: 45,
    name: "AlterPartitionReassignments",
    latest: 1,
    flexible: Some(0),
    request: &[
        int32("timeout_ms"),
        bool("allow_replication_factor_change").since(1),
        list(
            "topics",
            &[
                topic("name"),
                list("partitions", &[int32("partition_index"), each("replicas", &Kind::Int32)]),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        bool("allow_replication_factor_change").since(1),
        int16("error_code"),
        string("error_message"),
        list(
            "responses",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[int32("partition_index"), int16("error_code"), string("error_message")],
                ),
            ],
        ),
    ],
};

/// ListPartitionReassignments.
pub static LIST_PARTITION_REASSIGNMENTS: Api = Api {
    key: 46,
    name: "ListPartitionReassignments",
    latest: 0,
    flexible: Some(0),
    request: &[
        int32("timeout_ms"),
        list("topics", &[topic("name"), each("partition_indexes", &Kind::Int32)]),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        each("replicas", &Kind::Int32),
                        each("adding_replicas", &Kind::Int32),
                        each("removing_replicas", &Kind::Int32),
                    ],
                ),
            ],
        ),
    ],
};

/// AlterPartition.
pub static ALTER_PARTITION: Api = Api {
    key: 56,
    name: "AlterPartition",
    latest: 3,
    flexible: Some(0),
    request: &[
        int32("broker_id"),
        int64("broker_epoch"),
        list(
            "topics",
            &[
                topic("topic_name").until(1),
                uuid("topic_id").since(2),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int32("leader_epoch"),
                        each("new_isr", &Kind::Int32).until(2),
                        list("new_isr_with_epochs", &[int32("broker_id"), int64("broker_epoch")])
                            .since(3),
                        int8("leader_recovery_state").since(1),
                        int32("partition_epoch"),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        list(
            "topics",
            &[
                topic("topic_name").until(1),
                uuid("topic_id").since(2),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                        each("isr", &Kind::Int32),
                        int8("leader_recovery_state").since(1),
                        int32("partition_epoch"),
                    ],
                ),
            ],
        ),
    ],
};

/// AssignReplicasToDirs.
pub static ASSIGN_REPLICAS_TO_DIRS: Api = Api {
    key: 73,
    name: "AssignReplicasToDirs",
    latest: 0,
    flexible: Some(0),
    request: &[
        int32("broker_id"),
        int64("broker_epoch"),
        list(
            "directories",
            &[
                uuid("id"),
                list(
                    "topics",
                    &[uuid("topic_id"), list("partitions", &[int32("partition_index")])],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        list(
            "directories",
            &[
                uuid("id"),
                list(
                    "topics",
                    &[
                        uuid("topic_id"),
                        list("partitions", &[int32("partition_index"), int16("error_code")]),
                    ],
                ),
            ],
        ),
    ],
};
