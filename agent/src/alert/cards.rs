//! The cards of one Slack channel: where each stands, what it shows, and which no longer show what is the case.

use crate::alert::{notice::Notice, slack_card};
use podmender_policy::{
    bounds::Text,
    incident::{IncidentId, Phase, Post},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Where a card stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The channel's id.
    pub(crate) conversation: Text<32>,
    /// The message's id in it.
    pub(crate) ts: Text<32>,
}

impl Place {
    /// As an incident's status keeps it.
    pub(crate) fn kept(self, channel: &Text<80>) -> Post {
        Post {
            channel: channel.clone(),
            conversation: self.conversation,
            ts: self.ts,
        }
    }
}

/// What to do about a card that somebody deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfGone {
    /// Post it once more: whoever deleted it may not have meant to.
    PostAnew,
    /// Leave it: it was posted anew before, or is of no use any more.
    LetBe,
}

/// A card that is to be brought up to date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refresh {
    pub(crate) notice: Arc<Notice>,
    pub(crate) place: Place,
    pub(crate) if_gone: IfGone,
}

/// Where the card about `notice` stands, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    pub(crate) notice: Arc<Notice>,
    /// `None`: it is gone.
    pub(crate) place: Option<Place>,
    pub(crate) shown: Shown,
}

/// Whether a card shows the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Newest,
    /// It was not brought up to date yet.
    Older,
}

#[derive(Debug)]
struct Known {
    /// `None`: somebody deleted it.
    place: Option<Place>,
    /// The face that it shows; `None`: not known since a restart.
    shown: Option<u64>,
    if_gone: IfGone,
}

#[derive(Debug)]
struct Stale {
    notice: Arc<Notice>,
    face: u64,
    since: Duration,
}

/// The cards of one channel.
#[derive(Debug)]
pub(crate) struct Cards {
    /// The channel as policies name it.
    channel: Text<80>,
    known: BTreeMap<IncidentId, Known>,
    stale: BTreeMap<IncidentId, Stale>,
}

impl Cards {
    pub(crate) fn new(channel: Text<80>) -> Self {
        Self {
            channel,
            known: BTreeMap::new(),
            stale: BTreeMap::new(),
        }
    }

    /// Takes the newest state of an incident. Returns whether its card has to be brought up to date.
    pub(crate) fn offer(&mut self, notice: &Arc<Notice>, now: Duration) -> bool {
        let id = &notice.id;
        if !self.known.contains_key(id) {
            let Some(post) = notice.posts.iter().find(|p| p.channel == self.channel) else {
                return false;
            };
            let known = Known {
                place: Some(Place {
                    conversation: post.conversation.clone(),
                    ts: post.ts.clone(),
                }),
                shown: None,
                if_gone: IfGone::PostAnew,
            };
            self.known.insert(id.clone(), known);
        }
        let Some(known) = self.known.get(id) else {
            return false;
        };
        // It ended, and people know: after a restart its card is taken to say so.
        let over = notice.phase == Phase::Resolved && notice.told == Some(Phase::Resolved);
        let face = slack_card::face(notice);
        let current = known.shown.map_or(over, |shown| shown == face);
        if current || known.place.is_none() {
            self.stale.remove(id);
            if over {
                self.known.remove(id);
            }
            return false;
        }
        let since = self.stale.get(id).map_or(now, |before| before.since);
        let notice = Arc::clone(notice);
        let stale = Stale {
            notice,
            face,
            since,
        };
        self.stale.insert(stale.notice.id.clone(), stale);
        true
    }

    /// The card of an incident, if there is one: where it stands, and whether it shows `notice` already.
    pub(crate) fn of(&self, notice: &Arc<Notice>) -> Option<Standing> {
        let known = self.known.get(&notice.id)?;
        let current = known.shown == Some(slack_card::face(notice));
        Some(Standing {
            notice: Arc::clone(notice),
            place: Some(known.place.clone()?),
            shown: if current { Shown::Newest } else { Shown::Older },
        })
    }

    /// The card that has been out of date for longest.
    pub(crate) fn oldest(&self) -> Option<Refresh> {
        let stale = self.stale.values().min_by_key(|s| s.since)?;
        let known = self.known.get(&stale.notice.id)?;
        let over = stale.notice.phase == Phase::Resolved;
        Some(Refresh {
            notice: Arc::clone(&stale.notice),
            place: known.place.clone()?,
            if_gone: if over { IfGone::LetBe } else { known.if_gone },
        })
    }

    /// Takes over what became of a card. Returns whether it stands elsewhere than before.
    pub(crate) fn keep(&mut self, standing: &Standing) -> bool {
        let id = &standing.notice.id;
        let before = self.known.remove(id);
        let moved = before.as_ref().is_none_or(|b| b.place != standing.place);
        let if_gone = match &before {
            Some(before) if !moved => before.if_gone,
            Some(_) => IfGone::LetBe,
            None => IfGone::PostAnew,
        };
        let face = slack_card::face(&standing.notice);
        let shown = match standing.shown {
            Shown::Newest => Some(face),
            Shown::Older => before.and_then(|b| b.shown),
        };
        let gone = standing.place.is_none();
        if gone || self.stale.get(id).is_some_and(|s| Some(s.face) == shown) {
            self.stale.remove(id);
        }
        let known = Known {
            place: standing.place.clone(),
            shown,
            if_gone,
        };
        self.known.insert(id.clone(), known);
        moved
    }

    pub(crate) fn forget(&mut self, id: &IncidentId) {
        self.known.remove(id);
        self.stale.remove(id);
    }
}
