//! Access control.

use super::{Api, int8, int16, int32, list, string};

/// DescribeAcls.
pub static DESCRIBE_ACLS: Api = Api {
    key: 29,
    name: "DescribeAcls",
    latest: 3,
    flexible: Some(2),
    request: &[
        int8("resource_type_filter"),
        string("resource_name_filter"),
        int8("pattern_type_filter").since(1),
        string("principal_filter"),
        string("host_filter"),
        int8("operation"),
        int8("permission_type"),
    ],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "resources",
            &[
                int8("resource_type"),
                string("resource_name"),
                int8("pattern_type").since(1),
                list(
                    "acls",
                    &[
                        string("principal"),
                        string("host"),
                        int8("operation"),
                        int8("permission_type"),
                    ],
                ),
            ],
        ),
    ],
};

/// CreateAcls.
pub static CREATE_ACLS: Api = Api {
    key: 30,
    name: "CreateAcls",
    latest: 3,
    flexible: Some(2),
    request: &[list(
        "creations",
        &[
            int8("resource_type"),
            string("resource_name"),
            int8("resource_pattern_type").since(1),
            string("principal"),
            string("host"),
            int8("operation"),
            int8("permission_type"),
        ],
    )],
    response: &[
        int32("throttle_time_ms"),
        list("results", &[int16("error_code"), string("error_message")]),
    ],
};

/// DeleteAcls.
pub static DELETE_ACLS: Api = Api {
    key: 31,
    name: "DeleteAcls",
    latest: 3,
    flexible: Some(2),
    request: &[list(
        "filters",
        &[
            int8("resource_type_filter"),
            string("resource_name_filter"),
            int8("pattern_type_filter").since(1),
            string("principal_filter"),
            string("host_filter"),
            int8("operation"),
            int8("permission_type"),
        ],
    )],
    response: &[
        int32("throttle_time_ms"),
        list(
            "filter_results",
            &[
                int16("error_code"),
                string("error_message"),
                list(
                    "matching_acls",
                    &[
                        int16("error_code"),
                        string("error_message"),
                        int8("resource_type"),
                        string("resource_name"),
                        int8("pattern_type").since(1),
                        string("principal"),
                        string("host"),
                        int8("operation"),
                        int8("permission_type"),
                    ],
                ),
            ],
        ),
    ],
};
