//! Has the agent's account every right in `access.rs`? Asked of the API server by SelfSubjectAccessReview.

use super::{Finding, Report};
use crate::{
    access::{self, Need, Right, Where},
    args::DoctorArgs,
    cli::connect::Cluster,
};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, Error, api::PostParams};
use std::collections::BTreeSet;

/// So many questions at once: a far cluster answers each in 100 ms.
const AT_ONCE: usize = 8;

/// Checks every namespace and the agent's own.
pub(super) async fn check(
    cluster: &Cluster,
    args: &DoctorArgs,
    namespaces: &BTreeSet<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let account = format!(
        "system:serviceaccount:{}:{}",
        args.scope.own.namespace, args.service_account
    );
    let client = if args.in_cluster {
        cluster.client.clone()
    } else {
        acting_as(cluster, &account)?
    };
    let places = namespaces
        .iter()
        .map(|namespace| (Where::Scoped, namespace.as_str()))
        .chain([(Where::Own, args.scope.own.namespace.as_str())]);
    for (place, namespace) in places {
        let rights: Vec<Right> = access::rights(place, namespace).collect();
        match missing(&client, rights).await {
            Ok((asked, missing)) => report.say(judge(args, place, namespace, asked, &missing))?,
            Err(Error::Api(status)) if status.code == 403 && !args.in_cluster => {
                report.say(Finding::Note(format!(
                    "rights: cannot be checked from here, since you may not act as {account}; `helm test podmender` checks them in the cluster"
                )))?;
                return Ok(());
            }
            Err(e) => return Err(cluster.explain("ask for the agent's rights", e)),
        }
    }
    Ok(())
}

/// A client that asks in the agent's name.
fn acting_as(cluster: &Cluster, account: &str) -> anyhow::Result<Client> {
    let mut config = cluster.config.clone();
    config.auth_info.impersonate = Some(account.to_owned());
    Ok(Client::try_from(config)?)
}

/// How many were asked for, and those that are missing.
async fn missing(client: &Client, rights: Vec<Right>) -> Result<(usize, Vec<Right>), Error> {
    let asked = rights.len();
    let answers = stream::iter(rights).map(|right| async {
        let allowed = allowed(client, &right).await?;
        Ok::<_, Error>((!allowed).then_some(right))
    });
    let missing: Vec<Option<Right>> = answers.buffered(AT_ONCE).try_collect().await?;
    Ok((asked, missing.into_iter().flatten().collect()))
}

async fn allowed(client: &Client, right: &Right) -> Result<bool, Error> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: some(&right.namespace),
                group: some(right.group),
                resource: some(right.resource),
                subresource: some(right.subresource),
                verb: some(right.verb),
                name: some(&right.name),
                ..ResourceAttributes::default()
            }),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn judge(
    args: &DoctorArgs,
    place: Where,
    namespace: &str,
    asked: usize,
    missing: &[Right],
) -> Finding {
    let needed: Vec<&Right> = missing.iter().filter(|r| r.need == Need::Always).collect();
    if !needed.is_empty() {
        let fix = match place {
            Where::Scoped => format!("add {namespace} to the chart's rbac.namespaces, or `podmender rbac --namespaces {namespace} --own-namespace {} | kubectl apply -f -`", args.scope.own.namespace),
            Where::Own => "let the chart create its Roles (rbac.create), or apply what `podmender rbac` prints".to_owned(),
        };
        return Finding::Bad(
            format!(
                "rights in {namespace}: {} missing: {}",
                needed.len(),
                words(&needed)
            ),
            fix,
        );
    }
    if missing.iter().any(|r| r.need == Need::Evict) {
        return Finding::Note(format!(
            "rights in {namespace}: all but create pods/eviction, so the agent observes and alerts there and restarts nothing"
        ));
    }
    let optional = missing.len();
    Finding::Good(format!(
        "rights in {namespace}: all {} that are needed",
        asked - optional
    ))
}

/// `create pods/eviction; patch podmender.io incidents/status`, at most six.
fn words(rights: &[&Right]) -> String {
    const SHOWN: usize = 6;
    let word = |r: &&Right| {
        let group = if r.group.is_empty() {
            String::new()
        } else {
            format!("{} ", r.group)
        };
        let sub = if r.subresource.is_empty() {
            String::new()
        } else {
            format!("/{}", r.subresource)
        };
        format!("{} {group}{}{sub}", r.verb, r.resource)
    };
    let mut text = rights
        .iter()
        .take(SHOWN)
        .map(word)
        .collect::<Vec<_>>()
        .join("; ");
    if rights.len() > SHOWN {
        text.push_str("; …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::tests::args;

    fn without(lacks: impl Fn(&Right) -> bool) -> Finding {
        let all: Vec<Right> = access::rights(Where::Scoped, "shop").collect();
        let missing: Vec<Right> = all.iter().filter(|r| lacks(r)).cloned().collect();
        judge(&args(), Where::Scoped, "shop", all.len(), &missing)
    }

    #[test]
    fn a_missing_right_is_named_with_its_fix() {
        let Finding::Bad(text, fix) = without(|r| r.subresource == "log") else {
            panic!("good")
        };
        assert_eq!(text, "rights in shop: 1 missing: get pods/log");
        assert!(fix.contains("podmender rbac --namespaces shop"), "{fix}");
        assert!(matches!(
            without(|r| r.need == Need::Evict),
            Finding::Note(_)
        ));
        assert!(matches!(
            without(|r| r.need == Need::RolloutRestart),
            Finding::Good(_)
        ));
    }
}
