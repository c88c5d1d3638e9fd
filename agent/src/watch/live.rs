//! One pod read live, as the policy sees it: for the last look before an act.

use super::{seen, shape::Shape, slim::pod, uid::Uid};
use kube::{Api, Client};
use podmender_policy::{bounds::Name, observation::PodSeen};

/// The pod as the API server has it now; `None` if it is gone. What only Events tell is taken over from `known`.
///
/// RBAC: `get` on `pods`.
///
/// # Errors
/// If it could not be read or decoded.
pub(crate) async fn read(
    namespace: &Name,
    name: &Name,
    known: Option<&PodSeen>,
    client: &Client,
) -> Result<Option<PodSeen>, kube::Error> {
    let pods = Api::<pod::Pod>::namespaced(client.clone(), namespace.as_str());
    let found = pods.get_opt(name.as_str()).await?;
    Ok(found.map(|pod| {
        let uid = Uid::parse(pod.metadata.uid.as_deref().unwrap_or_default()).name();
        let known = known.filter(|known| known.uid == uid);
        let was_ready = known.is_some_and(|k| k.was_ready);
        let mut live = seen::seen(&pod, &Shape::of(&pod), was_ready, known);
        if let Some(known) = known {
            live.probes.clone_from(&known.probes);
            live.events.clone_from(&known.events);
        }
        live
    }))
}
