//! Which place an answer takes among those to the same question: one rule for every entrance.
//!
//! The places of a question are names of objects, and each can be created once (see [`ApprovalRequest::slot`]). Whoever answers
//! takes the first free one, unless what stands in those before it says that there is none.

use super::{Answer, ApprovalRequest, Entrance};
use crate::{
    bounds::{Name, Text},
    incident::IncidentId,
};

/// An answer and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Who; empty if nobody knows.
    pub by: Text<256>,
    /// By which entrance.
    pub via: Entrance,
    /// What.
    pub answer: Answer,
}

/// Why there is no place for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The same person had given the same answer before.
    Before,
    /// The same person had answered otherwise, and that holds.
    Otherwise(Answer),
    /// Somebody else was faster.
    Taken(Given),
}

impl Given {
    /// That nobody answered in time: the agent's own word.
    #[must_use]
    pub fn expired() -> Self {
        Self {
            by: Text::from("podmender"),
            via: Entrance::Agent,
            answer: Answer::Expired,
        }
    }

    /// What `other`, which has the place already, means for this one.
    #[must_use]
    pub fn behind(&self, other: Self) -> NoPlace {
        match (self.is_of_the_same_person(&other), self.answer) {
            (true, answer) if answer == other.answer => NoPlace::Before,
            (true, _) => NoPlace::Otherwise(other.answer),
            (false, _) => NoPlace::Taken(other),
        }
    }

    /// By the same entrance, as far as that one tells people apart.
    fn is_of_the_same_person(&self, other: &Self) -> bool {
        match (&self.via, &other.via) {
            (Entrance::Kubernetes, Entrance::Kubernetes) => {
                self.by == other.by && !self.by.is_empty()
            }
            (Entrance::Slack { user: a, .. }, Entrance::Slack { user: b, .. }) => a == b,
            (Entrance::Agent, Entrance::Agent) => true,
            _ => false,
        }
    }
}

/// The search for the first free place.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    incident: &'a IncidentId,
    asked: &'a ApprovalRequest,
    mine: Given,
    place: u8,
    /// The same person's yes was met on the way.
    approved: bool,
}

impl<'a> Search<'a> {
    /// A place for a yes or a no to `asked`, or for the end of its time.
    #[must_use]
    pub fn new(incident: &'a IncidentId, asked: &'a ApprovalRequest, mine: Given) -> Self {
        Self {
            incident,
            asked,
            mine,
            place: 1,
            approved: false,
        }
    }

    /// Past the places of answers that were used up, whether or not their objects are still there.
    #[must_use]
    pub fn past(mut self, used: &[Name]) -> Self {
        while self.place < self.asked.needed && used.contains(&self.name()) {
            self.place += 1;
        }
        self
    }

    /// The name to create now.
    #[must_use]
    pub fn name(&self) -> Name {
        self.asked.slot(self.incident, self.place)
    }

    /// That name is taken by `other`. `None`: try the next one.
    pub fn taken_by(&mut self, other: Given) -> Option<NoPlace> {
        let found = self.mine.behind(other);
        // A no decides, and nobody says the same twice. A yes leaves the next place to another person, or to the same one's no.
        match &found {
            NoPlace::Otherwise(Answer::Approve) => self.approved = true,
            NoPlace::Taken(other) if other.answer == Answer::Approve => {}
            NoPlace::Before | NoPlace::Otherwise(_) | NoPlace::Taken(_) => return Some(found),
        }
        if self.place < self.asked.needed {
            self.place += 1;
            return None;
        }
        Some(match self.approved {
            true => NoPlace::Otherwise(Answer::Approve),
            false => found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::RemedyName;
    use Answer::{Approve, Deny};

    fn kubectl(by: &str, answer: Answer) -> Given {
        Given {
            by: by.into(),
            via: Entrance::Kubernetes,
            answer,
        }
    }

    fn slack(by: &str, answer: Answer) -> Given {
        Given {
            via: Entrance::Slack {
                user: by.into(),
                team: "T1".into(),
            },
            ..kubectl(by, answer)
        }
    }

    fn asked(needed: u8) -> ApprovalRequest {
        ApprovalRequest {
            remedy: RemedyName::Restart,
            uid: "u".into(),
            generation: 1,
            asked_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            because: "asked".into(),
            effect: None,
            needed,
            votes: Vec::new(),
            round: 0,
        }
    }

    /// Gives the answers one after the other: what came of the last one.
    fn last(needed: u8, answers: &[Given]) -> Result<usize, NoPlace> {
        let (incident, asked) = (IncidentId("api-1".into()), asked(needed));
        let mut places: Vec<(Name, Given)> = Vec::new();
        let mut ended = Ok(0);
        for answer in answers {
            let mut search = Search::new(&incident, &asked, answer.clone());
            ended = loop {
                let name = search.name();
                match places.iter().find(|(taken, _)| *taken == name) {
                    None => {
                        places.push((name, answer.clone()));
                        break Ok(places.len());
                    }
                    Some((_, other)) => {
                        if let Some(why) = search.taken_by(other.clone()) {
                            break Err(why);
                        }
                    }
                }
            };
        }
        ended
    }

    #[test]
    fn where_one_is_enough_the_first_answer_holds() {
        for of in [kubectl, slack] {
            let (yes, no) = (of("ann", Approve), of("ann", Deny));
            let (bob, her) = (of("bob", Deny), yes.clone());
            assert_eq!(last(1, std::slice::from_ref(&yes)), Ok(1));
            assert_eq!(last(1, &[yes.clone(), yes.clone()]), Err(NoPlace::Before));
            let holds = Err(NoPlace::Otherwise(Approve));
            assert_eq!(last(1, &[yes.clone(), no.clone()]), holds);
            let holds = Err(NoPlace::Otherwise(Deny));
            assert_eq!(last(1, &[no, yes.clone()]), holds);
            assert_eq!(last(1, &[yes, bob]), Err(NoPlace::Taken(her)));
        }
    }

    #[test]
    fn where_two_must_approve_a_no_still_has_a_place() {
        for of in [kubectl, slack] {
            let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|who| of(who, Approve));
            let [not_ann, not_cleo] = ["ann", "cleo"].map(|who| of(who, Deny));
            let two = [ann.clone(), bob.clone()];
            assert_eq!(last(2, &two), Ok(2));
            assert_eq!(last(2, &[ann.clone(), ann.clone()]), Err(NoPlace::Before));
            // Who approved may think better of it, as long as another yes is awaited.
            let back = [ann.clone(), not_ann.clone()];
            assert_eq!(last(2, &back), Ok(2));
            let twice = [ann.clone(), not_ann.clone(), not_ann.clone()];
            assert_eq!(last(2, &twice), Err(NoPlace::Before));
            assert_eq!(last(2, &[ann.clone(), not_cleo.clone()]), Ok(2));
            // A no decides, whoever has approved.
            let no_first = [not_ann.clone(), ann.clone()];
            assert_eq!(last(2, &no_first), Err(NoPlace::Otherwise(Deny)));
            let after = [ann.clone(), not_cleo.clone(), bob.clone()];
            assert_eq!(last(2, &after), Err(NoPlace::Taken(not_cleo)));
            // Both have approved: it is done.
            let [first, second] = two;
            let late = [first.clone(), second.clone(), not_ann];
            assert_eq!(last(2, &late), Err(NoPlace::Otherwise(Approve)));
            let third = [first, second, cleo];
            assert_eq!(last(2, &third), Err(NoPlace::Taken(bob)));
        }
    }

    #[test]
    fn nobody_is_the_same_person_by_another_entrance_or_without_a_name() {
        let (here, there) = (kubectl("U1", Approve), slack("U1", Approve));
        assert_eq!(here.behind(there.clone()), NoPlace::Taken(there));
        let nobody = kubectl("", Approve);
        assert_eq!(nobody.behind(nobody.clone()), NoPlace::Taken(nobody));
    }
}
