//! Does the API server prove who answers (docs/adr/0004)? Asked of the admission policy where it may be read, and of the agent's ledger,
//! which says since when its own tries were refused.

use super::{Finding, Report};
use crate::{
    api::{AgentPolicy, Ledger},
    args::DoctorArgs,
    cli::connect::Cluster,
    proof::WORDS,
    record::LEDGER,
};
use jiff::Timestamp;
use k8s_openapi::api::{
    admissionregistration::v1::{
        ValidatingAdmissionPolicy as Rules, ValidatingAdmissionPolicyBinding as Binding,
    },
    core::v1::Namespace,
};
use kube::{
    Api, Client, Error, ResourceExt,
    api::ListParams,
    core::{Selector, SelectorExt},
};
use std::collections::{BTreeMap, BTreeSet};

/// The admission policy's name.
const NAME: &str = "podmender-approvals";
/// What is to be done if it is not as it should be.
const FIX: &str = "helm upgrade --install podmender-crds charts/podmender-crds (approvalsAdmissionPolicy.enabled), or kubectl apply -f rbac/approvals-admission-policy.yaml; both need cluster rights, once";

/// What could be seen.
#[derive(Default)]
struct Sight {
    /// `None`: it may not be read from here.
    rules: Option<Option<Rules>>,
    /// What binds any policy. `None`: it may not be read from here.
    bindings: Option<Vec<Binding>>,
    /// The labels of the namespaces in which answers are to be proven, as far as they may be read.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Since when the agent has found it in force.
    tried: Option<Timestamp>,
}

/// Who wants to know: policies that want more than one person, and where they do.
#[derive(Default)]
struct Wanted {
    policies: Vec<String>,
    namespaces: BTreeSet<String>,
}

/// Checks it. RBAC of whoever asks, as far as they have it: `get` on the admission policy and its bindings, on namespaces, and on the
/// agent's ledger.
pub(super) async fn check(
    cluster: &Cluster,
    args: &DoctorArgs,
    policies: &[AgentPolicy],
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = wanted(policies);
    let sight = look(&cluster.client, args, &wanted).await;
    let sight = sight.map_err(|e| cluster.explain("look at the admission policy", e))?;
    if let Some(finding) = judge(&sight, &wanted) {
        report.say(finding)?;
    }
    Ok(())
}

fn wanted(policies: &[AgentPolicy]) -> Wanted {
    let mut wanted = Wanted::default();
    for policy in policies {
        let spec = &policy.spec.0;
        if spec.autonomy.min_approvals.values().any(|n| *n > 1) {
            let home = policy.namespace().unwrap_or_default();
            wanted
                .policies
                .push(format!("{home}/{}", policy.name_any()));
            wanted
                .namespaces
                .extend(spec.scope.namespaces.iter().cloned());
        }
    }
    wanted
}

async fn look(client: &Client, args: &DoctorArgs, wanted: &Wanted) -> Result<Sight, Error> {
    let bindings = Api::<Binding>::all(client.clone());
    let listed = bindings.list(&ListParams::default()).await;
    let ledger = Api::<Ledger>::namespaced(client.clone(), &args.scope.own.namespace);
    let ledger = may(ledger.get_opt(LEDGER).await)?.flatten();
    let mut labels = BTreeMap::new();
    for name in &wanted.namespaces {
        let namespace = Api::<Namespace>::all(client.clone()).get_opt(name).await;
        if let Some(Some(found)) = may(namespace)? {
            labels.insert(name.clone(), found.metadata.labels.unwrap_or_default());
        }
    }
    Ok(Sight {
        rules: may(Api::<Rules>::all(client.clone()).get_opt(NAME).await)?,
        bindings: may(listed)?.map(|list| list.items),
        labels,
        tried: ledger.and_then(|ledger| ledger.spec.0.proof_since),
    })
}

/// `None`: whoever asks may not know.
fn may<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        // An older API server does not know them at all.
        Err(Error::Api(status)) if matches!(status.code, 403 | 404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None`: it cannot be read from here, and does not matter.
fn judge(sight: &Sight, wanted: &Wanted) -> Option<Finding> {
    let tried = match sight.tried {
        Some(since) => format!("the agent has tried it, and was refused since {since:.0}"),
        None => "the agent has not found it in force".to_owned(),
    };
    let lacks = lacks(sight, &wanted.namespaces);
    let known = sight.rules.is_some() && sight.bindings.is_some();
    if wanted.policies.is_empty() {
        return match lacks.is_empty() {
            true => known.then(|| {
                Finding::Good("answers: the API server proves who answers by kubectl".into())
            }),
            false => Some(Finding::Note(format!(
                "answers: who answered by kubectl is only noted, since {}. It matters only with minApprovals of two or more, which no policy has",
                lacks.join("; ")
            ))),
        };
    }
    let who = wanted.policies.join(", ");
    Some(match (lacks.is_empty(), sight.tried) {
        (true, Some(_)) => Finding::Good(format!(
            "answers: policy {who} wants more than one person, and who answers is proven: {tried}"
        )),
        (true, None) if known => Finding::Note(format!(
            "answers: policy {who} wants more than one person, and the admission policy {NAME} is there and bound, but {tried} yet: it tries every 5 minutes while it runs, and says in the AgentPolicy's condition Degraded why not"
        )),
        (true, None) => Finding::Bad(
            format!(
                "answers: policy {who} wants more than one person, and {tried}, so no two answers count as two people"
            ),
            FIX.into(),
        ),
        (false, _) => Finding::Bad(
            format!(
                "answers: policy {who} wants more than one person, and nothing proves who answers, since {}",
                lacks.join("; ")
            ),
            FIX.into(),
        ),
    })
}

/// What is not as it should be, of what could be read.
fn lacks(sight: &Sight, namespaces: &BTreeSet<String>) -> Vec<String> {
    let mut lacks = Vec::new();
    match &sight.rules {
        Some(None) => return vec![format!("there is no ValidatingAdmissionPolicy {NAME}")],
        Some(Some(rules)) => lacks.extend(changed(rules)),
        None => {}
    }
    let Some(bindings) = &sight.bindings else {
        return lacks;
    };
    let specs = bindings.iter().filter_map(|b| b.spec.as_ref());
    let of_it: Vec<_> = specs
        .filter(|b| b.policy_name.as_deref() == Some(NAME))
        .collect();
    if of_it.is_empty() {
        lacks.push(format!("no ValidatingAdmissionPolicyBinding binds {NAME}"));
        return lacks;
    }
    let denies = |actions: &Vec<String>| actions.iter().any(|action| action == "Deny");
    let denying = of_it
        .iter()
        .filter(|b| b.validation_actions.as_ref().is_some_and(denies));
    let selectors: Vec<Selector> = denying
        .filter_map(|b| match &b.match_resources {
            None => Some(Selector::default()),
            // What else narrows it down is judged by the agent's try alone.
            Some(narrow) => {
                let labels = narrow.namespace_selector.clone().unwrap_or_default();
                Selector::try_from(labels).ok()
            }
        })
        .collect();
    if selectors.is_empty() {
        lacks.push("its binding does not deny (validationActions)".to_owned());
        return lacks;
    }
    let open: Vec<&str> = namespaces
        .iter()
        .filter(|name| match sight.labels.get(*name) {
            Some(labels) => !selectors.iter().any(|s| s.matches(labels)),
            None => false,
        })
        .map(String::as_str)
        .collect();
    if !open.is_empty() {
        lacks.push(format!(
            "it is not bound for namespace {} (namespaceSelector of its binding)",
            open.join(", ")
        ));
    }
    lacks
}

/// How the policy differs from ours where that matters.
fn changed(rules: &Rules) -> Option<String> {
    let spec = rules.spec.as_ref()?;
    if spec.failure_policy.as_deref() == Some("Ignore") {
        return Some("it lets pass what it cannot judge (failurePolicy: Ignore)".to_owned());
    }
    let mut said = spec.validations.iter().flatten();
    let is_ours = said.any(|v| v.message.as_deref() == Some(WORDS));
    (!is_ours)
        .then(|| format!("{NAME} is another one than in rbac/approvals-admission-policy.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the chart installs.
    fn installed() -> Sight {
        let yaml = include_str!("../../../../rbac/approvals-admission-policy.yaml");
        let mut documents = yaml.split("\n---\n").skip(1);
        let mut next = || documents.next().expect("a document");
        Sight {
            rules: Some(Some(serde_saphyr::from_str(next()).expect("rules"))),
            bindings: Some(vec![serde_saphyr::from_str(next()).expect("a binding")]),
            labels: [("shop".to_owned(), BTreeMap::new())].into(),
            tried: Some("2026-11-21T09:00:00.5Z".parse().expect("a time")),
        }
    }

    fn two() -> Wanted {
        Wanted {
            policies: vec!["podmender/main".to_owned()],
            namespaces: ["shop".to_owned()].into(),
        }
    }

    fn spec(
        sight: &mut Sight,
    ) -> &mut k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBindingSpec
    {
        let bindings = sight.bindings.as_mut().expect("bindings");
        bindings[0].spec.as_mut().expect("a spec")
    }

    #[test]
    fn what_the_chart_installs_is_good_once_the_agent_has_tried_it() {
        let mut sight = installed();
        let Some(Finding::Good(said)) = judge(&sight, &two()) else {
            panic!("{:?}", judge(&sight, &two()))
        };
        assert!(said.contains("since 2026-11-21T09:00:0"), "{said}");
        sight.tried = None;
        assert!(matches!(judge(&sight, &two()), Some(Finding::Note(_))));
        let nobody = judge(&sight, &Wanted::default());
        assert!(matches!(nobody, Some(Finding::Good(_))));
    }

    #[test]
    fn what_is_missing_is_to_be_fixed_where_two_people_are_wanted_and_only_there() {
        type Change = fn(&mut Sight);
        let broken: [(&str, Change); 6] = [
            ("there is no ValidatingAdmissionPolicy", |s| {
                s.rules = Some(None)
            }),
            ("failurePolicy: Ignore", |s| {
                let rules = s.rules.as_mut().and_then(Option::as_mut);
                let spec = rules.and_then(|r| r.spec.as_mut()).expect("a spec");
                spec.failure_policy = Some("Ignore".to_owned());
            }),
            ("is another one than", |s| {
                let rules = s.rules.as_mut().and_then(Option::as_mut);
                rules
                    .and_then(|r| r.spec.as_mut())
                    .expect("a spec")
                    .validations = None;
            }),
            ("no ValidatingAdmissionPolicyBinding", |s| {
                s.bindings = Some(Vec::new())
            }),
            ("does not deny", |s| {
                spec(s).validation_actions = Some(vec!["Audit".to_owned()]);
            }),
            ("not bound for namespace shop", |s| {
                let narrow = r#"{"namespaceSelector": {"matchLabels": {"proven": "yes"}}}"#;
                spec(s).match_resources = serde_json::from_str(narrow).ok();
            }),
        ];
        for (what, change) in broken {
            let mut sight = installed();
            change(&mut sight);
            let Some(Finding::Bad(said, fix)) = judge(&sight, &two()) else {
                panic!("{what} is good")
            };
            assert!(
                said.contains(what) && said.contains("podmender/main"),
                "{said}"
            );
            assert!(fix.contains("charts/podmender-crds"), "{fix}");
            let nobody = judge(&sight, &Wanted::default());
            assert!(!matches!(nobody, Some(Finding::Bad(..))), "{what}");
        }
    }

    #[test]
    fn whoever_may_not_read_it_goes_by_what_the_agent_found() {
        let mut sight = Sight {
            tried: installed().tried,
            ..Sight::default()
        };
        assert!(matches!(judge(&sight, &two()), Some(Finding::Good(_))));
        sight.tried = None;
        assert!(matches!(judge(&sight, &two()), Some(Finding::Bad(..))));
        assert_eq!(judge(&sight, &Wanted::default()), None);
    }
}
