//! C12 for questions and answers: two replicas over one API server, and random interleavings of what happens to them: cards are
//! posted, clicked, clicked again, forged, withdrawn and run out; agents are killed between any two of their calls, and come
//! back; policy and workload change; the workload heals; either replica goes on, at any time.
//!
//! A pass is cut where the agent waits: plan, pay (compare-and-swap of the ledger), write the incident (compare-and-swap), act,
//! write the outcome. Between any two of these anything else may happen. What must hold is judged from what the API server
//! has stored, never from what a replica thinks (invariants 4, 6, 7 and 8 of design.md):
//! - a question that nobody answered is closed once, in the place of an answer, not before its time is over, and stays closed;
//! - every approval is used up once: no act rests on one that another rests on, and its outcome is recorded exactly once;
//! - no act where the policy wants a person, unless enough different people said yes, in time, to just this, and nobody no;
//! - every act has one earlier intent; no intent is carried out twice; when all is quiet, each has an end.
//!
//! It can fail. Each of these made it: `is_unused` without its look at `consumed`; `sift` without `invalid`; `settle` that adopts
//! in every phase (a replica that had not heard of a no pays, and the act is taken up again); `is_surely_another` that is always
//! true; a `pay` without its comparison of versions.

mod support;

use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    approval::{Answer, Approval, ApprovalRequest, Entrance, Given, Proof, Search},
    audit::{AuditRecord, Chain, Fact, Head},
    bounds::Name,
    decide::Reason,
    incident::{CROWDED_TIMELINE, Incident, IncidentId},
    ledger::Ledger,
    observation::{Consent, Ready},
    plan::{Plan, conclude, plan},
    remedy::{ActionId, Effect, Outcome, Refusal, RemedyName},
    rules::Policy,
};
use proptest::{prelude::*, sample::Index};
use std::collections::{BTreeMap, BTreeSet};
use support::{PodState, Shop, autonomous};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Crash,
    Heal,
    /// What fails is Ready all the same, or is no more.
    Serves(Ready),
    /// The workload's spec is changed.
    Edit,
    /// A replica does its next call. (Which one is in the lead changes at any time.)
    Go(usize),
    /// The same, several times.
    Run(usize),
    /// A replica is killed where it stands; it comes back when it goes next.
    Kill(usize),
    /// The call that a replica is about to make is applied, and its answer is lost.
    AnswerLost(usize),
    /// What the ledger lacks is written.
    Flush(usize),
    Click(Click),
    /// Somebody deletes an answer.
    Withdraw(Index),
    Ask(bool),
    Need(u8),
    Pause(bool),
    OptOut(bool),
}

/// Somebody answers a card, perhaps an old one.
#[derive(Clone, Debug)]
struct Click {
    card: Index,
    who: u8,
    answer: Answer,
    how: How,
}

/// By which way.
#[derive(Clone, Copy, Debug)]
enum How {
    /// A button: what it stands for is looked up.
    Button,
    /// `kubectl`, with what was shown at the time.
    Kubectl,
    /// A name of their own choice, and nothing that proves who they are.
    Forged,
    /// In the name of somebody in Slack who is on no list.
    Stranger,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![
        6 => Just(Answer::Approve),
        1 => Just(Answer::Deny),
        1 => Just(Answer::Snooze),
        1 => Just(Answer::Expired),
    ];
    let how = prop_oneof![
        5 => Just(How::Button),
        3 => Just(How::Kubectl),
        1 => Just(How::Forged),
        1 => Just(How::Stranger),
    ];
    let click = (any::<Index>(), 0_u8..3, answer, how).prop_map(|(card, who, answer, how)| Click {
        card,
        who,
        answer,
        how,
    });
    let one = 0_usize..2;
    let step = prop_oneof![
        3 => prop_oneof![4 => 1_i64..90, 1 => 90_i64..2400].prop_map(Step::Wait),
        2 => Just(Step::Crash),
        1 => Just(Step::Heal),
        1 => Just(Step::Serves(Ready::Yes(Timestamp::MIN))),
        1 => Just(Step::Serves(Ready::No(Timestamp::MIN))),
        1 => Just(Step::Edit),
        12 => one.clone().prop_map(Step::Go),
        8 => one.clone().prop_map(Step::Run),
        2 => one.clone().prop_map(Step::Kill),
        1 => one.clone().prop_map(Step::AnswerLost),
        2 => one.prop_map(Step::Flush),
        6 => click.prop_map(Step::Click),
        1 => any::<Index>().prop_map(Step::Withdraw),
        1 => prop::bool::weighted(0.8).prop_map(Step::Ask),
        1 => (1_u8..3).prop_map(Step::Need),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => any::<bool>().prop_map(Step::OptOut),
    ];
    prop::collection::vec(step, 20..160)
}

/// What the API server has stored, with the version of each object.
#[derive(Default)]
struct Stored {
    ledger: (Ledger, u64),
    incidents: BTreeMap<IncidentId, (Incident, u64)>,
    approvals: BTreeMap<Name, Approval>,
    versions: u64,
}

/// One agent: what it remembers, and where in a pass it is.
#[derive(Default)]
struct Replica {
    is_up: bool,
    ledger: (Ledger, u64),
    incident: Option<(Incident, u64)>,
    head: Head,
    at: At,
    /// The question whose end could not be recorded.
    unclosable: Option<Name>,
}

/// Where in a pass a replica is: what it has done last.
#[derive(Default)]
enum At {
    #[default]
    Rest,
    Planned(Plan),
    Paid(Plan),
    Written(Plan),
    Acted(Plan, Outcome),
    /// What is open is written, and its time is over.
    Closing(IncidentId, ApprovalRequest),
}

/// What was so when something was decided, as the policy and the world had it.
struct Intent {
    needed: Option<u8>,
    generation: i64,
    at: Timestamp,
}

struct World {
    shop: Shop,
    policy: Policy,
    api: Stored,
    replicas: [Replica; 2],
    /// Every question that was ever stored: a card each.
    cards: Vec<(IncidentId, ApprovalRequest)>,
    /// Every answer that was ever made.
    answers: BTreeMap<Name, Approval>,
    intents: BTreeMap<ActionId, Intent>,
    done: BTreeSet<ActionId>,
    /// Which answers an act has rested on.
    spent: BTreeSet<Name>,
}

const EXPIRED: SignedDuration = SignedDuration::from_mins(30);

impl World {
    fn new() -> Self {
        let mut policy = autonomous();
        policy.require_approval.insert(RemedyName::Restart);
        policy.approvers.slack_users.insert("U0".into());
        Self {
            shop: Shop::new().crash_loop(),
            policy,
            api: Stored::default(),
            replicas: Default::default(),
            cards: Vec::new(),
            answers: BTreeMap::new(),
            intents: BTreeMap::new(),
            done: BTreeSet::new(),
            spent: BTreeSet::new(),
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Wait(seconds) => self.shop.wait(*seconds),
            Step::Crash => self.shop.fail(PodState::CrashLoop),
            Step::Heal => self.shop.heal(),
            Step::Serves(ready) => self.shop.ready = Some(*ready),
            Step::Edit => self.shop.generation += 1,
            Step::Go(who) => self.go(*who, Answered::InTime)?,
            Step::Run(who) => {
                for _ in 0..5 {
                    self.go(*who, Answered::InTime)?;
                }
            }
            Step::Kill(who) => self.replicas[*who] = Replica::default(),
            Step::AnswerLost(who) => self.go(*who, Answered::Never)?,
            Step::Flush(who) => self.flush(*who),
            Step::Click(click) => self.click(click),
            Step::Withdraw(which) => {
                if !self.api.approvals.is_empty() {
                    let names: Vec<_> = self.api.approvals.keys().cloned().collect();
                    self.api.approvals.remove(which.get(&names));
                }
            }
            Step::Ask(true) => _ = self.policy.require_approval.insert(RemedyName::Restart),
            Step::Ask(false) => _ = self.policy.require_approval.remove(&RemedyName::Restart),
            Step::Need(1) => _ = self.policy.min_approvals.remove(&RemedyName::Restart),
            Step::Need(n) => _ = self.policy.min_approvals.insert(RemedyName::Restart, *n),
            Step::Pause(paused) => self.policy.paused = *paused,
            Step::OptOut(out) => {
                self.shop.consent = if *out {
                    Consent::Paused
                } else {
                    Consent::Given
                }
            }
        }
        Ok(())
    }

    /// The next call of a replica.
    fn go(&mut self, who: usize, answered: Answered) -> Result<(), TestCaseError> {
        if !self.replicas[who].is_up {
            self.load(who);
        }
        match std::mem::take(&mut self.replicas[who].at) {
            At::Rest => self.plan(who)?,
            At::Planned(plan) => self.pay(who, plan, answered),
            At::Paid(plan) => {
                if self.write(who, &plan.incident, &plan.facts, answered) {
                    self.replicas[who].at = match (&plan.incident, &plan.closes) {
                        (Some(incident), Some(asked)) => {
                            At::Closing(incident.id.clone(), asked.clone())
                        }
                        _ if plan.act.is_some() => At::Written(plan),
                        _ => At::Rest,
                    };
                }
            }
            At::Written(plan) => {
                let outcome = self.act(&plan)?;
                if answered == Answered::InTime {
                    self.replicas[who].at = At::Acted(plan, outcome);
                }
            }
            At::Closing(incident, asked) => self.close(who, &incident, &asked),
            At::Acted(plan, outcome) => self.conclude(who, &plan, outcome, answered),
        }
        Ok(())
    }

    /// As `load.rs` does it.
    fn load(&mut self, who: usize) {
        let mut ledger = self.api.ledger.clone();
        for (incident, _) in self.api.incidents.values() {
            ledger.0.absorb(incident, self.shop.now);
        }
        let rank = |i: &Incident| (i.is_open(), i.spec.first_seen);
        let newest = self.api.incidents.values().max_by_key(|(i, _)| rank(i));
        self.replicas[who] = Replica {
            is_up: true,
            ledger,
            incident: newest.cloned(),
            head: Head::default(),
            at: At::Rest,
            unclosable: None,
        };
    }

    fn plan(&mut self, who: usize) -> Result<(), TestCaseError> {
        // Two replicas never look in the same nanosecond: else they would name two incidents alike.
        let now = self.shop.now + SignedDuration::from_nanos(i64::try_from(who).unwrap_or(0));
        let mut seen = self.shop.observe();
        let incident = self.replicas[who].incident.as_ref().map(|(i, _)| i.clone());
        // What became of an answer reaches the other replica late, or never: what counts is the incident.
        let of_this = |a: &&Approval| incident.as_ref().is_some_and(|i| i.is_unused(a));
        seen.approvals = self
            .api
            .approvals
            .values()
            .filter(of_this)
            .cloned()
            .collect();
        seen.approvals
            .sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        seen.approvals.truncate(16);
        seen.unclosable = self.replicas[who].unclosable.clone();
        let ledger = &self.replicas[who].ledger.0;
        let made = plan(&self.policy, ledger, incident.clone(), &seen, now);
        prop_assert_eq!(
            &made,
            &plan(&self.policy, ledger, incident, &seen, now),
            "same input, same plan"
        );
        let must_ask = matches!(self.shop.ready, Some(Ready::Yes(_)))
            || !self.policy.min_approvals.is_empty()
            || self.policy.require_approval.contains(&RemedyName::Restart);
        if let Some(act) = made
            .act
            .as_ref()
            .filter(|_| made.spend.is_none() && !must_ask)
        {
            // Taken up again, under a policy that asks nobody any more.
            let intent = self.intents.entry(act.id.clone());
            intent.and_modify(|i| i.needed = None);
        }
        if let Some(spend) = &made.spend {
            prop_assert!(
                !self.policy.paused && self.shop.consent == Consent::Given,
                "acts while paused"
            );
            let intent = Intent {
                needed: must_ask.then(|| self.policy.needed(RemedyName::Restart)),
                generation: self.shop.generation,
                at: now,
            };
            self.intents.insert(spend.act.id.clone(), intent);
        }
        self.replicas[who].at = At::Planned(made);
        Ok(())
    }

    /// As `record::pay` does it.
    fn pay(&mut self, who: usize, plan: Plan, answered: Answered) {
        let Some(spend) = plan.spend.clone() else {
            self.replicas[who].at = At::Paid(plan);
            return;
        };
        let mut ledger = self.replicas[who].ledger.0.clone();
        ledger.prune(self.shop.now);
        ledger.spent.push(spend);
        if self.replace(who, ledger, answered) {
            self.replicas[who].at = At::Paid(plan);
        }
    }

    fn flush(&mut self, who: usize) {
        if self.replicas[who].is_up {
            let ledger = self.replicas[who].ledger.0.clone();
            self.replace(who, ledger, Answered::InTime);
        }
    }

    fn replace(&mut self, who: usize, ledger: Ledger, answered: Answered) -> bool {
        let is_first = self.api.ledger.1 == self.replicas[who].ledger.1;
        if is_first {
            self.api.versions += 1;
            self.api.ledger = (ledger, self.api.versions);
        }
        let replica = &mut self.replicas[who];
        replica.ledger = self.api.ledger.clone();
        if is_first && answered == Answered::InTime {
            return true;
        }
        if let Some((incident, _)) = &replica.incident {
            replica.ledger.0.absorb(incident, self.shop.now);
        }
        false
    }

    /// As `record::write` does it; whether it was written.
    fn write(
        &mut self,
        who: usize,
        incident: &Option<Incident>,
        facts: &[Fact],
        answered: Answered,
    ) -> bool {
        let Some(mut incident) = incident.clone() else {
            return false;
        };
        let replica = &mut self.replicas[who];
        let known = replica
            .incident
            .as_ref()
            .filter(|(i, _)| i.id == incident.id);
        if facts.is_empty() && known.is_some_and(|(i, _)| *i == incident) {
            return true;
        }
        let mut chain = Chain {
            head: replica.head.clone(),
        };
        for fact in facts {
            let record = chain.append(self.shop.now, incident.id.clone(), fact.clone());
            incident.status.timeline.push(record);
        }
        let is_first =
            self.api.incidents.get(&incident.id).map(|(_, v)| *v) == known.map(|(_, v)| *v);
        if !is_first {
            replica.incident = self.api.incidents.get(&incident.id).cloned();
            return false;
        }
        self.api.versions += 1;
        let stored = (incident, self.api.versions);
        if let Some(asked) = &stored.0.status.approval {
            let card = (stored.0.id.clone(), asked.clone());
            let is_old = |c: &(IncidentId, ApprovalRequest)| {
                c.0 == card.0 && c.1.asked_at == card.1.asked_at
            };
            if !self.cards.iter().any(is_old) {
                self.cards.push(card);
            }
        }
        self.api
            .incidents
            .insert(stored.0.id.clone(), stored.clone());
        replica.head = chain.head;
        replica.ledger.0.absorb(&stored.0, self.shop.now);
        replica.incident = Some(stored);
        answered == Answered::InTime
    }

    /// As `expiry::close` does it. (Whether its answer comes back changes nothing: it is all found again.)
    fn close(&mut self, who: usize, id: &IncidentId, asked: &ApprovalRequest) {
        let Some((incident, _)) = &self.replicas[who].incident else {
            return;
        };
        let mut search = Search::new(id, asked, Given::expired()).past(&incident.status.consumed);
        while let Some(there) = self.api.approvals.get(&search.name()) {
            let given = Given {
                by: there.by.clone(),
                via: there.entrance.clone(),
                answer: there.answer,
            };
            let is_unused = incident.is_unused(there);
            if search.taken_by(given).is_some() {
                if !is_unused {
                    self.replicas[who].unclosable = Some(asked.slot(id, 1));
                }
                return;
            }
        }
        let end = Approval {
            id: search.name(),
            incident: id.clone(),
            answer: Answer::Expired,
            remedy: asked.remedy,
            uid: asked.uid.clone(),
            generation: asked.generation,
            by: Given::expired().by,
            at: self.shop.now,
            entrance: Entrance::Agent,
            proof: Proof::Noted,
            snooze_for: None,
        };
        self.answers.entry(end.id.clone()).or_insert(end.clone());
        self.api.approvals.insert(end.id.clone(), end);
    }

    /// The API server carries out what `execute.rs` asks for after its last look.
    fn act(&mut self, plan: &Plan) -> Result<Outcome, TestCaseError> {
        let (Some(act), Some(incident)) = (&plan.act, &plan.incident) else {
            return Ok(Outcome::Failed);
        };
        let Effect::Evict { uid, .. } = &act.effect else {
            return Ok(Outcome::Failed);
        };
        if plan.is_late(self.shop.now) {
            return Ok(Outcome::Abandoned);
        }
        if *uid != self.shop.uid() {
            return Ok(Outcome::Refused(Refusal::Gone));
        }
        if self.shop.consent != Consent::Given {
            return Ok(Outcome::Refused(Refusal::Consent));
        }
        if self.shop.state == PodState::Healthy {
            return Ok(Outcome::Refused(Refusal::Healthy));
        }
        prop_assert!(self.done.insert(act.id.clone()), "carried out twice");
        self.judge(&act.id, &incident.id)?;
        self.shop.acts.push((self.shop.now, act.effect.clone()));
        self.shop.pod += 1;
        self.shop.pod_created = self.shop.now;
        Ok(Outcome::Executed)
    }

    /// Whether this act may be done, from what is stored alone.
    fn judge(&mut self, action: &ActionId, incident: &IncidentId) -> Result<(), TestCaseError> {
        let stored = self.api.incidents.get(incident);
        let timeline: Vec<&Fact> = stored
            .iter()
            .flat_map(|(i, _)| &i.status.timeline)
            .map(|r| &r.fact)
            .collect();
        let places: Vec<_> = timeline
            .iter()
            .enumerate()
            .filter(|(_, f)| matches!(f, Fact::Intended { action: a, .. } if a == action))
            .collect();
        prop_assert_eq!(places.len(), 1, "one earlier intent");
        let intent = self.intents.get(action);
        prop_assert!(intent.is_some(), "nobody planned this");
        let (Some(intent), Some((place, _))) = (intent, places.first()) else {
            return Ok(());
        };
        let Some(needed) = intent.needed else {
            return Ok(());
        };
        let question = timeline[..*place]
            .iter()
            .rposition(|f| matches!(f, Fact::Asked { .. }));
        prop_assert!(question.is_some(), "nobody was asked");
        let since = &timeline[question.unwrap_or(0)..*place];
        let until = |fact: &&Fact| match fact {
            Fact::Asked { expires_at } => Some(*expires_at),
            Fact::Snoozed { until, .. } => Some(*until + EXPIRED),
            _ => None,
        };
        let end = since.iter().filter_map(until).max().unwrap_or_default();
        let mut people = BTreeSet::new();
        for fact in since {
            match fact {
                Fact::Answered {
                    answer: Answer::Deny,
                    ..
                } => prop_assert!(false, "somebody said no"),
                Fact::Answered {
                    answer: Answer::Expired,
                    ..
                } => prop_assert!(false, "its time was over"),
                Fact::Answered { approval, .. } => {
                    let given = self.answers.get(approval);
                    prop_assert!(given.is_some(), "an answer that nobody gave");
                    let Some(given) = given else { continue };
                    prop_assert!(
                        self.spent.insert(approval.clone()),
                        "an approval that was used up before"
                    );
                    prop_assert_eq!(&given.incident, incident);
                    prop_assert_eq!(
                        (given.answer, given.generation),
                        (Answer::Approve, intent.generation)
                    );
                    prop_assert!(given.by.as_str() != "stranger", "somebody on no list");
                    prop_assert!(given.at < end, "an answer after the time");
                    // (Until as long again as a question waits: the agent may have been away.)
                    prop_assert!(intent.at < end + EXPIRED, "an old answer");
                    prop_assert!(needed < 2 || given.proof == Proof::Proven, "not proven");
                    people.insert((given.entrance.is_kubernetes(), given.by.clone()));
                }
                _ => {}
            }
        }
        prop_assert!(
            people.len() >= usize::from(needed),
            "{} of {needed} people",
            people.len()
        );
        Ok(())
    }

    /// As `record::outcome` does it.
    fn conclude(&mut self, who: usize, plan: &Plan, outcome: Outcome, answered: Answered) {
        let (Some(act), Some((incident, _))) = (&plan.act, self.replicas[who].incident.clone())
        else {
            return;
        };
        let mut incident = incident;
        let facts = conclude(&mut incident, &act.id, outcome, self.shop.now);
        self.write(who, &Some(incident), &facts, answered);
    }

    /// Somebody answers: takes the first free place, as intake and the CLI do.
    fn click(&mut self, click: &Click) {
        if self.cards.is_empty() {
            return;
        }
        let (id, shown) = click.card.get(&self.cards).clone();
        let live = self
            .api
            .incidents
            .get(&id)
            .and_then(|(i, _)| i.status.approval.clone());
        let asked = match (click.how, live) {
            (How::Button, Some(live)) if live.ticket(&id) == shown.ticket(&id) => live,
            (How::Button, _) => return, // the button is of no question that stands
            _ => shown,
        };
        let (by, entrance, proof) = match click.how {
            _ if click.answer == Answer::Expired => {
                ("podmender".to_owned(), Entrance::Agent, Proof::Noted)
            }
            How::Button => (
                "U0".to_owned(),
                Entrance::Slack {
                    user: "U0".into(),
                    team: "T".into(),
                },
                Proof::Proven,
            ),
            How::Kubectl => (
                format!("user-{}", click.who),
                Entrance::Kubernetes,
                Proof::Proven,
            ),
            How::Forged => (
                format!("user-{}", click.who),
                Entrance::Kubernetes,
                Proof::Noted,
            ),
            How::Stranger => (
                "stranger".to_owned(),
                Entrance::Slack {
                    user: "U9".into(),
                    team: "T".into(),
                },
                Proof::Proven,
            ),
        };
        let approval = |name: Name| Approval {
            id: name,
            incident: id.clone(),
            answer: click.answer,
            remedy: asked.remedy,
            uid: asked.uid.clone(),
            generation: asked.generation,
            by: by.clone().into(),
            at: self.shop.now,
            entrance: entrance.clone(),
            proof,
            snooze_for: None,
        };
        let free = |name: &Name| !self.answers.contains_key(name);
        let name = match (click.how, click.answer) {
            (How::Forged | How::Stranger, _) | (_, Answer::Snooze) => {
                Some(Name::from(format!("own-{}", self.answers.len())))
            }
            _ => (1..=asked.needed).map(|n| asked.slot(&id, n)).find(free),
        };
        if let Some(name) = name {
            let made = approval(name.clone());
            self.answers.insert(name.clone(), made.clone());
            self.api.approvals.insert(name, made);
        }
    }

    /// A question is closed once, when its time is over and not before, and that ends it.
    fn check_ends(incident: &Incident) -> Result<(), TestCaseError> {
        let mut open: Option<Timestamp> = None;
        let records = &incident.status.timeline;
        for (n, record) in records.iter().enumerate() {
            match &record.fact {
                Fact::Asked { expires_at } => open = Some(*expires_at),
                Fact::Snoozed { until, .. } => open = open.map(|end| end.max(*until)),
                Fact::Answered {
                    answer: Answer::Expired,
                    ..
                }
                | Fact::Expired => {
                    // (A crowded timeline leaves out that it was asked.)
                    let end = open.take();
                    prop_assert!(
                        n >= CROWDED_TIMELINE || end.is_some(),
                        "the end of no open question"
                    );
                    // (The replicas are a nanosecond apart.)
                    let grain = SignedDuration::from_micros(1);
                    let in_time = end.is_none_or(|end| record.at + grain >= end);
                    prop_assert!(in_time, "ended too early");
                    let next = records.get(n + 1).map(|r| &r.fact);
                    let reason = Reason::ApprovalExpired;
                    prop_assert_eq!(next, Some(&Fact::Escalated { reason }));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What must hold of what is stored, at any time.
    fn check(&self) -> Result<(), TestCaseError> {
        for (incident, _) in self.api.incidents.values() {
            Self::check_ends(incident)?;
            let told = |r: &AuditRecord| match &r.fact {
                Fact::Answered { approval, .. }
                | Fact::Snoozed { approval, .. }
                | Fact::ApprovalRefused { approval, .. } => Some(approval.clone()),
                _ => None,
            };
            let recorded: Vec<_> = incident.status.timeline.iter().filter_map(told).collect();
            prop_assert_eq!(
                &recorded,
                &incident.status.consumed,
                "each answer is recorded once"
            );
            let once: BTreeSet<_> = recorded.iter().collect();
            prop_assert_eq!(once.len(), recorded.len(), "an answer that counted twice");
        }
        let acts: Vec<_> = self.shop.acts.iter().map(|(at, _)| *at).collect();
        for first in &acts {
            let soon = |at: &&Timestamp| {
                *at >= first && at.duration_since(*first) < SignedDuration::from_hours(1)
            };
            prop_assert!(
                acts.iter().filter(soon).count() <= 3,
                "more than 3 restarts in an hour"
            );
        }
        Ok(())
    }

    /// When all is quiet, what one replica still looks after has an end.
    fn rest(&mut self) -> Result<(), TestCaseError> {
        self.shop.heal();
        self.shop.consent = Consent::Given;
        self.policy.paused = false;
        self.replicas[1] = Replica::default();
        for _ in 0..60 {
            self.shop.wait(30);
            for _ in 0..5 {
                self.go(0, Answered::InTime)?;
            }
            self.check()?;
        }
        let Some((incident, _)) = &self.replicas[0].incident else {
            return Ok(());
        };
        prop_assert!(
            !incident.is_open(),
            "not at rest: {:?}",
            incident.status.phase
        );
        for attempt in &incident.status.attempts {
            prop_assert!(attempt.outcome.is_some(), "an intent without an end");
            // Of two replicas that take up the same intent, one evicts the pod and the other finds it gone.
            let told = matches!(
                attempt.outcome,
                Some(Outcome::Executed | Outcome::Refused(Refusal::Gone))
            );
            prop_assert!(
                told || !self.done.contains(&attempt.action),
                "done, and told as not done"
            );
        }
        Ok(())
    }
}

/// Whether the API server's answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    InTime,
    Never,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn an_approval_is_used_once_and_nothing_is_done_without_one(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step)?;
            world.check()?;
        }
        world.rest()?;
    }
}
