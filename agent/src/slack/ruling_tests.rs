//! Who may answer what, and when.

use super::*;
use crate::slack::sample::{asking, person, policy};
use podmender_policy::{
    approval::{Entrance, PersonKind, Proof, Vote},
    audit::Chain,
    remedy::RemedyName,
    rules::Approvers,
};

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Timestamp {
    crate::alert::sample::now()
}

fn ada() -> SlackPerson {
    person("U0ADA0001", PersonKind::Member)
}

fn refused(step: Step) -> Refusal {
    match step {
        Step::Refuse(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// Row 47: whoever is not listed, a guest, an app, somebody of another workspace: neither approve nor deny nor snooze.
#[test]
fn fault_47_only_listed_members_answer_yes_or_no() {
    use PersonKind::{Bot, External, Guest, Member};
    let incident = asking(now());
    let nobody = Policy {
        approvers: Approvers::default(),
        ..policy()
    };
    for wish in [Wish::Approve, Wish::Deny, Wish::Snooze(HOUR)] {
        for (who, policy, why) in [
            (person("U0DORA001", Member), policy(), NoRight::NotListed),
            (person("U0GIL0001", Guest), policy(), NoRight::Guest),
            (person("U0ROBO001", Bot), policy(), NoRight::Bot),
            (
                person("U0EVE0001", External),
                policy(),
                NoRight::OtherWorkspace,
            ),
            (
                person("U0EVE0001", Member),
                policy(),
                NoRight::OtherWorkspace,
            ),
            (ada(), nobody.clone(), NoRight::NobodyListed),
        ] {
            let step = rule(wish, &who, &incident, Some(&policy), now());
            assert_eq!(refused(step), Refusal::NoRight(why), "{wish:?} {who:?}");
        }
        let step = rule(wish, &ada(), &incident, None, now());
        assert_eq!(refused(step), Refusal::OutOfScope);
        assert!(!matches!(
            rule(wish, &ada(), &incident, Some(&policy()), now()),
            Step::Refuse(_)
        ));
    }
}

/// Row 46: what is over is not answered any more, and the person reads why.
#[test]
fn fault_46_what_is_over_is_not_answered() {
    let says = |incident: &Incident, at| {
        let step = rule(Wish::Approve, &ada(), incident, Some(&policy()), at);
        refused(step).explain(now()).words()
    };
    let late = asking(now()).status.approval.expect("asked").expires_at;
    let said = says(&asking(now()), late);
    assert_eq!(
        said,
        "The time for an answer ended at 03:34:30 UTC, so nothing is done."
    );
    let mut healed = asking(now());
    healed.status.phase = Phase::Resolved;
    let said = says(&healed, now());
    assert_eq!(
        said,
        "Nothing is asked any more: the workload is well again. Nothing was done."
    );
    let mut decided = asking(now());
    decided.status.phase = Phase::Verifying;
    decided.status.decided_by = Some("U0BEN0001".into());
    let said = says(&decided, now());
    assert!(
        said.starts_with("U0BEN0001 decided it: it was mended"),
        "{said}"
    );
    let mut expired = asking(now());
    expired.status.phase = Phase::Escalated;
    expired.status.reason = Reason::ApprovalExpired;
    expired.status.approval = None;
    // Of two who had to approve, one did.
    expired.status.decided_by = Some("U0BEN0001".into());
    let end = Fact::Answered {
        answer: Answer::Expired,
        by: "podmender".into(),
        approval: "api-1-x-0-2".into(),
        via: Entrance::Agent,
    };
    let mut chain = Chain::default();
    expired.status.timeline = vec![chain.append(now(), expired.id.clone(), end)];
    assert!(says(&expired, now()).starts_with("The time for an answer ended"));
}

#[test]
fn a_second_person_is_needed_where_the_policy_says_so() {
    let mut incident = asking(now());
    let two = Policy {
        min_approvals: [(RemedyName::Restart, 2)].into(),
        ..policy()
    };
    let Step::Answer(Answer::Approve, asked) =
        rule(Wish::Approve, &ada(), &incident, Some(&two), now())
    else {
        panic!("refused")
    };
    assert_eq!(asked.needed, 2, "also if it was asked when one was enough");
    let question = incident.status.approval.as_mut().expect("asked");
    question.votes = vec![Vote {
        by: "U0ADA0001".into(),
        via: Entrance::Slack {
            user: "U0ADA0001".into(),
            team: "T0SHOP001".into(),
        },
        proof: Proof::Proven,
        approval: "api-1-x-0-1".into(),
    }];
    let again = rule(Wish::Approve, &ada(), &incident, Some(&two), now());
    assert_eq!(refused(again), Refusal::Voted);
    // A no is another matter.
    let no = rule(Wish::Deny, &ada(), &incident, Some(&two), now());
    assert!(matches!(no, Step::Answer(Answer::Deny, _)));
}

#[test]
fn a_snooze_that_adds_nothing_is_none() {
    let snooze = |incident: &Incident, span, at| {
        rule(Wish::Snooze(span), &ada(), incident, Some(&policy()), at)
    };
    let mut incident = asking(now());
    assert_eq!(snooze(&incident, HOUR, now()), Step::Snooze(HOUR));
    let until = now() + SignedDuration::from_hours(1);
    incident.status.snoozed_until = Some(until);
    assert_eq!(
        refused(snooze(&incident, HOUR, now())),
        Refusal::Snoozed(until)
    );
    assert_eq!(snooze(&incident, HOUR * 2, now()), Step::Snooze(HOUR * 2));
    let later = now() + SignedDuration::from_mins(20);
    assert_eq!(snooze(&incident, HOUR, later), Step::Snooze(HOUR));
    incident.status.phase = Phase::Escalated;
    assert_eq!(
        snooze(&incident, HOUR, later),
        Step::Snooze(HOUR),
        "asked or not"
    );
    incident.status.phase = Phase::Resolved;
    assert!(matches!(snooze(&incident, HOUR, later), Step::Refuse(_)));
}

#[test]
fn details_are_for_whoever_sees_the_card() {
    assert_eq!(may_look("T0SHOP001", Some(&policy())), Ok(()));
    assert!(may_look("T0OTHER01", Some(&policy())).is_err());
    assert!(may_look("T0SHOP001", None).is_err());
}
