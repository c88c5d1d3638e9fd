//! From a click to an Approval or a private sentence, over mocked wires.

use super::*;
use crate::slack::{
    rig::{Mood, Rig, rig},
    sample::{asking, policy, speaker, ticket},
};
use jiff::SignedDuration;
use podmender_policy::approval::Answer;
use serde_json::json;

fn click(user: &str, button: Button, ticket: &str) -> Arrival {
    Arrival {
        what: Interaction::Click(Click {
            button,
            ticket: ticket.into(),
            speaker: speaker(user),
            channel: "C0OPS0001".into(),
            message_ts: "1.2".into(),
            trigger: "1.2.abc".into(),
        }),
        at: Instant::now(),
    }
}

/// An agent that asks, and its intake.
async fn asked(test: &str) -> (Rig, Intake, String) {
    let rig = rig(test).await;
    let incident = asking(rig.ctx.clock.now());
    rig.knows(&incident, policy());
    let intake = Intake::new(Arc::clone(&rig.ctx));
    (rig, intake, ticket(&incident))
}

#[tokio::test]
async fn a_click_becomes_an_approval_by_that_person() {
    let (rig, intake, ticket) = asked("approve").await;
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    let written = rig.server.written();
    let [spec] = written.as_slice() else {
        panic!("{written:?}")
    };
    assert_eq!(
        *spec,
        json!({"incident": "api-1", "answer": "Approve", "remedy": "restart", "uid": "uid-w", "generation": 4,
            "by": "U0ADA0001", "via": {"type": "slack", "user": "U0ADA0001", "team": "T0SHOP001"}})
    );
    let owner = rig.server.owners()[0].clone();
    assert_eq!(
        (&owner["kind"], &owner["name"], &owner["uid"]),
        (&json!("Incident"), &json!("api-1"), &json!("uid-i"))
    );
    assert!(rig.slack.told().is_empty(), "the card says it");
    assert!(rig.counted("approve", "recorded"));
    assert!(
        rig.ctx
            .metrics
            .encode()
            .contains("podmender_slack_recorded_seconds_count 1")
    );
}

#[tokio::test]
async fn a_member_of_a_listed_group_may_answer_and_slack_is_asked_once() {
    let (rig, intake, ticket) = asked("group").await;
    intake.take(click("U0BEN0001", Button::Deny, &ticket)).await;
    assert_eq!(rig.server.written()[0]["answer"], "Deny");
    intake.take(click("U0DORA001", Button::Deny, &ticket)).await;
    assert!(rig.counted("deny", "not_listed"));
    assert_eq!(rig.slack.asked("usergroups.users.list").len(), 1);
    assert_eq!(rig.slack.asked("auth.test").len(), 1);
}

/// Row 47: each is refused alone, in words, and nothing is written.
#[tokio::test]
async fn fault_47_a_stranger_is_refused_privately() {
    let (rig, intake, ticket) = asked("stranger").await;
    for (user, reason) in [
        ("U0DORA001", "You are not among the approvers"),
        ("U0GIL0001", "Guests cannot answer"),
        ("U0ROBO001", "Apps cannot answer"),
        ("U0EVE0001", "Answers from another workspace do not count"),
    ] {
        intake.take(click(user, Button::Approve, &ticket)).await;
        let (to, said) = rig.slack.told().pop().expect("told");
        assert_eq!(to, user);
        assert!(
            said.starts_with(reason) && said.ends_with("Nothing was done."),
            "{said}"
        );
    }
    let mut nobody = policy();
    nobody.approvers = Default::default();
    rig.knows(&asking(rig.ctx.clock.now()), nobody);
    let ticket = self::ticket(
        &rig.ctx
            .store
            .lock()
            .incidents
            .values()
            .next()
            .expect("one")
            .incident,
    );
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    assert!(
        rig.slack
            .told()
            .pop()
            .expect("told")
            .1
            .starts_with("The policy lists no approvers")
    );
    assert!(rig.server.written().is_empty());
}

/// Row 48: acknowledged, and then the agent is stopped while the API server says nothing: the person is told while there is time.
#[tokio::test(start_paused = true)]
async fn fault_48_what_cannot_be_recorded_before_the_end_is_said() {
    let (rig, intake, ticket) = asked("leaving").await;
    *rig.server.mood.lock().expect("lock") = Mood::Silent;
    let (sink, arrivals) = tokio::sync::mpsc::channel(2);
    let stop = CancellationToken::new();
    let pressed = click("U0ADA0001", Button::Approve, &ticket);
    let began = Instant::now();
    let press = async {
        sink.send(pressed).await.expect("room");
        while rig.slack.asked("users.info").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    futures::join!(intake.run(arrivals, stop.clone()), press);
    assert!(began.elapsed() < Duration::from_secs(10), "within its time");
    let (to, said) = rig.slack.told().pop().expect("told");
    assert!(
        to == "U0ADA0001" && said.contains("Please press again in a minute: the buttons stay"),
        "{said}"
    );
    assert!(rig.counted("approve", "leaving"));
}

/// Row 70: the policy that asked is gone; its card still has buttons, and they say so.
#[tokio::test]
async fn fault_70_nobody_answers_for_a_policy_that_is_gone() {
    let (rig, intake, ticket) = asked("policy-gone").await;
    let mut other = policy();
    other.namespaces = ["elsewhere".into()].into();
    rig.ctx.store.lock().policies = vec![Arc::new(other)];
    for button in [Button::Approve, Button::Deny, Button::Snooze] {
        intake.take(click("U0ADA0001", button, &ticket)).await;
        let (_, said) = rig.slack.told().pop().expect("told");
        assert!(
            said.starts_with("No policy covers this workload any more"),
            "{said}"
        );
    }
    assert!(rig.server.written().is_empty());
}

/// Row 54: what a button carries is of use only here and now.
#[tokio::test]
async fn fault_54_an_unknown_ticket_is_said_and_leads_nowhere() {
    let (rig, intake, _) = asked("ticket").await;
    let mut other = asking(rig.ctx.clock.now());
    other.id.0 = "of-another-cluster".into();
    for forged in ["", "api-1", "abcdefghijklmnopqrstuvwxyz", &ticket(&other)] {
        intake
            .take(click("U0ADA0001", Button::Approve, forged))
            .await;
        let (_, said) = rig.slack.told().pop().expect("told");
        assert!(
            said.starts_with("This button belongs to a question that is no longer open"),
            "{said}"
        );
    }
    assert!(rig.counted("approve", "unknown") && rig.server.written().is_empty());
    assert!(
        rig.slack.asked("users.info").is_empty(),
        "Slack is not asked about it"
    );
}

/// Rows 45 and 49: the same click again, in another envelope, is said and changes nothing.
#[tokio::test]
async fn fault_45_and_49_a_double_click_is_one_answer() {
    let (rig, intake, ticket) = asked("double").await;
    let twice = [0, 1].map(|_| intake.take(click("U0ADA0001", Button::Approve, &ticket)));
    futures::future::join_all(twice).await;
    assert_eq!(rig.server.written().len(), 1);
    let told = rig.slack.told();
    assert_eq!(
        told,
        [(
            "U0ADA0001".to_owned(),
            "You have answered so already.".to_owned()
        )]
    );
    intake.take(click("U0ADA0001", Button::Deny, &ticket)).await;
    let (_, said) = rig.slack.told().pop().expect("told");
    assert!(
        said.starts_with("You have approved it before, and the first answer counts: it is done now, unless something has changed."),
        "{said}"
    );
    assert_eq!(rig.server.written().len(), 1);
}

/// Row 45: of two people in the same moment one decides, and the other reads who did. Two replicas are two intakes.
#[tokio::test]
async fn fault_45_of_two_people_the_first_decides() {
    let (rig, intake, ticket) = asked("race").await;
    let replica = Intake::new(Arc::clone(&rig.ctx));
    futures::join!(
        intake.take(click("U0ADA0001", Button::Approve, &ticket)),
        replica.take(click("U0CARL001", Button::Deny, &ticket)),
    );
    let written = rig.server.written();
    assert_eq!(written.len(), 1);
    let (first, said) = match written[0]["answer"].as_str() {
        Some("Approve") => (
            "U0CARL001",
            "U0ADA0001 approved it before you. Your press changed nothing.",
        ),
        _ => (
            "U0ADA0001",
            "U0CARL001 denied it before you. Your press changed nothing.",
        ),
    };
    assert_eq!(rig.slack.told(), [(first.to_owned(), said.to_owned())]);
    assert!(rig.counted("deny", "too_late") || rig.counted("approve", "too_late"));
}

#[tokio::test]
async fn two_people_take_two_places_where_two_are_needed() {
    let (rig, intake, ticket) = asked("two").await;
    let mut two = policy();
    two.min_approvals = [(podmender_policy::remedy::RemedyName::Restart, 2)].into();
    rig.ctx.store.lock().policies = vec![Arc::new(two)];
    for user in ["U0ADA0001", "U0ADA0001", "U0CARL001", "U0BEN0001"] {
        intake.take(click(user, Button::Approve, &ticket)).await;
    }
    let by: Vec<_> = rig
        .server
        .written()
        .iter()
        .map(|spec| spec["by"].clone())
        .collect();
    assert_eq!(by, ["U0ADA0001", "U0CARL001"]);
    let told = rig.slack.told();
    assert_eq!(told[0].1, "You have answered so already.");
    assert_eq!(
        told[1].1,
        "U0CARL001 approved it before you. Your press changed nothing."
    );
}

#[tokio::test]
async fn whoever_approved_may_say_no_while_another_yes_is_awaited() {
    let (rig, intake, ticket) = asked("back").await;
    let mut two = policy();
    two.min_approvals = [(podmender_policy::remedy::RemedyName::Restart, 2)].into();
    rig.ctx.store.lock().policies = vec![Arc::new(two)];
    for button in [Button::Approve, Button::Deny, Button::Deny] {
        intake.take(click("U0ADA0001", button, &ticket)).await;
    }
    let answers: Vec<_> = rig
        .server
        .written()
        .iter()
        .map(|spec| spec["answer"].clone())
        .collect();
    assert_eq!(answers, ["Approve", "Deny"]);
    assert_eq!(rig.slack.told().len(), 1, "the second no is said to be one");
}

/// Row 46.
#[tokio::test]
async fn fault_46_an_expired_question_is_not_answered() {
    let (rig, intake, _) = asked("expired").await;
    let past = rig.ctx.clock.now() - SignedDuration::from_hours(1);
    let incident = asking(past);
    rig.knows(&incident, policy());
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket(&incident)))
        .await;
    let (_, said) = rig.slack.told().pop().expect("told");
    assert!(
        said.starts_with("The time for an answer ended at"),
        "{said}"
    );
    assert!(rig.server.written().is_empty());
}

/// Row 79: the right is missing, and the person reads which, and what to do instead.
#[tokio::test]
async fn fault_79_without_the_right_to_record_it_is_said() {
    let (rig, intake, ticket) = asked("forbidden").await;
    *rig.server.mood.lock().expect("lock") = Mood::Forbids;
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    let (_, said) = rig.slack.told().pop().expect("told");
    assert!(
        said.contains("may not record answers in namespace shop"),
        "{said}"
    );
    assert!(
        said.ends_with("Or: kubectl podmender approve api-1 -n shop"),
        "{said}"
    );
    assert!(rig.counted("approve", "forbidden"));
}

/// Row 80: a cluster's own policy may refuse answers from Slack; that is not called a missing right.
#[tokio::test]
async fn fault_80_an_admission_policy_that_refuses_the_answer_is_named() {
    let (rig, intake, ticket) = asked("admission").await;
    *rig.server.mood.lock().expect("lock") = Mood::Denies;
    intake.take(click("U0ADA0001", Button::Deny, &ticket)).await;
    let (_, said) = rig.slack.told().pop().expect("told");
    assert!(
        said.starts_with("Your answer could not be recorded (an admission policy"),
        "{said}"
    );
    assert!(rig.counted("deny", "denied_by_admission"));
}

/// Rows 48 and 33: an answer that was written although nobody heard of it is this person's, and not somebody else's.
#[tokio::test]
async fn fault_48_a_lost_answer_of_the_api_server_is_no_refusal() {
    let (rig, intake, ticket) = asked("lost").await;
    *rig.server.mood.lock().expect("lock") = Mood::LosesAnswers;
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    assert_eq!(rig.server.written().len(), 1);
    assert!(rig.slack.told().is_empty());
    assert!(rig.counted("approve", "recorded"));
}

/// Row 33: killed between the acknowledgement and the record, nothing was decided, and the same button works after the restart.
#[tokio::test]
async fn fault_33_a_click_that_was_lost_can_be_made_again() {
    let (rig, intake, ticket) = asked("killed").await;
    *rig.server.mood.lock().expect("lock") = Mood::Silent;
    let clicked = intake.take(click("U0ADA0001", Button::Approve, &ticket));
    let killed = tokio::time::timeout(std::time::Duration::from_millis(200), clicked).await;
    assert!(killed.is_err() && rig.server.written().is_empty());
    drop(intake);
    *rig.server.mood.lock().expect("lock") = Mood::Well;
    let restarted = Intake::new(Arc::clone(&rig.ctx));
    restarted
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    assert_eq!(rig.server.written().len(), 1);
}

/// Row 51: without Slack nobody can be proven, so nothing is recorded; afterwards the same click counts.
#[tokio::test]
async fn fault_51_while_slack_is_down_nobody_is_believed() {
    let (rig, intake, ticket) = asked("down").await;
    *rig.slack.down.lock().expect("lock") = true;
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    assert!(rig.counted("approve", "unproven") && rig.counted("reply", "unreachable"));
    assert!(rig.server.written().is_empty());
    *rig.slack.down.lock().expect("lock") = false;
    intake
        .take(click("U0ADA0001", Button::Approve, &ticket))
        .await;
    assert!(rig.counted("approve", "recorded"));
}

#[tokio::test]
async fn a_snooze_is_recorded_once_and_details_are_shown() {
    let (rig, intake, ticket) = asked("snooze").await;
    let twice = [0, 1].map(|_| intake.take(click("U0ADA0001", Button::Snooze, &ticket)));
    futures::future::join_all(twice).await;
    let written = rig.server.written();
    assert_eq!(written.len(), 1);
    assert_eq!(
        (&written[0]["answer"], &written[0]["snoozeFor"]),
        (&json!(Answer::Snooze), &json!("3600s"))
    );
    // Whoever sees the card may look, by either ticket.
    intake
        .take(click("U0DORA001", Button::Details, &ticket))
        .await;
    let incident = asking(rig.ctx.clock.now());
    intake
        .take(click(
            "U0DORA001",
            Button::Details,
            incident.ticket().as_str(),
        ))
        .await;
    let opened = rig.slack.asked("views.open");
    assert_eq!(opened.len(), 2);
    assert_eq!(
        (&opened[0]["trigger_id"], &opened[0]["view"]["type"]),
        (&json!("1.2.abc"), &json!("modal"))
    );
    intake
        .take(click("U0EVE0001", Button::Details, &ticket))
        .await;
    assert_eq!(rig.slack.asked("views.open").len(), 2);
}

#[tokio::test]
async fn a_slow_click_holds_up_nobody() {
    let (rig, intake, ticket) = asked("slow").await;
    *rig.server.mood.lock().expect("lock") = Mood::Silent;
    let (sink, arrivals) = mpsc::channel(8);
    let shown = async {
        sink.send(click("U0ADA0001", Button::Approve, &ticket))
            .await
            .expect("room");
        sink.send(click("U0ADA0001", Button::Details, &ticket))
            .await
            .expect("room");
        while rig.slack.asked("views.open").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = intake.run(arrivals, CancellationToken::new()) => panic!("ended"),
        shown = tokio::time::timeout(std::time::Duration::from_secs(10), shown) => shown.expect("in time"),
    }
}

/// Rows 33 and 37: what was acknowledged before SIGTERM is written; what comes later is not acknowledged, so Slack says so.
#[tokio::test]
async fn fault_33_and_37_what_was_acknowledged_is_written_when_the_agent_stops() {
    let (rig, intake, ticket) = asked("stops").await;
    let (sink, arrivals) = mpsc::channel(8);
    for user in ["U0DORA001", "U0ADA0001"] {
        let room = sink.try_reserve().expect("room");
        room.send(click(user, Button::Approve, &ticket));
    }
    // A transport is between acknowledging and handing on.
    let room = sink.try_reserve().expect("room");
    let stop = CancellationToken::new();
    stop.cancel();
    let handed_on = async {
        while sink.try_reserve().is_ok() {
            tokio::task::yield_now().await;
        }
        room.send(click("U0ADA0001", Button::Details, &ticket));
    };
    let all = async { futures::join!(intake.run(arrivals, stop), handed_on) };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), all).await;
    assert!(ended.is_ok(), "it ends although the transports are there");
    assert_eq!(rig.server.written().len(), 1);
    assert_eq!(rig.slack.told()[0].0, "U0DORA001");
    assert_eq!(rig.slack.asked("views.open").len(), 1);
}
