//! How fast requests may follow each other, whatever the servers do.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Lists per second over all namespaces, once the first ones are done (fault 22).
const LISTS_PER_SECOND: u32 = 10;
/// Lists that may go at once after the start: three namespaces' worth.
const FREE_LISTS: u32 = 30;
/// One watch may be started this often ...
const STARTS: usize = 4;
/// ... within this time. A server that accepts a watch and closes it at once would otherwise be asked in a tight loop.
const WITHIN: Duration = Duration::from_secs(10);

/// Shared by all watches.
pub(super) struct Pace(Mutex<Lists>);

struct Lists {
    free: u32,
    last: VecDeque<Instant>,
}

/// The latest starts of one watch.
pub(super) type Turns = Mutex<VecDeque<Instant>>;

impl Pace {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Lists {
            free: FREE_LISTS,
            last: VecDeque::new(),
        }))
    }

    /// Waits until a request with this query may be sent.
    pub(super) async fn turn(&self, query: &str, turns: &Turns) {
        let watch = query.contains("watch=true");
        let list = query.contains("sendInitialEvents=true")
            || (!watch && query.contains("limit=") && !query.contains("continue="));
        if watch {
            let at = reserve(&mut lock(turns), STARTS, WITHIN);
            sleep_until(at).await;
        }
        if list {
            let at = self.list();
            sleep_until(at).await;
        }
    }

    fn list(&self) -> Instant {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.free > 0 {
            lists.free -= 1;
            return Instant::now();
        }
        reserve(
            &mut lists.last,
            LISTS_PER_SECOND as usize,
            Duration::from_secs(1),
        )
    }
}

/// The earliest time at which no more than `most` fall into any span of `within`; and takes it.
fn reserve(taken: &mut VecDeque<Instant>, most: usize, within: Duration) -> Instant {
    let now = Instant::now();
    let at = match taken.len() < most {
        true => now,
        false => taken
            .pop_front()
            .map_or(now, |oldest| (oldest + within).max(now)),
    };
    taken.push_back(at);
    at
}

fn lock(turns: &Turns) -> std::sync::MutexGuard<'_, VecDeque<Instant>> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fault_22_lists_of_300_namespaces_are_spread() {
        let pace = Pace::new();
        let turns = Turns::default();
        let start = Instant::now();
        for _ in 0..FREE_LISTS {
            pace.turn("limit=500", &turns).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..300 {
            pace.turn("limit=500", &turns).await;
        }
        assert_eq!(start.elapsed().as_secs(), 29);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_closes_at_once_is_asked_four_times_in_ten_seconds() {
        let (pace, turns) = (Pace::new(), Turns::default());
        let start = Instant::now();
        for _ in 0..9 {
            pace.turn("watch=true", &turns).await;
        }
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
