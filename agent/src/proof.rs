//! Whether the API server proves who answers: found out by trying to answer in another's name, as a dry run.
//!
//! The admission policy of `rbac/approvals-admission-policy.yaml` is an object of the whole cluster, which the agent has no right to read; and
//! that it exists would not say that it is in force. So the agent tries what it forbids. It does so only where a policy wants more
//! than one person (`minApprovals`), because only there it matters who somebody was. See docs/adr/0004-who-answered.md.

use crate::{
    api::{Approval, ApprovalBody},
    context::{Context, within},
    error::code,
    policies,
};
use kube::{Api, api::PostParams};
use podmender_policy::{
    approval::Answer, bounds::Name, incident::IncidentId, remedy::RemedyName, rules::Policy,
};
use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often is looked whether a policy wants to know.
const TICK: Duration = Duration::from_secs(5);
/// How often it is tried.
const EVERY: Duration = Duration::from_secs(300);
/// What the admission policy says to an answer in another's name; a test holds the two equal.
pub(crate) const WORDS: &str =
    "spec.by must be the user who answers, as the API server knows it (kubectl auth whoami)";

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was refused, by the admission policy.
    InForce,
    /// It was not, or it could not be tried for want of a right: why nobody is proven.
    Absent(String),
    /// The API server did not answer.
    Unknown,
}

/// Finds out again and again, while a policy wants to know. RBAC: `create` on `approvals`.
pub async fn run(ctx: Arc<Context>) -> Option<Infallible> {
    let mut tick = tokio::time::interval(TICK);
    let mut last: Option<(BTreeSet<Name>, Instant)> = None;
    loop {
        tick.tick().await;
        let wanted = wanted(&ctx);
        if wanted.is_empty() {
            if last.take().is_some() {
                keep(Verdict::Absent(String::new()), &ctx);
            }
            continue;
        }
        let is_new = match &last {
            Some((known, at)) if wanted.is_subset(known) && at.elapsed() < EVERY => continue,
            Some((known, _)) => !wanted.is_subset(known),
            None => false,
        };
        if is_new {
            // Nothing is known yet of a namespace that was added.
            ctx.store.lock().proof_since = None;
        }
        look(&wanted, &ctx).await;
        last = Some((wanted, Instant::now()));
    }
}

/// At the start: whether what was in force before still is, where answers wait. Without a clear yes nobody is proven.
pub(crate) async fn look_at_start(ctx: &Context) {
    let namespaces: BTreeSet<Name> = {
        let state = ctx.store.lock();
        let waiting = state.approvals.keys().map(|key| key.0.clone());
        waiting.filter(|_| state.proof_since.is_some()).collect()
    };
    if !namespaces.is_empty() && look(&namespaces, ctx).await == Verdict::Unknown {
        ctx.store.lock().proof_since = None;
    }
}

/// The namespaces of the policies that want more than one person.
fn wanted(ctx: &Context) -> BTreeSet<Name> {
    let state = ctx.store.lock();
    let policies = state.policies.iter().filter(|p| wants_proof(p));
    policies
        .flat_map(|p| p.namespaces.iter().cloned())
        .collect()
}

/// Whether a policy wants more than one person for anything.
pub(crate) fn wants_proof(policy: &Policy) -> bool {
    policy.min_approvals.values().any(|needed| *needed > 1)
}

async fn look(namespaces: &BTreeSet<Name>, ctx: &Context) -> Verdict {
    let mut verdict = Verdict::InForce;
    for namespace in namespaces {
        match attempt(namespace, ctx).await {
            Verdict::InForce => {}
            Verdict::Unknown => verdict = Verdict::Unknown,
            absent @ Verdict::Absent(_) => {
                verdict = absent;
                break;
            }
        }
    }
    keep(verdict.clone(), ctx);
    verdict
}

/// Tries to deny something that nobody asked, in the name of a user that there is not.
async fn attempt(namespace: &Name, ctx: &Context) -> Verdict {
    let api = Api::<Approval>::namespaced(ctx.client.clone(), namespace.as_str());
    let body = ApprovalBody {
        incident: IncidentId("podmender-proof".into()),
        answer: Answer::Deny,
        remedy: RemedyName::Restart,
        uid: "none".into(),
        generation: 0,
        by: Some("podmender:somebody-else".into()),
        via: None,
        snooze_for: None,
    };
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let tried = within(api.create(&dry_run, &Approval::new("podmender-proof", body))).await;
    judge(&tried.map(|_| ()), namespace)
}

fn judge(tried: &Result<(), Option<kube::Error>>, namespace: &Name) -> Verdict {
    let taken = || {
        Verdict::Absent(format!(
            "the API server takes an answer in another's name in {namespace}: install rbac/approvals-admission-policy.yaml (charts/podmender-crds does)"
        ))
    };
    match tried {
        Ok(()) => taken(),
        Err(Some(kube::Error::Api(status))) if status.message.contains(WORDS) => Verdict::InForce,
        Err(Some(error)) => match code(error) {
            Some(403) => Verdict::Absent(format!(
                "whether the API server proves who answers cannot be tried in {namespace}: no permission to create approvals, or something else refuses it"
            )),
            // It was let through, and only then refused.
            Some(409 | 422) => taken(),
            _ => Verdict::Unknown,
        },
        Err(None) => Verdict::Unknown,
    }
}

fn keep(verdict: Verdict, ctx: &Context) {
    let now = ctx.clock.now();
    let mut state = ctx.store.lock();
    let before = (state.proof_since, state.unproven.clone());
    match verdict {
        Verdict::InForce => {
            state.proof_since.get_or_insert(now);
            state.unproven = None;
        }
        Verdict::Absent(why) => {
            state.proof_since = None;
            state.unproven = Some(why);
        }
        Verdict::Unknown => {}
    }
    if before == (state.proof_since, state.unproven.clone()) {
        return;
    }
    state.ledger_dirty = true;
    tracing::info!(since = ?state.proof_since, why = state.unproven, "whether it is proven who answers");
    drop(state);
    policies::look_at_everything(ctx);
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn refused(code: u16, message: &str) -> Result<(), Option<kube::Error>> {
        let status = Status::failure(message, "Forbidden").with_code(code);
        Err(Some(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn only_the_refusal_of_the_admission_policy_is_a_proof() {
        let shop = Name::new("shop");
        let denied = format!(
            "approvals.podmender.io \"podmender-proof\" is forbidden: ValidatingAdmissionPolicy 'podmender-approvals' with binding 'podmender-approvals' denied request: {WORDS}"
        );
        assert_eq!(judge(&refused(403, &denied), &shop), Verdict::InForce);
        for tried in [
            Ok(()),
            refused(403, "User cannot create resource \"approvals\""),
            refused(
                403,
                "admission webhook \"no-new-things\" denied the request",
            ),
            refused(409, "already exists"),
            refused(422, "spec.generation: Invalid value"),
        ] {
            assert!(
                matches!(judge(&tried, &shop), Verdict::Absent(_)),
                "{tried:?}"
            );
        }
        for tried in [Err(None), refused(500, "etcd"), refused(429, "too many")] {
            assert_eq!(judge(&tried, &shop), Verdict::Unknown, "{tried:?}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_admission_policy() {
        let yaml = include_str!("../../rbac/approvals-admission-policy.yaml");
        assert!(yaml.contains(&format!("message: {WORDS}\n")));
        let chart =
            include_str!("../../charts/podmender-crds/files/approvals-admission-policy.yaml");
        assert_eq!(yaml, chart, "the chart installs what stands in rbac/");
    }
}
