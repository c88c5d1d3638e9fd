//! What the stand-in and our client say to each other, read by the types of a client that others wrote from Slack's documentation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what these tests share fails as they do"
)]
use std::time::Duration;

use podmender::alert::Secrets;
use podmender::alert::lane::Form;
use podmender::alert::notice::{Answers, Notice};
use podmender::alert::slack_card::{card, follow_up};
use podmender::alert::slack_details::details_view;
use podmender::slack::api::{Api, Message};
use podmender::slack::private::Private;
use podmender::slack::secret::Secret;
use podmender_policy::incident::{Incident, IncidentId, Phase};
use scenarios::slack::Slack;
use scenarios::slack::people::ON_CALL;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use slack_morphism::prelude::*;

/// Reads it, and fails if anything that we sent is unknown to the other client: it must come out again.
fn whole<T: DeserializeOwned + Serialize>(what: &str, given: &Value) -> T {
    let read: T =
        serde_json::from_value(given.clone()).unwrap_or_else(|e| panic!("{what}: {e}\n{given:#}"));
    let again = serde_json::to_value(&read).unwrap();
    missing(what, given, &again);
    read
}

/// Reads it; what only Slack adds may be unknown.
fn read<T: DeserializeOwned>(what: &str, given: &Value) -> T {
    serde_json::from_value(given.clone()).unwrap_or_else(|e| panic!("{what}: {e}\n{given:#}"))
}

fn missing(path: &str, given: &Value, again: &Value) {
    match (given, again) {
        (Value::Object(given), Value::Object(again)) => {
            for (key, value) in given {
                let there = again.get(key);
                let there = there.unwrap_or_else(|| panic!("{path}/{key} is not known: {value}"));
                missing(&format!("{path}/{key}"), value, there);
            }
        }
        (Value::Array(given), Value::Array(again)) => {
            assert_eq!(given.len(), again.len(), "{path}");
            for (n, (given, again)) in given.iter().zip(again).enumerate() {
                missing(&format!("{path}/{n}"), given, again);
            }
        }
        _ => assert_eq!(given, again, "{path}"),
    }
}

fn client(slack: &Slack) -> (Api, Secret) {
    let port = reqwest::Url::parse(&slack.api()).unwrap().port().unwrap();
    let dir = std::env::temp_dir().join(format!("podmender-shapes-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("SLACK_BOT_TOKEN"), "xoxb-1").unwrap();
    std::fs::write(dir.join("SLACK_APP_TOKEN"), "xapp-1").unwrap();
    let secrets = Secrets::new(dir);
    let base = reqwest::Url::parse(&slack.api()).unwrap();
    let token = Secret::named(secrets.clone(), "SLACK_BOT_TOKEN");
    (
        Api::new(base, token),
        Secret::named(secrets, "SLACK_APP_TOKEN"),
    )
}

#[tokio::test]
async fn calls_and_their_answers_have_the_shapes_that_others_expect() {
    let slack = Slack::start("127.0.0.1:0", &["ops"]).unwrap();
    let (api, app) = client(&slack);
    let message = Message {
        text: "web fails".to_owned(),
        blocks: vec![
            json!({"type": "header", "text": {"type": "plain_text", "text": "web fails", "emoji": false}}),
            json!({"type": "actions", "block_id": "podmender_question", "elements": [{
                "type": "button", "action_id": "podmender_details", "value": "t", "style": "primary",
                "text": {"type": "plain_text", "text": "Details", "emoji": false}}]}),
        ],
        ..Message::default()
    };
    let card = api.post("#ops", &message).await.unwrap();
    let (channel, ts) = (card.channel.as_str(), card.ts.as_str());
    api.update(channel, ts, &message).await.unwrap();
    api.ephemeral(
        channel,
        "U0ADA0000",
        Some(ts),
        &Private::text("no").by("U0BEN0000"),
    )
    .await
    .unwrap();
    api.auth_test().await.unwrap();
    api.connections_open(&app).await.unwrap();
    api.user_info("U0GIL0000").await.unwrap();
    api.group_members(ON_CALL).await.unwrap();
    slack
        .click("ada", channel, ts, "podmender_details")
        .unwrap();
    let trigger = slack.wait(Duration::from_secs(60), |world| {
        let click = &world.deliveries.last()?.payload;
        Some(click["trigger_id"].as_str()?.to_owned())
    });
    let title = json!({"type": "plain_text", "text": "web-1"});
    let view = json!({"type": "modal", "title": title, "close": title, "blocks": message.blocks});
    api.open_view(&trigger.unwrap(), view).await.unwrap();

    for call in slack.world().calls {
        let (method, answer) = (call.method.as_str(), &call.answer);
        let args = Value::Object(call.args.clone());
        assert_eq!(call.outcome, "ok", "{method}");
        match method {
            "chat.postMessage" => {
                whole::<SlackApiChatPostMessageRequest>(method, &args);
                read::<SlackApiChatPostMessageResponse>(method, answer);
            }
            "chat.update" => {
                let mut args = args.clone();
                // Said to be sure, as when it was posted; Slack takes what it does not know here for nothing.
                for extra in ["unfurl_links", "unfurl_media"] {
                    args.as_object_mut().unwrap().remove(extra);
                }
                whole::<SlackApiChatUpdateRequest>(method, &args);
                read::<SlackApiChatUpdateResponse>(method, answer);
            }
            "chat.postEphemeral" => {
                whole::<SlackApiChatPostEphemeralRequest>(method, &args);
                read::<SlackApiChatPostEphemeralResponse>(method, answer);
            }
            "auth.test" => drop(read::<SlackApiAuthTestResponse>(method, answer)),
            "apps.connections.open" => {
                drop(read::<SlackApiAppsConnectionOpenResponse>(method, answer));
            }
            "users.info" => {
                let guest: SlackApiUsersInfoResponse = read(method, answer);
                assert_eq!(guest.user.flags.is_restricted, Some(true));
            }
            "usergroups.users.list" => {
                let group: SlackApiUserGroupsUsersListResponse = read(method, answer);
                assert_eq!(group.users.len(), 1);
            }
            "views.open" => {
                whole::<SlackApiViewsOpenRequest>(method, &args);
                read::<SlackApiViewsOpenResponse>(method, answer);
            }
            other => panic!("{other} is not compared"),
        }
    }
    assert_eq!(slack.world().calls.len(), 8);
}

#[tokio::test]
async fn what_people_do_has_the_shapes_that_others_expect() {
    let slack = Slack::start("127.0.0.1:0", &["ops"]).unwrap();
    let (api, _) = client(&slack);
    let blocks = vec![json!({"type": "actions", "block_id": "q", "elements": [{
        "type": "button", "action_id": "yes", "value": "t", "text": {"type": "plain_text", "text": "Approve"}}]})];
    let message = Message {
        text: "x".to_owned(),
        blocks,
        ..Message::default()
    };
    let card = api.post("#ops", &message).await.unwrap();
    let (channel, ts) = (card.channel.as_str(), card.ts.as_str());
    slack.click("ada", channel, ts, "yes").unwrap();
    slack
        .say("ben", channel, None, "/podmender status")
        .unwrap();
    slack
        .say("ben", channel, Some(ts), "@podmender why")
        .unwrap();

    // (That crate's types of the envelopes themselves cannot be named from outside.)
    let sent = slack.world().deliveries;
    let kinds: Vec<&str> = sent
        .iter()
        .map(|sent| match sent.kind {
            "interactive" => match read("click", &sent.payload) {
                SlackInteractionEvent::BlockActions(_) => "click",
                other => panic!("no click: {other:?}"),
            },
            "slash_commands" => {
                read::<SlackCommandEvent>("command", &sent.payload);
                "command"
            }
            _ => match read::<SlackPushEventCallback>("mention", &sent.payload).event {
                SlackEventCallbackBody::AppMention(_) => "mention",
                other => panic!("no mention: {other:?}"),
            },
        })
        .collect();
    assert_eq!(kinds, ["click", "command", "mention"]);
}

/// An incident of a real node, as the API server had it after a yes in Slack.
fn recorded() -> Incident {
    let object: Value = serde_json::from_str(include_str!("recorded/incident.json")).unwrap();
    Incident {
        id: IncidentId(object["metadata"]["name"].as_str().unwrap().into()),
        spec: read("spec", &object["spec"]),
        status: read("status", &object["status"]),
    }
}

#[test]
fn cards_and_the_modal_have_the_shapes_that_others_expect() {
    let mut incident = recorded();
    let now = incident.status.resolved_at.unwrap();
    let asked = json!({
        "remedy": "restart", "uid": "u", "generation": 1, "askedAt": now, "expiresAt": now, "because": "it wants a yes",
        "effect": {"type": "evict", "pod": "orders-0", "uid": "p"}, "needed": 2,
    });
    let seen = |incident: &Incident, answers| {
        let notice = Notice::of(incident);
        card(&Notice { answers, ..notice }, Form::Full, now)
    };
    let mut cards = vec![seen(&incident, Answers::ByButton)];
    let named = Value::Array(cards[0].blocks.clone()).to_string();
    assert!(named.contains(r#""type":"user""#), "{named}");
    incident.status.phase = Phase::AwaitingApproval;
    incident.status.approval = Some(read("request", &asked));
    incident.status.snoozed_until = Some(now + jiff::SignedDuration::from_hours(1));
    for answers in [Answers::ByButton, Answers::ByCommand] {
        cards.push(seen(&incident, answers));
    }
    cards.push(follow_up(&Notice::of(&incident), Form::Full, now));
    for card in cards {
        let drawn: Vec<SlackBlock> = whole("card", &Value::Array(card.blocks.clone()));
        for block in drawn {
            let known = !matches!(block, SlackBlock::Unknown(_));
            assert!(known, "{block:?}");
        }
    }
    let view = details_view(&incident, now);
    let SlackView::Modal(modal) = whole::<SlackView>("view", &view) else {
        panic!("no modal")
    };
    let known = |b: &SlackBlock| !matches!(b, SlackBlock::Unknown(_));
    assert!(modal.blocks.iter().all(known));
}
