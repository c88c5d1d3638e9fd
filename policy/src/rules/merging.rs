//! Fault 69: of several policies on one workload the strictest counts, in whatever order they come.

use super::{tests::parse, *};
use crate::remedy::RemedyName;
use proptest::prelude::*;

prop_compose! {
    fn restart_config()(max in 1i64..=20, window in 1u32..24, cooldown in 1u32..1000, factor in 1i64..=10, occurrences in 1i64..10, rollout: bool) -> String {
        format!("maxRestarts: {max}, window: {window}h, cooldownPeriod: {cooldown}s, backoffFactor: {factor}, minOccurrences: {occurrences}, method: {}", if rollout { "Rollout" } else { "Evict" })
    }
}

prop_compose! {
    fn autonomy()(
        level in prop::sample::select(vec!["observe", "supervised", "autonomous"]),
        approval in prop::sample::subsequence(vec!["restart", "rollback", "scale"], 0..=3),
        users in prop::sample::subsequence(vec!["U1", "U2", "U3"], 0..=3),
        team in prop::sample::select(vec!["", ", slackTeamId: T1", ", slackTeamId: T2"]),
        paused: bool,
        freeze in prop::sample::subsequence(vec!["{schedule: '0 22 * * FRI UTC', duration: 56h}", "{schedule: '0 1 * * * UTC', duration: 2h}"], 0..=2),
        actions in 1i64..=20, concurrent in 1i64..=9, percent in 1i64..=100, workloads in 2i64..=50, calm in 1u32..60, timeout in 1u32..90,
    ) -> String {
        format!(
            "{{level: {level}, requireApproval: [{}], approvers: {{slackUserIds: [{}]{team}}}, paused: {paused}, freezeWindows: [{}], approvalTimeout: {timeout}m, \
             limits: {{maxActions: {actions}, maxConcurrent: {concurrent}, stormPodsPercent: {percent}, stormWorkloads: {workloads}, stormCalm: {calm}m}}}}",
            approval.join(","), users.join(","), freeze.join(",")
        )
    }
}

prop_compose! {
    fn policy_named(name: &'static str)(
        spaces in prop::sample::subsequence(vec!["shop", "billing"], 0..=2),
        selector in prop::sample::select(vec!["{}", "{matchLabels: {a: '1'}}", "{matchExpressions: [{key: a, operator: NotIn, values: ['1']}]}"]),
        restart in prop::option::of(restart_config()), autonomy in autonomy(), scale in 1i64..10,
    ) -> Policy {
        let restart = restart.map(|c| format!("{{name: autoRestart, config: {{{c}}}}}, ")).unwrap_or_default();
        let yaml = format!("scope: {{namespaces: [{}], selector: {selector}}}\ncapabilities: [{restart}{{name: autoScale, enabled: true, config: {{minReplicas: {scale}, maxReplicas: {}}}}}]\nautonomy: {autonomy}", spaces.join(","), scale + 2);
        Policy { name: Name::new(name), ..parse(&yaml).unwrap().policy }
    }
}

/// A restart that somebody asks a policy about.
#[derive(Clone, Debug)]
struct Asked {
    namespace: Name,
    labels: Vec<(Name, Name)>,
    now: jiff::Timestamp,
    /// Seconds since each of the earlier restarts.
    earlier: Vec<u64>,
    occurrences: u32,
    under_way: u32,
    recent: Vec<u64>,
    pods: (u32, u32),
    workloads: u32,
    consented: bool,
    by: Text<32>,
    team: Text<32>,
    answered_after: u64,
}

prop_compose! {
    fn asked()(
        namespace in prop::sample::select(vec!["shop", "billing"]), label in prop::sample::select(vec![None, Some("1"), Some("2")]),
        now in 1_790_000_000i64..1_790_700_000, earlier in prop::collection::vec(1u64..100_000, 0..5), occurrences in 0u32..12,
        under_way in 0u32..10, recent in prop::collection::vec(1u64..3000, 0..8), pods in (1u32..100, 0u32..100), workloads in 0u32..60,
        consented: bool, by in prop::sample::select(vec!["U1", "U2"]), team in prop::sample::select(vec!["T1", "T2"]), answered_after in 0u64..6000,
    ) -> Asked {
        Asked {
            namespace: namespace.into(), labels: label.map(|v| (Name::new("a"), Name::new(v))).into_iter().collect(),
            now: jiff::Timestamp::from_second(now).unwrap(), earlier, occurrences, under_way, recent, pods, workloads, consented,
            by: by.into(), team: team.into(), answered_after,
        }
    }
}

/// Whether a policy lets that restart happen: the ladder, written once more and as simply as can be.
fn allows(p: &Policy, a: &Asked) -> bool {
    let within =
        |all: &[u64], window: Duration| all.iter().filter(|s| **s < window.as_secs()).count();
    let backoff = (a.earlier.len() as u32).saturating_sub(1);
    let cooldown = p
        .restart
        .cooldown
        .as_secs()
        .saturating_mul(u64::from(p.restart.backoff_factor).saturating_pow(backoff))
        .min(3600.max(p.restart.cooldown.as_secs()));
    let changes_spec = p.restart.how == RestartHow::Rollout;
    let asks = p.require_approval.contains(&RemedyName::Restart)
        || (changes_spec && p.level == Level::Supervised);
    let may_answer = p.approvers.slack_users.contains(&a.by)
        && p.approvers.slack_team.as_ref().is_none_or(|t| *t == a.team);
    let answered = a.consented && may_answer && a.answered_after <= p.approval_timeout.as_secs();
    let storm = crate::decide::is_over_storm_threshold(&p.limits, a.pods.0, a.pods.1, a.workloads);
    p.covers(&a.namespace, &a.labels)
        && !p.paused
        && p.level != Level::Observe
        && p.restart.enabled
        && p.freeze.iter().all(|w| w.frozen_until(a.now).is_none())
        && !storm
        && within(&a.earlier, p.restart.window) < p.restart.max_restarts as usize
        && a.earlier.iter().all(|s| *s >= cooldown)
        && a.occurrences >= p.restart.min_occurrences
        && a.under_way < p.limits.max_concurrent
        && within(&a.recent, p.limits.actions_window) < p.limits.max_actions as usize
        && (!asks || answered)
}

fn three() -> impl Strategy<Value = [Policy; 3]> {
    (policy_named("a"), policy_named("b"), policy_named("c")).prop_map(|(a, b, c)| [a, b, c])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fault_69_a_merge_allows_nothing_that_one_of_them_refuses(policies in three(), asked in asked()) {
        let merged = Policy::strictest(policies.to_vec());
        if allows(&merged, &asked) {
            for policy in &policies {
                prop_assert!(allows(policy, &asked), "{policy:?} refuses");
            }
        }
    }

    #[test]
    fn fault_69_a_merge_does_not_depend_on_the_order(policies in three()) {
        let [a, b, c] = policies;
        let merged = Policy::strictest(vec![a.clone(), b.clone(), c.clone()]);
        for other in [[&b, &a, &c], [&c, &b, &a], [&b, &c, &a]] {
            prop_assert_eq!(&Policy::strictest(other.into_iter().cloned().collect()), &merged);
        }
        prop_assert_eq!(Policy::strictest(vec![a.clone(), b.clone(), c, a, b]), merged);
    }

    #[test]
    fn a_merge_of_one_is_that_one(policies in three()) {
        let [a, ..] = policies;
        prop_assert_eq!(Policy::strictest(vec![a.clone()]), a);
    }
}

#[test]
fn fault_69_of_no_policy_nothing_is_allowed() {
    let nothing = Policy::strictest(Vec::new());
    assert!(nothing.paused && nothing.namespaces.is_empty() && nothing.level == Level::Observe);
}
