//! Out of memory: a leak is bought time, a limit that is too small is not.
use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::chaos::case::Case;
use crate::chaos::objects::App;

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "oom-leak",
        &[],
        "a slow leak kills the service at night, and nobody restarts it for good",
        a_leak_is_restarted_once,
    ),
    Scenario::new(
        "oom-start",
        &[],
        "the agent restarts a pod that can never fit into its memory limit",
        too_small_a_limit_is_a_persons,
    ),
];

/// `tail` keeps what it reads until a line ends, and /dev/zero has none.
const EATS: &str = "exec tail /dev/zero";

fn limited(name: &str, script: &str) -> App {
    App::new(name, script).container(json!({"resources": {"limits": {"memory": "24Mi"}}}))
}

fn a_leak_is_restarted_once(case: &Case<'_>) -> Result<()> {
    case.policy(json!({"minOccurrences": 1}), json!({}))?;
    // A run of a minute counts as a good one; only then does the leak reach the limit.
    let script =
        format!("sleep 62; while [ ! -e /world/sick-$HOSTNAME ]; do sleep 0.5; done; {EATS}");
    let pod = case.run_one(&limited("web", &script), "web")?;
    case.sicken(&pod)?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    let incident = case.stands("web", "Resolved", "Mended")?;
    incident.fails_with(&["OOMKilled"])?;
    case.evicted_only(1).map(drop)
}

fn too_small_a_limit_is_a_persons(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.start(&limited("web", EATS))?;
    let incident = case.stands("web", "Escalated", "RestartCannotHelp")?;
    incident.fails_with(&["OOMKilled"])?;
    let alert = case.handed_over()?;
    ensure!(
        alert.briefs(&case.namespace)[0]["failure"] == "OOMKilled",
        "told of {}",
        alert.body
    );
    case.crashed("web", 3)?;
    case.silence(20)?;
    case.evicted_only(0).map(drop)
}
