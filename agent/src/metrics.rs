//! What Prometheus reads: few series, typed labels, never a pod's or an incident's name.

mod labels;
mod result;

pub use result::{AlertResult, LedgerError, SummaryResult};

use labels::{
    ByChannel, ByDecision, ByEntrance, ByFailure, ByInteraction, ByLedgerError, ByNamespace,
    ByPolicy, ByRemedy, ByResource, BySummary, ByVerdict, Word,
};
use podmender_policy::{
    bounds::Name,
    decide::{DecisionKind, Reason},
    diagnose::FailureKind,
    remedy::{Outcome, Refusal, RemedyName},
    verify::Verdict,
};
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};
use std::{fmt, sync::atomic::AtomicU64, time::Duration};

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of the agent. All methods are cheap and never wait.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    detections: Family<ByFailure, Counter>,
    decisions: Family<ByDecision, Counter>,
    remedies: Family<ByRemedy, Counter>,
    verifications: Family<ByVerdict, Counter>,
    detection: Histogram,
    decision: Histogram,
    mend: Histogram,
    leader: Gauge,
    queue_depth: Gauge,
    fresh: Family<ByResource, Gauge<f64, AtomicU64>>,
    open: Family<ByNamespace, Gauge>,
    alerts: Family<ByChannel, Counter>,
    slack_requests: Family<ByEntrance, Counter>,
    slack_interactions: Family<ByInteraction, Counter>,
    slack_ack: Histogram,
    slack_recorded: Histogram,
    summaries: Family<BySummary, Counter>,
    storm: Family<ByPolicy, Gauge>,
    paused: Family<ByPolicy, Gauge>,
    ready: Family<ByPolicy, Gauge>,
    ledger_errors: Family<ByLedgerError, Counter>,
}

/// From a millisecond to a minute: detection and decision.
const FAST: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0,
];
/// From a second to an hour: mending.
const SLOW: [f64; 10] = [
    1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0,
];

impl Metrics {
    /// Registers everything. `version` and `revision` (a git commit, or `unknown`) become `podmender_build_info`.
    #[must_use]
    pub fn new(version: &'static str, revision: &'static str) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("podmender"),
            detections: Family::default(),
            decisions: Family::default(),
            remedies: Family::default(),
            verifications: Family::default(),
            detection: Histogram::new(FAST),
            decision: Histogram::new(FAST),
            mend: Histogram::new(SLOW),
            leader: Gauge::default(),
            queue_depth: Gauge::default(),
            fresh: Family::default(),
            open: Family::default(),
            alerts: Family::default(),
            slack_requests: Family::default(),
            slack_interactions: Family::default(),
            slack_ack: Histogram::new(FAST),
            slack_recorded: Histogram::new(FAST),
            summaries: Family::default(),
            storm: Family::default(),
            paused: Family::default(),
            ready: Family::default(),
            ledger_errors: Family::default(),
        };
        metrics.register_counts();
        metrics.register_states(version, revision);
        metrics
    }

    fn register_counts(&mut self) {
        let r = &mut self.registry;
        r.register(
            "detections",
            "Incidents opened or reopened",
            self.detections.clone(),
        );
        r.register(
            "decisions",
            "Decisions that were new for their incident",
            self.decisions.clone(),
        );
        r.register(
            "remedies",
            "Remedies by how the act ended",
            self.remedies.clone(),
        );
        r.register(
            "verifications",
            "Whether remedies helped",
            self.verifications.clone(),
        );
        r.register(
            "alerts",
            "Alert messages by how sending them ended",
            self.alerts.clone(),
        );
        r.register(
            "slack_requests",
            "What came from Slack by how it was taken",
            self.slack_requests.clone(),
        );
        r.register(
            "slack_interactions",
            "What people did in Slack by what came of it",
            self.slack_interactions.clone(),
        );
        r.register(
            "slack_ack_seconds",
            "From the first byte of an interaction to its acknowledgement",
            self.slack_ack.clone(),
        );
        r.register(
            "slack_recorded_seconds",
            "From the first byte of an answer to its Approval object",
            self.slack_recorded.clone(),
        );
        r.register(
            "summaries",
            "Questions to a language model by what came of them",
            self.summaries.clone(),
        );
        r.register(
            "ledger_errors",
            "Failures to read or write the ledger",
            self.ledger_errors.clone(),
        );
        r.register(
            "detection_seconds",
            "From the first sign on a watch to the incident written",
            self.detection.clone(),
        );
        r.register(
            "decision_seconds",
            "From the decision to the act accepted by the API server",
            self.decision.clone(),
        );
        r.register(
            "mend_seconds",
            "From the first sign to a verified mend",
            self.mend.clone(),
        );
    }

    fn register_states(&mut self, version: &'static str, revision: &'static str) {
        let r = &mut self.registry;
        r.register(
            "leader",
            "1 while this replica leads, 0 while it stands by",
            self.leader.clone(),
        );
        r.register(
            "queue_depth",
            "Workloads waiting for a look",
            self.queue_depth.clone(),
        );
        r.register(
            "watch_fresh_seconds",
            "Time since a watch gave a sign of life",
            self.fresh.clone(),
        );
        r.register(
            "incidents_open",
            "Incidents that are not resolved",
            self.open.clone(),
        );
        r.register(
            "storm",
            "1 while so much fails at once that nothing is done",
            self.storm.clone(),
        );
        r.register(
            "paused",
            "1 while the policy's kill switch is set",
            self.paused.clone(),
        );
        r.register(
            "policy_ready",
            "1 while the policy is valid and in force",
            self.ready.clone(),
        );
        r.register(
            "build",
            "What is running",
            Info::new([("version", version), ("revision", revision)]),
        );
    }

    /// An incident was opened or reopened.
    pub fn detected(&self, namespace: &Name, failure: FailureKind) {
        let labels = ByFailure {
            namespace: owned(namespace),
            failure: Word(failure),
        };
        self.detections.get_or_create(&labels).inc();
    }

    /// An incident's decision is a new one.
    pub fn decided(&self, namespace: &Name, decision: DecisionKind, reason: Reason) {
        let labels = ByDecision {
            namespace: owned(namespace),
            decision: Word(decision),
            reason: Word(reason),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// An act ended.
    pub fn remedied(&self, namespace: &Name, remedy: RemedyName, outcome: Outcome) {
        let labels = ByRemedy {
            namespace: owned(namespace),
            remedy: remedy.as_str(),
            result: result(outcome),
        };
        self.remedies.get_or_create(&labels).inc();
    }

    /// A remedy was judged. `Pending` is not counted.
    pub fn verified(&self, namespace: &Name, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Pending => return,
            Verdict::Recovered => "recovered",
            Verdict::Relapsed => "relapsed",
            Verdict::Reverted => "reverted",
            Verdict::NotApplied => "not_applied",
        };
        let labels = ByVerdict {
            namespace: owned(namespace),
            verdict,
        };
        self.verifications.get_or_create(&labels).inc();
    }

    /// From the first sign on a watch to the incident written.
    pub fn detection_took(&self, time: Duration) {
        self.detection.observe(time.as_secs_f64());
    }

    /// From the decision to the act accepted.
    pub fn decision_took(&self, time: Duration) {
        self.decision.observe(time.as_secs_f64());
    }

    /// From the first sign to a verified mend.
    pub fn mend_took(&self, time: Duration) {
        self.mend.observe(time.as_secs_f64());
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Workloads waiting for a look.
    pub fn queue_depth(&self, depth: usize) {
        self.queue_depth
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// How long ago the watch on `resource` (plural, as in RBAC) gave a sign of life.
    pub fn watch_fresh(&self, namespace: &Name, resource: &'static str, age: Duration) {
        let labels = ByResource {
            namespace: owned(namespace),
            resource,
        };
        self.fresh.get_or_create(&labels).set(age.as_secs_f64());
    }

    /// Open incidents of a namespace.
    pub fn incidents_open(&self, namespace: &Name, count: usize) {
        let labels = ByNamespace {
            namespace: owned(namespace),
        };
        self.open
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An alert message was sent, or not. `channel` is a kind of channel, never an address.
    pub fn alerted(&self, channel: &'static str, result: AlertResult) {
        let labels = ByChannel {
            channel,
            result: Word(result),
        };
        self.alerts.get_or_create(&labels).inc();
    }

    /// Something came from Slack, or from somebody who says so. Both labels are words of ours.
    pub fn slack_request(&self, transport: &'static str, result: &'static str) {
        let labels = ByEntrance { transport, result };
        self.slack_requests.get_or_create(&labels).inc();
    }

    /// Something that a person did was worked on. Both labels are words of ours.
    pub fn slack_interaction(&self, kind: &'static str, result: &'static str) {
        let labels = ByInteraction { kind, result };
        self.slack_interactions.get_or_create(&labels).inc();
    }

    /// From the first byte of an interaction to its acknowledgement.
    pub fn slack_acknowledged(&self, time: Duration) {
        self.slack_ack.observe(time.as_secs_f64());
    }

    /// From the first byte of an answer to its Approval object.
    pub fn slack_recorded(&self, time: Duration) {
        self.slack_recorded.observe(time.as_secs_f64());
    }

    /// A model was asked about a failure, or need not be.
    pub fn summarised(&self, result: SummaryResult) {
        let labels = BySummary {
            result: Word(result),
        };
        self.summaries.get_or_create(&labels).inc();
    }

    /// A policy's state. `policy` is `namespace/name`.
    pub fn policy(&self, policy: &str, ready: bool, paused: bool, storm: bool) {
        let labels = ByPolicy {
            policy: policy.to_owned(),
        };
        self.ready.get_or_create(&labels).set(ready.into());
        self.paused.get_or_create(&labels).set(paused.into());
        self.storm.get_or_create(&labels).set(storm.into());
    }

    /// The policy is gone: so are its series.
    pub fn forget_policy(&self, policy: &str) {
        let labels = ByPolicy {
            policy: policy.to_owned(),
        };
        for family in [&self.ready, &self.paused, &self.storm] {
            family.remove(&labels);
        }
    }

    /// A watch was stopped: so is its series.
    pub fn forget_watch(&self, namespace: &Name, resource: &'static str) {
        self.fresh.remove(&ByResource {
            namespace: owned(namespace),
            resource,
        });
    }

    /// The ledger could not be read or written.
    pub fn ledger_failed(&self, reason: LedgerError) {
        self.ledger_errors
            .get_or_create(&ByLedgerError {
                reason: Word(reason),
            })
            .inc();
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            // Writing to a String cannot fail; an answer without metrics is still an answer.
            Err(fmt::Error) => "# EOF\n".to_owned(),
        }
    }
}

fn owned(name: &Name) -> String {
    name.as_str().to_owned()
}

/// The result label of an act: refusals by their cause, since each asks for something else.
fn result(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Executed => "executed",
        Outcome::Abandoned => "abandoned",
        Outcome::Failed => "failed",
        Outcome::Refused(refusal) => match refusal {
            Refusal::Gone => "refused_gone",
            Refusal::Healthy => "refused_healthy",
            Refusal::DisruptionBudget => "refused_disruption_budget",
            Refusal::ConflictingBudgets => "refused_conflicting_budgets",
            Refusal::Forbidden => "refused_forbidden",
            Refusal::Admission => "refused_admission",
            Refusal::Consent => "refused_consent",
            Refusal::Overloaded => "refused_overloaded",
            Refusal::Changed => "refused_changed",
        },
    }
}

#[cfg(test)]
mod tests;
