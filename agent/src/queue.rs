//! What is to be looked at, and when: one entry per workload, the earliest time wins.

use podmender_policy::workload::WorkloadRef;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Keys with due times. Bounded by the number of workloads.
#[derive(Default)]
pub struct Queue {
    due: Mutex<HashMap<WorkloadRef, Due>>,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// When something happened that asks for the look; `None` for a look planned ahead.
    triggered: Option<Instant>,
}

/// A workload whose time has come.
#[derive(Debug)]
pub struct Turn {
    /// Which.
    pub workload: WorkloadRef,
    /// When the first trigger came in, if it was one: detection latency counts from here.
    pub triggered: Option<Instant>,
}

impl Queue {
    /// Something happened: look now.
    pub fn wake(&self, workload: WorkloadRef) {
        let now = Instant::now();
        let mut due = self.lock();
        let entry = due.entry(workload).or_insert(Due {
            at: now,
            triggered: None,
        });
        entry.at = entry.at.min(now);
        entry.triggered = entry.triggered.or(Some(now));
        drop(due);
        self.changed.notify_one();
    }

    /// Look again after `delay` at the latest.
    pub fn wake_in(&self, workload: WorkloadRef, delay: Duration) {
        let at = Instant::now() + delay;
        let mut due = self.lock();
        let entry = due.entry(workload).or_insert(Due {
            at,
            triggered: None,
        });
        entry.at = entry.at.min(at);
        drop(due);
        self.changed.notify_one();
    }

    /// How many workloads are due now.
    #[must_use]
    pub fn depth(&self) -> usize {
        let now = Instant::now();
        self.lock().values().filter(|d| d.at <= now).count()
    }

    /// For tests: how many workloads it knows.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits for the next workload whose time has come. Cancel safe.
    pub async fn next(&self) -> Turn {
        loop {
            // Registered before looking, so that a wake in between is not lost.
            let changed = self.changed.notified();
            let earliest = match self.pop() {
                Ok(turn) => return turn,
                Err(earliest) => earliest,
            };
            match earliest {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Takes the earliest due workload, or says when the earliest will be due.
    fn pop(&self) -> Result<Turn, Option<Instant>> {
        let now = Instant::now();
        let mut due = self.lock();
        let Some((workload, earliest)) = due
            .iter()
            .min_by_key(|(_, d)| d.at)
            .map(|(w, d)| (w.clone(), d.at))
        else {
            return Err(None);
        };
        if earliest > now {
            return Err(Some(earliest));
        }
        let triggered = due.remove(&workload).and_then(|d| d.triggered);
        Ok(Turn {
            workload,
            triggered,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkloadRef, Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podmender_policy::workload::WorkloadKind;

    fn workload(name: &str) -> WorkloadRef {
        WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "a".into(),
            name: name.into(),
        }
    }

    #[tokio::test]
    async fn many_wakes_of_one_workload_are_one_turn() {
        let queue = Queue::default();
        queue.wake_in(workload("x"), Duration::from_secs(60));
        for _ in 0..100 {
            queue.wake(workload("x"));
        }
        assert_eq!(queue.depth(), 1);
        assert_eq!(queue.next().await.workload, workload("x"));
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test]
    async fn a_later_plan_does_not_delay_an_earlier_one() {
        let queue = Queue::default();
        queue.wake_in(workload("x"), Duration::from_millis(5));
        queue.wake_in(workload("x"), Duration::from_secs(60));
        let turn = tokio::time::timeout(Duration::from_secs(5), queue.next())
            .await
            .expect("due");
        assert!(turn.triggered.is_none(), "a planned look is no detection");
    }

    #[tokio::test]
    async fn a_wake_while_waiting_is_not_lost() {
        let queue = std::sync::Arc::new(Queue::default());
        let waiting = queue.next();
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        queue.wake(workload("y"));
        let turn = tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .expect("woken");
        assert_eq!(turn.workload, workload("y"));
    }
}
