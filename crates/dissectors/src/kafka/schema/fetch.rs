//! Fetch: records of a topic.

use super::{
    Api, Kind, each, int8, int16, int32, int64, list, records, string, structure, topic, uuid,
};

/// Fetch.
pub static FETCH: Api = Api {
    key: 1,
    name: "Fetch",
    latest: 18,
    flexible: Some(12),
    request: &[
        string("cluster_id").since(12).tagged(0),
        int32("replica_id").until(14),
        structure("replica_state", &[int32("replica_id"), int64("replica_epoch")])
            .since(15)
            .tagged(1),
        int32("max_wait_ms"),
        int32("min_bytes"),
        int32("max_bytes").since(3),
        int8("isolation_level").since(4),
        int32("session_id").since(7),
        int32("session_epoch").since(7),
        list(
            "topics",
            &[
                topic("topic").until(12),
                uuid("topic_id").since(13),
                list(
                    "partitions",
                    &[
                        int32("partition"),
                        int32("current_leader_epoch").since(9),
                        int64("fetch_offset"),
                        int32("last_fetched_epoch").since(12),
                        int64("log_start_offset").since(5),
                        int32("partition_max_bytes"),
                        uuid("replica_directory_id").since(17).tagged(0),
                        int64("high_watermark").since(18).tagged(1),
                    ],
                ),
            ],
        ),
        list(
            "forgotten_topics_data",
            &[
                topic("topic").until(12),
                uuid("topic_id").since(13),
                each("partitions", &Kind::Int32),
            ],
        )
        .since(7),
        string("rack_id").since(11),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        int16("error_code").since(7),
        int32("session_id").since(7),
        list(
            "responses",
            &[
                topic("topic").until(12),
                uuid("topic_id").since(13),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int64("high_watermark"),
                        int64("last_stable_offset").since(4),
                        int64("log_start_offset").since(5),
                        structure("diverging_epoch", &[int32("epoch"), int64("end_offset")])
                            .since(12)
                            .tagged(0),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")])
                            .since(12)
                            .tagged(1),
                        structure("snapshot_id", &[int64("end_offset"), int32("epoch")])
                            .since(12)
                            .tagged(2),
                        list(
                            "aborted_transactions",
                            &[int64("producer_id"), int64("first_offset")],
                        )
                        .since(4),
                        int32("preferred_read_replica").since(11),
                        records("records"),
                    ],
                ),
            ],
        ),
        list("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")])
            .since(16)
            .tagged(0),
    ],
};
