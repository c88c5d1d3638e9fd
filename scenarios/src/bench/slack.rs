//! The loop through Slack on loopback: from the failing pod to the card, from the press to the eviction, and under a flood of both.
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::footprint::{NAMESPACE, number};
use super::report::{Part, percentiles};
use super::rig::{Extras, Rig, epoch, quiet, seconds};
use crate::chaos::channel::APPROVE;
use crate::chaos::{api, wait};
use crate::cluster::state::write;
use crate::slack::Slack;
use crate::slack::fault::Fault;
use crate::slack::people::{TEAM, user_id};
use crate::slack::world::{Message, World};

/// So many workloads fail, one after the other, and wait for a yes.
const QUESTIONS: usize = 30;
/// One so often: each is up to three messages, and a channel takes one a second.
const PACE: Duration = Duration::from_secs(4);
/// Presses a second, for so many seconds.
const FLOOD: (u32, u32) = (200, 10);
/// So often a socket is lost in each way.
const LOSSES: usize = 3;
/// So many workloads fail within a minute.
const INCIDENTS: usize = 1000;
const CHANNEL: &str = "bench";

pub(super) fn measure(rig: &Rig, part: &mut Part) -> Result<()> {
    rig.namespace(NAMESPACE)?;
    rig.tool("kwokload.py", &["nodes", "8"])?;
    let slack = Slack::start("127.0.0.1:0", &[CHANNEL])?;
    questions(rig, part, &slack)?;
    rig.clear_load()?;
    thousand(rig, part)
}

fn extras(rig: &Rig, slack: &Slack) -> Result<Extras> {
    let dir = rig.dir.join("slack.secrets");
    fs::create_dir_all(&dir)?;
    write(&dir.join("SLACK_BOT_TOKEN"), "xoxb-bench")?;
    write(&dir.join("SLACK_APP_TOKEN"), "xapp-bench")?;
    Ok(Extras {
        secrets: dir.display().to_string(),
        env: vec![
            format!("PODMENDER_SLACK_API_URL={}", slack.api()),
            "PODMENDER_SLACK_INTERACTIONS=socket".to_owned(),
        ],
    })
}

/// A policy that asks in Slack; storms are another matter here.
fn policy(rig: &Rig, limits: Value) -> Result<()> {
    rig.policy(
        NAMESPACE,
        json!({
            "capabilities": [{"name": "autoRestart", "enabled": true, "config": {"minOccurrences": 1}}],
            "autonomy": {
                "requireApproval": ["restart"], "limits": limits,
                // Five acts at most are under way at once, under whatever policy: these end soon.
                "verify": {"healthyDelay": "5s", "deadline": "60s"},
                "approvers": {"slackUserIds": [user_id("ada")], "slackTeamId": TEAM},
            },
            "alerting": {"channels": [{"type": "slack", "channel": format!("#{CHANNEL}"), "token": "${SLACK_BOT_TOKEN}"}]},
        }),
    )
}

fn questions(rig: &Rig, part: &mut Part, slack: &Slack) -> Result<()> {
    let pods = (2 * QUESTIONS).to_string();
    rig.tool("kwokload.py", &["pods", &pods, "--per", "2"])?;
    policy(
        rig,
        json!({"maxConcurrent": 5, "maxActions": 100, "stormPodsPercent": 100, "stormWorkloads": 1000}),
    )?;
    rig.forget(NAMESPACE)?;
    let agent = rig.agent_with("slack", NAMESPACE, 3600, &extras(rig, slack)?)?;
    agent.ready(30)?;
    wait::until("the agent listens", 20, || {
        ensure!(slack.sockets() > 0, "no socket");
        Ok(())
    })?;
    quiet();
    part.load = super::rig::load();
    let (mut carded, mut evicted) = (Vec::new(), Vec::new());
    let mut last = None;
    let began = Instant::now();
    for (n, due) in (0..QUESTIONS).zip((0_u32..).map(|n| began + PACE * n)) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let workload = format!("app-{n:03}");
        let pod = pod_of(rig, &workload)?;
        let broke = epoch();
        fail(rig, &pod)?;
        let card = wait::until("the card", 30, || first_card(&slack.world(), &workload))?;
        carded.push(card.versions.first().map_or(0.0, |v| v.at) - broke);
        let card = wait::until("the question", 30, || {
            let card = first_card(&slack.world(), &workload)?;
            ensure!(card.has(APPROVE), "it has no button");
            Ok(card)
        })?;
        // The last one is pressed by somebody who may not.
        if n + 1 < QUESTIONS {
            let pressed = epoch();
            slack.click("ada", &card.channel, &card.ts, APPROVE)?;
            let done = wait::until("the eviction", 30, || accepted(rig, &pod))?;
            evicted.push(done - pressed);
        }
        last = Some(card);
    }
    part.most(
        "failing pod to its card in the channel, p99",
        percentiles(carded).map(|p| p.1),
        2.0,
        "s",
    );
    part.most(
        "press to eviction accepted, p99",
        percentiles(evicted).map(|p| p.1),
        1.0,
        "s",
    );
    flood(part, slack, &last.context("no card")?)?;
    reconnect(part, slack)?;
    agent.finish()?;
    part.notes.push(format!(
        "The stand-in for Slack and the agent on loopback. {QUESTIONS} workloads fail, one every {} s (kwok's pods, status patched as a kubelet does); \
         the card's time is the stand-in's, the eviction's that of the API server's audit log.",
        PACE.as_secs()
    ));
    Ok(())
}

/// A stranger presses as fast as this; each press is acknowledged, looked up and refused.
fn flood(part: &mut Part, slack: &Slack, card: &Message) -> Result<()> {
    let (rate, time) = FLOOD;
    let before = slack.world().deliveries.len();
    let began = Instant::now();
    for n in 0..rate * time {
        let due = began + Duration::from_secs(1) * n / rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        slack.click("carl", &card.channel, &card.ts, APPROVE)?;
    }
    // What is not acknowledged after three seconds is shown to the person as failed.
    wait::throughout("the last answers", 4, || Ok(()))?;
    let world = slack.world();
    let sent = world.deliveries.get(before..).unwrap_or_default();
    let took: Vec<f64> = sent.iter().filter_map(|d| d.acknowledged).collect();
    let lost = sent.len() - took.len();
    let with = |what: &str| format!("{what}, at {rate} presses a second");
    part.most(
        &with("acknowledged, p99"),
        percentiles(took.iter().map(|s| s * 1000.0).collect()).map(|p| p.1),
        50.0,
        "ms",
    );
    part.fact(
        &with("not acknowledged"),
        &format!("{lost} of {}", sent.len()),
        "none",
        Some(lost == 0),
    );
    Ok(())
}

/// A socket is lost in three ways.
fn reconnect(part: &mut Part, slack: &Slack) -> Result<()> {
    let mut worst = 0.0_f64;
    let mut each = Vec::new();
    for name in ["disconnect:refresh_requested", "down", "half-open"] {
        let fault: Fault = name.parse()?;
        let mut longest = 0.0_f64;
        for _ in 0..LOSSES {
            let before = slack.joined();
            let began = Instant::now();
            slack.order(fault.clone());
            slack.behave();
            wait::until("another socket", 60, || {
                ensure!(slack.joined() > before, "none yet");
                Ok(())
            })?;
            longest = longest.max(began.elapsed().as_secs_f64());
        }
        worst = worst.max(longest);
        each.push(format!("{name} {longest:.1} s"));
    }
    part.most(
        "another socket after one was lost, worst",
        Some(worst),
        10.0,
        "s",
    );
    part.notes.push(format!(
        "A socket was lost {LOSSES} times in each way; the worst of each: {}.",
        each.join(", ")
    ));
    Ok(())
}

/// A thousand workloads fail within a minute: all of them are told, in few messages.
fn thousand(rig: &Rig, part: &mut Part) -> Result<()> {
    rig.namespace(NAMESPACE)?;
    let count = INCIDENTS.to_string();
    rig.tool(
        "kwokload.py",
        &["pods", &count, "--per", "1", "--timeout", "900"],
    )?;
    policy(rig, json!({}))?;
    rig.forget(NAMESPACE)?;
    let slack = Slack::start("127.0.0.1:0", &[CHANNEL])?;
    let agent = rig.agent_with("slack-thousand", NAMESPACE, 3600, &extras(rig, &slack)?)?;
    agent.ready(60)?;
    let calm = rig.resident().context("the agent's process is gone")?;
    rig.tool("storm.py", &[&count, "--seconds", "60"])?;
    let incidents = api::path("podmender.io/v1alpha1", "Incident", Some(NAMESPACE));
    let told = wait::until("every incident is told", 120, || {
        let all = rig.api.list(&incidents)?;
        let told = all.iter().filter(|i| i.pointer("/status/told").is_some());
        let told = told.count();
        if told < INCIDENTS {
            // Reading them all costs the API server something, and it is the agent that is measured.
            std::thread::sleep(Duration::from_secs(2));
            bail!("{told} of {} are told", all.len());
        }
        Ok(told)
    });
    let all = rig.api.list(&incidents)?.len();
    let world = slack.world();
    let posts = world.calls.iter();
    let posts = posts.filter(|c| c.method == "chat.postMessage" && c.outcome == "ok");
    let messages = posts.count();
    let result = agent.finish()?;
    part.fact(
        &format!("{INCIDENTS} workloads fail within a minute: incidents written"),
        &format!("{all} of {INCIDENTS}"),
        "all",
        Some(all >= INCIDENTS),
    );
    part.fact(
        "... told",
        &match &told {
            Ok(told) => format!("{told} of {INCIDENTS}"),
            Err(e) => format!("{e:#}"),
        },
        "all",
        Some(told.is_ok()),
    );
    part.most("... messages", Some(messages as f64), 60.0, "");
    part.most(
        "... memory above that of before",
        Some(number(&result, "hwm_mib")? - calm),
        10.0,
        "MiB",
    );
    Ok(())
}

fn first_card(world: &World, workload: &str) -> Result<Message> {
    let about = format!("{workload} in {NAMESPACE}");
    let mut cards = world.messages.iter().filter(|m| m.thread_ts.is_none());
    let card = cards.find(|m| m.words().contains(&about));
    card.cloned()
        .with_context(|| format!("no card of {workload}"))
}

/// One pod of a workload.
pub(super) fn pod_of(rig: &Rig, workload: &str) -> Result<Value> {
    let folder = api::path("v1", "Pod", Some(NAMESPACE));
    let pods = rig
        .api
        .list(&format!("{folder}?labelSelector=app%3D{workload}"))?;
    pods.into_iter()
        .next()
        .with_context(|| format!("{workload} has no pod"))
}

fn name(pod: &Value) -> &str {
    crate::chaos::case::name_of(pod)
}

/// It ran for a minute and ended with an error, for the second time: as a kubelet says it.
#[expect(
    clippy::disallowed_methods,
    reason = "the kubelet's times are the machine's"
)]
fn fail(rig: &Rig, pod: &Value) -> Result<()> {
    let now = Timestamp::now();
    let at = |ago| {
        (now - SignedDuration::from_secs(ago))
            .strftime("%FT%TZ")
            .to_string()
    };
    let container = pod.pointer("/spec/containers/0").context("no container")?;
    let no = |kind: &str| json!({"type": kind, "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": at(0)});
    let patch = json!({"status": {
        "phase": "Running",
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": "registry.example/app@sha256:0", "containerID": "containerd://1",
            "restartCount": 2, "started": false, "ready": false,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at(60), "finishedAt": at(0), "containerID": "containerd://1"}},
        }],
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Initialized", "status": "True"}, no("Ready"), no("ContainersReady")],
    }});
    let path = api::path("v1", "Pod", Some(NAMESPACE));
    rig.api
        .merge(&format!("{path}/{}/status", name(pod)), &patch)
        .map(drop)
}

/// When the API server had accepted the pod's eviction, by its audit log.
fn accepted(rig: &Rig, pod: &Value) -> Result<f64> {
    let log = fs::read_to_string(rig.session.state.audit_log())?;
    let lines = log
        .lines()
        .rev()
        .filter(|l| l.contains("\"eviction\"") && l.contains(name(pod)));
    let mut lines = lines.filter_map(|l| serde_json::from_str::<Value>(l).ok());
    let done = lines.find(|l| {
        l["stage"] == "ResponseComplete" && l.pointer("/responseStatus/code") == Some(&json!(201))
    });
    let done = done.context("it is not in the audit log")?;
    let at = done["stageTimestamp"].as_str().context("no time")?;
    Ok(seconds(at.parse()?))
}
