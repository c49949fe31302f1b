//! Transactions.

use super::{
    Api, Kind, bool, each, group, int8, int16, int32, int64, list, string, topic, transaction,
};

/// InitProducerId.
pub static INIT_PRODUCER_ID: Api = Api {
    key: 22,
    name: "InitProducerId",
    latest: 6,
    flexible: Some(2),
    request: &[
        transaction("transactional_id"),
        int32("transaction_timeout_ms"),
        int64("producer_id").since(3),
        int16("producer_epoch").since(3),
        bool("enable2_pc").since(6),
        bool("keep_prepared_txn").since(6),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        int64("producer_id"),
        int16("producer_epoch"),
        int64("ongoing_txn_producer_id").since(6),
        int16("ongoing_txn_producer_epoch").since(6),
    ],
};

/// AddPartitionsToTxn.
pub static ADD_PARTITIONS_TO_TXN: Api = Api {
    key: 24,
    name: "AddPartitionsToTxn",
    latest: 5,
    flexible: Some(3),
    request: &[
        list(
            "transactions",
            &[
                transaction("transactional_id"),
                int64("producer_id"),
                int16("producer_epoch"),
                bool("verify_only"),
                list("topics", &[topic("name"), each("partitions", &Kind::Int32)]),
            ],
        )
        .since(4),
        transaction("v3_and_below_transactional_id").until(3),
        int64("v3_and_below_producer_id").until(3),
        int16("v3_and_below_producer_epoch").until(3),
        list("v3_and_below_topics", &[topic("name"), each("partitions", &Kind::Int32)]).until(3),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code").since(4),
        list(
            "results_by_transaction",
            &[
                transaction("transactional_id"),
                list(
                    "topic_results",
                    &[
                        topic("name"),
                        list(
                            "results_by_partition",
                            &[int32("partition_index"), int16("partition_error_code")],
                        ),
                    ],
                ),
            ],
        )
        .since(4),
        list(
            "results_by_topic_v3_and_below",
            &[
                topic("name"),
                list(
                    "results_by_partition",
                    &[int32("partition_index"), int16("partition_error_code")],
                ),
            ],
        )
        .until(3),
    ],
};

/// AddOffsetsToTxn.
pub static ADD_OFFSETS_TO_TXN: Api = Api {
    key: 25,
    name: "AddOffsetsToTxn",
    latest: 4,
    flexible: Some(3),
    request: &[
        transaction("transactional_id"),
        int64("producer_id"),
        int16("producer_epoch"),
        group("group_id"),
    ],
    response: &[int32("throttle_time_ms"), int16("error_code")],
};

/// EndTxn.
pub static END_TXN: Api = Api {
    key: 26,
    name: "EndTxn",
    latest: 5,
    flexible: Some(3),
    request: &[
        transaction("transactional_id"),
        int64("producer_id"),
        int16("producer_epoch"),
        bool("committed"),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        int64("producer_id").since(5),
        int16("producer_epoch").since(5),
    ],
};

/// WriteTxnMarkers.
pub static WRITE_TXN_MARKERS: Api = Api {
    key: 27,
    name: "WriteTxnMarkers",
    latest: 2,
    flexible: Some(1),
    request: &[list(
        "markers",
        &[
            int64("producer_id"),
            int16("producer_epoch"),
            bool("transaction_result"),
            list("topics", &[topic("name"), each("partition_indexes", &Kind::Int32)]),
            int32("coordinator_epoch"),
            int8("transaction_version").since(2),
        ],
    )],
    response: &[list(
        "markers",
        &[
            int64("producer_id"),
            list(
                "topics",
                &[
                    topic("name"),
                    list("partitions", &[int32("partition_index"), int16("error_code")]),
                ],
            ),
        ],
    )],
};

/// TxnOffsetCommit.
pub static TXN_OFFSET_COMMIT: Api = Api {
    key: 28,
    name: "TxnOffsetCommit",
    latest: 5,
    flexible: Some(3),
    request: &[
        transaction("transactional_id"),
        group("group_id"),
        int64("producer_id"),
        int16("producer_epoch"),
        int32("generation_id").since(3),
        string("member_id").since(3),
        string("group_instance_id").since(3),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int64("committed_offset"),
                        int32("committed_leader_epoch").since(2),
                        string("committed_metadata"),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "topics",
            &[topic("name"), list("partitions", &[int32("partition_index"), int16("error_code")])],
        ),
    ],
};

/// DescribeProducers.
pub static DESCRIBE_PRODUCERS: Api = Api {
    key: 61,
    name: "DescribeProducers",
    latest: 0,
    flexible: Some(0),
    request: &[list("topics", &[topic("name"), each("partition_indexes", &Kind::Int32)])],
    response: &[
        int32("throttle_time_ms"),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        string("error_message"),
                        list(
                            "active_producers",
                            &[
                                int64("producer_id"),
                                int32("producer_epoch"),
                                int32("last_sequence"),
                                int64("last_timestamp"),
                                int32("coordinator_epoch"),
                                int64("current_txn_start_offset"),
                            ],
                        ),
                    ],
                ),
            ],
        ),
    ],
};

/// DescribeTransactions.
pub static DESCRIBE_TRANSACTIONS: Api = Api {
    key: 65,
    name: "DescribeTransactions",
    latest: 0,
    flexible: Some(0),
    request: &[each("transactional_ids", &Kind::Transaction)],
    response: &[
        int32("throttle_time_ms"),
        list(
            "transaction_states",
            &[
                int16("error_code"),
                transaction("transactional_id"),
                string("transaction_state"),
                int32("transaction_timeout_ms"),
                int64("transaction_start_time_ms"),
                int64("producer_id"),
                int16("producer_epoch"),
                list("topics", &[topic("topic"), each("partitions", &Kind::Int32)]),
            ],
        ),
    ],
};

/// ListTransactions.
pub static LIST_TRANSACTIONS: Api = Api {
    key: 66,
    name: "ListTransactions",
    latest: 2,
    flexible: Some(0),
    request: &[
        each("state_filters", &Kind::Text),
        each("producer_id_filters", &Kind::Int64),
        int64("duration_filter").since(1),
        string("transactional_id_pattern").since(2),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        each("unknown_state_filters", &Kind::Text),
        list(
            "transaction_states",
            &[transaction("transactional_id"), int64("producer_id"), string("transaction_state")],
        ),
    ],
};

/// AllocateProducerIds.
pub static ALLOCATE_PRODUCER_IDS: Api = Api {
    key: 67,
    name: "AllocateProducerIds",
    latest: 0,
    flexible: Some(0),
    request: &[int32("broker_id"), int64("broker_epoch")],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        int64("producer_id_start"),
        int32("producer_id_len"),
    ],
};
