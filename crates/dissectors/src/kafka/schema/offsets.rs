//! Offsets: where a log begins, ends and was read to.

use super::{Api, Kind, bool, each, group, int8, int16, int32, int64, list, string, topic, uuid};

/// ListOffsets.
pub static LIST_OFFSETS: Api = Api {
    key: 2,
    name: "ListOffsets",
    latest: 11,
    flexible: Some(6),
    request: &[
        int32("replica_id"),
        int8("isolation_level").since(2),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int32("current_leader_epoch").since(4),
                        int64("timestamp"),
                        int32("max_num_offsets").until(0),
                    ],
                ),
            ],
        ),
        int32("timeout_ms").since(10),
    ],
    response: &[
        int32("throttle_time_ms").since(2),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        each("old_style_offsets", &Kind::Int64).until(0),
                        int64("timestamp").since(1),
                        int64("offset").since(1),
                        int32("leader_epoch").since(4),
                    ],
                ),
            ],
        ),
    ],
};

/// OffsetCommit.
pub static OFFSET_COMMIT: Api = Api {
    key: 8,
    name: "OffsetCommit",
    latest: 10,
    flexible: Some(8),
    request: &[
        group("group_id"),
        int32("generation_id_or_member_epoch").since(1),
        string("member_id").since(1),
        string("group_instance_id").since(7),
        int64("retention_time_ms").since(2).until(4),
        list(
            "topics",
            &[
                topic("name").until(9),
                uuid("topic_id").since(10),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int64("committed_offset"),
                        int32("committed_leader_epoch").since(6),
                        int64("commit_timestamp").since(1).until(1),
                        string("committed_metadata"),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms").since(3),
        list(
            "topics",
            &[
                topic("name").until(9),
                uuid("topic_id").since(10),
                list("partitions", &[int32("partition_index"), int16("error_code")]),
            ],
        ),
    ],
};

/// OffsetFetch.
pub static OFFSET_FETCH: Api = Api {
    key: 9,
    name: "OffsetFetch",
    latest: 10,
    flexible: Some(6),
    request: &[
        group("group_id").until(7),
        list("topics", &[topic("name").until(7), each("partition_indexes", &Kind::Int32).until(7)])
            .until(7),
        list(
            "groups",
            &[
                group("group_id"),
                string("member_id").since(9),
                int32("member_epoch").since(9),
                list(
                    "topics",
                    &[
                        topic("name").until(9),
                        uuid("topic_id").since(10),
                        each("partition_indexes", &Kind::Int32),
                    ],
                ),
            ],
        )
        .since(8),
        bool("require_stable").since(7),
    ],
    response: &[
        int32("throttle_time_ms").since(3),
        list(
            "topics",
            &[
                topic("name").until(7),
                list(
                    "partitions",
                    &[
                        int32("partition_index").until(7),
                        int64("committed_offset").until(7),
                        int32("committed_leader_epoch").since(5).until(7),
                        string("metadata").until(7),
                        int16("error_code").until(7),
                    ],
                )
                .until(7),
            ],
        )
        .until(7),
        int16("error_code").since(2).until(7),
        list(
            "groups",
            &[
                group("group_id"),
                list(
                    "topics",
                    &[
                        topic("name").until(9),
                        uuid("topic_id").since(10),
                        list(
                            "partitions",
                            &[
                                int32("partition_index"),
                                int64("committed_offset"),
                                int32("committed_leader_epoch"),
                                string("metadata"),
                                int16("error_code"),
                            ],
                        ),
                    ],
                ),
                int16("error_code"),
            ],
        )
        .since(8),
    ],
};

/// OffsetForLeaderEpoch.
pub static OFFSET_FOR_LEADER_EPOCH: Api = Api {
    key: 23,
    name: "OffsetForLeaderEpoch",
    latest: 4,
    flexible: Some(4),
    request: &[
        int32("replica_id").since(3),
        list(
            "topics",
            &[
                topic("topic"),
                list(
                    "partitions",
                    &[
                        int32("partition"),
                        int32("current_leader_epoch").since(2),
                        int32("leader_epoch"),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms").since(2),
        list(
            "topics",
            &[
                topic("topic"),
                list(
                    "partitions",
                    &[
                        int16("error_code"),
                        int32("partition"),
                        int32("leader_epoch").since(1),
                        int64("end_offset"),
                    ],
                ),
            ],
        ),
    ],
};

/// OffsetDelete.
pub static OFFSET_DELETE: Api = Api {
    key: 47,
    name: "OffsetDelete",
    latest: 0,
    flexible: None,
    request: &[
        group("group_id"),
        list("topics", &[topic("name"), list("partitions", &[int32("partition_index")])]),
    ],
    response: &[
        int16("error_code"),
        int32("throttle_time_ms"),
        list(
            "topics",
            &[topic("name"), list("partitions", &[int32("partition_index"), int16("error_code")])],
        ),
    ],
};
