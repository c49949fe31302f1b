//! Quotas, and what clients tell of themselves.

use super::{Api, Kind, bool, bytes, each, float64, int8, int16, int32, list, string, uuid};

/// DescribeClientQuotas.
pub static DESCRIBE_CLIENT_QUOTAS: Api = Api {
    key: 48,
    name: "DescribeClientQuotas",
    latest: 1,
    flexible: Some(1),
    request: &[
        list("components", &[string("entity_type"), int8("match_type"), string("match")]),
        bool("strict"),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "entries",
            &[
                list("entity", &[string("entity_type"), string("entity_name")]),
                list("values", &[string("key"), float64("value")]),
            ],
        ),
    ],
};

/// AlterClientQuotas.
pub static ALTER_CLIENT_QUOTAS: Api = Api {
    key: 49,
    name: "AlterClientQuotas",
    latest: 1,
    flexible: Some(1),
    request: &[
        list(
            "entries",
            &[
                list("entity", &[string("entity_type"), string("entity_name")]),
                list("ops", &[string("key"), float64("value"), bool("remove")]),
            ],
        ),
        bool("validate_only"),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "entries",
            &[
                int16("error_code"),
                string("error_message"),
                list("entity", &[string("entity_type"), string("entity_name")]),
            ],
        ),
    ],
};

/// GetTelemetrySubscriptions.
pub static GET_TELEMETRY_SUBSCRIPTIONS: Api = Api {
    key: 71,
    name: "GetTelemetrySubscriptions",
    latest: 0,
    flexible: Some(0),
    request: &[uuid("client_instance_id")],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        uuid("client_instance_id"),
        int32("subscription_id"),
        each("accepted_compression_types", &Kind::Int8),
        int32("push_interval_ms"),
        int32("telemetry_max_bytes"),
        bool("delta_temporality"),
        each("requested_metrics", &Kind::Text),
    ],
};

/// PushTelemetry.
pub static PUSH_TELEMETRY: Api = Api {
    key: 72,
    name: "PushTelemetry",
    latest: 0,
    flexible: Some(0),
    request: &[
        uuid("client_instance_id"),
        int32("subscription_id"),
        bool("terminating"),
        int8("compression_type"),
        bytes("metrics"),
    ],
    response: &[int32("throttle_time_ms"), int16("error_code")],
};
