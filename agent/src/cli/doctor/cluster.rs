//! Is the cluster there, new enough, and does it know our objects?

use super::Finding;
use crate::{
    api::{GROUP, VERSION},
    cli::connect::Cluster,
};

/// The oldest Kubernetes minor version that is tested.
const OLDEST: u32 = 33;
/// What must be served.
const PLURALS: [&str; 4] = ["agentpolicies", "approvals", "incidents", "ledgers"];

/// Asks for the version.
///
/// # Errors
/// The cluster cannot be reached: nothing else can be checked.
pub(super) async fn version(cluster: &Cluster) -> anyhow::Result<Finding> {
    let info = cluster.client.apiserver_version().await;
    let info = info.map_err(|e| cluster.explain("ask for the version", e))?;
    Ok(judge(&cluster.name, &info.git_version, &info.minor))
}

fn judge(name: &str, version: &str, minor: &str) -> Finding {
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    if digits.parse::<u32>().is_ok_and(|minor| minor < OLDEST) {
        return Finding::Bad(
            format!("cluster: Kubernetes {version} is too old"),
            format!("upgrade to 1.{OLDEST} or newer"),
        );
    }
    Finding::Good(format!("cluster: Kubernetes {version} at {name}"))
}

/// Asks discovery, which every account may do, so that it needs no right on CRDs.
pub(super) async fn kinds(cluster: &Cluster) -> Finding {
    let fix = "install the CRDs: helm upgrade --install podmender-crds charts/podmender-crds, or `podmender crd | kubectl apply --server-side -f -`";
    let found = cluster
        .client
        .list_api_group_resources(&format!("{GROUP}/{VERSION}"))
        .await;
    let served = match found {
        Ok(list) => list.resources,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            return Finding::Bad(
                format!("objects: the cluster does not know {GROUP}/{VERSION}"),
                fix.into(),
            );
        }
        Err(e) => {
            let why = cluster.explain(&format!("ask what {GROUP} serves"), e);
            return Finding::Bad(
                format!("objects: {why:#}"),
                "see that the API server is well".into(),
            );
        }
    };
    let missing: Vec<_> = PLURALS
        .into_iter()
        .filter(|plural| !served.iter().any(|r| r.name == *plural))
        .collect();
    if missing.is_empty() {
        return Finding::Good(format!(
            "objects: {} of {GROUP}/{VERSION}",
            PLURALS.join(", ")
        ));
    }
    Finding::Bad(
        format!(
            "objects: {} missing in {GROUP}/{VERSION}",
            missing.join(", ")
        ),
        fix.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged_by_their_minor() {
        assert!(matches!(judge("c", "v1.36.3", "36"), Finding::Good(_)));
        assert!(matches!(judge("c", "v1.33.1-gke", "33+"), Finding::Good(_)));
        assert!(matches!(judge("c", "v1.29.0", "29"), Finding::Bad(..)));
        assert!(matches!(judge("c", "odd", "?"), Finding::Good(_)));
    }
}
