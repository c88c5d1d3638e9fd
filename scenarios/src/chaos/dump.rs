//! What a person needs to see of a scenario that failed: pods, Events, incidents, alerts, what was done, Slack, the agent's log.
use std::fmt::Write as _;

use serde_json::Value;

use super::agent::Agent;
use super::api;
use super::case::name_of;
use super::incident::Incident;
use super::scenarios::Scenario;
use super::stage::Stage;
use super::transcript;
use crate::ui::say;

/// All of one scenario; `agent`: the one that looked after it, if it was ever installed.
pub(super) fn scenario(stage: &Stage, agent: Option<&Agent<'_>>, scenario: &Scenario) {
    let namespace = scenario.namespace();
    say(format!("---- {}: what there was", scenario.label()));
    self::namespace(stage, &namespace);
    if let Some(agent) = agent {
        slack(agent, &namespace);
        say("-- the agent's log");
        let log = agent.log();
        let mut about: Vec<&str> = log.lines().collect();
        about.retain(|l| scenario.own_agent || l.contains(&namespace));
        for line in about.iter().rev().take(60).rev() {
            say(line);
        }
    }
    say(format!("---- end of {}", scenario.label()));
}

/// The scenario's channel, if it has one.
fn slack(agent: &Agent<'_>, channel: &str) {
    let world = agent.slack.world();
    let Some(channel) = world.channel(channel) else {
        return;
    };
    say(format!(
        "-- Slack: #{} ({} sockets open, {} ever; it misbehaves so: {:?})",
        channel.name,
        agent.slack.sockets(),
        agent.slack.joined(),
        world.faults
    ));
    for line in transcript::of(&world, &channel.id) {
        say(line);
    }
}

/// Pods, Events, incidents, alerts and evictions of a namespace.
pub(super) fn namespace(stage: &Stage, namespace: &str) {
    let list = |api_version, kind| {
        stage
            .api
            .list(&api::path(api_version, kind, Some(namespace)))
            .unwrap_or_default()
    };
    say("-- pods");
    for pod in list("v1", "Pod") {
        let status = pod.pointer("/status/containerStatuses/0");
        say(format!(
            "{} {} {}",
            name_of(&pod),
            text(&pod, "/status/phase"),
            status.unwrap_or(&Value::Null)
        ));
    }
    say("-- Events");
    for event in list("v1", "Event") {
        let mut line = String::new();
        for field in [
            "/lastTimestamp",
            "/eventTime",
            "/involvedObject/name",
            "/reason",
            "/message",
        ] {
            let _ = write!(line, "{} ", text(&event, field));
        }
        say(line);
    }
    say("-- incidents");
    for incident in list("podmender.io/v1alpha1", "Incident")
        .into_iter()
        .map(Incident)
    {
        say(format!(
            "{} {} {} ({}): {} {}",
            incident.name(),
            incident.workload(),
            incident.phase(),
            incident.reason(),
            incident.failure(),
            incident.message()
        ));
        for record in incident
            .0
            .pointer("/status/timeline")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            say(format!(
                "   {} {}",
                text(record, "/at"),
                record.get("fact").unwrap_or(&Value::Null)
            ));
        }
    }
    say("-- alerts");
    for alert in stage.alerts.about(namespace) {
        say(format!(
            "{} {} {}",
            alert.text("phase"),
            alert.text("decisionReason"),
            alert.text("text")
        ));
    }
    say("-- evictions");
    for deed in stage.deeds.all().unwrap_or_default() {
        if deed.namespace == namespace && deed.resource == "pods/eviction" {
            say(format!(
                "{} {} {} by {}",
                deed.at, deed.name, deed.code, deed.agent
            ));
        }
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
