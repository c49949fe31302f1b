//! What is shown of a message: its line in a table, and its fields.

use std::borrow::Cow;

use model::{Field, Headline, Kind, Message, Outcome, Status, Tell, Value};

use super::{
    Variant, codes,
    codes::{kind, opcode},
    edns::{self, Edns},
    name::{self, Pointers},
    rdata,
    wire::{AA, AD, CD, Header, Item, Question, RA, RD, Record, Section, TC, Walk},
};

/// Bytes of text told of one message. Names may be 30 times as long as the pointers that stand for
/// them, so a hostile message of 64 KiB would become megabytes.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The bit above a class in multicast DNS: "answer me alone", "forget what you knew" (RFC 6762 §18).
const MULTICAST_BIT: u16 = 0x8000;

macro_rules! fields {
    ($($index:ident $name:literal $kind:ident $many:ident $about:literal)*) => {
        enum Index { $($index),* }
        /// What a message tells.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name, kind: Kind::$kind, many: many!($many), about: $about,
        }),*];
    };
}

macro_rules! many {
    (once) => {
        false
    };
    (list) => {
        true
    };
}

fields! {
    QuestionName "dns.question.name" Text once "the name asked for, without the final dot"
    QuestionType "dns.question.type" Text once "the type asked for: A, AAAA, HTTPS, TYPE65280"
    QuestionClass "dns.question.class" Text once "the class asked for, IN as a rule"
    Questions "dns.questions" Text list "all questions where there are several: name type class"
    Id "dns.id" Integer once "the number that the answer repeats"
    Opcode "dns.opcode" Text once "QUERY, NOTIFY, UPDATE, …"
    ResponseCode "dns.response.code" Integer once "the response code, with the bits of EDNS"
    Flags "dns.flags" Text list "flags that are set: aa tc rd ra ad cd; c tc t (LLMNR); qu, cache-flush (mDNS)"
    Answers "dns.answers" Text list "answers: name ttl class type data"
    AnswersCount "dns.answers.count" Integer once "how many answers the header claims"
    Authorities "dns.authorities" Text list "records of the authority section; what an UPDATE changes"
    Additionals "dns.additionals" Text list "records of the additional section, without OPT"
    EdnsVersion "dns.edns.version" Integer once "the version of EDNS"
    EdnsUdpSize "dns.edns.udp_size" Integer once "the largest datagram that the sender takes"
    EdnsDo "dns.edns.do" Bool once "DNSSEC records are wanted"
    EdnsOptions "dns.edns.options" Text list "options of EDNS: cookie, client-subnet, nsid, ede, …"
    ResolvedIps "dns.resolved_ips" Text list "the addresses in the answers"
    Cnames "dns.cnames" Text list "the names that aliases in the answers lead to"
    Variant "dns.variant" Text once "dns, mdns or llmnr, where the message or its port says so"
    Malformed "dns.malformed" Bool once "true if not all of the message can be right"
}

/// A message in a record: how it was sent, then its bytes.
struct Letter<'m> {
    variant: Variant,
    bytes: &'m [u8],
    header: Header,
}

/// What a message is about.
struct Subject {
    method: Cow<'static, [u8]>,
    endpoint: Option<Vec<u8>>,
}

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let request = request.and_then(Letter::of);
    let response = response.and_then(Letter::of);
    let mut line = Headline::default();
    // A response repeats its question: it says what was asked even where that was not seen.
    let subject = request.as_ref().and_then(Letter::subject);
    if let Some(subject) = subject.or_else(|| response.as_ref().and_then(Letter::subject)) {
        line.method = Some(subject.method);
        line.endpoint = subject.endpoint.map(Cow::Owned);
    }
    // Where nobody is known to ask (multicast), an answer may stand in the request's place.
    line.status = response.or(request).filter(|letter| letter.header.is_response()).map(|letter| {
        let rcode = letter.rcode();
        Status {
            code: codes::rcode(rcode),
            text: if letter.header.has(TC) {
                (&b"truncated"[..]).into()
            } else {
                (&b""[..]).into()
            },
            outcome: if rcode == 0 { Outcome::Ok } else { Outcome::Error },
        }
    });
    line
}

/// Tells the fields.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::of(message) else { return };
    let mut teller = Teller::new(letter, to);
    teller.head();
    teller.questions();
    teller.records();
    teller.edns();
    // What the capture cut off is missing, not malformed.
    if !teller.whole && message.missing.is_none() {
        teller.tell(Index::Malformed, Value::Bool(true));
    }
}

// === impl Letter ===

impl<'m> Letter<'m> {
    fn of(message: &'m Message) -> Option<Self> {
        let (variant, bytes) = message.record.split_first()?;
        Some(Self { variant: Variant::of(*variant), bytes, header: Header::of(bytes)? })
    }

    /// The type and name of the first question.
    fn subject(&self) -> Option<Subject> {
        let opcode = self.header.opcode();
        let first = self.first();
        let endpoint = first.as_ref().and_then(|(name_at, _)| {
            let mut name = Vec::with_capacity(64);
            name::write_bare(self.bytes, *name_at, &mut name).ok().map(|_| name)
        });
        let method =
            if opcode == opcode::QUERY { codes::kind(first?.1) } else { codes::opcode(opcode) };
        Some(Subject { method, endpoint })
    }

    /// Name and type that the message is about. In multicast DNS answers come without a question:
    /// there it is the first answer.
    fn first(&self) -> Option<(usize, u16)> {
        match Walk::new(self.bytes, &self.header).next()? {
            Item::Question(question) => Some((question.name_at, question.kind)),
            Item::Record(record) if self.variant == Variant::Mdns => {
                Some((record.name_at, record.kind))
            }
            Item::Record(_) => None,
        }
    }

    fn rcode(&self) -> u16 {
        edns::rcode(self.bytes, &self.header)
    }

    /// Which of the three it is. DNS shows itself by bits that LLMNR does not have (RFC 4795 §2.1.1).
    fn variant_name(&self) -> Option<&'static str> {
        let dns = self.header.has(RA | AD | CD) || self.header.opcode() != opcode::QUERY;
        match self.variant {
            Variant::Mdns => Some("mdns"),
            Variant::Llmnr => Some("llmnr"),
            Variant::Dns => Some("dns"),
            Variant::Unknown => dns.then_some("dns"),
        }
    }

    fn class(&self, class: u16) -> u16 {
        if self.variant == Variant::Mdns { class & !MULTICAST_BIT } else { class }
    }
}

/// Tells one message.
struct Teller<'m, 't> {
    letter: Letter<'m>,
    /// The first of the questions, as nearly every message has one.
    question: Option<Question>,
    records: Vec<Record>,
    edns: Option<Edns>,
    /// Nothing damaged was met.
    whole: bool,
    /// Used for every text.
    text: Vec<u8>,
    /// Bytes of text that may still be told.
    room: usize,
    to: &'t mut dyn Tell,
}

// === impl Teller ===

impl<'m, 't> Teller<'m, 't> {
    /// Walks over the message once.
    fn new(letter: Letter<'m>, to: &'t mut dyn Tell) -> Self {
        let (mut question, mut records) = (None, Vec::new());
        let mut walk = Walk::new(letter.bytes, &letter.header);
        let whole = loop {
            match walk.step() {
                Some(Ok(Item::Question(next))) => _ = question.get_or_insert(next),
                Some(Ok(Item::Record(record))) => records.push(record),
                Some(Err(_)) => break false,
                None => break walk.rest() == 0,
            }
        };
        let edns = records.iter().find_map(Edns::from_record);
        let text = Vec::with_capacity(256);
        Self { letter, question, records, edns, whole, text, room: TEXT_BYTES_MAX, to }
    }

    fn head(&mut self) {
        let header = self.letter.header;
        self.tell(Index::Id, Value::Integer(header.id.into()));
        self.tell(Index::Opcode, Value::Text(&codes::opcode(header.opcode())));
        if header.is_response() {
            let rcode = edns::full_rcode(&header, self.edns.as_ref());
            self.tell(Index::ResponseCode, Value::Integer(rcode.into()));
            self.tell(Index::AnswersCount, Value::Integer(header.counts[1].into()));
        }
        if let Some(name) = self.letter.variant_name() {
            self.tell(Index::Variant, name.into());
        }
        self.flags();
    }

    fn flags(&mut self) {
        const DNS: [(u16, &str); 6] =
            [(AA, "aa"), (TC, "tc"), (RD, "rd"), (RA, "ra"), (AD, "ad"), (CD, "cd")];
        // Conflict, truncated, tentative (RFC 4795 §2.1.1).
        const LLMNR: [(u16, &str); 3] = [(AA, "c"), (TC, "tc"), (RD, "t")];
        let names = if self.letter.variant == Variant::Llmnr { &LLMNR[..] } else { &DNS[..] };
        for (flag, name) in names {
            if self.letter.header.has(*flag) {
                self.tell(Index::Flags, (*name).into());
            }
        }
        if self.letter.variant == Variant::Mdns {
            self.multicast_flags();
        }
    }

    fn multicast_flags(&mut self) {
        let unicast = self.all_questions().any(|question| question.class & MULTICAST_BIT != 0);
        // In an OPT the class is a size.
        let zone = self.records.iter().filter(|record| record.kind != kind::OPT);
        let flush = zone.map(|record| record.class).any(|class| class & MULTICAST_BIT != 0);
        for (set, name) in [(unicast, "qu"), (flush, "cache-flush")] {
            if set {
                self.tell(Index::Flags, name.into());
            }
        }
    }

    fn questions(&mut self) {
        let Some(first) = self.question else { return };
        self.question_text(&first);
        self.tell_text(Index::QuestionName);
        self.tell(Index::QuestionType, Value::Text(&codes::kind(first.kind)));
        let class = self.letter.class(first.class);
        self.tell(Index::QuestionClass, Value::Text(&codes::class(class)));
        if self.letter.header.questions() < 2 || self.all_questions().nth(1).is_none() {
            return;
        }
        for question in self.all_questions() {
            self.question_text(&question);
            self.text.push(b' ');
            self.text.extend_from_slice(&codes::kind(question.kind));
            self.text.push(b' ');
            self.text.extend_from_slice(&codes::class(self.letter.class(question.class)));
            self.tell_text(Index::Questions);
        }
    }

    /// The questions that can be read.
    fn all_questions(&self) -> impl Iterator<Item = Question> + use<'m> {
        let walk = Walk::new(self.letter.bytes, &self.letter.header);
        walk.map_while(|item| match item {
            Item::Question(question) => Some(question),
            Item::Record(_) => None,
        })
    }

    fn question_text(&mut self, question: &Question) {
        self.text.clear();
        self.whole &= name::write_bare(self.letter.bytes, question.name_at, &mut self.text).is_ok();
    }

    fn records(&mut self) {
        let records = std::mem::take(&mut self.records);
        for record in records.iter().filter(|record| record.kind != kind::OPT) {
            let index = match record.section {
                Section::Answer => Index::Answers,
                Section::Authority => Index::Authorities,
                Section::Additional => Index::Additionals,
            };
            self.record(index, record);
        }
        let answers = || records.iter().filter(|record| record.section == Section::Answer);
        for record in answers() {
            self.text.clear();
            if rdata::write_address(self.letter.bytes, record, &mut self.text) {
                self.tell_text(Index::ResolvedIps);
            }
        }
        for record in answers().filter(|record| record.kind == kind::CNAME) {
            self.alias(record);
        }
    }

    fn record(&mut self, index: Index, record: &Record) {
        if self.room == 0 {
            return;
        }
        self.text.clear();
        let class = self.letter.class(record.class);
        self.whole &= rdata::write_record(self.letter.bytes, record, class, &mut self.text);
        self.tell_text(index);
    }

    fn alias(&mut self, record: &Record) {
        self.text.clear();
        let at = record.data.start;
        match name::write(self.letter.bytes, at, Pointers::Followed, &mut self.text) {
            Ok(end) if end == record.data.end => {}
            _ => return,
        }
        if self.text.len() > 1 {
            self.text.pop();
        }
        self.tell_text(Index::Cnames);
    }

    fn edns(&mut self) {
        let Some(edns) = self.edns.take() else { return };
        self.tell(Index::EdnsVersion, Value::Integer(edns.version.into()));
        self.tell(Index::EdnsUdpSize, Value::Integer(edns.udp_size.into()));
        self.tell(Index::EdnsDo, Value::Bool(edns.dnssec_ok));
        let to = &mut *self.to;
        self.whole &= edns.options(self.letter.bytes, &mut self.text, |text| {
            to.field(Index::EdnsOptions as usize, Value::Text(text));
        });
    }

    fn tell(&mut self, index: Index, value: Value<'_>) {
        self.to.field(index as usize, value);
    }

    /// Tells what was written, if there is room for it.
    fn tell_text(&mut self, index: Index) {
        self.room = self.room.saturating_sub(self.text.len());
        if self.room > 0 {
            self.to.field(index as usize, Value::Text(&self.text));
        }
    }
}
