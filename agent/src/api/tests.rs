//! What the API server asks of the definitions, as far as it can be told without one
//! (`scenarios/tests/definitions.rs` asks a real one).

use super::*;
use serde_json::{Value, json};

/// The schemas of all kinds, by kind.
fn schemas() -> Vec<(String, Value)> {
    let crds = crds().unwrap();
    let schema = |crd: &CustomResourceDefinition| {
        let version = crd.spec.versions[0].schema.clone().unwrap();
        serde_json::to_value(version.open_api_v3_schema.unwrap()).unwrap()
    };
    crds.iter()
        .map(|crd| (crd.spec.names.kind.clone(), schema(crd)))
        .collect()
}

/// Calls `look` with every schema below `schema`, and where it is.
fn walk(schema: &Value, at: &str, look: &mut impl FnMut(&Value, &str)) {
    look(schema, at);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{at}.{name}"), look);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            walk(&schema[key], &format!("{at}[]"), look);
        }
    }
}

fn everywhere(mut look: impl FnMut(&Value, &str)) {
    for (kind, schema) in schemas() {
        walk(&schema, &kind, &mut look);
    }
}

#[test]
fn schemas_are_structural() {
    everywhere(|schema, at| {
        assert!(
            schema["type"].is_string(),
            "{at}: every schema has one type: {schema}"
        );
        for key in [
            "$ref",
            "oneOf",
            "anyOf",
            "allOf",
            "not",
            "default",
            "nullable",
            "title",
            "const",
            "uniqueItems",
        ] {
            assert!(schema.get(key).is_none(), "{at}: {key}");
        }
        let both =
            schema.get("properties").is_some() && schema.get("additionalProperties").is_some();
        assert!(!both, "{at}: properties and additionalProperties");
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(
                schema["properties"].get(name.as_str().unwrap()).is_some(),
                "{at}: {name} is required and unknown"
            );
        }
        if let Some(format) = schema.get("format") {
            let known = ["int32", "int64", "double", "date-time"];
            assert!(
                known.iter().any(|k| format == k),
                "{at}: {format} is no format of Kubernetes"
            );
        }
    });
}

#[test]
fn every_list_map_and_string_is_bounded() {
    everywhere(|schema, at| {
        let bounded = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
        match schema["type"].as_str() {
            Some("string") => assert!(bounded(&["maxLength", "enum", "format"]), "{at}"),
            Some("array") => assert!(bounded(&["maxItems"]), "{at}"),
            Some("object") if schema.get("additionalProperties").is_some() => {
                assert!(bounded(&["maxProperties"]), "{at}")
            }
            _ => {}
        }
    });
}

/// A path such as `.spec.workload.name`, without the parts that select conditions.
fn names(schema: &Value, path: &str) -> bool {
    let path = path.split("[?").next().unwrap_or_default();
    let mut steps = path.trim_start_matches('.').split('.');
    steps
        .try_fold(schema, |schema, step| schema["properties"].get(step))
        .is_some()
}

#[test]
fn columns_and_selectable_fields_exist() {
    for (crd, (kind, schema)) in crds().unwrap().iter().zip(schemas()) {
        let version = &crd.spec.versions[0];
        for column in version.additional_printer_columns.iter().flatten() {
            let known = column.json_path == ".metadata.creationTimestamp"
                || names(&schema, &column.json_path);
            assert!(known, "{kind}: {}", column.json_path);
        }
        for field in version.selectable_fields.iter().flatten() {
            assert!(
                names(&schema, &field.json_path),
                "{kind}: {}",
                field.json_path
            );
        }
        assert_eq!(
            crd.metadata.labels.as_ref().unwrap()["app.kubernetes.io/part-of"],
            "podmender"
        );
    }
}

/// A chain that a newer agent wrote must not lose words on its way through an older definition (fault 38).
#[test]
fn fault_38_facts_keep_fields_that_this_version_does_not_know() {
    let (_, incident) = schemas()
        .into_iter()
        .find(|(kind, _)| kind == "Incident")
        .unwrap();
    let fact =
        &incident["properties"]["status"]["properties"]["timeline"]["items"]["properties"]["fact"];
    assert_eq!(fact["x-kubernetes-preserve-unknown-fields"], json!(true));
    assert!(fact["properties"]["type"].get("enum").is_none());
}

#[test]
fn objects_are_written_as_they_are_read() {
    let policy = json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "AgentPolicy", "metadata": {"name": "p", "namespace": "podmender"},
        "spec": {"scope": {"namespaces": ["shop"]}},
    });
    let read: AgentPolicy = serde_json::from_value(policy).unwrap();
    assert_eq!(read.spec.0.scope.namespaces, ["shop"]);
    let ledger = Ledger::new("ledger", LedgerBody::default());
    let again: Ledger = serde_json::from_value(serde_json::to_value(&ledger).unwrap()).unwrap();
    assert_eq!(again, ledger);
}

#[test]
fn an_approval_counts_once_and_only_with_the_api_servers_time() {
    let mut approval: Approval = serde_json::from_value(json!({
        "apiVersion": "podmender.io/v1alpha1", "kind": "Approval", "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"incident": "i", "answer": "Approve", "remedy": "restart", "uid": "u", "generation": 3},
    }))
    .unwrap();
    assert_eq!(approval.unused(), None, "no creation time yet");
    approval.metadata.creation_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
    );
    assert!(approval.unused().is_some());
    approval.status = Some(ApprovalStatus {
        consumed_at: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Default::default()
    });
    assert_eq!(approval.unused(), None, "used up");
}
