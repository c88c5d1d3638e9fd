//! How fast text is redacted: `cargo bench -p podmender-policy --bench redact`. The mark is 200 MB/s on one core.
#![allow(missing_docs, reason = "a benchmark")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use podmender_policy::redact;
use std::hint::black_box;

#[path = "../tests/support/secrets.rs"]
mod secrets;

fn redactions(c: &mut Criterion) {
    let mut random = secrets::Random::new(7);
    let mut ordinary = String::new();
    while ordinary.len() < 1 << 20 {
        for (_, line) in secrets::ordinary(&mut random) {
            ordinary.push_str(&line);
            ordinary.push('\n');
        }
    }
    let some = ordinary.get(..4096).unwrap_or_default();
    let leaking: String = secrets::cases(&mut random, 1)
        .into_iter()
        .map(|case| case.text + "\n")
        .collect();

    let mut group = c.benchmark_group("redact");
    for (name, text) in [
        ("ordinary_1_mib", ordinary.as_str()),
        ("ordinary_4_kib", some),
        ("every_line_leaks", &leaking),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| redact::raw(black_box(text))));
    }
    group.finish();
}

criterion_group!(benches, redactions);
criterion_main!(benches);
