//! Pods of more than one container: the one that fails is named, and the workload pays.
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::chaos::case::{Case, name_of, uid_of};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK, LIVES, container};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "containers",
    &[97],
    "a sidecar crashes and the alert blames my program; or each container of a pod has a budget of its own",
    containers,
)];

/// Ends once there is a file of that name for this pod.
fn ends_with(file: &str) -> String {
    CRASHES_WHEN_SICK.replace("sick-", &format!("{file}-"))
}

/// A native sidecar crashes beside a healthy program; of three containers one crashes in one pod, and another in the other pod.
fn containers(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"maxRestarts": 1}), json!({}))?;
    let mut proxy = container("proxy", CRASHES_WHEN_SICK);
    proxy["restartPolicy"] = json!("Always");
    let mesh = App::new("mesh", LIVES).pod(json!({"initContainers": [proxy]}));
    let trio = App::new("trio", LIVES)
        .beside("worker", &ends_with("worker"))
        .beside("shipper", &ends_with("shipper"))
        .replicas(2);
    case.start(&mesh)?;
    let pods = case.run(&trio, "trio", 2)?;
    let [first, second] = pods.as_slice() else {
        anyhow::bail!("{} pods", pods.len())
    };
    // It was made before, and so it has run for as long.
    let in_mesh = wait::eventually("mesh is Ready, too", || {
        case.ready_pods("mesh")?.pop().context("it is not")
    })?;
    case.sicken(&in_mesh)?;
    case.fault(&format!("worker-{}", name_of(first)), true)?;
    let evictions = case.evicted(2)?;
    for pod in [&in_mesh, first] {
        let is_it = evictions
            .iter()
            .any(|e| e.uid.as_deref() == Some(uid_of(pod)));
        ensure!(is_it, "{} was not evicted", name_of(pod));
    }
    for workload in ["mesh", "trio"] {
        case.stands(workload, "Resolved", "Mended")?;
    }
    blamed(case, "mesh", "proxy", "Sidecar")?;
    blamed(case, "trio", "worker", "Main")?;

    case.fault(&format!("shipper-{}", name_of(second)), true)?;
    case.stands("trio", "Escalated", "BudgetSpent")?;
    blamed(case, "trio", "shipper", "Main")?;
    case.untouched(10)?;
    case.evicted_only(2).map(drop)
}

/// Fails unless the newest incident of the workload names that container.
fn blamed(case: &Case<'_>, workload: &str, container: &str, role: &str) -> Result<()> {
    let incident = case.incident(workload)?;
    incident.fails_with(&["CrashLoopBackOff", "Error"])?;
    let diagnosis = incident.0.pointer("/status/diagnosis");
    let diagnosis = diagnosis.context("no diagnosis")?;
    let named = |field: &str| diagnosis.get(field).and_then(Value::as_str);
    ensure!(
        (named("container"), named("role")) == (Some(container), Some(role)),
        "blamed: {diagnosis}"
    );
    Ok(())
}
