//! What a person asks of the agent besides an answer: the kill switch of a policy. Asking changes nothing: the one worker
//! applies it to the ledger, from where every pass obeys it, also after a restart.
//!
//! (Putting an incident off is an [`crate::approval::Approval`] with the answer `Snooze`, like any other answer.)

use crate::{
    approval::Entrance,
    audit::Fact,
    bounds::{Name, Text},
    ledger::{Ledger, MAX_PAUSES, Pause},
    rules::Policy,
};
use jiff::Timestamp;

/// A request, from somebody whose right to ask was proven where it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing more is done under this policy; what is under way may finish.
    Pause {
        /// The policy, as `namespace/name`.
        policy: Name,
        /// Who asks.
        by: Text<256>,
        /// By which entrance.
        via: Entrance,
    },
    /// Ends a pause from chat. The policy's own `paused: true` stays.
    Resume {
        /// The policy, as `namespace/name`.
        policy: Name,
        /// Who asks.
        by: Text<256>,
        /// By which entrance.
        via: Entrance,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Paused now.
    Paused,
    /// It was paused already.
    AlreadyPaused(Pause),
    /// The pause is over.
    Resumed,
    /// The pause from chat is over, but the policy itself says `paused: true`.
    PausedByPolicy,
    /// Nobody had paused it from chat.
    NotPaused,
    /// No policy of that name is in force.
    NoSuchPolicy,
    /// More policies are paused than the ledger can hold.
    TooMany,
}

impl Request {
    /// The policy that it is about, as `namespace/name`.
    #[must_use]
    pub fn policy(&self) -> &Name {
        match self {
            Self::Pause { policy, .. } | Self::Resume { policy, .. } => policy,
        }
    }

    /// Applies it to `ledger`; what is to be recorded comes with it. `policy`: the one of that name, if one is in force.
    pub fn apply(
        &self,
        ledger: &mut Ledger,
        policy: Option<&Policy>,
        now: Timestamp,
    ) -> (Done, Option<Fact>) {
        let paused = ledger.pauses.iter().find(|p| p.policy == *self.policy());
        let (done, fact) = match (self, policy, paused) {
            (Self::Pause { .. }, _, Some(pause)) => {
                return (Done::AlreadyPaused(pause.clone()), None);
            }
            (Self::Pause { .. }, None, None) => return (Done::NoSuchPolicy, None),
            (Self::Pause { .. }, Some(_), None) if ledger.pauses.len() >= MAX_PAUSES => {
                return (Done::TooMany, None);
            }
            (Self::Pause { policy, by, via }, Some(_), None) => {
                let (policy, by, via) = (policy.clone(), by.clone(), via.clone());
                (Done::Paused, Fact::Paused { policy, by, via })
            }
            // Also of a policy that is gone: else it would be paused if it ever came back.
            (
                Self::Resume {
                    policy: of,
                    by,
                    via,
                },
                policy,
                Some(_),
            ) => {
                let (of, by, via) = (of.clone(), by.clone(), via.clone());
                let done = match policy {
                    Some(policy) if policy.paused => Done::PausedByPolicy,
                    _ => Done::Resumed,
                };
                (
                    done,
                    Fact::Resumed {
                        policy: of,
                        by,
                        via,
                    },
                )
            }
            (Self::Resume { .. }, None, None) => return (Done::NoSuchPolicy, None),
            (Self::Resume { .. }, Some(policy), None) if policy.paused => {
                return (Done::PausedByPolicy, None);
            }
            (Self::Resume { .. }, Some(_), None) => return (Done::NotPaused, None),
        };
        ledger.take(&fact, now);
        (done, Some(fact))
    }
}

impl Done {
    /// For the person who asked, about `policy`.
    #[must_use]
    pub fn explain(&self, policy: &Name) -> String {
        match self {
            Self::Paused => format!(
                "Policy {policy} is paused: nothing more is done under it until `resume`. It goes on watching and telling."
            ),
            Self::AlreadyPaused(pause) => format!(
                "Policy {policy} was paused already, by {} at {}.",
                pause.by,
                pause.at.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
            Self::Resumed => format!("Policy {policy} is no longer paused."),
            Self::PausedByPolicy => format!(
                "Policy {policy} stays paused, because it says so itself (spec.autonomy.paused): that cannot be changed from chat."
            ),
            Self::NotPaused => format!("Policy {policy} was not paused."),
            Self::NoSuchPolicy => format!("No policy {policy} is in force."),
            Self::TooMany => format!(
                "Policy {policy} is not paused: {MAX_PAUSES} others are. Set spec.autonomy.paused in it."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{AgentPolicySpec, Ground};

    fn now() -> Timestamp {
        "2026-11-21T09:00:00Z".parse().expect("a time")
    }

    fn policy() -> Policy {
        Policy::parse(
            "main",
            "ops",
            &AgentPolicySpec::default(),
            &Ground::default(),
        )
        .expect("a policy")
        .policy
    }

    fn pause(by: &str) -> Request {
        Request::Pause {
            policy: "ops/main".into(),
            by: by.into(),
            via: Entrance::Kubernetes,
        }
    }

    fn resume() -> Request {
        Request::Resume {
            policy: "ops/main".into(),
            by: "bob".into(),
            via: Entrance::Kubernetes,
        }
    }

    #[test]
    fn a_pause_is_one_until_it_is_ended_and_each_change_is_a_fact() {
        let (mut ledger, policy) = (Ledger::default(), policy());
        let (done, fact) = pause("ann").apply(&mut ledger, Some(&policy), now());
        assert_eq!(done, Done::Paused);
        assert!(matches!(fact, Some(Fact::Paused { by, .. }) if by.as_str() == "ann"));
        let (done, fact) = pause("bob").apply(&mut ledger, Some(&policy), now());
        assert!(matches!(&done, Done::AlreadyPaused(p) if p.by.as_str() == "ann"));
        assert!(
            fact.is_none()
                && done
                    .explain(&policy.key())
                    .contains("by ann at 2026-11-21 09:00:00")
        );
        assert!(ledger.pause_of(&policy).is_some());
        let (done, fact) = resume().apply(&mut ledger, Some(&policy), now());
        assert_eq!(done, Done::Resumed);
        assert!(matches!(fact, Some(Fact::Resumed { .. })) && ledger.pauses.is_empty());
        assert_eq!(
            resume().apply(&mut ledger, Some(&policy), now()).0,
            Done::NotPaused
        );
    }

    #[test]
    fn what_the_policy_says_itself_is_not_changed_from_chat() {
        let mut ledger = Ledger::default();
        let policy = Policy {
            paused: true,
            ..policy()
        };
        assert_eq!(
            resume().apply(&mut ledger, Some(&policy), now()).0,
            Done::PausedByPolicy
        );
        pause("ann").apply(&mut ledger, Some(&policy), now());
        let (done, fact) = resume().apply(&mut ledger, Some(&policy), now());
        assert!(done == Done::PausedByPolicy && fact.is_some() && ledger.pauses.is_empty());
    }

    #[test]
    fn of_no_policy_nothing_is_paused_and_an_old_pause_can_still_be_ended() {
        let (mut ledger, policy) = (Ledger::default(), policy());
        assert_eq!(
            pause("ann").apply(&mut ledger, None, now()),
            (Done::NoSuchPolicy, None)
        );
        pause("ann").apply(&mut ledger, Some(&policy), now());
        assert_eq!(resume().apply(&mut ledger, None, now()).0, Done::Resumed);
    }
}
