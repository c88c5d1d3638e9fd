//! C12: random interleavings of failure, healing, time, kills of the agent at each step, lost answers, approvals and edits,
//! with virtual time. The invariants of design.md, section 4, must hold in every state that is reached.

mod support;

use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    approval::Answer,
    audit::Fact,
    observation::{Consent, Freshness, Ready},
    remedy::{Outcome, RemedyName},
    rules::Policy,
};
use proptest::prelude::*;
use support::{PodState, Shop, autonomous};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Crash,
    OomAtStart,
    Heal,
    /// What fails is Ready all the same, or is no more.
    Serves(Ready),
    /// A whole pass.
    Pass,
    /// Killed after planning.
    KilledBeforeWriting,
    /// Killed after the ledger was written.
    KilledAfterLedger,
    /// Killed after the incident was written too.
    KilledAfterIntent,
    /// Killed after the act.
    KilledAfterAct,
    /// The act did not come through.
    ActFails,
    Pause(bool),
    Stale(bool),
    RequireApproval(bool),
    Answer(bool),
    LoseLedger,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_i64..900).prop_map(Step::Wait),
        3 => Just(Step::Crash),
        1 => Just(Step::OomAtStart),
        3 => Just(Step::Heal),
        2 => Just(Step::Serves(Ready::Yes(Timestamp::MIN))),
        1 => Just(Step::Serves(Ready::No(Timestamp::MIN))),
        8 => Just(Step::Pass),
        1 => Just(Step::KilledBeforeWriting),
        1 => Just(Step::KilledAfterLedger),
        1 => Just(Step::KilledAfterIntent),
        1 => Just(Step::KilledAfterAct),
        1 => Just(Step::ActFails),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => any::<bool>().prop_map(Step::Stale),
        1 => any::<bool>().prop_map(Step::RequireApproval),
        2 => any::<bool>().prop_map(Step::Answer),
        1 => Just(Step::LoseLedger),
    ];
    prop::collection::vec(step, 1..120)
}

struct Run {
    shop: Shop,
    policy: Policy,
    answers: u32,
    consumed: Vec<Timestamp>,
}

impl Run {
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (shop, policy) = (&mut self.shop, &mut self.policy);
        match step {
            Step::Wait(seconds) => shop.wait(*seconds),
            Step::Crash => shop.fail(PodState::CrashLoop),
            Step::OomAtStart => shop.fail(PodState::OomAtStart),
            Step::Heal => shop.heal(),
            Step::Serves(ready) => shop.ready = Some(*ready),
            Step::Pause(paused) => {
                shop.consent = if *paused {
                    Consent::Paused
                } else {
                    Consent::Given
                }
            }
            Step::Stale(stale) => {
                shop.freshness = if *stale {
                    Freshness::Stale
                } else {
                    Freshness::Fresh
                }
            }
            Step::RequireApproval(true) => _ = policy.require_approval.insert(RemedyName::Restart),
            Step::RequireApproval(false) => {
                _ = policy.require_approval.remove(&RemedyName::Restart)
            }
            Step::Answer(yes) => {
                self.answers += 1;
                let answer = if *yes { Answer::Approve } else { Answer::Deny };
                let id = format!("answer-{}", self.answers);
                shop.approvals.extend(shop.answer(&id, answer));
            }
            Step::LoseLedger => {
                // Lost and rebuilt from the newest incident, which is what is left of the object store here; older ones
                // are kept by the agent's own listing (see `load.rs`), so only lose it while this incident knows all.
                let all_known = shop
                    .ledger
                    .spent
                    .iter()
                    .all(|s| shop.incident.as_ref().is_some_and(|i| i.id == s.incident));
                if all_known && let Some(incident) = shop.incident.clone() {
                    shop.ledger = podmender_policy::ledger::Ledger::default();
                    shop.ledger.absorb(&incident, shop.now);
                }
            }
            Step::Pass
            | Step::KilledBeforeWriting
            | Step::KilledAfterLedger
            | Step::KilledAfterIntent
            | Step::KilledAfterAct
            | Step::ActFails => {
                self.pass(step)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (shop, policy) = (&mut self.shop, &self.policy);
        let plan = shop.look(policy);
        prop_assert_eq!(&plan, &shop.look(policy), "same input, same plan");
        if plan.act.is_some() {
            prop_assert!(
                shop.consent == Consent::Given && shop.freshness == Freshness::Fresh,
                "acted while paused or blind"
            );
            let paid = plan.spend.is_some()
                || plan
                    .incident
                    .as_ref()
                    .is_some_and(|i| i.unsettled().is_some());
            prop_assert!(paid, "an act that was not paid for");
        }
        let serves = matches!(shop.ready, Some(Ready::Yes(_)));
        let asks = serves || policy.require_approval.contains(&RemedyName::Restart);
        if plan.spend.is_some() && asks {
            let answered = plan.facts.iter().any(|f| {
                matches!(
                    f,
                    Fact::Answered {
                        answer: Answer::Approve,
                        ..
                    }
                )
            });
            prop_assert!(answered, "acted without an approval");
            self.consumed.push(shop.now);
        }
        match step {
            Step::KilledBeforeWriting => return Ok(()),
            Step::KilledAfterLedger => {
                shop.ledger.spent.extend(plan.spend.clone());
                return Ok(());
            }
            _ => shop.intend(&plan),
        }
        shop.close(&plan);
        match step {
            Step::KilledAfterIntent => {}
            Step::KilledAfterAct => _ = shop.carry_out(&plan),
            Step::ActFails => shop.conclude(&plan, Outcome::Failed),
            _ if plan.act.is_some() => {
                let outcome = shop.carry_out(&plan);
                shop.conclude(&plan, outcome);
            }
            _ => {}
        }
        Ok(())
    }

    /// I2, A1: acts in any sliding window never exceed the budget.
    fn check(&self) -> Result<(), TestCaseError> {
        let acts: Vec<_> = self.shop.acts.iter().map(|(at, _)| *at).collect();
        for first in &acts {
            let within = |span: SignedDuration| {
                acts.iter()
                    .filter(|at| *at >= first && at.duration_since(*first) < span)
                    .count()
            };
            prop_assert!(
                within(SignedDuration::from_hours(1)) <= 3,
                "more than 3 restarts in an hour"
            );
            prop_assert!(
                within(SignedDuration::from_hours(24)) <= 6,
                "more than 6 restarts in a day"
            );
        }
        if let Some(incident) = &self.shop.incident {
            prop_assert!(
                incident.status.timeline.len() <= podmender_policy::incident::MAX_TIMELINE
            );
            prop_assert!(
                incident.status.attempts.len() <= podmender_policy::incident::MAX_ATTEMPTS
            );
            let mut ids: Vec<_> = incident.status.attempts.iter().map(|a| &a.action).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(
                ids.len(),
                incident.status.attempts.len(),
                "two attempts with one id"
            );
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_in_every_interleaving(steps in steps()) {
        let mut run = Run { shop: Shop::new(), policy: autonomous(), answers: 0, consumed: Vec::new() };
        for step in &steps {
            run.take(step)?;
            run.check()?;
        }
        // I14: when the faults stop, it comes to rest.
        run.shop.heal();
        run.shop.consent = Consent::Given;
        run.shop.freshness = Freshness::Fresh;
        for _ in 0..80 {
            run.shop.wait(30);
            run.take(&Step::Pass)?;
            run.check()?;
        }
        prop_assert!(run.shop.incident.as_ref().is_none_or(|i| !i.is_open()), "not at rest: {:?}", run.shop.phase());
    }
}
