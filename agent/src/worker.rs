//! The one worker: what is due is looked at, one workload after the other, and the ledger is kept up to date in between.

use crate::{
    begin::{RETRY, remember},
    context::Context,
    health::Health,
    queue::Turn,
    reconcile::reconcile,
    record, request, upkeep,
};
use podmender_policy::{bounds::Name, workload::WorkloadRef};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the ledger's lag behind the incidents is made up for.
const FLUSH: Duration = Duration::from_secs(1);

/// Reads what the agent knew, and only then looks at anything: without its memory nothing is done.
pub(crate) async fn remember_and_work(
    ctx: Arc<Context>,
    granted: BTreeSet<Name>,
    health: Arc<Health>,
    stop: CancellationToken,
    heard_out: CancellationToken,
) {
    let remembered = stop.run_until_cancelled(remember(&granted, &ctx, &health));
    if remembered.await.is_some() {
        health.remembers();
        work(&ctx, granted, stop).await;
        request::apply_until(&heard_out, &ctx).await;
        let _ = record::flush(ctx.clock.now(), &ctx).await;
    }
}

/// Looks at what is due, one workload after the other, and keeps the ledger up to date in between.
async fn work(ctx: &Context, granted: BTreeSet<Name>, stop: CancellationToken) {
    let mut forget = tokio::time::interval(upkeep::EVERY);
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failures: HashMap<WorkloadRef, u32> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = flush.tick() => {
                ctx.metrics.queue_depth(ctx.queue.depth());
                if let Err(error) = record::flush(ctx.clock.now(), ctx).await {
                    tracing::warn!(error = describe(&error), "the ledger lags behind the incidents");
                }
            }
            _ = forget.tick() => upkeep::forget(&granted, ctx.clock.now(), ctx).await,
            asked = ctx.requests.next() => request::apply(asked, ctx).await,
            turn = ctx.queue.next() => pass(&turn, ctx, &mut failures).await,
        }
    }
}

async fn pass(turn: &Turn, ctx: &Context, failures: &mut HashMap<WorkloadRef, u32>) {
    match reconcile(turn, ctx).await {
        Ok(next) => {
            failures.remove(&turn.workload);
            if let Some(delay) = next {
                ctx.queue.wake_in(turn.workload.clone(), delay);
            }
        }
        Err(error) => {
            let tries = failures.entry(turn.workload.clone()).or_default();
            *tries += 1;
            // The first conflicts are decided anew at once (row 6); then with back-off.
            let delay = RETRY
                .0
                .saturating_mul(1 << (*tries - 1).min(6))
                .min(RETRY.1)
                .max(error.retry_after());
            tracing::warn!(workload = %turn.workload, error = describe(&error), category = error.category(), tries, "a pass was not finished; it is tried again");
            ctx.queue.wake_in(turn.workload.clone(), delay);
        }
    }
}

/// An error with its causes.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
