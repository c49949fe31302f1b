//! One folder per protocol, and the list of them.
//!
//! The list is walked by detection, filters, columns, docs, cases, fuzzers and benches: a protocol is
//! added by its folder and its line here.

mod ber;
mod fields;
mod framed;
mod listing;
mod protobuf;
mod replies;
mod spell;

pub mod amqp;
pub mod amqp1;
pub mod cassandra;
pub mod dhcp;
pub mod diameter;
pub mod dns;
pub mod dubbo;
pub mod ftp;
pub mod http;
pub mod http2;
pub mod http3;
pub mod icmp;
pub mod jsonrpc;
pub mod kafka;
pub mod ldap;
pub mod memcached;
pub mod mongodb;
pub mod mqtt;
pub mod mysql;
pub mod nats;
pub mod ntp;
pub mod over_http;
pub mod postgresql;
pub mod pulsar;
pub mod quic;
pub mod radius;
pub mod redis;
pub mod rocketmq;
pub mod sip;
pub mod smtp;
pub mod snmp;
pub mod sql;
pub mod thrift;
pub mod tls;
pub mod websocket;
pub mod zookeeper;

use dissect::{Dissection, Lens};

/// All protocols, in the order in which they are tried: the surest probes first.
pub static ALL: &[&Dissection] = &[
    &tls::DISSECTION,
    &http::DISSECTION,
    &http2::DISSECTION,
    &amqp::DISSECTION,
    &amqp1::DISSECTION,
    &redis::DISSECTION,
    &postgresql::DISSECTION,
    &mysql::DISSECTION,
    &mongodb::DISSECTION,
    &kafka::DISSECTION,
    &mqtt::DISSECTION,
    &nats::DISSECTION,
    &memcached::DISSECTION,
    &cassandra::DISSECTION,
    &dns::DISSECTION,
    &websocket::DISSECTION,
    &jsonrpc::DISSECTION,
    &quic::DISSECTION,
    &http3::DISSECTION,
    &ldap::DISSECTION,
    &smtp::DISSECTION,
    &ftp::DISSECTION,
    &ntp::DISSECTION,
    &snmp::DISSECTION,
    &radius::DISSECTION,
    &sip::DISSECTION,
    &dhcp::DISSECTION,
    &diameter::DISSECTION,
    &zookeeper::DISSECTION,
    &dubbo::DISSECTION,
    &rocketmq::DISSECTION,
    &thrift::DISSECTION,
    &pulsar::DISSECTION,
    &icmp::DISSECTION,
];

/// Protocols that are spoken in the messages of others, and whose calls they are.
pub static LENSES: &[Lens] = &[over_http::LENS];
