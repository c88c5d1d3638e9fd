//! Who somebody is, asked of Slack: never believed from a payload alone, and remembered for a minute.
//!
//! Fails closed: without an answer from Slack nobody is anybody. Scopes: `users:read`, `usergroups:read`.

use super::{
    answer::ApiError,
    api::{Api, Id, Identity, User},
    interaction::Speaker,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, join_all},
};
use podmender_policy::{
    approval::{PersonKind, SlackPerson},
    rules::Approvers,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// An answer of Slack about people counts for so long: who left a group can answer for a minute more.
const AGE: Duration = Duration::from_secs(60);
/// So many answers are kept.
const MOST: usize = 1024;

/// What Slack knows of people.
#[derive(Debug)]
pub struct People {
    api: Api,
    own: Remembered<Identity>,
    users: Remembered<User>,
    groups: Remembered<Arc<BTreeSet<Id>>>,
}

impl People {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self {
            api,
            own: Remembered::default(),
            users: Remembered::default(),
            groups: Remembered::default(),
        }
    }

    /// The person behind `speaker`, with those of the approvers' groups that they are in.
    ///
    /// # Errors
    /// Slack does not say; then they have no right (see [`ApiError`]).
    pub async fn person(
        &self,
        speaker: &Speaker,
        approvers: &Approvers,
    ) -> Result<SlackPerson, ApiError> {
        let api = self.api.clone();
        let own = self.own.get(&Id::default(), move || {
            async move { api.auth_test().await }.boxed()
        });
        let (api, id) = (self.api.clone(), speaker.user.clone());
        let user = self.users.get(&speaker.user, move || {
            async move { api.user_info(id.as_str()).await }.boxed()
        });
        // Both to their end: a question that is left half-way would hold its answer, whatever it is by then, for the next one.
        let (own, user) = futures::join!(own, user);
        let kind = kind(speaker, user.as_ref().map_err(Clone::clone)?, &own?);
        let groups = match kind {
            // Whoever is listed needs no group, and whoever is no member gains nothing by one.
            PersonKind::Member if !approvers.slack_users.contains(&speaker.user) => {
                self.groups_of(&speaker.user, approvers).await?
            }
            _ => BTreeSet::new(),
        };
        Ok(SlackPerson {
            user: speaker.user.clone(),
            team: speaker.team.clone(),
            enterprise: user?.enterprise().cloned(),
            kind,
            groups,
        })
    }

    /// Those of the approvers' groups that `user` is in. One group that Slack does not tell of matters only if no other has them.
    async fn groups_of(&self, user: &Id, approvers: &Approvers) -> Result<BTreeSet<Id>, ApiError> {
        let asked = approvers.slack_groups.iter().map(|group| async move {
            let (api, id) = (self.api.clone(), group.clone());
            let ask = move || {
                async move {
                    let members = api.group_members(id.as_str()).await?;
                    Ok(Arc::new(members.into_iter().collect()))
                }
                .boxed()
            };
            let members: Arc<BTreeSet<Id>> = self.groups.get(group, ask).await?;
            Ok(members.contains(user).then(|| group.clone()))
        });
        let mut found = BTreeSet::new();
        let mut unknown = None;
        for answer in join_all(asked).await {
            match answer {
                Ok(group) => found.extend(group),
                Err(error) => unknown = Some(error),
            }
        }
        match unknown {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

/// What kind of member that is, by what the payload and Slack's own answer agree on.
fn kind(speaker: &Speaker, user: &User, own: &Identity) -> PersonKind {
    // Of an organisation, the workspaces are one; a shared channel shows its own enterprise for everybody, so that says nothing.
    let of_our_organisation =
        own.enterprise.is_some() && user.enterprise() == own.enterprise.as_ref();
    let at_home = !user.team_id.is_empty() && user.team_id == own.team;
    let told_alike = user.team_id == speaker.team;
    let is_ours = of_our_organisation || (at_home && told_alike);
    if user.is_bot {
        PersonKind::Bot
    } else if user.deleted || user.is_stranger || !is_ours {
        PersonKind::External
    } else if user.is_restricted || user.is_ultra_restricted {
        PersonKind::Guest
    } else {
        PersonKind::Member
    }
}

type Asking<V> = Shared<BoxFuture<'static, Result<V, ApiError>>>;

/// Answers by what they are about. Whoever asks while a question is under way waits for the same answer; errors are not kept.
#[derive(Debug)]
struct Remembered<V: Clone>(Mutex<HashMap<Id, (Instant, Asking<V>)>>);

impl<V: Clone> Default for Remembered<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    fn get(
        &self,
        about: &Id,
        ask: impl FnOnce() -> BoxFuture<'static, Result<V, ApiError>>,
    ) -> Asking<V> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |(at, asking): &(Instant, Asking<V>)| {
            at.elapsed() < AGE && !matches!(asking.peek(), Some(Err(_)))
        };
        if let Some(entry) = kept.get(about).filter(|entry| is_good(entry)) {
            return entry.1.clone();
        }
        if kept.len() >= MOST {
            kept.retain(|_, entry| is_good(entry));
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        let asking = ask().shared();
        kept.insert(about.clone(), (Instant::now(), asking.clone()));
        asking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(team: &str) -> Speaker {
        Speaker {
            user: "U0ADA0001".into(),
            team: team.into(),
            enterprise: None,
        }
    }

    fn own(enterprise: Option<&str>) -> Identity {
        Identity {
            team: "T0SHOP".into(),
            enterprise: enterprise.map(Id::from),
            bot_user: "U0POD".into(),
            scopes: Vec::new(),
        }
    }

    fn user(json: &str) -> User {
        serde_json::from_str(json).expect(json)
    }

    /// Row 47: a payload that says another workspace than Slack does, a guest, an app and an account of elsewhere are no members.
    #[test]
    fn fault_47_who_is_a_member_is_for_slack_to_say() {
        use PersonKind::{Bot, External, Guest, Member};
        for (team, json, kind_of) in [
            ("T0SHOP", r#"{"team_id":"T0SHOP"}"#, Member),
            (
                "T0SHOP",
                r#"{"team_id":"T0SHOP","is_restricted":true}"#,
                Guest,
            ),
            (
                "T0SHOP",
                r#"{"team_id":"T0SHOP","is_ultra_restricted":true}"#,
                Guest,
            ),
            ("T0SHOP", r#"{"team_id":"T0SHOP","is_bot":true}"#, Bot),
            ("T0SHOP", r#"{"team_id":"T0SHOP","deleted":true}"#, External),
            (
                "T0SHOP",
                r#"{"team_id":"T0SHOP","is_stranger":true}"#,
                External,
            ),
            ("T0SHOP", r#"{"team_id":"T0OTHER"}"#, External),
            ("T0OTHER", r#"{"team_id":"T0SHOP"}"#, External),
            ("T0OTHER", r#"{"team_id":"T0OTHER"}"#, External),
            ("", r#"{}"#, External),
        ] {
            assert_eq!(
                kind(&speaker(team), &user(json), &own(None)),
                kind_of,
                "{team} {json}"
            );
        }
    }

    /// Row 47: the workspaces of one organisation are one, by what Slack says of the account.
    #[test]
    fn fault_47_an_organisation_is_known_by_the_account_and_not_by_the_payload() {
        let theirs = user(r#"{"team_id":"T0TWO","enterprise_user":{"enterprise_id":"E0BIG"}}"#);
        assert_eq!(
            kind(&speaker("T0TWO"), &theirs, &own(Some("E0BIG"))),
            PersonKind::Member
        );
        assert_eq!(
            kind(&speaker("T0TWO"), &theirs, &own(Some("E0OUR"))),
            PersonKind::External
        );
        assert_eq!(
            kind(&speaker("T0TWO"), &theirs, &own(None)),
            PersonKind::External
        );
        let mut claims = speaker("T0TWO");
        claims.enterprise = Some("E0BIG".into());
        let none = user(r#"{"team_id":"T0TWO"}"#);
        assert_eq!(
            kind(&claims, &none, &own(Some("E0BIG"))),
            PersonKind::External
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_for_a_minute_and_an_error_not_at_all() {
        let kept: Remembered<u8> = Remembered::default();
        let about = Id::from("U1");
        let error = || async { Err(ApiError::MessageGone) }.boxed();
        assert!(kept.get(&about, error).await.is_err());
        assert_eq!(kept.get(&about, || async { Ok(1) }.boxed()).await, Ok(1));
        tokio::time::advance(AGE - Duration::from_secs(1)).await;
        assert_eq!(kept.get(&about, || async { Ok(2) }.boxed()).await, Ok(1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(kept.get(&about, || async { Ok(3) }.boxed()).await, Ok(3));
    }
}
