//! Killed for memory: only what the runtime calls `OOMKilled`. Exit 137 alone is any SIGKILL.

use super::{
    FailureKind,
    crash::{ending, unrecovered},
    sign::Sign,
};
use crate::observation::{ContainerSeen, PodSeen, TerminatedReason};
use jiff::Timestamp;

/// A container whose last run the kernel ended for memory.
pub(super) fn sign<'a>(pod: &'a PodSeen, c: &'a ContainerSeen, now: Timestamp) -> Option<Sign<'a>> {
    let un = unrecovered(pod, c, now)?;
    let oom = un.ended?.reason == TerminatedReason::OOMKilled;
    oom.then(|| ending(FailureKind::OOMKilled, pod, c, un))
}

/// The container's limit in the unit that fits.
pub(super) fn limit(bytes: u64) -> String {
    const MI: u64 = 1 << 20;
    const GI: u64 = 1 << 30;
    match bytes {
        b if b >= GI && b % GI == 0 => format!("{}Gi", b / GI),
        b if b >= MI => format!("{}Mi", b / MI),
        b => format!("{b} bytes"),
    }
}
