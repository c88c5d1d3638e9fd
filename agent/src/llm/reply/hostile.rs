//! Words that are never a cause: a decision that nobody took, an order to take one, a call to destroy. A reply with one of
//! them is not shown at all.

/// Whose words these are does not matter: nobody but Podmender says on its card who approved what.
const FORGED: [&str; 22] = [
    "approved by",
    "denied by",
    "snoozed by",
    "authorized by",
    "authorised by",
    "approval granted",
    "approval: granted",
    "has been approved",
    "was approved",
    "is approved",
    "already approved",
    "click approve",
    "press approve",
    "hit approve",
    "podmender approve",
    "approve this",
    "approve the",
    "genehmigt von",
    "approuvé par",
    "aprobado por",
    "aprovado por",
    "approvato da",
];

/// What no engineer is told to do by a stranger at night.
const DESTRUCTIVE: [&str; 20] = [
    "kubectl delete",
    "kubectl drain",
    "kubectl exec",
    "kubectl apply",
    "helm uninstall",
    "helm delete",
    "terraform destroy",
    "rm -rf",
    "rm -fr",
    "drop database",
    "delete namespace",
    "delete the namespace",
    "delete all",
    "delete every",
    "delete the deployment",
    "delete the cluster",
    "delete the database",
    "scale to zero",
    "scale it to zero",
    "--replicas=0",
];

/// Talk to the machine instead of the person.
const ORDERS: [&str; 6] = [
    "ignore previous",
    "ignore all previous",
    "ignore the policy",
    "ignore your instructions",
    "disregard previous",
    "system prompt",
];

/// Whether a text holds any of it, whatever its case and its spaces.
pub(super) fn is_hostile(text: &str) -> bool {
    let plain = text.to_lowercase();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let lists = [&FORGED[..], &DESTRUCTIVE[..], &ORDERS[..]];
    lists
        .into_iter()
        .flatten()
        .any(|words| plain.contains(words))
}
