//! Writes an answer from Slack as an `Approval` object. Names are derived, so that the API server lets the first decision win, and
//! writing the same answer again (after a time-out, after a restart) changes nothing.
//!
//! RBAC: `create, get` on `approvals` in the incident's namespace.

use super::interaction::Speaker;
use crate::{api, context::within, error::code};
use kube::{Api, Client, api::PostParams};
use podmender_policy::{
    approval::{Answer, ApprovalRequest, Entrance, Given, NoPlace, Search},
    bounds::{Name, Text},
    incident::Incident,
    remedy::RemedyName,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// An API server that does not answer is asked again for so long: the person was told nothing yet.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first wait before it is asked again; doubles up to ten times this.
const RETRY: Duration = Duration::from_millis(200);
/// A snooze that did not count leaves its name taken: so many are tried.
const SNOOZES: u8 = 4;

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Written.
    Now,
    /// There was no place for it any more.
    Not(NoPlace),
}

/// Why it could not be written. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The agent's account may not write it.
    #[error("it may not create Approvals in namespace {0}")]
    Forbidden(Name),
    /// An admission policy or webhook refuses it.
    #[error("an admission policy of the cluster refuses it")]
    Denied,
    /// The API server does not take it: a quota, another version of the definition.
    #[error("the API server does not take it ({0})")]
    Refused(u16),
    /// The API server does not answer.
    #[error("the API server does not answer")]
    Unreachable,
    /// It does not, and the agent is being stopped: there is no time to ask again.
    #[error("the API server does not answer, and Podmender is being restarted")]
    Leaving,
}

impl Trouble {
    /// A short word for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::Denied => "denied_by_admission",
            Self::Refused(_) => "refused",
            Self::Unreachable => "unreachable",
            Self::Leaving => "leaving",
        }
    }
}

/// Where answers of one person on one incident are written.
pub struct Desk<'a> {
    /// The API server.
    pub client: Client,
    /// The incident.
    pub incident: &'a Incident,
    /// The UID of its object: when that is deleted, Kubernetes deletes the answers too.
    pub uid: &'a Name,
    /// Who answers.
    pub speaker: &'a Speaker,
    /// From then on nothing is waited for any more.
    pub leaving: &'a CancellationToken,
}

impl Desk<'_> {
    /// Takes the first free place among the answers to `asked`.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn answer(
        &self,
        asked: &ApprovalRequest,
        answer: Answer,
    ) -> Result<Recorded, Trouble> {
        let mut search = Search::new(&self.incident.id, asked, self.given(answer));
        loop {
            let body = self.body(asked, answer);
            match self.write(&search.name(), body).await? {
                Written::Made => return Ok(Recorded::Now),
                Written::Taken(other) => {
                    if let Some(why) = search.taken_by(other.given()) {
                        return Ok(Recorded::Not(why));
                    }
                }
            }
        }
    }

    /// Puts the incident off. One snooze follows another: of two at the same moment the first one counts.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn snooze(&self, span: Duration) -> Result<Recorded, Trouble> {
        let status = &self.incident.status;
        let mut body = match &status.approval {
            Some(asked) => self.body(asked, Answer::Snooze),
            None => self.unasked(),
        };
        body.snooze_for = Some(Text::new(&format!("{}s", span.as_secs())));
        let stem: String = self.incident.id.0.as_str().chars().take(30).collect();
        let ticket = self.incident.ticket();
        let ticket = ticket.as_str().get(..12).unwrap_or_default();
        let since = status.snoozed_until.map_or(0, |until| until.as_second());
        for n in 1..=SNOOZES {
            let stem = stem.trim_end_matches(['-', '.']);
            let name = Name::from(format!("{stem}-{ticket}-s{since}-{n}"));
            match self.write(&name, body.clone()).await? {
                Written::Made => return Ok(Recorded::Now),
                Written::Taken(other) if did_not_count(&other) => {}
                Written::Taken(other) => {
                    let mine = self.given(Answer::Snooze);
                    return Ok(Recorded::Not(mine.behind(other.given())));
                }
            }
        }
        Err(Trouble::Refused(409))
    }

    fn given(&self, answer: Answer) -> Given {
        Given {
            by: Text::new(self.speaker.user.as_str()),
            via: self.via(),
            answer,
        }
    }

    fn body(&self, asked: &ApprovalRequest, answer: Answer) -> api::ApprovalBody {
        api::ApprovalBody {
            by: Some(Text::new(self.speaker.user.as_str())),
            via: Some(self.via()),
            ..api::ApprovalBody::answering(&self.incident.id, asked, answer)
        }
    }

    /// A snooze answers no question, so what it says of one is not read.
    fn unasked(&self) -> api::ApprovalBody {
        api::ApprovalBody {
            incident: self.incident.id.clone(),
            answer: Answer::Snooze,
            remedy: RemedyName::Restart,
            uid: self.incident.spec.workload_uid.clone(),
            generation: 0,
            by: Some(Text::new(self.speaker.user.as_str())),
            via: Some(self.via()),
            snooze_for: None,
        }
    }

    fn via(&self) -> Entrance {
        Entrance::Slack {
            user: self.speaker.user.clone(),
            team: self.speaker.team.clone(),
        }
    }

    /// Creates one object, or reads the one that bears its name.
    async fn write(&self, name: &Name, body: api::ApprovalBody) -> Result<Written, Trouble> {
        let written = self
            .leaving
            .run_until_cancelled(self.try_to_write(name, body));
        written.await.unwrap_or(Err(Trouble::Leaving))
    }

    async fn try_to_write(&self, name: &Name, body: api::ApprovalBody) -> Result<Written, Trouble> {
        let namespace = &self.incident.spec.workload.namespace;
        let api: Api<api::Approval> = Api::namespaced(self.client.clone(), namespace.as_str());
        let wanted =
            api::Approval::new(name.as_str(), body).beside(&self.incident.id, self.uid.as_str());
        let until = Instant::now() + PATIENCE;
        let mut wait = RETRY;
        // Whether an earlier try may have been written although nothing was heard of it.
        let mut unsure = false;
        loop {
            let failed = match within(api.create(&PostParams::default(), &wanted)).await {
                Ok(_) => return Ok(Written::Made),
                Err(error) if is_taken(error.as_ref()) => {
                    match within(api.get(name.as_str())).await {
                        Ok(other) if unsure && other.spec == wanted.spec => {
                            return Ok(Written::Made);
                        }
                        Ok(other) => return Ok(Written::Taken(Box::new(other))),
                        Err(error) => error,
                    }
                }
                Err(error) => {
                    unsure = true;
                    error
                }
            };
            match failed.as_ref().and_then(code) {
                Some(403) if lacks_right(failed.as_ref()) => {
                    return Err(Trouble::Forbidden(namespace.clone()));
                }
                Some(403) => return Err(Trouble::Denied),
                // Gone between the two, busy, slow or away: again.
                Some(404 | 408 | 429) | None => {}
                Some(code) if code < 500 => return Err(Trouble::Refused(code)),
                Some(_) => {}
            }
            if Instant::now() + wait > until {
                return Err(Trouble::Unreachable);
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY * 10);
        }
    }
}

enum Written {
    Made,
    Taken(Box<api::Approval>),
}

fn is_taken(error: Option<&kube::Error>) -> bool {
    error.and_then(code) == Some(409)
}

/// RBAC says which verb is missing; admission plugins name themselves.
fn lacks_right(error: Option<&kube::Error>) -> bool {
    matches!(error, Some(kube::Error::Api(status)) if status.message.contains("cannot create resource") || status.message.contains("cannot get resource"))
}

fn did_not_count(other: &api::Approval) -> bool {
    other
        .status
        .as_ref()
        .is_some_and(|status| status.result == Some(api::ApprovalResult::Refused))
}
