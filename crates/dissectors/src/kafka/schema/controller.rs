//! What a controller told its brokers before KRaft.

use super::{Api, Kind, bool, each, int8, int16, int32, int64, list, string, topic, uuid};

/// LeaderAndIsr.
pub static LEADER_AND_ISR: Api = Api {
    key: 4,
    name: "LeaderAndIsr",
    latest: 7,
    flexible: Some(4),
    request: &[
        int32("controller_id"),
        bool("is_kraft_controller").since(7),
        int32("controller_epoch"),
        int64("broker_epoch").since(2),
        int8("type").since(5),
        list(
            "ungrouped_partition_states",
            &[
                topic("topic_name").until(1),
                int32("partition_index"),
                int32("controller_epoch"),
                int32("leader"),
                int32("leader_epoch"),
                each("isr", &Kind::Int32),
                int32("partition_epoch"),
                each("replicas", &Kind::Int32),
                each("adding_replicas", &Kind::Int32).since(3),
                each("removing_replicas", &Kind::Int32).since(3),
                bool("is_new").since(1),
                int8("leader_recovery_state").since(6),
            ],
        )
        .until(1),
        list(
            "topic_states",
            &[
                topic("topic_name"),
                uuid("topic_id").since(5),
                list(
                    "partition_states",
                    &[
                        int32("partition_index"),
                        int32("controller_epoch"),
                        int32("leader"),
                        int32("leader_epoch"),
                        each("isr", &Kind::Int32),
                        int32("partition_epoch"),
                        each("replicas", &Kind::Int32),
                        each("adding_replicas", &Kind::Int32).since(3),
                        each("removing_replicas", &Kind::Int32).since(3),
                        bool("is_new"),
                        int8("leader_recovery_state").since(6),
                    ],
                ),
            ],
        )
        .since(2),
        list("live_leaders", &[int32("broker_id"), string("host_name"), int32("port")]),
    ],
    response: &[
        int16("error_code"),
        list(
            "partition_errors",
            &[topic("topic_name"), int32("partition_index"), int16("error_code")],
        )
        .until(4),
        list(
            "topics",
            &[
                uuid("topic_id"),
                list("partition_errors", &[int32("partition_index"), int16("error_code")]),
            ],
        )
        .since(5),
    ],
};

/// StopReplica.
pub static STOP_REPLICA: Api = Api {
    key: 5,
    name: "StopReplica",
    latest: 4,
    flexible: Some(2),
    request: &[
        int32("controller_id"),
        bool("is_kraft_controller").since(4),
        int32("controller_epoch"),
        int64("broker_epoch").since(1),
        bool("delete_partitions").until(2),
        list("ungrouped_partitions", &[topic("topic_name"), int32("partition_index")]).until(0),
        list("topics", &[topic("name"), each("partition_indexes", &Kind::Int32)]).since(1).until(2),
        list(
            "topic_states",
            &[
                topic("topic_name"),
                list(
                    "partition_states",
                    &[int32("partition_index"), int32("leader_epoch"), bool("delete_partition")],
                ),
            ],
        )
        .since(3),
    ],
    response: &[
        int16("error_code"),
        list(
            "partition_errors",
            &[topic("topic_name"), int32("partition_index"), int16("error_code")],
        ),
    ],
};

/// UpdateMetadata.
pub static UPDATE_METADATA: Api = Api {
    key: 6,
    name: "UpdateMetadata",
    latest: 8,
    flexible: Some(6),
    request: &[
        int32("controller_id"),
        bool("is_kraft_controller").since(8),
        int8("type").since(8).tagged(0),
        int32("controller_epoch"),
        int64("broker_epoch").since(5),
        list(
            "ungrouped_partition_states",
            &[
                topic("topic_name").until(4),
                int32("partition_index"),
                int32("controller_epoch"),
                int32("leader"),
                int32("leader_epoch"),
                each("isr", &Kind::Int32),
                int32("zk_version"),
                each("replicas", &Kind::Int32),
                each("offline_replicas", &Kind::Int32).since(4),
            ],
        )
        .until(4),
        list(
            "topic_states",
            &[
                topic("topic_name"),
                uuid("topic_id").since(7),
                list(
                    "partition_states",
                    &[
                        int32("partition_index"),
                        int32("controller_epoch"),
                        int32("leader"),
                        int32("leader_epoch"),
                        each("isr", &Kind::Int32),
                        int32("zk_version"),
                        each("replicas", &Kind::Int32),
                        each("offline_replicas", &Kind::Int32),
                    ],
                ),
            ],
        )
        .since(5),
        list(
            "live_brokers",
            &[
                int32("id"),
                string("v0_host").until(0),
                int32("v0_port").until(0),
                list(
                    "endpoints",
                    &[
                        int32("port"),
                        string("host"),
                        string("listener").since(3),
                        int16("security_protocol"),
                    ],
                )
                .since(1),
                string("rack").since(2),
            ],
        ),
    ],
    response: &[int16("error_code")],
};

/// ControlledShutdown.
pub static CONTROLLED_SHUTDOWN: Api = Api {
    key: 7,
    name: "ControlledShutdown",
    latest: 3,
    flexible: Some(3),
    request: &[int32("broker_id"), int64("broker_epoch").since(2)],
    response: &[
        int16("error_code"),
        list("remaining_partitions", &[topic("topic_name"), int32("partition_index")]),
    ],
};
