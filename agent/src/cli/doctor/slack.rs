//! Does Slack accept the app's tokens, may it do what it needs, and can answers come in?

use super::{Finding, Report};
use crate::{
    alert::{Secrets, channel::Source},
    args::DoctorArgs,
    slack::{
        answer::ApiError,
        api::{Identity, Message},
        apis::Apis,
        secret::{APP_TOKEN, SIGNING_SECRET},
    },
};
use podmender_policy::bounds::Text;
use std::collections::{BTreeMap, BTreeSet};

/// What the app cannot do without, and what for.
const NEEDED: [(&str, &str); 2] = [
    ("chat:write", "to post cards"),
    ("users:read", "to know who answers"),
];
/// What it can do without.
const WANTED: [(&str, &str); 3] = [
    ("usergroups:read", "approvers by user group"),
    ("commands", "/podmender"),
    ("app_mentions:read", "@podmender"),
];

/// The channels of each bot token.
pub(super) type Apps = BTreeMap<Source, BTreeSet<Text<80>>>;

/// Checks each app, and how answers come in.
pub(super) async fn check(
    apps: &Apps,
    args: &DoctorArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    if apps.is_empty() {
        return Ok(());
    }
    if !args.secrets_dir.is_dir() {
        report.say(Finding::Note(
            "Slack app: its Secret is mounted in the cluster only; `helm test podmender` checks it there".into(),
        ))?;
        return Ok(());
    }
    let apis = Apis::new(
        args.slack.url.clone(),
        Secrets::new(args.secrets_dir.clone()),
    );
    for (token, channels) in apps {
        let api = apis.of(token);
        let me = match api.auth_test().await {
            Ok(me) => me,
            Err(error) => {
                report.say(bad("Slack app: the bot token", &error))?;
                continue;
            }
        };
        for finding in judge(&me) {
            report.say(finding)?;
        }
        for channel in channels.iter().filter(|_| args.send_test) {
            let text = format!(
                "Podmender ({}) can send alerts here. Nothing is wrong.",
                args.scope.own.namespace
            );
            let message = Message {
                text,
                ..Message::default()
            };
            report.say(match api.post(channel.as_str(), &message).await {
                Ok(_) => Finding::Good(format!(
                    "alerts to Slack channel {channel}: a test message has arrived"
                )),
                Err(error) => bad(&format!("alerts to Slack channel {channel}"), &error),
            })?;
        }
    }
    report.say(entrance(&apis).await)?;
    Ok(())
}

/// Whose token it is, and which scopes are missing (if Slack names those that there are).
fn judge(me: &Identity) -> Vec<Finding> {
    let lacks = |(scope, _): &&(&str, &str)| !me.scopes.iter().any(|s| s == scope);
    let listed = |scopes: Vec<&(&str, &str)>| {
        let words = scopes
            .iter()
            .map(|(scope, what)| format!("{scope} ({what})"));
        words.collect::<Vec<_>>().join(", ")
    };
    let mut found = vec![Finding::Good(format!(
        "Slack app: signed in to workspace {} as {}",
        me.team, me.bot_user
    ))];
    if me.scopes.is_empty() {
        return found;
    }
    let needed: Vec<_> = NEEDED.iter().filter(lacks).collect();
    if !needed.is_empty() {
        found.push(Finding::Bad(
            format!("Slack app: scopes are missing: {}", listed(needed)),
            "add them under OAuth & Permissions of the app, reinstall it, and put the new bot token into the Secret".into(),
        ));
    }
    let wanted: Vec<_> = WANTED.iter().filter(lacks).collect();
    if !wanted.is_empty() {
        found.push(Finding::Note(format!(
            "Slack app: without the scopes of {}, these do not work",
            listed(wanted)
        )));
    }
    found
}

/// Whether answers can come in: by the app-level token, of which a socket's address is asked and not opened, or by the signing secret.
async fn entrance(apis: &Apis) -> Finding {
    let app_token = apis.secret(APP_TOKEN);
    if app_token.read().is_ok() {
        return match apis.app().connections_open(&app_token).await {
            Ok(_) => Finding::Good("Slack answers: the app-level token opens sockets".into()),
            Err(error) => bad("Slack answers: the app-level token", &error),
        };
    }
    match apis.secret(SIGNING_SECRET).read() {
        Ok(_) => Finding::Good(
            "Slack answers: there is a signing secret, for --slack-interactions http".into(),
        ),
        Err(_) => Finding::Note(format!(
            "Slack answers: none come in, since the Secret has neither {APP_TOKEN} (for a socket) nor {SIGNING_SECRET} (for signed requests): cards have no buttons, and say how to answer by `kubectl podmender approve`"
        )),
    }
}

fn bad(what: &str, error: &ApiError) -> Finding {
    let fix = match error {
        ApiError::RateLimited(_) => "try again in a minute",
        ApiError::Revoked(_) => {
            "copy the token anew from the app's page into the Secret: xoxb-… is the bot token, xapp-… the app-level one with connections:write"
        }
        ApiError::ChannelGone(_) => "unarchive the channel, or type `/invite @podmender` in it",
        ApiError::Refused(_) | ApiError::Unfit(_) | ApiError::MessageGone => {
            "compare the app with the manifest in the README, and reinstall it"
        }
        ApiError::Unreachable(_) => {
            "check DNS and the NetworkPolicy's egress to slack.com (and --slack-api-url, if it is set)"
        }
        ApiError::NoToken(_) => {
            "put the token into the Secret that the chart's existingSecret names"
        }
    };
    Finding::Bad(format!("{what}: {error}"), fix.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(scopes: &[&str]) -> Identity {
        Identity {
            team: "T0SHOP".into(),
            enterprise: None,
            bot_user: "U0POD".into(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn missing_scopes_are_named_with_what_they_are_for() {
        let found = judge(&me(&["chat:write", "commands", "app_mentions:read"]));
        let [
            Finding::Good(_),
            Finding::Bad(needed, _),
            Finding::Note(wanted),
        ] = found.as_slice()
        else {
            panic!("{found:?}")
        };
        assert_eq!(
            needed,
            "Slack app: scopes are missing: users:read (to know who answers)"
        );
        assert!(
            wanted.contains("usergroups:read (approvers by user group)"),
            "{wanted}"
        );
        assert_eq!(judge(&me(&[])).len(), 1, "Slack does not say");
    }

    #[test]
    fn each_error_has_its_fix_and_no_token() {
        for (error, fix) in [
            (
                ApiError::Revoked("invalid_auth".into()),
                "copy the token anew",
            ),
            (ApiError::ChannelGone("not_in_channel".into()), "/invite"),
            (ApiError::Unreachable("no DNS".into()), "egress"),
        ] {
            let Finding::Bad(_, said) = bad("x", &error) else {
                panic!("good")
            };
            assert!(said.contains(fix), "{said}");
        }
    }
}
