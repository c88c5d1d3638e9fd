//! The single table of what the agent may do. The chart, `rbac/`, `podmender rbac` and `podmender doctor` all say this.

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In each namespace that the agent looks after.
    Scoped,
    /// In the agent's own namespace.
    Own,
}

/// When a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Always,
    /// To restart a pod; an agent without it only observes and alerts.
    Evict,
    /// To restart a whole rollout, where a policy says so.
    RolloutRestart,
    /// To take turns with other replicas.
    Standby,
}

/// One rule of a Role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where.
    pub place: Where,
    /// When.
    pub need: Need,
    /// The API group; empty: core.
    pub group: &'static str,
    /// Resources, subresources written `pods/log`.
    pub resources: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
    /// Only the object that has the namespace's own name.
    pub own_name_only: bool,
}

const READ: &[&str] = &["get", "list", "watch"];

const fn rule(
    place: Where,
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Rule {
    Rule {
        place,
        need: Need::Always,
        group,
        resources,
        verbs,
        own_name_only: false,
    }
}

/// Every right, in the order in which Roles show them. Nothing cluster-wide, no Secrets, no exec.
pub const RULES: &[Rule] = &[
    rule(
        Where::Scoped,
        "",
        &["pods", "events", "resourcequotas"],
        READ,
    ),
    rule(Where::Scoped, "", &["pods/log"], &["get"]),
    Rule {
        own_name_only: true,
        ..rule(Where::Scoped, "", &["namespaces"], &["get"])
    },
    rule(
        Where::Scoped,
        "apps",
        &["deployments", "replicasets", "statefulsets", "daemonsets"],
        READ,
    ),
    rule(Where::Scoped, "batch", &["jobs", "cronjobs"], READ),
    rule(Where::Scoped, "policy", &["poddisruptionbudgets"], READ),
    rule(
        Where::Scoped,
        "autoscaling",
        &["horizontalpodautoscalers"],
        READ,
    ),
    rule(
        Where::Scoped,
        "events.k8s.io",
        &["events"],
        &["create", "patch"],
    ),
    rule(Where::Scoped, "podmender.io", &["agentpolicies"], READ),
    rule(
        Where::Scoped,
        "podmender.io",
        &["approvals"],
        // Not a verb of the API server: rbac/approvals-admission-policy.yaml asks for it where an answer came by Slack, or nobody gave one.
        &["get", "list", "watch", "create", "attest"],
    ),
    rule(
        Where::Scoped,
        "podmender.io",
        &["incidents"],
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    rule(
        Where::Scoped,
        "podmender.io",
        &[
            "agentpolicies/status",
            "approvals/status",
            "incidents/status",
        ],
        &["patch"],
    ),
    Rule {
        need: Need::Evict,
        ..rule(Where::Scoped, "", &["pods/eviction"], &["create"])
    },
    Rule {
        need: Need::RolloutRestart,
        ..rule(
            Where::Scoped,
            "apps",
            &["deployments", "statefulsets", "daemonsets"],
            &["patch"],
        )
    },
    rule(Where::Own, "podmender.io", &["agentpolicies"], READ),
    rule(
        Where::Own,
        "podmender.io",
        &["agentpolicies/status"],
        &["patch"],
    ),
    rule(
        Where::Own,
        "podmender.io",
        &["ledgers"],
        &["get", "list", "watch", "create", "update"],
    ),
    rule(
        Where::Own,
        "events.k8s.io",
        &["events"],
        &["create", "patch"],
    ),
    Rule {
        need: Need::Standby,
        ..rule(
            Where::Own,
            "coordination.k8s.io",
            &["leases"],
            &["get", "create", "update"],
        )
    },
];

/// One right, as a SelfSubjectAccessReview asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// When it is needed.
    pub need: Need,
    /// The namespace.
    pub namespace: String,
    /// The API group.
    pub group: &'static str,
    /// The resource without its subresource.
    pub resource: &'static str,
    /// The subresource; empty: none.
    pub subresource: &'static str,
    /// The verb.
    pub verb: &'static str,
    /// The object's name; empty: all.
    pub name: String,
}

/// Every single right that is needed in `namespace`.
pub fn rights(place: Where, namespace: &str) -> impl Iterator<Item = Right> + '_ {
    RULES
        .iter()
        .filter(move |rule| rule.place == place)
        .flat_map(move |rule| {
            rule.resources.iter().flat_map(move |path| {
                let (resource, subresource) = path.split_once('/').unwrap_or((path, ""));
                rule.verbs.iter().map(move |verb| Right {
                    need: rule.need,
                    namespace: namespace.to_owned(),
                    group: rule.group,
                    resource,
                    subresource,
                    verb,
                    name: if rule.own_name_only {
                        namespace.to_owned()
                    } else {
                        String::new()
                    },
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_promised_not_to_be_there() {
        for rule in RULES {
            for resource in rule.resources {
                assert!(
                    !resource.contains("secrets")
                        && !resource.contains("exec")
                        && !resource.contains('*'),
                    "{rule:?}"
                );
            }
            assert!(
                !rule.verbs.contains(&"*") && !rule.verbs.contains(&"escalate"),
                "{rule:?}"
            );
        }
        let rights: Vec<_> = rights(Where::Scoped, "shop").collect();
        let evict = rights
            .iter()
            .find(|r| r.subresource == "eviction")
            .expect("eviction");
        assert_eq!(
            (evict.resource, evict.verb, evict.need),
            ("pods", "create", Need::Evict)
        );
        let namespace = rights
            .iter()
            .find(|r| r.resource == "namespaces")
            .expect("namespaces");
        assert_eq!(namespace.name, "shop");
    }
}
