//! How long `plan` takes per workload: `cargo bench -p podmender-policy`. The mark is 10 microseconds.
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use podmender_policy::{
    logs::analyse,
    observation::Observation,
    plan::{Plan, plan},
    rules::Policy,
};
use std::hint::black_box;
use support::Shop;

#[path = "../tests/support/mod.rs"]
mod support;

const LOG: &str = "2026-11-21T09:00:00Z INFO starting, version 1.2.3\n\
    2026-11-21T09:00:01Z ERROR dial tcp 10.96.0.7:5432: connect: connection refused\n\
    2026-11-21T09:00:02Z ERROR dial tcp 10.96.0.7:5432: connect: connection refused\n\
    2026-11-21T09:00:03Z FATAL giving up after 3 tries: DATABASE_URL=postgres://app:s3cr3t@db:5432/shop\n";

fn measure(c: &mut Criterion, name: &str, shop: &Shop, policy: &Policy, seen: &Observation) {
    let look =
        |incident| -> Plan { plan(policy, &shop.ledger, incident, black_box(seen), shop.now) };
    c.bench_function(name, |b| {
        b.iter_batched(|| shop.incident.clone(), look, BatchSize::SmallInput);
    });
}

fn plans(c: &mut Criterion) {
    let policy = support::autonomous();
    let shop = Shop::new();
    measure(c, "plan/healthy", &shop, &policy, &shop.observe());

    let mut shop = Shop::new().crash_loop();
    measure(c, "plan/first_look", &shop, &policy, &shop.observe());

    let with_log = |shop: &Shop| {
        let mut seen = shop.observe();
        let log = analyse(LOG.as_bytes()).expect("findings");
        assert!(log.lines.iter().any(|l| !l.is_empty()));
        for container in seen
            .suspects
            .iter_mut()
            .flat_map(|p| p.containers.iter_mut())
        {
            container.log = Some(log.clone());
        }
        seen
    };
    measure(
        c,
        "plan/first_look_with_log",
        &shop,
        &policy,
        &with_log(&shop),
    );

    shop.pass(&policy);
    shop.wait(5);
    measure(c, "plan/open_with_log", &shop, &policy, &with_log(&shop));
}

criterion_group!(benches, plans);
criterion_main!(benches);
