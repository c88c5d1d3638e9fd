//! Object metadata without what nobody reads: managed fields, finalizers and most annotations.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// Annotations that are read, by prefix. Everything else is skipped unparsed (an annotation may be 256 KiB: fault 76).
const KEPT: [&str; 8] = [
    "podmender.io/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "kubernetes.io/config.mirror",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
];

/// A kept annotation's value is cut here: none of those read is longer.
const VALUE_MAX: usize = 256;

/// For `#[serde(deserialize_with)]`: fills in the fields of `ObjectMeta` that the agent reads.
pub(in crate::watch) fn slim<'de, D: Deserializer<'de>>(d: D) -> Result<ObjectMeta, D::Error> {
    let slim = Slim::deserialize(d)?;
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        generation: slim.generation,
        creation_timestamp: slim.creation_timestamp,
        deletion_timestamp: slim.deletion_timestamp,
        labels: slim.labels,
        annotations: (!slim.annotations.0.is_empty()).then_some(slim.annotations.0),
        owner_references: slim.owner_references,
        ..ObjectMeta::default()
    })
}

/// Cuts at a character boundary.
fn cut(value: &mut String, max: usize) {
    let end = (0..=max.min(value.len()))
        .rev()
        .find(|i| value.is_char_boundary(*i));
    value.truncate(end.unwrap_or(0));
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Slim {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Annotations,
    owner_references: Option<Vec<OwnerReference>>,
}

/// The annotations under [`KEPT`].
#[derive(Debug, Default)]
struct Annotations(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Keep;
        impl<'de> Visitor<'de> for Keep {
            type Value = Annotations;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("annotations")
            }
            fn visit_unit<E>(self) -> Result<Annotations, E> {
                Ok(Annotations::default())
            }
            fn visit_none<E>(self) -> Result<Annotations, E> {
                Ok(Annotations::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut kept = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if KEPT.iter().any(|prefix| key.starts_with(prefix)) {
                        let mut value = map.next_value::<String>()?;
                        cut(&mut value, VALUE_MAX);
                        kept.insert(key, value);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Annotations(kept))
            }
        }
        d.deserialize_any(Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::Slim;

    #[test]
    fn fault_76_foreign_annotations_are_skipped_and_ours_are_cut() {
        let raw = format!(
            r#"{{"name":"a","annotations":{{"x":"{}","podmender.io/paused":"{}"}},"managedFields":[{{"a":1}}]}}"#,
            "y".repeat(300_000),
            "é".repeat(300)
        );
        let slim: Slim = serde_json::from_str(&raw).expect("decodes");
        assert_eq!(slim.annotations.0.len(), 1);
        assert_eq!(slim.annotations.0["podmender.io/paused"].len(), 256);
    }
}
