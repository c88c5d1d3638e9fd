//! `podmender run`: puts the tasks together and ends the process when one of them is lost (invariant 10).

use crate::{
    alert::{News, Outbox, PostedNow, Secrets, outbox::Now},
    approvals,
    args::{Interactions, RunArgs},
    begin::anchored,
    context::{Context, Outlets, careful, patient},
    evidence,
    health::{Health, gauges},
    http::{self, Probes},
    lease::{self, Lease},
    llm::{Explained, Summaries},
    metrics::Metrics,
    policies, proof, publish,
    queue::Queue,
    request::Requests,
    slack::{self, apis::Apis, intake::Intake},
    store::Store,
    watch::{Watches, World, Worlds},
    worker::remember_and_work,
};
use anyhow::Context as _;
use futures::FutureExt;
use kube::Client;
use podmender_policy::{
    bounds::{Name, Text},
    rules::Ground,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a pass may still take after SIGTERM (faults.md, row 37).
const DRAIN: Duration = Duration::from_secs(10);
/// So long a call to a language model waits to be written into the ledger; then it is not made.
const PAY: Duration = Duration::from_secs(60);
/// So long an answer from Slack, acknowledged already, waits at the start for the policies; then its person is told to try again.
const POLICIES: Duration = Duration::from_secs(30);

/// Runs the agent until SIGTERM or SIGINT (exit code 0), or until a task is lost.
///
/// # Errors
/// If the configuration makes no sense, or a task ended that must not end.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tasks are spawned: each is watched for its end"
)]
pub async fn run(config: kube::Config, args: RunArgs) -> anyhow::Result<u8> {
    let stop = CancellationToken::new();
    let watch_client = patient(&config).context("the client cannot be set up")?;
    let client = careful(&config).context("the client cannot be set up")?;
    tokio::spawn(end_at_signal(stop.clone()));
    run_until(stop, (watch_client, client), Arc::default(), args).await
}

/// Runs until `stop`, with a client for watches and a careful one; `health` tells how it is doing.
#[expect(
    clippy::disallowed_methods,
    reason = "the worker ends last, and is waited for"
)]
pub(crate) async fn run_until(
    stop: CancellationToken,
    (watch_client, client): (Client, Client),
    health: Arc<Health>,
    args: RunArgs,
) -> anyhow::Result<u8> {
    let metrics = Arc::new(Metrics::new(
        env!("CARGO_PKG_VERSION"),
        option_env!("PODMENDER_REVISION").unwrap_or("unknown"),
    ));
    let mut tasks = JoinSet::new();
    serve(&args, &health, &metrics, &stop, &mut tasks).await?;
    let Some(clock) = stop.run_until_cancelled(anchored(&client, &health)).await else {
        return Ok(0);
    };
    let now: Now = Arc::new(move || clock.now());
    let mut lease = args.lease.as_deref().map(|name| {
        let namespace = &args.scope.own.namespace;
        let now = Arc::clone(&now);
        Lease::new(client.clone(), namespace, name, &args.pod_name, now)
    });
    let leads = stop.run_until_cancelled(lead(lease.as_mut(), &health, &metrics));
    let Some(since) = leads.await else {
        give_back(lease.as_mut()).await;
        return Ok(0);
    };
    let (events, events_rx) = mpsc::channel(256);
    let (logs, logs_rx) = mpsc::channel(64);
    let own = Name::new(&args.scope.own.namespace);
    let granted: BTreeSet<Name> = args.scope.namespaces.iter().map(|n| Name::new(n)).collect();
    let world = Worlds::new(World::new(clock.now()));
    let secrets = Secrets::new(args.secrets_dir.clone());
    let slack = Apis::new(args.slack.api.url.clone(), secrets.clone());
    let slack = Arc::new(slack.heard_by(args.slack.interactions));
    let summaries = Summaries::new(secrets.clone(), Arc::clone(&metrics), Arc::clone(&now));
    let alerts = Outbox::new(secrets, Arc::clone(&slack), Arc::clone(&metrics), now);
    let ctx = Arc::new(Context {
        client,
        clock,
        world: world.clone(),
        store: Store::default(),
        queue: Queue::default(),
        requests: Requests::default(),
        metrics,
        outlets: Outlets { events, logs },
        alerts,
        slack,
        summaries,
        own_namespace: own.clone(),
    });
    health.set_context(&ctx);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), own_namespace = %own, namespaces = args.scope.namespaces.join(","), "starting");

    let queue = Arc::clone(&ctx);
    let (watches, watching) = Watches::new(
        watch_client.clone(),
        world,
        Arc::new(move || clock.now()),
        move |w| queue.queue.wake(w),
    );
    tasks.spawn(async move {
        match watching.await {
            Err(lost) => Lost(lost.to_string()),
        }
    });
    // The watches begin while the agent's own state is still being read: they only wake workloads, and nobody looks at one before.
    let ground = Ground {
        own,
        granted: granted.clone(),
    };
    spawn(
        &mut tasks,
        "policies",
        policies::run(
            watch_client.clone(),
            ground,
            watches,
            Arc::clone(&health.governed),
            Arc::clone(&ctx),
        ),
    );
    let (remembered, answered) = (Arc::clone(&health), Arc::clone(&ctx));
    let namespaces = granted.clone();
    spawn(&mut tasks, "approvals", async move {
        // Those that were there at the start are read with the rest of the agent's memory.
        remembered.remembered().await;
        approvals::run(watch_client, namespaces, answered).await
    });
    let (remembered, proven) = (Arc::clone(&health), Arc::clone(&ctx));
    spawn(&mut tasks, "proof", async move {
        remembered.remembered().await;
        proof::run(proven).await
    });
    spawn(&mut tasks, "logs", evidence::run(logs_rx, Arc::clone(&ctx)));
    spawn(
        &mut tasks,
        "events",
        publish::run(events_rx, ctx.client.clone(), args.pod_name.clone()),
    );
    let outbox = Arc::clone(&ctx);
    spawn(&mut tasks, "alerts", async move {
        outbox.alerts.run(|news| heard(news, &outbox)).await;
    });
    let heard_out = answers(&args, &ctx, &health, &stop, &mut tasks).await?;
    let explained = Arc::clone(&ctx);
    spawn(&mut tasks, "summaries", async move {
        let pay = |model: &Text<128>| paid(model, &explained).boxed();
        explained
            .summaries
            .run(|news| learned(news, &explained), &pay)
            .await;
    });
    let mut worker = tokio::spawn(remember_and_work(
        Arc::clone(&ctx),
        granted,
        Arc::clone(&health),
        stop.clone(),
        heard_out,
    ));

    tokio::select! {
        biased;
        () = stop.cancelled() => {
            // The worker finishes the pass that it is in: no orphan intent (row 37). What Slack was told is taken is written.
            let _ = tokio::time::timeout(DRAIN, &mut worker).await;
            give_back(lease.as_mut()).await;
            tracing::info!("stopped");
            Ok(0)
        }
        lost = hold(lease.as_mut(), since) => {
            // What is under way is not waited for: another replica may be at it already, and the ledger lets one of them act.
            anyhow::bail!("this replica leads no more: {lost}")
        }
        lost = tasks.join_next() => anyhow::bail!("{}", lost.map_or("nothing runs".to_owned(), |l| l.map_or_else(|e| e.to_string(), |Lost(what)| what))),
        ended = &mut worker => anyhow::bail!("the reconciler ended: {}", ended.err().map_or_else(|| "no reason".to_owned(), |e| e.to_string())),
    }
}

/// Waits until this replica leads; at once, if it is the only one.
async fn lead(lease: Option<&mut Lease>, health: &Health, metrics: &Metrics) -> Instant {
    let Some(lease) = lease else {
        metrics.leads(true);
        return Instant::now();
    };
    let since = lease
        .take(|leader| {
            // Where nobody is known to lead, this is no standby but an agent that does nothing: not Ready (row 41).
            match leader {
                Some(leader) => {
                    health.follows();
                    tracing::info!(leader, "standing by");
                }
                None => {
                    health.follows_nobody();
                    health.say("the lease cannot be taken, and nobody is known to lead".to_owned());
                }
            }
        })
        .await;
    health.follows_nobody();
    metrics.leads(true);
    tracing::info!("leading");
    since
}

/// So that another replica need not wait for its end.
async fn give_back(lease: Option<&mut Lease>) {
    if let Some(lease) = lease {
        lease.release().await;
    }
}

/// Holds the lease until it is lost; for ever, if there is none.
async fn hold(lease: Option<&mut Lease>, since: Instant) -> lease::Lost {
    match lease {
        Some(lease) => lease.keep(since).await,
        None => std::future::pending().await,
    }
}

/// What is said of a task that ended although nobody asked it to.
struct Lost(String);

fn spawn<T>(
    tasks: &mut JoinSet<Lost>,
    name: &'static str,
    task: impl Future<Output = T> + Send + 'static,
) {
    tasks.spawn(async move {
        task.await;
        Lost(format!("the task {name} ended"))
    });
}

/// Lets people's answers in from Slack. Nothing else waits for any of it, until the agent stops: what it gives is cancelled when
/// all that was acknowledged is dealt with.
async fn answers(
    args: &RunArgs,
    ctx: &Arc<Context>,
    health: &Arc<Health>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<Lost>,
) -> anyhow::Result<CancellationToken> {
    let heard_out = CancellationToken::new();
    let over = heard_out.clone().drop_guard();
    let (sink, arrivals) = mpsc::channel(slack::arrival::ROOM);
    let (apis, metrics) = (Arc::clone(&ctx.slack), Arc::clone(&ctx.metrics));
    match args.slack.interactions {
        Interactions::Off => return Ok(heard_out),
        Interactions::Socket => {
            let listening = slack::entrance::socket(apis, sink, metrics);
            spawn(tasks, "Slack's socket", listening);
        }
        Interactions::Http => {
            let address = args.slack.bind;
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.with_context(|| {
                format!("cannot listen on {address} (--slack-bind, PODMENDER_SLACK_BIND)")
            })?;
            let serving = slack::entrance::http(listener, apis, sink, metrics, ctx.clock);
            spawn(tasks, "Slack's requests", serving);
        }
    }
    let (intake, health) = (Intake::new(Arc::clone(ctx)), Arc::clone(health));
    let stop = stop.clone();
    spawn(tasks, "Slack's answers", async move {
        let _over = over;
        // Without its memory the agent would call every button an old one, and without policies nobody may press any.
        let knows = async {
            health.remembered().await;
            let _ = tokio::time::timeout(POLICIES, health.governed.wait()).await;
        };
        let _ = stop.run_until_cancelled(knows).await;
        if health.has_started() {
            intake.run(arrivals, stop).await;
        }
    });
    Ok(heard_out)
}

fn heard(news: News, ctx: &Context) {
    let now = ctx.clock.now();
    let workloads: Vec<_> = match news {
        News::Told(told) => {
            let mut store = ctx.store.lock();
            let noted = told.iter();
            noted
                .filter_map(|told| store.told(&told.incident, told.phase, now))
                .collect()
        }
        News::Posted(PostedNow {
            incident,
            channel,
            post,
        }) => {
            let workload = ctx.store.lock().posted(&incident, &channel, post);
            workload.into_iter().collect()
        }
        News::Problems => Vec::new(),
    };
    for workload in workloads {
        ctx.queue.wake_in(workload, Duration::ZERO);
    }
}

/// Waits until a call to `model` is written into the ledger, which the worker brings up to date each second. Says whether it is.
fn paid(model: &Text<128>, ctx: &Context) -> impl Future<Output = bool> + use<> {
    let written = ctx.store.lock().pay_for_call(model.clone());
    async move { matches!(tokio::time::timeout(PAY, written).await, Ok(Ok(()))) }
}

/// A model has explained an incident: it is written, and shown, with the workload's next pass.
fn learned(news: Explained, ctx: &Context) {
    let workload = ctx.store.lock().explained(&news.incident, news.summary);
    if let Some(workload) = workload {
        ctx.queue.wake_in(workload, Duration::ZERO);
    }
}

async fn end_at_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut term) => {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    tracing::info!("stopping");
    stop.cancel();
}

/// Binds first, so that a port that is taken is an error at the start and not later.
async fn serve(
    args: &RunArgs,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<Lost>,
) -> anyhow::Result<()> {
    let Some(address) = args.bind.0 else {
        return Ok(());
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (--bind, PODMENDER_BIND)"))?;
    let (ready, fresh) = (Arc::clone(health), Arc::clone(health));
    let probes = Probes {
        alive: Arc::new(|| true),
        ready: Arc::new(move || ready.readiness()),
        before_metrics: Arc::new(move |m| gauges(&fresh, m)),
        metrics: Arc::clone(metrics),
    };
    let stop = stop.clone();
    tasks.spawn(async move {
        let ended = http::serve(listener, probes, async move { stop.cancelled().await }).await;
        Lost(format!(
            "the HTTP server ended: {}",
            ended
                .err()
                .map_or_else(|| "stopped".to_owned(), |e| e.to_string())
        ))
    });
    Ok(())
}
