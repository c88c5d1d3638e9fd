//! The labels of each family: closed words, never a pod's or an incident's name.

use super::{AlertResult, LedgerError, SummaryResult};
use podmender_policy::{
    decide::{DecisionKind, Reason},
    diagnose::FailureKind,
};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use std::fmt::{self, Write};

/// A label value that is an enum's variant name, spelt as in status and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word<T>(pub(super) T);

impl<T: fmt::Debug> EncodeLabelValue for Word<T> {
    fn encode(&self, out: &mut LabelValueEncoder<'_>) -> fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByFailure {
    pub(super) namespace: String,
    pub(super) failure: Word<FailureKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByDecision {
    pub(super) namespace: String,
    pub(super) decision: Word<DecisionKind>,
    pub(super) reason: Word<Reason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRemedy {
    pub(super) namespace: String,
    pub(super) remedy: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByVerdict {
    pub(super) namespace: String,
    pub(super) verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByResource {
    pub(super) namespace: String,
    pub(super) resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByNamespace {
    pub(super) namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPolicy {
    pub(super) policy: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByChannel {
    pub(super) channel: &'static str,
    pub(super) result: Word<AlertResult>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByEntrance {
    pub(super) transport: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByInteraction {
    pub(super) kind: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BySummary {
    pub(super) result: Word<SummaryResult>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByLedgerError {
    pub(super) reason: Word<LedgerError>,
}
