//! Rows 3 to 6 and 11: an API server that answers badly, late, or not at all, to one kind of request.

use super::*;

/// The first `times` requests of a kind end in `fault`.
fn first(
    times: usize,
    is: fn(&Ask) -> bool,
    fault: Fault,
) -> impl FnMut(&Ask) -> Option<Fault> + Send {
    let mut left = times;
    move |ask| {
        let hit = is(ask) && left > 0;
        left -= usize::from(hit);
        hit.then_some(fault)
    }
}

fn is_ledger(ask: &Ask) -> bool {
    ask.is("PUT", "/ledgers/")
}

fn is_status(ask: &Ask) -> bool {
    ask.is("PATCH", "/incidents/")
}

#[tokio::test(start_paused = true)]
async fn fault_03_a_write_without_an_answer_costs_ten_seconds_and_no_second_act() {
    for is in [is_ledger as fn(&Ask) -> bool, is_status, is_eviction] {
        for fault in [Fault::Silence, Fault::LostInSilence] {
            let (shop, agent) = settled().await;
            shop.0.fault(first(1, is, fault));
            shop.crash("web");
            until("mended", || shop.phase() == "Resolved").await;
            // What was not carried out may be done later, and is paid for again; what was, is not.
            assert_eq!(shop.acts().len(), 1, "{fault:?}");
            let mut outcomes = shop.outcomes();
            outcomes.retain(|outcome| *outcome == executed());
            assert_eq!(outcomes.len(), 1, "{fault:?}");
            agent.ends_well().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_03_a_namespace_without_answers_holds_up_no_other() {
    let shop = Shop::new();
    shop.policy(json!({"scope": {"namespaces": ["bank", "shop"]}}));
    shop.deploy("web", 2);
    let agent = Agent::with(&shop, "podmender run --namespaces shop,bank");
    until("ready", || agent.is_ready()).await;
    // Nothing in the bank is answered any more, neither watches nor reads.
    shop.0.fault(|ask| {
        ask.path
            .contains("/namespaces/bank")
            .then_some(Fault::Silence)
    });
    shop.0.cut();
    pass(120).await;
    assert!(
        agent.missing().iter().any(|m| m.contains("in bank")),
        "{:?}",
        agent.missing()
    );
    assert!(
        agent.missing().iter().all(|m| !m.contains("in shop")),
        "{:?}",
        agent.missing()
    );
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_04_a_server_that_asks_for_patience_is_given_it_and_paid_once() {
    let (shop, agent) = settled().await;
    shop.0.fault(first(1, is_status, Fault::Later(20)));
    shop.crash("web");
    mended_by_one_act(&shop).await;
    let written = asked(&shop, is_status);
    let waited = written[1].at - written[0].at;
    assert!(waited >= Duration::from_secs(20), "{waited:?}");
    assert!(waited <= Duration::from_secs(30), "{waited:?}");
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_04_an_eviction_that_comes_too_soon_is_refused_and_not_pressed() {
    let (shop, agent) = settled().await;
    shop.0
        .fault(|ask| is_eviction(ask).then_some(Fault::Later(5)));
    shop.crash("web");
    pass(600).await;
    assert_eq!(shop.acts().len(), 0);
    let tried = asked(&shop, is_eviction);
    assert!((1..=3).contains(&tried.len()), "{tried:?}");
    assert!(shop.spent() == tried.len(), "each try is paid for");
    assert!(
        shop.outcomes().iter().all(|o| *o == refused("Overloaded")),
        "{:?}",
        shop.outcomes()
    );
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_04_lists_wait_as_long_as_the_server_says() {
    let shop = Shop::new();
    shop.deploy("web", 2);
    shop.crash("web");
    let is_list = |ask: &Ask| ask.is("GET", "/pods") && ask.query.contains("watch=true");
    shop.0.fault(first(2, is_list, Fault::Later(15)));
    let agent = Agent::start(&shop);
    mended_by_one_act(&shop).await;
    let lists = asked(&shop, is_list);
    for pair in lists[..3].windows(2) {
        let waited = pair[1].at - pair[0].at;
        assert!(
            waited >= Duration::from_secs(15) && waited <= Duration::from_secs(45),
            "{waited:?}"
        );
    }
    agent.ends_well().await;
}

/// A server that counts requests and answers 503 to each.
#[tokio::test]
async fn fault_04_no_client_of_ours_retries_by_itself() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let busy = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(http::StatusCode::SERVICE_UNAVAILABLE)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, axum::Router::new().fallback(busy)).await });
    let config = kube::Config::new(format!("http://{address}").parse().expect("an address"));
    let clients = [
        crate::context::patient(&config),
        crate::context::careful(&config),
    ];
    for (nth, client) in clients.into_iter().enumerate() {
        let error = client.expect("a client").apiserver_version().await;
        assert!(error.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), nth + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_05_an_eviction_whose_answer_is_lost_is_read_back() {
    for fault in [Fault::Lost(504), Fault::Lost(500), Fault::LostInSilence] {
        let (shop, agent) = settled().await;
        shop.0.fault(first(1, is_eviction, fault));
        shop.crash("web");
        mended_by_one_act(&shop).await;
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_05_a_rollout_restart_whose_answer_is_lost_is_recognised_by_its_stamp() {
    let (shop, agent) = settled().await;
    let config = json!({"maxRestarts": 3, "window": "1h", "cooldownPeriod": "60s", "minOccurrences": 2, "method": "Rollout"});
    shop.policy(
        json!({"capabilities": [{"name": "autoRestart", "enabled": true, "config": config}]}),
    );
    pass(10).await;
    let is_restart = |ask: &Ask| ask.is("PATCH", "/deployments/");
    shop.0.fault(first(1, is_restart, Fault::Lost(504)));
    shop.crash("web");
    until("restarted", || shop.acts().len() == 1).await;
    shop.roll_out("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_06_a_ledger_that_somebody_else_wrote_is_read_again_and_decided_anew() {
    let (shop, agent) = settled().await;
    let mut theirs = shop.0.all("ledgers").remove(0);
    theirs["metadata"]["labels"] = json!({"somebody": "else"});
    shop.0.put(
        "apis/podmender.io/v1alpha1/namespaces/podmender/ledgers",
        theirs,
    );
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;

    let (shop, agent) = settled().await;
    shop.0.fault(first(
        2,
        is_ledger,
        Fault::Status(409, "the object has been modified"),
    ));
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_06_conflicts_without_end_act_never_and_ask_ever_more_rarely() {
    for is in [is_ledger as fn(&Ask) -> bool, is_status] {
        let (shop, agent) = settled().await;
        shop.0.fault(move |ask| {
            is(ask).then_some(Fault::Status(409, "the object has been modified"))
        });
        let before = shop.0.asked().len();
        shop.crash("web");
        pass(600).await;
        assert_eq!(shop.acts().len(), 0);
        let tried = asked(&shop, is).len();
        assert!(tried <= 60, "{tried} writes in ten minutes");
        let all = shop.0.asked().len() - before;
        assert!(all <= 700, "{all} requests in ten minutes");
        shop.0.heal();
        until("mended", || shop.phase() == "Resolved").await;
        assert_eq!(shop.acts().len(), 1);
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_06_an_incident_that_somebody_edited_is_read_again() {
    let (shop, agent) = settled().await;
    // Whoever writes in between: each first write of the incident after its making meets another version.
    shop.0.fault(first(
        2,
        is_status,
        Fault::Status(
            422,
            "the server rejected our request due to an error in our request",
        ),
    ));
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_06_a_target_that_changed_under_the_act_is_left_alone() {
    let (shop, agent) = settled().await;
    shop.0.fault(|ask| {
        is_eviction(ask).then_some(Fault::Status(
            409,
            "the UID in the precondition does not match",
        ))
    });
    shop.crash("web");
    pass(1200).await;
    assert_eq!(shop.acts().len(), 0);
    let tried = asked(&shop, is_eviction).len();
    assert!((1..=3).contains(&tried), "{tried}");
    assert!(
        shop.outcomes().iter().all(|o| *o == refused("Gone")),
        "{:?}",
        shop.outcomes()
    );
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_11_an_hour_with_a_slow_server_loses_neither_lead_nor_order() {
    let shop = Shop::new();
    for name in ["web", "api", "jobs"] {
        shop.deploy(name, 2);
    }
    let mut nth = 0_u64;
    // One second as a rule, and nearly five for one in twenty: also for the lease.
    shop.0.fault(move |_| {
        nth += 1;
        let millis = if nth.is_multiple_of(20) { 4900 } else { 1000 };
        Some(Fault::Slow(Duration::from_millis(millis)))
    });
    let line = "podmender run --namespaces shop --lease podmender --pod-name one";
    let agent = Agent::with(&shop, line);
    until("ready", || agent.is_ready()).await;
    for name in ["web", "api", "jobs"] {
        shop.crash(name);
    }
    let mut deepest = 0;
    for _ in 0..360 {
        pass(10).await;
        deepest = deepest.max(agent.context().queue.depth());
        assert!(!agent.has_ended(), "the lease was kept");
    }
    assert!(deepest <= 3, "{deepest} workloads waited at once");
    assert_eq!(shop.acts().len(), 3, "one each");
    assert_eq!(shop.outcomes(), [executed(), executed(), executed()]);
    assert!(agent.is_ready(), "{:?}", agent.missing());
    agent.ends_well().await;
}
