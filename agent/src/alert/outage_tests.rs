//! Slack is away for an hour, in each way that it can be: what is told afterwards, how fast, and what it costs meanwhile.

use super::*;
use crate::alert::{
    cards::{Place, Shown, Standing},
    sample,
};
use podmender_policy::incident::{Incident, Post, Told};
use std::num::NonZeroU32;
use tokio::time::{Instant, advance};

const HOUR: Duration = Duration::from_secs(3600);
/// A new failure so often.
const EVERY: Duration = Duration::from_secs(12);

/// How a message fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// At once.
    Refused,
    /// When the client gives up waiting.
    Blackhole,
    /// With a 5xx.
    Broken,
    /// With a 429, and a wait that Slack asks for.
    Limited,
}

impl Outage {
    fn takes(self) -> Duration {
        match self {
            Self::Refused => Duration::from_millis(1),
            Self::Blackhole => Duration::from_secs(10),
            Self::Broken | Self::Limited => Duration::from_millis(80),
        }
    }

    fn wait(self) -> Option<Duration> {
        (self == Self::Limited).then_some(Duration::from_secs(30))
    }
}

/// One incident as it goes on.
fn incident(n: u64, phase: Phase) -> Incident {
    let mut incident = sample::incident(&format!("app-{n:03}"));
    let line = podmender_policy::bounds::LogLine::new(&"x".repeat(300));
    incident.status.evidence.lines = vec![line; 10];
    incident.status.phase = phase;
    incident
}

/// One whose card stands since before the outage, with a question that people were told of.
fn carded(n: u64, phase: Phase) -> Incident {
    let mut incident = incident(n, phase);
    incident.status.told = Some(Told {
        phase: Phase::AwaitingApproval,
        at: sample::now(),
    });
    incident.status.posts = vec![Post {
        channel: "#ops".into(),
        conversation: "C1".into(),
        ts: format!("1.{n}").as_str().into(),
    }];
    incident
}

/// What happens within the hour: 300 new failures, of which every 20th asks and every third is well again five minutes later, and
/// ten questions from before, which run out or are answered by kubectl.
fn hour() -> Vec<(Duration, Incident)> {
    let mut news = Vec::new();
    for n in 0..300 {
        let at = EVERY * u32::try_from(n).expect("count");
        let begins = match n % 20 {
            0 => Phase::AwaitingApproval,
            _ => Phase::Detected,
        };
        news.push((at, incident(n, begins)));
        let later = at + Duration::from_secs(300);
        if n % 3 == 1 && later < HOUR {
            news.push((later, incident(n, Phase::Resolved)));
        }
    }
    for n in 300..310 {
        news.push((Duration::ZERO, carded(n, Phase::AwaitingApproval)));
        let ends = match n % 2 {
            0 => Phase::Escalated,
            _ => Phase::Verifying,
        };
        news.push((Duration::from_secs(1800), carded(n, ends)));
    }
    news.sort_by_key(|(at, _)| *at);
    news
}

/// What was sent: when, and about whom.
#[derive(Default)]
struct Sent {
    tries: usize,
    messages: Vec<(Duration, Vec<Arc<Notice>>)>,
    refreshed: Vec<Duration>,
    /// The most that was kept, in bytes: a bound, by all that it prints.
    memory: usize,
}

/// Does what the lane wants until `end`, with a Slack that fails like this, or takes everything.
async fn run(
    lane: &mut Lane,
    news: &mut std::iter::Peekable<std::vec::IntoIter<(Duration, Incident)>>,
    outage: Option<Outage>,
    end: Duration,
    sent: &mut Sent,
) {
    let start = Instant::now();
    let began = lane.clock.now();
    while lane.clock.now() < end {
        while let Some((_, incident)) = news.next_if(|(at, _)| *at <= lane.clock.now()) {
            lane.offer(&Arc::new(Notice::of(&incident)));
            if !lane.pending.len().is_multiple_of(20) {
                continue;
            }
            let size = |p: &Pending| size_of::<Notice>() + format!("{:?}", p.notice).len();
            sent.memory = sent.memory.max(lane.pending.values().map(size).sum());
        }
        let now = lane.clock.now();
        let next_news = news.peek().map_or(end, |(at, _)| *at);
        let what = lane.next();
        match &what {
            Next::Idle => {
                advance(
                    next_news
                        .min(end)
                        .saturating_sub(now)
                        .max(Duration::from_millis(1)),
                )
                .await;
                continue;
            }
            Next::At(at) => {
                let until = (*at).min(next_news).min(end);
                advance(until.saturating_sub(now).max(Duration::from_millis(1))).await;
                continue;
            }
            Next::Single(notice) => lane.start(vec![Arc::clone(notice)]),
            Next::Digest(all) => lane.start(all.clone()),
            Next::Refresh(_) => lane.start_refresh(),
            Next::Again(_) => panic!("nothing is said again"),
        }
        sent.tries += 1;
        if let Some(outage) = outage {
            advance(outage.takes()).await;
            lane.failed("Slack is away".into(), outage.wait());
            continue;
        }
        advance(Duration::from_millis(50)).await;
        let (told, _) = lane.arrived();
        let stands = |notice: &Arc<Notice>, place| Standing {
            notice: Arc::clone(notice),
            place,
            shown: Shown::Newest,
        };
        match what {
            Next::Single(notice) => {
                let place = lane.card(&notice).and_then(|card| card.place);
                let made = Place {
                    conversation: "C1".into(),
                    ts: format!("2.{}", sent.tries).as_str().into(),
                };
                lane.keep(&stands(&notice, place.or(Some(made))));
            }
            Next::Refresh(refresh) => {
                lane.keep(&stands(&refresh.notice, Some(refresh.place)));
                sent.refreshed.push(now);
            }
            _ => {}
        }
        if !told.is_empty() {
            sent.messages.push((now, told));
        }
    }
    assert!(start.elapsed() + began >= end);
}

/// Rows 50 and 51: nothing is lost, nobody is told what is over before what is so, in the pace of any other hour.
#[tokio::test(start_paused = true)]
async fn fault_51_after_an_hour_without_slack_everything_is_told_once_in_order_and_in_time() {
    for outage in [
        Outage::Refused,
        Outage::Blackhole,
        Outage::Broken,
        Outage::Limited,
    ] {
        let most = NonZeroU32::new(60).expect("count");
        let burst = NonZeroU32::new(3).expect("count");
        let pace = Pace::per_minute(most, burst);
        let mut lane = Lane::new(pace, Uptime::start()).with_cards("#ops".into());
        let mut sent = Sent::default();
        let mut news = hour().into_iter().peekable();
        run(&mut lane, &mut news, Some(outage), HOUR, &mut sent).await;
        assert!(news.peek().is_none() && sent.messages.is_empty());
        assert!(sent.tries <= 500, "{outage:?}: {} tries", sent.tries);
        assert!(sent.memory <= 2 << 20, "{outage:?}: {} bytes", sent.memory);
        assert!(lane.problem.is_some(), "the condition says it");
        // It is back.
        let back = lane.clock.now();
        run(&mut lane, &mut news, None, back + HOUR / 24, &mut sent).await;
        // Each is looked at again within half a minute; what many at once were told in short is shown in full then.
        for incident in newest().values() {
            lane.offer(&Arc::new(Notice::of(incident)));
        }
        run(&mut lane, &mut news, None, back + HOUR / 12, &mut sent).await;
        assert!(lane.is_settled() && lane.problem.is_none(), "{outage:?}");
        check(&lane, &sent, back, outage);
    }
}

/// Each incident as it is in the end.
fn newest() -> BTreeMap<IncidentId, Incident> {
    let all = hour().into_iter();
    all.map(|(_, incident)| (incident.id.clone(), incident))
        .collect()
}

fn check(lane: &Lane, sent: &Sent, back: Duration, outage: Outage) {
    let newest = newest();
    let mut told: BTreeMap<IncidentId, Vec<Phase>> = BTreeMap::new();
    for notice in sent.messages.iter().flat_map(|(_, about)| about) {
        let phases = told.entry(notice.id.clone()).or_default();
        phases.push(notice.phase);
    }
    for (id, incident) in &newest {
        let phase = incident.status.phase;
        if incident.status.posts.is_empty() || phase == Phase::Escalated {
            assert_eq!(told.get(id), Some(&vec![phase]), "{outage:?}: {id}");
        }
        if !incident.status.posts.is_empty() {
            let card = lane.card(&Arc::new(Notice::of(incident)));
            assert_eq!(card.map(|c| c.shown), Some(Shown::Newest), "{id}");
        }
    }
    // Questions have cards of their own, in the order in which they were asked.
    let asks = |about: &Vec<Arc<Notice>>| match about.as_slice() {
        [one] if one.phase == Phase::AwaitingApproval => Some(one.id.clone()),
        _ => None,
    };
    let asked: Vec<_> = sent.messages.iter().filter_map(|(_, a)| asks(a)).collect();
    assert!(
        asked.is_sorted() && asked.len() > 9,
        "{outage:?}: {asked:?}"
    );
    let within_a_minute = |times: &[Duration], most: usize| {
        for first in times {
            let minute = *first..=*first + Duration::from_secs(60);
            let count = times.iter().filter(|at| minute.contains(at)).count();
            assert!(count <= most, "{outage:?}: {count} from {first:?} on");
        }
    };
    let times: Vec<_> = sent.messages.iter().map(|(at, _)| *at).collect();
    within_a_minute(&times, 60);
    within_a_minute(&sent.refreshed, 51);
    assert!(times.len() <= 40, "{outage:?}: {} messages", times.len());
    let last = times.last().copied().unwrap_or_default();
    assert!(last - back <= Duration::from_secs(90), "{:?}", last - back);
}
