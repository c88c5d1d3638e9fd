//! What annotations and labels say about who may change a workload.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use podmender_policy::observation::{Consent, Manager};
use std::collections::BTreeMap;

/// Reads `podmender.io/paused`, `podmender.io/enabled` and `podmender.io/ignore-until` of one object. A value that cannot be read
/// pauses (fail closed).
pub(crate) fn read(annotations: Option<&BTreeMap<String, String>>) -> Consent {
    let value = |key: &str| annotations?.get(key).map(|v| v.trim());
    let enabled = match value("podmender.io/enabled") {
        None | Some("true") => Consent::Given,
        Some("false") => Consent::OptedOut,
        Some(_) => Consent::Paused,
    };
    let paused = match value("podmender.io/paused") {
        None | Some("false") => Consent::Given,
        Some(_) => Consent::Paused,
    };
    let until = match value("podmender.io/ignore-until") {
        None => Consent::Given,
        Some(raw) => raw
            .parse::<Timestamp>()
            .map_or(Consent::Paused, Consent::IgnoredUntil),
    };
    strictest(strictest(enabled, paused), until)
}

/// The stricter of two: opted out, then paused, then ignored for longer.
pub(super) fn strictest(a: Consent, b: Consent) -> Consent {
    let rank = |c: Consent| match c {
        Consent::Given => (0, Timestamp::MIN),
        Consent::IgnoredUntil(at) => (1, at),
        Consent::Paused => (2, Timestamp::MIN),
        Consent::OptedOut => (3, Timestamp::MIN),
    };
    if rank(b) > rank(a) { b } else { a }
}

/// As it is at `now`: a time that has passed no longer counts.
pub(super) fn at(consent: Consent, now: Timestamp) -> Consent {
    match consent {
        Consent::IgnoredUntil(until) if until <= now => Consent::Given,
        other => other,
    }
}

/// Who else changes its spec, from the marks that Argo CD, Flux and Helm leave and from its controller.
///
/// Sources: argo-cd docs (resource tracking: annotation `argocd.argoproj.io/tracking-id`, label `argocd.argoproj.io/instance`),
/// Flux docs (labels `kustomize.toolkit.fluxcd.io/name`, `helm.toolkit.fluxcd.io/name`), Helm docs (label
/// `app.kubernetes.io/managed-by: Helm`, annotation `meta.helm.sh/release-name`).
pub(super) fn manager(meta: &ObjectMeta) -> Manager {
    let keys = || {
        let labels = meta.labels.iter().flat_map(BTreeMap::keys);
        labels.chain(meta.annotations.iter().flat_map(BTreeMap::keys))
    };
    let marked = |prefix: &str| keys().any(|k| k.starts_with(prefix));
    let managed_by = meta
        .labels
        .as_ref()
        .and_then(|l| l.get("app.kubernetes.io/managed-by"));
    if marked("argocd.argoproj.io/")
        || marked("kustomize.toolkit.fluxcd.io/")
        || marked("helm.toolkit.fluxcd.io/")
    {
        Manager::GitOps
    } else if meta
        .owner_references
        .iter()
        .flatten()
        .any(|r| r.controller == Some(true) && !builtin(&r.api_version))
    {
        Manager::Operator
    } else if managed_by.is_some_and(|m| m == "Helm") || marked("meta.helm.sh/") {
        Manager::Helm
    } else {
        Manager::None
    }
}

fn builtin(api_version: &str) -> bool {
    matches!(api_version, "apps/v1" | "batch/v1" | "v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Consent {
        let map = pairs
            .iter()
            .map(|(k, v)| (format!("podmender.io/{k}"), (*v).to_owned()));
        read(Some(&map.collect()))
    }

    #[test]
    fn what_cannot_be_read_pauses() {
        assert_eq!(of(&[]), Consent::Given);
        assert_eq!(of(&[("paused", "true")]), Consent::Paused);
        assert_eq!(of(&[("paused", "False")]), Consent::Paused);
        assert_eq!(of(&[("paused", "false")]), Consent::Given);
        assert_eq!(
            of(&[("enabled", "false"), ("paused", "true")]),
            Consent::OptedOut
        );
        assert_eq!(of(&[("enabled", "no")]), Consent::Paused);
        assert_eq!(of(&[("ignore-until", "tomorrow")]), Consent::Paused);
        let until = of(&[("ignore-until", "2030-01-01T00:00:00Z")]);
        let before: Timestamp = "2029-12-31T23:59:59Z".parse().expect("a time");
        let after: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
        assert!(matches!(at(until, before), Consent::IgnoredUntil(_)));
        assert_eq!(at(until, after), Consent::Given);
    }

    #[test]
    fn fault_107_gitops_is_told_from_helm() {
        let with = |label: (&str, &str)| ObjectMeta {
            labels: Some([(label.0.to_owned(), label.1.to_owned())].into()),
            ..ObjectMeta::default()
        };
        assert_eq!(
            manager(&with(("app.kubernetes.io/managed-by", "Helm"))),
            Manager::Helm
        );
        assert_eq!(
            manager(&with(("argocd.argoproj.io/instance", "x"))),
            Manager::GitOps
        );
        assert_eq!(
            manager(&with(("kustomize.toolkit.fluxcd.io/name", "x"))),
            Manager::GitOps
        );
        assert_eq!(manager(&ObjectMeta::default()), Manager::None);
    }
}
