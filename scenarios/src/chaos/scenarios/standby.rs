//! Two replicas: one leads, the other takes over.
use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use super::Scenario;
use crate::chaos::agent::Agent;
use crate::chaos::api;
use crate::chaos::case::{Case, name_of};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::wait;

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "standby",
    &[39, 42],
    "the agent hangs with its node, and nobody mends; then it wakes, and both do",
    standby,
)
.alone()];

/// The leader freezes; the other one mends; the leader wakes, and leads no more.
fn standby(case: &Case<'_>) -> Result<()> {
    case.agent.add_standby()?;
    case.policy(json!({}), json!({}))?;
    let pod = case.run_one(&App::new("web", CRASHES_WHEN_SICK), "web")?;
    let old = case.agent.leader()?;
    Agent::signal(&old, Signal::STOP)?;
    case.sicken(&pod)?;
    let new = wait::eventually("the other replica leads", || {
        let leader = case.agent.leader()?;
        ensure!(
            name_of(&leader) != name_of(&old),
            "the frozen one still does"
        );
        Ok(leader)
    })?;
    Agent::signal(&old, Signal::CONT)?;
    wait::eventually("the old leader gives up", || {
        let path = api::path("v1", "Pod", Some(&case.agent.namespace));
        let log = format!("{path}/{}/log?previous=true", name_of(&old));
        let log = case.stage.api.text(&log)?;
        ensure!(log.contains("leads no more"), "its log is {log}");
        Ok(())
    })?;
    case.evicted(1)?;
    case.mended("web", 1)?;
    case.stands("web", "Resolved", "Mended")?;
    case.evicted_only(1)?;
    let leader = case.agent.leader()?;
    ensure!(
        name_of(&leader) == name_of(&new),
        "the lead changed once more"
    );
    let told = case.alerts().len();
    ensure!(told <= 2, "it was told {told} times");
    Ok(())
}
