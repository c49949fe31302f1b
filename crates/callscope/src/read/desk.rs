//! What all workers have counted: told at the end, and to whoever watches while they go on.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use capture::IntakeCount;
use flow::Report;

use super::{naming::Witness, pipeline::lock};

/// Hears what was counted so far, about once a second.
pub(crate) type Watcher = Arc<dyn Fn(&Report) + Send + Sync>;

/// How often it does.
const EVERY: Duration = Duration::from_secs(1);

/// Where workers put what they have counted, while somebody watches.
pub(super) struct Desk {
    watcher: Option<Watcher>,
    witness: Option<Arc<dyn Witness>>,
    on_it: Mutex<OnIt>,
}

#[derive(Default)]
struct OnIt {
    /// Of each worker, the latest.
    reports: Vec<Report>,
    intake: Vec<IntakeCount>,
    /// When the intake counted last.
    counted: Option<Instant>,
}

/// When a worker counted last.
pub(super) struct Turn(Instant);

// === impl Desk ===

impl Desk {
    pub(super) fn new(
        watcher: Option<Watcher>,
        witness: Option<Arc<dyn Witness>>,
        threads: usize,
    ) -> Self {
        let on_it = OnIt { reports: vec![Report::default(); threads], ..OnIt::default() };
        Self { watcher, witness, on_it: Mutex::new(on_it) }
    }

    /// A worker begins.
    pub(super) fn turn(&self) -> Turn {
        Turn(Instant::now())
    }

    /// Tells what a worker has counted, if somebody watches and it is time.
    pub(super) fn tell(&self, index: usize, turn: &mut Turn, report: impl FnOnce() -> Report) {
        let Some(watcher) = &self.watcher else { return };
        if turn.0.elapsed() < EVERY {
            return;
        }
        turn.0 = Instant::now();
        let all = {
            let mut on_it = lock(&self.on_it);
            if let Some(place) = on_it.reports.get_mut(index) {
                *place = report();
            }
            // One tells for all.
            (index == 0).then(|| (on_it.reports.clone(), on_it.intake.clone()))
        };
        if let Some((reports, intake)) = all {
            let witness = self.witness.iter().flat_map(|witness| witness.counts());
            watcher(&total(reports, intake.into_iter().chain(witness)));
        }
    }

    /// Whether the intake is to count.
    pub(super) fn wants_intake(&self) -> bool {
        let counted = lock(&self.on_it).counted;
        self.watcher.is_some() && counted.is_none_or(|at| at.elapsed() >= EVERY)
    }

    /// What the intake has counted.
    pub(super) fn intake(&self, counts: Vec<IntakeCount>) {
        let mut on_it = lock(&self.on_it);
        (on_it.intake, on_it.counted) = (counts, Some(Instant::now()));
    }
}

/// What workers, and whoever is around them, counted together.
pub(super) fn total(
    reports: impl IntoIterator<Item = Report>,
    counts: impl IntoIterator<Item = IntakeCount>,
) -> Report {
    let mut reports = reports.into_iter();
    let mut report = reports.next().unwrap_or_default();
    reports.for_each(|one| report.add(&one));
    for count in counts {
        report.count(count.name, count.words, count.value, count.is_loss);
    }
    report
}
