//! When which message goes to one channel: no I/O here, so that every rule can be tested without waiting.

use crate::alert::{
    beats::Beats,
    cards::{Cards, Refresh, Standing},
    notice::Notice,
    pace::{Bundle, Limiter, Pace, Uptime},
};
use governor::clock::Clock;
use podmender_policy::{
    bounds::Text,
    decide::Reason,
    incident::{IncidentId, Phase},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// More than this many at once become one digest.
const SINGLES: usize = 3;
/// From this many on, notices are kept without what only a single message shows.
const SLIM_FROM: usize = 50;

/// What a lane wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// Nothing, until something is offered or a message has arrived.
    Idle,
    /// Nothing before this time.
    At(Duration),
    /// One message about this.
    Single(Arc<Notice>),
    /// One message about as many of these as fit.
    Digest(Vec<Arc<Notice>>),
    /// A card of a Slack app no longer shows what is the case.
    Refresh(Refresh),
    /// No news, but the receiver forgets these unless it hears of them again.
    Again(Vec<Arc<Notice>>),
}

/// How much of a message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Everything.
    #[default]
    Full,
    /// The least: the receiver called the full form invalid or too long.
    Plain,
}

#[derive(Debug)]
struct Pending {
    notice: Arc<Notice>,
    since: Duration,
}

/// One exchange at a time.
#[derive(Debug, Default)]
enum UnderWay {
    #[default]
    Nothing,
    /// A message about these.
    News(Vec<Arc<Notice>>),
    /// No news: a card is brought up to date, or something is said again.
    Refresh,
}

/// The messages of one channel: pending, under way, told.
#[derive(Debug)]
pub(crate) struct Lane {
    pace: Pace,
    clock: Uptime,
    limiter: Limiter,
    pending: BTreeMap<IncidentId, Pending>,
    under_way: UnderWay,
    /// What this channel was told and the incident's status does not say yet.
    told: BTreeMap<IncidentId, Phase>,
    /// After a failure: nothing before this.
    not_before: Duration,
    /// After a digest of what fails: nothing but questions before this, so that what comes joins the next one.
    calm_until: Duration,
    /// What adds to something that people know of waits until then: until the whole burst is there again for what they do
    /// not know of yet, and after a digest a little longer.
    follow_ups_from: Duration,
    /// The cards of a Slack app; no other channel has any.
    cards: Option<Cards>,
    /// What is said again and again, to a receiver that forgets.
    beats: Option<Beats>,
    /// How often cards may be brought up to date.
    refreshes: Limiter,
    /// After a failure of that: no card before this.
    no_refresh_before: Duration,
    failures: u32,
    /// How the next message is written.
    pub(crate) form: Form,
    /// What is wrong with the channel, for the policy's condition.
    pub(crate) problem: Option<Text<256>>,
    /// The address cannot be used at all: nobody waits for this channel.
    pub(crate) misconfigured: bool,
}

impl Lane {
    pub(crate) fn new(pace: Pace, clock: Uptime) -> Self {
        Self {
            pace,
            clock,
            limiter: pace.limiter(clock),
            pending: BTreeMap::new(),
            under_way: UnderWay::Nothing,
            told: BTreeMap::new(),
            not_before: Duration::ZERO,
            calm_until: Duration::ZERO,
            follow_ups_from: Duration::ZERO,
            cards: None,
            beats: None,
            refreshes: pace.refreshes(clock),
            no_refresh_before: Duration::ZERO,
            failures: 0,
            form: Form::Full,
            problem: None,
            misconfigured: false,
        }
    }

    /// With a card for each incident, in `channel` as policies name it.
    pub(crate) fn with_cards(self, channel: Text<80>) -> Self {
        Self {
            cards: Some(Cards::new(channel)),
            ..self
        }
    }

    /// With active incidents said again after so long.
    pub(crate) fn with_beats(self, every: Duration) -> Self {
        Self {
            beats: Some(Beats::new(every)),
            ..self
        }
    }

    /// Changes the pace, if it is another one.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if self.pace != pace {
            self.pace = pace;
            self.limiter = pace.limiter(self.clock);
            self.refreshes = pace.refreshes(self.clock);
        }
    }

    /// Takes the newest state of an incident; replaces what was pending of it, or drops it if it is no news any more.
    /// Returns whether anything is to be done about it now.
    pub(crate) fn offer(&mut self, notice: &Arc<Notice>) -> bool {
        let id = &notice.id;
        let now = self.clock.now();
        let stale = self.cards.as_mut().is_some_and(|c| c.offer(notice, now));
        if let Some(beats) = &mut self.beats {
            beats.offer(notice, now);
        }
        let known = self.told.get(id).copied();
        if known.is_some() && known == notice.told {
            self.told.remove(id);
        }
        let told = known.or(notice.told);
        // While a message is under way it is open what will have been told: keep the newest state until then.
        let open =
            matches!(&self.under_way, UnderWay::News(about) if about.iter().any(|n| &n.id == id));
        if !open && !self.pace.bundle.is_news(told, notice.phase) {
            self.pending.remove(id);
            return stale;
        }
        let mut notice = Arc::clone(notice);
        if told != notice.told || self.pending.len() >= SLIM_FROM {
            let kept = Arc::make_mut(&mut notice);
            kept.told = told;
            if self.pending.len() >= SLIM_FROM {
                kept.slim();
            }
        }
        let since = match self.pending.get(id) {
            Some(before) => before.since,
            None => now,
        };
        self.pending.insert(id.clone(), Pending { notice, since });
        true
    }

    /// The incident is gone.
    pub(crate) fn forget(&mut self, id: &IncidentId) {
        self.pending.remove(id);
        self.told.remove(id);
        if let Some(cards) = &mut self.cards {
            cards.forget(id);
        }
        if let Some(beats) = &mut self.beats {
            beats.forget(id);
        }
    }

    /// The card of an incident, if it has one.
    pub(crate) fn card(&self, notice: &Arc<Notice>) -> Option<Standing> {
        self.cards.as_ref()?.of(notice)
    }

    /// Takes over what became of a card. Returns whether it stands elsewhere than before.
    pub(crate) fn keep(&mut self, standing: &Standing) -> bool {
        self.cards.as_mut().is_some_and(|c| c.keep(standing))
    }

    /// Whether nothing is under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.under_way, UnderWay::Nothing)
    }

    /// Whether nothing is left to do.
    #[cfg(test)]
    pub(crate) fn is_settled(&self) -> bool {
        let stale = self.cards.as_ref().and_then(Cards::oldest);
        self.is_idle() && self.pending.is_empty() && stale.is_none()
    }

    /// The phase of an incident that is still to be told here.
    pub(crate) fn pending_phase(&self, id: &IncidentId) -> Option<Phase> {
        self.pending.get(id).map(|p| p.notice.tells())
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What to do now. All but `Idle` and `At` are to be followed by [`Lane::start`] or [`Lane::give_up`].
    pub(crate) fn next(&self) -> Next {
        if !matches!(self.under_way, UnderWay::Nothing) {
            return Next::Idle;
        }
        let now = self.clock.now();
        let news = self.news(now);
        let news_at = match news {
            Next::Idle => None,
            Next::At(at) => Some(at),
            due @ (Next::Single(_) | Next::Digest(_) | Next::Refresh(_) | Next::Again(_)) => {
                return due;
            }
        };
        let rest = match self.refresh(now) {
            Next::Idle => self.again(now),
            refresh => refresh,
        };
        match (rest, news_at) {
            (Next::At(at), Some(news)) => Next::At(at.min(news)),
            (Next::Idle, Some(news)) => Next::At(news),
            (rest, _) => rest,
        }
    }

    /// What is to be said again now.
    fn again(&self, now: Duration) -> Next {
        let Some(beats) = &self.beats else {
            return Next::Idle;
        };
        let Some(at) = beats.next() else {
            return Next::Idle;
        };
        let at = at.max(self.not_before).max(self.no_refresh_before);
        if now < at {
            return Next::At(at);
        }
        Next::Again(beats.due(now))
    }

    /// What is to be told now. What people do not know of yet goes at once, as far as the pace allows; the rest when that
    /// costs it nothing.
    fn news(&self, now: Duration) -> Next {
        if self.pending.is_empty() {
            return Next::Idle;
        }
        if now < self.not_before {
            return Next::At(self.not_before);
        }
        let questions = self.pending.values().filter(|p| self.needs_buttons(p));
        if let Some(question) = questions.min_by_key(|p| p.since) {
            return self.paced(now, || Next::Single(Arc::clone(&question.notice)));
        }
        if now < self.calm_until {
            return Next::At(self.calm_until);
        }
        let urgent = |p: &&Pending| now >= self.urgent_from(p);
        if self.pending.values().any(|p| urgent(&p)) {
            self.tell(now, Duration::ZERO, self.pending.values().filter(urgent))
        } else {
            self.tell(now, self.follow_ups_from, self.pending.values())
        }
    }

    /// From when on a notice waits for nothing but the pace: at once if it is the first one, and else when it is overdue.
    fn urgent_from(&self, pending: &Pending) -> Duration {
        match is_first(&pending.notice) {
            true => pending.since,
            false => pending.since + self.pace.patience,
        }
    }

    /// Tells of these, not before `from`: one by one, or in a digest with whatever else is pending if they are many.
    fn tell<'a>(
        &self,
        now: Duration,
        from: Duration,
        these: impl Iterator<Item = &'a Pending> + Clone,
    ) -> Next {
        let Some(first) = these.clone().min_by_key(|p| p.since) else {
            return Next::Idle;
        };
        // In a storm nobody reads single messages: even the first waits a moment for those that come with it.
        let storm = these.clone().any(|p| in_storm(&p.notice));
        let many = (these.count() > SINGLES || storm) && self.pace.bundle == Bundle::Many;
        let settled = first.since + self.pace.settle;
        let from = if many { from.max(settled) } else { from };
        if now < from {
            return Next::At(from.min(self.urgent_from(first).max(settled)));
        }
        self.paced(now, || {
            if many && self.pending.len() > 1 {
                let all = self.pending.values().map(|p| Arc::clone(&p.notice));
                Next::Digest(all.collect())
            } else {
                Next::Single(Arc::clone(&first.notice))
            }
        })
    }

    /// A question, where there are buttons: it is never part of a digest.
    fn needs_buttons(&self, pending: &Pending) -> bool {
        self.cards.is_some() && pending.notice.phase == Phase::AwaitingApproval
    }

    fn paced(&self, now: Duration, due: impl FnOnce() -> Next) -> Next {
        match self.limiter.check() {
            Ok(()) => due(),
            Err(early) => Next::At(now + early.wait_time_from(now).max(Duration::from_millis(1))),
        }
    }

    /// The card that is to be brought up to date now.
    fn refresh(&self, now: Duration) -> Next {
        let Some(refresh) = self.cards.as_ref().and_then(Cards::oldest) else {
            return Next::Idle;
        };
        let from = self.not_before.max(self.no_refresh_before);
        if now < from {
            return Next::At(from);
        }
        match self.refreshes.check() {
            Ok(()) => Next::Refresh(refresh),
            Err(early) => Next::At(now + early.wait_time_from(now).max(Duration::from_millis(1))),
        }
    }

    /// A message about these is under way.
    pub(crate) fn start(&mut self, about: Vec<Arc<Notice>>) {
        // As the limiter counts: from then on all of the burst is free again.
        let full_from = self.follow_ups_from.max(self.clock.now()) + self.pace.period;
        self.follow_ups_from = full_from;
        self.under_way = UnderWay::News(about);
    }

    /// These are being said again.
    pub(crate) fn start_again(&mut self, notices: &[Arc<Notice>]) {
        let now = self.clock.now();
        if let Some(beats) = &mut self.beats {
            beats.sent(notices, now);
        }
        self.under_way = UnderWay::Refresh;
    }

    /// A card is being brought up to date.
    pub(crate) fn start_refresh(&mut self) {
        self.under_way = UnderWay::Refresh;
    }

    /// The receiver took it. Returns what it was told, and whether the channel had a problem that is over now.
    pub(crate) fn arrived(&mut self) -> (Vec<Arc<Notice>>, bool) {
        let told = match std::mem::take(&mut self.under_way) {
            UnderWay::News(about) => about,
            UnderWay::Refresh | UnderWay::Nothing => Vec::new(),
        };
        let now = self.clock.now();
        let bundle = self.pace.bundle;
        for notice in &told {
            let (id, phase) = (&notice.id, notice.tells());
            self.told.insert(id.clone(), phase);
            match self.pending.get_mut(id) {
                Some(p) if bundle.is_news(Some(phase), p.notice.phase) => {
                    Arc::make_mut(&mut p.notice).told = Some(phase);
                }
                Some(_) => {
                    // No news, but perhaps more than the card shows that was posted meanwhile.
                    if let (Some(p), Some(cards)) = (self.pending.remove(id), &mut self.cards) {
                        cards.offer(&p.notice, now);
                    }
                }
                None => {}
            }
        }
        if told.len() > 1 {
            let entries = u32::try_from(told.len()).unwrap_or(u32::MAX);
            let pause = self.pace.pause_each.saturating_mul(entries);
            let pause = pause.clamp(self.pace.pause_min, self.pace.pause_max);
            let storm = told.iter().any(|notice| in_storm(notice));
            let pause = if storm { self.pace.pause_storm } else { pause };
            if storm || told.iter().any(|notice| is_first(notice)) {
                self.calm_until = now + pause;
            } else {
                self.follow_ups_from = self.follow_ups_from.max(now + pause);
            }
        }
        self.failures = 0;
        self.form = Form::Full;
        self.misconfigured = false;
        (told, self.problem.take().is_some())
    }

    /// The receiver did not take it: all of it stays pending. Returns whether the problem is a new one.
    pub(crate) fn failed(&mut self, problem: Text<256>, asked_wait: Option<Duration>) -> bool {
        let what = std::mem::take(&mut self.under_way);
        self.failures = self.failures.saturating_add(1);
        let doubled = 1u32 << (self.failures - 1).min(16);
        let wait = self
            .pace
            .retry
            .saturating_mul(doubled)
            .min(self.pace.retry_max);
        let until = self.clock.now() + wait.max(asked_wait.unwrap_or_default());
        match what {
            // Slack limits each method by itself: a card that has to wait holds up no news.
            UnderWay::Refresh => self.no_refresh_before = until,
            UnderWay::News(_) | UnderWay::Nothing => self.not_before = until,
        }
        self.misconfigured = false;
        self.complain(problem)
    }

    /// There is no usable address: looked at again a while later. Returns whether the problem is a new one.
    pub(crate) fn give_up(&mut self, problem: Text<256>) -> bool {
        self.under_way = UnderWay::Nothing;
        self.not_before = self.clock.now() + self.pace.retry_max;
        self.misconfigured = true;
        self.complain(problem)
    }

    fn complain(&mut self, problem: Text<256>) -> bool {
        let new = self.problem.as_ref() != Some(&problem);
        self.problem = Some(problem);
        new
    }
}

/// Whether it tells of something that people do not know of yet: that it fails, or fails again.
fn is_first(notice: &Notice) -> bool {
    matches!(notice.told, None | Some(Phase::Resolved)) && notice.phase != Phase::Resolved
}

fn in_storm(notice: &Notice) -> bool {
    notice.reason == Reason::Storm
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "outage_tests.rs"]
mod outage_tests;
