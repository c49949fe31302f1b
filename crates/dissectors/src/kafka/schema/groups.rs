//! Groups of consumers: joining, staying, leaving.

use super::{Api, Kind, bool, bytes, each, group, int8, int16, int32, list, maybe, string, uuid};

/// FindCoordinator.
pub static FIND_COORDINATOR: Api = Api {
    key: 10,
    name: "FindCoordinator",
    latest: 6,
    flexible: Some(3),
    request: &[
        string("key").until(3),
        int8("key_type").since(1),
        each("coordinator_keys", &Kind::Text).since(4),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        int16("error_code").until(3),
        string("error_message").since(1).until(3),
        int32("node_id").until(3),
        string("host").until(3),
        int32("port").until(3),
        list(
            "coordinators",
            &[
                string("key"),
                int32("node_id"),
                string("host"),
                int32("port"),
                int16("error_code"),
                string("error_message"),
            ],
        )
        .since(4),
    ],
};

/// JoinGroup.
pub static JOIN_GROUP: Api = Api {
    key: 11,
    name: "JoinGroup",
    latest: 9,
    flexible: Some(6),
    request: &[
        group("group_id"),
        int32("session_timeout_ms"),
        int32("rebalance_timeout_ms").since(1),
        string("member_id"),
        string("group_instance_id").since(5),
        string("protocol_type"),
        list("protocols", &[string("name"), bytes("metadata")]),
        string("reason").since(8),
    ],
    response: &[
        int32("throttle_time_ms").since(2),
        int16("error_code"),
        int32("generation_id"),
        string("protocol_type").since(7),
        string("protocol_name"),
        string("leader"),
        bool("skip_assignment").since(9),
        string("member_id"),
        list(
            "members",
            &[string("member_id"), string("group_instance_id").since(5), bytes("metadata")],
        ),
    ],
};

/// Heartbeat.
pub static HEARTBEAT: Api = Api {
    key: 12,
    name: "Heartbeat",
    latest: 4,
    flexible: Some(4),
    request: &[
        group("group_id"),
        int32("generation_id"),
        string("member_id"),
        string("group_instance_id").since(3),
    ],
    response: &[int32("throttle_time_ms").since(1), int16("error_code")],
};

/// LeaveGroup.
pub static LEAVE_GROUP: Api = Api {
    key: 13,
    name: "LeaveGroup",
    latest: 5,
    flexible: Some(4),
    request: &[
        group("group_id"),
        string("member_id").until(2),
        list(
            "members",
            &[string("member_id"), string("group_instance_id"), string("reason").since(5)],
        )
        .since(3),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        list("members", &[string("member_id"), string("group_instance_id"), int16("error_code")])
            .since(3),
    ],
};

/// SyncGroup.
pub static SYNC_GROUP: Api = Api {
    key: 14,
    name: "SyncGroup",
    latest: 5,
    flexible: Some(4),
    request: &[
        group("group_id"),
        int32("generation_id"),
        string("member_id"),
        string("group_instance_id").since(3),
        string("protocol_type").since(5),
        string("protocol_name").since(5),
        list("assignments", &[string("member_id"), bytes("assignment")]),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        string("protocol_type").since(5),
        string("protocol_name").since(5),
        bytes("assignment"),
    ],
};

/// ConsumerGroupHeartbeat.
pub static CONSUMER_GROUP_HEARTBEAT: Api = Api {
    key: 68,
    name: "ConsumerGroupHeartbeat",
    latest: 1,
    flexible: Some(0),
    request: &[
        group("group_id"),
        string("member_id"),
        int32("member_epoch"),
        string("instance_id"),
        string("rack_id"),
        int32("rebalance_timeout_ms"),
        each("subscribed_topic_names", &Kind::Topic),
        string("subscribed_topic_regex").since(1),
        string("server_assignor"),
        list("topic_partitions", &[uuid("topic_id"), each("partitions", &Kind::Int32)]),
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
