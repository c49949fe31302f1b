//! Share groups: consumers that share partitions.

use super::{
    Api, Kind, bool, each, group, int16, int32, int64, list, maybe, records, string, structure,
    topic, uuid,
};

/// ShareGroupHeartbeat.
pub static SHARE_GROUP_HEARTBEAT: Api = Api {
    key: 76,
    name: "ShareGroupHeartbeat",
    latest: 1,
    flexible: Some(0),
    request: &[
        group("group_id"),
        string("member_id"),
        int32("member_epoch"),
        string("rack_id"),
        each("subscribed_topic_names", &Kind::Topic),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        string("member_id"),
        int32("member_epoch"),
        int32("heartbeat_interval_ms"),
        maybe(
            "assignment",
            &[list("topic_partitions", &[uuid("topic_id"), each("partitions", &Kind::Int32)])],
        ),
    ],
};

/// ShareGroupDescribe.
pub static SHARE_GROUP_DESCRIBE: Api = Api {
    key: 77,
    name: "ShareGroupDescribe",
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
                string("assignor_name"),
                list(
                    "members",
                    &[
                        string("member_id"),
                        string("rack_id"),
                        int32("member_epoch"),
                        string("client_id"),
                        string("client_host"),
                        each("subscribed_topic_names", &Kind::Topic),
                        structure(
                            "assignment",
                            &[list(
                                "topic_partitions",
                                &[
                                    uuid("topic_id"),
                                    topic("topic_name"),
                                    each("partitions", &Kind::Int32),
                                ],
                            )],
                        ),
                    ],
                ),
                int32("authorized_operations"),
            ],
        ),
    ],
};

/// ShareFetch.
pub static SHARE_FETCH: Api = Api {
    key: 78,
    name: "ShareFetch",
    latest: 1,
    flexible: Some(0),
    request: &[
        group("group_id"),
        string("member_id"),
        int32("share_session_epoch"),
        int32("max_wait_ms"),
        int32("min_bytes"),
        int32("max_bytes"),
        int32("max_records"),
        int32("batch_size"),
        list(
            "topics",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        list(
                            "acknowledgement_batches",
                            &[
                                int64("first_offset"),
                                int64("last_offset"),
                                each("acknowledge_types", &Kind::Int8),
                            ],
                        ),
                    ],
                ),
            ],
        ),
        list("forgotten_topics_data", &[uuid("topic_id"), each("partitions", &Kind::Int32)]),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        int32("acquisition_lock_timeout_ms"),
        list(
            "responses",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        string("error_message"),
                        int16("acknowledge_error_code"),
                        string("acknowledge_error_message"),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")]),
                        records("records"),
                        list(
                            "acquired_records",
                            &[int64("first_offset"), int64("last_offset"), int16("delivery_count")],
                        ),
                    ],
                ),
            ],
        ),
        list("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")]),
    ],
};

/// ShareAcknowledge.
pub static SHARE_ACKNOWLEDGE: Api = Api {
    key: 79,
    name: "ShareAcknowledge",
    latest: 1,
    flexible: Some(0),
    request: &[
        group("group_id"),
        string("member_id"),
        int32("share_session_epoch"),
        list(
            "topics",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        list(
                            "acknowledgement_batches",
                            &[
                                int64("first_offset"),
                                int64("last_offset"),
                                each("acknowledge_types", &Kind::Int8),
                            ],
                        ),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "responses",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        string("error_message"),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")]),
                    ],
                ),
            ],
        ),
        list("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")]),
    ],
};
