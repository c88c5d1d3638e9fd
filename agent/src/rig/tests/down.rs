//! Rows 1, 2, 8 and 24: nobody answers, nobody is let in, or the clocks differ.

use super::*;
use crate::context::Clock;

#[tokio::test(start_paused = true)]
async fn fault_01_down_for_five_minutes_at_start_it_waits_politely_and_does_nothing_old() {
    // Before the outage an agent was killed between intending an act and doing it.
    let (shop, before) = settled().await;
    shop.0
        .fault(|ask| is_eviction(ask).then_some(Fault::Silence));
    shop.crash("web");
    until("intended", || !asked(&shop, is_eviction).is_empty()).await;
    before.kill().await;
    let intended = shop.incidents()[0]["status"]["attempts"][0]["action"].clone();

    shop.0.go_down();
    let calm = shop.0.asked().len();
    let agent = Agent::start(&shop);
    pass(300).await;
    assert!(!agent.has_ended(), "no crash loop");
    let missing = agent.missing().join("; ");
    assert!(
        missing.contains("the API server does not answer"),
        "{missing}"
    );
    let tries = shop.0.asked()[calm..].to_vec();
    assert!((8..=20).contains(&tries.len()), "{} tries", tries.len());
    let pauses: Vec<_> = tries.windows(2).map(|t| t[1].at - t[0].at).collect();
    assert!(
        pauses.iter().all(|p| *p >= Duration::from_millis(800)),
        "{pauses:?}"
    );
    assert!(
        pauses.iter().all(|p| *p <= Duration::from_secs(31)),
        "{pauses:?}"
    );

    shop.0.heal();
    until("ready", || agent.is_ready()).await;
    let back = shop.0.asked()[calm + tries.len()..].to_vec();
    assert!(busiest_second(&back) <= 60, "{}", busiest_second(&back));
    until("mended", || shop.phase() == "Resolved").await;
    let attempts = shop.incidents()[0]["status"]["attempts"].clone();
    assert_eq!(attempts[0]["action"], intended);
    assert_eq!(attempts[0]["outcome"]["type"], "Abandoned", "{attempts}");
    assert_eq!(attempts[1]["outcome"], executed(), "{attempts}");
    assert_eq!(shop.acts().len(), 1);
    agent.ends_well().await;
}

/// It fails a moment before nobody answers any more: the agent has seen it and could act.
async fn fails_as_the_server_goes(shop: &Shop) {
    shop.0
        .fault(|ask| ask.path.contains("podmender.io").then_some(Fault::Refused));
    shop.crash("web");
    pass(1).await;
    shop.0.go_down();
}

#[tokio::test(start_paused = true)]
async fn fault_02_down_for_ten_minutes_nothing_is_done_on_what_may_be_old() {
    let (shop, agent) = settled().await;
    fails_as_the_server_goes(&shop).await;
    let down = shop.0.asked().len();
    pass(70).await;
    assert!(!agent.is_ready(), "stale within a minute");
    assert!(
        agent.missing().iter().any(|m| m.contains("silent for")),
        "{:?}",
        agent.missing()
    );
    pass(530).await;
    assert!(!agent.has_ended());
    let tries = shop.0.asked().len() - down;
    // 12 watches, the namespace, the ledger and one workload, each every half minute.
    assert!(tries <= 600, "{tries} tries in ten minutes");
    assert_eq!(shop.acts().len(), 0);

    shop.0.heal();
    let back = shop.0.asked().len();
    until("ready", || agent.is_ready()).await;
    mended_by_one_act(&shop).await;
    let since = shop.0.asked()[back..].to_vec();
    assert!(busiest_second(&since) <= 60, "{}", busiest_second(&since));
    let act = since.iter().position(is_eviction).expect("an act");
    let look = since[..act]
        .iter()
        .rposition(|a| a.is("GET", "/pods/web-1-0"));
    let looked = look.expect("a live look at the pod before the act");
    assert!(since[act].at - since[looked].at < Duration::from_secs(1));
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_02_what_healed_during_the_outage_is_left_alone() {
    let (shop, agent) = settled().await;
    fails_as_the_server_goes(&shop).await;
    pass(300).await;
    // Nobody saw it.
    shop.change("web-1-0", |_, now| pods::healthy("web", 0, now));
    pass(300).await;
    shop.0.heal();
    until("ready", || agent.is_ready()).await;
    pass(600).await;
    assert_eq!(shop.acts().len(), 0);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_08_a_token_that_is_not_accepted_stops_everything_until_it_is() {
    let (shop, agent) = settled().await;
    shop.0.fault(|_| Some(Fault::Status(401, "Unauthorized")));
    shop.0.cut();
    shop.crash("web");
    pass(180).await;
    assert!(!agent.is_ready(), "it says so");
    assert!(!agent.has_ended(), "no crash loop");
    assert_eq!(shop.acts().len(), 0);
    // The kubelet has brought a new one.
    shop.0.heal();
    mended_by_one_act(&shop).await;
    assert!(agent.is_ready(), "{:?}", agent.missing());
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_08_without_an_accepted_token_at_the_start_it_stays_up_and_asks_seldom() {
    let shop = Shop::new();
    shop.deploy("web", 2);
    shop.crash("web");
    shop.0.fault(|_| Some(Fault::Status(401, "Unauthorized")));
    let agent = Agent::start(&shop);
    pass(180).await;
    assert!(!agent.has_ended() && !agent.is_ready());
    let missing = agent.missing().join("; ");
    assert!(missing.contains("Unauthorized"), "{missing}");
    assert!(
        shop.0.asked().len() <= 60,
        "{} requests",
        shop.0.asked().len()
    );
    shop.0.heal();
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_08_a_token_that_lapses_at_the_moment_of_the_act_is_no_verdict_on_the_workload() {
    let (shop, agent) = settled().await;
    let mut lapsed = false;
    shop.0.fault(move |ask| {
        let now = is_eviction(ask) && !std::mem::replace(&mut lapsed, true);
        now.then_some(Fault::Status(401, "Unauthorized"))
    });
    shop.crash("web");
    until("mended", || shop.phase() == "Resolved").await;
    assert_eq!(shop.acts().len(), 1);
    assert!(shop.spent() <= 2);
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_24_a_node_clock_that_is_ten_minutes_off_changes_nothing() {
    for off in [-600, 600] {
        let off = jiff::SignedDuration::from_secs(off);
        let local = Clock::at(None).now();
        let shop = Shop::at(local + off);
        shop.deploy("web", 2);
        shop.0.after_eviction(After::Crashing);
        let line = "podmender run --namespaces shop --lease podmender --pod-name one";
        let agent = Agent::with(&shop, line);
        until("ready", || agent.is_ready()).await;
        let began = shop.0.now();
        shop.crash("web");
        until("acted", || shop.acts().len() == 1).await;
        let first: jiff::Timestamp =
            serde_json::from_value(shop.incidents()[0]["spec"]["firstSeen"].clone())
                .expect("a time");
        let apart = first.duration_since(began).abs();
        assert!(apart <= jiff::SignedDuration::from_secs(3), "{apart:?}");
        // The cooldown of a minute is one by anybody's clock.
        until("acted again", || shop.acts().len() == 2).await;
        let acts = shop.acts();
        assert!(acts[1].at - acts[0].at >= Duration::from_secs(59));
        assert!(!agent.has_ended(), "the lease is held");
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_14_our_own_objects_are_listed_anew_after_an_http_410() {
    let (shop, agent) = settled().await;
    shop.0.compact("agentpolicies");
    shop.0.cut();
    pass(60).await;
    shop.policy(json!({"autonomy": {"paused": true}}));
    pass(60).await;
    shop.crash("web");
    pass(300).await;
    assert_eq!(shop.acts().len(), 0, "the pause was seen");
    let is_list = |ask: &Ask| ask.is("GET", "podmender/agentpolicies");
    assert!(
        asked(&shop, is_list).len() <= 40,
        "and not asked for in a loop"
    );
    shop.policy(json!({}));
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}
