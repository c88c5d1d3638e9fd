//! Rows 27, 36 and 37: the agent ends in the middle of something, again and again, or is replaced.

use super::*;
use crate::args::command;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn one_crash_is_one_act_and_it_is_verified() {
    let (shop, agent) = settled().await;
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_37_an_act_under_way_at_sigterm_is_finished_and_recorded() {
    let (shop, agent) = settled().await;
    let slow = Fault::Slow(Duration::from_secs(3));
    shop.0.fault(move |ask| is_eviction(ask).then_some(slow));
    shop.crash("web");
    until("under way", || !asked(&shop, is_eviction).is_empty()).await;
    let since = Instant::now();
    agent.ends_well().await;
    assert!(
        since.elapsed() <= Duration::from_secs(4),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(shop.acts().len(), 1);
    assert_eq!(
        shop.outcomes(),
        [executed()],
        "before the end of the process"
    );
    let ledger = shop.0.all("ledgers").remove(0);
    assert_eq!(ledger["spec"]["spent"][0]["outcome"], executed());

    let next = Agent::start(&shop);
    mended_by_one_act(&shop).await;
    assert_eq!(next.stop().await.expect("ends well"), 0);
}

#[tokio::test(start_paused = true)]
async fn fault_37_an_act_that_outlasts_the_drain_is_recognised_after_the_restart() {
    let (shop, agent) = settled().await;
    // The eviction is done and its answer is lost; from then on nobody answers.
    let mut lost = false;
    shop.0.fault(move |ask| {
        if lost {
            return Some(Fault::Silence);
        }
        lost = is_eviction(ask);
        lost.then_some(Fault::LostInSilence)
    });
    shop.crash("web");
    until("done", || shop.acts().len() == 1).await;
    let since = Instant::now();
    agent.ends_well().await;
    assert!(
        since.elapsed() <= Duration::from_secs(12),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(shop.outcomes(), [Value::Null], "nobody knows yet");

    shop.0.heal();
    let next = Agent::start(&shop);
    mended_by_one_act(&shop).await;
    assert_eq!(next.stop().await.expect("ends well"), 0);
}

#[tokio::test(start_paused = true)]
async fn fault_37_a_rolling_upgrade_in_the_middle_of_an_act_acts_once() {
    let shop = Shop::new();
    shop.deploy("web", 2);
    let replica = |name: &str| {
        let line = format!("podmender run --namespaces shop --lease podmender --pod-name {name}");
        Agent::with(&shop, &line)
    };
    let old = replica("old");
    until("ready", || old.is_ready()).await;
    let new = replica("new");
    let slow = Fault::Slow(Duration::from_secs(3));
    shop.0.fault(move |ask| is_eviction(ask).then_some(slow));
    shop.crash("web");
    until("under way", || !asked(&shop, is_eviction).is_empty()).await;
    assert_eq!(old.stop().await.expect("ends well"), 0);
    mended_by_one_act(&shop).await;
    assert!(!new.has_ended());
    until("ready", || new.is_ready()).await;
    assert_eq!(new.stop().await.expect("ends well"), 0);
}

#[tokio::test(start_paused = true)]
async fn fault_27_killed_after_detection_the_incident_is_found_again_once() {
    // Killed before the incident's object is made, and between making it and writing what it says.
    for step in ["POST", "PATCH"] {
        let (shop, agent) = settled().await;
        let is_step = move |ask: &Ask| ask.is(step, "/incidents");
        shop.0
            .fault(move |ask| is_step(ask).then_some(Fault::Silence));
        shop.crash("web");
        until("detected", || !asked(&shop, is_step).is_empty()).await;
        agent.kill().await;
        assert_eq!(shop.acts().len(), 0);

        shop.0.heal();
        let next = Agent::start(&shop);
        mended_by_one_act(&shop).await;
        assert_eq!(next.stop().await.expect("ends well"), 0);
    }
}

#[test]
fn fault_36_a_command_line_that_makes_no_sense_ends_before_anything_is_done() {
    for wrong in [
        "--bind nowhere",
        "--lease Not_A_Name",
        "--slack-interactions telepathy",
        "--slack-api-url ftp://slack",
        "--no-such-option",
    ] {
        let line = format!("podmender run --namespaces shop {wrong}");
        let parsed = command(None).try_get_matches_from(line.split_whitespace());
        let error = parsed.expect_err(wrong);
        assert_eq!(error.exit_code(), 2, "{wrong}");
        let word = wrong.split_whitespace().next().unwrap_or_default();
        assert!(error.to_string().contains(word), "{wrong}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn fault_36_an_address_that_is_taken_ends_the_agent_before_it_asks_anything() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let shop = Shop::new();
    let agent = Agent::with(
        &shop,
        &format!("podmender run --namespaces shop --bind {address}"),
    );
    let error = agent.ended().await.expect_err("it cannot listen");
    let said = format!("{error:#}");
    assert!(said.contains(&address) && said.contains("--bind"), "{said}");
    assert_eq!(shop.0.asked().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn fault_36_under_a_policy_that_makes_no_sense_nothing_is_done_and_it_says_so() {
    let shop = Shop::new();
    shop.deploy("web", 2);
    shop.policy(json!({"autonomy": {"level": "reckless"}}));
    shop.crash("web");
    let agent = Agent::start(&shop);
    let ready = || {
        let policy = shop.0.all("agentpolicies").remove(0);
        policy["status"]["conditions"][0].clone()
    };
    until("it says so", || ready()["reason"] == "Invalid").await;
    assert_eq!(ready()["status"], "False");
    let said = ready()["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("reckless"), "{said}");
    let before = shop.0.asked().len();
    pass(600).await;
    let asked = shop.0.asked().len() - before;
    assert!(asked < 300, "{asked} requests in ten minutes");
    assert_eq!((shop.acts().len(), shop.incidents().len()), (0, 0));
    // Mended, it is followed at once.
    shop.policy(json!({}));
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_36_an_agent_that_is_killed_over_and_over_stays_in_budget_and_hammers_nobody() {
    let shop = Shop::new();
    shop.0.after_eviction(After::Crashing);
    shop.deploy("web", 2);
    shop.crash("web");
    let mut most = 0;
    for life in 0..40_u64 {
        let before = shop.0.asked().len();
        let agent = Agent::start(&shop);
        // Each life ends at another moment.
        tokio::time::sleep(Duration::from_millis(20 + life * 97)).await;
        agent.kill().await;
        most = most.max(shop.0.asked().len() - before);
    }
    // 11 watches, 5 reads of its own, and what it does about one workload.
    assert!(most <= 60, "{most} requests in one short life");
    let acts = shop.acts();
    assert!((1..=3).contains(&acts.len()), "{}", acts.len());
    let mut targets: Vec<&str> = acts.iter().map(|a| a.path.as_str()).collect();
    targets.dedup();
    assert_eq!(targets.len(), acts.len(), "no pod twice");
    assert!(shop.spent() >= acts.len(), "paid before it was done");
    assert_eq!(shop.incidents().len(), 1);
}
