//! Row 89: a Job that gives up, and whose pods are gone by then.

use super::*;

const JOBS: &str = "apis/batch/v1/namespaces/shop/jobs";
const CRON_JOBS: &str = "apis/batch/v1/namespaces/shop/cronjobs";

/// A Job, of this CronJob if there is one.
fn job(shop: &Shop, name: &str, cron: Option<&str>) -> Value {
    let now = shop.0.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let owners = cron.map(|cron| json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": cron, "uid": format!("uid-of-{cron}"), "controller": true}]));
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "creationTimestamp": now, "ownerReferences": owners},
        "spec": {"parallelism": 1, "backoffLimit": 2}, "status": {"active": 1},
    })
}

/// The same Job after it gave up, as the Job controller writes it.
fn given_up(shop: &Shop, mut job: Value) -> Value {
    let now = shop.0.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind| json!({"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit", "lastTransitionTime": now});
    job["status"] =
        json!({"failed": 3, "conditions": [condition("FailureTarget"), condition("Failed")]});
    job
}

async fn watched() -> (Shop, Agent) {
    let shop = Shop::new();
    let old = job(&shop, "long-ago", None);
    shop.0.put(JOBS, given_up(&shop, old));
    pass(600).await;
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    (shop, agent)
}

#[tokio::test(start_paused = true)]
async fn fault_89_a_job_that_gives_up_without_a_pod_left_is_told_once() {
    let (shop, agent) = watched().await;
    let import = job(&shop, "import", None);
    shop.0.put(JOBS, import.clone());
    pass(60).await;
    shop.0.put(JOBS, given_up(&shop, import));
    until("a person is told", || shop.phase() == "Escalated").await;
    // Lists are read anew now and then, and the agent is restarted.
    shop.0.cut();
    pass(600).await;
    agent.ends_well().await;
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    pass(600).await;
    let incidents = shop.incidents();
    assert_eq!(incidents.len(), 1, "not of the one that gave up long ago");
    let (spec, status) = (&incidents[0]["spec"], &incidents[0]["status"]);
    assert_eq!(spec["workload"]["name"], "import");
    assert_eq!(
        (&spec["failure"], &status["reason"], &status["phase"]),
        (
            &json!("JobFailed"),
            &json!("OwnedByJob"),
            &json!("Escalated")
        )
    );
    let sentence = status["evidence"]["sentence"].as_str().unwrap_or_default();
    assert!(
        sentence.contains("BackoffLimitExceeded") && sentence.contains("specified backoff limit"),
        "{sentence}"
    );
    shop.0.remove(JOBS, "import");
    until("over", || shop.phase() == "Resolved").await;
    assert_eq!(shop.acts().len(), 0);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_89_a_cron_job_is_well_again_with_its_next_job() {
    let (shop, agent) = watched().await;
    let now = shop.0.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "shop", "uid": "uid-of-nightly", "creationTimestamp": now},
        "spec": {"schedule": "0 3 * * *"}, "status": {},
    });
    shop.0.put(CRON_JOBS, cron);
    let first = job(&shop, "nightly-1", Some("nightly"));
    shop.0.put(JOBS, first.clone());
    pass(60).await;
    shop.0.put(JOBS, given_up(&shop, first));
    until("a person is told", || shop.phase() == "Escalated").await;
    assert_eq!(shop.incidents()[0]["spec"]["workload"]["name"], "nightly");
    pass(600).await;
    shop.0.put(JOBS, job(&shop, "nightly-2", Some("nightly")));
    until("over", || shop.phase() == "Resolved").await;
    assert_eq!((shop.incidents().len(), shop.acts().len()), (1, 0));
    agent.ends_well().await;
}
