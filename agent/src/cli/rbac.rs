//! `podmender rbac`: the Roles and RoleBindings for an install without Helm, from the table in `access.rs`.

use crate::{
    access::{Need, RULES, Rule, Where},
    args::RbacArgs,
};
use anyhow::bail;
use std::fmt::Write;

/// Namespaces that the agent never touches.
const PROTECTED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The objects as a stream of YAML documents.
///
/// # Errors
/// A namespace is none, or one that the agent never touches.
pub fn render(args: &RbacArgs) -> anyhow::Result<String> {
    let mut out = String::from(
        "# What `podmender rbac` prints: rights in single namespaces, nothing cluster-wide.\n",
    );
    for namespace in &args.scope.namespaces {
        if PROTECTED.contains(&namespace.as_str()) || *namespace == args.scope.own.namespace {
            bail!("{namespace} is a namespace that the agent never touches: leave it out");
        }
        if !is_name(namespace) {
            bail!("{namespace:?} is not a namespace's name");
        }
        role(&mut out, args, Where::Scoped, namespace, "podmender");
    }
    if !is_name(&args.scope.own.namespace) || !is_name(&args.service_account) {
        bail!(
            "--own-namespace and --service-account take names of lower-case letters, digits and dashes"
        );
    }
    role(
        &mut out,
        args,
        Where::Own,
        &args.scope.own.namespace,
        "podmender-own",
    );
    Ok(out)
}

/// A DNS label: such a name needs no quotes in YAML, except that a number is none.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn role(out: &mut String, args: &RbacArgs, place: Where, namespace: &str, name: &str) {
    let (ns, sa, own) = (
        scalar(namespace),
        scalar(&args.service_account),
        scalar(&args.scope.own.namespace),
    );
    let api = "rbac.authorization.k8s.io";
    let _ = write!(
        out,
        "---\napiVersion: {api}/v1\nkind: Role\nmetadata:\n  name: {name}\n  namespace: {ns}\nrules:\n"
    );
    let is_needed = |need| match need {
        Need::Always | Need::Evict => true,
        Need::RolloutRestart => args.rollout_restart,
        Need::Standby => args.standby,
    };
    let wanted = |rule: &&Rule| rule.place == place && is_needed(rule.need);
    for rule in RULES.iter().filter(wanted) {
        let group = if rule.group.is_empty() {
            "\"\""
        } else {
            rule.group
        };
        let _ = write!(
            out,
            "  - apiGroups: [{group}]\n    resources: [{}]\n",
            rule.resources.join(", ")
        );
        if rule.own_name_only {
            let _ = writeln!(out, "    resourceNames: [{ns}]");
        }
        let _ = writeln!(out, "    verbs: [{}]", rule.verbs.join(", "));
    }
    let _ = write!(
        out,
        "---\napiVersion: {api}/v1\nkind: RoleBinding\nmetadata:\n  name: {name}\n  namespace: {ns}\nroleRef:\n  apiGroup: {api}\n  kind: Role\n  name: {name}\nsubjects:\n  - kind: ServiceAccount\n    name: {sa}\n    namespace: {own}\n"
    );
}

/// A name that YAML would read as something else (a number, a boolean) is quoted.
fn scalar(name: &str) -> String {
    let odd = name.starts_with(|c: char| c.is_ascii_digit())
        || matches!(
            name,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if odd {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Own, Scope};
    use serde_json::Value;

    fn args(namespaces: &[&str]) -> RbacArgs {
        RbacArgs {
            scope: Scope {
                namespaces: namespaces.iter().map(ToString::to_string).collect(),
                own: Own {
                    namespace: "podmender".into(),
                },
            },
            service_account: "podmender".into(),
            rollout_restart: false,
            standby: false,
        }
    }

    /// The documents of some YAML.
    fn parsed(yaml: &str) -> Vec<Value> {
        yaml.split("---\n")
            .filter(|part| part.contains("kind:"))
            .map(|part| serde_saphyr::from_str(part).expect("YAML"))
            .collect()
    }

    #[test]
    fn the_plain_yaml_says_the_same() {
        let printed = parsed(&render(&args(&["shop"])).expect("rendered"));
        for file in ["role.yaml", "rolebinding.yaml"] {
            let path = format!("{}/../rbac/{file}", env!("CARGO_MANIFEST_DIR"));
            for document in parsed(&std::fs::read_to_string(&path).expect(&path)) {
                let same = printed.iter().find(|p| {
                    p["kind"] == document["kind"] && p["metadata"] == document["metadata"]
                });
                assert_eq!(same, Some(&document), "{path}");
            }
        }
    }

    #[test]
    fn names_that_yaml_would_misread_are_quoted() {
        let printed = parsed(&render(&args(&["123", "on"])).expect("rendered"));
        assert_eq!(printed.len(), 6);
        assert_eq!(printed[0]["metadata"]["namespace"], "123");
        assert_eq!(printed[2]["metadata"]["namespace"], "on");
    }

    #[test]
    fn protected_and_impossible_namespaces_are_refused() {
        for name in ["kube-system", "podmender", "*", "a b", "A", "-x"] {
            assert!(render(&args(&[name])).is_err(), "{name}");
        }
    }
}
