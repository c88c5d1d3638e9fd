//! Two thousand pods of two hundred workloads fail within ten seconds: with a receiver that is well, slow, or refuses for a minute.
use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::detect::{Arrival, arrivals};
use super::footprint::{NAMESPACE, number, populate};
use super::report::{Part, short};
use super::rig::{Agent, Rig, epoch, get, quiet};
use crate::chaos::{api, wait};
use crate::ui;

const PODS: u32 = 2000;
const WORKLOADS: usize = 200;
/// The policy's default: a storm begins when this many workloads fail.
const THRESHOLD: usize = 10;
/// The policy's default.
const MAX_ACTIONS: usize = 5;

/// How the receiver behaves.
struct Mood {
    name: &'static str,
    args: &'static [&'static str],
    /// Recovers after a minute.
    recovers: bool,
}

const MOODS: [Mood; 3] = [
    Mood {
        name: "a receiver that is well",
        args: &[],
        recovers: false,
    },
    Mood {
        name: "a slow receiver (2 s)",
        args: &["--delay", "2"],
        recovers: false,
    },
    Mood {
        name: "a receiver that refuses (500) for a minute",
        args: &["--status", "500"],
        recovers: true,
    },
];

pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    with(rig, part, 0)
}

pub(super) fn slow(rig: &Rig, part: &mut Part) -> Result<()> {
    with(rig, part, 1)
}

pub(super) fn refused(rig: &Rig, part: &mut Part) -> Result<()> {
    with(rig, part, 2)
}

fn with(rig: &Rig, part: &mut Part, i: usize) -> Result<()> {
    let mood = MOODS.get(i).context("there is no such receiver")?;
    rig.namespace(NAMESPACE)?;
    rig.tool("kwokload.py", &["nodes", "8"])?;
    rig.policy(NAMESPACE, json!({}))?;
    populate(rig, PODS)?;
    rig.forget(NAMESPACE)?;
    quiet();
    let result = one(rig, part, mood, i);
    rig.tool("storm.py", &[&PODS.to_string(), "--seconds", "5", "--heal"])?;
    result.with_context(|| mood.name)?;
    part.notes.push(format!("`kwokload.py pods {PODS} --per 10`, `storm.py {PODS} --seconds 10 --events`, `recv.py`; limits of the policy are the defaults (a storm from {THRESHOLD} workloads on)"));
    Ok(())
}

fn one(rig: &Rig, part: &mut Part, mood: &Mood, i: usize) -> Result<()> {
    let (failed, alerts) = (
        rig.file(&format!("storm-{i}.pods"))?,
        rig.file(&format!("storm-{i}.alerts"))?,
    );
    let mut receiver = rig.receiver(&alerts, mood.args)?;
    let agent = rig.agent(&format!("storm-{i}"), NAMESPACE, 3600)?;
    agent.ready(60)?;
    let pods = PODS.to_string();
    let args = ["--seconds", "10", "--events", "--log", &failed];
    let args: Vec<&str> = std::iter::once(pods.as_str()).chain(args).collect();
    let mut storm = rig
        .tools
        .command(&rig.session.state.kubeconfig(), "storm.py", &args);
    storm
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let began = Instant::now();
    let mut storm = storm.spawn().context("cannot start storm.py")?;
    let storming = storming_at();
    ensure!(storm.wait()?.success(), "storm.py failed");
    let since = match mood.recovers {
        true => {
            wait::until("the minute of refusals is over", 90, || {
                ensure!(began.elapsed() > Duration::from_secs(60), "not yet");
                Ok(())
            })?;
            drop(receiver);
            let since = epoch();
            receiver = rig.receiver(&alerts, &[])?;
            since
        }
        false => 0.0,
    };
    // Until all are named, and a little longer, in case more is said.
    let named = wait::until("all workloads are named", 120, || {
        let told = accepted(&arrivals(&alerts)?, since);
        ensure!(
            told.0.len() == WORKLOADS,
            "{} of {WORKLOADS} are named",
            told.0.len()
        );
        Ok(())
    });
    let _ = wait::throughout("a little longer", 5, || Ok(()));
    let theirs = rig.tool("stormcount.py", &[&failed, &alerts])?;
    drop(receiver);
    rows(
        rig,
        part,
        mood,
        agent,
        storming,
        &failed,
        &accepted(&arrivals(&alerts)?, since),
    )?;
    if !mood.recovers {
        part.notes.push(format!(
            "`stormcount.py` with {}: `{}`",
            mood.name,
            theirs.trim()
        ));
    }
    named
}

/// Waits, aside, for the first decision to leave a workload alone because of the storm.
fn storming_at() -> mpsc::Receiver<f64> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            let metrics = get("/metrics").unwrap_or_default();
            if metrics
                .lines()
                .any(|l| l.starts_with("podmender_decisions_total{") && l.contains("\"Storm\""))
            {
                return tell.send(epoch());
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    told
}

/// Which workloads were named in messages that the receiver took, in how many messages, and when the last was first named.
fn accepted(told: &[Arrival], since: f64) -> (BTreeSet<String>, usize, f64) {
    let (mut named, mut messages, mut last) = (BTreeSet::new(), 0, 0.0);
    for arrival in told.iter().filter(|a| a.t >= since) {
        messages += 1;
        let listed = arrival.body.get("incidents").and_then(Value::as_array);
        for one in std::iter::once(&arrival.body).chain(listed.into_iter().flatten()) {
            let name = one.pointer("/workload/name").and_then(Value::as_str);
            if name.is_some_and(|n| named.insert(n.to_owned())) {
                last = arrival.t;
            }
        }
    }
    (named, messages, last)
}

/// When the pods failed, and when so many workloads had.
fn failing(log: &str) -> Result<(f64, f64, f64)> {
    let text = fs::read_to_string(log)?;
    let mut pods: Vec<(f64, &str)> = text
        .lines()
        .filter_map(|l| {
            let (at, name) = l.split_once(' ')?;
            Some((at.parse().ok()?, name))
        })
        .collect();
    pods.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut workloads = BTreeSet::new();
    let over = pods.iter().find(|(_, name)| {
        workloads.insert(name.rsplitn(3, '-').last());
        workloads.len() >= THRESHOLD
    });
    let first = pods.first().context("nothing failed")?;
    Ok((
        first.0,
        over.context("too few workloads")?.0,
        pods.last().map_or(first.0, |p| p.0),
    ))
}

fn rows(
    rig: &Rig,
    part: &mut Part,
    mood: &Mood,
    agent: Agent,
    storming: mpsc::Receiver<f64>,
    failed: &str,
    (named, messages, last): &(BTreeSet<String>, usize, f64),
) -> Result<()> {
    let incidents = rig.api.list(&api::path(
        "podmender.io/v1alpha1",
        "Incident",
        Some(NAMESPACE),
    ))?;
    let acts = incidents
        .iter()
        .filter_map(|i| i.pointer("/status/attempts")?.as_array())
        .map(Vec::len)
        .sum::<usize>();
    let result = agent.finish()?;
    let (first, over, end) = failing(failed)?;
    let with = |what: &str| format!("{what}, with {}", mood.name);
    let after = storming
        .recv_timeout(Duration::from_secs(1))
        .ok()
        .map(|at| (at - over).max(0.0));
    part.most(&with("storm mode after the threshold"), after, 5.0, "s");
    part.fact(
        &with("workloads named"),
        &format!("{} of {WORKLOADS}", named.len()),
        "all",
        Some(named.len() == WORKLOADS),
    );
    part.most(&with("messages"), Some(*messages as f64), 5.0, "");
    part.fact(
        &with("last workload named"),
        &format!(
            "{} s after the first failure, {} s after the last",
            short(last - first),
            short(last - end)
        ),
        "",
        None,
    );
    part.fact(
        &with("acts"),
        &acts.to_string(),
        &format!("<= {MAX_ACTIONS}"),
        Some(acts <= MAX_ACTIONS),
    );
    part.fact(
        &with("incidents written"),
        &format!("{} of {WORKLOADS}", incidents.len()),
        "all",
        Some(incidents.len() >= WORKLOADS),
    );
    part.most(
        &with("peak memory"),
        Some(number(&result, "hwm_mib")?),
        40.0,
        "MiB",
    );
    part.most(&with("CPU"), Some(number(&result, "cpu_s")?), 2.0, "s");
    part.fact(
        &with("API requests"),
        &short(number(&result, "api_requests")?),
        "",
        None,
    );
    ui::say(format!(
        "{}: {} named in {messages} messages, {}",
        mood.name,
        named.len(),
        json!({"cpu": result["cpu_s"], "peak": result["hwm_mib"]})
    ));
    Ok(())
}
