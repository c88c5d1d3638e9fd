//! policy/v1 PodDisruptionBudget, slim.

use super::meta;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::Resource;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::policy::v1::PodDisruptionBudget)]
#[serde(default)]
pub(in crate::watch) struct Budget {
    #[serde(deserialize_with = "meta::slim")]
    pub(in crate::watch) metadata: ObjectMeta,
    pub(in crate::watch) spec: Spec,
    pub(in crate::watch) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Spec {
    pub(in crate::watch) selector: Option<LabelSelector>,
    pub(in crate::watch) unhealthy_pod_eviction_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Status {
    pub(in crate::watch) disruptions_allowed: i64,
    pub(in crate::watch) current_healthy: i64,
    pub(in crate::watch) desired_healthy: i64,
    pub(in crate::watch) observed_generation: Option<i64>,
}

impl Budget {
    /// One that could not be decoded: it selects every pod and allows nothing (fail closed).
    pub(in crate::watch) fn unreadable(meta: &ObjectMeta) -> Self {
        Self {
            metadata: meta.clone(),
            spec: Spec {
                selector: Some(LabelSelector::default()),
                unhealthy_pod_eviction_policy: None,
            },
            status: Status::default(),
        }
    }
}
