//! What a summary by a model costs those who wait for something else: detection, decision, alert, and memory.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::detect::{Arrival, arrivals, first_named};
use super::footprint::NAMESPACE;
use super::incidents::Watched;
use super::report::{Part, percentiles, short};
use super::rig::{Rig, epoch, quiet};
use super::slack::pod_of;
use crate::chaos::case::name_of;
use crate::chaos::{api, wait};
use crate::llm::Llm;
use crate::llm::fault::Fault;
use crate::ui;

/// So many workloads fail in each run, one after the other.
const WORKLOADS: usize = 30;
/// From one failure to the next: an alert that must wait for the last one would measure that.
const EVERY: f64 = 1.5;
/// At least so many questions, or nothing was measured.
const ENOUGH: usize = 3;
/// Words without numbers: each failure is another one, and so another question.
const WORDS: [&str; 6] = ["red", "blue", "green", "black", "white", "brown"];

/// How the model is, while workloads fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    Off,
    Answers,
    Hangs,
}

/// Off comes twice, first and last: what the two differ by is the noise.
const RUNS: [Model; 4] = [Model::Off, Model::Answers, Model::Hangs, Model::Off];

/// What one run gave; times in ms since the failure.
#[derive(Default)]
struct Run {
    detected: Vec<f64>,
    decided: Vec<f64>,
    told: Vec<f64>,
    /// Resident at the end, in MiB.
    memory: f64,
    asked: usize,
    explained: usize,
}

/// A step of the way, by name and where its times are.
type Step = (&'static str, fn(&Run) -> &[f64]);
const STEPS: [Step; 3] = [
    ("failing pod to the Incident written", |r| &r.detected),
    ("failing pod to the decision", |r| &r.decided),
    ("failing pod to the alert's arrival", |r| &r.told),
];

pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    rig.tool("kwokload.py", &["nodes", "8"])?;
    let incidents = Watched::start(rig, NAMESPACE);
    let mut runs = Vec::new();
    for (n, model) in RUNS.into_iter().enumerate() {
        let name = format!("summary-{n}");
        runs.push(run(rig, &incidents, &name, model).with_context(|| format!("{model:?}"))?);
    }
    rig.clear_load()?;
    if let [before, answers, hangs, after] = runs.as_slice() {
        rows(
            part,
            &[before, after],
            &[("answers", answers), ("hangs", hangs)],
        );
    }
    Ok(())
}

fn run(rig: &Rig, incidents: &Watched, name: &str, model: Model) -> Result<Run> {
    rig.clear_load()?;
    rig.namespace(NAMESPACE)?;
    let pods = (2 * WORKLOADS).to_string();
    rig.tool("kwokload.py", &["pods", &pods, "--per", "2"])?;
    let llm = Llm::start("127.0.0.1:0")?;
    if model == Model::Hangs {
        llm.order(Fault::Slow(Duration::from_secs(3600)));
    }
    rig.policy(
        NAMESPACE,
        json!({
            "autonomy": {"limits": {"stormPodsPercent": 100, "stormWorkloads": 1000}},
            "summary": {
                "enabled": model != Model::Off, "model": "stand-in", "baseUrl": llm.base(),
                "allowPrivateAddress": true, "perMinute": 60,
            },
        }),
    )?;
    rig.forget(NAMESPACE)?;
    incidents.get().clear();
    let log = rig.file(&format!("{name}.alerts"))?;
    let _receiver = rig.receiver(&log, &[])?;
    let agent = rig.agent(name, NAMESPACE, 3600)?;
    agent.ready(30)?;
    quiet();
    let mut run = Run::default();
    for n in 0..WORKLOADS {
        let workload = format!("app-{n:03}");
        let pod = pod_of(rig, &workload)?;
        let broke = epoch();
        fail(rig, &pod, n)?;
        let since = |at: f64| (at - broke) * 1000.0;
        let (seen, told) = wait::until(&format!("{workload} is known and told"), 30, || {
            let told: Vec<Arrival> = arrivals(&log)?;
            let (at, _) = first_named(&told, &workload).context("nobody was told")?;
            let seen = incidents.get().get(&workload).copied();
            Ok((
                seen.and_then(|s| Some((s.written, s.decided?)))
                    .context("no decision")?,
                at,
            ))
        })?;
        run.detected.push(since(seen.0));
        run.decided.push(since(seen.1));
        run.told.push(since(told));
        let left = broke + EVERY - epoch();
        std::thread::sleep(Duration::from_secs_f64(left.max(0.0)));
    }
    run.memory = rig.resident().context("the agent's process is gone")?;
    run.asked = llm.asked().len();
    let folder = api::path("podmender.io/v1alpha1", "Incident", Some(NAMESPACE));
    let all = rig.api.list(&folder)?;
    let explained = all
        .iter()
        .filter(|i| i.pointer("/status/summary").is_some());
    run.explained = explained.count();
    agent.finish()?;
    let medians = STEPS.map(|(_, of)| short(median(of(&run))));
    ui::say(format!(
        "{model:?}: {} ms to the Incident, the decision, the alert; {} MiB; asked {} times, {} explained",
        medians.join(" / "),
        short(run.memory),
        run.asked,
        run.explained
    ));
    match model {
        Model::Off => ensure!(run.asked == 0, "asked although it is off"),
        Model::Answers => ensure!(run.explained >= ENOUGH, "{} explained", run.explained),
        Model::Hangs => ensure!(run.asked >= ENOUGH, "asked {} times", run.asked),
    }
    Ok(run)
}

/// Its image cannot be pulled, as a kubelet says it: no log explains that, so the model is asked at once.
fn fail(rig: &Rig, pod: &Value, n: usize) -> Result<()> {
    let word = |n: usize| WORDS.get(n % WORDS.len()).copied().unwrap_or_default();
    let why = format!(
        "the {} {} registry does not answer",
        word(n),
        word(n / WORDS.len())
    );
    let container = pod.pointer("/spec/containers/0").context("no container")?;
    let no = |kind: &str| json!({"type": kind, "status": "False", "reason": "ContainersNotReady"});
    let patch = json!({"status": {
        "phase": "Pending",
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0, "started": false, "ready": false,
            "state": {"waiting": {"reason": "ErrImagePull", "message": why}},
        }],
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Initialized", "status": "True"}, no("Ready"), no("ContainersReady")],
    }});
    let path = api::path("v1", "Pod", Some(NAMESPACE));
    let path = format!("{path}/{}/status", name_of(pod));
    rig.api.merge(&path, &patch).map(drop)
}

fn rows(part: &mut Part, off: &[&Run; 2], on: &[(&str, &Run); 2]) {
    let pooled = |of: fn(&Run) -> &[f64]| off.map(|r| of(r).to_vec()).concat();
    for (what, of) in STEPS {
        let (without, noise) = (pooled(of), off.map(|r| median(of(r))));
        for (how, run) in on {
            let with = median(of(run));
            let added = with - median(&without);
            let [first, last] = noise;
            let noise = (first - last)
                .abs()
                .max(2.0 * error(of(run)).hypot(error(&without)));
            part.fact(
                &format!("{what}: added by a model that {how}"),
                &format!(
                    "{} ms ({} ms with, {} and {} without)",
                    short(added),
                    short(with),
                    short(first),
                    short(last)
                ),
                &format!("0 ms (within the noise of {} ms)", short(noise)),
                Some(added <= noise),
            );
        }
    }
    let without = off.map(|r| r.memory);
    let [first, last] = without;
    for (how, run) in on {
        part.most(
            &format!(
                "resident memory added by a model that {how} ({} MiB with, {} and {} without)",
                short(run.memory),
                short(first),
                short(last)
            ),
            Some(run.memory - f64::midpoint(first, last)),
            5.0,
            "MiB",
        );
    }
    let [(_, answers), (_, hangs)] = on;
    part.notes.push(format!(
        "Four runs of a fresh agent: no model, one that answers (the stand-in on loopback), one that never answers, no model. In each, {WORKLOADS} workloads of kwok's pods \
         fail one after the other every {EVERY} s with an image that cannot be pulled, each with words of its own. The one that answers was asked {} times and {} incidents were \
         explained; the one that hangs was asked {} times. Added: the difference of the medians; noise: what the two runs without a model differ by, or twice the standard error \
         of that difference if it is more.",
        answers.asked, answers.explained, hangs.asked
    ));
}

fn median(samples: &[f64]) -> f64 {
    percentiles(samples.to_vec()).map_or(f64::NAN, |(p50, _)| p50)
}

/// The standard error of a median, from the middle half of the samples (for a normal distribution).
fn error(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(sorted.len() * share / 4).copied();
    let (Some(low), Some(high)) = (at(1), at(3)) else {
        return f64::NAN;
    };
    1.2533 * (high - low) / 1.349 / (sorted.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{error, median};

    #[test]
    fn the_error_of_a_median_shrinks_with_more_samples() {
        let few: Vec<f64> = (0..16).map(f64::from).collect();
        let many = few.repeat(16);
        assert!((error(&few) - 4.0 * error(&many)).abs() < 0.1);
        assert!(error(&[2.0; 8]).abs() < f64::EPSILON);
        assert!((median(&few) - 7.0).abs() < f64::EPSILON);
        assert!(error(&[]).is_nan());
    }
}
