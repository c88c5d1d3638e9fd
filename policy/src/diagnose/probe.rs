//! Failing probes: what the kubelet kills for liveness or startup, and what loses its readiness while it runs.

use super::{
    FailureKind, Standing,
    crash::{self, Unrecovered, ending, unrecovered},
    sign::Sign,
};
use crate::observation::{
    ContainerSeen, ContainerState, EventSeen, PodSeen, Probe, ProbeFailure, Ready, Terminated,
};
use jiff::{SignedDuration, Timestamp};

/// A ready container whose last probe failure is older than this has recovered: three default probe periods.
pub const RECENT: SignedDuration = SignedDuration::from_secs(30);
/// An ending this soon after a probe failure is its doing: the kubelet gives the default grace of 30 s, then kills;
/// the status takes a moment more.
const KILLED_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// The kubelet's Event spam filter lets one through per 5 min (client-go events_cache.go), so with a kill on record and a
/// signal's exit code the newest Event may be that much older.
const KILLED_WITHIN_FILTERED: SignedDuration = SignedDuration::from_secs(360);
/// A startup probe may fail through a normal start; this often and for this long, it is none.
const STARTUP_MANY: u32 = 30;
const STARTUP_LONG: SignedDuration = SignedDuration::from_secs(300);

/// A container that the kubelet killed for its liveness or startup probe and that has not recovered since.
///
/// A kill ends in 137, 143, or in whatever the program makes of SIGTERM, even 0: only the Event tells it from a crash.
pub(super) fn killed<'a>(
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    now: Timestamp,
) -> Option<Sign<'a>> {
    let failure = newest(pod, c, |p| p.probe != Probe::Readiness)?;
    let ended = newest_end(c).filter(|t| caused(failure, t));
    let un = match unrecovered(pod, c, now) {
        Some(un) if un.ended.is_some() => ended.map(|_| un)?,
        Some(un) => failure.killed.map(|_| un)?,
        None => unrecovered_kill(c, failure, ended?, now)?,
    };
    let mut sign = ending(kind(failure.probe), pod, c, un);
    sign.since = sign.since.min(failure.first);
    sign.last = sign.last.max(failure.last);
    Some(described(sign, failure))
}

/// An ending for a probe that looks like a good one (exit 0), not yet recovered from.
fn unrecovered_kill<'a>(
    c: &'a ContainerSeen,
    failure: &ProbeFailure,
    ended: &'a Terminated,
    now: Timestamp,
) -> Option<Unrecovered<'a>> {
    let until = recovers(failure);
    let well = matches!(c.state, ContainerState::Running(_)) && c.ready && now >= until?;
    (!well).then_some(Unrecovered {
        ended: Some(ended),
        times: c.restarts.max(1),
        message: "",
        until,
    })
}

/// When a ready container counts as recovered from a probe failure.
pub(super) fn recovers(failure: &ProbeFailure) -> Option<Timestamp> {
    failure.last.checked_add(RECENT).ok()
}

/// Whether an ending was the kubelet's, for that probe.
fn caused(failure: &ProbeFailure, t: &Terminated) -> bool {
    let Some(finished) = t.finished else {
        return failure.killed.is_some();
    };
    // Before the first failure it was something else; the kubelet's clock is in both times.
    if finished < failure.first {
        return false;
    }
    let signal = matches!(t.exit_code, 137 | 143);
    let window = match (failure.killed.is_some(), signal) {
        (true, true) => KILLED_WITHIN_FILTERED,
        (true, false) | (false, true) => KILLED_WITHIN,
        (false, false) => return false,
    };
    finished.duration_since(failure.last) <= window
}

/// A liveness probe that fails while the container runs (the kubelet counts up to its threshold), or a startup probe
/// for which the kubelet has begun to kill, or that has failed for far too long.
pub(super) fn liveness<'a>(
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    now: Timestamp,
) -> Option<Sign<'a>> {
    let ContainerState::Running(since) = &c.state else {
        return None;
    };
    let failing = |p: &ProbeFailure| {
        let this_run = since.is_none_or(|s| p.last >= s);
        let recent = recovers(p).is_none_or(|at| now < at);
        this_run
            && match p.probe {
                Probe::Liveness => c.started && recent,
                Probe::Startup => {
                    let long = p.last.duration_since(p.first) >= STARTUP_LONG;
                    let killing = p.killed.is_some_and(|k| since.is_none_or(|s| k >= s));
                    !c.started && (killing || (p.count >= STARTUP_MANY && long))
                }
                Probe::Readiness => false,
            }
    };
    let failure = newest(pod, c, failing)?;
    Some(described(
        running(kind(failure.probe), pod, c, failure),
        failure,
    ))
}

/// A container that ran and was Ready, and is not any more. A new pod that is not Ready yet is no failure.
///
/// The status alone says it (Events may be filtered or forbidden): a started container that was running when the pod
/// lost its readiness, and that says of itself that it is not ready.
pub(super) fn readiness<'a>(pod: &'a PodSeen, c: &'a ContainerSeen) -> Option<Sign<'a>> {
    let (ContainerState::Running(since), Ready::No(unready)) = (&c.state, pod.ready) else {
        return None;
    };
    if !pod.was_ready || !c.started || c.ready {
        return None;
    }
    let kind = FailureKind::ReadinessProbeFailed;
    let this_run =
        |p: &ProbeFailure| p.probe == Probe::Readiness && since.is_none_or(|s| p.last >= s);
    if let Some(failure) = newest(pod, c, this_run) {
        let mut sign = running(kind, pod, c, failure);
        sign.since = unready;
        sign.last = sign.last.max(unready);
        return Some(described(sign, failure));
    }
    let lost_it = since.is_some_and(|s| s < unready);
    lost_it.then(|| Sign::new(kind, pod).of(c))
}

/// A Ready pod whose readiness probe has just failed: the kubelet counts up to its threshold (3 by default, 10 s apart).
pub(super) fn unsteady<'a>(
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    now: Timestamp,
) -> Option<Sign<'a>> {
    let (ContainerState::Running(since), Ready::Yes(ready)) = (&c.state, pod.ready) else {
        return None;
    };
    let fits = |p: &ProbeFailure| {
        // Times have whole seconds: the last failure before it became Ready may lie in the same one.
        let this_run = p.last > ready && since.is_none_or(|s| p.last >= s);
        let recent = recovers(p).is_none_or(|at| now < at);
        p.probe == Probe::Readiness && this_run && recent
    };
    let failure = newest(pod, c, fits)?;
    let mut sign = running(FailureKind::ReadinessProbeFailed, pod, c, failure);
    sign.standing = Standing::Suspected;
    Some(described(sign, failure))
}

fn running<'a>(
    kind: FailureKind,
    pod: &'a PodSeen,
    c: &'a ContainerSeen,
    failure: &'a ProbeFailure,
) -> Sign<'a> {
    let mut sign = Sign::new(kind, pod).of(c);
    sign.since = failure.first;
    sign.last = failure.last;
    sign
}

fn described<'a>(mut sign: Sign<'a>, failure: &'a ProbeFailure) -> Sign<'a> {
    sign.probe = Some(failure);
    sign.message = failure.message.as_str();
    sign.occurrences = sign.occurrences.max(failure.count);
    sign.event = None;
    sign
}

/// The Event that shows a probe failure.
pub(super) fn event(failure: &ProbeFailure) -> EventSeen {
    EventSeen {
        reason: "Unhealthy".into(),
        message: failure.message.clone(),
        last: failure.last,
        count: failure.count,
    }
}

fn kind(probe: Probe) -> FailureKind {
    match probe {
        Probe::Liveness => FailureKind::LivenessProbeFailed,
        Probe::Readiness => FailureKind::ReadinessProbeFailed,
        Probe::Startup => FailureKind::StartupProbeFailed,
    }
}

/// The newest failure of that container that fits.
fn newest<'a>(
    pod: &'a PodSeen,
    c: &ContainerSeen,
    fits: impl Fn(&ProbeFailure) -> bool,
) -> Option<&'a ProbeFailure> {
    let ours = pod
        .probes
        .iter()
        .filter(|p| p.container == c.name && fits(p));
    ours.max_by_key(|p| (p.last, p.killed, p.probe, p.count))
}

/// How the container ended most recently.
fn newest_end(c: &ContainerSeen) -> Option<&Terminated> {
    match &c.state {
        ContainerState::Terminated(t) => Some(t),
        _ => c.last.as_ref(),
    }
}

/// When, without any news, `c` counts as recovered from probe failures and endings.
pub(super) fn lapses(pod: &PodSeen, c: &ContainerSeen, now: Timestamp) -> Option<Timestamp> {
    let probes = pod
        .probes
        .iter()
        .filter(|p| p.container == c.name && p.probe != Probe::Readiness)
        .filter_map(recovers);
    let ending = crash::unrecovered(pod, c, now).and_then(|u| u.until);
    probes.chain(ending).filter(|at| *at > now).min()
}
