//! Who somebody is: SASL, delegation tokens, SCRAM credentials.

use super::{Api, Kind, each, int8, int16, int32, int64, list, secret, string};

/// SaslHandshake.
pub static SASL_HANDSHAKE: Api = Api {
    key: 17,
    name: "SaslHandshake",
    latest: 1,
    flexible: None,
    request: &[string("mechanism")],
    response: &[int16("error_code"), each("mechanisms", &Kind::Text)],
};

/// SaslAuthenticate.
pub static SASL_AUTHENTICATE: Api = Api {
    key: 36,
    name: "SaslAuthenticate",
    latest: 2,
    flexible: Some(2),
    request: &[secret("auth_bytes")],
    response: &[
        int16("error_code"),
        string("error_message"),
        secret("auth_bytes"),
        int64("session_lifetime_ms").since(1),
    ],
};

/// CreateDelegationToken.
pub static CREATE_DELEGATION_TOKEN: Api = Api {
    key: 38,
    name: "CreateDelegationToken",
    latest: 3,
    flexible: Some(2),
    request: &[
        string("owner_principal_type").since(3),
        string("owner_principal_name").since(3),
        list("renewers", &[string("principal_type"), string("principal_name")]),
        int64("max_lifetime_ms"),
    ],
    response: &[
        int16("error_code"),
        string("principal_type"),
        string("principal_name"),
        string("token_requester_principal_type").since(3),
        string("token_requester_principal_name").since(3),
        int64("issue_timestamp_ms"),
        int64("expiry_timestamp_ms"),
        int64("max_timestamp_ms"),
        string("token_id"),
        secret("hmac"),
        int32("throttle_time_ms"),
    ],
};

/// RenewDelegationToken.
pub static RENEW_DELEGATION_TOKEN: Api = Api {
    key: 39,
    name: "RenewDelegationToken",
    latest: 2,
    flexible: Some(2),
    request: &[secret("hmac"), int64("renew_period_ms")],
    response: &[int16("error_code"), int64("expiry_timestamp_ms"), int32("throttle_time_ms")],
};

/// ExpireDelegationToken.
pub static EXPIRE_DELEGATION_TOKEN: Api = Api {
    key: 40,
    name: "ExpireDelegationToken",
    latest: 2,
    flexible: Some(2),
    request: &[secret("hmac"), int64("expiry_time_period_ms")],
    response: &[int16("error_code"), int64("expiry_timestamp_ms"), int32("throttle_time_ms")],
};

/// DescribeDelegationToken.
pub static DESCRIBE_DELEGATION_TOKEN: Api = Api {
    key: 41,
    name: "DescribeDelegationToken",
    latest: 3,
    flexible: Some(2),
    request: &[list("owners", &[string("principal_type"), string("principal_name")])],
    response: &[
        int16("error_code"),
        list(
            "tokens",
            &[
                string("principal_type"),
                string("principal_name"),
                string("token_requester_principal_type").since(3),
                string("token_requester_principal_name").since(3),
                int64("issue_timestamp"),
                int64("expiry_timestamp"),
                int64("max_timestamp"),
                string("token_id"),
                secret("hmac"),
                list("renewers", &[string("principal_type"), string("principal_name")]),
            ],
        ),
        int32("throttle_time_ms"),
    ],
};

/// DescribeUserScramCredentials.
pub static DESCRIBE_USER_SCRAM_CREDENTIALS: Api = Api {
    key: 50,
    name: "DescribeUserScramCredentials",
    latest: 0,
    flexible: Some(0),
    request: &[list("users", &[string("name")])],
    response: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        string("error_message"),
        list(
            "results",
            &[
                string("user"),
                int16("error_code"),
                string("error_message"),
                list("credential_infos", &[int8("mechanism"), int32("iterations")]),
            ],
        ),
    ],
};

/// AlterUserScramCredentials.
pub static ALTER_USER_SCRAM_CREDENTIALS: Api = Api {
    key: 51,
    name: "AlterUserScramCredentials",
    latest: 0,
    flexible: Some(0),
    request: &[
        list("deletions", &[string("name"), int8("mechanism")]),
        list(
            "upsertions",
            &[
                string("name"),
                int8("mechanism"),
                int32("iterations"),
                secret("salt"),
                secret("salted_password"),
            ],
        ),
    ],
    response: &[
        int32("throttle_time_ms"),
        list("results", &[string("user"), int16("error_code"), string("error_message")]),
    ],
};
