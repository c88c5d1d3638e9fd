//! Crash loops: mended where a restart helps, handed over where it does not.
use anyhow::Result;
use serde_json::json;

use super::Scenario;
use crate::chaos::case::Case;
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "crash-restart",
    "a pod whose local state is corrupt crash-loops all night although a new pod would run",
    &[6, 27],
    mended_by_a_new_pod,
)];

fn mended_by_a_new_pod(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let web = App::new("web", CRASHES_WHEN_SICK);
    let pod = case.run_one(&web, "web")?;
    case.sicken(&pod)?;
    case.evicted(1, 40)?;
    case.mended("web", 1, 30)?;
    let incident = case.stands("web", "Resolved", "Mended", 30)?;
    incident.fails_with(&["CrashLoopBackOff", "Error"])?;
    case.told("Resolved", 10)?;
    case.evicted(1, 0).map(drop)
}
