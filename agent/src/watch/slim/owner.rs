//! The kinds that own pods, slim.

use super::meta;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

macro_rules! slim {
    ($(#[$doc:meta])* $name:ident, $inherit:path, $spec:ty, $status:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Resource)]
        #[resource(inherit = $inherit)]
        #[serde(default)]
        pub(in crate::watch) struct $name {
            #[serde(deserialize_with = "meta::slim")]
            pub(in crate::watch) metadata: ObjectMeta,
            pub(in crate::watch) spec: $spec,
            pub(in crate::watch) status: $status,
        }
    };
}

slim!(
    /// apps/v1 Deployment.
    Deployment, k8s_openapi::api::apps::v1::Deployment, Spec, Status
);
slim!(
    /// apps/v1 ReplicaSet.
    ReplicaSet, k8s_openapi::api::apps::v1::ReplicaSet, Spec, Status
);
slim!(
    /// apps/v1 StatefulSet.
    StatefulSet, k8s_openapi::api::apps::v1::StatefulSet, Spec, Status
);
slim!(
    /// apps/v1 DaemonSet.
    DaemonSet, k8s_openapi::api::apps::v1::DaemonSet, Spec, Status
);
slim!(
    /// batch/v1 Job.
    Job, k8s_openapi::api::batch::v1::Job, Spec, Status
);
slim!(
    /// batch/v1 CronJob.
    CronJob, k8s_openapi::api::batch::v1::CronJob, Spec, Status
);

/// v1 Namespace: its annotations and whether it is being deleted.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::core::v1::Namespace)]
#[serde(default)]
pub(in crate::watch) struct Namespace {
    #[serde(deserialize_with = "meta::slim")]
    pub(in crate::watch) metadata: ObjectMeta,
}

/// The fields of all of these kinds' specs, in one type: a kind that lacks one leaves it empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Spec {
    pub(in crate::watch) replicas: Option<i64>,
    pub(in crate::watch) parallelism: Option<i64>,
    pub(in crate::watch) paused: bool,
    pub(in crate::watch) suspend: bool,
    /// Of a Deployment.
    pub(in crate::watch) strategy: Strategy,
    pub(in crate::watch) update_strategy: UpdateStrategy,
    pub(in crate::watch) template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct Strategy {
    #[serde(rename = "type")]
    pub(in crate::watch) kind: Option<String>,
}

/// Of a StatefulSet or a DaemonSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct UpdateStrategy {
    #[serde(rename = "type")]
    pub(in crate::watch) kind: Option<String>,
    pub(in crate::watch) rolling_update: RollingUpdate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct RollingUpdate {
    /// Of a StatefulSet: pods with a lower ordinal keep their revision.
    pub(in crate::watch) partition: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct Template {
    pub(in crate::watch) metadata: TemplateMeta,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct TemplateMeta {
    pub(in crate::watch) annotations: RestartedAt,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::watch) struct RestartedAt {
    #[serde(rename = "kubectl.kubernetes.io/restartedAt")]
    pub(in crate::watch) restarted_at: Option<String>,
}

/// The fields of all of these kinds' statuses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Status {
    pub(in crate::watch) observed_generation: Option<i64>,
    pub(in crate::watch) replicas: i64,
    pub(in crate::watch) updated_replicas: i64,
    pub(in crate::watch) available_replicas: i64,
    pub(in crate::watch) current_revision: Option<String>,
    pub(in crate::watch) update_revision: Option<String>,
    pub(in crate::watch) desired_number_scheduled: i64,
    pub(in crate::watch) updated_number_scheduled: i64,
    pub(in crate::watch) number_available: i64,
    pub(in crate::watch) conditions: Vec<Condition>,
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

impl Status {
    /// A condition by its type.
    pub(in crate::watch) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}
