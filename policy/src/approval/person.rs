//! Who may answer in Slack.

use crate::{bounds::Text, rules::Approvers};
use std::collections::BTreeSet;

/// A person as Slack tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackPerson {
    /// The member's id (`U…`, `W…`).
    pub user: Text<32>,
    /// Their workspace (`T…`).
    pub team: Text<32>,
    /// Their organisation (`E…`), if there is one.
    pub enterprise: Option<Text<32>>,
    /// What kind of member.
    pub kind: PersonKind,
    /// The user groups (`S…`) that they are in, as the shell found out.
    pub groups: BTreeSet<Text<32>>,
}

/// What kind of member somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonKind {
    /// A full member.
    Member,
    /// A guest of one or more channels.
    Guest,
    /// An app.
    Bot,
    /// From another workspace, by a shared channel.
    External,
}

/// Why somebody may not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`explain` says each in a sentence")]
pub enum NoRight {
    NobodyListed,
    NotListed,
    OtherWorkspace,
    Guest,
    Bot,
}

impl NoRight {
    /// For the person who tried.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::NobodyListed => {
                "The policy lists no approvers, so nobody can answer here (spec.autonomy.approvers)."
            }
            Self::NotListed => {
                "You are not among the approvers of this policy (spec.autonomy.approvers)."
            }
            Self::OtherWorkspace => "Answers from another workspace do not count.",
            Self::Guest => "Guests cannot answer.",
            Self::Bot => "Apps cannot answer.",
        }
    }
}

impl Approvers {
    /// Whether `who` may approve, deny and snooze. Without a list nobody may.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, who: &SlackPerson) -> Result<(), NoRight> {
        match who.kind {
            PersonKind::Bot => return Err(NoRight::Bot),
            PersonKind::External => return Err(NoRight::OtherWorkspace),
            PersonKind::Guest => return Err(NoRight::Guest),
            PersonKind::Member => {}
        }
        if self.slack_users.is_empty() && self.slack_groups.is_empty() {
            return Err(NoRight::NobodyListed);
        }
        if !self.is_of_team(&who.team) {
            return Err(NoRight::OtherWorkspace);
        }
        let listed =
            self.slack_users.contains(&who.user) || !self.slack_groups.is_disjoint(&who.groups);
        listed.then_some(()).ok_or(NoRight::NotListed)
    }

    /// Whether a recorded answer can still be that of an approver: membership of a group was proven at the entrance.
    pub(crate) fn may_have_answered(&self, user: &Text<32>, team: &Text<32>) -> bool {
        self.is_of_team(team) && (self.slack_users.contains(user) || !self.slack_groups.is_empty())
    }

    fn is_of_team(&self, team: &Text<32>) -> bool {
        self.slack_team.as_ref().is_none_or(|t| t == team)
    }
}
