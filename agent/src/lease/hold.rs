//! Takes, keeps and gives back the Lease.
//!
//! RBAC: `get, create, update` on `leases` (coordination.k8s.io) in the agent's own namespace.

use super::{Claim, EVERY, LASTS, Move, RENEW_WITHIN, View};
use crate::error::code;
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease as Object, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// No request waits longer: half of what a leader has.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why this replica leads no more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Another one does.
    #[error("replica {0} leads now")]
    To(String),
    /// It could not be renewed in time.
    #[error("the lease could not be renewed for {} s ({why})", RENEW_WITHIN.as_secs())]
    NotRenewed {
        /// The last try.
        why: String,
    },
}

/// The Lease, seen from one replica.
pub struct Lease {
    api: Api<Object>,
    name: String,
    me: String,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    view: View,
    /// As it was written last, while it is ours.
    held: Option<Object>,
}

/// What came of one try.
enum Tried {
    /// It is ours from before the try on.
    Held,
    /// Another replica's, to be looked at after this time.
    Theirs(Duration),
    /// It changed while we looked.
    Again,
}

/// So long after it changed under our hands it is looked at again.
const AGAIN: Duration = Duration::from_millis(100);

impl Lease {
    /// The Lease `name` in `namespace`, for the replica `me`.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        me: &str,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: me.to_owned(),
            now,
            view: View::new(me),
            held: None,
        }
    }

    /// Waits until this replica leads; tells `standby` who does meanwhile, whenever that changes. `None`: that is not known, since
    /// the Lease cannot be read or written.
    /// Returns from when on it leads.
    pub async fn take(&mut self, standby: impl Fn(Option<&str>)) -> Instant {
        let mut told: Option<Option<String>> = None;
        loop {
            let began = Instant::now();
            let theirs = match timeout(PATIENCE, self.attempt()).await {
                Ok(Ok(Tried::Held)) => return began,
                Ok(Ok(Tried::Theirs(wait))) => Some(wait),
                Ok(Ok(Tried::Again)) => {
                    sleep(AGAIN).await;
                    continue;
                }
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, %error, "the lease cannot be taken; trying again");
                    None
                }
                Err(_) => None,
            };
            let leader = theirs.map(|_| self.view.leader().to_owned());
            if told.as_ref() != Some(&leader) {
                standby(leader.as_deref());
                told = Some(leader);
            }
            sleep(theirs.unwrap_or(EVERY)).await;
        }
    }

    /// Renews it until it is lost.
    pub async fn keep(&mut self, since: Instant) -> Lost {
        let (mut renewed, mut began) = (since, since);
        let mut trouble = "no answer".to_owned();
        loop {
            let over = renewed + RENEW_WITHIN;
            // A try that took long has waited already.
            sleep_until((began + EVERY).min(over)).await;
            began = Instant::now();
            if began >= over {
                return Lost::NotRenewed { why: trouble };
            }
            match timeout(PATIENCE.min(over - began), self.attempt()).await {
                Ok(Ok(Tried::Held)) => renewed = began,
                Ok(Ok(Tried::Theirs(_))) => return Lost::To(self.view.leader().to_owned()),
                Ok(Ok(Tried::Again)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, %error, "the lease is not renewed yet");
                    trouble = error.to_string();
                }
                Err(_) => "no answer".clone_into(&mut trouble),
            }
        }
    }

    /// Gives it back, so that another replica need not wait for its end. What fails here ends by itself.
    pub async fn release(&mut self) {
        let Some(mut object) = self.held.take() else {
            return;
        };
        let spec = object.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        let params = PostParams::default();
        let written = self.api.replace(&self.name, &params, &object);
        if let Ok(Err(error)) = timeout(PATIENCE, written).await {
            tracing::warn!(lease = self.name, %error, "the lease could not be given back");
        }
    }

    /// Writes our name into it, if it is ours or free.
    async fn attempt(&mut self) -> Result<Tried, kube::Error> {
        if let Some(object) = self.held.clone() {
            match self.write(object).await {
                Ok(()) => return Ok(Tried::Held),
                // Edited, deleted, or taken: it is read anew.
                Err(error) if is_stale(&error) => self.held = None,
                Err(error) => return Err(error),
            }
        }
        let found = self.api.get_opt(&self.name).await?;
        let claim = found.as_ref().map(claim);
        if let Move::Wait(wait) = self.view.look(claim, Instant::now()) {
            return Ok(Tried::Theirs(wait));
        }
        let object = found.unwrap_or_else(|| Object {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        match self.write(object).await {
            Ok(()) => Ok(Tried::Held),
            Err(error) if is_stale(&error) => Ok(Tried::Again),
            Err(error) => Err(error),
        }
    }

    async fn write(&mut self, mut object: Object) -> Result<(), kube::Error> {
        let spec = object.spec.take().unwrap_or_default();
        let now = MicroTime((self.now)());
        let is_ours = spec.holder_identity.as_deref() == Some(&self.me);
        object.spec = Some(LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(LASTS.as_secs()).ok(),
            acquire_time: spec
                .acquire_time
                .filter(|_| is_ours)
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(
                spec.lease_transitions
                    .unwrap_or_default()
                    .saturating_add(i32::from(!is_ours)),
            ),
            ..spec
        });
        let params = PostParams::default();
        let written = match object.metadata.resource_version {
            Some(_) => self.api.replace(&self.name, &params, &object).await?,
            None => self.api.create(&params, &object).await?,
        };
        self.held = Some(written);
        Ok(())
    }
}

/// Edited, deleted or made since it was read.
fn is_stale(error: &kube::Error) -> bool {
    matches!(code(error), Some(404 | 409))
}

fn claim(object: &Object) -> Claim {
    let spec = object.spec.clone().unwrap_or_default();
    let lasts = spec
        .lease_duration_seconds
        .and_then(|s| u64::try_from(s).ok());
    Claim {
        holder: spec.holder_identity.unwrap_or_default(),
        renewed: format!("{:?} {:?}", spec.renew_time, spec.lease_transitions),
        lasts: lasts.map_or(LASTS, Duration::from_secs),
    }
}
