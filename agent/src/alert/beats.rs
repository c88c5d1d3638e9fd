//! What a receiver forgets unless it is told again: the active incidents of an Alertmanager, each due at its time.

use crate::alert::{alertmanager::AT_ONCE, notice::Notice};
use podmender_policy::incident::{IncidentId, Phase};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

#[derive(Debug)]
struct Beat {
    notice: Arc<Notice>,
    due: Duration,
}

/// The active incidents of one channel.
#[derive(Debug)]
pub(crate) struct Beats {
    every: Duration,
    active: BTreeMap<IncidentId, Beat>,
}

impl Beats {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            active: BTreeMap::new(),
        }
    }

    /// Takes the newest state of an incident.
    pub(crate) fn offer(&mut self, notice: &Arc<Notice>, now: Duration) {
        if notice.phase == Phase::Resolved {
            self.active.remove(&notice.id);
            return;
        }
        let due = self.active.get(&notice.id).map(|beat| beat.due);
        let mut notice = Arc::clone(notice);
        Arc::make_mut(&mut notice).slim();
        let beat = Beat {
            due: due.unwrap_or(now + self.every),
            notice,
        };
        self.active.insert(beat.notice.id.clone(), beat);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.active.values().map(|beat| beat.due).min()
    }

    /// Those that are due.
    pub(crate) fn due(&self, now: Duration) -> Vec<Arc<Notice>> {
        let due = self.active.values().filter(|beat| beat.due <= now);
        due.take(AT_ONCE).map(|b| Arc::clone(&b.notice)).collect()
    }

    /// These are being sent, so each is due later again.
    pub(crate) fn sent(&mut self, notices: &[Arc<Notice>], now: Duration) {
        for notice in notices {
            if let Some(beat) = self.active.get_mut(&notice.id) {
                beat.due = now + self.every;
            }
        }
    }

    pub(crate) fn forget(&mut self, id: &IncidentId) {
        self.active.remove(id);
    }
}
