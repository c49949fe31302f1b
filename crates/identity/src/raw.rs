//! The few fields of Kubernetes' objects that say who had an address, under their own names.
//!
//! Everything may be missing. What is written again ([`crate::Event`] in a log) is these fields alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `null` is as good as absent.
fn null<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

macro_rules! raw {
    ($($(#[$about:meta])* struct $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
            #[serde(rename_all = "camelCase", default)]
            pub(crate) struct $name {
                $(
                    $(#[$attribute])*
                    #[serde(deserialize_with = "null", skip_serializing_if = "is_default")]
                    pub(crate) $field: $type,
                )*
            }
        )*
    };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A number or a name: `targetPort`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum NumberOrName {
    Number(i64),
    Name(String),
}

raw! {
    /// Any object: all kinds' fields, of which a kind fills in its own.
    struct Object {
        kind: String,
        api_version: String,
        metadata: Metadata,
        spec: Spec,
        status: Status,
        // EndpointSlice has them at the top.
        address_type: String,
        endpoints: Vec<Endpoint>,
        ports: Vec<Port>,
    }

    struct Metadata {
        name: String,
        namespace: String,
        uid: String,
        resource_version: String,
        creation_timestamp: String,
        deletion_timestamp: String,
        deletion_grace_period_seconds: i64,
        labels: BTreeMap<String, Option<String>>,
        annotations: BTreeMap<String, Option<String>>,
        owner_references: Vec<OwnerReference>,
        managed_fields: Vec<ManagedFields>,
    }

    struct OwnerReference {
        kind: String,
        name: String,
        uid: String,
        controller: bool,
    }

    struct ManagedFields {
        time: String,
    }

    struct Spec {
        // Pod
        node_name: String,
        host_network: bool,
        service_account_name: String,
        containers: Vec<Container>,
        init_containers: Vec<Container>,
        // Service
        r#type: String,
        selector: serde_json::Value,
        #[serde(rename = "clusterIP")]
        cluster_ip: String,
        #[serde(rename = "clusterIPs")]
        cluster_ips: Vec<String>,
        #[serde(rename = "externalIPs")]
        external_ips: Vec<String>,
        #[serde(rename = "loadBalancerIP")]
        load_balancer_ip: String,
        external_name: String,
        external_traffic_policy: String,
        ports: Vec<Port>,
        // Node
        #[serde(rename = "podCIDR")]
        pod_cidr: String,
        #[serde(rename = "podCIDRs")]
        pod_cidrs: Vec<String>,
    }

    struct Container {
        name: String,
        restart_policy: String,
        ports: Vec<Port>,
    }

    struct Port {
        name: String,
        protocol: String,
        port: Option<i64>,
        target_port: Option<NumberOrName>,
        node_port: i64,
        container_port: i64,
        host_port: i64,
    }

    struct Status {
        phase: String,
        start_time: String,
        #[serde(rename = "podIP")]
        pod_ip: String,
        #[serde(rename = "podIPs")]
        pod_ips: Vec<Ip>,
        #[serde(rename = "hostIP")]
        host_ip: String,
        #[serde(rename = "hostIPs")]
        host_ips: Vec<Ip>,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        // Service
        load_balancer: LoadBalancer,
        // Node
        addresses: Vec<Address>,
    }

    struct Ip {
        ip: String,
    }

    struct Condition {
        r#type: String,
        last_transition_time: String,
    }

    struct ContainerStatus {
        name: String,
        #[serde(rename = "containerID")]
        container_id: String,
        state: ContainerState,
    }

    struct ContainerState {
        running: Option<Ran>,
        terminated: Option<Ran>,
    }

    struct Ran {
        started_at: String,
        finished_at: String,
    }

    struct LoadBalancer {
        ingress: Vec<Ingress>,
    }

    struct Ingress {
        ip: String,
        hostname: String,
    }

    struct Address {
        r#type: String,
        address: String,
    }

    struct Endpoint {
        addresses: Vec<String>,
        target_ref: TargetRef,
    }

    struct TargetRef {
        kind: String,
        name: String,
        namespace: String,
        uid: String,
    }
}
