//! Groups of stream processors.

use super::{
    Api, Kind, bool, each, group, int16, int32, int64, list, maybe, rest, string, topic, uint16,
};

/// StreamsGroupHeartbeat.
pub static STREAMS_GROUP_HEARTBEAT: Api = Api {
    key: 88,
    name: "StreamsGroupHeartbeat",
    latest: 1,
    flexible: Some(0),
    request: &[
        group("group_id"),
        string("member_id"),
        int32("member_epoch"),
        int32("endpoint_information_epoch"),
        string("instance_id"),
        string("rack_id"),
        int32("rebalance_timeout_ms"),
        maybe(
            "topology",
            &[
                int32("epoch"),
                list(
                    "subtopologies",
                    &[
                        string("subtopology_id"),
                        each("source_topics", &Kind::Topic),
                        each("source_topic_regex", &Kind::Text),
                        list(
                            "state_changelog_topics",
                            &[
                                topic("name"),
                                int32("partitions"),
                                int16("replication_factor"),
                                list("topic_configs", &[string("key"), string("value")]),
                            ],
                        ),
                        each("repartition_sink_topics", &Kind::Topic),
                        list(
                            "repartition_source_topics",
                            &[
                                topic("name"),
                                int32("partitions"),
                                int16("replication_factor"),
                                list("topic_configs", &[string("key"), string("value")]),
                            ],
                        ),
                        list(
                            "copartition_groups",
                            &[
                                each("source_topics", &Kind::Int16),
                                each("source_topic_regex", &Kind::Int16),
                                each("repartition_source_topics", &Kind::Int16),
                            ],
                        ),
                    ],
                ),
            ],
        ),
        list("active_tasks", &[string("subtopology_id"), each("partitions", &Kind::Int32)]),
        list("standby_tasks", &[string("subtopology_id"), each("partitions", &Kind::Int32)]),
        list("warmup_tasks", &[string("subtopology_id"), each("partitions", &Kind::Int32)]),
        string("process_id"),
        maybe("user_endpoint", &[string("host"), uint16("port")]),
        list("client_tags", &[string("key"), string("value")]),
        list("task_offsets", &[string("subtopology_id"), int32("partition"), int64("offset")]),
        list("task_end_offsets", &[string("subtopology_id"), int32("partition"), int64("offset")]),
        bool("shutdown_application"),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        string("member_id"),
        int32("member_epoch"),
        int32("heartbeat_interval_ms"),
        rest(),
    ],
};

/// StreamsGroupDescribe.
pub static STREAMS_GROUP_DESCRIBE: Api = Api {
    key: 89,
    name: "StreamsGroupDescribe",
    latest: 1,
    flexible: Some(0),
    request: &[each("group_ids", &Kind::Group), bool("include_authorized_operations")],
    response: &[
        int32("throttle_time_ms"),
        list(
            "groups",
            &[
                int16("error_code"),
                string("error_message"),
                group("group_id"),
                string("group_state"),
                int32("group_epoch"),
                int32("assignment_epoch"),
                rest(),
            ],
        ),
    ],
};
