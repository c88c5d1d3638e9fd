//! The end of a question's time, recorded like an answer: an `Approval` of the agent's own in the first free place. The API server
//! lets the first one win, so whoever answered in the last moment has the place, and the next pass hears them first.
//!
//! The question is closed either way: what is answered later does not count. RBAC: `create, get` and the verb `attest` on `approvals`
//! in the incident's namespace (`rbac/approvals-admission-policy.yaml`).

use crate::{
    api,
    context::{Context, within},
    error::{Error, code, is_definite},
};
use kube::{Api, ResourceExt, api::PostParams};
use podmender_policy::{
    approval::{ApprovalRequest, Given, Search},
    bounds::Name,
    incident::Incident,
};

/// Records that nobody answered `asked` in time, and wakes the workload: the next pass rules on it. Doing it again changes nothing.
///
/// # Errors
/// The API server does not answer: to be tried again. If it refuses, the next pass is told so, and closes without the object.
pub async fn close(
    asked: &ApprovalRequest,
    incident: &Incident,
    ctx: &Context,
) -> Result<(), Error> {
    let workload = &incident.spec.workload;
    let owner = ctx.store.incident(workload).map(|stored| stored.uid);
    let owner = owner.unwrap_or_default();
    let api = Api::<api::Approval>::namespaced(ctx.client.clone(), workload.namespace.as_str());
    let mut search =
        Search::new(&incident.id, asked, Given::expired()).past(&incident.status.consumed);
    loop {
        let name = search.name();
        let wanted = ended(&name, incident, asked, &owner);
        let failed = match within(api.create(&PostParams::default(), &wanted)).await {
            Ok(made) => return hear(&made, asked, incident, ctx),
            Err(Some(error)) if code(&error) == Some(409) => {
                match within(api.get(name.as_str())).await {
                    Ok(other) if search.taken_by(other.given()).is_some() => {
                        return hear(&other, asked, incident, ctx);
                    }
                    Ok(_) => continue,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        return match failed {
            Some(error) if is_definite(&error) && !matches!(code(&error), Some(409 | 429)) => {
                tracing::warn!(incident = %incident.id, %error, "the end of a question cannot be recorded as an Approval; it is closed all the same");
                give_up(asked, incident, ctx);
                Ok(())
            }
            Some(error) => Err(Error::Approval(workload.clone(), error)),
            None => Err(Error::Timeout),
        };
    }
}

/// Has the next pass see what stands in that place. If it saw it already and still found no answer, it is none, and keeps the place.
fn hear(
    object: &api::Approval,
    asked: &ApprovalRequest,
    incident: &Incident,
    ctx: &Context,
) -> Result<(), Error> {
    let key = (
        incident.spec.workload.namespace.clone(),
        Name::new(&object.name_any()),
    );
    let answer = object.unused().filter(|answer| incident.is_unused(answer));
    let is_news = answer.is_some_and(|answer| {
        let mut state = ctx.store.lock();
        state.approvals.insert(key, answer).is_none()
    });
    if is_news {
        ctx.queue.wake(incident.spec.workload.clone());
    } else {
        give_up(asked, incident, ctx);
    }
    Ok(())
}

fn give_up(asked: &ApprovalRequest, incident: &Incident, ctx: &Context) {
    let first = asked.slot(&incident.id, 1);
    ctx.store.lock().cannot_close(&incident.id, first);
    ctx.queue.wake(incident.spec.workload.clone());
}

/// That the time of `asked` is over, under this name.
fn ended(name: &Name, incident: &Incident, asked: &ApprovalRequest, owner: &Name) -> api::Approval {
    let given = Given::expired();
    let body = api::ApprovalBody {
        by: Some(given.by),
        via: Some(given.via),
        ..api::ApprovalBody::answering(&incident.id, asked, given.answer)
    };
    api::Approval::new(name.as_str(), body).beside(&incident.id, owner.as_str())
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
