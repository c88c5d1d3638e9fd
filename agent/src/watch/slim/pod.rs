//! v1 Pod, slim.

use super::meta;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::core::v1::Pod)]
pub(in crate::watch) struct Pod {
    #[serde(deserialize_with = "meta::slim")]
    pub(in crate::watch) metadata: ObjectMeta,
    #[serde(default)]
    pub(in crate::watch) spec: Spec,
    #[serde(default)]
    pub(in crate::watch) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Spec {
    pub(in crate::watch) node_name: Option<String>,
    pub(in crate::watch) restart_policy: Option<String>,
    pub(in crate::watch) containers: Vec<Container>,
    pub(in crate::watch) init_containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Container {
    pub(in crate::watch) name: String,
    pub(in crate::watch) image: Option<String>,
    pub(in crate::watch) restart_policy: Option<String>,
    pub(in crate::watch) resources: Resources,
    pub(in crate::watch) resize_policy: Vec<ResizePolicy>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct ResizePolicy {
    pub(in crate::watch) restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct Resources {
    pub(in crate::watch) limits: Limits,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct Limits {
    pub(in crate::watch) memory: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Status {
    pub(in crate::watch) phase: Option<String>,
    pub(in crate::watch) reason: Option<String>,
    pub(in crate::watch) conditions: Vec<Condition>,
    pub(in crate::watch) container_statuses: Vec<ContainerStatus>,
    pub(in crate::watch) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Condition {
    #[serde(rename = "type")]
    pub(in crate::watch) kind: String,
    pub(in crate::watch) status: String,
    pub(in crate::watch) reason: Option<String>,
    pub(in crate::watch) message: Option<String>,
    pub(in crate::watch) last_transition_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct ContainerStatus {
    pub(in crate::watch) name: String,
    pub(in crate::watch) restart_count: i64,
    pub(in crate::watch) ready: bool,
    pub(in crate::watch) started: Option<bool>,
    pub(in crate::watch) state: State,
    pub(in crate::watch) last_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct State {
    pub(in crate::watch) waiting: Option<Waiting>,
    pub(in crate::watch) running: Option<Running>,
    pub(in crate::watch) terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct Waiting {
    pub(in crate::watch) reason: Option<String>,
    pub(in crate::watch) message: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Running {
    pub(in crate::watch) started_at: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Terminated {
    pub(in crate::watch) reason: Option<String>,
    pub(in crate::watch) exit_code: i64,
    pub(in crate::watch) message: Option<String>,
    pub(in crate::watch) started_at: Option<Time>,
    pub(in crate::watch) finished_at: Option<Time>,
}

impl Pod {
    /// A condition by its type.
    pub(in crate::watch) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|c| c.kind == kind)
    }
}
