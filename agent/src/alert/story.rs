//! An incident in the words of the person on call: what fails, why, what was done, what is next, where to look.
//! Pure text; each receiver's form (Slack, JSON, terminal) is made from it.

use crate::alert::{guess::Guess, notice::Notice};
use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    bounds::Name,
    decide::{DecisionKind, Reason},
    diagnose::{Diagnosis, FailureKind, Missing, MissingKind},
    incident::{Attempt, Phase},
    observation::ContainerRole,
    remedy::{Effect, Outcome, Refusal},
    verify::Verdict,
    workload::{WorkloadKind, WorkloadRef},
};
use std::fmt::Write;

/// What is said of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// One line: state, workload, failure.
    pub title: String,
    /// Label and text, in the order in which a person asks.
    pub facts: Vec<(&'static str, String)>,
    /// The cluster's own words: messages, log lines, the event.
    pub evidence: Vec<String>,
    /// What a language model makes of it; nobody has checked that.
    pub guess: Option<Guess>,
    /// Commands to look closer or to answer.
    pub commands: Vec<String>,
}

/// Tells an incident.
#[must_use]
pub fn of(notice: &Notice, now: Timestamp) -> Story {
    let ends = notice.phase == Phase::Resolved;
    let mut facts = vec![("Workload", place(&notice.workload))];
    let what = failing(&notice.diagnosis);
    // A cause that begins with what fails says both.
    let cause = notice.evidence.sentence.as_str();
    let both = cause.to_lowercase().starts_with(&what.to_lowercase());
    let numbers = details(&notice.diagnosis);
    facts.push((
        "What",
        upper(&if both {
            why(notice) + &numbers
        } else {
            what + &numbers
        }),
    ));
    facts.push(("Since", since(notice, now)));
    facts.push(("Pods", pods(notice)));
    if !both && !cause.is_empty() {
        facts.push(("Why", upper(&why(notice))));
    }
    if !notice.attempts.is_empty() {
        facts.push(("Tried", tried(&notice.attempts)));
    }
    if let Some(answer) = &notice.answer {
        facts.push(("Answer", answer.words()));
    }
    // Who approved it is said already.
    if notice.reason != Reason::Approved || notice.answer.is_none() {
        facts.push((if ends { "Now" } else { "Decision" }, decision(notice)));
    }
    if let Some(next) = next(notice) {
        facts.push(("Next", next));
    }
    Story {
        title: title(notice),
        facts,
        evidence: if ends { Vec::new() } else { evidence(notice) },
        guess: notice.summary.as_ref().map(Guess::of),
        commands: commands(notice),
    }
}

/// The state in a word and a sign (nobody has to tell colours apart).
#[must_use]
pub fn badge(phase: Phase) -> &'static str {
    match phase {
        Phase::Detected | Phase::Remediating | Phase::Verifying => "🔴 Failing",
        Phase::AwaitingApproval => "🟡 Needs your answer",
        Phase::Escalated => "🟠 Needs a person",
        Phase::Resolved => "✅ Well again",
    }
}

fn title(notice: &Notice) -> String {
    let again = notice.told == Some(Phase::Resolved) && notice.phase != Phase::Resolved;
    let badge = if again {
        "🔴 Failing again"
    } else {
        badge(notice.phase)
    };
    let w = &notice.workload;
    format!(
        "{badge}: {} in {} ({:?})",
        w.name, w.namespace, notice.diagnosis.failure
    )
}

/// `Deployment api in namespace shop`.
#[must_use]
pub fn place(workload: &WorkloadRef) -> String {
    let kind = match workload.kind {
        WorkloadKind::Foreign => "Workload",
        kind => kind.as_str(),
    };
    format!(
        "{kind} {} in namespace {}",
        workload.name, workload.namespace
    )
}

/// What fails, in a sentence, without numbers.
fn failing(d: &Diagnosis) -> String {
    let container = match (&d.container, d.role) {
        (Some(name), Some(ContainerRole::Init)) => format!("init container {name}"),
        (Some(name), Some(ContainerRole::Sidecar)) => format!("sidecar {name}"),
        (Some(name), _) => format!("container {name}"),
        (None, _) => "a container".to_owned(),
    };
    match d.failure {
        FailureKind::CrashLoopBackOff => format!("{container} starts and ends again and again"),
        FailureKind::Error => format!("{container} ends with an error"),
        FailureKind::OOMKilled => {
            format!("{container} was killed for using more memory than its limit")
        }
        FailureKind::LivenessProbeFailed => {
            format!("{container} fails its liveness probe, so the kubelet restarts it")
        }
        FailureKind::ReadinessProbeFailed => {
            format!("{container} runs but fails its readiness probe, so it gets no traffic")
        }
        FailureKind::StartupProbeFailed => format!("{container} never passes its startup probe"),
        FailureKind::ErrImagePull | FailureKind::ImagePullBackOff => {
            format!("the image of {container} cannot be pulled")
        }
        FailureKind::InvalidImageName => format!("the image name of {container} is not valid"),
        FailureKind::ErrImageNeverPull => {
            format!(
                "the image of {container} is not on the node and must not be pulled (imagePullPolicy Never)"
            )
        }
        FailureKind::CreateContainerConfigError => {
            format!("{container} cannot be created from its configuration")
        }
        FailureKind::CreateContainerError => format!("{container} cannot be created"),
        FailureKind::RunContainerError => format!("{container} cannot be started"),
        FailureKind::ContainerCannotRun => format!("the command of {container} cannot be run"),
        FailureKind::Unschedulable => "no node takes its pods".to_owned(),
        FailureKind::FailedMount => "a volume cannot be mounted".to_owned(),
        FailureKind::NodeNotReady => "its node is not ready".to_owned(),
        FailureKind::JobFailed => "the Job has used up its retries".to_owned(),
    }
}

/// What is missing and the numbers, to follow the sentence.
fn details(d: &Diagnosis) -> String {
    let mut text = String::new();
    if let Some(missing) = &d.missing {
        let _ = write!(text, ": {}", lacks(missing));
    }
    let mut numbers = Vec::new();
    if let Some(code) = d.exit_code {
        numbers.push(format!("exit code {code}"));
    }
    if d.restarts > 0 {
        numbers.push(count(d.restarts, "restart"));
    }
    if !numbers.is_empty() {
        let _ = write!(text, " ({})", numbers.join(", "));
    }
    text
}

fn lacks(missing: &Missing) -> String {
    let kind = match missing.kind {
        MissingKind::ConfigMap => "ConfigMap",
        MissingKind::Secret => "Secret",
        MissingKind::ServiceAccount => "ServiceAccount",
        MissingKind::Volume => "volume",
    };
    match &missing.key {
        Some(key) => format!("key {key} is missing in {kind} {}", missing.name),
        None => format!("{kind} {} does not exist", missing.name),
    }
}

fn since(notice: &Notice, now: Timestamp) -> String {
    let from = notice.first_seen;
    match notice.resolved_at {
        Some(end) if notice.phase == Phase::Resolved => {
            format!(
                "{}, for {}",
                clock(from, now),
                span(end.duration_since(from))
            )
        }
        _ => format!(
            "{} ({} ago)",
            clock(from, now),
            span(now.duration_since(from))
        ),
    }
}

fn pods(notice: &Notice) -> String {
    let r = notice.replicas;
    let ready = format!("{} of {} ready", r.ready, r.desired);
    if notice.phase == Phase::Resolved {
        return ready;
    }
    if notice.diagnosis.pod.as_str().is_empty() {
        return format!("{ready}, and no pod left that failed");
    }
    let failing = notice.diagnosis.pods_failing.max(1);
    format!(
        "{failing} failing, {ready}; for example {}",
        notice.diagnosis.pod
    )
}

fn why(notice: &Notice) -> String {
    let e = &notice.evidence;
    if e.confidence == 0 {
        return e.sentence.to_string();
    }
    format!("{} ({} % sure)", e.sentence, e.confidence.min(100))
}

fn tried(attempts: &[Attempt]) -> String {
    const SHOWN: usize = 3;
    let mut parts = Vec::new();
    if let Some(more @ 1..) = attempts.len().checked_sub(SHOWN) {
        parts.push(format!("{more} earlier"));
    }
    let newest = attempts.iter().skip(attempts.len().saturating_sub(SHOWN));
    parts.extend(newest.map(attempt));
    parts.join("; ")
}

/// One attempt: what, when, how it ended.
#[must_use]
pub fn attempt(attempt: &Attempt) -> String {
    let how = match (attempt.outcome, attempt.verdict) {
        (None, _) => "under way",
        (Some(Outcome::Executed), Verdict::Pending) => "done, being watched",
        (Some(Outcome::Executed), Verdict::Recovered) => "it helped",
        (Some(Outcome::Executed), Verdict::Relapsed) => "it did not help",
        (Some(Outcome::Executed), Verdict::Reverted) => {
            "done, and undone by whoever manages the workload"
        }
        (Some(Outcome::Executed), Verdict::NotApplied) => "done",
        (Some(Outcome::Refused(refusal)), _) => refused(refusal),
        (Some(Outcome::Abandoned), _) => "not done, it came too late",
        (Some(Outcome::Failed), _) => "the call failed, nothing was changed",
    };
    format!(
        "{} at {}: {how}",
        effect(&attempt.effect),
        attempt.at.strftime("%H:%M:%S UTC")
    )
}

/// What an effect does, for a person.
#[must_use]
pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Evict { pod, .. } => format!("restart by evicting pod {pod}"),
        Effect::RolloutRestart { .. } => "restart of the whole rollout".to_owned(),
    }
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Gone => "not done, the pod was gone",
        Refusal::Healthy => "not done, it was well again",
        Refusal::DisruptionBudget => "not done, a PodDisruptionBudget does not allow it",
        Refusal::ConflictingBudgets => {
            "not done, more than one PodDisruptionBudget selects the pod"
        }
        Refusal::Forbidden => "not done, Podmender lacks the permission",
        Refusal::Admission => "not done, an admission policy denies it",
        Refusal::Consent => "not done, it was paused or opted out meanwhile",
        Refusal::Overloaded => "not done, the API server is overloaded",
        Refusal::Changed => "not done, the spec was changed meanwhile",
    }
}

fn decision(notice: &Notice) -> String {
    let because = match notice.message.as_str() {
        // The message names who denied it; so does the answer.
        _ if notice.reason == Reason::Denied && notice.answer.is_some() => {
            notice.reason.explain().to_owned()
        }
        "" => notice.reason.explain().to_owned(),
        message => sentence(message),
    };
    match notice.phase {
        Phase::Escalated => format!("Podmender leaves it to you. {because}"),
        Phase::AwaitingApproval => match &notice.approval {
            Some(asked) => format!(
                "Podmender asks: may it {}? {}",
                asked.remedy.as_str(),
                sentence(asked.because.as_str())
            ),
            None => format!("Podmender asks. {because}"),
        },
        Phase::Detected if notice.decision == DecisionKind::Hold => {
            format!("Nothing is done yet. {because}")
        }
        Phase::Detected | Phase::Remediating | Phase::Verifying | Phase::Resolved => because,
    }
}

/// With a capital at its beginning.
fn upper(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut text = upper(text);
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

fn next(notice: &Notice) -> Option<String> {
    let text = match notice.phase {
        Phase::Resolved => return None,
        Phase::Escalated => "Podmender tries nothing more. You hear again when it is well.".to_owned(),
        Phase::AwaitingApproval => match &notice.approval {
            Some(asked) => format!(
                "Answer until {}. Without an answer nothing is done and it is left to a person.",
                asked.expires_at.strftime("%H:%M UTC")
            ),
            None => "Without an answer nothing is done.".to_owned(),
        },
        Phase::Detected if notice.reason == Reason::Storm => {
            "No pod is touched until it is calm. Look for one shared cause: a node, the network, the registry, a database.".to_owned()
        }
        Phase::Detected | Phase::Remediating | Phase::Verifying => {
            "You hear again when it is well, or when a person is needed.".to_owned()
        }
    };
    Some(text)
}

/// The cluster's own words. They are shown as they are, never interpreted.
fn evidence(notice: &Notice) -> Vec<String> {
    let e = &notice.evidence;
    let mut out = Vec::new();
    if !e.message.is_empty() {
        out.push(e.message.to_string());
    }
    if let Some(event) = e.event.as_ref().filter(|event| event.message != e.message) {
        let times = if event.count > 1 {
            format!(" ({} times)", event.count)
        } else {
            String::new()
        };
        out.push(format!("Event {}{times}: {}", event.reason, event.message));
    }
    let image = matches!(
        notice.diagnosis.failure,
        FailureKind::ErrImagePull
            | FailureKind::ImagePullBackOff
            | FailureKind::InvalidImageName
            | FailureKind::ErrImageNeverPull
    );
    if image && !e.image.is_empty() {
        out.push(format!("Image: {}", e.image));
    }
    if !e.lines.is_empty() {
        out.push("Log:".to_owned());
        out.extend(e.lines.iter().map(|line| format!("  {line}")));
    }
    out
}

/// Commands to look closer. Names are quoted by what they may consist of: nothing in them can be more than a name.
#[must_use]
pub fn commands(notice: &Notice) -> Vec<String> {
    let ns = shell(&notice.workload.namespace);
    let (d, id) = (&notice.diagnosis, shell(&notice.id.0));
    let mut out = Vec::new();
    if notice.phase == Phase::AwaitingApproval {
        out.extend(answers(notice));
    }
    if notice.phase != Phase::Resolved {
        let (kind, name) = match d.pod.as_str() {
            "" => (
                notice.workload.kind.as_str().to_lowercase(),
                &notice.workload.name,
            ),
            _ => ("pod".to_owned(), &d.pod),
        };
        out.push(format!("kubectl -n {ns} describe {kind} {}", shell(name)));
        if let (Some(container), true) = (&d.container, has_logs(d.failure)) {
            let previous = if d.restarts > 0 && ran_before(d.failure) {
                " --previous"
            } else {
                ""
            };
            out.push(format!(
                "kubectl -n {ns} logs {} -c {}{previous}",
                shell(&d.pod),
                shell(container)
            ));
        }
    }
    out.push(format!("kubectl -n {ns} get incident {id} -o yaml"));
    out
}

/// Commands to answer.
#[must_use]
pub fn answers(notice: &Notice) -> Vec<String> {
    let (ns, id) = (shell(&notice.workload.namespace), shell(&notice.id.0));
    let verbs = ["approve", "deny"].iter();
    verbs
        .map(|verb| format!("kubectl podmender {verb} {id} -n {ns}"))
        .collect()
}

/// Whether the container ran at all.
fn has_logs(failure: FailureKind) -> bool {
    !matches!(
        failure,
        FailureKind::ErrImagePull
            | FailureKind::ImagePullBackOff
            | FailureKind::InvalidImageName
            | FailureKind::ErrImageNeverPull
            | FailureKind::CreateContainerConfigError
            | FailureKind::CreateContainerError
            | FailureKind::Unschedulable
            | FailureKind::FailedMount
            | FailureKind::NodeNotReady
    )
}

/// Whether the run that says why is the one before.
fn ran_before(failure: FailureKind) -> bool {
    !matches!(failure, FailureKind::ReadinessProbeFailed)
}

/// A name as it may stand in a command: Kubernetes allows no others, and what it does not allow is not pasted anywhere.
pub(crate) fn shell(name: &Name) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let safe =
        !name.is_empty() && !name.as_str().starts_with('-') && name.as_str().chars().all(allowed);
    if safe {
        name.to_string()
    } else {
        "NAME".to_owned()
    }
}

/// The time of day in UTC, with the date unless it is today.
#[must_use]
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    let today = at.strftime("%F").to_string() == now.strftime("%F").to_string();
    let form = if today {
        "%H:%M:%S UTC"
    } else {
        "%F %H:%M:%S UTC"
    };
    at.strftime(form).to_string()
}

/// A length of time, rounded as a person would.
#[must_use]
pub fn span(time: SignedDuration) -> String {
    let secs = time.as_secs().max(0);
    let (mins, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match () {
        () if secs < 90 => format!("{secs} s"),
        () if mins < 60 => format!("{mins} min"),
        () if hours < 24 => format!("{hours} h {} min", mins % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// A length of time as kubectl shows ages: `45s`, `3m`, `2h`, `5d`.
#[must_use]
pub fn age(time: SignedDuration) -> String {
    let secs = time.as_secs().max(0);
    match secs {
        0..120 => format!("{secs}s"),
        120..7_200 => format!("{}m", secs / 60),
        7_200..172_800 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

fn count(n: u32, thing: &str) -> String {
    if n == 1 {
        format!("1 {thing}")
    } else {
        format!("{n} {thing}s")
    }
}

impl Story {
    /// The whole story as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = self.title.clone();
        for (label, text) in &self.facts {
            let _ = write!(out, "\n{label}: {text}");
        }
        for (heading, lines) in [
            ("What the cluster says", &self.evidence),
            ("Look closer", &self.commands),
        ] {
            if !lines.is_empty() {
                let _ = write!(out, "\n\n{heading}:");
                for line in lines {
                    let _ = write!(out, "\n  {line}");
                }
            }
        }
        out
    }
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
