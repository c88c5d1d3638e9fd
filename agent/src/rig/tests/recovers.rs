//! Row 109: the workload recovers between a decision and its act, or before a person has answered.

use super::*;
use jiff::SignedDuration;

const APPROVALS: &str = "apis/podmender.io/v1alpha1/namespaces/shop/approvals";

fn is_payment(ask: &Ask) -> bool {
    ask.is("PUT", "/ledgers/")
}

/// The pod is as well as one that never failed.
fn like_new(shop: &Shop) {
    shop.change("web-1-0", |pod, now| {
        let mut well = pods::healthy("web", 0, now);
        well["metadata"]["uid"] = pod["metadata"]["uid"].clone();
        well
    });
}

/// The kubelet's next start of it has held for twenty seconds.
fn up_again(shop: &Shop) {
    let since = SignedDuration::from_secs(20);
    shop.change("web-1-0", |pod, now| pods::starts_again(pod, now - since));
}

/// It is up, for a second: so it was before, each time.
fn up_for_a_moment(shop: &Shop) {
    shop.change("web-1-0", pods::starts_again);
}

/// `heals` happens as the act is paid for.
fn as_it_is_paid_for(shop: &Shop, heals: fn(&Shop)) {
    let (inside, mut done) = (shop.clone(), false);
    shop.0.fault(move |ask| {
        if is_payment(ask) && !done && !inside.incidents().is_empty() {
            done = true;
            heals(&inside);
        }
        None
    });
}

/// Nothing was done, and it is said that it was well.
async fn left_alone(shop: &Shop) {
    until("over", || shop.phase() == "Resolved").await;
    assert_eq!(shop.acts().len(), 0);
    assert_eq!(shop.outcomes(), [refused("Healthy")]);
    assert_eq!(shop.spent(), 1, "what was paid for stays paid for");
    let status = shop.incidents()[0]["status"].clone();
    assert_eq!(status["reason"], "RecoveredByItself", "{status}");
}

#[tokio::test(start_paused = true)]
async fn fault_109_what_is_well_when_the_eviction_is_due_is_left_alone() {
    for heals in [like_new as fn(&Shop), up_again] {
        let (shop, agent) = settled().await;
        as_it_is_paid_for(&shop, heals);
        shop.crash("web");
        left_alone(&shop).await;
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_109_what_is_well_when_the_rollout_is_due_is_left_alone() {
    for heals in [like_new as fn(&Shop), up_again] {
        let (shop, agent) = settled().await;
        let config = json!({"maxRestarts": 3, "window": "1h", "cooldownPeriod": "60s", "minOccurrences": 2, "method": "Rollout"});
        shop.policy(
            json!({"capabilities": [{"name": "autoRestart", "enabled": true, "config": config}]}),
        );
        pass(10).await;
        as_it_is_paid_for(&shop, heals);
        shop.crash("web");
        left_alone(&shop).await;
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_109_a_moment_between_two_crashes_is_no_recovery() {
    let (shop, agent) = settled().await;
    as_it_is_paid_for(&shop, up_for_a_moment);
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

/// A shop whose agent waits for an answer about the first pod of `web`.
async fn asked_about() -> (Shop, Agent) {
    let (shop, agent) = settled().await;
    shop.policy(json!({"autonomy": {"requireApproval": ["restart"]}}));
    pass(10).await;
    shop.crash("web");
    until("asked", || shop.phase() == "AwaitingApproval").await;
    (shop, agent)
}

/// Somebody says yes.
fn approve(shop: &Shop) {
    let incident = shop.incidents().remove(0);
    let asked = &incident["status"]["approval"];
    let approval = json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "Approval",
        "metadata": {"name": "yes", "namespace": "shop", "creationTimestamp": shop.0.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()},
        "spec": {"incident": incident["metadata"]["name"], "answer": "Approve", "by": "ann", "remedy": asked["remedy"], "uid": asked["uid"], "generation": asked["generation"]},
    });
    shop.0.put(APPROVALS, approval);
}

fn answer(shop: &Shop) -> Value {
    shop.0.all("approvals").remove(0)["status"].clone()
}

#[tokio::test(start_paused = true)]
async fn fault_109_a_yes_that_comes_after_it_healed_does_nothing_and_says_why() {
    let (shop, agent) = asked_about().await;
    up_again(&shop);
    pass(5).await;
    approve(&shop);
    until("over", || shop.phase() == "Resolved").await;
    until("said", || !answer(&shop)["result"].is_null()).await;
    let said = answer(&shop);
    assert_eq!(
        (&said["result"], &said["reason"]),
        (&json!("Refused"), &json!("Healthy"))
    );
    pass(300).await;
    assert_eq!((shop.acts().len(), shop.spent()), (0, 0));
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_109_what_heals_as_somebody_says_yes_is_left_alone() {
    let (shop, agent) = asked_about().await;
    as_it_is_paid_for(&shop, up_again);
    approve(&shop);
    left_alone(&shop).await;
    assert_eq!(answer(&shop)["result"], "Accepted", "it was a valid yes");
    agent.ends_well().await;
}
