//! The ladder and the life of an incident, rung by rung.
#![expect(clippy::expect_used, reason = "tests")]

mod support;

use jiff::SignedDuration;
use podmender_policy::{
    approval::{Answer, Approval, Entrance, Proof},
    audit::Fact,
    bounds::Message,
    decide::{DecisionKind, Reason},
    incident::Phase,
    observation::{Consent, Disruption, EventSeen, Freshness, Ready, RolloutState, Surroundings},
    remedy::{Effect, Outcome, Refusal, RemedyName},
    rules::Policy,
    verify::Verdict,
    workload::WorkloadKind,
};
use support::{PodState, Shop, autonomous, policy};

#[test]
fn a_crash_loop_that_ran_well_is_restarted_verified_and_resolved() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let plan = shop.pass(&policy);
    assert_eq!(
        (plan.decision.kind, plan.decision.reason),
        (DecisionKind::Remediate, Reason::RestartMayHelp)
    );
    assert_eq!(shop.acts.len(), 1);
    assert_eq!(shop.phase(), Some(Phase::Verifying));
    shop.heal();
    shop.wait(1);
    shop.pass(&policy);
    assert_eq!(
        shop.phase(),
        Some(Phase::Verifying),
        "healthyDelay has not passed"
    );
    shop.wait(60);
    shop.pass(&policy);
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Resolved), Some(Reason::Mended))
    );
    assert_eq!(shop.ledger.spent[0].verdict, Verdict::Recovered);
    assert!(
        shop.look(&policy).wake_at.is_none(),
        "nothing is left to do"
    );
}

#[test]
fn two_restarts_that_do_not_help_are_a_persons_and_then_it_is_silent() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    for _ in 0..200 {
        shop.pass(&policy);
        shop.wait(30);
    }
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::VerifyFailed))
    );
    assert_eq!(shop.acts.len(), 2);
    let records = shop.incident.as_ref().expect("open").status.timeline.len();
    shop.wait(3600);
    shop.pass(&policy);
    assert_eq!(
        shop.incident.expect("open").status.timeline.len(),
        records,
        "an escalated incident says nothing more"
    );
}

#[test]
fn fault_110_a_relapse_after_a_mend_counts_as_failed() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    for round in 0..4 {
        shop.pass(&policy);
        shop.heal();
        // What came back once has to stay away for as long as a relapse counts.
        for _ in 0..if round == 0 { 3 } else { 16 } {
            assert!(round == 0 || shop.phase() != Some(Phase::Resolved));
            shop.wait(40);
            shop.pass(&policy);
        }
        assert_eq!(shop.phase(), Some(Phase::Resolved), "round {round}");
        shop.wait(60);
        shop.fail(PodState::CrashLoop);
        shop.pass(&policy);
        if shop.phase() == Some(Phase::Escalated) {
            break;
        }
        // Cooldown.
        shop.wait(300);
        shop.pass(&policy);
    }
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::VerifyFailed))
    );
    assert_eq!(shop.acts.len(), 2);
}

#[test]
fn where_a_restart_cannot_help_a_person_is_called_at_once() {
    for state in [PodState::OomAtStart, PodState::BadImage] {
        let mut shop = Shop::new();
        shop.fail(state);
        shop.restarts = 9;
        let plan = shop.pass(&autonomous());
        assert_eq!(
            (plan.decision.kind, plan.decision.reason),
            (DecisionKind::Escalate, Reason::RestartCannotHelp),
            "{state:?}"
        );
        assert!(shop.acts.is_empty());
    }
}

#[test]
fn fault_88_89_95_owners_that_a_restart_would_harm() {
    for (kind, reason) in [
        (WorkloadKind::Pod, Reason::BarePod),
        (WorkloadKind::Foreign, Reason::ForeignOwner),
    ] {
        let mut shop = Shop::new().crash_loop();
        shop.kind = kind;
        let plan = shop.pass(&autonomous());
        assert_eq!(
            (plan.decision.kind, plan.decision.reason),
            (DecisionKind::Escalate, reason)
        );
    }
}

#[test]
fn fault_89_a_job_that_gave_up_is_not_well_when_its_pods_are_gone() {
    let mut shop = Shop::new().crash_loop();
    (shop.kind, shop.rollout) = (WorkloadKind::Job, RolloutState::Stuck);
    shop.pass(&autonomous());
    assert_eq!(shop.reason(), Some(Reason::OwnedByJob));
    shop.heal();
    shop.wait(120);
    shop.pass(&autonomous());
    assert_eq!(shop.phase(), Some(Phase::Escalated));
    // Somebody ran it again, and it went well.
    shop.rollout = RolloutState::Complete;
    shop.wait(1);
    shop.pass(&autonomous());
    shop.wait(120);
    shop.pass(&autonomous());
    assert_eq!(shop.reason(), Some(Reason::RecoveredByItself));
}

#[test]
fn fault_90_and_91_a_rollout_that_would_reach_nothing_is_not_begun() {
    let policy = policy(
        "scope: {namespaces: [shop]}
capabilities: [{name: autoRestart, enabled: true, config: {method: Rollout}}]
autonomy: {level: autonomous}",
    );
    for kind in [WorkloadKind::DaemonSet, WorkloadKind::StatefulSet] {
        let mut shop = Shop::new().crash_loop();
        shop.kind = kind;
        let effect = |shop: &Shop| shop.look(&policy).act.expect("an act").effect;
        assert!(matches!(effect(&shop), Effect::RolloutRestart { .. }));
        shop.rollout = RolloutState::Held;
        assert!(matches!(effect(&shop), Effect::Evict { .. }), "{kind:?}");
    }
}

#[test]
fn fault_81_what_refuses_the_new_pod_is_said() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
    // The evicted pod is gone, and none comes in its place.
    (shop.state, shop.ready_pods) = (PodState::Healthy, 0);
    let event = |at: i64, reason: &str, said: &str| EventSeen {
        reason: reason.into(),
        message: Message::new(said),
        last: shop.now + SignedDuration::from_secs(at),
        count: 1,
    };
    shop.events = vec![
        event(-60, "FailedCreate", "an old story"),
        event(5, "FailedCreate", "pods is forbidden: exceeded quota: few"),
        event(9, "Other", "something else"),
    ];
    shop.wait(301);
    shop.pass(&policy);
    let incident = shop.incident.as_ref().expect("an incident");
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::VerifyFailed))
    );
    let said = incident.status.message.as_str();
    assert!(
        said.ends_with("The cluster says: pods is forbidden: exceeded quota: few"),
        "{said}"
    );
    assert_eq!(shop.acts.len(), 1);
}

#[test]
fn each_gate_holds_by_its_own_reason() {
    type Change = fn(&mut Shop, &mut Policy);
    let cases: [(&str, Change, DecisionKind, Reason); 12] = [
        (
            "paused",
            |_, p| p.paused = true,
            DecisionKind::Hold,
            Reason::Paused,
        ),
        (
            "annotation",
            |s, _| s.consent = Consent::Paused,
            DecisionKind::Hold,
            Reason::WorkloadPaused,
        ),
        (
            "scope",
            |_, p| p.namespaces.clear(),
            DecisionKind::Hold,
            Reason::OutOfScope,
        ),
        (
            "stale",
            |s, _| s.freshness = Freshness::Stale,
            DecisionKind::Hold,
            Reason::WatchStale,
        ),
        (
            "storm by workloads",
            |s, _| {
                s.surroundings = Surroundings {
                    workloads_failing: 10,
                    ..s.surroundings
                }
            },
            DecisionKind::Hold,
            Reason::Storm,
        ),
        (
            "storm by pods",
            |s, _| {
                s.surroundings = Surroundings {
                    pods: 40,
                    pods_failing: 12,
                    ..s.surroundings
                }
            },
            DecisionKind::Hold,
            Reason::Storm,
        ),
        (
            "blip",
            |s, _| s.restarts = 0,
            DecisionKind::Hold,
            Reason::TooFewOccurrences,
        ),
        (
            "rollout",
            |s, _| s.rollout = RolloutState::Progressing,
            DecisionKind::Hold,
            Reason::RolloutInProgress,
        ),
        (
            "disabled",
            |_, p| p.restart.enabled = false,
            DecisionKind::Escalate,
            Reason::CapabilityDisabled,
        ),
        (
            "pdb",
            |s, _| s.disruption = Disruption::Blocked,
            DecisionKind::Escalate,
            Reason::DisruptionBudget,
        ),
        (
            "asks",
            |_, p| _ = p.require_approval.insert(RemedyName::Restart),
            DecisionKind::RequestApproval,
            Reason::ApprovalRequired,
        ),
        (
            "observe",
            |_, p| p.level = podmender_policy::rules::Level::Observe,
            DecisionKind::Hold,
            Reason::Observing,
        ),
    ];
    for (name, change, kind, reason) in cases {
        let (mut shop, mut policy) = (Shop::new().crash_loop(), autonomous());
        change(&mut shop, &mut policy);
        let plan = shop.pass(&policy);
        assert_eq!(
            (plan.decision.kind, plan.decision.reason),
            (kind, reason),
            "{name}"
        );
        assert!(
            plan.act.is_none() && plan.spend.is_none() && shop.acts.is_empty(),
            "{name}: nothing is done"
        );
    }
}

#[test]
fn an_opted_out_workload_has_no_incident() {
    let mut shop = Shop::new().crash_loop();
    shop.consent = Consent::OptedOut;
    assert!(shop.pass(&autonomous()).incident.is_none());
}

#[test]
fn a_storm_is_over_only_after_calm() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let seen = podmender_policy::observation::StormSeen {
        since: shop.now,
        last_over: shop.now,
    };
    shop.surroundings.storm = Some(seen);
    assert_eq!(shop.pass(&policy).decision.reason, Reason::Storm);
    shop.wait(599);
    assert_eq!(shop.pass(&policy).decision.reason, Reason::Storm);
    shop.wait(1);
    assert_eq!(shop.pass(&policy).decision.kind, DecisionKind::Remediate);
}

#[test]
fn the_cooldown_doubles_and_the_budget_ends_it() {
    let policy = policy(
        "scope: {namespaces: [shop]}
capabilities: [{name: autoRestart, enabled: true, config: {maxRestarts: 3, window: 1h, cooldownPeriod: 60s, backoffFactor: 2}}]
autonomy: {level: autonomous}",
    );
    let mut shop = Shop::new().crash_loop();
    let mut at = Vec::new();
    // Each restart seems to help, until the relapse window is over: the incidents are separate, the budget is one.
    for _ in 0..400 {
        let plan = shop.pass(&policy);
        if plan.spend.is_some() {
            at.push(shop.now);
        }
        shop.incident = None; // as if each were a new incident
        for spend in &mut shop.ledger.spent {
            spend.verdict = Verdict::Recovered;
            spend.outcome = Some(Outcome::Executed);
        }
        shop.wait(5);
    }
    assert_eq!(at.len(), 3, "three in an hour");
    assert_eq!(at[1].duration_since(at[0]), SignedDuration::from_secs(60));
    assert_eq!(at[2].duration_since(at[1]), SignedDuration::from_secs(120));
}

#[test]
fn fault_23_an_earlier_now_unlocks_nothing() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    shop.pass(&policy);
    shop.incident = None;
    for back in [1, 3600, 86_400 * 400] {
        let mut earlier = shop.clone();
        earlier.now -= SignedDuration::from_secs(back);
        let plan = earlier.look(&policy);
        assert!(plan.act.is_none(), "{back} s earlier: {:?}", plan.decision);
    }
}

fn answer(shop: &Shop, answer: Answer) -> Approval {
    shop.answer("a1", answer).expect("an incident")
}

fn asking() -> (Shop, Policy) {
    let mut policy = autonomous();
    policy.require_approval.insert(RemedyName::Restart);
    let mut shop = Shop::new().crash_loop();
    shop.pass(&policy);
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    (shop, policy)
}

#[test]
fn an_approval_is_used_once() {
    let (mut shop, policy) = asking();
    shop.approvals = vec![answer(&shop, Answer::Approve)];
    assert_eq!(shop.pass(&policy).decision.reason, Reason::Approved);
    assert_eq!(shop.acts.len(), 1);
    for _ in 0..50 {
        shop.wait(60);
        shop.pass(&policy);
    }
    assert_eq!(shop.acts.len(), 1, "the same approval does not count again");
}

/// A person sees one pod on the card: a yes is to just that one.
#[test]
fn a_yes_does_what_was_shown_or_is_asked_for_anew() {
    let (mut shop, policy) = asking();
    let shown = |shop: &Shop| {
        let asked = shop.incident.as_ref().unwrap().status.approval.as_ref();
        asked.and_then(|a| a.effect.clone()).unwrap()
    };
    let now = shown(&shop);
    // The pod that was shown is gone by now, and another one fails.
    let gone = podmender_policy::remedy::Effect::Evict {
        pod: "shop-old".into(),
        uid: "pod-of-yesterday".into(),
    };
    let incident = shop.incident.as_mut().unwrap();
    incident.status.approval.as_mut().unwrap().effect = Some(gone);
    // Whoever answers although it was put off waits no longer.
    incident.status.snoozed_until = Some(shop.now + jiff::SignedDuration::from_hours(1));
    shop.approvals = vec![answer(&shop, Answer::Approve)];
    let plan = shop.pass(&policy);
    assert!(shop.acts.is_empty());
    let because = Reason::ChangedSince;
    assert!(plan.facts.contains(&Fact::Withdrawn { because }));
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    assert_eq!(shown(&shop), now, "the question is put again, as it is now");
    shop.wait(5);
    let mut again = answer(&shop, Answer::Approve);
    again.id = "a2".into();
    shop.approvals.push(again);
    assert_eq!(shop.pass(&policy).act.unwrap().effect, now);
}

#[test]
fn a_denial_leaves_it_alone() {
    let (mut shop, policy) = asking();
    shop.approvals = vec![answer(&shop, Answer::Deny)];
    shop.pass(&policy);
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::Denied))
    );
    assert!(shop.acts.is_empty());
}

#[test]
fn silence_means_no() {
    let (mut shop, policy) = asking();
    shop.wait(30 * 60 - 1);
    assert_eq!(shop.pass(&policy).closes, None);
    shop.wait(1);
    // The end is an answer like any other: an Approval first, and then the same pass.
    let plan = shop.pass(&policy);
    assert!(plan.closes.is_some() && shop.phase() == Some(Phase::AwaitingApproval));
    let plan = shop.pass(&policy);
    let end = shop.approvals[0].clone();
    assert_eq!(
        plan.facts,
        [
            Fact::Answered {
                answer: Answer::Expired,
                by: "podmender".into(),
                approval: end.id.clone(),
                via: Entrance::Agent,
            },
            Fact::Escalated {
                reason: Reason::ApprovalExpired
            }
        ]
    );
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::ApprovalExpired))
    );
    let status = &shop.incident.as_ref().unwrap().status;
    assert_eq!(
        (&status.consumed, &status.decided_by),
        (&vec![end.id], &None)
    );
    assert!(shop.pass(&policy).facts.is_empty(), "it is said once");
}

/// Whoever was faster by a moment has the place, and is heard by their own time.
#[test]
fn an_answer_of_the_last_moment_counts_and_one_after_it_does_not() {
    for (late, phase) in [(false, Phase::Verifying), (true, Phase::AwaitingApproval)] {
        let (mut shop, policy) = asking();
        shop.wait(30 * 60 - 1);
        let mut yes = answer(&shop, Answer::Approve);
        shop.wait(2);
        assert!(shop.look(&policy).closes.is_some());
        if late {
            yes.at = shop.now;
        }
        shop.approvals = vec![yes];
        let plan = shop.pass(&policy);
        assert_eq!(shop.phase(), Some(phase), "{:?}", plan.facts);
        assert_eq!(plan.closes.is_some(), late, "in a place that is free again");
        assert_eq!(shop.acts.len(), usize::from(!late));
        if late {
            shop.pass(&policy);
            assert_eq!(shop.phase(), Some(Phase::Escalated));
        }
    }
}

/// What says before its time that the time is over is worth nothing, whoever wrote it.
#[test]
fn the_end_of_the_time_counts_only_at_the_end_of_the_time() {
    let (mut shop, policy) = asking();
    let forged = by(&shop, "e1", "podmender", Answer::Expired);
    shop.approvals = vec![forged];
    let plan = shop.pass(&policy);
    let [Fact::ApprovalRefused { because, .. }] = plan.facts.as_slice() else {
        panic!("{:?}", plan.facts)
    };
    assert_eq!(*because, Reason::TimeIsLeft);
    // Somebody snoozes in the last moment, and that is seen only after the end was recorded.
    shop.wait(30 * 60 - 1);
    let snooze = by(&shop, "s1", "ann", Answer::Snooze);
    shop.wait(1);
    shop.pass(&policy);
    assert_eq!(shop.approvals.len(), 2);
    shop.approvals.push(snooze);
    shop.pass(&policy);
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    shop.approvals.push(by(&shop, "y1", "ann", Answer::Approve));
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

/// Closed is closed, also where no object can say so.
#[test]
fn an_end_that_cannot_be_recorded_is_an_end() {
    let (mut shop, policy) = asking();
    shop.wait(30 * 60);
    let asked = shop.look(&policy).closes.expect("closed");
    let mut seen = shop.observe();
    let incident = shop.incident.clone().expect("an incident");
    seen.unclosable = Some(asked.slot(&incident.id, 1));
    let plan = podmender_policy::plan::plan(&policy, &shop.ledger, Some(incident), &seen, shop.now);
    assert_eq!(plan.closes, None);
    assert_eq!(plan.facts[0], Fact::Expired);
    assert_eq!(plan.decision.reason, Reason::ApprovalExpired);
}

/// While it happens to run, nothing can be judged: a yes that was given in time is neither lost nor carried out.
#[test]
fn a_yes_in_time_waits_for_what_fails() {
    let (mut shop, policy) = asking();
    shop.wait(30 * 60 - 1);
    shop.approvals = vec![answer(&shop, Answer::Approve)];
    shop.heal();
    for _ in 0..3 {
        shop.wait(1);
        assert_eq!(shop.pass(&policy).closes, None);
        assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    }
    shop.fail(PodState::CrashLoop);
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

/// What is under way elsewhere ends by itself: until then a yes is neither refused nor forgotten.
#[test]
fn a_yes_waits_while_too_much_is_under_way() {
    let (mut shop, policy) = asking();
    shop.approvals = vec![answer(&shop, Answer::Approve)];
    let other = Shop::new().crash_loop().look(&autonomous()).spend;
    let other = other.expect("an act");
    let others = (0..policy.limits.max_concurrent).map(|n| {
        let mut spend = other.clone();
        spend.act.workload.name = format!("other-{n}").as_str().into();
        spend.outcome = Some(Outcome::Executed);
        spend
    });
    shop.ledger.spent = others.collect();
    for _ in 0..3 {
        let plan = shop.pass(&policy);
        assert!(
            plan.wake_at
                .is_some_and(|at| at <= shop.now + SignedDuration::from_secs(5))
        );
        assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
        assert!(plan.facts.is_empty(), "{:?}", plan.facts);
        shop.wait(5);
    }
    for spend in &mut shop.ledger.spent {
        spend.verdict = Verdict::Recovered;
    }
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

#[test]
fn fault_46_an_approval_of_something_else_does_not_count() {
    type Change = fn(&mut Shop, &mut Approval);
    let cases: [(&str, Change); 6] = [
        ("another generation", |s, _| s.generation = 2),
        ("another uid", |_, a| a.uid = "workload-2".into()),
        ("another remedy", |_, a| a.remedy = RemedyName::Rollback),
        ("too late", |s, a| {
            s.wait(1801);
            a.at = s.now;
        }),
        ("storm", |s, _| s.surroundings.workloads_failing = 50),
        ("paused", |s, _| s.consent = Consent::Paused),
    ];
    for (name, change) in cases {
        let (mut shop, policy) = asking();
        let mut approval = answer(&shop, Answer::Approve);
        change(&mut shop, &mut approval);
        shop.approvals = vec![approval];
        shop.pass(&policy);
        assert!(shop.acts.is_empty(), "{name}");
    }
}

#[test]
fn fault_28_killed_before_the_ledger_is_written_nothing_happened() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let _lost = shop.look(&policy);
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

#[test]
fn fault_29_killed_after_the_intent_it_is_done_once_or_given_up() {
    for (pause, acts) in [(5, 1), (61, 0)] {
        let (mut shop, mut policy) = (Shop::new().crash_loop(), autonomous());
        policy.restart.cooldown = std::time::Duration::from_secs(300);
        let plan = shop.look(&policy);
        shop.intend(&plan);
        shop.wait(pause);
        let again = shop.look(&policy);
        assert!(again.spend.is_none(), "paid for already");
        shop.pass(&policy);
        assert_eq!(shop.acts.len(), acts, "after {pause} s");
        assert_eq!(shop.ledger.spent.len(), 1, "the unit stays spent");
    }
}

#[test]
fn fault_29_killed_between_ledger_and_incident_the_ledger_knows() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    // The incident exists from an earlier pass.
    shop.restarts = 0;
    shop.pass(&policy);
    shop.restarts = 5;
    let plan = shop.look(&policy);
    shop.ledger.spent.extend(plan.spend.clone());
    shop.wait(2);
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
    assert_eq!(shop.ledger.spent.len(), 1);
}

#[test]
fn fault_34_paid_for_by_whoever_had_not_heard_of_the_no_it_is_not_done() {
    let (mut shop, policy) = asking();
    // Another replica counts a yes and pays, from an incident that has moved on: its write of the incident is refused.
    let mut other = shop.clone();
    other.approvals = vec![by(&other, "a1", "ann", Answer::Approve)];
    let late = other.look(&policy);
    shop.approvals = vec![by(&shop, "b1", "bob", Answer::Deny)];
    shop.pass(&policy);
    shop.ledger.spent.extend(late.spend);
    shop.approvals.push(by(&shop, "a1", "ann", Answer::Approve));
    for _ in 0..3 {
        shop.wait(2);
        shop.pass(&policy);
    }
    assert!(shop.acts.is_empty());
    assert_eq!(shop.reason(), Some(Reason::Denied));
    let attempt = &shop.incident.as_ref().expect("open").status.attempts[0];
    assert_eq!(attempt.outcome, Some(Outcome::Abandoned));
}

#[test]
fn fault_34_paid_for_by_whoever_had_not_heard_that_it_was_well_it_is_asked_anew() {
    let (mut shop, policy) = asking();
    let mut other = shop.clone();
    other.approvals = vec![by(&other, "a1", "ann", Answer::Approve)];
    let late = other.look(&policy);
    shop.heal();
    for _ in 0..2 {
        shop.wait(61);
        shop.pass(&policy);
    }
    assert_eq!(shop.phase(), Some(Phase::Resolved));
    shop.fail(PodState::CrashLoop);
    shop.ledger
        .spent
        .extend(late.spend.map(|spend| podmender_policy::ledger::Spend {
            at: shop.now,
            ..spend
        }));
    for _ in 0..9 {
        shop.wait(30);
        shop.pass(&policy);
    }
    assert!(shop.acts.is_empty());
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
}

#[test]
fn fault_30_killed_after_the_act_it_is_recognised_and_not_repeated() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let plan = shop.look(&policy);
    shop.intend(&plan);
    shop.carry_out(&plan);
    shop.wait(3);
    let next = shop.pass(&policy);
    assert!(next.act.is_none());
    assert_eq!(shop.acts.len(), 1);
    let attempt = &shop.incident.as_ref().expect("open").status.attempts[0];
    assert_eq!(attempt.outcome, Some(Outcome::Executed));
}

#[test]
fn fault_7_a_refusal_by_a_disruption_budget_is_a_persons() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let plan = shop.look(&policy);
    shop.intend(&plan);
    shop.conclude(&plan, Outcome::Refused(Refusal::DisruptionBudget));
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Escalated), Some(Reason::DisruptionBudget))
    );
}

/// Many acts of many namespaces within a day: what could not be written down would be forgotten, so it is not done.
#[test]
fn nothing_is_done_while_the_ledger_is_full() {
    use podmender_policy::{bounds::Name, ledger::MAX_SPENT};
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let mut spend = shop.look(&policy).spend.expect("spends");
    spend.verdict = podmender_policy::verify::Verdict::Recovered;
    spend.outcome = Some(Outcome::Executed);
    spend.incident.0 = Name::new("another");
    spend.act.workload.namespace = Name::new("elsewhere");
    shop.ledger.spent = vec![spend.clone(); MAX_SPENT - 1];
    assert_eq!(shop.look(&policy).decision.kind, DecisionKind::Remediate);
    shop.ledger.spent.push(spend);
    let plan = shop.look(&policy);
    assert_eq!(
        (plan.decision.kind, plan.decision.reason),
        (DecisionKind::Hold, Reason::LedgerFull)
    );
    shop.wait(24 * 3600);
    assert_ne!(shop.look(&policy).decision.reason, Reason::LedgerFull);
}

#[test]
fn a_full_ledger_fits_into_etcd() {
    use podmender_policy::{
        bounds::{Name, Text},
        ledger::{Ledger, MAX_SPENT},
        remedy::{ActionId, Effect},
    };
    let shop = Shop::new().crash_loop();
    let mut spend = shop.look(&autonomous()).spend.expect("spends");
    let [long, short] = [253, 63].map(|n| Name::new(&"n".repeat(n)));
    spend.act.id = ActionId(Text::new(&"i".repeat(32)));
    spend.act.workload.namespace = short;
    spend.act.workload.name = long.clone();
    spend.incident.0 = long.clone();
    spend.act.effect = Effect::Evict {
        pod: long,
        uid: Name::new(&"u".repeat(36)),
    };
    spend.outcome = Some(Outcome::Refused(Refusal::DisruptionBudget));
    let ledger = Ledger {
        spent: vec![spend; MAX_SPENT],
        ..Ledger::default()
    };
    let size = serde_json::to_string(&ledger).expect("JSON").len();
    // The rest of the object takes some 264 KiB at most: 64 records, 256 pauses, and 256 numbers of calls (64 KiB).
    assert!(size < (3 << 19) - (264 << 10), "{size}");
}

#[test]
fn fault_82_a_lost_ledger_is_rebuilt_from_the_incidents() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    shop.pass(&policy);
    let known = shop.ledger.clone();
    shop.ledger = podmender_policy::ledger::Ledger::default();
    shop.ledger
        .absorb(shop.incident.as_ref().expect("open"), shop.now);
    assert_eq!(shop.ledger.spent, known.spent);
}

#[test]
fn what_recovers_by_itself_is_closed_without_an_act() {
    let (mut shop, policy) = (Shop::new(), autonomous());
    shop.fail(PodState::CrashLoop);
    shop.restarts = 0;
    shop.pass(&policy);
    shop.heal();
    for _ in 0..8 {
        shop.wait(10);
        shop.pass(&policy);
    }
    assert_eq!(
        (shop.phase(), shop.reason()),
        (Some(Phase::Resolved), Some(Reason::RecoveredByItself))
    );
    assert!(shop.acts.is_empty());
}

#[test]
fn supervised_restarts_by_itself_but_asks_for_stateful_sets() {
    let mut policy = autonomous();
    policy.level = podmender_policy::rules::Level::Supervised;
    let mut shop = Shop::new().crash_loop();
    assert_eq!(shop.look(&policy).decision.kind, DecisionKind::Remediate);
    shop.kind = WorkloadKind::StatefulSet;
    assert_eq!(
        shop.look(&policy).decision.kind,
        DecisionKind::RequestApproval
    );
}

#[test]
fn a_restarted_agent_that_has_not_listed_yet_closes_nothing() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    shop.pass(&policy);
    let before = shop.incident.clone();
    for freshness in [Freshness::Starting, Freshness::Stale] {
        shop.freshness = freshness;
        let mut seen = shop.observe();
        seen.workload.presence = podmender_policy::observation::Presence::Gone;
        seen.suspects.clear();
        seen.pod_uids.clear();
        seen.replicas = Default::default();
        let plan =
            podmender_policy::plan::plan(&policy, &shop.ledger, before.clone(), &seen, shop.now);
        assert_eq!(
            plan.incident, before,
            "{freshness:?}: an empty world is not a world without the workload"
        );
        assert!(plan.act.is_none() && plan.facts.is_empty() && plan.wake_at.is_some());
    }
}

#[test]
fn a_program_that_ended_once_at_its_start_is_not_a_persons_yet() {
    let (mut shop, policy) = (Shop::new(), autonomous());
    shop.fail(PodState::OomAtStart);
    shop.restarts = 0;
    let plan = shop.pass(&policy);
    assert_eq!(
        (plan.decision.kind, plan.decision.reason),
        (DecisionKind::Hold, Reason::PersonIfAgain)
    );
    shop.restarts = 1;
    shop.wait(10);
    assert_eq!(shop.pass(&policy).decision.kind, DecisionKind::Escalate);
}

fn by(shop: &Shop, id: &str, who: &str, what: Answer) -> Approval {
    Approval {
        id: id.into(),
        by: who.into(),
        ..answer(shop, what)
    }
}

#[test]
fn two_different_people_must_approve_where_the_policy_wants_two() {
    let mut policy = autonomous();
    policy.min_approvals.insert(RemedyName::Restart, 2);
    let mut shop = Shop::new().crash_loop();
    shop.pass(&policy);
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    for (id, who, acts) in [("a1", "ann", 0), ("a2", "ann", 0), ("b1", "bob", 1)] {
        shop.approvals.push(by(&shop, id, who, Answer::Approve));
        shop.pass(&policy);
        assert_eq!(shop.acts.len(), acts, "{who} by {id}");
    }
}

#[test]
fn who_is_only_noted_is_nobody_where_two_must_approve() {
    let mut policy = autonomous();
    policy.min_approvals.insert(RemedyName::Restart, 2);
    let mut shop = Shop::new().crash_loop();
    shop.pass(&policy);
    for who in ["ann", "bob"] {
        let noted = Approval {
            proof: Proof::Noted,
            ..by(&shop, who, who, Answer::Approve)
        };
        shop.approvals.push(noted);
    }
    let plan = shop.pass(&policy);
    assert!(shop.acts.is_empty());
    let refused = |f: &&Fact| {
        matches!(
            f,
            Fact::ApprovalRefused {
                because: Reason::NotProven,
                ..
            }
        )
    };
    assert_eq!(plan.facts.iter().filter(refused).count(), 2);
    for who in ["cleo", "dan"] {
        shop.approvals.push(by(&shop, who, who, Answer::Approve));
        shop.pass(&policy);
    }
    assert_eq!(shop.acts.len(), 1, "the question was still open to others");
}

#[test]
fn a_valid_no_wins_over_an_earlier_yes() {
    let (mut shop, policy) = asking();
    shop.approvals = vec![
        by(&shop, "a1", "ann", Answer::Approve),
        by(&shop, "b1", "bob", Answer::Deny),
    ];
    shop.pass(&policy);
    assert_eq!(shop.reason(), Some(Reason::Denied));
    assert!(shop.acts.is_empty());
    let consumed = &shop.incident.expect("open").status.consumed;
    assert_eq!(consumed.len(), 2, "both are recorded");
}

#[test]
fn an_answer_in_time_counts_after_the_agent_was_away_but_not_for_ever() {
    for (away, acts) in [(31 * 60, 1), (61 * 60, 0)] {
        let (mut shop, policy) = asking();
        shop.wait(60);
        shop.approvals = vec![answer(&shop, Answer::Approve)];
        shop.wait(away);
        shop.pass(&policy);
        assert_eq!(shop.acts.len(), acts, "back after {away} s");
    }
}

#[test]
fn a_refused_yes_leaves_the_question_open_with_its_places_free() {
    let (mut shop, policy) = asking();
    let asked = |s: &Shop| {
        s.incident
            .clone()
            .expect("open")
            .status
            .approval
            .expect("asked")
    };
    let id = shop.incident.as_ref().expect("open").id.clone();
    let (ticket, slot) = (asked(&shop).ticket(&id), asked(&shop).slot(&id, 1));
    shop.consent = Consent::Paused;
    shop.approvals = vec![by(&shop, "a1", "ann", Answer::Approve)];
    shop.pass(&policy);
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    assert_eq!(asked(&shop).ticket(&id), ticket, "the buttons stay good");
    assert_ne!(asked(&shop).slot(&id, 1), slot);
    assert!(asked(&shop).slot(&id, 5).as_str().len() <= 63 && ticket.as_str().len() == 26);
    shop.consent = Consent::Given;
    shop.approvals.push(by(&shop, "a2", "ann", Answer::Approve));
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

#[test]
fn an_answer_to_what_is_closed_is_recorded_there_and_not_in_the_next_incident() {
    let (mut shop, policy) = asking();
    shop.heal();
    for _ in 0..2 {
        shop.wait(61);
        shop.pass(&policy);
    }
    assert_eq!(shop.phase(), Some(Phase::Resolved));
    let closed = shop.incident.as_ref().expect("closed").id.clone();
    shop.approvals = vec![answer(&shop, Answer::Approve)];
    shop.wait(3600);
    shop.fail(PodState::CrashLoop);
    let plan = shop.pass(&policy);
    let incident = shop.incident.as_ref().expect("closed");
    assert_eq!((&incident.id, incident.status.consumed.len()), (&closed, 1));
    assert_eq!(
        plan.wake_at,
        Some(shop.now),
        "what fails now is looked at next"
    );
    shop.pass(&policy);
    assert_ne!(shop.incident.as_ref().expect("open").id, closed);
}

#[test]
fn a_question_about_what_has_changed_is_withdrawn_and_asked_anew() {
    let (mut shop, policy) = asking();
    let asked = |s: &Shop| {
        let status = &s.incident.as_ref().expect("open").status;
        status.approval.clone().map(|a| (a.generation, a.round))
    };
    let old = answer(&shop, Answer::Approve);
    shop.generation = 2;
    shop.rollout = RolloutState::Progressing;
    shop.wait(10);
    shop.pass(&policy);
    assert_eq!(
        (shop.phase(), shop.reason(), asked(&shop)),
        (Some(Phase::Detected), Some(Reason::RolloutInProgress), None)
    );
    shop.rollout = RolloutState::Complete;
    shop.wait(10);
    shop.pass(&policy);
    assert_eq!(asked(&shop).map(|(generation, _)| generation), Some(2));
    shop.approvals.push(old);
    shop.pass(&policy);
    assert!(shop.acts.is_empty(), "an answer to the old question");
    shop.approvals.push(by(&shop, "a2", "ann", Answer::Approve));
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
    let timeline = &shop.incident.as_ref().expect("open").status.timeline;
    let because = Reason::ChangedSince;
    assert!(
        timeline
            .iter()
            .any(|r| r.fact == Fact::Withdrawn { because })
    );
}

/// The kubelet killed the pod itself while people were asked whether it may be.
#[test]
fn a_question_to_spare_the_last_ready_replica_ends_when_that_is_ready_no_more() {
    let policy = autonomous();
    let asking = || {
        let mut shop = Shop::new().crash_loop();
        shop.ready = Some(Ready::Yes(shop.now - SignedDuration::from_mins(9)));
        shop.ready_pods = 1;
        shop.pass(&policy);
        assert_eq!(
            (shop.phase(), shop.reason()),
            (
                Some(Phase::AwaitingApproval),
                Some(Reason::LastReadyReplica)
            )
        );
        shop.wait(20);
        shop.pass(&policy);
        assert_eq!(shop.phase(), Some(Phase::AwaitingApproval), "still Ready");
        shop
    };
    let unready = |shop: &mut Shop| {
        (shop.ready, shop.ready_pods) = (None, 0);
        shop.wait(5);
    };
    let because = Reason::ChangedSince;

    let mut shop = asking();
    unready(&mut shop);
    let plan = shop.pass(&policy);
    assert!(plan.facts.contains(&Fact::Withdrawn { because }));
    assert_eq!(shop.acts.len(), 1, "as if it had not been Ready at first");
    // Whoever answers what is asked no more does nothing.
    let late = answer(&shop, Answer::Approve);
    shop.approvals = vec![late];
    shop.wait(5);
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);

    // A no, a snooze and the end of the time mean what they say.
    let mut shop = asking();
    unready(&mut shop);
    shop.approvals = vec![answer(&shop, Answer::Deny)];
    shop.pass(&policy);
    assert_eq!((shop.reason(), shop.acts.len()), (Some(Reason::Denied), 0));
    let mut shop = asking();
    unready(&mut shop);
    shop.approvals = vec![answer(&shop, Answer::Snooze)];
    shop.pass(&policy);
    assert_eq!(
        (shop.phase(), shop.acts.len()),
        (Some(Phase::AwaitingApproval), 0)
    );
    let mut shop = asking();
    unready(&mut shop);
    shop.wait(2 * 3_600);
    shop.pass(&policy);
    assert!(shop.acts.is_empty(), "its time is over");
}

#[test]
fn a_snooze_makes_the_question_wait_longer_and_a_yes_ends_it() {
    let (mut shop, policy) = asking();
    shop.approvals = vec![by(&shop, "s1", "ann", Answer::Snooze)];
    shop.pass(&policy);
    shop.wait(80 * 60);
    shop.pass(&policy);
    assert_eq!(shop.phase(), Some(Phase::AwaitingApproval));
    shop.approvals.push(by(&shop, "a1", "ann", Answer::Approve));
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}

#[test]
fn a_pause_from_chat_holds_every_policy_that_it_is_part_of() {
    let (mut shop, policy) = (Shop::new().crash_loop(), autonomous());
    let pause = podmender_policy::ledger::Pause {
        policy: policy.key(),
        by: "U1".into(),
        at: shop.now,
    };
    shop.ledger.pauses.push(pause);
    let other = Policy {
        name: "aaa".into(),
        merged_of: ["podmender/aaa".into()].into(),
        ..policy.clone()
    };
    let merged = Policy::strictest(vec![other, policy]);
    assert_eq!(shop.pass(&merged).decision.reason, Reason::PausedByPerson);
    assert!(shop.acts.is_empty());
}

#[test]
fn an_unlisted_member_of_slack_decides_nothing() {
    let (mut shop, mut policy) = asking();
    let slack = |s: &Shop, id: &str| Approval {
        entrance: Entrance::Slack {
            user: "U1".into(),
            team: "T1".into(),
        },
        ..by(s, id, "U1", Answer::Approve)
    };
    shop.approvals = vec![slack(&shop, "a1")];
    shop.pass(&policy);
    assert!(shop.acts.is_empty(), "an empty list is nobody");
    policy.approvers.slack_users.insert("U1".into());
    shop.approvals.push(slack(&shop, "a2"));
    shop.pass(&policy);
    assert_eq!(shop.acts.len(), 1);
}
