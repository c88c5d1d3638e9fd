//! Failing probes: what the kubelet cannot mend by itself is replaced, what all replicas share is left alone.
use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::chaos::case::{Case, uid_of};
use crate::chaos::objects::{App, LIVES};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "liveness-stuck",
        &[78],
        "the kubelet restarts a container over and over in a pod that is broken for good",
        liveness,
    ),
    Scenario::new(
        "readiness-one",
        &[78],
        "one of two replicas gets no traffic any more, and nobody notices",
        one_replica_is_not_ready,
    ),
    Scenario::new(
        "readiness-all",
        &[78],
        "all replicas wait for the same dependency, and the agent restarts them too",
        no_replica_is_ready,
    ),
    Scenario::new(
        "startup-stuck",
        &[78],
        "a container does not come up again after a crash, in this pod only",
        startup,
    ),
];

const NOT_SICK: &str = "test ! -e /world/sick-$HOSTNAME";

fn liveness(case: &Case<'_>) -> Result<()> {
    // After the hold it must have been killed once: whoever is not killed, and the last one that is Ready, is a person's.
    case.policy(json!({"hold": "25s"}), json!({}))?;
    let pod = case.run_one(
        &App::new("web", LIVES).probe("livenessProbe", NOT_SICK),
        "web",
    )?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    let named = incident.0.to_string().contains("LivenessProbeFailed");
    ensure!(
        named,
        "the liveness probe is not named; at last it was {}",
        incident.failure()
    );
    case.evicted_only(1).map(drop)
}

fn one_replica_is_not_ready(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"hold": "8s"}), json!({}))?;
    let web = App::new("web", LIVES)
        .replicas(2)
        .probe("readinessProbe", NOT_SICK);
    let pods = case.run(&web, "web", 2)?;
    let [sick, well] = pods.as_slice() else {
        anyhow::bail!("{} pods", pods.len())
    };
    case.sicken(sick)?;
    let evictions = case.evicted(1)?;
    ensure!(
        evictions
            .iter()
            .all(|e| e.uid.as_deref() == Some(uid_of(sick))),
        "another pod was evicted"
    );
    case.mended("web", 2)?;
    let stays = case.pods("web")?.iter().any(|p| uid_of(p) == uid_of(well));
    ensure!(stays, "the healthy replica was replaced");
    let incident = case.stands("web", "Resolved", "Mended")?;
    incident.fails_with(&["ReadinessProbeFailed"])
}

fn no_replica_is_ready(case: &Case<'_>) -> Result<()> {
    // One of them is seen to fail first: time enough until the other one does.
    case.policy(json!({"hold": "30s"}), json!({}))?;
    let web = App::new("web", LIVES)
        .replicas(2)
        .probe("readinessProbe", "test ! -e /world/down");
    case.run(&web, "web", 2)?;
    case.fault("down", true)?;
    let incident = case.stands("web", "Escalated", "RestartCannotHelp")?;
    incident.fails_with(&["ReadinessProbeFailed"])?;
    case.handed_over()?;
    case.silence(35)?;
    case.evicted_only(0)?;
    case.fault("down", false)?;
    case.stands("web", "Resolved", "RecoveredByItself")?;
    case.told("Resolved").map(drop)
}

fn startup(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let script = "[ -e /world/sick-$HOSTNAME ] && exec sleep 3600; touch /tmp/up; \
                  until [ -e /world/sick-$HOSTNAME ]; do sleep 0.3; done; exit 3";
    // The script has five seconds to write the file.
    let web = App::new("web", script)
        .probe("startupProbe", "test -e /tmp/up")
        .container(json!({"startupProbe": {"failureThreshold": 5}}));
    let pod = case.run_one(&web, "web")?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    let named = incident.0.to_string().contains("StartupProbeFailed");
    ensure!(
        named,
        "the startup probe is not named; at last it was {}",
        incident.failure()
    );
    case.evicted_only(1).map(drop)
}
