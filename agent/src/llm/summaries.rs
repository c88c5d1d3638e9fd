//! Who is asked about what, and when: takes incidents whose alert is out, asks within the budget, and hands back what may be
//! shown. Offering never waits, and nothing here is on the way of a detection, a decision or an alert.

use super::{
    breaker::Breaker,
    budget::{Budget, Earlier, Spent},
    cache::{Cache, Key},
    client::{self, Caller},
    endpoint::Endpoint,
    prompt::{self, Prompt},
    reply::Guess,
    request::Form,
    trouble::Trouble,
};
use crate::{
    alert::{Secrets, outbox::Now, pace::Uptime},
    evidence,
    metrics::{Metrics, SummaryResult},
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use governor::clock::Clock;
use jiff::Timestamp;
use podmender_policy::{
    audit::Fact,
    bounds::{LogLine, Text},
    decide::Reason,
    diagnose::Standing,
    incident::{Incident, IncidentId},
    ledger::Ledger,
    observation::Observation,
    rules::{Policy, SummaryRules},
    summary::{Brief, Cite, Summary},
    verify::lasted,
};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// At most so many questions wait; more are offered again by later passes.
const MAX_JOBS: usize = 64;
/// At most so many incidents wait for one answer.
const MAX_ASKERS: usize = 256;
/// At most so many questions are open at a time.
const AT_ONCE: usize = 2;
/// A question that waited this long for its turn is not asked any more: a later pass asks a newer one.
const STALE: Duration = Duration::from_secs(600);
/// How long a log that explains it is waited for.
const WAIT_FOR_LOG: Duration = Duration::from_secs(15);
/// How long an alert that cannot leave holds up the question.
const WAIT_FOR_ALERT: Duration = Duration::from_secs(30);

/// How long an incident that is over may still be explained.
const OVER: Duration = Duration::from_secs(600);

/// Writes down that a model is to be called: spend first, act second. `false`: it cannot be written, and nobody is called.
pub type Pay<'a> = dyn Fn(&Text<128>) -> BoxFuture<'static, bool> + Send + Sync + 'a;

/// An incident that a model explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub incident: IncidentId,
    /// What it says.
    pub summary: Summary,
}

/// Everything that is to be asked.
pub struct Summaries {
    state: Mutex<State>,
    wake: Notify,
    clock: Uptime,
    now: Now,
    secrets: Secrets,
    metrics: Arc<Metrics>,
    timeout: Duration,
}

#[derive(Default)]
struct State {
    endpoints: HashMap<SummaryRules, Known>,
    cache: Cache,
    /// What an earlier life of the agent asked of each model.
    earlier: HashMap<Text<128>, Earlier>,
    jobs: Vec<Job>,
    ready: Vec<Explained>,
}

/// What is known of an endpoint.
struct Known {
    budget: Budget,
    breaker: Breaker,
    /// How it is asked: the full form until it turns out that it does not take that.
    form: Form,
    caller: Option<Caller>,
    problem: Option<Text<256>>,
}

/// A question, and who waits for the answer.
struct Job {
    key: Key,
    brief: Arc<Brief>,
    prompt: Arc<Prompt>,
    askers: Vec<IncidentId>,
    since: Duration,
    asked: Asked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    NotYet,
    Now,
}

/// How a question ended, and in which form the endpoint takes them.
struct Ended {
    key: Key,
    form: Form,
    caller: Option<Caller>,
    result: Result<Guess, Trouble>,
}

impl fmt::Debug for Summaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summaries")
            .field("jobs", &self.state().jobs.len())
            .finish_non_exhaustive()
    }
}

impl Summaries {
    /// Nothing is read, connected or asked yet.
    #[must_use]
    pub fn new(secrets: Secrets, metrics: Arc<Metrics>, now: Now) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            clock: Uptime::start(),
            now,
            secrets,
            metrics,
            timeout: client::TIMEOUT,
        }
    }

    /// With another time limit for a call: no test waits for twenty seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes the calls of the last 24 hours out of the day's budgets: those that the ledger has written down before they were
    /// made. A ledger that was lost knows of none; then those count of which incidents still bear the answer.
    pub fn remember<'a>(&self, ledger: &Ledger, incidents: impl Iterator<Item = &'a Incident>) {
        let (now, up) = ((self.now)(), self.clock.now());
        let mut earlier: HashMap<Text<128>, Earlier> = HashMap::new();
        for noted in &ledger.calls {
            let of = earlier.entry(noted.model.clone()).or_default();
            of.add(noted.ago(now).saturating_sub(up), noted.calls);
        }
        let given = incidents.filter_map(|i| i.status.summary.as_ref());
        // One answer may stand in many incidents.
        let answers: BTreeSet<(&Text<128>, Timestamp)> = given.map(|s| (&s.model, s.at)).collect();
        let mut answered: HashMap<&Text<128>, Earlier> = HashMap::new();
        for (model, at) in answers {
            let ago = Duration::try_from(now.duration_since(at)).unwrap_or_default();
            let of = answered.entry(model).or_default();
            of.add(ago.saturating_sub(up), 1);
        }
        for (model, answered) in answered {
            let noted = earlier.entry(model.clone()).or_default();
            if noted.total() < answered.total() {
                *noted = answered;
            }
        }
        self.state().earlier = earlier;
    }

    /// Takes an incident as it stands, if it is one to be explained. Never waits: call it on every pass, after the alert.
    pub fn offer(&self, incident: &Incident, policy: &Policy, seen: &Observation) {
        let (now, at) = ((self.now)(), self.clock.now());
        let Some(rules) = policy.summary.as_ref() else {
            return;
        };
        if !is_due(incident, policy, now) {
            return;
        }
        let brief = Brief::of(incident, seen, now);
        let key = Key {
            policy: policy.key(),
            namespace: incident.spec.workload.namespace.clone(),
            rules: rules.clone(),
            fingerprint: brief.fingerprint().clone(),
        };
        let mut state = self.state();
        let State {
            cache, jobs, ready, ..
        } = &mut *state;
        match cache.get(&key, at) {
            Some(Some(known)) => {
                ready.push(Explained {
                    incident: incident.id.clone(),
                    summary: known.clone(),
                });
                self.metrics.summarised(SummaryResult::cached);
            }
            Some(None) => return,
            // Its evidence grew while the model thinks: the answer comes first, and if it gives none, it is asked anew.
            None if jobs.iter().any(|job| job.explains(&incident.id, &key)) => return,
            None => {
                if let Some(job) = jobs.iter_mut().find(|job| job.key == key) {
                    job.join(&incident.id);
                    return;
                }
                if jobs.len() >= MAX_JOBS {
                    return;
                }
                jobs.push(Job {
                    prompt: Arc::new(prompt::of(&brief, &rules.language)),
                    brief: Arc::new(brief),
                    key,
                    askers: vec![incident.id.clone()],
                    since: at,
                    asked: Asked::NotYet,
                });
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What is wrong with the endpoint of a policy, in a sentence that says what to fix. For its condition.
    #[must_use]
    pub fn problem(&self, rules: &SummaryRules) -> Option<Text<256>> {
        let said = |why: &dyn fmt::Display| Text::new(&format!("summary: {why}."));
        if let Err(trouble) = Endpoint::of(rules, &self.secrets) {
            return Some(said(&trouble));
        }
        self.state().endpoints.get(rules)?.problem.clone()
    }

    /// Asks what is due, until dropped. `news` is called between questions and must not wait; `pay` before each call.
    pub async fn run<'a>(&'a self, news: impl Fn(Explained), pay: &'a Pay<'a>) {
        let mut calls: FuturesUnordered<BoxFuture<'a, Ended>> = FuturesUnordered::new();
        loop {
            for explained in std::mem::take(&mut self.state().ready) {
                news(explained);
            }
            let wake_at = self.start_due(&calls, pay);
            tokio::select! {
                () = self.wake.notified() => {}
                Some(ended) = calls.next(), if !calls.is_empty() => self.finish(ended),
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// Starts what the budgets allow; gives the time at which more may be.
    fn start_due<'a>(
        &'a self,
        calls: &FuturesUnordered<BoxFuture<'a, Ended>>,
        pay: &'a Pay<'a>,
    ) -> Instant {
        let now = self.clock.now();
        let mut wake_at = now + STALE;
        let mut over = Vec::new();
        let mut state = self.state();
        let State {
            endpoints,
            earlier,
            jobs,
            ..
        } = &mut *state;
        jobs.retain(|job| job.asked == Asked::Now || now < job.since + STALE);
        for job in jobs.iter_mut().filter(|job| job.asked == Asked::NotYet) {
            if calls.len() >= AT_ONCE {
                break;
            }
            let rules = &job.key.rules;
            let known = endpoints
                .entry(rules.clone())
                .or_insert_with(|| Known::new(rules, earlier.get(&rules.model), self.clock));
            if let Err(until) = known.breaker.check(now) {
                wake_at = wake_at.min(until);
                continue;
            }
            match known.budget.take() {
                Ok(()) => {}
                Err(Spent::Minute(until)) => {
                    wake_at = wake_at.min(until);
                    continue;
                }
                Err(Spent::Day) => {
                    over.push((job.key.clone(), known.form));
                    continue;
                }
            }
            job.asked = Asked::Now;
            let (key, prompt) = (job.key.clone(), Arc::clone(&job.prompt));
            let (form, caller) = (known.form, known.caller.clone());
            calls.push(self.call(key, prompt, form, caller, pay).boxed());
        }
        // What no job needs any more is forgotten, with its budget, only when there is much of it.
        if endpoints.len() > MAX_JOBS {
            endpoints.retain(|rules, _| jobs.iter().any(|job| job.key.rules == *rules));
        }
        drop(state);
        for (key, form) in over {
            self.finish(Ended {
                key,
                form,
                caller: None,
                result: Err(Trouble::OverBudget),
            });
        }
        self.clock.at(wake_at)
    }

    async fn call(
        &self,
        key: Key,
        prompt: Arc<Prompt>,
        form: Form,
        caller: Option<Caller>,
        pay: &Pay<'_>,
    ) -> Ended {
        let ready = Endpoint::of(&key.rules, &self.secrets).and_then(|endpoint| {
            let caller = match caller.filter(|c| c.is_for(&endpoint)) {
                Some(caller) => caller,
                None => Caller::new(&endpoint, self.timeout)?,
            };
            Ok((endpoint, caller))
        });
        match ready {
            Ok((endpoint, caller)) => {
                let rules = key.rules.clone();
                let model = &rules.model;
                let may = async { self.takes_one_more(&rules) && pay(model).await };
                let (form, result) = match pay(model).await {
                    true => {
                        let asking = caller.ask(&endpoint, model.as_str(), &prompt, form, may);
                        asking.await
                    }
                    false => (form, Err(Trouble::Unwritten)),
                };
                Ended {
                    form,
                    result,
                    caller: Some(caller),
                    key,
                }
            }
            Err(trouble) => Ended {
                key,
                form,
                caller: None,
                result: Err(trouble),
            },
        }
    }

    /// A second try is a call like any other.
    fn takes_one_more(&self, rules: &SummaryRules) -> bool {
        let mut state = self.state();
        let known = state.endpoints.get_mut(rules);
        known.is_some_and(|known| known.budget.take().is_ok())
    }

    /// Keeps what came of a question, and hands it to those who wait.
    fn finish(&self, ended: Ended) {
        let (now, at) = ((self.now)(), self.clock.now());
        let mut state = self.state();
        let State {
            endpoints,
            cache,
            jobs,
            ready,
            ..
        } = &mut *state;
        let Some(place) = jobs.iter().position(|job| job.key == ended.key) else {
            return;
        };
        let job = jobs.swap_remove(place);
        let result = match &ended.result {
            Ok(_) => SummaryResult::added,
            Err(trouble) => trouble.result(),
        };
        self.metrics.summarised(result);
        if let Some(known) = endpoints.get_mut(&ended.key.rules) {
            known.learn(&ended, at);
        }
        let summary = ended.result.ok().map(|guess| made(guess, &job, now));
        if let Some(summary) = &summary {
            ready.extend(job.askers.into_iter().map(|incident| Explained {
                incident,
                summary: summary.clone(),
            }));
        }
        cache.put(ended.key, summary, at);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Whether it was asked already, for this incident, by the same rules: about less, or other, evidence than `key` has.
    fn explains(&self, incident: &IncidentId, key: &Key) -> bool {
        self.asked == Asked::Now
            && self.key != *key
            && self.key.rules == key.rules
            && self.askers.contains(incident)
    }

    /// One more incident waits for the same answer.
    fn join(&mut self, incident: &IncidentId) {
        if self.askers.len() < MAX_ASKERS && !self.askers.contains(incident) {
            self.askers.push(incident.clone());
        }
    }
}

impl Known {
    fn new(rules: &SummaryRules, earlier: Option<&Earlier>, clock: Uptime) -> Self {
        let none = Earlier::default();
        let earlier = earlier.unwrap_or(&none);
        Self {
            budget: Budget::new(rules.per_minute, rules.per_day, earlier, clock),
            breaker: Breaker::default(),
            form: Form::Structured,
            caller: None,
            problem: None,
        }
    }

    fn learn(&mut self, ended: &Ended, at: Duration) {
        self.form = ended.form;
        if ended.caller.is_some() {
            self.caller.clone_from(&ended.caller);
        }
        match &ended.result {
            Ok(_) => {
                self.breaker.worked();
                self.problem = None;
            }
            Err(trouble) => {
                let said = Some(Text::new(&format!("summary: {trouble}.")));
                if self.problem != said {
                    tracing::warn!(error = %trouble, "no summary: alerts stand without it");
                }
                // What is wrong before anything is called is looked at anew whenever somebody wants to know.
                let lasts = ended.caller.is_some() || *trouble == Trouble::OverBudget;
                self.problem = said.filter(|_| lasts);
                if let Trouble::RateLimited(wait) = trouble {
                    self.breaker.failed(at, *wait);
                } else if trouble.is_the_endpoints() {
                    self.breaker.failed(at, None);
                } else {
                    self.breaker.worked();
                }
            }
        }
    }
}

/// Whether an incident is to be explained now.
fn is_due(incident: &Incident, policy: &Policy, now: Timestamp) -> bool {
    let status = &incident.status;
    let age = now.duration_since(incident.spec.first_seen);
    let age = Duration::try_from(age).unwrap_or_default();
    // A card that stands is an alert that is out, also while another channel makes people wait.
    let told = status.told.is_some()
        || !status.posts.is_empty()
        || policy.alerting.routes.is_empty()
        || age >= WAIT_FOR_ALERT;
    // When it is over, no log is waited for any more.
    let read = !status.evidence.lines.is_empty()
        || !evidence::says_something(status.diagnosis.failure)
        || age >= WAIT_FOR_LOG
        || !incident.is_open();
    (incident.is_open() || ended_lately(incident, now))
        && status.standing == Standing::Confirmed
        && status.reason != Reason::Storm
        && incident.guess().is_none()
        && told
        && read
}

/// Whether it ended before anybody could ask: so soon that its log was still waited for, or before the alert was out. Of those
/// that were part of a storm, only what lasts is explained.
fn ended_lately(incident: &Incident, now: Timestamp) -> bool {
    let status = &incident.status;
    let stormy = |fact: &Fact| matches!(fact, Fact::Held { reason } if *reason == Reason::Storm);
    status.resolved_at.is_some_and(|at| !lasted(at, now, OVER))
        && !status.timeline.iter().any(|record| stormy(&record.fact))
}

fn made(guess: Guess, job: &Job, now: Timestamp) -> Summary {
    let cite = |number: usize| {
        let line = job.brief.lines().get(number.checked_sub(1)?)?;
        Some(Cite {
            line: u8::try_from(number).ok()?,
            text: LogLine::new(line.text()),
        })
    };
    Summary {
        cites: guess.cites.into_iter().filter_map(cite).collect(),
        cause: guess.cause,
        next: guess.next,
        confidence: guess.confidence,
        model: job.key.rules.model.clone(),
        at: now,
        explains: job.brief.failure(),
    }
}

#[cfg(test)]
#[path = "summaries_tests.rs"]
mod tests;
