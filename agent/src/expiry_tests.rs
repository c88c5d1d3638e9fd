//! The end of a question over a mocked API server: whoever is first has the place, and nothing is closed twice or for ever tried.

use super::*;
use crate::slack::{
    rig::{Mood, Rig, rig},
    sample::{asking, policy},
};
use podmender_policy::approval::{Answer, Approval};
use serde_json::json;

/// An agent that asks, and its question.
async fn asked(test: &str) -> (Rig, Incident, ApprovalRequest) {
    let rig = rig(test).await;
    let incident = asking(rig.ctx.clock.now());
    let asked = incident.status.approval.clone().expect("a question");
    rig.knows(&incident, policy());
    (rig, incident, asked)
}

/// What the next pass would see.
fn heard(rig: &Rig, incident: &Incident) -> Vec<Approval> {
    rig.ctx.store.lock().answers(incident)
}

fn is_given_up(rig: &Rig, incident: &Incident) -> bool {
    rig.ctx.store.lock().unclosable(&incident.id).is_some()
}

#[tokio::test]
async fn the_end_is_an_approval_of_the_agents_own_and_written_once() {
    let (rig, incident, asked) = asked("expired").await;
    close(&asked, &incident, &rig.ctx).await.expect("written");
    let written = rig.server.written();
    assert_eq!(
        written,
        [
            json!({"incident": "api-1", "answer": "Expired", "remedy": "restart", "uid": "uid-w", "generation": 4,
                "by": "podmender", "via": {"type": "agent"}})
        ]
    );
    assert_eq!(rig.server.owners()[0]["uid"], "uid-i");
    let answers = heard(&rig, &incident);
    let [end] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (end.answer, &end.id),
        (Answer::Expired, &asked.slot(&incident.id, 1))
    );
    assert_eq!(rig.ctx.queue.depth(), 1, "the next pass rules on it");
    // Killed before that pass: the object is found again, and nothing more is written.
    rig.ctx.store.lock().approvals.clear();
    close(&asked, &incident, &rig.ctx).await.expect("found");
    assert_eq!(rig.server.written().len(), 1);
    assert_eq!(heard(&rig, &incident).len(), 1);
    assert!(!is_given_up(&rig, &incident));
}

#[tokio::test]
async fn whoever_answered_in_the_last_moment_has_the_place() {
    let (rig, incident, asked) = asked("last-moment").await;
    let yes = api::ApprovalBody::answering(&incident.id, &asked, Answer::Approve);
    rig.server.has(&asked.slot(&incident.id, 1), &yes);
    close(&asked, &incident, &rig.ctx).await.expect("read");
    assert_eq!(rig.server.written().len(), 1, "nothing beside it");
    let answers = heard(&rig, &incident);
    assert_eq!(answers[0].answer, Answer::Approve);
    assert!(!is_given_up(&rig, &incident));
}

#[tokio::test]
async fn where_two_must_approve_the_end_takes_the_second_place() {
    let (rig, incident, mut asked) = asked("second-place").await;
    asked.needed = 2;
    let yes = api::ApprovalBody::answering(&incident.id, &asked, Answer::Approve);
    rig.server.has(&asked.slot(&incident.id, 1), &yes);
    close(&asked, &incident, &rig.ctx).await.expect("written");
    let answers = heard(&rig, &incident);
    assert_eq!(answers[0].id, asked.slot(&incident.id, 2));
}

/// What stands in the place and answers nothing is not waited for.
#[tokio::test]
async fn a_place_that_is_taken_by_nothing_of_use_is_given_up() {
    let (rig, incident, asked) = asked("squatter").await;
    let mut other = api::ApprovalBody::answering(&incident.id, &asked, Answer::Deny);
    other.incident.0 = "of-something-else".into();
    rig.server.has(&asked.slot(&incident.id, 1), &other);
    close(&asked, &incident, &rig.ctx).await.expect("read");
    assert!(is_given_up(&rig, &incident) && heard(&rig, &incident).is_empty());
    assert_eq!(rig.ctx.queue.depth(), 1);
}

#[tokio::test]
async fn an_api_server_that_refuses_is_given_up_and_one_that_is_away_is_asked_again() {
    for (mood, given_up) in [
        (Mood::Forbids, true),
        (Mood::Denies, true),
        (Mood::LosesAnswers, false),
    ] {
        let (rig, incident, asked) = asked(&format!("{mood:?}")).await;
        *rig.server.mood.lock().expect("lock") = mood;
        let ended = close(&asked, &incident, &rig.ctx).await;
        assert_eq!(ended.is_ok(), given_up, "{mood:?}: {ended:?}");
        assert_eq!(is_given_up(&rig, &incident), given_up, "{mood:?}");
        if !given_up {
            // It was written although nothing was heard of it.
            close(&asked, &incident, &rig.ctx).await.expect("found");
            assert_eq!(heard(&rig, &incident).len(), 1);
        }
    }
}
