//! The only file that changes a workload. One caller: `reconcile`.
//!
//! Every act is preceded by a last look at the live target (A7): same UID, still failing, still in scope, not paused.

use crate::{
    context::{Context, within},
    error::{self, Error},
    watch::{consent::read as consent, live},
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        core::v1::{Namespace, Pod},
        policy::v1::Eviction,
    },
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions},
};
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
    core::{PartialObjectMeta, Status},
};
use podmender_policy::{
    bounds::Name,
    diagnose,
    observation::{Consent, Leaving, PodSeen, Ready},
    remedy::{Act, Effect, Outcome, Refusal},
    workload::{WorkloadKind, WorkloadRef},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;

/// The annotation that kubectl, and the tools that ignore it, know. (kube's `Api::restart` writes another one.)
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Does `act`, and says how it ended.
///
/// RBAC: `get` on the namespace, its pods and workloads; `create` on `pods/eviction`, or `patch` on the workload's kind.
///
/// # Errors
/// [`Error::Unsettled`] if it cannot be found out whether it happened; the next pass finds out.
pub async fn execute(act: &Act, ctx: &Context) -> Result<Outcome, Error> {
    if let Some(refusal) = last_look(act, ctx).await? {
        return Ok(Outcome::Refused(refusal));
    }
    match &act.effect {
        Effect::Evict { pod, uid } => evict(&act.workload, pod, uid, ctx).await,
        Effect::RolloutRestart {
            uid,
            generation,
            stamp,
        } => match act.workload.kind {
            WorkloadKind::Deployment => {
                restart::<Deployment>(&act.workload, uid, *generation, *stamp, ctx).await
            }
            WorkloadKind::StatefulSet => {
                restart::<StatefulSet>(&act.workload, uid, *generation, *stamp, ctx).await
            }
            WorkloadKind::DaemonSet => {
                restart::<DaemonSet>(&act.workload, uid, *generation, *stamp, ctx).await
            }
            WorkloadKind::ReplicaSet
            | WorkloadKind::Job
            | WorkloadKind::CronJob
            | WorkloadKind::Pod
            | WorkloadKind::Foreign => Ok(Outcome::Refused(Refusal::Changed)),
        },
    }
}

/// Whether anything forbids the act now, read live.
async fn last_look(act: &Act, ctx: &Context) -> Result<Option<Refusal>, Error> {
    let workload = &act.workload;
    let now = ctx.clock.now();
    // Scope, kill switch and freeze, as the policy stands at this moment.
    let labels = ctx.world.lock().observe(workload, now).labels;
    let allowed = {
        let state = ctx.store.lock();
        state.policy_for(workload, &labels).is_some_and(|p| {
            !p.paused
                && state.ledger.pause_of(&p).is_none()
                && p.freeze.iter().all(|w| w.frozen_until(now).is_none())
        })
    };
    if !allowed {
        return Ok(Some(Refusal::Consent));
    }
    let namespace = workload.namespace.as_str();
    let object = annotations_of(workload, ctx);
    let namespaces = Api::<Namespace>::all(ctx.client.clone());
    let around = look(namespaces.get_metadata(namespace), &act.workload);
    let (object, around) = futures::try_join!(object, around)?;
    for annotations in object
        .into_iter()
        .chain([around.metadata.annotations.unwrap_or_default()])
    {
        match consent(Some(&annotations)) {
            Consent::Given => {}
            Consent::IgnoredUntil(until) if until <= now => {}
            Consent::Paused | Consent::OptedOut | Consent::IgnoredUntil(_) => {
                return Ok(Some(Refusal::Consent));
            }
        }
    }
    let known = ctx.world.lock().observe(workload, now).suspects;
    match &act.effect {
        Effect::Evict { pod, uid } => {
            let known = known.iter().find(|p| p.uid == *uid);
            let live = live::read(&workload.namespace, pod, known, &ctx.client);
            Ok(judge(look(live, workload).await?.as_ref(), uid, now))
        }
        Effect::RolloutRestart { .. } => {
            let failing = known.iter().filter(|p| diagnose::fails(p, now));
            for known in failing.take(LOOKED_AT) {
                let live = live::read(&workload.namespace, &known.name, Some(known), &ctx.client);
                if judge(look(live, workload).await?.as_ref(), &known.uid, now).is_none() {
                    return Ok(None);
                }
            }
            Ok(Some(Refusal::Healthy))
        }
    }
}

/// The workload's own annotations; `None` where it is gone or of a kind that has none to read.
async fn annotations_of(
    workload: &WorkloadRef,
    ctx: &Context,
) -> Result<Option<BTreeMap<String, String>>, Error> {
    async fn read<K>(
        workload: &WorkloadRef,
        ctx: &Context,
    ) -> Result<Option<BTreeMap<String, String>>, Error>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api = Api::<K>::namespaced(ctx.client.clone(), workload.namespace.as_str());
        let found: Option<PartialObjectMeta<K>> =
            look(api.get_metadata_opt(workload.name.as_str()), workload).await?;
        Ok(found.map(|f| f.metadata.annotations.unwrap_or_default()))
    }
    match workload.kind {
        WorkloadKind::Deployment => read::<Deployment>(workload, ctx).await,
        WorkloadKind::StatefulSet => read::<StatefulSet>(workload, ctx).await,
        WorkloadKind::DaemonSet => read::<DaemonSet>(workload, ctx).await,
        WorkloadKind::ReplicaSet => read::<ReplicaSet>(workload, ctx).await,
        WorkloadKind::Job | WorkloadKind::CronJob | WorkloadKind::Pod | WorkloadKind::Foreign => {
            Ok(None)
        }
    }
}

/// So many pods that fail are read anew before a rollout is restarted: one that still fails is reason enough.
const LOOKED_AT: usize = 5;

/// Whether a live pod is still the one that was judged, and still fails (row 109).
fn judge(live: Option<&PodSeen>, uid: &Name, now: Timestamp) -> Option<Refusal> {
    let Some(pod) = live else {
        return Some(Refusal::Gone);
    };
    if pod.uid != *uid || pod.leaving == Leaving::Deleting {
        return Some(Refusal::Gone);
    }
    // A pod may look Ready for a moment between two crashes, or while its liveness probe fails and the kubelet does nothing yet.
    let ready = matches!(pod.ready, Ready::Yes(_));
    (ready && !diagnose::fails(pod, now)).then_some(Refusal::Healthy)
}

/// Evicts one pod through the eviction API (so that PodDisruptionBudgets hold), with its UID as precondition.
async fn evict(
    workload: &WorkloadRef,
    pod: &Name,
    uid: &Name,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let pods = Api::<Pod>::namespaced(ctx.client.clone(), workload.namespace.as_str());
    let error = match post_eviction(&pods, pod, uid).await {
        Ok(_) => return Ok(Outcome::Executed),
        Err(error) => error,
    };
    if let Some(outcome) = error.as_ref().and_then(classify) {
        return Ok(outcome);
    }
    if error.as_ref().and_then(error::code) == Some(401) {
        // Nothing was done, and it says nothing about the workload: the token lapsed. The next pass does it, if it still holds.
        return Err(Error::Unsettled(workload.clone()));
    }
    // Perhaps applied, the answer lost (faults.md, row 5): the pod itself tells. Never a second try.
    match look(pods.get_opt(pod.as_str()), workload).await? {
        Some(live)
            if live.metadata.uid.as_deref() == Some(uid.as_str())
                && live.metadata.deletion_timestamp.is_none() =>
        {
            Ok(Outcome::Failed)
        }
        _ => Ok(Outcome::Executed),
    }
}

/// The eviction itself, with the pod's UID as precondition: another pod of that name is answered 409.
async fn post_eviction(
    pods: &Api<Pod>,
    pod: &Name,
    uid: &Name,
) -> Result<Status, Option<kube::Error>> {
    // Not `Api::evict`: kube 5 writes `delete_options`, which the API server drops, and with it the precondition.
    let eviction = Eviction {
        metadata: ObjectMeta {
            name: Some(pod.as_str().to_owned()),
            ..Default::default()
        },
        delete_options: Some(DeleteOptions {
            preconditions: Some(Preconditions {
                uid: Some(uid.as_str().to_owned()),
                resource_version: None,
            }),
            ..Default::default()
        }),
    };
    let params = PostParams::default();
    let call = pods.create_subresource::<_, Status>("eviction", pod.as_str(), &params, &eviction);
    within(call).await
}

/// What a definite answer means; `None` if the act may have been applied.
fn classify(error: &kube::Error) -> Option<Outcome> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    let caused_by = |reason: &str| {
        status
            .details
            .as_ref()
            .is_some_and(|d| d.causes.iter().any(|c| c.reason == reason))
    };
    let refusal = match status.code {
        // The eviction API answers 429 for a PodDisruptionBudget and names it as the cause; an overloaded server does not.
        429 if caused_by("DisruptionBudget") => Refusal::DisruptionBudget,
        429 => Refusal::Overloaded,
        500 if status.message.contains("more than one PodDisruptionBudget") => {
            Refusal::ConflictingBudgets
        }
        404 | 409 => Refusal::Gone,
        // RBAC says `forbidden: User "…" cannot …`; admission plugins name themselves.
        403 if status.message.contains("cannot create resource")
            || status.message.contains("cannot patch resource") =>
        {
            Refusal::Forbidden
        }
        403 | 400 | 422 => Refusal::Admission,
        _ => return None,
    };
    Some(Outcome::Refused(refusal))
}

/// Restarts a rollout as kubectl does, under the judged UID and generation.
async fn restart<K>(
    workload: &WorkloadRef,
    uid: &Name,
    generation: i64,
    stamp: Timestamp,
    ctx: &Context,
) -> Result<Outcome, Error>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(ctx.client.clone(), workload.namespace.as_str());
    let name = workload.name.as_str();
    let Some(live) = look(api.get_metadata_opt(name), workload).await? else {
        return Ok(Outcome::Refused(Refusal::Gone));
    };
    if live.metadata.uid.as_deref() != Some(uid.as_str()) {
        return Ok(Outcome::Refused(Refusal::Gone));
    }
    let stamp = stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if live.metadata.generation != Some(generation) {
        // Perhaps by this very act, whose answer was lost.
        return Ok(match is_stamped::<K>(workload, &stamp, ctx).await? {
            true => Outcome::Executed,
            false => Outcome::Refused(Refusal::Changed),
        });
    }
    let patch = json!({
        "metadata": { "uid": uid, "resourceVersion": live.metadata.resource_version },
        "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: stamp } } } },
    });
    let params = PatchParams {
        field_manager: Some("podmender".to_owned()),
        ..Default::default()
    };
    let error = match within(api.patch_metadata(name, &params, &Patch::Merge(&patch))).await {
        Ok(_) => return Ok(Outcome::Executed),
        Err(error) => error,
    };
    match error.as_ref() {
        Some(e) if error::code(e) == Some(409) => return Ok(Outcome::Refused(Refusal::Changed)),
        Some(e) if let Some(outcome) = classify(e) => return Ok(outcome),
        _ => {}
    }
    match is_stamped::<K>(workload, &stamp, ctx).await? {
        true => Ok(Outcome::Executed),
        false => Err(Error::Unsettled(workload.clone())),
    }
}

/// Whether a rollout bears this stamp: then it was restarted, whatever became of the answer (faults.md, row 5).
async fn is_stamped<K>(workload: &WorkloadRef, stamp: &str, ctx: &Context) -> Result<bool, Error>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(ctx.client.clone(), workload.namespace.as_str(), &resource);
    let live = look(api.get_opt(workload.name.as_str()), workload).await?;
    let annotations = live.as_ref().and_then(|live| {
        let template = live.data.pointer("/spec/template/metadata/annotations");
        template.and_then(|annotations| annotations.get(RESTARTED_AT)?.as_str())
    });
    Ok(annotations == Some(stamp))
}

/// A read that failed says nothing about the workload (A13): the act stays unsettled, and the next pass looks again.
async fn look<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
    workload: &WorkloadRef,
) -> Result<T, Error> {
    within(call).await.map_err(|error| {
        if let Some(error) = error {
            tracing::warn!(%workload, error = error.to_string(), "a last look failed: nothing is done now");
        }
        Error::Unsettled(workload.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, json: serde_json::Value) -> kube::Error {
        let status: Status = serde_json::from_value(json).expect("a Status");
        kube::Error::Api(Box::new(Status { code, ..status }))
    }

    #[test]
    fn fault_7_a_disruption_budget_is_told_from_an_overloaded_server() {
        let budget = json!({ "status": "Failure", "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "reason": "TooManyRequests", "details": { "causes": [{ "reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 1 currently" }] } });
        let busy = json!({ "status": "Failure", "message": "too many requests", "reason": "TooManyRequests", "details": { "retryAfterSeconds": 1 } });
        let two = json!({ "status": "Failure", "message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." });
        let outcome = |code, json| classify(&refused(code, json));
        assert_eq!(
            outcome(429, budget),
            Some(Outcome::Refused(Refusal::DisruptionBudget))
        );
        assert_eq!(
            outcome(429, busy),
            Some(Outcome::Refused(Refusal::Overloaded))
        );
        assert_eq!(
            outcome(500, two),
            Some(Outcome::Refused(Refusal::ConflictingBudgets))
        );
        assert_eq!(
            outcome(409, json!({})),
            Some(Outcome::Refused(Refusal::Gone)),
            "another UID"
        );
    }

    #[test]
    fn fault_5_what_may_have_been_applied_is_not_called_refused() {
        for code in [500, 502, 503, 504] {
            assert_eq!(
                classify(&refused(code, json!({ "message": "timeout" }))),
                None,
                "{code}"
            );
        }
    }

    #[test]
    fn missing_rights_are_told_from_admission() {
        let rbac = json!({ "message": "pods \"web\" is forbidden: User \"x\" cannot create resource \"pods/eviction\" in API group \"\" in the namespace \"a\"" });
        let hook = json!({ "message": "admission webhook \"x\" denied the request: no" });
        assert_eq!(
            classify(&refused(403, rbac)),
            Some(Outcome::Refused(Refusal::Forbidden))
        );
        assert_eq!(
            classify(&refused(403, hook)),
            Some(Outcome::Refused(Refusal::Admission))
        );
    }

    #[tokio::test]
    async fn kube_5_evict_drops_the_uid_so_ours_sends_it() {
        let (service, mut handle) = tower_test::mock::pair::<
            http::Request<kube::client::Body>,
            http::Response<kube::client::Body>,
        >();
        let pods = Api::<Pod>::namespaced(kube::Client::new(service, "a"), "a");
        let uid = Name::new("uid-1");
        let sent = async {
            let (request, answer) = handle.next_request().await.expect("a request");
            assert_eq!(
                request.uri().path(),
                "/api/v1/namespaces/a/pods/web/eviction"
            );
            let body = request.into_body().collect_bytes().await.expect("a body");
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            answer.send_response(
                http::Response::builder()
                    .status(201)
                    .body(kube::client::Body::from(
                        br#"{"status":"Success"}"#.to_vec(),
                    ))
                    .expect("an answer"),
            );
            body
        };
        let pod = Name::new("web");
        let (outcome, body) = futures::join!(post_eviction(&pods, &pod, &uid), sent);
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(body["deleteOptions"]["preconditions"]["uid"], "uid-1");
    }
}
