//! Names and labels as Prometheus reads them.

use super::*;

#[test]
fn names_and_labels_are_the_documented_ones() {
    let m = Metrics::new("1.2.3", "abc");
    let shop = Name::new("shop");
    m.detected(&shop, FailureKind::OOMKilled);
    m.decided(&shop, DecisionKind::Hold, Reason::Cooldown);
    m.remedied(
        &shop,
        RemedyName::Restart,
        Outcome::Refused(Refusal::DisruptionBudget),
    );
    m.verified(&shop, Verdict::Recovered);
    m.verified(&shop, Verdict::Pending);
    m.watch_fresh(&shop, "pods", Duration::from_millis(1500));
    m.incidents_open(&shop, 2);
    m.alerted("webhook", AlertResult::sent);
    m.policy("podmender/main", true, false, true);
    m.ledger_failed(LedgerError::conflict);
    m.summarised(SummaryResult::too_long);
    m.detection_took(Duration::from_millis(20));
    m.slack_request("http", "accepted");
    m.slack_interaction("approve", "recorded");
    m.slack_acknowledged(Duration::from_millis(4));
    m.slack_recorded(Duration::from_millis(40));
    m.queue_depth(3);
    let out = m.encode();
    for line in [
        "podmender_detections_total{namespace=\"shop\",failure=\"OOMKilled\"} 1",
        "podmender_decisions_total{namespace=\"shop\",decision=\"Hold\",reason=\"Cooldown\"} 1",
        "podmender_remedies_total{namespace=\"shop\",remedy=\"restart\",result=\"refused_disruption_budget\"} 1",
        "podmender_verifications_total{namespace=\"shop\",verdict=\"recovered\"} 1",
        "podmender_watch_fresh_seconds{namespace=\"shop\",resource=\"pods\"} 1.5",
        "podmender_incidents_open{namespace=\"shop\"} 2",
        "podmender_alerts_total{channel=\"webhook\",result=\"sent\"} 1",
        "podmender_storm{policy=\"podmender/main\"} 1",
        "podmender_paused{policy=\"podmender/main\"} 0",
        "podmender_policy_ready{policy=\"podmender/main\"} 1",
        "podmender_ledger_errors_total{reason=\"conflict\"} 1",
        "podmender_summaries_total{result=\"too_long\"} 1",
        "podmender_detection_seconds_bucket{le=\"0.025\"} 1",
        "podmender_mend_seconds_count 0",
        "podmender_slack_requests_total{transport=\"http\",result=\"accepted\"} 1",
        "podmender_slack_interactions_total{kind=\"approve\",result=\"recorded\"} 1",
        "podmender_slack_ack_seconds_bucket{le=\"0.005\"} 1",
        "podmender_slack_recorded_seconds_count 1",
        "podmender_leader 0",
        "podmender_queue_depth 3",
        "podmender_build_info{version=\"1.2.3\",revision=\"abc\"} 1",
        "# EOF",
    ] {
        assert!(out.lines().any(|l| l == line), "missing {line} in\n{out}");
    }
    m.forget_policy("podmender/main");
    assert!(!m.encode().contains("podmender/main"));
}
