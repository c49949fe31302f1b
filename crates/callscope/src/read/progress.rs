//! The progress bar, where there is something to wait for and somebody to see it.

use std::{io::IsTerminal, sync::Arc};

use capture::Reader;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error, or nothing.
#[derive(Clone, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
    watch: Option<Arc<dyn Fn(u64) + Send + Sync>>,
}

// === impl Progress ===

impl Progress {
    /// A bar if `wanted`, standard error is a terminal and the input is at least `bytes_min` long.
    pub fn new(reader: &Reader, wanted: bool, bytes_min: u64) -> Self {
        let total = reader.progress().bytes_total.filter(|total| *total >= bytes_min);
        let bar = match total {
            Some(total) if wanted && std::io::stderr().is_terminal() => {
                let style = ProgressStyle::with_template(
                    "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
                );
                Some(
                    ProgressBar::new(total)
                        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
                )
            }
            _ => None,
        };
        Self { bar, watch: None }
    }

    /// Tells `watch` how many bytes were read, and shows nothing.
    pub fn watched(watch: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { bar: None, watch: Some(Arc::new(watch)) }
    }

    /// So far.
    pub fn set(&self, bytes: u64) {
        if let Some(watch) = &self.watch {
            watch(bytes);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
