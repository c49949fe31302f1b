//! Produce: records to a topic.

use super::{Api, int16, int32, int64, list, records, string, structure, topic, transaction, uuid};

/// Produce.
pub static PRODUCE: Api = Api {
    key: 0,
    name: "Produce",
    latest: 13,
    flexible: Some(9),
    request: &[
        transaction("transactional_id").since(3),
        int16("acks"),
        int32("timeout_ms"),
        list(
            "topic_data",
            &[
                topic("name").until(12),
                uuid("topic_id").since(13),
                list("partition_data", &[int32("index"), records("records")]),
            ],
        ),
    ],
    response: &[
        list(
            "responses",
            &[
                topic("name").until(12),
                uuid("topic_id").since(13),
                list(
                    "partition_responses",
                    &[
                        int32("index"),
                        int16("error_code"),
                        int64("base_offset"),
                        int64("log_append_time_ms").since(2),
                        int64("log_start_offset").since(5),
                        list(
                            "record_errors",
                            &[int32("batch_index"), string("batch_index_error_message")],
                        )
                        .since(8),
                        string("error_message").since(8),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")])
                            .since(10)
                            .tagged(0),
                    ],
                ),
            ],
        ),
        int32("throttle_time_ms").since(1),
        list("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")])
            .since(10)
            .tagged(0),
    ],
};
