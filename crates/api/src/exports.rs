//! Calls as files, streamed: as many as there are, a page at a time, as fast as they are taken.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderValue,
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::Value;
use store::{Order, PacketsOf, Row, Scan, Select};

use crate::{
    Fault, Role, Who,
    call::{Whole, told, value},
    calls::{download, typed},
    fault::{Answer, ErrorBody},
    packets::{self, Place, search_all},
    params::{Asked, Chosen, Which},
    state::Api,
    streams::inputs_of,
};

mod parquet;

/// Calls that are read at a time.
const PAGE: usize = 500;
/// Calls whose packets are gathered for one capture file.
const PCAP_CALLS_MAX: usize = 20_000;
/// Bytes of a capture file of what nodes hold on to.
const PCAP_BYTES_MAX: usize = 1 << 30;
/// Bytes of packets that are handed on at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Which calls, and as what.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportAsked {
    /// The format.
    format: Format,
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
    /// Calls that began at this time or later.
    from: Option<String>,
    /// Calls that began before this time.
    to: Option<String>,
}

/// What calls can be exported as.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// The output contract, a line each.
    Ndjson,
    /// For spreadsheets; no headers, fields or bodies.
    Csv,
    /// HTTP alone, for developer tools.
    Har,
    /// The store's columns.
    Parquet,
    /// The packets that the calls came in.
    Pcapng,
}

/// Calls as a file, oldest first.
#[utoipa::path(get, path = "/api/v1/export", tag = "exports", params(ExportAsked),
    responses((status = 200, description = "The file", content(
            (String = "application/x-ndjson"), (String = "text/csv"), (Object = "application/json"),
            (Vec<u8> = "application/vnd.apache.parquet"), (Vec<u8> = "application/vnd.tcpdump.pcap"))),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn export(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<ExportAsked>,
) -> Answer<Response> {
    let which = Which { condition: asked.condition, from: asked.from, to: asked.to };
    let chosen = which.choose(&api, &who)?;
    let format = asked.format;
    if !who.sees_payloads() && !matches!(format, Format::Csv | Format::Ndjson) {
        return Err(Fault::forbidden(
            "this token may not see payloads; csv and ndjson have none for it",
        ));
    }
    match format {
        Format::Parquet => parquet::parquet(&api, &who, chosen).await,
        Format::Pcapng => pcapng(&api, &who, chosen).await,
        Format::Ndjson | Format::Csv | Format::Har => Ok(text(api, who, chosen, format)),
    }
}

/// Where an export is.
struct Export {
    api: Arc<Api>,
    who: Who,
    chosen: Chosen,
    format: Format,
    after: Option<store::Place>,
    state: Step,
    any: bool,
}

/// What comes next.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Step {
    Begin,
    Pages,
    End,
    Done,
}

fn text(api: Arc<Api>, who: Who, chosen: Chosen, format: Format) -> Response {
    let (content_type, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "calls.csv"),
        Format::Har => ("application/json", "calls.har"),
        _ => ("application/x-ndjson", "calls.ndjson"),
    };
    let begin = Export { api, who, chosen, format, after: None, state: Step::Begin, any: false };
    // Who compresses asks again after the end.
    let pieces = stream::unfold(begin, async |mut export| {
        let piece = export.next().await?;
        if piece.is_err() {
            export.state = Step::Done;
        }
        Some((piece, export))
    });
    download(content_type, name, Body::from_stream(pieces.fuse()))
}

impl Export {
    /// The next piece of the file. An error breaks it off, so that nobody takes it for whole.
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        match self.state {
            Step::Begin => {
                self.state = Step::Pages;
                Some(Ok(Bytes::from(match self.format {
                    Format::Csv => export::csv_begin(),
                    Format::Har => export::har_begin(),
                    _ => String::new(),
                })))
            }
            Step::Pages => match self.page().await {
                Ok(text) => Some(Ok(Bytes::from(text))),
                Err(fault) => Some(Err(std::io::Error::other(fault.message))),
            },
            Step::End => {
                self.state = Step::Done;
                let end = if self.format == Format::Har { export::HAR_END } else { "" };
                Some(Ok(Bytes::from_static(end.as_bytes())))
            }
            Step::Done => None,
        }
    }

    async fn page(&mut self) -> Result<String, Fault> {
        let select = if self.format == Format::Csv { Select::Summary } else { Select::Whole };
        let page = page(&self.api, &self.who, &self.chosen, self.after.take(), select).await?;
        let mut text = String::new();
        for row in &page.0 {
            self.push(row, &mut text);
        }
        self.after = page.1;
        if self.after.is_none() {
            self.state = Step::End;
        }
        Ok(text)
    }

    fn push(&mut self, row: &Row, text: &mut String) {
        let payloads = self.format != Format::Csv && self.who.sees_payloads();
        match self.format {
            Format::Csv => export::csv_line(&value(row, Whole::Summary, self.who.role()), text),
            Format::Har => {
                let Some(entry) = export::har_entry(&value(row, Whole::All, self.who.role()))
                else {
                    return;
                };
                if self.any {
                    text.push(',');
                }
                self.any = true;
                text.push_str(&entry.to_string());
            }
            _ => {
                text.push_str(&told(row, Whole::All, self.who.role()));
                text.push('\n');
            }
        }
        self.who.tell(1, payloads);
    }
}

/// A page of calls, oldest first, and where to go on.
async fn page(
    api: &Arc<Api>,
    who: &Who,
    chosen: &Chosen,
    after: Option<store::Place>,
    select: Select,
) -> Result<(Vec<Row>, Option<store::Place>), Fault> {
    let Chosen { condition, from, to } = chosen.clone();
    let (order, who) = (Order::OldestFirst, who.clone());
    api.query(move |api, stop| {
        let scan = Scan { condition, from, to, order, after, limit: PAGE, select, stop };
        let page = api.source.by(&who).scan(&scan)?;
        Ok((page.rows, page.next))
    })
    .await
}

/// The packets of all calls, in the order of their captures.
async fn pcapng(api: &Arc<Api>, who: &Who, chosen: Chosen) -> Result<Response, Fault> {
    if !api.source.members().is_empty() {
        let Chosen { condition, from, to } = chosen;
        let of = PacketsOf::Calls(Scan { condition, from, to, ..Scan::default() });
        return packets::file(api, who.clone(), of, "calls.pcapng", PCAP_BYTES_MAX).await;
    }
    let mut places: BTreeMap<Vec<PathBuf>, Vec<Place>> = BTreeMap::new();
    let (mut after, mut calls) = (None, 0);
    loop {
        let (rows, next) = page(api, who, &chosen, after, Select::Summary).await?;
        for row in &rows {
            let call: Value = value(row, Whole::Summary, Role::Viewer);
            let Ok(inputs) = inputs_of(api, &call) else { continue };
            let Ok(place) = Place::of_call(&call, inputs, api.settings.mask.is_some()) else {
                continue;
            };
            calls += 1;
            places.entry(place.inputs.clone()).or_default().push(place);
        }
        after = next;
        if after.is_none() {
            break;
        }
        if calls > PCAP_CALLS_MAX {
            return Err(Fault {
                hint: Some("narrow it by from, to or where".into()),
                ..Fault::bad(format!("a capture file is made of at most {PCAP_CALLS_MAX} calls"))
            });
        }
    }
    if calls == 0 {
        return Err(Fault::missing(
            "the packets of these calls are not there, or there are no such calls",
        ));
    }
    who.tell(calls, true);
    let (send, receive) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    let permit = api.queries.clone().acquire_owned().await.map_err(Fault::ours)?;
    tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        let mut file = export::Pcapng::new(&mut out);
        for places in places.values() {
            let searched = search_all(places, &store::Stop::default(), |found| {
                let packet = &found.packet;
                file.packet(packet.at, packet.link.0, packet.bytes, packet.wire_len, &mut out);
                out.len() < PIECE_BYTES
                    || send.blocking_send(Ok(Bytes::from(std::mem::take(&mut out)))).is_ok()
            });
            if let Err(fault) = searched {
                drop(send.blocking_send(Err(std::io::Error::other(fault.message))));
                return;
            }
        }
        drop(send.blocking_send(Ok(Bytes::from(out))));
        drop(permit);
    });
    let pieces = stream::unfold(receive, async |mut receive| {
        let piece = receive.recv().await?;
        Some((piece, receive))
    });
    Ok(download("application/vnd.tcpdump.pcap", "calls.pcapng", Body::from_stream(pieces.fuse())))
}

/// A file that is there already.
fn file(content_type: &'static str, name: &str, length: u64, body: Body) -> Response {
    let mut response = typed(content_type, body);
    let headers = response.headers_mut();
    headers.insert(axum::http::header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(place) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(axum::http::header::CONTENT_DISPOSITION, place);
    }
    response
}
