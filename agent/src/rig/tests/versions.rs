//! Row 73: definitions in the cluster that know less than this version of the agent.

use super::*;

fn degraded(shop: &Shop) -> String {
    let policy = shop.0.all("agentpolicies").remove(0);
    let condition = &policy["status"]["conditions"][1];
    condition["message"].as_str().unwrap_or_default().to_owned()
}

fn incident_of(shop: &Shop, name: &str) -> Option<Value> {
    let mut incidents = shop.incidents().into_iter();
    incidents.find(|i| i["spec"]["workload"]["name"] == name)
}

/// A pod that cannot pull its image since a minute ago.
fn without_image(before: Value, now: jiff::Timestamp) -> Value {
    let made = now - jiff::SignedDuration::from_mins(1);
    let mut pod = pods::starting(pods::fresh("api", 0, made));
    pod["metadata"]["uid"] = before["metadata"]["uid"].clone();
    pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"web:2\": manifest unknown"}});
    pod
}

#[tokio::test(start_paused = true)]
async fn fault_73_a_value_that_an_older_definition_refuses_stops_its_own_workload_and_is_named() {
    let (shop, agent) = settled().await;
    shop.deploy("api", 2);
    shop.0.define(|plural, object| {
        let failure = &object["spec"]["failure"];
        match plural == "incidents" && failure == "CrashLoopBackOff" {
            true => Err("Incident.podmender.io \"web\" is invalid: spec.failure: Unsupported value: \"CrashLoopBackOff\": supported values: \"Error\"".to_owned()),
            false => Ok(()),
        }
    });
    shop.crash("web");
    shop.change("api-1-0", without_image);
    until("the other is told", || {
        incident_of(&shop, "api").is_some_and(|i| i["status"]["phase"] == "Escalated")
    })
    .await;
    until("said", || degraded(&shop).contains("podmender-crds")).await;
    let said = degraded(&shop);
    assert!(
        said.contains("incidents.podmender.io") && said.contains("Unsupported value"),
        "{said}"
    );
    pass(300).await;
    assert_eq!((shop.acts().len(), shop.spent()), (0, 0));
    assert!(agent.is_ready(), "{:?}", agent.missing());
    // As it was told.
    shop.0.define_newest();
    until("mended", || {
        incident_of(&shop, "web").is_some_and(|i| i["status"]["phase"] == "Resolved")
    })
    .await;
    assert_eq!((shop.acts().len(), shop.spent()), (1, 1));
    until("no longer said", || {
        !degraded(&shop).contains("podmender-crds")
    })
    .await;
    agent.ends_well().await;
}

/// From now on the field `field` of `spec` or `status` of this kind is dropped, as by a definition that does not have it.
fn drops(shop: &Shop, kind: &'static str, part: &'static str, field: &'static str) {
    shop.0.define(move |plural, object| {
        if plural == kind
            && let Some(fields) = object[part].as_object_mut()
        {
            fields.remove(field);
        }
        Ok(())
    });
}

#[tokio::test(start_paused = true)]
async fn fault_73_what_an_older_definition_drops_stops_acts_and_is_named() {
    for (kind, part, field) in [
        ("ledgers", "spec", "head"),
        ("incidents", "status", "timeline"),
    ] {
        let (shop, agent) = settled().await;
        // The ledger is written as something happens.
        drops(&shop, kind, part, field);
        shop.crash("web");
        until("said", || degraded(&shop).contains("podmender-crds")).await;
        let said = degraded(&shop);
        assert!(said.contains(&format!("{kind}.podmender.io")), "{said}");
        pass(300).await;
        assert_eq!(shop.acts().len(), 0, "{kind}");
        assert!(
            shop.spent() <= 1,
            "{kind}: nothing is paid for again and again"
        );
        assert!(
            incident_of(&shop, "web").is_some(),
            "it is seen all the same"
        );
        shop.0.define_newest();
        until("mended", || shop.phase() == "Resolved").await;
        assert_eq!(shop.acts().len(), 1, "{kind}");
        until("no longer said", || {
            !degraded(&shop).contains("podmender-crds")
        })
        .await;
        agent.ends_well().await;
    }
}

/// Drops what `schema` does not know, as the API server does (structural schemas, pruning).
fn prune(schema: &Value, value: &mut Value) {
    let keeps = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match value {
        Value::Object(fields) => {
            let known = schema["properties"].as_object();
            let others = &schema["additionalProperties"];
            fields.retain(|name, _| {
                keeps || !others.is_null() || known.is_some_and(|k| k.contains_key(name))
            });
            for (name, field) in fields {
                let of = known.and_then(|k| k.get(name)).unwrap_or(others);
                if !of.is_null() {
                    prune(of, field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|i| prune(&schema["items"], i)),
        _ => {}
    }
}

/// From now on objects of ours are stored as the definitions of this version have them.
fn defines_ours(shop: &Shop) {
    let crds = crate::api::crds().expect("definitions");
    let crds: Vec<Value> = crds.iter().map(|crd| json!(crd)).collect();
    shop.0.define(move |plural, object| {
        let of = crds.iter().find(|c| c["spec"]["names"]["plural"] == plural);
        let schema = of.map(|c| &c["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
        for part in ["spec", "status"] {
            if let Some(schema) = schema
                && !object[part].is_null()
            {
                prune(&schema["properties"][part], &mut object[part]);
            }
        }
        Ok(())
    });
}

#[tokio::test(start_paused = true)]
async fn fault_73_definitions_of_this_version_drop_nothing_that_is_written() {
    let (shop, agent) = settled().await;
    defines_ours(&shop);
    shop.0.after_eviction(After::Crashing);
    shop.crash("web");
    until("two acts did not help", || shop.phase() == "Escalated").await;
    shop.deploy("api", 2);
    shop.policy(json!({"autonomy": {"requireApproval": ["restart"]}}));
    pass(10).await;
    shop.crash("api");
    until("asked", || {
        incident_of(&shop, "api").is_some_and(|i| i["status"]["phase"] == "AwaitingApproval")
    })
    .await;
    for nth in 0..12 {
        shop.deploy(&format!("app{nth}"), 1);
        shop.crash(&format!("app{nth}"));
    }
    pass(120).await;
    assert!(
        !shop.0.all("ledgers").remove(0)["spec"]["storms"][0].is_null(),
        "a storm"
    );
    assert_eq!(degraded(&shop), "All of it can be followed.");
    assert_eq!(shop.acts().len(), 2);
    agent.ends_well().await;
}
