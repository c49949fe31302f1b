//! The quorum of controllers.

use super::{
    Api, Kind, bool, each, int16, int32, int64, list, records, string, structure, topic, uint16,
    uuid,
};

/// Vote.
pub static VOTE: Api = Api {
    key: 52,
    name: "Vote",
    latest: 2,
    flexible: Some(0),
    request: &[
        string("cluster_id"),
        int32("voter_id").since(1),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int32("replica_epoch"),
                        int32("replica_id"),
                        uuid("replica_directory_id").since(1),
                        uuid("voter_directory_id").since(1),
                        int32("last_offset_epoch"),
                        int64("last_offset"),
                        bool("pre_vote").since(2),
                    ],
                ),
            ],
        ),
    ],
    response: &[
        int16("error_code"),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                        bool("vote_granted"),
                    ],
                ),
            ],
        ),
        list("node_endpoints", &[int32("node_id"), string("host"), uint16("port")])
            .since(1)
            .tagged(0),
    ],
};

/// BeginQuorumEpoch.
pub static BEGIN_QUORUM_EPOCH: Api = Api {
    key: 53,
    name: "BeginQuorumEpoch",
    latest: 1,
    flexible: Some(1),
    request: &[
        string("cluster_id"),
        int32("voter_id").since(1),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        uuid("voter_directory_id").since(1),
                        int32("leader_id"),
                        int32("leader_epoch"),
                    ],
                ),
            ],
        ),
        list("leader_endpoints", &[string("name"), string("host"), uint16("port")]).since(1),
    ],
    response: &[
        int16("error_code"),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                    ],
                ),
            ],
        ),
        list(
            "node_endpoints",
            &[int32("node_id").since(1), string("host").since(1), uint16("port").since(1)],
        )
        .tagged(0),
    ],
};

/// EndQuorumEpoch.
pub static END_QUORUM_EPOCH: Api = Api {
    key: 54,
    name: "EndQuorumEpoch",
    latest: 1,
    flexible: Some(1),
    request: &[
        string("cluster_id"),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                        each("preferred_successors", &Kind::Int32).until(0),
                        list(
                            "preferred_candidates",
                            &[int32("candidate_id"), uuid("candidate_directory_id")],
                        )
                        .since(1),
                    ],
                ),
            ],
        ),
        list("leader_endpoints", &[string("name"), string("host"), uint16("port")]).since(1),
    ],
    response: &[
        int16("error_code"),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int32("leader_id"),
                        int32("leader_epoch"),
                    ],
                ),
            ],
        ),
        list(
            "node_endpoints",
            &[int32("node_id").since(1), string("host").since(1), uint16("port").since(1)],
        )
        .tagged(0),
    ],
};

/// DescribeQuorum.
pub static DESCRIBE_QUORUM: Api = Api {
    key: 55,
    name: "DescribeQuorum",
    latest: 2,
    flexible: Some(0),
    request: &[list(
        "topics",
        &[topic("topic_name"), list("partitions", &[int32("partition_index")])],
    )],
    response: &[
        int16("error_code"),
        string("error_message").since(2),
        list(
            "topics",
            &[
                topic("topic_name"),
                list(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        string("error_message").since(2),
                        int32("leader_id"),
                        int32("leader_epoch"),
                        int64("high_watermark"),
                        list(
                            "current_voters",
                            &[
                                int32("replica_id"),
                                uuid("replica_directory_id").since(2),
                                int64("log_end_offset"),
                                int64("last_fetch_timestamp").since(1),
                                int64("last_caught_up_timestamp").since(1),
                            ],
                        ),
                        list(
                            "observers",
                            &[
                                int32("replica_id"),
                                uuid("replica_directory_id").since(2),
                                int64("log_end_offset"),
                                int64("last_fetch_timestamp").since(1),
                                int64("last_caught_up_timestamp").since(1),
                            ],
                        ),
                    ],
                ),
            ],
        ),
        list(
            "nodes",
            &[
                int32("node_id"),
                list("listeners", &[string("name"), string("host"), uint16("port")]),
            ],
        )
        .since(2),
    ],
};

/// FetchSnapshot.
pub static FETCH_SNAPSHOT: Api = Api {
    key: 59,
    name: "FetchSnapshot",
    latest: 1,
    flexible: Some(0),
    request: &[
        int32("replica_id"),
        int32("max_bytes"),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("partition"),
                        int32("current_leader_epoch"),
                        structure("snapshot_id", &[int64("end_offset"), int32("epoch")]),
                        int64("position"),
                        uuid("replica_directory_id").since(1).tagged(0),
                    ],
                ),
            ],
        ),
        string("cluster_id").tagged(0),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        list(
            "topics",
            &[
                topic("name"),
                list(
                    "partitions",
                    &[
                        int32("index"),
                        int16("error_code"),
                        structure("snapshot_id", &[int64("end_offset"), int32("epoch")]),
                        int64("size"),
                        int64("position"),
                        records("unaligned_records"),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")])
                            .tagged(0),
                    ],
                ),
            ],
        ),
        list("node_endpoints", &[int32("node_id"), string("host"), uint16("port")])
            .since(1)
            .tagged(0),
    ],
};

/// AddRaftVoter.
pub static ADD_RAFT_VOTER: Api = Api {
    key: 80,
    name: "AddRaftVoter",
    latest: 0,
    flexible: Some(0),
    request: &[
        string("cluster_id"),
        int32("timeout_ms"),
        int32("voter_id"),
        uuid("voter_directory_id"),
        list("listeners", &[string("name"), string("host"), uint16("port")]),
    ],
    response: &[int32("throttle_time_ms"), int16("error_code"), string("error_message")],
};

/// RemoveRaftVoter.
pub static REMOVE_RAFT_VOTER: Api = Api {
    key: 81,
    name: "RemoveRaftVoter",
    latest: 0,
    flexible: Some(0),
    request: &[string("cluster_id"), int32("voter_id"), uuid("voter_directory_id")],
    response: &[int32("throttle_time_ms"), int16("error_code"), string("error_message")],
};

/// UpdateRaftVoter.
pub static UPDATE_RAFT_VOTER: Api = Api {
    key: 82,
    name: "UpdateRaftVoter",
    latest: 0,
    flexible: Some(0),
    request: &[
        string("cluster_id"),
        int32("current_leader_epoch"),
        int32("voter_id"),
        uuid("voter_directory_id"),
        list("listeners", &[string("name"), string("host"), uint16("port")]),
        structure(
            "k_raft_version_feature",
            &[int16("min_supported_version"), int16("max_supported_version")],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        structure(
            "current_leader",
            &[int32("leader_id"), int32("leader_epoch"), string("host"), int32("port")],
        )
        .tagged(0),
    ],
};
