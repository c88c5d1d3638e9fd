//! The evidence: one sentence for a person who was just woken, and what to believe it by.

use super::{
    Evidence, FailureFamily, FailureKind, Missing, command, config, image, memory, probe, schedule,
    sign::Sign, volume,
};
use crate::{
    bounds::{Message, Text},
    logs,
    observation::{
        ContainerRole, ContainerState, LogCause, LogFindings, Probe, Terminated, WaitingReason,
    },
};
use jiff::SignedDuration;

/// How sure a state is that needs no log: Kubernetes itself names the cause.
pub(super) const NAMED: u8 = 95;
/// How sure an exit code alone is.
const BY_EXIT_CODE: u8 = 40;

/// The evidence for a sign.
pub(super) fn evidence(sign: &Sign<'_>) -> Evidence {
    let read = sign.container.and_then(|c| c.log.as_ref());
    // Without a log, what the container left as its termination message may say it.
    let left = if read.is_none() {
        last_words(sign)
    } else {
        None
    };
    let log = read.or(left.as_ref());
    let (sentence, confidence) = sentence(sign, log);
    Evidence {
        sentence: Message::new(&sentence),
        confidence,
        cause: log.map_or(LogCause::Unknown, |l| l.cause),
        message: Message::new(sign.message),
        lines: log.map(|l| l.lines.clone()).unwrap_or_default(),
        event: sign.probe.map(probe::event).or_else(|| sign.event.cloned()),
        image: sign
            .container
            .map_or_else(Text::default, |c| Text::new(c.image.as_str())),
    }
}

/// What the termination message says (`terminationMessagePath`, or the log's end by `FallbackToLogsOnError`).
fn last_words(sign: &Sign<'_>) -> Option<LogFindings> {
    let family = sign.kind.family();
    let own = matches!(
        family,
        FailureFamily::Crash | FailureFamily::Job | FailureFamily::Probe
    );
    let message = own.then(|| sign.ended.map(|t| t.message.as_str()))??;
    logs::analyse(message.as_bytes())
}

fn sentence(sign: &Sign<'_>, log: Option<&LogFindings>) -> (String, u8) {
    let who = who(sign);
    match sign.kind.family() {
        FailureFamily::Crash | FailureFamily::Job => ends(sign, log, &who),
        FailureFamily::Memory => (killed_for_memory(sign, &who), NAMED),
        FailureFamily::Probe | FailureFamily::Readiness => (probed(sign, log, &who), NAMED),
        FailureFamily::Config => (unmade(sign, &who), NAMED),
        FailureFamily::Command => (unrun(sign, &who), NAMED),
        FailureFamily::Image => (unpulled(sign, &who), NAMED),
        FailureFamily::Volume => (unmounted(sign), NAMED),
        FailureFamily::Schedule => {
            let why = schedule::meaning(sign.message);
            (format!("no node takes the pod: {why}"), NAMED)
        }
        FailureFamily::Node => {
            let node = sign.pod.node.as_ref().map_or("its node", |n| n.as_str());
            (
                format!(
                    "node {node} does not answer; the pod's containers were well when it last did"
                ),
                NAMED,
            )
        }
    }
}

/// The container with its role.
fn who(sign: &Sign<'_>) -> String {
    sign.container.map_or_else(
        || "a container".to_owned(),
        |c| match c.role {
            ContainerRole::Init => format!("init container {}", c.name),
            ContainerRole::Sidecar => format!("sidecar {}", c.name),
            ContainerRole::Main => format!("container {}", c.name),
        },
    )
}

fn ends(sign: &Sign<'_>, log: Option<&LogFindings>, who: &str) -> (String, u8) {
    let job = if sign.kind == FailureKind::JobFailed {
        "the Job has given up: "
    } else {
        ""
    };
    let how = match sign.ended {
        Some(t) => format!("exits with {}", t.exit_code),
        None => "crashes again and again".to_owned(),
    };
    match log {
        Some(l) if l.cause != LogCause::Unknown => {
            (format!("{job}{who} {how}: {}", l.sentence), l.confidence)
        }
        _ => {
            let code = sign.ended.and_then(exit_meaning);
            let why = code.map_or_else(String::new, |m| format!(" ({m})"));
            let silent = log.map_or_else(String::new, |l| format!("; {}", l.sentence));
            let sure = if code.is_some() {
                BY_EXIT_CODE
            } else {
                BY_EXIT_CODE / 2
            };
            (format!("{job}{who} {how}{why}{silent}"), sure)
        }
    }
}

/// What an exit code says by itself (128 + signal as shells and runtimes report it; sysexits.h; language runtimes).
fn exit_meaning(t: &Terminated) -> Option<&'static str> {
    Some(match t.exit_code {
        0 => "it ends although it should keep running",
        1 => "a general error of the program",
        2 => "wrong usage or arguments, or a Go panic",
        101 => "a Rust panic",
        126 => "the command cannot be executed",
        127 => "the command was not found",
        129 => "ended by SIGHUP",
        130 => "interrupted, SIGINT",
        132 => "illegal instruction: built for another CPU?",
        134 => "aborted, SIGABRT: a failed assertion or a runtime's fatal error",
        135 => "bus error, SIGBUS: often a full /dev/shm",
        136 => "arithmetic error, SIGFPE",
        137 => "killed, SIGKILL, and not for its memory limit",
        139 => "segmentation fault, SIGSEGV",
        143 => "asked to stop, SIGTERM",
        _ => return None,
    })
}

fn killed_for_memory(sign: &Sign<'_>, who: &str) -> String {
    let limit = sign.container.and_then(|c| c.memory_limit).map_or_else(
        || "was killed for memory, without a limit of its own: the node was short".to_owned(),
        |bytes| {
            format!(
                "was killed for exceeding its memory limit of {}",
                memory::limit(bytes)
            )
        },
    );
    let ran = sign.ended.and_then(super::crash::run);
    let after = ran.map_or_else(String::new, |r| format!(", {} after it started", span(r)));
    format!("{who} {limit}{after}")
}

/// A length of time in its largest unit.
fn span(d: SignedDuration) -> String {
    match d.as_secs() {
        s if s >= 172_800 => format!("{} days", s / 86_400),
        s if s >= 7_200 => format!("{} h", s / 3_600),
        s if s >= 120 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn probed(sign: &Sign<'_>, log: Option<&LogFindings>, who: &str) -> String {
    let said = sign.probe.map_or("", |p| probe_words(p.message.as_str()));
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    };
    let why = log
        .filter(|l| l.cause != LogCause::Unknown)
        .map_or_else(String::new, |l| format!("; its log: {}", l.sentence));
    let killed = sign.ended.is_some() || sign.probe.is_some_and(|p| p.killed.is_some());
    match sign.probe.map(|p| p.probe) {
        Some(Probe::Liveness) if killed => {
            format!("the kubelet restarts {who}: its liveness probe fails{said}{why}")
        }
        Some(Probe::Startup) if killed => {
            format!("the kubelet restarts {who}: its startup probe never succeeds{said}{why}")
        }
        Some(Probe::Liveness) => format!("{who} fails its liveness probe{said}{why}"),
        Some(Probe::Startup) => format!("{who} is not up yet: its startup probe fails{said}{why}"),
        Some(Probe::Readiness) | None => {
            format!("{who} runs but fails its readiness probe, so it gets no traffic{said}{why}")
        }
    }
}

/// The kubelet's message without its preamble: `Liveness probe failed: HTTP probe failed with statuscode: 404`.
fn probe_words(message: &str) -> &str {
    let after = message
        .split_once("probe failed: ")
        .or_else(|| message.split_once("probe errored: "));
    after.map_or(message, |(_, words)| words).trim()
}

fn unmade(sign: &Sign<'_>, who: &str) -> String {
    let why = match &sign.missing {
        Some(missing) => absent(missing),
        None => config::meaning(sign.message).to_owned(),
    };
    format!("{who} cannot start: {why}")
}

/// What is missing, in words.
fn absent(missing: &Missing) -> String {
    let kind = config::kind_word(missing.kind);
    match &missing.key {
        Some(key) => format!("{kind} \"{}\" has no key \"{key}\"", missing.name),
        None => format!("{kind} \"{}\" does not exist", missing.name),
    }
}

fn unrun(sign: &Sign<'_>, who: &str) -> String {
    let hook = match sign.container.map(|c| &c.state) {
        Some(ContainerState::Waiting { reason, .. }) => match reason {
            WaitingReason::PostStartHookError => Some("its postStart hook fails"),
            WaitingReason::PreStartHookError => Some("a hook of the container runtime fails"),
            _ => None,
        },
        _ => None,
    };
    let code = sign.ended.map(|t| t.exit_code);
    let why = hook.unwrap_or_else(|| command::meaning(sign.message, code));
    format!("{who} cannot start: {why}")
}

fn unpulled(sign: &Sign<'_>, who: &str) -> String {
    let reason = sign.container.and_then(|c| match &c.state {
        ContainerState::Waiting { reason, .. } => Some(*reason),
        _ => None,
    });
    let event = sign.event.map_or("", |e| e.message.as_str());
    let mut why = image::meaning(sign.kind, reason, sign.message);
    if why == image::UNNAMED {
        // The back-off's message often names no cause; the Event of the failed pull does.
        why = image::meaning(sign.kind, reason, event);
    }
    let image = sign.container.map_or("", |c| c.image.as_str());
    format!("{who} cannot start: {why} ({image})")
}

fn unmounted(sign: &Sign<'_>) -> String {
    let volume = volume::name(sign.message).map_or_else(
        || "a volume of the pod".to_owned(),
        |name| format!("volume \"{name}\""),
    );
    match &sign.missing {
        Some(missing) => format!("{volume} cannot be mounted: {}", absent(missing)),
        None => format!("{volume} cannot be mounted: {}", volume::why(sign.message)),
    }
}
