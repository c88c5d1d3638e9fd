//! What people ask for besides answers (pause, resume): handed in anywhere, applied by the one worker.
//!
//! Whoever takes a request in ([`Requests::push`]) has proven who asks and that they may; nothing is changed there
//! (invariant 2). The worker makes it count at once, for every pass from then on, and writes it to the ledger, with its
//! audit record, by compare-and-swap. Until that is written it is tried again each second, with everything else that the
//! ledger lacks; nothing can be paid for, and so done, meanwhile.

use crate::{context::Context, policies, record};
use podmender_policy::{
    bounds::Name,
    request::{Done, Request},
    rules::Policy,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

/// So many requests may wait; more are turned away.
const MAX_WAITING: usize = 64;

/// Requests that wait for the worker.
#[derive(Default)]
pub struct Requests {
    waiting: Mutex<VecDeque<Asked>>,
    changed: Notify,
}

/// A request, and who waits for what comes of it.
pub struct Asked {
    request: Request,
    answer: oneshot::Sender<Applied>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What it did.
    pub done: Done,
    /// Whether that is written.
    pub kept: Kept,
}

/// Where something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the API server: it survives a restart. (Or there was nothing to keep.)
    Written,
    /// In memory only: it holds, and is written as soon as the API server takes it.
    InMemory,
}

/// Too many requests wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_WAITING} requests wait already")]
pub struct Full;

impl Requests {
    /// Hands a request in. What comes of it can be waited for; it is applied also if nobody does.
    ///
    /// # Errors
    /// [`Full`]: it was not taken.
    pub fn push(&self, request: Request) -> Result<oneshot::Receiver<Applied>, Full> {
        let (answer, applied) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.len() >= MAX_WAITING {
            return Err(Full);
        }
        waiting.push_back(Asked { request, answer });
        drop(waiting);
        self.changed.notify_one();
        Ok(applied)
    }

    /// Waits for the next request. Cancel safe.
    pub async fn next(&self) -> Asked {
        loop {
            // Registered before looking, so that a request in between is not lost.
            let changed = self.changed.notified();
            if let Some(asked) = self.lock().pop_front() {
                return asked;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Applied {
    /// For the person who asked, about `policy`.
    #[must_use]
    pub fn explain(&self, policy: &Name) -> String {
        let said = self.done.explain(policy);
        match self.kept {
            Kept::Written => said,
            Kept::InMemory => format!(
                "{said} The API server has not taken it yet: it holds while the agent runs, and is tried again."
            ),
        }
    }
}

/// Applies a request and answers whoever waits for it. RBAC: `update` on `ledgers` in the agent's own namespace.
pub async fn apply(asked: Asked, ctx: &Context) {
    let Asked { request, answer } = asked;
    let now = ctx.clock.now();
    let (done, is_news) = {
        let mut state = ctx.store.lock();
        let policy = in_force(&state.policies, request.policy());
        let (done, fact) = request.apply(&mut state.ledger, policy.as_deref(), now);
        let is_news = fact.is_some();
        state.ledger_dirty |= is_news;
        state.unwritten.extend(fact.map(|fact| (now, fact)));
        (done, is_news)
    };
    tracing::info!(?request, ?done, "a request");
    let mut kept = Kept::Written;
    if is_news {
        if let Err(error) = record::flush(now, ctx).await {
            tracing::warn!(%error, "a request holds, and could not be written yet");
            kept = Kept::InMemory;
        }
        policies::look_at_everything(ctx);
    }
    // Whoever asked may have stopped waiting.
    let _ = answer.send(Applied { done, kept });
}

/// Applies what people asked for until `over`, and what waits then: it was acknowledged, so it is not lost when the agent stops.
pub async fn apply_until(over: &CancellationToken, ctx: &Context) {
    loop {
        tokio::select! {
            biased;
            asked = ctx.requests.next() => apply(asked, ctx).await,
            () = over.cancelled() => return,
        }
    }
}

fn in_force(policies: &[Arc<Policy>], name: &Name) -> Option<Arc<Policy>> {
    policies.iter().find(|p| p.key() == *name).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use podmender_policy::approval::Entrance;
    use std::time::Duration;

    fn pause() -> Request {
        Request::Pause {
            policy: "ops/main".into(),
            by: "U1".into(),
            via: Entrance::Kubernetes,
        }
    }

    #[tokio::test]
    async fn a_request_that_comes_while_the_worker_waits_is_not_lost() {
        let requests = Requests::default();
        let next = requests.next();
        tokio::pin!(next);
        assert!(futures::poll!(next.as_mut()).is_pending());
        let applied = requests.push(pause()).expect("taken");
        let asked = tokio::time::timeout(Duration::from_secs(5), next)
            .await
            .expect("woken");
        assert_eq!(asked.request, pause());
        drop(asked);
        assert!(applied.await.is_err(), "nobody is left to answer");
    }

    /// Row 37: whoever pauses a policy while the agent stops has paused it.
    #[tokio::test]
    async fn fault_37_what_was_asked_while_the_agent_stops_is_applied() {
        let rig = crate::slack::rig::rig("stops").await;
        let over = CancellationToken::new();
        let first = rig.ctx.requests.push(pause()).expect("taken");
        let late = async {
            let applied = first.await.expect("applied");
            let last = rig.ctx.requests.push(pause()).expect("taken");
            over.cancel();
            (applied, last)
        };
        let ((applied, last), ()) = futures::join!(late, apply_until(&over, &rig.ctx));
        assert_eq!(applied.done, Done::NoSuchPolicy);
        assert!(last.await.is_ok(), "it waited when all was over");
    }

    #[test]
    fn a_flood_is_turned_away() {
        let requests = Requests::default();
        let taken = (0..100).filter(|_| requests.push(pause()).is_ok()).count();
        assert_eq!(taken, MAX_WAITING);
    }
}
