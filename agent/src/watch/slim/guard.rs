//! One object that cannot be decoded must not cost the others: it is set aside (faults 12 and K8).
//!
//! Does what kube's `DeserializeGuard` does, for a third of the cost: that one buffers each object as a tree of values and
//! clones the tree; this one keeps the raw text, which is 5 kB for a usual pod.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// An object, or what is known of one that could not be decoded.
#[derive(Clone, Debug)]
pub(in crate::watch) enum Decoded<K> {
    Fine(K),
    Broken(Box<Broken>),
}

/// An object that could not be decoded.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Broken {
    /// As much of its metadata as could be read: enough to go on watching, and to know which record is out of date.
    pub(in crate::watch) meta: ObjectMeta,
    /// Where and how it is wrong; never a part of the object itself, which may hold a secret (K7).
    pub(in crate::watch) error: String,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Decoded<K> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(d)?;
        Ok(match serde_json::from_str(raw.get()) {
            Ok(object) => Self::Fine(object),
            Err(error) => Self::Broken(Box::new(Broken {
                meta: rescue(raw.get()),
                // serde's own text quotes the offending value, so only the place is kept
                error: format!(
                    "{:?} error at line {} column {}",
                    error.classify(),
                    error.line(),
                    error.column()
                ),
            })),
        })
    }
}

/// Reads the identity of a broken object, one field at a time.
fn rescue(raw: &str) -> ObjectMeta {
    #[derive(Deserialize)]
    struct Outer {
        metadata: serde_json::Value,
    }
    let Ok(Outer { metadata }) = serde_json::from_str(raw) else {
        return ObjectMeta::default();
    };
    let text = |field: &str| metadata.get(field)?.as_str().map(str::to_owned);
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        owner_references: metadata
            .get("ownerReferences")
            .and_then(|refs| serde_json::from_value(refs.clone()).ok()),
        ..ObjectMeta::default()
    }
}

impl<K: Resource> Resource for Decoded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }
    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }
    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }
    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }
    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Fine(object) => object.meta(),
            Self::Broken(broken) => &broken.meta,
        }
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Fine(object) => object.meta_mut(),
            Self::Broken(broken) => &mut broken.meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Decoded;
    use crate::watch::slim::pod::Pod;
    use kube::core::WatchEvent;

    #[test]
    fn fault_12_a_broken_pod_keeps_its_identity_and_leaks_nothing() {
        let line = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","uid":"u","resourceVersion":"7"},"spec":{"containers":"password=hunter2"}}}"#;
        let Ok(WatchEvent::Added(Decoded::<Pod>::Broken(broken))) = serde_json::from_str(line)
        else {
            panic!("it should be set aside");
        };
        assert_eq!(broken.meta.name.as_deref(), Some("a"));
        assert_eq!(broken.meta.resource_version.as_deref(), Some("7"));
        assert!(!broken.error.contains("hunter2"), "{}", broken.error);
    }
}
