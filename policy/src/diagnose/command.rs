//! Commands that cannot be run: exit 126 and 127, the runtime's StartError, and containers that cannot be created or started.

use super::{
    FailureKind,
    crash::{ending, unrecovered},
    sign::{Sign, unready_since},
};
use crate::observation::{
    ContainerSeen, ContainerState, PodSeen, Terminated, TerminatedReason, WaitingReason,
};
use jiff::Timestamp;

/// Whether the command itself could not be run: the shell's 126 (not executable) and 127 (not found), or the runtime's
/// `StartError` (containerd, CRI-O) and `ContainerCannotRun` (dockershim). A plain exit 128 is the program's own (git's `fatal:`).
pub(super) fn cannot_run(t: &Terminated) -> bool {
    matches!(t.exit_code, 126 | 127)
        || matches!(
            t.reason,
            TerminatedReason::StartError | TerminatedReason::ContainerCannotRun
        )
}

/// A container that cannot be created or started.
pub(super) fn sign<'a>(pod: &'a PodSeen, c: &'a ContainerSeen, now: Timestamp) -> Option<Sign<'a>> {
    if let Some(un) = unrecovered(pod, c, now)
        && let Some(t) = un.ended.filter(|t| cannot_run(t))
    {
        // The back-off's own message says nothing about the command; the runtime's does.
        let sign = ending(FailureKind::ContainerCannotRun, pod, c, un);
        return Some(sign.saying(best(t.message.as_str(), un.message)));
    }
    let ContainerState::Waiting { reason, message } = &c.state else {
        return None;
    };
    let kind = match reason {
        // The same trouble alternates with CrashLoopBackOff after StartError: one name for both.
        WaitingReason::RunContainerError if c.last.as_ref().is_some_and(cannot_run) => {
            FailureKind::ContainerCannotRun
        }
        WaitingReason::RunContainerError
        | WaitingReason::PreStartHookError
        | WaitingReason::PostStartHookError => FailureKind::RunContainerError,
        WaitingReason::CreateContainerError => FailureKind::CreateContainerError,
        _ => return None,
    };
    let mut sign = Sign::new(kind, pod).of(c).saying(message.as_str());
    sign.ended = c.last.as_ref().filter(|t| cannot_run(t));
    sign.occurrences = c.restarts.saturating_add(1);
    sign = sign.shown_by(&["Failed", "BackOff"]);
    sign.since = unready_since(pod);
    if let Some(at) = sign.ended.and_then(|t| t.finished) {
        sign.last = sign.last.max(at);
    }
    Some(sign)
}

fn best<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

/// What the runtime's message means, if it is one of the usual ones.
pub(super) fn meaning(message: &str, exit_code: Option<i32>) -> &'static str {
    let has = |what: &str| message.contains(what);
    if has("exec format error") {
        return "the program is built for another architecture, or its script has no #! line (exec format error)";
    }
    if has("executable file not found") {
        return "the command is not in the image (executable not found in $PATH)";
    }
    if has("no such file or directory") {
        return "the command, or the interpreter it names, is not in the image (no such file or directory)";
    }
    if has("permission denied") {
        return "the command is not executable for the container's user (permission denied)";
    }
    if has("no command specified") {
        return "neither the image nor the spec says which command to run";
    }
    if has("is a directory") {
        return "the command is a directory";
    }
    if has("context deadline exceeded") {
        return "the container runtime did not answer in time";
    }
    if has("failed to reserve container name") {
        return "the container runtime still holds an earlier container of that name";
    }
    if has("read-only file system") {
        return "a mount point cannot be made on a read-only file system";
    }
    match exit_code {
        Some(126) => "the command was found and cannot be executed (exit 126)",
        Some(127) => "the command was not found (exit 127)",
        _ => "the container runtime refused it",
    }
}
