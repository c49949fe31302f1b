//! Random packets of MQTT 3.1.1 and 5: written by `mqttbytes`, read here.

use bytes::{Bytes, BytesMut};
use mqttbytes::{Protocol, QoS, v4, v5};
use proptest::{collection::vec, option, prelude::*};

use super::{
    packet::{Coded, Connect, Letter, Publish, each_filter, is_valid},
    property::{Properties, Value},
    version::Version,
    wire::{Frame, Kind},
};

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written(
        topic in "[a-z/]{1,200}", id in 1_u16.., qos in any_qos(), dup in any::<bool>(),
        retain in any::<bool>(), payload in vec(any::<u8>(), 0..300), alias in option::of(1_u16..),
        kind in option::of("[a-z/]{0,20}"), users in any_users(),
        subscriptions in vec(1_usize..268_435_455, 0..4),
    ) {
        let (payload, pkid) = (Bytes::from(payload), if qos == QoS::AtMostOnce { 0 } else { id });
        let old = v4::Publish { dup, qos, retain, topic: topic.clone(), pkid, payload: payload.clone() };
        let properties = v5::PublishProperties {
            payload_format_indicator: Some(1), message_expiry_interval: Some(60), topic_alias: alias,
            response_topic: None, correlation_data: Some(payload.slice(..payload.len().min(9))),
            user_properties: users.clone(), subscription_identifiers: subscriptions.clone(),
            content_type: kind.clone(),
        };
        let new = v5::Publish {
            dup, qos, retain, topic: topic.clone(), pkid, payload: payload.clone(),
            properties: Some(properties),
        };
        let written = [written(|to| old.write(to).is_ok()), written(|to| new.write(to).is_ok())];
        for (is_5, bytes) in [false, true].into_iter().zip(written) {
            let (frame, body) = split(&bytes);
            prop_assert_eq!((frame.kind, frame.qos(), frame.is_dup()), (Kind::Publish, qos as u8, dup));
            let read = Publish::read(body, body.len(), frame.qos() > 0, is_5).unwrap();
            prop_assert!(read.is_valid(is_5));
            prop_assert_eq!((read.topic, read.id.unwrap_or(0)), (topic.as_bytes(), pkid));
            prop_assert_eq!(&body[read.len..], &payload[..]);
            if is_5 {
                prop_assert_eq!(read.properties.alias(), alias);
                prop_assert_eq!(read.properties.text(3), kind.as_deref().map(str::as_bytes));
                prop_assert_eq!(users_of(read.properties), users.clone());
                let numbers = read.properties.filter(|property| property.id == 11);
                prop_assert_eq!(numbers.count(), subscriptions.len());
            }
        }
    }

    #[test]
    fn connections_are_read_as_they_were_written(
        client in "[a-z]{0,30}", keep_alive in any::<u16>(), clean in any::<bool>(), qos in any_qos(),
        will in option::of(("[a-z]{1,20}", vec(any::<u8>(), 0..40))), login in option::of("[a-z]{1,20}"),
        users in any_users(),
    ) {
        let password = || "hunter2".to_owned();
        let old = v4::Connect {
            protocol: Protocol::V4, keep_alive, client_id: client.clone(), clean_session: clean,
            last_will: will.clone().map(|(topic, said)| v4::LastWill::new(topic, said, qos, true)),
            login: login.clone().map(|user| v4::Login::new(user, password())),
        };
        let new = v5::Connect {
            protocol: Protocol::V5, keep_alive, client_id: client.clone(), clean_session: clean,
            last_will: will.clone().map(|(topic, said)| v5::LastWill::new(topic, said, qos, true)),
            login: login.clone().map(|user| v5::Login::new(user, password())),
            properties: Some(v5::ConnectProperties {
                session_expiry_interval: Some(9), receive_maximum: Some(8), max_packet_size: Some(7),
                topic_alias_max: Some(6), request_response_info: Some(1), request_problem_info: Some(0),
                user_properties: users.clone(), authentication_method: None, authentication_data: None,
            }),
        };
        let written = [written(|to| old.write(to).is_ok()), written(|to| new.write(to).is_ok())];
        for (version, bytes) in [Version::V311, Version::V5].into_iter().zip(written) {
            let (frame, body) = split(&bytes);
            prop_assert_eq!(frame.kind, Kind::Connect);
            prop_assert!(is_valid(Kind::Connect, body, version));
            let read = Connect::read(body).unwrap();
            prop_assert_eq!(Version::of_level(read.level), version);
            prop_assert_eq!((read.client, read.keep_alive), (Some(client.as_bytes()), keep_alive));
            let wanted = will.as_ref().map(|(topic, said)| (topic.as_bytes(), &said[..]));
            prop_assert_eq!(read.will, wanted);
            prop_assert_eq!(read.user, login.as_deref().map(str::as_bytes));
            prop_assert_eq!(read.has_password(), login.is_some());
            let rest = body.len() - read.len;
            prop_assert_eq!(rest, if login.is_some() { 2 + password().len() } else { 0 });
            if version.is_5() {
                prop_assert_eq!(users_of(Properties::of(read.properties)), users.clone());
            }
        }
    }

    #[test]
    fn subscriptions_are_read_as_they_were_written(
        id in 1_u16.., filters in vec(("[a-z/]{1,20}", any_qos()), 1..9), users in any_users(),
    ) {
        let old = v4::Subscribe {
            pkid: id,
            filters: filters.iter().map(|(f, q)| v4::SubscribeFilter::new(f.clone(), *q)).collect(),
        };
        let mut new = v5::Subscribe::new("x", QoS::AtMostOnce);
        (new.pkid, new.filters) = (id, filters.iter().map(|(f, q)| filter_of_5(f, *q)).collect());
        new.properties =
            Some(v5::SubscribeProperties { id: Some(300), user_properties: users.clone() });
        let leaves: Vec<String> = filters.iter().map(|(filter, _)| filter.clone()).collect();
        let old_leave = v4::Unsubscribe { pkid: id, topics: leaves.clone() };
        let new_leave = v5::Unsubscribe {
            pkid: id,
            filters: leaves,
            properties: Some(v5::UnsubscribeProperties { user_properties: users.clone() }),
        };
        let written = [
            (Version::V311, Kind::Subscribe, written(|to| old.write(to).is_ok())),
            (Version::V5, Kind::Subscribe, written(|to| new.write(to).is_ok())),
            (Version::V311, Kind::Unsubscribe, written(|to| old_leave.write(to).is_ok())),
            (Version::V5, Kind::Unsubscribe, written(|to| new_leave.write(to).is_ok())),
        ];
        for (version, kind, bytes) in written {
            let (frame, body) = split(&bytes);
            prop_assert_eq!(frame.kind, kind);
            prop_assert!(is_valid(kind, body, version), "{kind:?} of {version:?}");
            let letter = Letter::read(body, version.is_5()).unwrap();
            prop_assert_eq!(letter.id, id);
            let read: Vec<_> = each_filter(kind, letter.rest).collect();
            prop_assert_eq!(read.len(), filters.len());
            for ((filter, options), (wanted, qos)) in read.into_iter().zip(&filters) {
                prop_assert_eq!(filter, wanted.as_bytes());
                let wanted = if kind == Kind::Subscribe { *qos as u8 } else { 0 };
                prop_assert_eq!(options & 3, wanted);
            }
            if version.is_5() {
                prop_assert_eq!(users_of(Properties::of(letter.properties)), users.clone());
            }
        }
    }

    #[test]
    fn acknowledgements_are_read_as_they_were_written(id in 1_u16.., users in any_users()) {
        let properties = |reason: &str| v5::PubAckProperties {
            reason_string: Some(reason.to_owned()),
            user_properties: users.clone(),
        };
        let puback = v5::PubAck {
            pkid: id, reason: v5::PubAckReason::QuotaExceeded, properties: Some(properties("full")),
        };
        let (old, plain) = (v4::PubAck::new(id), v5::PubAck::new(id));
        let (rec, rel, comp) = (v5::PubRec::new(id), v5::PubRel::new(id), v5::PubComp::new(id));
        let (rec4, rel4, comp4) = (v4::PubRec::new(id), v4::PubRel::new(id), v4::PubComp::new(id));
        let written = [
            (Version::V311, Kind::Puback, None, written(|to| old.write(to).is_ok())),
            (Version::V311, Kind::Pubrec, None, written(|to| rec4.write(to).is_ok())),
            (Version::V311, Kind::Pubrel, None, written(|to| rel4.write(to).is_ok())),
            (Version::V311, Kind::Pubcomp, None, written(|to| comp4.write(to).is_ok())),
            (Version::V5, Kind::Puback, Some(0), written(|to| plain.write(to).is_ok())),
            (Version::V5, Kind::Puback, Some(151), written(|to| puback.write(to).is_ok())),
            (Version::V5, Kind::Pubrec, Some(0), written(|to| rec.write(to).is_ok())),
            (Version::V5, Kind::Pubrel, Some(0), written(|to| rel.write(to).is_ok())),
            (Version::V5, Kind::Pubcomp, Some(0), written(|to| comp.write(to).is_ok())),
        ];
        for (version, kind, code, bytes) in written {
            let (frame, body) = split(&bytes);
            prop_assert_eq!(frame.kind, kind);
            prop_assert!(is_valid(kind, body, version), "{kind:?} of {version:?}");
            let read = Coded::read(kind, body, version).unwrap();
            prop_assert_eq!((read.id, read.code), (Some(id), code));
            if code == Some(151) {
                prop_assert_eq!(Properties::of(read.properties).text(31), Some(&b"full"[..]));
                prop_assert_eq!(users_of(Properties::of(read.properties)), users.clone());
            }
        }
    }
}

#[test]
fn what_the_server_says_is_read_as_it_was_written() {
    let refused = v4::ConnAck::new(v4::ConnectReturnCode::NotAuthorized, false);
    let granted = v4::SubAck::new(7, vec![v4::SubscribeReasonCode::Failure]);
    let codes = vec![v5::SubscribeReasonCode::QoS2, v5::SubscribeReasonCode::NotAuthorized];
    let granted_5 = v5::SubAck::new(7, codes);
    let mut gone = v5::UnsubAck::new(7);
    gone.reasons = vec![v5::UnsubAckReason::NoSubscriptionExisted];
    let gone_4 = v4::UnsubAck::new(7);
    let written = [
        (Version::V311, Kind::Connack, written(|to| refused.write(to).is_ok())),
        (Version::V311, Kind::Suback, written(|to| granted.write(to).is_ok())),
        (Version::V311, Kind::Unsuback, written(|to| gone_4.write(to).is_ok())),
        (Version::V311, Kind::Pingreq, written(|to| v4::PingReq.write(to).is_ok())),
        (Version::V311, Kind::Pingresp, written(|to| v4::PingResp.write(to).is_ok())),
        (Version::V311, Kind::Disconnect, written(|to| v4::Disconnect.write(to).is_ok())),
        (Version::V5, Kind::Suback, written(|to| granted_5.write(to).is_ok())),
        (Version::V5, Kind::Unsuback, written(|to| gone.write(to).is_ok())),
        (Version::V5, Kind::Pingreq, written(|to| v5::PingReq.write(to).is_ok())),
        (Version::V5, Kind::Pingresp, written(|to| v5::PingResp.write(to).is_ok())),
    ];
    for (version, kind, bytes) in written {
        let (frame, body) = split(&bytes);
        assert_eq!(frame.kind, kind);
        assert!(is_valid(kind, body, version), "{kind:?} of {version:?}: {body:?}");
    }
}

fn any_qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn any_users() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-z]{0,9}", "\\PC{0,20}"), 0..4)
}

fn filter_of_5(filter: &str, qos: QoS) -> v5::SubscribeFilter {
    v5::SubscribeFilter::new(filter.to_owned(), qos)
}

fn users_of(properties: Properties<'_>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pairs = properties.filter_map(|property| match property.value {
        Value::Pair(name, value) => Some((text(name), text(value))),
        _ => None,
    });
    pairs.collect()
}

fn written(write: impl FnOnce(&mut BytesMut) -> bool) -> BytesMut {
    let mut bytes = BytesMut::new();
    assert!(write(&mut bytes));
    bytes
}

fn split(bytes: &[u8]) -> (Frame, &[u8]) {
    let frame = Frame::read(bytes).unwrap();
    assert_eq!(frame.head + frame.len, bytes.len());
    (frame, &bytes[frame.head..])
}
