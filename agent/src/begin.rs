//! What the agent must know before it does anything: the API server's time, and what it knew before.

use crate::{
    context::{Clock, Context},
    health::Health,
    load,
};
use kube::Client;
use podmender_policy::bounds::Name;
use std::{collections::BTreeSet, time::Duration};

/// The first and the longest wait before the API server is asked again.
pub(crate) const RETRY: (Duration, Duration) =
    (Duration::from_millis(800), Duration::from_secs(30));

/// Asks the API server for its time until it answers.
pub(crate) async fn anchored(client: &Client, health: &Health) -> Clock {
    let mut wait = RETRY.0;
    loop {
        match Clock::anchored(client).await {
            Ok(clock) => return clock,
            Err(error) => {
                health.say(format!("the API server does not answer: {error}"));
                tracing::warn!(%error, "the API server does not answer; trying again");
            }
        }
        pause(&mut wait).await;
    }
}

/// Reads ledger and incidents until they can be read.
pub(crate) async fn remember(granted: &BTreeSet<Name>, ctx: &Context, health: &Health) {
    let mut wait = RETRY.0;
    loop {
        match load::load(granted, ctx).await {
            Ok(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "incidents of one namespace cannot be read");
                }
                return;
            }
            Err(error) => {
                health.say(error.to_string());
                tracing::error!(%error, "the agent's own state cannot be read, so nothing is done; trying again");
            }
        }
        pause(&mut wait).await;
    }
}

/// Waits, with jitter, and longer the next time.
async fn pause(wait: &mut Duration) {
    use std::hash::{BuildHasher, RandomState};
    let jitter = RandomState::new().hash_one(()) % 400;
    tokio::time::sleep(*wait + Duration::from_millis(jitter)).await;
    *wait = (*wait * 2).min(RETRY.1);
}
