//! What Prometheus reads: rate, errors and duration of each pair of workloads, and every loss.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{extract::State, response::Response};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text::encode},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use store::{Part, Row};

use crate::{Scope, Unread, Who, calls::typed, fault::Answer, imports::Phase, state::Api};

/// Pairs of workloads that are told apart; all others are one.
const PAIRS_MAX: usize = 1000;
/// Workloads whose unread bytes are told apart.
const UNREAD_MAX: usize = 100;
/// Where durations are cut, in seconds.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Names of the figures of calls, and what they are.
const CALLS: (&str, &str) = ("calls", "Calls seen, by who called whom");
const ERRORS: (&str, &str) = ("call_errors", "Calls that ended in an error");
const SECONDS_TAKEN: (&str, &str) =
    ("call_duration_seconds", "From a request's first byte to its response's last");

/// Who called whom in which protocol.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Pair {
    src: String,
    dst: String,
    protocol: String,
}

/// The namespaces of a pair's ends.
type Namespaces = [Option<String>; 2];

/// Figures of calls, kept as they come in.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Pair, Counter>,
    errors: Family<Pair, Counter>,
    seconds: Family<Pair, Histogram, fn() -> Histogram>,
    known: Mutex<HashMap<Pair, Namespaces>>,
    taken: AtomicU64,
    rate: Mutex<Rate>,
}

/// Calls a second, looked at now and then.
#[derive(Debug)]
struct Rate {
    at: Instant,
    taken: u64,
    per_second: f64,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("callscope");
        let (calls, errors) =
            (Family::<Pair, Counter>::default(), Family::<Pair, Counter>::default());
        let seconds: Family<Pair, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register(CALLS.0, CALLS.1, calls.clone());
        registry.register(ERRORS.0, ERRORS.1, errors.clone());
        registry.register(SECONDS_TAKEN.0, SECONDS_TAKEN.1, seconds.clone());
        let rate = Rate { at: Instant::now(), taken: 0, per_second: 0.0 };
        Self {
            registry,
            calls,
            errors,
            seconds,
            known: Mutex::default(),
            taken: AtomicU64::new(0),
            rate: Mutex::new(rate),
        }
    }

    /// Counts a call; one that goes on is counted at its end.
    pub(crate) fn call(&self, row: &Row) {
        if row.is_open() {
            return;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        let namespaces = [&SRC, &DST].map(|end| row.get(end.namespace).map(Cow::into_owned));
        let pair = Pair {
            src: name(row, &SRC),
            dst: name(row, &DST),
            protocol: row.protocol().into_owned(),
        };
        let pair = self.bounded(pair, namespaces);
        self.calls.get_or_create(&pair).inc();
        if row.result() == Some("error") {
            self.errors.get_or_create(&pair).inc();
        }
        if let Some(ns) = row.duration_ns() {
            #[expect(clippy::cast_precision_loss, reason = "a millionth is lost in 100 days")]
            self.seconds.get_or_create(&pair).observe(ns as f64 / 1e9);
        }
    }

    /// The pair, or that of all others when there are too many.
    fn bounded(&self, pair: Pair, namespaces: Namespaces) -> Pair {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&pair) {
            return pair;
        }
        if known.len() < PAIRS_MAX {
            known.insert(pair.clone(), namespaces);
            return pair;
        }
        Pair { src: "(others)".into(), dst: "(others)".into(), protocol: pair.protocol }
    }

    /// The pairs that have an end in a scope.
    fn within(&self, scope: &Scope) -> Vec<Pair> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_within =
            |namespaces: &Namespaces| namespaces.iter().any(|one| scope.has(one.as_deref()));
        known.iter().filter(|(_, of)| is_within(of)).map(|(pair, _)| pair.clone()).collect()
    }

    /// Calls a second, of the last seconds.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn rates(&self) -> f64 {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = rate.at.elapsed().as_secs_f64();
        if seconds >= 1.0 {
            let taken = self.taken.load(Ordering::Relaxed);
            rate.per_second = (taken - rate.taken) as f64 / seconds;
            (rate.taken, rate.at) = (taken, Instant::now());
        }
        rate.per_second
    }
}

/// Where the names of an end are, the best first.
struct Names {
    namespace: Part,
    names: [Part; 3],
    ip: Part,
}

const SRC: Names = Names {
    namespace: Part::SrcNamespace,
    names: [Part::SrcWorkloadName, Part::SrcService, Part::SrcName],
    ip: Part::SrcIp,
};
const DST: Names = Names {
    namespace: Part::DstNamespace,
    names: [Part::DstWorkloadName, Part::DstService, Part::DstName],
    ip: Part::DstIp,
};

fn name(row: &Row, of: &Names) -> String {
    let Some(name) = of.names.iter().find_map(|part| row.get(*part)) else {
        return row.get(of.ip).unwrap_or_default().into_owned();
    };
    match row.get(of.namespace) {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.into_owned(),
    }
}

/// The figures of calls of some pairs.
#[derive(Debug)]
struct Chosen {
    metrics: Arc<Metrics>,
    pairs: Vec<Pair>,
}

impl Collector for Chosen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = [(CALLS, &self.metrics.calls), (ERRORS, &self.metrics.errors)];
        for ((name, about), family) in counters {
            let mut told = encoder.encode_descriptor(name, about, None, MetricType::Counter)?;
            for pair in &self.pairs {
                // A look must not make one that is not there.
                let Some(counter) = family.get(pair) else { continue };
                ConstCounter::new(counter.get()).encode(told.encode_family(pair)?)?;
            }
        }
        let (name, about) = SECONDS_TAKEN;
        let mut told = encoder.encode_descriptor(name, about, None, MetricType::Histogram)?;
        for pair in &self.pairs {
            let Some(histogram) = self.metrics.seconds.get(pair) else { continue };
            histogram.encode(told.encode_family(pair)?)?;
        }
        Ok(())
    }
}

/// Everything that is looked up when somebody asks.
struct Looked(Arc<Api>, Who);

impl fmt::Debug for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looked")
    }
}

/// Whose bytes could not be read, and why.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct NotRead {
    workload: String,
    reason: &'static str,
}

/// What a count is called.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Named {
    name: String,
}

impl Collector for Looked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (api, who) = (&self.0, &self.1);
        let told = crate::health::losses(api);
        let about = "What was lost or could not be read; 0 is not told";
        let losses = told["losses"].as_array().into_iter().flatten();
        let losses =
            losses.filter_map(|loss| Some((loss["name"].as_str()?, loss["count"].as_u64()?)));
        let losses: Vec<_> = losses.collect();
        let first = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor("losses", about, None, first.metric_type())?;
        for (name, count) in losses {
            let labels = Named { name: name.to_owned() };
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        encode_unread(api, who, &mut encoder)?;
        let facts = api.source.facts();
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let running =
            api.imports.all().iter().filter(|import| import.phase() < Phase::Done).count();
        let gauges = [
            ("store_calls", "Calls that the store holds", number(facts.calls)),
            ("store_memory_bytes", "Bytes of calls in memory", number(facts.memory_bytes)),
            ("store_file_bytes", "Bytes of sealed files", number(facts.file_bytes)),
            ("store_log_bytes", "Bytes of logs", number(facts.log_bytes)),
            ("tail_readers", "Readers of the live tail", number(api.hub.readers() as u64)),
            ("imports_unfinished", "Imports that are read or wait", number(running as u64)),
            (
                "sink_calls_waiting",
                "Calls that wait in the store for a sink",
                number(api.settings.sinks.iter().map(|sent| sent.waiting()).sum()),
            ),
        ];
        for (name, about, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        for count in facts.counts.iter().filter(|count| !count.is_loss) {
            let counter = ConstCounter::new(count.value);
            counter.encode(encoder.encode_descriptor(
                &count.name,
                &count.about,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// Bytes that could not be read, by workload and reason: the most of them; all others together.
fn encode_unread(
    api: &Api,
    who: &Who,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let mut sums: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    for (at, seen) in crate::health::unread(api, who).into_iter().enumerate() {
        let Unread { namespace, workload, server, why, bytes, .. } = seen.unread;
        let name = workload.or(server).filter(|_| at < UNREAD_MAX);
        let name = match (namespace, name) {
            (_, None) => "(others)".into(),
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            (None, Some(name)) => name,
        };
        *sums.entry((name, why)).or_default() += bytes;
    }
    let about = "Bytes captured that could not be read, by the server's workload";
    let first = ConstCounter::new(0_u64);
    let mut family = encoder.encode_descriptor("unread_bytes", about, None, first.metric_type())?;
    for ((workload, reason), bytes) in sums {
        let labels = NotRead { workload, reason };
        ConstCounter::new(bytes).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Metrics for Prometheus, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics", content_type = "application/openmetrics-text", body = String)))]
pub(crate) async fn metrics(State(api): State<Arc<Api>>, who: Who) -> Answer<Response> {
    let mut text = String::new();
    match who.scope() {
        None => encode(&mut text, &api.metrics.registry).map_err(crate::Fault::ours)?,
        Some(scope) => {
            let pairs = api.metrics.within(scope);
            let mut chosen = Registry::with_prefix("callscope");
            let metrics = api.metrics.clone();
            chosen.register_collector(Box::new(Chosen { metrics, pairs }));
            encode(&mut text, &chosen).map_err(crate::Fault::ours)?;
        }
    }
    // Each registry ends its text; there is one end.
    let text_end = text.rfind("# EOF").unwrap_or(text.len());
    text.truncate(text_end);
    let mut looked = Registry::with_prefix("callscope");
    looked.register_collector(Box::new(Looked(api.clone(), who)));
    encode(&mut text, &looked).map_err(crate::Fault::ours)?;
    Ok(typed("application/openmetrics-text; version=1.0.0; charset=utf-8", text))
}
