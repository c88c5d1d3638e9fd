//! Rows 73 and 79: definitions that are missing or of another version, and rights that are taken away.

use super::*;

const NO_KIND: Fault = Fault::Status(404, "the server could not find the requested resource");
const INCIDENTS: &str = "apis/podmender.io/v1alpha1/namespaces/shop/incidents";
const LEDGERS: &str = "apis/podmender.io/v1alpha1/namespaces/podmender/ledgers";

#[tokio::test(start_paused = true)]
async fn fault_73_a_definition_that_is_missing_is_named_and_waited_for() {
    for kind in ["ledgers", "incidents", "approvals", "agentpolicies"] {
        let shop = Shop::new();
        shop.deploy("web", 2);
        shop.crash("web");
        let part = format!("/{kind}");
        shop.0
            .fault(move |ask| ask.path.contains(&part).then_some(NO_KIND));
        let agent = Agent::start(&shop);
        pass(120).await;
        assert!(!agent.has_ended(), "no crash loop");
        let missing = agent.missing().join("; ").to_lowercase();
        assert!(
            missing.contains(kind) && missing.contains("podmender-crds"),
            "{kind}: {missing}"
        );
        assert_eq!(shop.acts().len(), 0);
        assert!(shop.0.asked().len() <= 200, "{}", shop.0.asked().len());
        shop.0.heal();
        mended_by_one_act(&shop).await;
        assert!(agent.is_ready(), "{:?}", agent.missing());
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_73_an_incident_of_another_version_stops_its_own_workload_only() {
    let (shop, agent) = settled().await;
    shop.deploy("api", 2);
    shop.crash("web");
    until("detected", || !shop.incidents().is_empty()).await;
    agent.kill().await;
    let done = shop.acts().len();
    let mut theirs = shop.incidents().remove(0);
    theirs["status"] = json!({"phase": "Pondering", "of": "a version to come"});
    shop.0.put(INCIDENTS, theirs);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    shop.crash("api");
    until("acted on the other", || {
        shop.acts().iter().any(|a| a.path.contains("/api-1-0/"))
    })
    .await;
    pass(300).await;
    let of_web = shop
        .acts()
        .iter()
        .filter(|a| a.path.contains("/web-"))
        .count();
    assert_eq!(of_web, done, "nothing more is done to it");
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_73_a_ledger_that_cannot_be_read_stops_everything_and_says_what_to_do() {
    let (shop, agent) = settled().await;
    agent.ends_well().await;
    let mut ledger = shop.0.all("ledgers").remove(0);
    ledger["spec"] = json!({"spent": "everything"});
    shop.0.put(LEDGERS, ledger);
    shop.crash("web");
    let agent = Agent::start(&shop);
    pass(120).await;
    let missing = agent.missing().join("; ");
    assert!(
        missing.contains("the ledger cannot be read") && missing.contains("delete it"),
        "{missing}"
    );
    assert_eq!(shop.acts().len(), 0);
    // As it was told.
    shop.0.remove(LEDGERS, "podmender");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_73_a_policy_of_another_version_leaves_the_others_in_force() {
    let shop = Shop::new();
    shop.deploy("web", 2);
    let strange = json!({"apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy", "metadata": {"name": "strange", "namespace": "podmender"}, "spec": ["of", "another", "version"]});
    shop.0.put(POLICIES, strange);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    shop.crash("web");
    mended_by_one_act(&shop).await;
    let policies = shop.0.all("agentpolicies");
    let ready = policies
        .iter()
        .map(|p| p["status"]["conditions"][0]["reason"].clone());
    assert_eq!(ready.collect::<Vec<_>>(), ["InForce", "Invalid"]);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_79_a_binding_that_is_taken_away_is_named_and_nothing_is_done_until_it_is_back() {
    let (shop, agent) = settled().await;
    let forbidden = Fault::Status(
        403,
        "forbidden: User \"x\" cannot list resource in the namespace \"shop\"",
    );
    shop.0
        .fault(move |ask| ask.path.contains("/namespaces/shop").then_some(forbidden));
    shop.0.cut();
    let before = shop.0.asked().len();
    shop.crash("web");
    pass(600).await;
    assert!(!agent.has_ended());
    assert_eq!(shop.acts().len(), 0);
    let policy = shop.0.all("agentpolicies").remove(0);
    let degraded = &policy["status"]["conditions"][1];
    assert_eq!(
        (&degraded["type"], &degraded["status"]),
        (&json!("Degraded"), &json!("True")),
        "{policy}"
    );
    let said = degraded["message"].as_str().unwrap_or_default();
    assert!(
        said.contains("No permission to watch") && said.contains("in shop"),
        "{said}"
    );
    let asked = shop.0.asked().len() - before;
    assert!(asked <= 600, "{asked} requests in ten minutes");
    shop.0.heal();
    mended_by_one_act(&shop).await;
    let is_whole = || {
        let policy = shop.0.all("agentpolicies").remove(0);
        policy["status"]["conditions"][1]["status"] == "False"
    };
    until("no longer degraded", is_whole).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_79_without_the_right_to_evict_people_are_told_and_it_is_not_tried_again_and_again() {
    let (shop, agent) = settled().await;
    let forbidden = Fault::Status(
        403,
        "pods \"web\" is forbidden: User \"x\" cannot create resource \"pods/eviction\" in API group \"\" in the namespace \"shop\"",
    );
    shop.0
        .fault(move |ask| is_eviction(ask).then_some(forbidden));
    shop.crash("web");
    until("a person is told", || shop.phase() == "Escalated").await;
    pass(1200).await;
    assert_eq!(asked(&shop, is_eviction).len(), 1);
    assert_eq!(shop.outcomes(), [refused("Forbidden")]);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_79_without_the_right_to_logs_it_is_mended_all_the_same() {
    let (shop, agent) = settled().await;
    let forbidden = Fault::Status(
        403,
        "pods \"web\" is forbidden: User \"x\" cannot get resource \"pods/log\"",
    );
    shop.0
        .fault(move |ask| ask.path.ends_with("/log").then_some(forbidden));
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}
