//! Brokers and their controller.

use super::{
    Api, Kind, bool, bytes, each, int8, int16, int32, int64, list, secret, string, uint16, uuid,
};

/// UpdateFeatures.
pub static UPDATE_FEATURES: Api = Api {
    key: 57,
    name: "UpdateFeatures",
    latest: 2,
    flexible: Some(0),
    request: &[
        int32("timeout_ms"),
        list(
            "feature_updates",
            &[
                string("feature"),
                int16("max_version_level"),
                bool("allow_downgrade").until(0),
                int8("upgrade_type").since(1),
            ],
        ),
        bool("validate_only").since(1),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list("results", &[string("feature"), int16("error_code"), string("error_message")])
            .until(1),
    ],
};

/// Envelope.
pub static ENVELOPE: Api = Api {
    key: 58,
    name: "Envelope",
    latest: 0,
    flexible: Some(0),
    request: &[secret("request_data"), secret("request_principal"), bytes("client_host_address")],
    response: &[secret("response_data"), int16("error_code")],
};

/// BrokerRegistration.
pub static BROKER_REGISTRATION: Api = Api {
    key: 62,
    name: "BrokerRegistration",
    latest: 4,
    flexible: Some(0),
    request: &[
        int32("broker_id"),
        string("cluster_id"),
        uuid("incarnation_id"),
        list(
            "listeners",
            &[string("name"), string("host"), uint16("port"), int16("security_protocol")],
        ),
        list(
            "features",
            &[string("name"), int16("min_supported_version"), int16("max_supported_version")],
        ),
        string("rack"),
        bool("is_migrating_zk_broker").since(1),
        each("log_dirs", &Kind::Uuid).since(2),
        int64("previous_broker_epoch").since(3),
    ],
    response: &[int32("throttle_time_ms"), int16("error_code"), int64("broker_epoch")],
};

/// BrokerHeartbeat.
pub static BROKER_HEARTBEAT: Api = Api {
    key: 63,
    name: "BrokerHeartbeat",
    latest: 1,
    flexible: Some(0),
    request: &[
        int32("broker_id"),
        int64("broker_epoch"),
        int64("current_metadata_offset"),
        bool("want_fence"),
        bool("want_shut_down"),
        each("offline_log_dirs", &Kind::Uuid).since(1).tagged(0),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        bool("is_caught_up"),
        bool("is_fenced"),
        bool("should_shut_down"),
    ],
};

/// UnregisterBroker.
pub static UNREGISTER_BROKER: Api = Api {
    key: 64,
    name: "UnregisterBroker",
    latest: 0,
    flexible: Some(0),
    request: &[int32("broker_id")],
    response: &[int32("throttle_time_ms"), int16("error_code"), string("error_message")],
};

/// ControllerRegistration.
pub static CONTROLLER_REGISTRATION: Api = Api {
    key: 70,
    name: "ControllerRegistration",
    latest: 0,
    flexible: Some(0),
    request: &[
        int32("controller_id"),
        uuid("incarnation_id"),
        bool("zk_migration_ready"),
        list(
            "listeners",
            &[string("name"), string("host"), uint16("port"), int16("security_protocol")],
        ),
        list(
            "features",
            &[string("name"), int16("min_supported_version"), int16("max_supported_version")],
        ),
    ],
    response: &[int32("throttle_time_ms"), int16("error_code"), string("error_message")],
};
