//! Rows 84 to 86: much happens at once.

use super::*;

#[tokio::test(start_paused = true)]
async fn fault_84_all_pods_not_ready_for_20_s_is_nobodys_act() {
    let shop = Shop::new();
    for nth in 0..10 {
        shop.deploy(&format!("app{nth}"), 10);
    }
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    let names: Vec<String> = (0..100)
        .map(|n| format!("app{}-1-{}", n / 10, n % 10))
        .collect();
    for name in &names {
        shop.change(name, pods::unready);
    }
    pass(20).await;
    for (nth, name) in names.iter().enumerate() {
        let app = format!("app{}", nth / 10);
        shop.change(name, |pod, now| {
            let mut well = pods::healthy(&app, (nth % 10) as u64, now);
            well["metadata"]["uid"] = pod["metadata"]["uid"].clone();
            well
        });
    }
    pass(900).await;
    assert_eq!((shop.acts().len(), shop.spent()), (0, 0));
    let open = shop
        .incidents()
        .iter()
        .filter(|i| i["status"]["phase"] != "Resolved")
        .count();
    assert_eq!(open, 0);
    agent.ends_well().await;
}

/// Fifty Deployments whose one pod crashes, as when what they all need has died.
async fn fifty_down() -> (Shop, Agent) {
    let shop = Shop::new();
    for nth in 0..50 {
        shop.deploy(&format!("app{nth}"), 1);
    }
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    for nth in 0..50 {
        shop.crash(&format!("app{nth}"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (shop, agent)
}

fn recover(shop: &Shop, apps: std::ops::Range<u32>) {
    for nth in apps {
        let app = format!("app{nth}");
        if shop.pod(&format!("{app}-1-0")).is_none() {
            continue; // replaced already
        }
        shop.change(&format!("{app}-1-0"), |pod, now| {
            let mut well = pods::healthy(&app, 0, now);
            well["metadata"]["uid"] = pod["metadata"]["uid"].clone();
            well
        });
    }
}

#[tokio::test(start_paused = true)]
async fn fault_85_fifty_that_fail_together_are_a_storm_and_recover_by_themselves() {
    let (shop, agent) = fifty_down().await;
    pass(900).await;
    let acts = shop.acts().len();
    // What came before the storm was seen as one; more than two at once are never under way in a namespace.
    assert!(acts <= 2, "{acts} acts");
    assert!(agent.is_ready(), "{:?}", agent.missing());
    recover(&shop, 0..50);
    let open = || {
        shop.incidents()
            .iter()
            .filter(|i| i["status"]["phase"] != "Resolved")
            .count()
    };
    until("all over", || open() == 0).await;
    pass(900).await;
    assert_eq!(shop.acts().len(), acts, "what healed itself is left alone");
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_85_who_stays_down_after_a_storm_is_mended_one_by_one() {
    let (shop, agent) = fifty_down().await;
    pass(300).await;
    let before = shop.acts().len();
    recover(&shop, 4..50);
    let calm = shop.0.now();
    until("a first act after the storm", || shop.acts().len() > before).await;
    let waited = shop.0.now().duration_since(calm);
    assert!(waited.as_secs() >= 590, "the calm must last: {waited:?}");
    let open = || {
        shop.incidents()
            .iter()
            .filter(|i| i["status"]["phase"] != "Resolved")
            .count()
    };
    until("all mended", || open() == 0).await;
    let acts = shop.acts();
    assert!(acts.len() <= 6, "{}", acts.len());
    // At most two under way: the third begins when one has been verified, which takes a minute.
    let times: Vec<_> = acts[before..].iter().map(|a| a.at).collect();
    for three in times.windows(3) {
        assert!(three[2] - three[0] >= Duration::from_secs(60), "{times:?}");
    }
    agent.ends_well().await;
}

const JOBS: &str = "apis/batch/v1/namespaces/shop/jobs";

/// A second of churn: fifty pods come, each with a name that was never there, and fifty go; every tenth fails before. One of them is
/// a Job's, whose name is new, too. Pods live for a second or so, Jobs for ten.
async fn second_of_churn(shop: &Shop, second: u64) {
    for nth in second * 50..second * 50 + 50 {
        let mut pod = pods::healthy("web", 100 + nth, shop.0.now());
        if nth.is_multiple_of(10) {
            pod = pods::crashing(pod, shop.0.now());
        }
        if nth.is_multiple_of(50) {
            let job = format!("run-{second}");
            let meta = json!({"name": job, "namespace": "shop", "uid": format!("uid-of-{job}")});
            let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {}, "status": {"active": 1}});
            shop.0.put(JOBS, object);
            pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": format!("uid-of-{job}"), "controller": true}]);
            if let Some(old) = second.checked_sub(10) {
                shop.0.remove(JOBS, &format!("run-{old}"));
            }
        }
        shop.0.put(PODS, pod);
        if let Some(old) = nth.checked_sub(50) {
            shop.0.remove(PODS, &format!("web-1-{}", 100 + old));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_86_a_churn_of_pods_leaves_nothing_behind() {
    let (shop, agent) = settled().await;
    let ctx = agent.context();
    let (mut most, mut early) = (0, ctx.remembered());
    for second in 0..120 {
        second_of_churn(&shop, second).await;
        let now = ctx.remembered();
        most = most.max(now["pods"]);
        if second < 60 {
            // The most that there was of each within the first minute.
            for (what, count) in now {
                let known = early.entry(what).or_default();
                *known = count.max(*known);
            }
        }
        assert!(ctx.queue.depth() <= 1, "{} wait", ctx.queue.depth());
    }
    // Those that live at the time, with some on the way.
    assert!(most <= 70, "{most} pods are remembered");
    for (what, count) in ctx.remembered() {
        let before = early.get(what).copied().unwrap_or(0);
        let room = before + before / 20 + 4;
        assert!(
            count <= room,
            "{what}: {before} in the first minute, {count} at last"
        );
    }
    let incidents = shop.incidents().len();
    assert_eq!(incidents, 1, "one workload is one incident");
    assert!(shop.acts().len() <= 3, "{}", shop.acts().len());
    assert!(agent.is_ready(), "{:?}", agent.missing());
    agent.ends_well().await;
}
