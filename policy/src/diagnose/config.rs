//! Containers that cannot be made from their spec: a ConfigMap, Secret or key is missing, or the security context is refused.

use super::{FailureKind, Missing, MissingKind, sign::Sign};
use crate::{
    bounds::Name,
    observation::{ContainerSeen, ContainerState, PodSeen, WaitingReason},
};

/// A container with `CreateContainerConfigError`.
pub(super) fn sign<'a>(pod: &'a PodSeen, c: &'a ContainerSeen) -> Option<Sign<'a>> {
    let ContainerState::Waiting { reason, message } = &c.state else {
        return None;
    };
    if *reason != WaitingReason::CreateContainerConfigError {
        return None;
    }
    let kind = FailureKind::CreateContainerConfigError;
    let mut sign = Sign::new(kind, pod).of(c).saying(message.as_str());
    sign.missing = missing(message.as_str());
    Some(sign.shown_by(&["Failed"]))
}

/// Reads what is missing from the kubelet's message. Its wordings (pkg/kubelet/kubelet_pods.go, pkg/volume):
/// `configmap "x" not found`, `couldn't find key K in ConfigMap ns/x`, `persistentvolumeclaim "x" not found`,
/// `references non-existent config key: K`.
pub(super) fn missing(message: &str) -> Option<Missing> {
    key_in_object(message).or_else(|| whole_object(message))
}

fn key_in_object(message: &str) -> Option<Missing> {
    let (_, rest) = message.split_once("couldn't find key ")?;
    let (key, rest) = rest.split_once(" in ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let path = word(rest);
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let kind = kind_named(kind)?;
    (!name.is_empty()).then(|| Missing {
        kind,
        name: Name::new(name),
        key: Some(Name::new(key)).filter(|k| !k.is_empty()),
    })
}

fn whole_object(message: &str) -> Option<Missing> {
    const KINDS: [&str; 4] = [
        "configmap",
        "secret",
        "serviceaccount",
        "persistentvolumeclaim",
    ];
    KINDS.iter().find_map(|kind| {
        message.match_indices(kind).find_map(|(at, _)| {
            let rest = message.get(at + kind.len()..)?.strip_prefix(" \"")?;
            let (name, rest) = rest.split_once('"')?;
            let gone = rest.trim_start().starts_with("not found") && !name.is_empty();
            gone.then(|| Missing {
                kind: kind_named(kind).unwrap_or(MissingKind::Volume),
                name: Name::new(name),
                key: None,
            })
        })
    })
}

fn kind_named(word: &str) -> Option<MissingKind> {
    match word.to_ascii_lowercase().as_str() {
        "configmap" => Some(MissingKind::ConfigMap),
        "secret" => Some(MissingKind::Secret),
        "serviceaccount" => Some(MissingKind::ServiceAccount),
        "persistentvolumeclaim" => Some(MissingKind::Volume),
        _ => None,
    }
}

/// The first word, without what punctuation may follow it.
fn word(text: &str) -> &str {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let first = text.get(..end).unwrap_or_default();
    first.trim_end_matches([',', '.', ';', ':', '"', ')'])
}

/// The kind in the words of `kubectl get`.
pub(super) fn kind_word(kind: MissingKind) -> &'static str {
    match kind {
        MissingKind::ConfigMap => "ConfigMap",
        MissingKind::Secret => "Secret",
        MissingKind::ServiceAccount => "ServiceAccount",
        MissingKind::Volume => "PersistentVolumeClaim",
    }
}

/// What a message without a missing object means.
pub(super) fn meaning(message: &str) -> &'static str {
    if message.contains("runAsNonRoot") {
        return "its image runs as root (or as a named user), which runAsNonRoot forbids";
    }
    if message.contains("failed to prepare subPath") || message.contains("subPath") {
        return "a subPath of one of its volumes cannot be prepared";
    }
    if message.contains("failed to sync") {
        return "the kubelet could not read its ConfigMaps or Secrets in time";
    }
    "Kubernetes cannot make it from its spec"
}
