//! Calls as a Parquet file: written by the store itself, in a store of its own.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use store::{Select, Store};

use super::{file, page};
use crate::{Fault, Who, params::Chosen, state::Api, text::now};

/// Calls of one Parquet file.
const CALLS_MAX: usize = 200_000;
/// Memory for the calls of a file until it is written.
const MEMORY_MAX: usize = 1 << 30;

pub(super) async fn parquet(api: &Arc<Api>, who: &Who, chosen: Chosen) -> Result<Response, Fault> {
    let folder = tempfile::tempdir_in(&api.settings.uploads)
        .or_else(|_| tempfile::tempdir())
        .map_err(Fault::ours)?;
    let options = store::Options {
        memory_bytes_max: MEMORY_MAX,
        age_max: None,
        bytes_max: u64::MAX,
        ..store::Options::default()
    };
    let target = Store::open(folder.path(), api.columns.clone(), options, now())?;
    let (mut after, mut calls) = (None, 0);
    loop {
        let (rows, next) = page(api, who, &chosen, after, Select::Whole).await?;
        calls += rows.len();
        if calls > CALLS_MAX {
            return Err(Fault {
                hint: Some("narrow it by from, to or where".into()),
                ..Fault::bad(format!("a Parquet file has at most {CALLS_MAX} calls"))
            });
        }
        target.append(rows, now())?;
        after = next;
        if after.is_none() {
            break;
        }
    }
    if calls == 0 {
        return Err(Fault::missing("there are no such calls"));
    }
    who.tell(calls, true);
    let path = tokio::task::spawn_blocking(move || {
        target.seal()?;
        drop(target);
        let mut files: Vec<_> = walk(folder.path()).map_err(Fault::ours)?;
        if files.len() > 1 {
            return Err(Fault::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "these calls do not fit one file; narrow it by from, to or where",
            ));
        }
        let path = files.pop().ok_or_else(|| Fault::ours("no file was written"))?;
        Ok((folder, path))
    })
    .await
    .map_err(Fault::ours)??;
    let (folder, path) = path;
    let open = tokio::fs::File::open(&path).await.map_err(Fault::ours)?;
    let length = open.metadata().await.map_err(Fault::ours)?.len();
    // The file is open: it is read to its end although its folder is removed.
    drop(folder);
    let body = Body::from_stream(tokio_util::io::ReaderStream::new(open));
    Ok(file("application/vnd.apache.parquet", "calls.parquet", length, body))
}

/// The Parquet files in a folder, and in the folders in it.
fn walk(folder: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(walk(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    Ok(found)
}
