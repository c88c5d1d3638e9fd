//! Tests of `diagnose`: the benchmark's seven failures, then family by family, then properties.

mod bench;
mod crashes;
mod properties;
mod starts;

use super::{fixtures::*, *};
use crate::observation::*;

/// The finding for one suspect pod at `now`.
fn one(pod: PodSeen, now: i64) -> Option<Finding> {
    diagnose(&seen(vec![pod]), at(now))
}

/// What is named for one suspect pod at `now`.
fn named(pod: PodSeen, now: i64) -> Option<FailureKind> {
    one(pod, now).map(|f| f.diagnosis.failure)
}
