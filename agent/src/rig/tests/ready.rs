//! A pod that says of itself that it is Ready, and is not well.

use super::*;
use jiff::Timestamp;

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The kubelet has counted so many failures of the pod's liveness probe by now.
fn liveness_fails(shop: &Shop, pod: &Value, since: Timestamp, times: u32) {
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "type": "Warning",
        "metadata": {"name": "unhealthy", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"],
            "fieldPath": "spec.containers{web}"},
        "reason": "Unhealthy", "message": "Liveness probe failed: no answer",
        "count": times, "firstTimestamp": written(since), "lastTimestamp": written(shop.0.now()),
    });
    shop.0.put("api/v1/namespaces/shop/events", event);
}

#[tokio::test(start_paused = true)]
async fn a_ready_pod_whose_liveness_probe_fails_is_replaced() {
    let (shop, agent) = settled().await;
    let pod = shop.pod("web-1-0").expect("a pod");
    let since = shop.0.now();
    for times in 1.. {
        liveness_fails(&shop, &pod, since, times);
        pass(10).await;
        if !shop.acts().is_empty() {
            break;
        }
        assert!(times < 60, "never: {:?}", shop.outcomes());
    }
    assert!(shop.pod("web-1-0").is_none(), "it is still there");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}
