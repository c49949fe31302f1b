//! Metadata: which brokers and topics there are.

use super::{Api, Kind, bool, each, int8, int16, int32, int64, list, maybe, string, topic, uuid};

/// Metadata.
pub static METADATA: Api = Api {
    key: 3,
    name: "Metadata",
    latest: 13,
    flexible: Some(9),
    request: &[
        list("topics", &[uuid("topic_id").since(10), topic("name")]),
        bool("allow_auto_topic_creation").since(4),
        bool("include_cluster_authorized_operations").since(8).until(10),
        bool("include_topic_authorized_operations").since(8),
    ],
    response: &[
        int32("throttle_time_ms").since(3),
        list(
            "brokers",
            &[int32("node_id"), string("host"), int32("port"), string("rack").since(1)],
        ),
        string("cluster_id").since(2),
        int32("controller_id").since(1),
        list(
            "topics",
            &[
                int16("error_code"),
                topic("name"),
                uuid("topic_id").since(10),
                bool("is_internal").since(1),
                list(
                    "partitions",
                    &[
                        int16("error_code"),
                        int32("partition_index"),
                        int32("leader_id"),
                        int32("leader_epoch").since(7),
                        each("replica_nodes", &Kind::Int32),
                        each("isr_nodes", &Kind::Int32),
                        each("offline_replicas", &Kind::Int32).since(5),
                    ],
                ),
                int32("topic_authorized_operations").since(8),
            ],
        ),
        int32("cluster_authorized_operations").since(8).until(10),
        int16("error_code").since(13),
    ],
};

/// DescribeCluster.
pub static DESCRIBE_CLUSTER: Api = Api {
    key: 60,
    name: "DescribeCluster",
    latest: 2,
    flexible: Some(0),
    request: &[
        bool("include_cluster_authorized_operations"),
        int8("endpoint_type").since(1),
        bool("include_fenced_brokers").since(2),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        int8("endpoint_type").since(1),
        string("cluster_id"),
        int32("controller_id"),
        list(
            "brokers",
            &[
                int32("broker_id"),
                string("host"),
                int32("port"),
                string("rack"),
                bool("is_fenced").since(2),
            ],
        ),
        int32("cluster_authorized_operations"),
    ],
};

/// DescribeTopicPartitions.
pub static DESCRIBE_TOPIC_PARTITIONS: Api = Api {
    key: 75,
    name: "DescribeTopicPartitions",
    latest: 0,
    flexible: Some(0),
    request: &[
        list("topics", &[topic("name")]),
        int32("response_partition_limit"),
        maybe("cursor", &[topic("topic_name"), int32("partition_index")]),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "topics",
            &[
                int16("error_code"),
                topic("name"),
                uuid("topic_id"),
                bool("is_internal"),
                list(
                    "partitions",
                    &[
                        int16("error_code"),
                        int32("partition_index"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                        each("replica_nodes", &Kind::Int32),
                        each("isr_nodes", &Kind::Int32),
                        each("eligible_leader_replicas", &Kind::Int32),
                        each("last_known_elr", &Kind::Int32),
                        each("offline_replicas", &Kind::Int32),
                    ],
                ),
                int32("topic_authorized_operations"),
            ],
        ),
        maybe("next_cursor", &[topic("topic_name"), int32("partition_index")]),
    ],
};

/// ApiVersions.
pub static API_VERSIONS: Api = Api {
    key: 18,
    name: "ApiVersions",
    latest: 4,
    flexible: Some(3),
    request: &[string("client_software_name").since(3), string("client_software_version").since(3)],
    response: &[
        int16("error_code"),
        list("api_keys", &[int16("api_key"), int16("min_version"), int16("max_version")]),
        int32("throttle_time_ms").since(1),
        list("supported_features", &[string("name"), int16("min_version"), int16("max_version")])
            .since(3)
            .tagged(0),
        int64("finalized_features_epoch").since(3).tagged(1),
        list(
            "finalized_features",
            &[string("name"), int16("max_version_level"), int16("min_version_level")],
        )
        .since(3)
        .tagged(2),
        bool("zk_migration_ready").since(3).tagged(3),
    ],
};
