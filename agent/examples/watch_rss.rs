//! What the watch alone costs: resident memory and time to sync, of the namespaces given, with the current kubeconfig.
//!
//! `KUBECONFIG=... cargo run --release -p podmender --example watch_rss -- load default`; prints every 10 s until it is ended.
#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]
#![expect(
    clippy::disallowed_methods,
    reason = "a measuring program, not the agent"
)]

use podmender::watch::{Watches, World, Worlds};
use podmender_policy::bounds::Name;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let start = Instant::now();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no provider yet");
    let mut config = kube::Config::infer().await.expect("a kubeconfig");
    config.default_retry = false;
    let client = kube::Client::try_from(config).expect("a client");
    let world = Worlds::new(World::new(jiff::Timestamp::now()));
    let wakes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&wakes);
    let (watches, run) = Watches::new(
        client,
        world.clone(),
        Arc::new(jiff::Timestamp::now),
        move |id| {
            tracing::trace!(%id, "wake");
            counter.fetch_add(1, Relaxed);
        },
    );
    let namespaces: BTreeSet<Name> = std::env::args().skip(1).map(Name::from).collect();
    watches.set_namespaces(namespaces.clone());
    let watcher = tokio::spawn(run);
    println!("idle: {}", memory());
    while world.lock().watch_states().is_empty() || !world.lock().synced() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("synced after {:?}: {}", start.elapsed(), memory());
    for _ in 0.. {
        let before = cpu();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (states, counts, suspects) = {
            let world = world.lock();
            (
                world.watch_states(),
                world.failing(&namespaces),
                world.suspects(),
            )
        };
        println!(
            "{:?} cpu {:.2} % {} wakes {} suspects {} stale {} relists {}",
            counts,
            (cpu() - before) / 10.0,
            memory(),
            wakes.load(Relaxed),
            suspects.len(),
            states.iter().filter(|w| !w.fresh()).count(),
            states
                .iter()
                .map(|w| w.lists.saturating_sub(1))
                .sum::<u64>(),
        );
        if watcher.is_finished() {
            break;
        }
    }
}

/// Resident memory now and at its peak.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |key: &str| {
        let line = status.lines().find(|l| l.starts_with(key));
        let number = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
        number.unwrap_or_default() / 1024.0
    };
    format!("rss {:.1} MiB peak {:.1} MiB", kib("VmRSS"), kib("VmHWM"))
}

/// CPU used so far, in hundredths of a second.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = fields
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)
}
