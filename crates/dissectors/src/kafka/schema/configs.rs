//! Configuration of brokers, topics and clients.

use super::{Api, Kind, bool, each, int8, int16, int32, list, setting, string};

/// DescribeConfigs.
pub static DESCRIBE_CONFIGS: Api = Api {
    key: 32,
    name: "DescribeConfigs",
    latest: 4,
    flexible: Some(4),
    request: &[
        list(
            "resources",
            &[
                int8("resource_type"),
                string("resource_name"),
                each("configuration_keys", &Kind::Text),
            ],
        ),
        bool("include_synonyms").since(1),
        bool("include_documentation").since(3),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "results",
            &[
                int16("error_code"),
                string("error_message"),
                int8("resource_type"),
                string("resource_name"),
                list(
                    "configs",
                    &[
                        string("name"),
                        string("value"),
                        bool("read_only"),
                        int8("config_source").since(1),
                        bool("is_default").until(0),
                        bool("is_sensitive"),
                        list("synonyms", &[string("name"), string("value"), int8("source")])
                            .since(1),
                        int8("config_type").since(3),
                        string("documentation").since(3),
                    ],
                ),
            ],
        ),
    ],
};

/// AlterConfigs.
pub static ALTER_CONFIGS: Api = Api {
    key: 33,
    name: "AlterConfigs",
    latest: 2,
    flexible: Some(2),
    request: &[
        list(
            "resources",
            &[
                int8("resource_type"),
                string("resource_name"),
                list("configs", &[string("name"), setting("value")]),
            ],
        ),
        bool("validate_only"),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "responses",
            &[
                int16("error_code"),
                string("error_message"),
                int8("resource_type"),
                string("resource_name"),
            ],
        ),
    ],
};

/// IncrementalAlterConfigs.
pub static INCREMENTAL_ALTER_CONFIGS: Api = Api {
    key: 44,
    name: "IncrementalAlterConfigs",
    latest: 1,
    flexible: Some(1),
    request: &[
        list(
            "resources",
            &[
                int8("resource_type"),
                string("resource_name"),
                list("configs", &[string("name"), int8("config_operation"), setting("value")]),
            ],
        ),
        bool("validate_only"),
    ],
    response: &[
        int32("throttle_time_ms"),
        list(
            "responses",
            &[
                int16("error_code"),
                string("error_message"),
                int8("resource_type"),
                string("resource_name"),
            ],
        ),
    ],
};

/// ListConfigResources.
pub static LIST_CONFIG_RESOURCES: Api = Api {
    key: 74,
    name: "ListConfigResources",
    latest: 1,
    flexible: Some(0),
    request: &[each("resource_types", &Kind::Int8).since(1)],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        list("config_resources", &[string("resource_name"), int8("resource_type").since(1)]),
    ],
};
