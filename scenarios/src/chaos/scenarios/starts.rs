//! Pods that cannot start: no restart can help, so people are told at once, and told what is missing.
use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::chaos::case::Case;
use crate::chaos::incident::Incident;
use crate::chaos::objects::{App, LIVES, container};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new(
        "image-missing",
        &[100],
        "a typing error in an image's name, and the agent restarts pods for it",
        image,
    ),
    Scenario::new(
        "configmap-missing",
        &[100],
        "a ConfigMap was forgotten, and nobody says which",
        configmap,
    ),
    Scenario::new(
        "init-crash",
        &[97],
        "an init container fails, and the alert blames the main one",
        init_container,
    ),
    Scenario::new(
        "unschedulable",
        &[100],
        "no node is large enough, and the agent restarts the pod",
        unschedulable,
    ),
];

/// Escalated and told at once, and nothing done.
fn handed_over(case: &Case<'_>) -> Result<Incident> {
    let incident = case.stands("web", "Escalated", "RestartCannotHelp")?;
    case.handed_over()?;
    case.silence(20)?;
    case.evicted_only(0)?;
    Ok(incident)
}

fn image(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    // Nothing listens there, so that the pull fails without leaving the machine.
    let image = "127.0.0.1:1/shop/web:v1.0.1";
    case.start(&App::new("web", LIVES).container(json!({"image": image})))?;
    handed_over(case)?.fails_with(&["ErrImagePull", "ImagePullBackOff"])?;
    let alert = case.handed_over()?;
    let named = alert.body.to_string().contains(image);
    ensure!(
        named || alert.is_digest(),
        "the alert does not name the image"
    );
    Ok(())
}

fn configmap(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let from = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    case.start(&App::new("web", LIVES).container(from))?;
    let incident = handed_over(case)?;
    incident.fails_with(&["CreateContainerConfigError"])?;
    let missing = incident.0.pointer("/status/diagnosis/missing").cloned();
    let expected = json!({"kind": "ConfigMap", "name": "settings"});
    ensure!(missing.as_ref() == Some(&expected), "missing: {missing:?}");
    let alert = case.handed_over()?;
    let named = alert.text("text").contains("settings");
    ensure!(
        named || alert.is_digest(),
        "the alert does not name the ConfigMap"
    );
    case.stage.api.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": case.namespace},
        "data": {"A": "b"},
    }))?;
    case.stands("web", "Resolved", "RecoveredByItself")?;
    case.told("Resolved").map(drop)
}

fn init_container(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    case.fault("no-migration", true)?;
    let script = "test ! -e /world/no-migration || { echo 'migration 7 failed' >&2; exit 1; }";
    let migrate = container("migrate", script);
    case.start(&App::new("web", LIVES).pod(json!({"initContainers": [migrate]})))?;
    let incident = handed_over(case)?;
    let diagnosis = incident
        .0
        .pointer("/status/diagnosis")
        .cloned()
        .unwrap_or_default();
    ensure!(
        diagnosis["container"] == "migrate" && diagnosis["role"] == "Init",
        "blamed: {diagnosis}"
    );
    case.fault("no-migration", false)?;
    case.stands("web", "Resolved", "RecoveredByItself")
        .map(drop)
}

fn unschedulable(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let requests = json!({"resources": {"requests": {"cpu": "900"}}});
    case.start(&App::new("web", LIVES).container(requests))?;
    handed_over(case)?.fails_with(&["Unschedulable"])
}
