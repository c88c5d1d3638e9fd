//! Orders by chat, over mocked wires.

use super::*;
use crate::{
    request,
    slack::{
        rig::{Rig, rig},
        sample::{asking, policy, speaker},
    },
};
use podmender_policy::incident::Post;
use serde_json::json;

/// An agent that asks, with a card at C0OPS0001/1.2.
async fn asked(test: &str) -> (Rig, Intake) {
    let rig = rig(test).await;
    let mut incident = asking(rig.ctx.clock.now());
    incident.spec.policy = policy().key();
    incident.status.posts = vec![Post {
        channel: "#ops".into(),
        conversation: "C0OPS0001".into(),
        ts: "1.2".into(),
    }];
    let mut policy = policy();
    policy.merged_of = [policy.key()].into();
    rig.knows(&incident, policy);
    let intake = Intake::new(Arc::clone(&rig.ctx));
    (rig, intake)
}

fn mention(user: &str, text: &str, thread: Option<&str>) -> Mention {
    Mention {
        text: format!("<@U0POD0001> {text}").as_str().into(),
        speaker: speaker(user),
        channel: "C0OPS0001".into(),
        ts: "9.9".into(),
        thread: thread.map(Text::new),
        event: "Ev1".into(),
    }
}

fn command(user: &str, text: &str, rig: &Rig) -> Command {
    let response = json!(format!("{}/response/1", rig.origin));
    Command {
        text: text.into(),
        speaker: speaker(user),
        channel: "C0OPS0001".into(),
        response: serde_json::from_value(response).expect("an address"),
    }
}

impl Rig {
    /// Orders in the thread of the card, and gives what was answered.
    async fn said(&self, intake: &Intake, user: &str, text: &str) -> String {
        let mention = mention(user, text, Some("1.2"));
        intake.mention(&mention, Instant::now()).await;
        let (to, said) = self.slack.told().pop().expect("told");
        assert_eq!(to, user);
        said
    }

    /// Orders by command, and gives what was answered.
    async fn typed(&self, intake: &Intake, user: &str, text: &str) -> String {
        intake.command(&command(user, text, self)).await;
        let told = self.slack.asked("/response/1").pop().expect("told");
        assert_eq!(told["response_type"], "ephemeral");
        told["text"].as_str().expect("text").to_owned()
    }

    fn is_paused(&self) -> bool {
        !self.ctx.store.lock().ledger.pauses.is_empty()
    }
}

/// The one worker, as far as it takes requests.
async fn worker(rig: &Rig) {
    loop {
        let asked = rig.ctx.requests.next().await;
        request::apply(asked, &rig.ctx).await;
    }
}

/// Row 47: orders are for approvers, whatever they are.
#[tokio::test]
async fn fault_47_a_stranger_orders_nothing() {
    let (rig, intake) = asked("orders").await;
    for order in ["status", "why", "snooze 2h", "pause", "resume"] {
        for (user, reason) in [
            ("U0DORA001", "You are not among the approvers"),
            ("U0GIL0001", "Guests cannot answer"),
            ("U0EVE0001", "Answers from another workspace do not count"),
        ] {
            let said = rig.said(&intake, user, order).await;
            assert!(said.starts_with(reason), "{order} {user}: {said}");
        }
    }
    for order in ["status", "status shop/api", "incidents", "pause", "resume"] {
        let said = rig.typed(&intake, "U0DORA001", order).await;
        assert!(
            said.starts_with("You are not among the approvers"),
            "{order}: {said}"
        );
    }
    assert!(rig.server.written().is_empty() && !rig.is_paused());
    assert!(rig.counted("mention", "not_listed") && rig.counted("command", "not_listed"));
}

#[tokio::test]
async fn what_is_asked_about_is_told() {
    let (rig, intake) = asked("told").await;
    let status = rig.said(&intake, "U0ADA0001", "status").await;
    assert!(
        status.contains("api in shop") && !status.contains("10.96.0.7"),
        "{status}"
    );
    let why = rig.said(&intake, "U0ADA0001", "why").await;
    assert!(
        why.contains("refuses connections") && why.contains("10.96.0.7"),
        "{why}"
    );
    let all = rig.typed(&intake, "U0ADA0001", "status").await;
    assert!(
        all.starts_with("Open incidents: 1. Waiting for an answer: 1."),
        "{all}"
    );
    assert!(all.contains("policy podmender/shop: in force"), "{all}");
    let list = rig.typed(&intake, "U0ADA0001", "incidents").await;
    assert!(
        list.contains("api in shop (CrashLoopBackOff), api-1"),
        "{list}"
    );
    let one = rig.typed(&intake, "U0ADA0001", "status shop/api").await;
    assert_eq!(one, status);
}

#[tokio::test]
async fn what_is_unclear_gets_the_list_and_is_not_done() {
    let (rig, intake) = asked("unclear").await;
    for order in ["approve", "please pause", "snooze 99h", "<!channel>"] {
        let said = rig.said(&intake, "U0ADA0001", order).await;
        assert!(said.contains("In the thread of a card:"), "{said}");
    }
    let said = rig.typed(&intake, "U0ADA0001", "approve api-1").await;
    assert!(said.contains("/podmender …"), "{said}");
    intake
        .mention(&mention("U0ADA0001", "pause", None), Instant::now())
        .await;
    intake
        .mention(&mention("U0ADA0001", "pause", Some("7.7")), Instant::now())
        .await;
    let (_, said) = rig.slack.told().pop().expect("told");
    assert!(
        said.starts_with("I answer in the thread of a card"),
        "{said}"
    );
    assert!(rig.server.written().is_empty() && !rig.is_paused());
}

#[tokio::test]
async fn a_snooze_by_order_is_an_answer_like_any_other() {
    let (rig, intake) = asked("order-snooze").await;
    assert_eq!(
        rig.said(&intake, "U0ADA0001", "snooze 2h").await,
        "Snoozed for 2 h 0 min."
    );
    let written = rig.server.written();
    assert_eq!(
        (&written[0]["answer"], &written[0]["snoozeFor"]),
        (&json!("Snooze"), &json!("7200s"))
    );
    assert_eq!(written[0]["via"]["user"], "U0ADA0001");
}

#[tokio::test]
async fn the_kill_switch_goes_to_the_worker_and_back() {
    let (rig, intake) = asked("switch").await;
    let orders = async {
        let said = rig.said(&intake, "U0ADA0001", "pause").await;
        assert!(
            said.starts_with("Policy podmender/shop is paused"),
            "{said}"
        );
        assert!(rig.is_paused());
        let said = rig.typed(&intake, "U0ADA0001", "status").await;
        assert!(said.contains("paused from chat by U0ADA0001"), "{said}");
        let said = rig
            .typed(&intake, "U0ADA0001", "pause podmender/other")
            .await;
        assert!(said.starts_with("No policy of that name"), "{said}");
        let said = rig.typed(&intake, "U0ADA0001", "resume").await;
        assert!(
            said.starts_with("Policy podmender/shop is no longer paused"),
            "{said}"
        );
        assert!(!rig.is_paused());
    };
    tokio::select! {
        () = worker(&rig) => {}
        () = orders => {}
    }
}

/// A worker that is busy holds up no answer: the request waits for it.
#[tokio::test]
async fn an_order_is_answered_while_the_worker_is_busy() {
    let (rig, intake) = asked("busy").await;
    let said = rig.said(&intake, "U0ADA0001", "pause").await;
    assert!(said.starts_with("Policy podmender/shop: taken"), "{said}");
}
