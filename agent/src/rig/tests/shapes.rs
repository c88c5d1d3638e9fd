//! Rows 91, 96, 104 and 105: how a workload is made and scaled decides what may be done to its pods.

use super::*;

const DEPLOYMENTS: &str = "apis/apps/v1/namespaces/shop/deployments";
const BUDGETS: &str = "apis/policy/v1/namespaces/shop/poddisruptionbudgets";
const EVENTS: &str = "api/v1/namespaces/shop/events";

/// Now, as the API server writes it.
fn second(shop: &Shop) -> String {
    shop.0.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Changes the Deployment `web`.
fn edit(shop: &Shop, fields: &Value) {
    let mut web = shop.0.all("deployments").remove(0);
    json_patch::merge(&mut web, fields);
    shop.0.put(DEPLOYMENTS, web);
}

fn restarts_rollouts(shop: &Shop) {
    let config = json!({"maxRestarts": 3, "window": "1h", "cooldownPeriod": "60s", "minOccurrences": 2, "method": "Rollout"});
    shop.policy(
        json!({"capabilities": [{"name": "autoRestart", "enabled": true, "config": config}]}),
    );
}

/// A shop with `web` of so many replicas, replaced all at once, under a policy that restarts rollouts.
async fn recreated(replicas: u32) -> (Shop, Agent) {
    let shop = Shop::new();
    restarts_rollouts(&shop);
    shop.deploy("web", replicas);
    edit(&shop, &json!({"spec": {"strategy": {"type": "Recreate"}}}));
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    (shop, agent)
}

#[tokio::test(start_paused = true)]
async fn fault_96_a_single_replica_that_is_down_is_replaced_without_asking() {
    let (shop, agent) = recreated(1).await;
    shop.crash("web");
    until("restarted", || shop.acts().len() == 1).await;
    assert!(shop.acts()[0].is("PATCH", "/deployments/web"));
    shop.roll_out("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_96_a_rollout_that_takes_the_ready_replicas_down_too_is_not_begun() {
    let (shop, agent) = recreated(3).await;
    shop.crash("web");
    mended_by_one_act(&shop).await;
    assert!(is_eviction(&shop.acts()[0]), "{:?}", shop.acts());
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_96_a_single_replica_that_is_ready_is_asked_about() {
    let shop = Shop::new();
    shop.deploy("web", 1);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    // Its liveness probe fails, the kubelet does nothing about it, and it serves on.
    let uid = shop.pod("web-1-0").expect("a pod")["metadata"]["uid"].clone();
    let first = second(&shop);
    for count in 1..100 {
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1", "namespace": "shop"}, "type": "Warning",
            "reason": "Unhealthy", "count": count, "firstTimestamp": first, "lastTimestamp": second(&shop), "message": "Liveness probe failed: HTTP probe failed with statuscode: 500",
            "involvedObject": {"kind": "Pod", "name": "web-1-0", "uid": uid, "namespace": "shop", "fieldPath": "spec.containers{web}"},
        });
        shop.0.put(EVENTS, event);
        pass(10).await;
    }
    let status = shop.incidents()[0]["status"].clone();
    assert_eq!(
        (&status["phase"], &status["reason"]),
        (&json!("AwaitingApproval"), &json!("LastReadyReplica"))
    );
    assert_eq!(shop.acts().len(), 0);
    agent.ends_well().await;
}

/// A budget over `web` that allows nothing, with so many of two pods healthy, and this policy on unhealthy pods.
fn budget(shop: &Shop, healthy: u32, unhealthy_pods: Option<&str>) {
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}, "unhealthyPodEvictionPolicy": unhealthy_pods},
        "status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": healthy, "desiredHealthy": 2, "expectedPods": 2},
    });
    shop.0.put(BUDGETS, budget);
}

#[tokio::test(start_paused = true)]
async fn fault_105_a_budget_that_lets_unhealthy_pods_go_is_no_obstacle() {
    // AlwaysAllow, whatever is healthy; and by default, if those that are healthy are enough.
    for (healthy, policy) in [
        (1, Some("AlwaysAllow")),
        (2, Some("IfHealthyBudget")),
        (2, None),
    ] {
        let (shop, agent) = settled().await;
        budget(&shop, healthy, policy);
        pass(5).await;
        shop.crash("web");
        mended_by_one_act(&shop).await;
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_105_what_a_budget_would_refuse_is_not_even_asked_for() {
    for policy in [Some("IfHealthyBudget"), None] {
        let (shop, agent) = settled().await;
        budget(&shop, 1, policy);
        pass(5).await;
        shop.crash("web");
        until("a person is told", || shop.phase() == "Escalated").await;
        assert_eq!(shop.incidents()[0]["status"]["reason"], "DisruptionBudget");
        pass(300).await;
        assert_eq!(asked(&shop, is_eviction).len(), 0);
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_91_a_volume_that_hangs_on_the_old_node_is_named_and_no_second_pod_is_evicted() {
    let (shop, agent) = settled().await;
    shop.0.after_eviction(After::Unmounted);
    shop.crash("web");
    until("evicted", || shop.acts().len() == 1).await;
    let mut pods = shop.0.all("pods").into_iter();
    let next = pods.rfind(|pod| pod["status"]["phase"] == "Pending");
    let next = next.expect("what came after it");
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1", "namespace": "shop"}, "type": "Warning",
        "reason": "FailedAttachVolume", "count": 1, "lastTimestamp": second(&shop),
        "message": "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another",
        "involvedObject": {"kind": "Pod", "name": next["metadata"]["name"], "uid": next["metadata"]["uid"], "namespace": "shop"},
    });
    shop.0.put(EVENTS, event);
    until("a person is told", || shop.phase() == "Escalated").await;
    let status = shop.incidents()[0]["status"].clone();
    assert_eq!(status["diagnosis"]["failure"], "FailedMount", "{status}");
    let sentence = status["evidence"]["sentence"].as_str().unwrap_or_default();
    assert!(
        sentence.contains("pvc-1") && sentence.contains("already exclusively attached"),
        "{sentence}"
    );
    pass(1800).await;
    assert_eq!(shop.acts().len(), 1);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_104_scaling_up_down_and_to_zero_is_nobodys_failure() {
    let (shop, agent) = settled().await;
    // An autoscaler wants four more, and they take their time.
    edit(
        &shop,
        &json!({"spec": {"replicas": 6}, "metadata": {"generation": 2}}),
    );
    for nth in 2..6 {
        let name = format!("web-1-{nth}");
        let starting = pods::starting(pods::fresh("web", nth, shop.0.now()));
        shop.0.put(PODS, starting);
        pass(20).await;
        shop.change(&name, |pod, now| {
            let mut up = pods::fresh("web", nth, now);
            up["metadata"]["uid"] = pod["metadata"]["uid"].clone();
            up
        });
    }
    pass(60).await;
    // Then nobody asks any more: scaled to nothing, pod by pod.
    edit(
        &shop,
        &json!({"spec": {"replicas": 0}, "metadata": {"generation": 3}}),
    );
    for nth in 0..6 {
        let name = format!("web-1-{nth}");
        shop.change(&name, pods::leaving);
        pass(10).await;
        shop.0.remove(PODS, &name);
    }
    pass(600).await;
    assert_eq!((shop.acts().len(), shop.incidents().len()), (0, 0));
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_104_what_fails_is_over_when_it_is_scaled_to_zero() {
    let shop = Shop::new();
    shop.policy(json!({"autonomy": {"level": "observe"}}));
    shop.deploy("web", 1);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    shop.crash("web");
    until("found", || shop.phase() == "Detected").await;
    edit(
        &shop,
        &json!({"spec": {"replicas": 0}, "metadata": {"generation": 2}}),
    );
    shop.change("web-1-0", pods::leaving);
    pass(5).await;
    shop.0.remove(PODS, "web-1-0");
    until("over", || shop.phase() == "Resolved").await;
    assert_eq!(shop.incidents()[0]["status"]["reason"], "WorkloadGone");
    assert_eq!(shop.acts().len(), 0);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_104_a_vertical_autoscaler_that_evicts_pod_by_pod_is_no_failure() {
    let (shop, agent) = settled().await;
    for nth in 0..2 {
        let name = format!("web-1-{nth}");
        // The updater goes through the eviction API, which leaves a mark before the pod goes.
        shop.change(&name, |pod, now| {
            pods::leaving(pods::disrupted(pod, now), now)
        });
        pass(2).await;
        shop.change(&name, |pod, now| pods::ends(pod, 143, now));
        pass(2).await;
        shop.0.remove(PODS, &name);
        let next = pods::starting(pods::fresh("web", 100 + nth, shop.0.now()));
        shop.0.put(PODS, next);
        pass(30).await;
        let up = pods::fresh("web", 100 + nth, shop.0.now());
        shop.0.put(PODS, up);
        pass(60).await;
    }
    pass(600).await;
    assert_eq!((shop.acts().len(), shop.incidents().len()), (0, 0));
    agent.ends_well().await;
}

/// What a GitOps tool does with a template that is not as it has it: `restartedAt` goes, and the pods are replaced again.
fn sync(shop: &Shop) {
    let without = json!({"spec": {"template": {"metadata": {"annotations": null}}}});
    let mut web = shop.0.all("deployments").remove(0);
    let generation = web["metadata"]["generation"].as_i64().unwrap_or(1);
    json_patch::merge(&mut web, &without);
    web["metadata"]["generation"] = json!(generation + 1);
    shop.0.put(DEPLOYMENTS, web);
    shop.roll_out("web");
}

#[tokio::test(start_paused = true)]
async fn fault_107_a_rollout_restart_that_somebody_undoes_is_not_done_there_again() {
    let (shop, agent) = settled().await;
    restarts_rollouts(&shop);
    pass(10).await;
    shop.crash("web");
    until("restarted", || shop.acts().len() == 1).await;
    shop.roll_out("web");
    pass(100).await;
    // It is well, and not yet believed to be: who compares the template with their own does so every minute or two.
    assert_eq!(shop.phase(), "Verifying");
    sync(&shop);
    until("over", || shop.phase() == "Resolved").await;
    let attempt = shop.incidents()[0]["status"]["attempts"][0].clone();
    assert_eq!(attempt["verdict"], "Reverted", "{attempt}");
    until("written down", || {
        !shop.0.all("ledgers").remove(0)["spec"]["reverted"].is_null()
    })
    .await;
    agent.ends_well().await;

    // A day later, after a restart of the agent: another pod fails.
    pass(86_400).await;
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    let of_web = |pod: &Value| pod["metadata"]["labels"]["app"] == "web";
    let pod = shop.0.all("pods").into_iter().find(of_web).expect("a pod");
    let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
    shop.change(&name, |pod, now| {
        let mut pod = pods::crashing(pod, now);
        let long_ago = now - jiff::SignedDuration::from_hours(1);
        pod["metadata"]["creationTimestamp"] =
            json!(long_ago.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        pod
    });
    until("acted", || shop.acts().len() == 2).await;
    assert!(is_eviction(&shop.acts()[1]), "{:?}", shop.acts());
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_107_a_rollout_restart_that_stands_after_two_minutes_has_helped() {
    let (shop, agent) = settled().await;
    restarts_rollouts(&shop);
    pass(10).await;
    shop.crash("web");
    until("restarted", || shop.acts().len() == 1).await;
    let since = shop.0.now();
    shop.roll_out("web");
    mended_by_one_act(&shop).await;
    let took = shop.0.now().duration_since(since).as_secs();
    assert!((120..=200).contains(&took), "{took} s");
    let attempt = shop.incidents()[0]["status"]["attempts"][0].clone();
    assert_eq!(attempt["verdict"], "Recovered", "{attempt}");
    agent.ends_well().await;
}
