//! v1 Event, slim.

use super::meta;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = k8s_openapi::api::core::v1::Event)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Event {
    #[serde(deserialize_with = "meta::slim")]
    pub(in crate::watch) metadata: ObjectMeta,
    pub(in crate::watch) involved_object: Involved,
    pub(in crate::watch) reason: Option<String>,
    pub(in crate::watch) message: Option<String>,
    #[serde(rename = "type")]
    pub(in crate::watch) kind: Option<String>,
    pub(in crate::watch) count: Option<i64>,
    pub(in crate::watch) first_timestamp: Option<Time>,
    pub(in crate::watch) last_timestamp: Option<Time>,
    pub(in crate::watch) event_time: Option<MicroTime>,
    pub(in crate::watch) series: Option<Series>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Involved {
    pub(in crate::watch) kind: Option<String>,
    pub(in crate::watch) name: Option<String>,
    pub(in crate::watch) uid: Option<String>,
    pub(in crate::watch) field_path: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::watch) struct Series {
    pub(in crate::watch) count: Option<i64>,
    pub(in crate::watch) last_observed_time: Option<MicroTime>,
}

impl Event {
    /// When it happened last: of the series, else as the older API writes it, else when it was made.
    pub(in crate::watch) fn last(&self) -> Option<Timestamp> {
        let series = self
            .series
            .as_ref()
            .and_then(|s| s.last_observed_time.as_ref());
        series
            .map(|t| t.0)
            .or_else(|| self.last_timestamp.as_ref().map(|t| t.0))
            .or_else(|| self.first())
    }

    /// When it happened first.
    pub(in crate::watch) fn first(&self) -> Option<Timestamp> {
        let first = self.first_timestamp.as_ref().map(|t| t.0);
        first
            .or_else(|| self.event_time.as_ref().map(|t| t.0))
            .or_else(|| self.metadata.creation_timestamp.as_ref().map(|t| t.0))
    }

    /// How often it happened, at least once.
    pub(in crate::watch) fn times(&self) -> u32 {
        let series = self.series.as_ref().and_then(|s| s.count);
        let count = series.or(self.count).unwrap_or(1).max(1);
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
