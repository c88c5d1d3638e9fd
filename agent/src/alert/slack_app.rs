//! What a Slack app is asked to do: post a card, bring it up to date, and say in its thread what nobody must miss.
//!
//! A card is updated before its thread is told, so that who comes to look finds the buttons. A message is posted at worst
//! twice (killed between the post and the note of where it stands), never not at all.

use crate::{
    alert::{
        cards::{IfGone, Place, Refresh, Shown, Standing},
        digest::Digest,
        lane::Form,
        notice::Notice,
        post::Failure,
        slack_card::{self, Card},
    },
    slack::{
        answer::ApiError,
        api::{Api, Message, Posted, Reach},
    },
};
use jiff::Timestamp;
use podmender_policy::{bounds::Text, incident::Phase};
use std::sync::Arc;

/// What is to be said.
pub(crate) enum Errand {
    /// News of an incident that has no card.
    Post(Arc<Notice>),
    /// News of one that has a card: it follows in the card's thread.
    Tell(Standing),
    /// No news, but the card is out of date.
    Refresh(Refresh),
    /// News of many.
    Digest(Digest),
}

/// One Slack channel, for one errand.
pub(crate) struct Desk {
    pub(crate) api: Api,
    /// As policies name it.
    pub(crate) channel: Text<80>,
    pub(crate) form: Form,
    pub(crate) now: Timestamp,
}

impl Desk {
    /// Does it. Returns what became of the card, if it is about one.
    ///
    /// # Errors
    /// See [`ApiError`]. Everything may be tried again as a whole.
    pub(crate) async fn run(&self, errand: Errand) -> Result<Option<Standing>, ApiError> {
        match errand {
            Errand::Post(notice) => self.post(notice).await.map(Some),
            Errand::Tell(standing) => self.tell(standing).await.map(Some),
            Errand::Refresh(refresh) => self.refresh(refresh).await.map(Some),
            Errand::Digest(digest) => {
                let message = message(slack_card::digest(&digest, self.form));
                self.api.post(self.channel.as_str(), &message).await?;
                Ok(None)
            }
        }
    }

    async fn post(&self, notice: Arc<Notice>) -> Result<Standing, ApiError> {
        let message = message(slack_card::card(&notice, self.form, self.now));
        let Posted { channel, ts } = self.api.post(self.channel.as_str(), &message).await?;
        let place = Place {
            conversation: channel,
            ts,
        };
        Ok(Standing {
            notice,
            place: Some(place),
            shown: Shown::Newest,
        })
    }

    async fn tell(&self, card: Standing) -> Result<Standing, ApiError> {
        let Standing {
            notice,
            place: Some(place),
            shown,
        } = card
        else {
            return self.post(card.notice).await;
        };
        let shown = match shown {
            Shown::Newest => Shown::Newest,
            Shown::Older => match self.update(&notice, &place).await {
                Ok(()) => Shown::Newest,
                // Slack limits each method by itself: the news need not wait for the card.
                Err(ApiError::RateLimited(_)) => Shown::Older,
                Err(ApiError::MessageGone) => return self.post(notice).await,
                Err(e) => return Err(e),
            },
        };
        let reply = Message {
            thread_ts: Some(place.ts.clone()),
            reach: reach(&notice),
            ..message(slack_card::follow_up(&notice, self.form, self.now))
        };
        match self.api.post(place.conversation.as_str(), &reply).await {
            Ok(_) => Ok(Standing {
                notice,
                place: Some(place),
                shown,
            }),
            Err(ApiError::MessageGone) => self.post(notice).await,
            Err(e) => Err(e),
        }
    }

    async fn refresh(&self, refresh: Refresh) -> Result<Standing, ApiError> {
        let Refresh {
            notice,
            place,
            if_gone,
        } = refresh;
        match (self.update(&notice, &place).await, if_gone) {
            (Ok(()), _) => Ok(Standing {
                notice,
                place: Some(place),
                shown: Shown::Newest,
            }),
            (Err(ApiError::MessageGone), IfGone::PostAnew) => self.post(notice).await,
            (Err(ApiError::MessageGone), IfGone::LetBe) => Ok(Standing {
                notice,
                place: None,
                shown: Shown::Older,
            }),
            (Err(e), _) => Err(e),
        }
    }

    async fn update(&self, notice: &Notice, place: &Place) -> Result<(), ApiError> {
        let message = message(slack_card::card(notice, self.form, self.now));
        let (conversation, ts) = (place.conversation.as_str(), place.ts.as_str());
        self.api.update(conversation, ts, &message).await.map(drop)
    }
}

/// A reply in a thread alerts nobody who has not written there. Where a person is needed, or it fails again, the channel is
/// shown it too; that it is well again can be read in the morning.
fn reach(notice: &Notice) -> Reach {
    match notice.phase {
        Phase::Resolved => Reach::Thread,
        Phase::AwaitingApproval
        | Phase::Escalated
        | Phase::Detected
        | Phase::Remediating
        | Phase::Verifying => Reach::Channel,
    }
}

fn message(card: Card) -> Message {
    Message {
        text: card.text,
        blocks: card.blocks,
        ..Message::default()
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::RateLimited(wait) => Self::Limited(Some(wait)),
            ApiError::Unfit(_) => Self::Unfit(error.to_string()),
            ApiError::Unreachable(why) => Self::Unreachable(why),
            ApiError::Revoked(_)
            | ApiError::ChannelGone(_)
            | ApiError::MessageGone
            | ApiError::Refused(_)
            | ApiError::NoToken(_) => Self::Refused {
                says: error.to_string(),
                wait: None,
            },
        }
    }
}
