//! From the decision to the eviction accepted, and from the crash to a verified, Ready replacement.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::detect::NAMESPACE;
use super::report::{Part, percentiles};
use super::rig::{Rig, epoch, quiet, seconds};
use crate::chaos::{api, wait};
use crate::cluster::state::BUSYBOX_IMAGE;

/// So many workloads crash, one after the other.
const WORKLOADS: usize = 3;
/// How long a new pod must be well; not counted.
const HEALTHY_DELAY: f64 = 10.0;
/// Fails until its pod is replaced: the folder lives as long as the pod.
const SCRIPT: &str = "until [ -e /state/sick ]; do sleep 0.1; done; echo 'fatal: local state is corrupt' >&2; exit 1";

pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    rig.namespace(NAMESPACE)?;
    rig.policy(
        NAMESPACE,
        json!({
            "capabilities": [{"name": "autoRestart", "enabled": true, "config": {"minOccurrences": 2, "cooldownPeriod": "5s"}}],
            "autonomy": {"limits": {"maxConcurrent": 10, "maxActions": 50}, "verify": {"healthyDelay": format!("{HEALTHY_DELAY}s")}},
        }),
    )?;
    rig.forget(NAMESPACE)?;
    let alerts = rig.file("mend.alerts")?;
    let _receiver = rig.receiver(&alerts, &[])?;
    for n in 1..=WORKLOADS {
        rig.api.apply(&deployment(n))?;
    }
    let agent = rig.agent("mend", NAMESPACE, 3600)?;
    agent.ready(30)?;
    wait::until("all have run for 20 s", 90, || {
        for n in 1..=WORKLOADS {
            let began = running_since(rig, n)?;
            ensure!(
                epoch() - began >= 20.0,
                "mend-{n} runs for {:.0} s",
                epoch() - began
            );
        }
        Ok(())
    })?;
    quiet();
    part.load = super::rig::load();
    let (mut evicted, mut verified) = (Vec::new(), Vec::new());
    for n in 1..=WORKLOADS {
        let pod = format!("deployment/mend-{n}");
        let broke = epoch();
        rig.kubectl(&["exec", "-n", NAMESPACE, &pod, "--", "touch", "/state/sick"])?;
        let incident = wait::until("it is mended", 90, || mended(rig, n))?;
        verified.push(at(&incident, "resolved")? - broke - HEALTHY_DELAY);
        evicted.push((at(&incident, "ended")? - at(&incident, "intended")?) * 1000.0);
    }
    agent.finish()?;
    part.most(
        "decision to eviction accepted, p99",
        percentiles(evicted).map(|p| p.1),
        200.0,
        "ms",
    );
    let verified = percentiles(verified);
    part.most(
        "crash to a verified Ready replacement (without healthyDelay), p50",
        verified.map(|p| p.0),
        15.0,
        "s",
    );
    part.most(
        "crash to a verified Ready replacement (without healthyDelay), worst",
        verified.map(|p| p.1),
        15.0,
        "s",
    );
    part.notes.push(format!(
        "{WORKLOADS} Deployments that ran well and crash one after the other, again and again until the pod is replaced; the agent acts at the second crash. \
         Times of decision and acceptance are those of the audit records of intent and outcome."
    ));
    for n in 1..=WORKLOADS {
        rig.api.delete(&path(n))?;
    }
    Ok(())
}

fn path(n: usize) -> String {
    format!(
        "{}/mend-{n}",
        api::path("apps/v1", "Deployment", Some(NAMESPACE))
    )
}

fn deployment(n: usize) -> Value {
    let name = format!("mend-{n}");
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "volumes": [{"name": "state", "emptyDir": {}}],
            "containers": [{
                "name": "c", "image": BUSYBOX_IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", SCRIPT],
                "volumeMounts": [{"name": "state", "mountPath": "/state"}],
            }],
        }}},
    })
}

fn running_since(rig: &Rig, n: usize) -> Result<f64> {
    let folder = api::path("v1", "Pod", Some(NAMESPACE));
    let pod = rig
        .api
        .list(&format!("{folder}?labelSelector=app%3Dmend-{n}"))?
        .pop()
        .context("no pod")?;
    let started = pod
        .pointer("/status/containerStatuses/0/state/running/startedAt")
        .and_then(Value::as_str);
    Ok(seconds(started.context("it does not run")?.parse()?))
}

fn mended(rig: &Rig, n: usize) -> Result<Value> {
    let folder = api::path("podmender.io/v1alpha1", "Incident", Some(NAMESPACE));
    let name = json!(format!("mend-{n}"));
    let all = rig.api.list(&folder)?;
    let incident = all
        .into_iter()
        .find(|i| i.pointer("/spec/workload/name") == Some(&name))
        .context("no incident")?;
    let (phase, reason) = (
        incident.pointer("/status/phase"),
        incident.pointer("/status/reason"),
    );
    ensure!(reason == Some(&json!("Mended")), "{phase:?} ({reason:?})");
    Ok(incident)
}

/// When the first record of that type was made.
fn at(incident: &Value, kind: &str) -> Result<f64> {
    let timeline = incident
        .pointer("/status/timeline")
        .and_then(Value::as_array);
    let record = timeline
        .into_iter()
        .flatten()
        .find(|r| r.pointer("/fact/type") == Some(&json!(kind)));
    let at = record.and_then(|r| r.get("at")).and_then(Value::as_str);
    Ok(seconds(
        at.with_context(|| format!("no record of type {kind}"))?
            .parse()?,
    ))
}
