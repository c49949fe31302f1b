//! Groups of consumers: what an administrator asks of them.

use super::{
    Api, Kind, bool, bytes, each, group, int8, int16, int32, list, string, structure, topic, uuid,
};

/// DescribeGroups.
pub static DESCRIBE_GROUPS: Api = Api {
    key: 15,
    name: "DescribeGroups",
    latest: 6,
    flexible: Some(5),
    request: &[each("groups", &Kind::Group), bool("include_authorized_operations").since(3)],
    response: &[
        int32("throttle_time_ms").since(1),
        list(
            "groups",
            &[
                int16("error_code"),
                string("error_message").since(6),
                group("group_id"),
                string("group_state"),
                string("protocol_type"),
                string("protocol_data"),
                list(
                    "members",
                    &[
                        string("member_id"),
                        string("group_instance_id").since(4),
                        string("client_id"),
                        string("client_host"),
                        bytes("member_metadata"),
                        bytes("member_assignment"),
                    ],
                ),
                int32("authorized_operations").since(3),
            ],
        ),
    ],
};

/// ListGroups.
pub static LIST_GROUPS: Api = Api {
    key: 16,
    name: "ListGroups",
    latest: 5,
    flexible: Some(3),
    request: &[
        each("states_filter", &Kind::Text).since(4),
        each("types_filter", &Kind::Text).since(5),
    ],
    response: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        list(
            "groups",
            &[
                group("group_id"),
                string("protocol_type"),
                string("group_state").since(4),
                string("group_type").since(5),
            ],
        ),
    ],
};

/// DeleteGroups.
pub static DELETE_GROUPS: Api = Api {
    key: 42,
    name: "DeleteGroups",
    latest: 2,
    flexible: Some(2),
    request: &[each("groups_names", &Kind::Group)],
    response: &[
        int32("throttle_time_ms"),
        list("results", &[group("group_id"), int16("error_code")]),
    ],
};

/// ConsumerGroupDescribe.
pub static CONSUMER_GROUP_DESCRIBE: Api = Api {
    key: 69,
    name: "ConsumerGroupDescribe",
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
                        string("instance_id"),
                        string("rack_id"),
                        int32("member_epoch"),
                        string("client_id"),
                        string("client_host"),
                        each("subscribed_topic_names", &Kind::Topic),
                        string("subscribed_topic_regex"),
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
                        structure(
                            "target_assignment",
                            &[list(
                                "topic_partitions",
                                &[
                                    uuid("topic_id"),
                                    topic("topic_name"),
                                    each("partitions", &Kind::Int32),
                                ],
                            )],
                        ),
                        int8("member_type").since(1),
                    ],
                ),
                int32("authorized_operations"),
            ],
        ),
    ],
};
