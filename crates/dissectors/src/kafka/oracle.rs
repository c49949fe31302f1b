//! Random messages of every API in every version: written by a twin of the interpreter that is
//! obviously right, read by the interpreter and by `kafka-protocol`.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

use super::{
    schema::{self, Api, Field, Kind},
    walk::{Ending, Event, Value, Visit, walk},
};

/// Random messages of each kind.
const ROUNDS: u64 = 12;

#[test]
fn every_message_is_read_as_it_was_written() {
    let mut checked = 0;
    for api in (0..93).filter_map(schema::api) {
        for version in 0..=api.latest {
            for seed in 0..ROUNDS {
                for (fields, asks) in [(api.request, true), (api.response, false)] {
                    check(api, version, fields, asks, seed);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

#[test]
fn every_version_that_the_oracle_knows_is_in_a_table() {
    for number in 0..200 {
        let Ok(key) = ApiKey::try_from(number) else { continue };
        let newest = key.valid_versions().max;
        let api = schema::api(number).unwrap_or_else(|| panic!("{key:?} is in no table"));
        assert!(api.knows(newest), "{key:?} is known up to {}, not {newest}", api.latest);
        let knows_header =
            |version| api.is_flexible(version) == (key.request_header_version(version) >= 2);
        let versions = key.valid_versions().min..=newest;
        assert!(versions.into_iter().all(knows_header), "{key:?}");
    }
}

#[test]
fn a_message_cut_anywhere_says_no_more_than_the_whole() {
    for api in (0..93).filter_map(schema::api) {
        for fields in [api.request, api.response] {
            let message = Writer::write(api, api.latest, fields, 7);
            let flexible = api.is_flexible(api.latest);
            for cut in 0..message.bytes.len() {
                let mut seen = Seen::default();
                let ending = walk(fields, api.latest, flexible, &message.bytes[..cut], &mut seen);
                assert!(
                    matches!(ending, Ending::Short | Ending::Rest | Ending::Bad),
                    "{} cut at {cut}: {ending:?}",
                    api.name
                );
                let whole = message.seen.iter().take(seen.0.len());
                for (got, wanted) in seen.0.iter().zip(whole) {
                    let is_cut = got.contains("Records");
                    assert!(is_cut || got == wanted, "{} cut at {cut}: {got} {wanted}", api.name);
                }
            }
        }
    }
}

fn check(api: &'static Api, version: i16, fields: &'static [Field], asks: bool, seed: u64) {
    let message = Writer::write(api, version, fields, seed);
    let what = format!("{} v{version} {}", api.name, if asks { "asked" } else { "answered" });
    let mut seen = Seen::default();
    let ending = walk(fields, version, api.is_flexible(version), &message.bytes, &mut seen);
    assert_eq!(seen.0, message.seen, "{what}");
    if !message.has_rest {
        assert_eq!(ending, Ending::Whole(message.bytes.len()), "{what}");
        oracle(api, version, asks, &message, &what);
    }
}

/// What `kafka-protocol` says, where it knows the version.
fn oracle(api: &Api, version: i16, asks: bool, message: &Writer, what: &str) {
    let Ok(key) = ApiKey::try_from(api.key) else { return };
    let known = key.valid_versions();
    // Versions that it lists and can't read yet.
    let listed_only = matches!((api.key, version), (8 | 9, 10) | (22, 6));
    if version < known.min || version > known.max || listed_only {
        return;
    }
    let mut bytes = Bytes::from(message.bytes.clone());
    let mut again = BytesMut::new();
    if asks {
        let request = RequestKind::decode(key, &mut bytes, version)
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        request.encode(&mut again, version).unwrap_or_else(|why| panic!("{what}: {why}"));
    } else {
        let response = ResponseKind::decode(key, &mut bytes, version)
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        response.encode(&mut again, version).unwrap_or_else(|why| panic!("{what}: {why}"));
    }
    assert!(bytes.is_empty(), "{what}: {} bytes left", bytes.len());
    assert_eq!(again, message.bytes, "{what}");
}

/// Everything that is met, in words.
#[derive(Default)]
struct Seen(Vec<String>);

impl<'m> Visit<'m> for Seen {
    fn meet(&mut self, field: &'static Field, event: Event<'m>) {
        // Where a secret lies is not what it says.
        let event = match event {
            Event::Value(Value::Secret(bytes, _)) => Event::Value(Value::Secret(bytes, 0)),
            Event::Value(Value::Setting(bytes, _)) => Event::Value(Value::Setting(bytes, 0)),
            event => event,
        };
        self.0.push(format!("{} {event:?}", field.name));
    }
}

/// Writes a random message, and what is to be met in it.
struct Writer {
    bytes: Vec<u8>,
    seen: Vec<String>,
    has_rest: bool,
    version: i16,
    flexible: bool,
    seed: u64,
}

impl Writer {
    fn write(api: &Api, version: i16, fields: &'static [Field], seed: u64) -> Self {
        let flexible = api.is_flexible(version);
        let mut writer = Self {
            bytes: vec![],
            seen: vec![],
            has_rest: false,
            version,
            flexible,
            seed: seed + 1,
        };
        writer.fields(fields);
        writer
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn fields(&mut self, fields: &'static [Field]) {
        let version = self.version;
        for field in fields.iter().filter(|f| f.is_in(version) && f.tag.is_none()) {
            self.kind(field, &field.kind);
            if self.has_rest {
                return;
            }
        }
        if self.flexible {
            self.tags(fields);
        }
    }

    fn tags(&mut self, fields: &'static [Field]) {
        let version = self.version;
        let mut tagged: Vec<_> =
            fields.iter().filter(|f| f.is_in(version) && f.tag.is_some()).collect();
        tagged.sort_by_key(|field| field.tag);
        tagged.retain(|_| self.random(2) == 0);
        self.varint(tagged.len() as u64);
        for field in tagged {
            let outer = std::mem::take(&mut self.bytes);
            self.kind(field, &field.kind);
            let inner = std::mem::replace(&mut self.bytes, outer);
            self.varint(field.tag.unwrap().into());
            self.varint(inner.len() as u64);
            self.bytes.extend(inner);
        }
    }

    fn kind(&mut self, field: &'static Field, kind: &'static Kind) {
        match kind {
            Kind::Rest => self.has_rest = true,
            Kind::Structure(fields) => self.structure(field, fields),
            Kind::Maybe(fields) => {
                // A null that is tagged is not sent.
                if field.tag.is_none() && self.random(2) == 0 {
                    self.bytes.push(0xff);
                    return self.meet(field, "Value(Null)");
                }
                self.bytes.push(1);
                self.structure(field, fields);
            }
            Kind::List(fields) => self.each(field, |w| w.structure(field, fields)),
            Kind::Each(kind) => self.each(field, |w| w.value(field, kind)),
            kind => self.value(field, kind),
        }
    }

    fn structure(&mut self, field: &'static Field, fields: &'static [Field]) {
        self.meet(field, "Open");
        self.fields(fields);
        if !self.has_rest {
            self.meet(field, "Close");
        }
    }

    fn each(&mut self, field: &'static Field, mut element: impl FnMut(&mut Self)) {
        // A tagged list that is empty is not sent.
        let count = self.random(3) + u64::from(field.tag.is_some());
        self.length(count);
        self.meet(field, &format!("List({count})"));
        for _ in 0..count {
            element(self);
            if self.has_rest {
                return;
            }
        }
        self.meet(field, "ListEnd");
    }

    fn value(&mut self, field: &'static Field, kind: &'static Kind) {
        let n = self.random(100) + 1;
        let small = i64::try_from(n).unwrap();
        let big = small * 0x0102_0304_0506;
        let (bytes, value) = match kind {
            // The one tagged flag of the crate has the default false.
            Kind::Bool => (vec![1], Value::Bool(true)),
            Kind::Int8 => (vec![small as u8], Value::Integer(small)),
            Kind::Int16 | Kind::Uint16 => {
                ((small as i16 * 300).to_be_bytes().to_vec(), Value::Integer(small * 300))
            }
            Kind::Int32 => {
                ((small as i32 * 70_000).to_be_bytes().to_vec(), Value::Integer(small * 70_000))
            }
            Kind::Int64 => (big.to_be_bytes().to_vec(), Value::Integer(big)),
            Kind::Float64 => {
                ((n as f64 / 4.0).to_be_bytes().to_vec(), Value::Float(n as f64 / 4.0))
            }
            Kind::Uuid => ([small as u8; 16].to_vec(), Value::Uuid([small as u8; 16])),
            _ => return self.text(field, kind, n),
        };
        self.bytes.extend(bytes);
        self.meet(field, &format!("{:?}", Event::Value(value)));
    }

    fn text(&mut self, field: &'static Field, kind: &'static Kind, n: u64) {
        let text = "ä-b".repeat(n as usize);
        let text = text.as_bytes();
        let value = match kind {
            Kind::Bytes => Value::Bytes(text),
            Kind::Secret => Value::Secret(text, 0),
            Kind::Setting => Value::Setting(text, 0),
            Kind::Records => Value::Records(text, text.len()),
            _ => Value::Text(text),
        };
        match kind {
            Kind::Bytes | Kind::Secret | Kind::Records => self.length(text.len() as u64),
            _ if self.flexible => self.varint(text.len() as u64 + 1),
            _ => self.bytes.extend((text.len() as u16).to_be_bytes()),
        }
        self.bytes.extend(text);
        self.meet(field, &format!("{:?}", Event::Value(value)));
    }

    fn length(&mut self, len: u64) {
        if self.flexible {
            self.varint(len + 1);
        } else {
            self.bytes.extend((len as u32).to_be_bytes());
        }
    }

    fn varint(&mut self, mut n: u64) {
        while n > 0x7f {
            self.bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    fn meet(&mut self, field: &'static Field, event: &str) {
        self.seen.push(format!("{} {event}", field.name));
    }
}
