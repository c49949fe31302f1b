//! The fields that are told of AMQP messages. Arguments and properties name theirs in the tables.

use model::{Field, Kind};

macro_rules! fields {
    ($($at:ident $kind:ident $name:literal $about:literal)*) => {
        /// The index of a field.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum At {
            $(#[doc = $about] $at),*
        }

        /// The fields, in that order.
        pub const FIELDS: &[Field] =
            &[$(Field { name: $name, kind: Kind::$kind, many: false, about: $about }),*];
    };
}

fields! {
    System Text "messaging.system" "Always rabbitmq: the name under which AMQP 0-9-1 goes"
    Operation Text "messaging.operation.name" "The method without its class: publish, deliver, ack"
    Destination Text "messaging.destination.name" "exchange:routing key of a message, else the exchange or the queue"
    RoutingKey Text "messaging.rabbitmq.destination.routing_key" "The routing key"
    MessageId Text "messaging.message.id" "The message's id, as its publisher set it"
    CorrelationId Text "messaging.message.conversation_id" "The correlation id"
    BodySize Integer "messaging.message.body.size" "Bytes of the message, as announced"
    DeliveryTag Integer "messaging.rabbitmq.message.delivery_tag" "The delivery tag, unique on its channel"
    Channel Integer "amqp.channel" "The channel; 0 speaks of the connection"
    Exchange Text "amqp.exchange" "The exchange; the default one has no name"
    Queue Text "amqp.queue" "The queue"
    Source Text "amqp.source" "The exchange that another one is bound to"
    ConsumerTag Text "amqp.consumer_tag" "The consumer"
    VirtualHost Text "amqp.virtual_host" "The virtual host"
    ReplyCode Integer "amqp.reply.code" "The reply code of a close or a return"
    ReplyText Text "amqp.reply.text" "What was said beside the code"
    FailedMethod Text "amqp.failed_method" "The method that was the reason to close"
    Mechanism Text "amqp.sasl.mechanism" "The SASL mechanism chosen"
    Mechanisms Text "amqp.sasl.mechanisms" "The SASL mechanisms offered"
    Locale Text "amqp.locale" "The locale of reply texts"
    Version Text "amqp.version" "The version of the protocol that a server wants to speak"
    ChannelMax Integer "amqp.channel_max" "Channels at most"
    FrameMax Integer "amqp.frame_max" "Bytes of a frame at most"
    Heartbeat Integer "amqp.heartbeat" "Seconds between heartbeats"
    ExchangeType Text "amqp.exchange.type" "direct, fanout, topic, headers or a plugin's"
    Passive Bool "amqp.passive" "Only ask whether it exists"
    Durable Bool "amqp.durable" "It outlives the broker's restart"
    Exclusive Bool "amqp.exclusive" "For this connection or consumer alone"
    AutoDelete Bool "amqp.auto_delete" "It goes when nobody uses it any more"
    Internal Bool "amqp.internal" "Nobody publishes to it directly"
    NoWait Bool "amqp.no_wait" "No answer is wanted"
    IfUnused Bool "amqp.if_unused" "Delete only if nobody uses it"
    IfEmpty Bool "amqp.if_empty" "Delete only if it is empty"
    NoLocal Bool "amqp.no_local" "Not what this connection publishes itself"
    NoAck Bool "amqp.no_ack" "Deliveries are not acknowledged"
    Mandatory Bool "amqp.mandatory" "Return the message if it can't be routed"
    Immediate Bool "amqp.immediate" "Return the message if nobody takes it at once"
    Redelivered Bool "amqp.redelivered" "It may have been delivered before"
    Multiple Bool "amqp.multiple" "For all deliveries up to this one"
    Requeue Bool "amqp.requeue" "Put the message back"
    Global Bool "amqp.global" "For the channel instead of each consumer"
    Active Bool "amqp.active" "Whether content may flow"
    PrefetchSize Integer "amqp.prefetch_size" "Bytes sent ahead of acknowledgements"
    PrefetchCount Integer "amqp.prefetch_count" "Messages sent ahead of acknowledgements"
    MessageCount Integer "amqp.message_count" "Messages in the queue"
    ConsumerCount Integer "amqp.consumer_count" "Consumers of the queue"
    Reason Text "amqp.reason" "Why the connection is blocked, or its secret replaced"
    ContentType Text "amqp.content_type" "The media type of the message"
    ContentEncoding Text "amqp.content_encoding" "The coding of the message"
    DeliveryMode Integer "amqp.delivery_mode" "1: transient, 2: persistent"
    Priority Integer "amqp.priority" "0 to 9, or as the queue knows"
    ReplyTo Text "amqp.reply_to" "Where answers are to go"
    Expiration Text "amqp.expiration" "Milliseconds after which the message is dropped"
    Timestamp Integer "amqp.timestamp" "When its publisher made it, in seconds since 1970"
    Type Text "amqp.type" "The message's type, as its publisher set it"
    UserId Text "amqp.user_id" "Who published it, verified by the broker"
    AppId Text "amqp.app_id" "The application that published it"
    ClusterId Text "amqp.cluster_id" "Deprecated"
    Realm Text "amqp.realm" "What access is asked for"
}
