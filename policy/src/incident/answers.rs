//! Answers of people are used up here, whatever comes of them.

use super::Incident;
use crate::{
    approval::{Answer, Approval, SNOOZE},
    audit::Fact,
    decide::Reason,
    rules::duration,
    verify::after,
};

/// The most approvals that one incident looks at.
const MAX_CONSUMED: usize = 16;

impl Incident {
    /// Whether `approval` can still be used up here. The last place is kept for the end of a question's time.
    #[must_use]
    pub fn is_unused(&self, approval: &Approval) -> bool {
        let room = match approval.answer {
            Answer::Expired => MAX_CONSUMED,
            Answer::Approve | Answer::Deny | Answer::Snooze => MAX_CONSUMED - 1,
        };
        approval.incident == self.id
            && self.status.consumed.len() < room
            && !self.status.consumed.contains(&approval.id)
    }

    /// Whether no more answers are used up here.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.status.consumed.len() >= MAX_CONSUMED
    }

    /// Uses up those of `answers` that are this incident's and still unused: they count for nothing.
    pub fn refuse<'a>(
        &mut self,
        answers: impl IntoIterator<Item = &'a Approval>,
        because: Reason,
        facts: &mut Vec<Fact>,
    ) {
        for answer in answers {
            if self.is_unused(answer) {
                self.consume(answer, Some(because), facts);
            }
        }
    }

    /// Uses an approval up, whatever comes of it.
    pub fn consume(&mut self, approval: &Approval, refused: Option<Reason>, facts: &mut Vec<Fact>) {
        self.status.consumed.push(approval.id.clone());
        let (by, name) = (approval.by.clone(), approval.id.clone());
        let via = approval.entrance.clone();
        // Each answer is recorded, also in a crowded timeline: there are at most MAX_CONSUMED of them.
        match refused {
            None => {
                // Of a question whose time ended nobody decided.
                let person = (approval.answer != Answer::Expired).then(|| by.clone());
                self.status.decided_by = person.or(self.status.decided_by.take());
                facts.push(Fact::Answered {
                    answer: approval.answer,
                    by,
                    approval: name,
                    via,
                });
            }
            Some(because) => {
                if let Some(asked) = &mut self.status.approval {
                    asked.round = asked.round.saturating_add(1);
                }
                facts.push(Fact::ApprovalRefused {
                    by,
                    approval: name,
                    because,
                    via,
                });
            }
        }
    }

    /// Puts it off: nothing new is done until then, and a question waits for so much longer.
    pub fn snooze(
        &mut self,
        approval: &Approval,
        timeout: std::time::Duration,
        facts: &mut Vec<Fact>,
    ) {
        let span = duration::SNOOZE.cap(approval.snooze_for.unwrap_or(SNOOZE));
        let until = after(approval.at, span);
        let until = self.status.snoozed_until.map_or(until, |u| u.max(until));
        self.status.snoozed_until = Some(until);
        if let Some(asked) = &mut self.status.approval {
            asked.expires_at = asked.expires_at.max(after(until, timeout));
        }
        self.status.consumed.push(approval.id.clone());
        facts.push(Fact::Snoozed {
            until,
            by: approval.by.clone(),
            approval: approval.id.clone(),
            via: approval.entrance.clone(),
        });
    }
}
