//! Row 110: a restart helps for three minutes, and then it fails again, for a whole day.

use super::*;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// What the kubelet does for a program that ends three minutes after each start: it starts it again, after a back-off that
/// doubles up to five minutes.
fn kubelet(shop: &Shop) {
    let now = shop.0.now();
    for pod in shop.0.all("pods") {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        if name == "web-1-1" {
            continue; // the other replica is well
        }
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
        let doublings = u32::try_from(restarts.unwrap_or(0).min(5)).unwrap_or(5);
        let back_off = SignedDuration::from_secs(300.min(10 << doublings));
        match (pods::runs_since(&pod), pods::ended_at(&pod)) {
            (Some(since), _) if now.duration_since(since) >= SignedDuration::from_secs(180) => {
                shop.change(name, |pod, now| pods::ends(pod, 1, now));
            }
            (None, Some(ended)) if now.duration_since(ended) >= back_off => {
                shop.change(name, pods::starts_again);
            }
            _ => {}
        }
    }
}

/// The facts of all incidents that people are told of.
fn told(shop: &Shop) -> usize {
    let incidents = shop.incidents();
    let records = incidents
        .iter()
        .filter_map(|i| i["status"]["timeline"].as_array());
    let telling = ["detected", "reopened", "asked", "escalated", "resolved"];
    let is_told = |record: &&Value| {
        let kind = record["fact"]["type"].as_str().unwrap_or_default();
        telling.contains(&kind)
    };
    records.flatten().filter(is_told).count()
}

#[tokio::test(start_paused = true)]
async fn fault_110_a_day_of_restarts_that_help_for_three_minutes_is_a_persons_after_two() {
    let (shop, agent) = settled().await;
    // The kubelet has restarted it before; this is the second time.
    shop.change("web-1-0", |pod, now| pods::ends(pod, 1, now));
    let mut kept = BTreeMap::new();
    for hour in 0..24 {
        for _ in 0..360 {
            kubelet(&shop);
            pass(10).await;
        }
        if hour == 1 {
            kept = agent.context().remembered();
        }
    }
    let acts: Vec<_> = shop.acts().iter().map(|act| act.at).collect();
    assert_eq!(acts.len(), 2, "{acts:?}");
    let incidents = shop.incidents();
    assert_eq!(incidents.len(), 1, "one trouble is one incident");
    let status = &incidents[0]["status"];
    assert_eq!(
        (&status["phase"], &status["reason"]),
        (&json!("Escalated"), &json!("VerifyFailed"))
    );
    for attempt in status["attempts"].as_array().expect("attempts") {
        assert_eq!(attempt["verdict"], "Relapsed", "{attempt}");
    }
    assert!(told(&shop) <= 5, "{}", status["timeline"]);
    let now = agent.context().remembered();
    for (what, before) in kept {
        let after = now[what];
        assert!(after <= before, "{what}: {before}, and {after} a day later");
    }
    assert!(agent.is_ready(), "{:?}", agent.missing());
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_110_what_comes_back_again_and_again_without_an_act_is_told_once() {
    let shop = Shop::new();
    shop.policy(json!({"autonomy": {"level": "observe"}}));
    shop.deploy("web", 2);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    shop.change("web-1-0", |pod, now| pods::ends(pod, 1, now));
    for _ in 0..(2 * 360) {
        kubelet(&shop);
        pass(10).await;
    }
    assert_eq!((shop.acts().len(), shop.incidents().len()), (0, 1));
    // Found, well for a minute, and back again: from then on it is one thing.
    assert!(
        told(&shop) <= 3,
        "{}",
        shop.incidents()[0]["status"]["timeline"]
    );
    // And when it does stay up, that is the end of it.
    shop.change("web-1-0", |_, now| pods::healthy("web", 0, now));
    until("over", || shop.phase() == "Resolved").await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_99_restarts_by_a_containers_own_rule_are_restarts_of_one_incident() {
    let shop = Shop::new();
    shop.policy(json!({"autonomy": {"level": "observe"}}));
    shop.deploy("web", 2);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    // Never started again by itself, but for one exit code (KEP-5307).
    shop.change("web-1-0", |mut pod, _| {
        let rule = json!({"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}});
        let container = &mut pod["spec"]["containers"][0];
        container["restartPolicy"] = json!("Never");
        container["restartPolicyRules"] = json!([rule]);
        pod
    });
    for _ in 0..5 {
        shop.change("web-1-0", |pod, now| pods::ends(pod, 42, now));
        pass(10).await;
        shop.change("web-1-0", pods::starts_again);
        pass(90).await;
    }
    let incidents = shop.incidents();
    assert_eq!((incidents.len(), shop.acts().len()), (1, 0));
    let diagnosis = &incidents[0]["status"]["diagnosis"];
    assert_eq!(
        (&diagnosis["exitCode"], &diagnosis["restarts"]),
        (&json!(42), &json!(5)),
        "{diagnosis}"
    );
    agent.ends_well().await;
}
