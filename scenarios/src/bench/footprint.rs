//! Memory, idle CPU, API requests and start-up beside 0 to 10,000 pods that kwok pretends to run.
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::report::{Part, short};
use super::rig::{Agent, Rig, quiet};
use crate::ui;

/// The namespace of the shared load tool.
pub(super) const NAMESPACE: &str = "load";
/// Pods and the most MiB beside them.
const STEPS: [(u32, f64); 4] = [(0, 14.0), (500, 15.0), (2000, 18.0), (10_000, 28.0)];
/// The rivals' marks, for the table: kwatch main, k8sgpt.
const RIVALS: [&str; 4] = [
    "kwatch 41, khook 47",
    "kwatch 53, khook 49",
    "kwatch 83, khook 48",
    "kwatch 213, kubewatch 255",
];
/// Measured for so long; the first 15 s do not count as idle.
const SECONDS: u32 = 30;

/// Up to 2,000 pods.
pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    steps(rig, part, |pods| pods <= 2000)
}

/// 10,000 pods: last, since bringing them into being takes minutes.
pub(super) fn scale(rig: &Rig, part: &mut Part) -> Result<()> {
    steps(rig, part, |pods| pods > 2000)
}

fn steps(rig: &Rig, part: &mut Part, wanted: fn(u32) -> bool) -> Result<()> {
    rig.namespace(NAMESPACE)?;
    rig.tool("kwokload.py", &["nodes", "8"])?;
    rig.policy(NAMESPACE, json!({}))?;
    let mut requests = Vec::new();
    for ((pods, target), rival) in STEPS
        .into_iter()
        .zip(RIVALS)
        .filter(|((pods, _), _)| wanted(*pods))
    {
        if pods > rig.pods {
            part.most(
                &format!("resident memory beside {pods} pods"),
                None,
                target,
                "MiB",
            );
            continue;
        }
        populate(rig, pods)?;
        rig.forget(NAMESPACE)?;
        quiet();
        let agent = rig.agent(&format!("footprint-{pods}"), NAMESPACE, SECONDS)?;
        agent.ready(60)?;
        let synced = synced(&agent);
        let log = agent.log.clone();
        let result = agent.result()?;
        let number = |key: &str| result.get(key).and_then(Value::as_f64);
        part.most(
            &format!("resident memory beside {pods} pods (rivals: {rival})"),
            number("rss_mib"),
            target,
            "MiB",
        );
        part.fact(
            &format!("peak beside {pods} pods"),
            &format!("{} MiB", number("hwm_mib").map_or_else(String::new, short)),
            "",
            None,
        );
        requests.push(format!(
            "{} at {pods}",
            number("api_requests").map_or_else(String::new, short)
        ));
        if pods == STEPS.map(|s| s.0)[3] {
            let idle = number("idle_cpu_s_per_min").map(|s| s / 60.0 * 100.0);
            part.most(
                "idle CPU beside 10,000 pods, share of a core",
                idle,
                0.1,
                "%",
            );
            part.most("synced with 10,000 pods after the start", synced, 1.5, "s");
        }
        if pods == 0 {
            part.most(
                "start to the first watch",
                number("startup_s").map(|s| s * 1000.0),
                50.0,
                "ms",
            );
        }
        ui::say(format!("{pods} pods: {result} (log {})", log.display()));
    }
    part.fact(
        &format!("API requests in {SECONDS} s"),
        &requests.join(", "),
        "none per healthy pod",
        None,
    );
    part.notes.push("`kwokload.py nodes 8`, `pods N --per 10`, `measure.py` with the user agent `podmender`; resident memory at the end, idle CPU after the first 15 s".to_owned());
    Ok(())
}

/// Brings so many healthy pods into being.
pub(super) fn populate(rig: &Rig, pods: u32) -> Result<()> {
    if pods == 0 {
        return Ok(());
    }
    let bar = ui::Progress::new(format!("{pods} pods"), 0);
    rig.tool(
        "kwokload.py",
        &["pods", &pods.to_string(), "--per", "10", "--timeout", "900"],
    )?;
    bar.finish();
    Ok(())
}

/// From the agent's first log line to the last of its first lists; `None` if it did not say so.
fn synced(agent: &Agent) -> Option<f64> {
    let lines = agent.lines().ok()?;
    let at = |line: &Value| {
        line.get("timestamp")?
            .as_str()?
            .parse::<jiff::Timestamp>()
            .ok()
    };
    let first = lines.first().and_then(at)?;
    let listed = lines
        .iter()
        .filter(|l| l.to_string().contains("\"listed\""))
        .filter_map(at)
        .max()?;
    Some(listed.duration_since(first).as_secs_f64())
}

/// A number of `measure.py`.
pub(super) fn number(result: &Value, key: &str) -> Result<f64> {
    result
        .get(key)
        .and_then(Value::as_f64)
        .with_context(|| format!("measure.py gives no {key}"))
}
