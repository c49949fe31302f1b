//! Every variable, function and example of Kubeshark's filter language (KFL2), on made-up records.

mod common;

use common::{Made, columns, compile, holds};
use filter::{Columns, Condition, ProtocolTable, Value};

/// All variables of its reference.
const VARIABLES: &str = "src.ip dst.ip src.port dst.port protocol src.pod.name dst.pod.name \
    src.pod.namespace dst.pod.namespace src.service.name dst.service.name src.service.namespace \
    dst.service.namespace namespaces pods services node_name node_ip node.name node.ip local_node_name \
    remote_node_name local_labels local_annotations remote_labels remote_annotations \
    local_process_name remote_process_name src.dns dst.dns dns_resolutions local_resolution_status \
    remote_resolution_status http dns tls tcp udp sctp icmp radius diameter redis kafka amqp ldap ws \
    gql gqlv1 gqlv2 grpc mysql postgresql conn flow tcp_conn udp_conn tcp_flow udp_flow id node_id \
    index stream timestamp elapsed_time worker conn_id flow_id has_pcap capture_source \
    capture_backend capture_source_code capture.source capture.backend method url path status_code \
    http_version query_string request.headers response.headers request.cookies response.cookies \
    request_headers_size request_body_size response_headers_size response_body_size grpc_method \
    grpc_status mysql_command mysql_query mysql_database mysql_statement_id mysql_request_size \
    mysql_response_size mysql_total_size mysql_success mysql_error_code mysql_error_message \
    postgresql_command postgresql_query postgresql_database postgresql_user postgresql_request_size \
    postgresql_response_size postgresql_total_size postgresql_success postgresql_error_code \
    postgresql_error_message dns_questions dns_answers dns_question_types dns_request dns_response \
    dns_request_length dns_response_length dns_total_size tls_summary tls_info tls_request_size \
    tls_response_size tls_total_size tcp_method tcp_payload tcp_error_type tcp_error_message \
    udp_length udp_checksum udp_payload sctp_checksum sctp_chunk_type sctp_length icmp_type \
    icmp_version icmp_length ws_opcode ws_request ws_response ws_request_payload_data \
    ws_request_payload_length ws_response_payload_length redis_type redis_command redis_key \
    redis_request_size redis_response_size redis_total_size kafka_api_key kafka_api_key_name \
    kafka_client_id kafka_size kafka_request kafka_response kafka_request_summary \
    kafka_request_size kafka_response_size amqp_method amqp_summary amqp_request amqp_response \
    amqp_request_length amqp_response_length amqp_total_size ldap_type ldap_summary ldap_request \
    ldap_response ldap_request_length ldap_response_length ldap_total_size radius_code \
    radius_code_name radius_request radius_response radius_request_authenticator \
    radius_request_length radius_response_length radius_total_size diameter_method diameter_summary \
    diameter_request diameter_response diameter_request_length diameter_response_length \
    diameter_total_size conn_state conn_local_pkts conn_local_bytes conn_remote_pkts \
    conn_remote_bytes conn_l7_detected conn_group_id flow_state flow_local_pkts flow_local_bytes \
    flow_remote_pkts flow_remote_bytes flow_local_pps flow_local_bps flow_remote_pps flow_remote_bps \
    flow_l7_detected flow_group_id";

#[test]
fn every_variable_is_known_and_can_be_asked_of_anything() {
    let records = [Made::default(), Made::of("http"), Made::of("dns"), Made::of("kafka")];
    for name in VARIABLES.split_whitespace() {
        for text in [format!("has({name})"), format!("{name} == null")] {
            let condition = compile(&text).unwrap_or_else(|fault| panic!("{}", fault.show(&text)));
            for record in &records {
                let _ = condition.holds(record);
            }
        }
    }
}

#[test]
fn every_alias_means_something() {
    for alias in columns().aliases() {
        let text = format!("has({})", alias.name);
        compile(&text).unwrap_or_else(|fault| panic!("{}: {}", alias.meaning, fault.show(&text)));
        assert!(!alias.about.is_empty(), "{}", alias.name);
    }
}

#[test]
fn every_alias_means_something_whatever_protocols_there_are() {
    let bare = |name| ProtocolTable { name, about: "", fields: &[], over: None, also_alone: true };
    for tables in
        [vec![], vec![bare("http"), bare("dns"), bare("redis"), bare("grpc"), bare("tls")]]
    {
        let columns = Columns::new(&tables);
        for alias in columns.aliases() {
            let text = format!("has({})", alias.name);
            if let Err(fault) = Condition::compile(&text, &columns, common::NOW) {
                panic!("{}: {}", alias.meaning, fault.show(&text));
            }
        }
    }
}

fn web() -> Made {
    Made::of("http")
        .set("version", "1.1".to_owned())
        .set("transport", "tcp".to_owned())
        .set("method", "POST".to_owned())
        .set("endpoint", "/api/v1/users".to_owned())
        .set("url.path", "/api/v1/users".to_owned())
        .set("url.query", "id=123".to_owned())
        .set("status.number", 503_i64)
        .set("status.code", "503".to_owned())
        .set("status.result", "error".to_owned())
        .set("time", Value::Time(1_773_527_390_000_000_000))
        .set("duration", Value::Duration(6_000_000_000))
        .set("src.ip", Value::Ip("192.168.1.1".parse().unwrap()))
        .set("dst.ip", Value::Ip("10.0.0.1".parse().unwrap()))
        .set("src.port", 43_210_i64)
        .set("dst.port", 8_080_i64)
        .set("src.pod", "web-server-123".to_owned())
        .set("src.service", "api-gateway".to_owned())
        .set("src.namespace", "production".to_owned())
        .set("dst.service", "user-service".to_owned())
        .set("dst.namespace", "production".to_owned())
        .set("dst.name", "user-service".to_owned())
        .set("src.process.name", "nginx".to_owned())
        .map("src.labels", &[("app", "payments"), ("tier", "web")])
        .map("dst.labels", &[("app", "checkout"), ("version", "canary")])
        .map("request.headers", &[("Content-Type", "application/json"), ("Authorization", "x")])
        .list("url.query.parameter", &["id=123"])
        .map("request.cookies", &[("session", "abc")])
        .set("response.size", 2_000_100_i64)
        .set("response.header_size", 100_i64)
        .set("response.body.size", 2_000_000_i64)
}

fn dns() -> Made {
    Made::of("dns")
        .set("transport", "udp".to_owned())
        .set("dns.question.name", "google.com".to_owned())
        .set("dns.question.type", "A".to_owned())
        .set("dns.response.code", 3_i64)
        .set("status.code", "NXDOMAIN".to_owned())
        .set("request.size", 40_i64)
        .set("response.size", 60_i64)
        .list("dns.answers", &["google.com 60 IN A 1.2.3.4"])
}

fn grpc() -> Made {
    Made::of("grpc")
        .set("method", "SayHello".to_owned())
        .set("status.code", "5".to_owned())
        .set("status.number", 5_i64)
        .list("rpc.method", &["SayHello"])
        .set("rpc.grpc.status_code", 5_i64)
        .set("http.request.method", "POST".to_owned())
        .set("http.response.status_code", 200_i64)
}

fn outside() -> Made {
    Made::of("tls")
        .set("dst.name", "db.example.com".to_owned())
        .list("dst.evidence", &["dns"])
        .set("missing.why", "reset".to_owned())
        .set("transport", "tcp".to_owned())
        .set("tls.decrypted_by", "openssl".to_owned())
}

#[test]
fn its_examples_hold_where_they_should() {
    let redis = Made::of("redis")
        .set("method", "GET".to_owned())
        .set("redis.key", "session:1234".to_owned());
    let kafka = Made::of("kafka")
        .set("method", "Produce".to_owned())
        .set("endpoint", "orders".to_owned())
        .set("request.size", 20_000_i64);
    let amqp = Made::of("amqp").set("method", "basic.publish".to_owned());
    let mysql = Made::of("mysql")
        .set("mysql.command", "QUERY".to_owned())
        .set("db.namespace", "orders".to_owned())
        .set("status.result", "error".to_owned());
    let postgresql = Made::of("postgresql")
        .list("postgresql.messages", &["Query"])
        .set("db.response.status_code", "42P01".to_owned())
        .set("postgresql.user", "app_service".to_owned());
    let gql = Made::of("graphql").set("http.response.status_code", 400_i64);
    let examples: &[(&Made, &[&str])] = &[
        (&web(), WEB),
        (&dns(), DNS),
        (&grpc(), GRPC),
        (&outside(), OUTSIDE),
        (
            &redis,
            &[r#"redis && redis_type == "GET""#, r#"redis && redis_key.startsWith("session:")"#],
        ),
        (
            &kafka,
            &[
                r#"kafka && kafka_api_key_name == "PRODUCE""#,
                r#"kafka && kafka_request_summary.contains("orders")"#,
                "kafka && kafka_size > 10000",
            ],
        ),
        (&amqp, &[r#"amqp && amqp_method == "basic.publish""#, "!http"]),
        (
            &mysql,
            &[
                r#"mysql && mysql_command == "COM_QUERY""#,
                r#"mysql && mysql_database == "orders""#,
                "mysql && !mysql_success",
            ],
        ),
        (
            &postgresql,
            &[
                r#"postgresql && postgresql_command == "Query""#,
                r#"postgresql && postgresql_error_code != """#,
                r#"postgresql && postgresql_user == "app_service""#,
            ],
        ),
        (&gql, &["gql && status_code >= 400"]),
    ];
    for (record, texts) in examples {
        for text in *texts {
            assert!(holds(text, record), "{text}");
        }
    }
}

const WEB: &[&str] = &[
    r#"http && method == "POST" && status_code >= 400"#,
    r#"dst.pod.namespace == "production""#,
    "http && response_body_size > 10000",
    "http && elapsed_time > 5000000",
    r#"timestamp > now() - duration("5m")"#,
    r#"map_get(local_labels, "app", "") == "checkout""#,
    r#"map_get(remote_labels, "version", "") == "canary""#,
    r#""tier" in local_labels"#,
    r#"dst.port == 80 || dst.port == 443 || dst.port == 8080"#,
    r#"src.ip.startsWith("192.168.")"#,
    "dst.port >= 8000 && dst.port <= 9000",
    r#"src.pod.name == "web-server-123""#,
    r#"src.service.name == "api-gateway" && dst.service.name == "user-service""#,
    r#"dst.pod.name == "user-service""#,
    r#""production" in namespaces"#,
    r#""user-service" in services && "web-server-123" in pods"#,
    r#"map_get(local_labels, "app", "") == "payments""#,
    r#"local_process_name == "nginx""#,
    r#"http && url.contains("/api")"#,
    r#"url == "/api/v1/users?id=123" && path == "/api/v1/users""#,
    "http && status_code >= 500",
    r#"http && "authorization" in request.headers"#,
    r#"http && request.headers["content-type"] == "application/json""#,
    r#"http && url.matches(".*/api/v[0-9]+/.*")"#,
    r#"http && method == "POST" && status_code >= 500 && path.contains("/api")"#,
    r#"query_string["id"] == "123" && request.cookies["session"] == "abc""#,
    r#"http_version == "HTTP/1.1" && response_headers_size == 100"#,
    "http && status_code != 200",
    r#"http && !path.contains("/health")"#,
    r#"!(src.pod.namespace == "kube-system")"#,
    r#"timestamp > timestamp("2026-03-14T22:00:00Z")"#,
    r#"timestamp >= timestamp("2026-03-14T22:00:00Z") && timestamp <= timestamp("2026-03-14T23:00:00Z")"#,
    r#"src.ip.startsWith("192.168.") && http && method == "POST" && url.contains("/api")"#,
    r#"http && status_code >= 500 || (tcp && tcp_error_type != "")"#,
    r#"src.pod.namespace == "production" && http && status_code >= 400"#,
    r#"capture_source == "af_packet" && capture["backend"] == "af_packet""#,
    "!conn && !flow && !tcp_flow && !icmp",
    r#"protocol == "HTTP" && "HTTP" in conn_l7_detected"#,
];

const DNS: &[&str] = &[
    "dns && dns_request",
    r#"dns && "google.com" in dns_questions"#,
    "dns && dns_response && status_code != 0",
    r#"dns && "A" in dns_question_types"#,
    "dns && dns_response && size(dns_answers) > 0",
    r#""google.com" in dns_answers && dns_total_size == 100"#,
    "udp && rcode == 3",
];

const GRPC: &[&str] = &[
    "grpc",
    r#"grpc && grpc_method == "SayHello""#,
    "grpc && grpc_status != 0",
    "grpc && grpc_status == 5",
    r#"grpc && method == "POST" && status_code == 200"#,
];

const OUTSIDE: &[&str] = &[
    r#"dst.dns == "db.example.com""#,
    r#"src.dns.contains("example.com") || dst.dns.contains("example.com")"#,
    r#""db.example.com" in dns_resolutions"#,
    r#"dst.dns != "" && !dst.dns.endsWith(".internal")"#,
    r#"tcp && tcp_error_type != """#,
    r#"capture_source == "ebpf_tls""#,
];

#[test]
fn its_examples_do_not_hold_where_they_should_not() {
    for text in [
        r#"src.service.namespace != dst.service.namespace"#,
        r#"http && status_code >= 400 && status_code < 500"#,
        "http && response_body_size > 3000000",
        r#"dst.dns != "" && !dst.dns.endsWith(".internal")"#,
        r#"conn && conn_state == "open" && conn_local_bytes > 1000000"#,
        r#"tcp_conn && "HTTP" in conn_l7_detected"#,
        "flow && flow_local_pps > 1000",
        "tcp_flow && flow_local_bps > 5000000",
        r#"ldap && ldap_type == "bind""#,
        r#"radius && radius_code_name == "Access-Request""#,
        r#"redis && redis_type == "GET""#,
        r#"tcp && tcp_error_type != """#,
        "gql && status_code >= 400",
    ] {
        assert!(!holds(text, &web()), "{text}");
    }
    assert!(!holds("grpc && grpc_status != 0", &Made::of("grpc")));
    assert!(!holds("dns && dns_response && status_code != 0", &Made::of("dns")));
}
