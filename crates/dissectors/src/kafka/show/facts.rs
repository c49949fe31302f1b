//! What a message is about: topics, partitions, groups, offsets, errors.

use super::{
    super::{
        errors,
        names::Names,
        record::Text,
        schema::{Field, Kind},
        walk::{Ending, Event, Value, Visit},
    },
    At, name,
};

/// Lines of a list at most.
const LIST_MAX: usize = 64;
/// Places of records at most.
const RECORDS_MAX: usize = 64;
/// `FindCoordinator`, whose keys are groups or transactions.
const FIND_COORDINATOR: i16 = 10;

/// What was met in a message.
#[derive(Debug)]
pub struct Facts<'t> {
    key: i16,
    names: Option<&'t Names>,
    /// Structures that are open.
    depth: u32,
    topic: Topic<'t>,
    /// The topic's name was met in the structure that is open.
    is_named: bool,
    partition: Option<i64>,
    /// An error whose subject may still come.
    pending: Option<Fault>,
    worst: Option<Fault>,
    /// How many error codes there are, and how many of them are errors.
    codes: usize,
    failed: usize,
    texts: Vec<(At, &'t [u8])>,
    numbers: Vec<(At, i64)>,
    lists: Vec<(At, List)>,
    /// The broker that is being told.
    broker: (Option<i64>, Option<&'t [u8]>),
    records: Vec<Place<'t>>,
}

/// Lines, and how many there would be.
#[derive(Debug, Default)]
struct List {
    lines: Vec<String>,
    count: usize,
}

/// A topic.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Topic<'t> {
    /// None was met.
    #[default]
    None,
    /// By its name.
    Name(&'t [u8]),
    /// By its id.
    Id([u8; 16]),
}

/// An error code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Its number.
    pub code: i16,
    /// How deep in the message it is.
    depth: u32,
}

/// Records and where they belong.
#[derive(Clone, Copy, Debug)]
pub struct Place<'t> {
    /// The topic.
    pub topic: Topic<'t>,
    /// The partition.
    pub partition: Option<i64>,
    /// Their batches, as far as they are there.
    pub bytes: &'t [u8],
}

// === impl Facts ===

impl<'t> Facts<'t> {
    /// None of them yet.
    pub fn new(text: &'t Text<'_>) -> Self {
        Self {
            key: text.key,
            names: text.names,
            depth: 0,
            topic: Topic::None,
            is_named: false,
            partition: None,
            pending: None,
            worst: None,
            codes: 0,
            failed: 0,
            texts: Vec::new(),
            numbers: Vec::new(),
            lists: Vec::new(),
            broker: (None, None),
            records: Vec::new(),
        }
    }

    /// Nothing more is to come. A message that was read to its end and has no error code has no
    /// error.
    pub fn finish(&mut self, ending: Ending) {
        self.settle();
        if matches!(ending, Ending::Whole(_)) {
            self.worst.get_or_insert(Fault { code: 0, depth: 0 });
        }
    }

    /// The worst error; the one of the whole message before those of its parts. `None` where there
    /// are no error codes.
    pub fn fault(&self) -> Option<Fault> {
        self.worst
    }

    /// What the broker says of it, or how many others failed.
    pub fn fault_text(&self, fault: &Fault) -> String {
        if fault.code == 0 {
            return String::new();
        }
        let said = self.texts.iter().find(|(at, _)| *at == At::ErrorMessage);
        match said {
            Some((_, text)) => String::from_utf8_lossy(text).into_owned(),
            None if self.codes > 1 => format!("{} of {}", self.failed, self.codes),
            None => String::new(),
        }
    }

    /// What it is about, in one word: topic, group, transaction, or what else it names.
    pub fn endpoint(&self) -> Option<String> {
        let order = [
            At::Topics,
            At::TopicIds,
            At::Groups,
            At::TransactionalId,
            At::Coordinator,
            At::Resource,
        ];
        order.into_iter().find_map(|at| self.named(at)).or_else(|| {
            let at = At::Mechanism;
            self.texts.iter().find(|(found, _)| *found == at).map(|(_, text)| lossy(text))
        })
    }

    /// Values that are told once.
    pub fn texts(&self) -> impl Iterator<Item = (At, &[u8])> {
        let first = |at: At, list: At| Some((at, self.list(list)?.lines.first()?.as_bytes()));
        let firsts = [
            first(At::Destination, At::Topics),
            first(At::Group, At::Groups),
            first(At::Partition, At::Partition),
        ];
        firsts.into_iter().flatten().chain(self.texts.iter().map(|(at, text)| (*at, *text)))
    }

    /// Numbers that are told once.
    pub fn numbers(&self) -> impl Iterator<Item = (At, i64)> {
        self.numbers.iter().copied()
    }

    /// Values that are told as lists; of topics, partitions and groups only where there are several.
    pub fn lists(&self) -> impl Iterator<Item = (At, &[String])> {
        let alone = |at: At| matches!(at, At::Topics | At::Partitions | At::Groups);
        self.lists
            .iter()
            .filter(move |(at, list)| {
                let once = matches!(at, At::Partition | At::TransactionalId);
                !once && (list.count > 1 || !alone(*at))
            })
            .map(|(at, list)| (*at, &list.lines[..]))
    }

    /// Where records are.
    pub fn records(&self) -> &[Place<'t>] {
        &self.records
    }

    fn list(&self, at: At) -> Option<&List> {
        self.lists.iter().find(|(found, _)| *found == at).map(|(_, list)| list)
    }

    fn named(&self, at: At) -> Option<String> {
        let list = self.list(at)?;
        let first = list.lines.first()?;
        Some(if list.count > 1 { format!("{first} (+{})", list.count - 1) } else { first.clone() })
    }

    fn put(&mut self, at: At, line: String) {
        let place = match self.lists.iter().position(|(found, _)| *found == at) {
            Some(place) => place,
            None => {
                self.lists.push((at, List::default()));
                self.lists.len() - 1
            }
        };
        let Some((_, list)) = self.lists.get_mut(place) else { return };
        if list.lines.contains(&line) {
            return;
        }
        list.count += 1;
        if list.lines.len() < LIST_MAX {
            list.lines.push(line);
        }
    }

    fn text(&mut self, at: At, text: &'t [u8]) {
        if !text.is_empty() && !self.texts.iter().any(|(found, _)| *found == at) {
            self.texts.push((at, text));
        }
    }

    fn number(&mut self, at: At, number: i64) {
        if !self.numbers.iter().any(|(found, _)| *found == at) {
            self.numbers.push((at, number));
        }
    }

    /// The partition that is told: `orders-3`.
    fn subject(&self) -> Option<String> {
        match (self.topic.text(), self.partition) {
            (Some(topic), Some(partition)) => Some(format!("{topic}-{partition}")),
            (Some(topic), None) => Some(topic),
            (None, Some(partition)) => Some(partition.to_string()),
            (None, None) => None,
        }
    }

    /// The error that was met is about what was met by now.
    fn settle(&mut self) {
        let Some(fault) = self.pending.take() else { return };
        let name = errors::name(fault.code);
        let subject = if fault.depth == 0 { None } else { self.subject() };
        let line =
            subject.map_or_else(|| name.clone().into_owned(), |what| format!("{what}: {name}"));
        self.put(At::Errors, line);
    }

    fn error(&mut self, code: i64) {
        self.settle();
        let fault = Fault { code: i16::try_from(code).unwrap_or(-1), depth: self.depth };
        self.codes += 1;
        let better = |worst: Fault| worst.code == 0 || fault.depth < worst.depth && fault.code != 0;
        if self.worst.is_none_or(better) {
            self.worst = Some(fault);
        }
        if fault.code != 0 {
            self.failed += 1;
            self.pending = Some(fault);
        }
    }

    fn topic(&mut self, topic: Topic<'t>) {
        self.topic = topic;
        self.partition = None;
        let at = if let Topic::Id(_) = topic { At::TopicIds } else { At::Topics };
        if let Some(text) = topic.text() {
            self.put(at, text);
        }
    }

    fn id(&mut self, id: [u8; 16]) {
        if name::is_none(&id) {
            return;
        }
        let name = self.names.and_then(|names| names.get(&id));
        if self.is_named {
            self.put(At::TopicIds, name::id(&id));
        } else if let Some(name) = name {
            self.put(At::TopicIds, name::id(&id));
            self.topic(Topic::Name(name));
        } else {
            self.topic(Topic::Id(id));
        }
    }

    fn partition(&mut self, partition: i64) {
        self.partition = Some(partition);
        self.put(At::Partition, partition.to_string());
        if let Some(subject) = self.subject() {
            self.put(At::Partitions, subject);
        }
    }

    fn offset(&mut self, name: &str, offset: i64) {
        if let Some(subject) = self.subject() {
            self.put(At::Offsets, format!("{subject} {name}={offset}"));
        }
        if name != "end_offset" {
            self.number(At::Offset, offset);
        }
    }

    fn met_integer(&mut self, field: &'static Field, number: i64) {
        match field.name {
            "error_code" | "partition_error_code" | "acknowledge_error_code" => self.error(number),
            "partition_index" | "partition" | "partition_id" | "partition_indexes"
            | "partitions" | "index" => self.partition(number),
            "base_offset" | "fetch_offset" | "committed_offset" | "offset" | "end_offset" => {
                self.offset(field.name, number);
            }
            "broker_id" | "node_id" => self.broker = (Some(number), None),
            "port" => self.met_port(number),
            "throttle_time_ms" if number == 0 => {}
            name => {
                if let Some((_, at)) = NUMBERS.iter().find(|(listed, _)| *listed == name) {
                    self.number(*at, number);
                }
            }
        }
    }

    fn met_port(&mut self, port: i64) {
        if let (Some(id), Some(host)) = self.broker {
            self.put(At::Brokers, format!("{id}={}:{port}", lossy(host)));
        }
        self.broker = (None, None);
    }

    fn met_text(&mut self, field: &'static Field, text: &'t [u8]) {
        match field.name {
            "host" => self.broker.1 = Some(text),
            "key" | "coordinator_keys" if self.key == FIND_COORDINATOR => {
                self.put(At::Coordinator, lossy(text));
            }
            "resource_name" | "resource_name_filter" if !text.is_empty() => {
                self.put(At::Resource, lossy(text));
            }
            "mechanisms" => self.put(At::Mechanisms, lossy(text)),
            name => {
                if let Some((_, at)) = TEXTS.iter().find(|(listed, _)| *listed == name) {
                    self.text(*at, text);
                }
            }
        }
    }
}

impl<'t> Visit<'t> for Facts<'t> {
    fn meet(&mut self, field: &'static Field, event: Event<'t>) {
        let value = match event {
            Event::Value(value) => value,
            Event::List(_) => return self.settle(),
            Event::ListEnd => return,
            Event::Open => {
                self.settle();
                self.depth += 1;
                self.is_named = false;
                return;
            }
            Event::Close => {
                self.settle();
                self.depth = self.depth.saturating_sub(1);
                return;
            }
        };
        match (value, kind(field)) {
            (Value::Text(text), Kind::Topic) => {
                self.is_named = true;
                self.topic(Topic::Name(text));
            }
            (Value::Text(text), Kind::Group) => self.put(At::Groups, lossy(text)),
            (Value::Text(text), Kind::Transaction) => {
                self.text(At::TransactionalId, text);
                self.put(At::TransactionalId, lossy(text));
            }
            (Value::Text(text), _) => self.met_text(field, text),
            (Value::Integer(number), _) => self.met_integer(field, number),
            (Value::Uuid(id), _) if matches!(field.name, "topic_id" | "topic_ids") => self.id(id),
            (Value::Records(bytes, _), _) if self.records.len() < RECORDS_MAX => {
                self.records.push(Place { topic: self.topic, partition: self.partition, bytes });
            }
            _ => {}
        }
    }
}

// === impl Topic ===

impl Topic<'_> {
    /// As it is written.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Name(name) => Some(lossy(name)),
            Self::Id(id) => Some(name::id(id)),
        }
    }
}

/// What a value of the field is, in a list or not.
fn kind(field: &'static Field) -> &'static Kind {
    match &field.kind {
        Kind::Each(kind) => kind,
        kind => kind,
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Fields that are told once under a name of their own.
const TEXTS: &[(&str, At)] = &[
    ("client_software_name", At::Software),
    ("client_software_version", At::SoftwareVersion),
    ("cluster_id", At::ClusterId),
    ("error_message", At::ErrorMessage),
    ("group_instance_id", At::Instance),
    ("leader", At::Leader),
    ("mechanism", At::Mechanism),
    ("member_id", At::MemberId),
    ("protocol_name", At::ProtocolName),
    ("protocol_type", At::ProtocolType),
];
const NUMBERS: &[(&str, At)] = &[
    ("acks", At::Acks),
    ("controller_id", At::Controller),
    ("generation_id", At::Generation),
    ("generation_id_or_member_epoch", At::Generation),
    ("isolation_level", At::Isolation),
    ("member_epoch", At::MemberEpoch),
    ("producer_epoch", At::ProducerEpoch),
    ("producer_id", At::ProducerId),
    ("session_id", At::Session),
    ("throttle_time_ms", At::Throttle),
];
