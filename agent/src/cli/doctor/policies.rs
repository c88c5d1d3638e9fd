//! Are the policies valid, and can their channels be reached?

use super::{
    Finding, Report,
    model::{self, Models},
    slack::{self as app, Apps},
};
use crate::{
    alert::{
        Secrets,
        address::Way,
        alertmanager,
        channel::{self, Channel},
        discord, pagerduty, payload,
        post::{Failure, Post},
        slack, teams,
    },
    api::AgentPolicy,
    args::DoctorArgs,
    cli::connect::Cluster,
};
use kube::{Api, Error, ResourceExt, api::ListParams};
use podmender_policy::{
    bounds::Name,
    rules::{Ground, Policy},
};
use std::collections::BTreeSet;

/// Every policy of the agent's namespace and of those that it looks after.
///
/// # Errors
/// The API server refuses in a way that no permission explains.
pub(super) async fn all(cluster: &Cluster, args: &DoctorArgs) -> anyhow::Result<Vec<AgentPolicy>> {
    let places: BTreeSet<&String> = args
        .scope
        .namespaces
        .iter()
        .chain([&args.scope.own.namespace])
        .collect();
    let mut found = Vec::new();
    for namespace in places {
        let api: Api<AgentPolicy> = Api::namespaced(cluster.client.clone(), namespace);
        match api.list(&ListParams::default()).await {
            Ok(list) => found.extend(list.items),
            // That a right is missing is said by the check of the rights.
            Err(Error::Api(status)) if status.code == 403 => {}
            Err(e) => {
                return Err(cluster.explain(&format!("list policies in namespace {namespace}"), e));
            }
        }
    }
    Ok(found)
}

/// The namespaces that the policies name, for an agent that was told of none.
pub(crate) fn named(policies: &[AgentPolicy]) -> BTreeSet<String> {
    let scopes = policies
        .iter()
        .flat_map(|p| p.spec.0.scope.namespaces.iter());
    scopes.cloned().collect()
}

/// Checks each policy and, where Secrets can be read, each channel.
pub(super) async fn check(
    policies: &[AgentPolicy],
    args: &DoctorArgs,
    namespaces: &BTreeSet<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if policies.is_empty() {
        report.say(Finding::Bad(
            "policies: there is none, so nothing is looked after".into(),
            format!(
                "apply an AgentPolicy in namespace {}",
                args.scope.own.namespace
            ),
        ))?;
    }
    let ground = Ground {
        own: Name::new(&args.scope.own.namespace),
        granted: namespaces.iter().map(|n| Name::new(n)).collect(),
    };
    let mut channels = BTreeSet::new();
    let mut models = Models::new();
    let mut unanswered = Vec::new();
    for object in policies {
        let (name, home) = (object.name_any(), object.namespace().unwrap_or_default());
        match Policy::parse(&name, &home, &object.spec.0, &ground) {
            Err(problems) => {
                for p in &problems.0 {
                    report.say(Finding::Bad(
                        format!("policy {home}/{name}: {}: {}", p.path, p.what),
                        p.fix.clone(),
                    ))?;
                }
            }
            Ok(parsed) => {
                let level = format!("{:?}", parsed.policy.level).to_lowercase();
                report.say(Finding::Good(format!(
                    "policy {home}/{name}: valid, level {level}"
                )))?;
                let warnings = parsed.warnings.iter().map(ToString::to_string);
                for note in parsed.left_out.into_iter().chain(warnings) {
                    report.say(Finding::Note(format!("policy {home}/{name}: {note}")))?;
                }
                if parsed.policy.paused {
                    report.say(Finding::Note(format!(
                        "policy {home}/{name}: paused, so nothing is done (spec.autonomy.paused)"
                    )))?;
                }
                if let Some(rules) = parsed.policy.summary {
                    let askers = models.entry(rules).or_default();
                    askers.push(format!("{home}/{name}"));
                }
                let alerting = parsed.policy.alerting;
                let by_app = |c: &Channel| matches!(c, Channel::SlackApp { .. });
                let approvers = parsed.policy.approvers;
                let nobody = approvers.slack_users.is_empty() && approvers.slack_groups.is_empty();
                if nobody && alerting.routes.iter().any(|r| by_app(&r.channel)) {
                    unanswered.push(format!("{home}/{name}"));
                }
                channels.extend(alerting.routes.into_iter().map(|r| r.channel));
            }
        }
    }
    for policy in unanswered {
        report.say(Finding::Note(format!(
            "policy {policy}: nobody can answer in Slack, since it lists no approvers (spec.autonomy.approvers)"
        )))?;
    }
    check_channels(&channels, args, report).await?;
    model::check(&models, args, report).await
}

async fn check_channels(
    channels: &BTreeSet<Channel>,
    args: &DoctorArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    if channels.is_empty() {
        report.say(Finding::Note(
            "alerts: no valid policy names a channel, so nobody is told".into(),
        ))?;
    }
    let secrets = Secrets::new(args.secrets_dir.clone());
    let post = Post::default();
    let mut apps = Apps::default();
    for channel in channels {
        if let Channel::SlackApp { channel, token } = channel {
            let of_token = apps.entry(token.clone()).or_default();
            of_token.insert(channel.clone());
            continue;
        }
        let named = matches!(channel::source(channel), channel::Source::Named(_));
        if named && !args.secrets_dir.is_dir() {
            report.say(Finding::Note(format!(
                "alerts to {}: the Secret is mounted in the cluster only; `helm test podmender` checks it there",
                channel::shown(channel)
            )))?;
            continue;
        }
        report.say(check_channel(channel, &secrets, &post, args).await)?;
    }
    app::check(&apps, args, report).await
}

async fn check_channel(
    channel: &Channel,
    secrets: &Secrets,
    post: &Post,
    args: &DoctorArgs,
) -> Finding {
    let shown = channel::shown(channel);
    let (target, key) = match secrets.way(channel) {
        Ok(Way::Post(target)) => (target, None),
        Ok(Way::Keyed(target, key)) => (target, Some(key)),
        Ok(Way::App { .. }) => {
            return Finding::Good(format!("alerts to {shown}: the token is there"));
        }
        Err(e) => {
            return Finding::Bad(
                format!("alerts to {shown}: nothing can be sent"),
                e.to_string(),
            );
        }
    };
    if !args.send_test {
        return Finding::Good(format!(
            "alerts to {shown}: the address is well-formed (--send-test sends a message)"
        ));
    }
    let (own, now) = (&args.scope.own.namespace, crate::cli::now());
    let body = match channel {
        Channel::Webhook { .. } => payload::test(own),
        Channel::SlackWebhook { .. } | Channel::SlackApp { .. } => slack::test(own),
        Channel::Teams { .. } => teams::test(own),
        Channel::Discord { .. } => discord::test(own),
        Channel::PagerDuty { .. } => pagerduty::test(own, &key.unwrap_or_default()),
        Channel::Alertmanager { .. } => alertmanager::test(own, now),
    };
    match post.send(target, body, now).await {
        Ok(()) => Finding::Good(format!("alerts to {shown}: a test message has arrived")),
        Err(failure) => {
            let (says, fix) = match failure {
                Failure::Limited(_) => (
                    "the receiver asks for patience".into(),
                    "try again in a minute",
                ),
                Failure::Refused { says, .. } | Failure::Unfit(says) => (
                    says,
                    "make a new webhook or key, and put it into the Secret",
                ),
                Failure::Unreachable(says) => (
                    says,
                    "check the address in the Secret, DNS, and the NetworkPolicy's egress",
                ),
            };
            Finding::Bad(format!("alerts to {shown}: {says}"), fix.into())
        }
    }
}
