//! Share groups: their state and their offsets.

use super::{Api, Kind, each, group, int8, int16, int32, int64, list, string, topic, uuid};

/// InitializeShareGroupState.
pub static INITIALIZE_SHARE_GROUP_STATE: Api = Api {
    key: 83,
    name: "InitializeShareGroupState",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list(
            "topics",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[int32("partition"), int32("state_epoch"), int64("start_offset")],
                ),
            ],
        ),
    ],
    response: &[list(
        "results",
        &[
            uuid("topic_id"),
            list("partitions", &[int32("partition"), int16("error_code"), string("error_message")]),
        ],
    )],
};

/// ReadShareGroupState.
pub static READ_SHARE_GROUP_STATE: Api = Api {
    key: 84,
    name: "ReadShareGroupState",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list(
            "topics",
            &[uuid("topic_id"), list("partitions", &[int32("partition"), int32("leader_epoch")])],
        ),
    ],
    response: &[list(
        "results",
        &[
            uuid("topic_id"),
            list(
                "partitions",
                &[
                    int32("partition"),
                    int16("error_code"),
                    string("error_message"),
                    int32("state_epoch"),
                    int64("start_offset"),
                    list(
                        "state_batches",
                        &[
                            int64("first_offset"),
                            int64("last_offset"),
                            int8("delivery_state"),
                            int16("delivery_count"),
                        ],
                    ),
                ],
            ),
        ],
    )],
};

/// WriteShareGroupState.
pub static WRITE_SHARE_GROUP_STATE: Api = Api {
    key: 85,
    name: "WriteShareGroupState",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list(
            "topics",
            &[
                uuid("topic_id"),
                list(
                    "partitions",
                    &[
                        int32("partition"),
                        int32("state_epoch"),
                        int32("leader_epoch"),
                        int64("start_offset"),
                        list(
                            "state_batches",
                            &[
                                int64("first_offset"),
                                int64("last_offset"),
                                int8("delivery_state"),
                                int16("delivery_count"),
                            ],
                        ),
                    ],
                ),
            ],
        ),
    ],
    response: &[list(
        "results",
        &[
            uuid("topic_id"),
            list("partitions", &[int32("partition"), int16("error_code"), string("error_message")]),
        ],
    )],
};

/// DeleteShareGroupState.
pub static DELETE_SHARE_GROUP_STATE: Api = Api {
    key: 86,
    name: "DeleteShareGroupState",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list("topics", &[uuid("topic_id"), list("partitions", &[int32("partition")])]),
    ],
    response: &[list(
        "results",
        &[
            uuid("topic_id"),
            list("partitions", &[int32("partition"), int16("error_code"), string("error_message")]),
        ],
    )],
};

/// ReadShareGroupStateSummary.
pub static READ_SHARE_GROUP_STATE_SUMMARY: Api = Api {
    key: 87,
    name: "ReadShareGroupStateSummary",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list(
            "topics",
            &[uuid("topic_id"), list("partitions", &[int32("partition"), int32("leader_epoch")])],
        ),
    ],
    response: &[list(
        "results",
        &[
            uuid("topic_id"),
            list(
                "partitions",
                &[
                    int32("partition"),
                    int16("error_code"),
                    string("error_message"),
                    int32("state_epoch"),
                    int32("leader_epoch"),
                    int64("start_offset"),
                ],
            ),
        ],
    )],
};

/// DescribeShareGroupOffsets.
pub static DESCRIBE_SHARE_GROUP_OFFSETS: Api = Api {
    key: 90,
    name: "DescribeShareGroupOffsets",
    latest: 0,
    flexible: Some(0),
    request: &[list(
        "groups",
        &[
            group("group_id"),
            list("topics", &[topic("topic_name"), each("partitions", &Kind::Int32)]),
        ],
    )],
    response: &[
        int32("throttle_time_ms"),
        list(
            "groups",
            &[
                group("group_id"),
                list(
                    "topics",
                    &[
                        topic("topic_name"),
                        uuid("topic_id"),
                        list(
                            "partitions",
                            &[
                                int32("partition_index"),
                                int64("start_offset"),
                                int32("leader_epoch"),
                                int16("error_code"),
                                string("error_message"),
                            ],
                        ),
                    ],
                ),
                int16("error_code"),
                string("error_message"),
            ],
        ),
    ],
};

/// AlterShareGroupOffsets.
pub static ALTER_SHARE_GROUP_OFFSETS: Api = Api {
    key: 91,
    name: "AlterShareGroupOffsets",
    latest: 0,
    flexible: Some(0),
    request: &[
        group("group_id"),
        list(
            "topics",
            &[
                topic("topic_name"),
                list("partitions", &[int32("partition_index"), int64("start_offset")]),
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
                topic("topic_name"),
                uuid("topic_id"),
                list(
                    "partitions",
                    &[int32("partition_index"), int16("error_code"), string("error_message")],
                ),
            ],
        ),
    ],
};

/// DeleteShareGroupOffsets.
pub static DELETE_SHARE_GROUP_OFFSETS: Api = Api {
    key: 92,
    name: "DeleteShareGroupOffsets",
    latest: 0,
    flexible: Some(0),
    request: &[group("group_id"), list("topics", &[topic("topic_name")])],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "responses",
            &[topic("topic_name"), uuid("topic_id"), int16("error_code"), string("error_message")],
        ),
    ],
};
