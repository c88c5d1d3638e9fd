//! From the first sign of a failure on a watch to the Incident written and to the alert's arrival, for eight kinds of failure.
use std::fs;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::incidents::{ByWorkload, Watched};
use super::report::{Part, percentiles, short};
use super::rig::{Rig, quiet};
use crate::chaos::wait;
use crate::cluster::state::BUSYBOX_IMAGE;

/// The namespace of the shared fault tool.
pub(super) const NAMESPACE: &str = "t";
/// Each kind fails so often.
const ROUNDS: usize = 2;
/// The sign of a pod that was Ready and is not any more.
const LOST: &str = "unready";
/// The first signs of each kind (as in `latency.py`, with a startup probe of our own), and what it may be named.
/// A startup probe that does not pass yet is a start like any other: the sign is that the kubelet gives up on it.
const KINDS: [(&str, &[&str], &[&str]); 8] = [
    (
        "crash",
        &["waiting:CrashLoopBackOff", "terminated:Error"],
        &["Error", "CrashLoopBackOff"],
    ),
    (
        "oom",
        &[
            "terminated:OOMKilled",
            "terminated:Error",
            "waiting:CrashLoopBackOff",
        ],
        &["OOMKilled"],
    ),
    (
        "init",
        &["terminated:Error", "waiting:CrashLoopBackOff"],
        &["Error", "CrashLoopBackOff"],
    ),
    (
        "live",
        &["event:Unhealthy:Liveness", "event:Killing:"],
        &["LivenessProbeFailed"],
    ),
    (
        "ready",
        &["event:Unhealthy:Readiness", LOST],
        &["ReadinessProbeFailed"],
    ),
    ("startup", &["event:Killing:"], &["StartupProbeFailed"]),
    (
        "pull",
        &["waiting:ErrImagePull", "waiting:ImagePullBackOff"],
        &["ErrImagePull", "ImagePullBackOff"],
    ),
    (
        "cm",
        &["waiting:CreateContainerConfigError"],
        &["CreateContainerConfigError"],
    ),
];

/// A line of `faults.py record`.
#[derive(Deserialize)]
struct Sign {
    t: f64,
    pod: String,
    what: String,
}

/// A line of `recv.py`.
#[derive(Deserialize)]
pub(super) struct Arrival {
    pub(super) t: f64,
    pub(super) body: Value,
}

pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    rig.namespace(NAMESPACE)?;
    rig.policy(NAMESPACE, json!({}))?;
    rig.forget(NAMESPACE)?;
    let (record, alerts) = (rig.file("detect.record")?, rig.file("detect.alerts")?);
    let _receiver = rig.receiver(&alerts, &[])?;
    let _record = rig.start("faults.py", &["record", &record])?;
    let incidents = Watched::start(rig, NAMESPACE);
    let agent = rig.agent("detect", NAMESPACE, 3600)?;
    agent.ready(30)?;
    quiet();
    part.load = super::rig::load();
    for round in 1..=ROUNDS {
        let suffix = format!("r{round}");
        rig.api.apply(&startup(&format!("startup-{suffix}")))?;
        rig.tool("faults.py", &["apply", &suffix])?;
        // Whatever is not told in that time is a result, too.
        let _ = wait::until("every failure is told", 45, || {
            let told = arrivals(&alerts)?;
            for (kind, ..) in KINDS {
                ensure!(
                    first_named(&told, &format!("{kind}-{suffix}")).is_some(),
                    "{kind}-{suffix}"
                );
            }
            Ok(())
        });
        rig.tool("faults.py", &["delete", &suffix])?;
    }
    agent.finish()?;
    rows(
        part,
        &signs(&record)?,
        &incidents.get(),
        &arrivals(&alerts)?,
    );
    let theirs = rig.tool("latency.py", &[&record, &alerts, "120"])?;
    part.notes.push(format!(
        "`latency.py` of the shared tools says:\n```\n{}\n```",
        theirs.trim()
    ));
    Ok(())
}

/// A startup probe that never passes; the shared tool has none.
fn startup(name: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "c", "image": BUSYBOX_IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "1000"],
                "startupProbe": {"exec": {"command": ["false"]}, "periodSeconds": 2, "failureThreshold": 3},
            }],
        }}},
    })
}

fn signs(record: &str) -> Result<Vec<Sign>> {
    Ok(fs::read_to_string(record)?
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect())
}

pub(super) fn arrivals(alerts: &str) -> Result<Vec<Arrival>> {
    Ok(fs::read_to_string(alerts)?
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect())
}

/// The first message that names a workload: when it came and what it calls the failure.
pub(super) fn first_named(told: &[Arrival], workload: &str) -> Option<(f64, String)> {
    let named = |one: &Value| {
        let is_it = one.pointer("/workload/name").and_then(Value::as_str) == Some(workload);
        is_it.then(|| {
            one.get("failure")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
    };
    told.iter().find_map(|a| {
        let listed = a.body.get("incidents").and_then(Value::as_array);
        std::iter::once(&a.body)
            .chain(listed.into_iter().flatten())
            .find_map(named)
            .map(|f| (a.t, f))
    })
}

fn rows(part: &mut Part, signs: &[Sign], incidents: &ByWorkload, told: &[Arrival]) {
    let (mut all_written, mut all_told) = (Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    let mut most_messages = 0;
    let mut lines = Vec::new();
    for (kind, first, names) in KINDS {
        let (mut to_incident, mut to_alert, mut called) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=ROUNDS {
            let workload = format!("{kind}-r{round}");
            let prefix = format!("{workload}-");
            let is_sign = |s: &&Sign| {
                s.pod.starts_with(&prefix) && first.iter().any(|f| s.what.starts_with(f))
            };
            let sign = signs.iter().filter(is_sign).map(|s| s.t).reduce(f64::min);
            let Some(sign) = sign else {
                wrong.push(format!("{workload}: no sign"));
                continue;
            };
            // A probe that fails before the pod was first Ready is a start. The record tells of each sign once: the real one is hidden.
            let ready = |s: &&Sign| s.pod.starts_with(&prefix) && s.what == "ready";
            let was_ready = signs.iter().filter(ready).map(|s| s.t).reduce(f64::min);
            let is_start = first.contains(&LOST) && was_ready.is_none_or(|ready| sign < ready);
            if is_start {
                part.notes.push(format!(
                    "{workload} is not timed: its probe failed before the pod was first Ready, as in any start."
                ));
            }
            to_incident.extend(
                incidents
                    .get(&workload)
                    .filter(|_| !is_start)
                    .map(|i| ((i.written - sign) * 1000.0).max(0.0)),
            );
            match first_named(told, &workload) {
                Some((at, name)) => {
                    if !is_start {
                        to_alert.push(((at - sign) * 1000.0).max(0.0));
                    }
                    if !names.contains(&name.as_str()) {
                        wrong.push(format!("{workload}: named {name}"));
                    }
                    called.push(name);
                }
                None => wrong.push(format!("{workload}: never told")),
            }
            let word = format!("\"{workload}\"");
            let messages = told
                .iter()
                .filter(|a| a.body.to_string().contains(&word))
                .count();
            most_messages = most_messages.max(messages);
        }
        let text = |samples: &[f64]| {
            percentiles(samples.to_vec()).map_or_else(
                || "-".to_owned(),
                |(p50, worst)| format!("{} / {}", short(p50), short(worst)),
            )
        };
        called.dedup();
        lines.push((
            kind,
            format!(
                "{} ms to the Incident, {} ms to the alert, named {}",
                text(&to_incident),
                text(&to_alert),
                called.join(", ")
            ),
        ));
        all_written.extend(to_incident);
        all_told.extend(to_alert);
    }
    let (incident, alert) = (percentiles(all_written), percentiles(all_told));
    part.most(
        "first sign to the Incident written, p50",
        incident.map(|p| p.0),
        50.0,
        "ms",
    );
    part.most(
        "first sign to the Incident written, p99",
        incident.map(|p| p.1),
        300.0,
        "ms",
    );
    part.most(
        "first sign to the alert's arrival, p50",
        alert.map(|p| p.0),
        100.0,
        "ms",
    );
    for (kind, text) in lines {
        part.fact(&format!("{kind}: p50 / worst"), &text, "", None);
    }
    let right = KINDS.len() * ROUNDS - wrong.len();
    let named = format!(
        "{right} of {}{}",
        KINDS.len() * ROUNDS,
        if wrong.is_empty() {
            String::new()
        } else {
            format!(" ({})", wrong.join(", "))
        }
    );
    part.fact(
        "named with the true cause",
        &named,
        "all",
        Some(wrong.is_empty()),
    );
    part.fact(
        "messages about one failure, at most",
        &most_messages.to_string(),
        "1 and its follow-ups",
        None,
    );
    part.notes.push(format!(
        "{ROUNDS} rounds of `faults.py apply` (and a startup probe of our own); signs as `faults.py record` sees them on its watch, the Incident as a watch of this program \
         sees it, the alert as `recv.py` gets it. One round is eight Deployments at the same moment on one node."
    ));
}
