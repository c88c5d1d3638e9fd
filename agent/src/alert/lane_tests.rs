//! The pace of a channel, on a clock that the tests hold.

use super::*;
use crate::alert::sample;
use podmender_policy::incident::Incident;
use std::num::NonZeroU32;
use tokio::time::{Instant, advance, sleep, sleep_until};

fn notice(incident: &Incident) -> Arc<Notice> {
    Arc::new(Notice::of(incident))
}

fn lane(burst: u32) -> Lane {
    let [most, burst] = [60, burst].map(|n| NonZeroU32::new(n).expect("count"));
    Lane::new(Pace::per_minute(most, burst), Uptime::start())
}

/// Sends whatever is due, as a receiver that answers at once would have it; gives the sizes of the messages.
fn send_due(lane: &mut Lane) -> Option<usize> {
    let about = match lane.next() {
        Next::Single(notice) => vec![notice],
        Next::Digest(all) => all,
        Next::Idle | Next::At(_) | Next::Refresh(_) | Next::Again(_) => return None,
    };
    lane.start(about);
    Some(lane.arrived().0.len())
}

#[tokio::test(start_paused = true)]
async fn the_first_alert_goes_at_once_and_is_not_repeated() {
    let mut lane = lane(2);
    let api = sample::incident("api");
    assert!(lane.offer(&notice(&api)));
    assert_eq!(send_due(&mut lane), Some(1));
    assert!(!lane.offer(&notice(&api)), "told twice");
    let mut mended = api.clone();
    mended.status.phase = Phase::Resolved;
    assert!(lane.offer(&notice(&mended)));
    let Next::At(at) = lane.next() else {
        panic!("{:?}", lane.next())
    };
    sleep(at - lane.clock.now()).await;
    assert_eq!(send_due(&mut lane), Some(1), "the follow-up");
    assert!(at < Duration::from_millis(1100), "{at:?}");
    assert_eq!(lane.next(), Next::Idle);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_200_workloads_is_five_messages_at_most() {
    for burst in [2, 3] {
        let mut lane = lane(burst);
        let mut messages = Vec::new();
        for step in 0..600_usize {
            // 20 workloads a second for 10 s, each looked at again every 5 s.
            if step < 100 {
                for k in 0..2 {
                    lane.offer(&notice(&sample::incident(&format!("app-{}", step * 2 + k))));
                }
            }
            messages.extend(send_due(&mut lane));
            advance(Duration::from_millis(100)).await;
        }
        assert_eq!(messages.iter().sum::<usize>(), 200, "{messages:?}");
        assert!(messages.len() <= 5, "burst {burst}: {messages:?}");
    }
}

/// Offers `count` workloads evenly over `over`, and sends what is due until a minute later. Gives the sizes of the messages
/// and the most memory that what was pending took, in bytes (a bound: its size and everything that it prints).
async fn burst_of(
    count: usize,
    over: Duration,
    lane: &mut Lane,
    write: impl Fn(usize, &mut Incident),
) -> (Vec<usize>, usize) {
    const STEP: Duration = Duration::from_millis(100);
    let steps = usize::try_from(over.as_millis() / STEP.as_millis()).expect("steps");
    let (mut messages, mut offered, mut memory) = (Vec::new(), 0, 0);
    for step in 0..steps + 600 {
        while offered < count && offered * steps <= step * count {
            let mut incident = sample::incident(&format!("app-{offered}"));
            write(offered, &mut incident);
            lane.offer(&notice(&incident));
            offered += 1;
        }
        if step % 10 == 0 {
            let size = |p: &Pending| size_of::<Notice>() + format!("{:?}", p.notice).len();
            memory = memory.max(lane.pending.values().map(size).sum());
        }
        messages.extend(send_due(lane));
        advance(STEP).await;
    }
    (messages, memory)
}

#[tokio::test(start_paused = true)]
async fn a_storm_that_takes_half_a_minute_to_unfold_is_five_messages_at_most() {
    for (burst, seconds) in [(2, 10), (3, 10), (2, 30), (3, 30)] {
        let mut lane = lane(burst);
        let over = Duration::from_secs(seconds);
        // A storm is known from the tenth workload on.
        let (messages, _) = burst_of(200, over, &mut lane, |n, incident| {
            if n >= 10 {
                incident.status.reason = Reason::Storm;
            }
        })
        .await;
        assert_eq!(messages.iter().sum::<usize>(), 200, "{messages:?}");
        assert!(messages.len() <= 5, "burst {burst}: {messages:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_incidents_in_a_minute_are_all_told_in_few_messages_and_little_memory() {
    let mut lane = lane(2);
    let line = podmender_policy::bounds::LogLine::new(&"x".repeat(300));
    let (messages, memory) = burst_of(1000, Duration::from_secs(60), &mut lane, |_, incident| {
        incident.status.evidence.lines = vec![line.clone(); 10];
    })
    .await;
    assert_eq!(messages.iter().sum::<usize>(), 1000, "{messages:?}");
    assert!(messages.len() <= 60, "{messages:?}");
    assert!(memory <= 10 << 20, "{memory} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_loses_nothing_and_hears_the_newest_state_once() {
    let mut lane = lane(2);
    let mut incidents: Vec<_> = (0..30)
        .map(|i| sample::incident(&format!("app-{i}")))
        .collect();
    for incident in &incidents {
        lane.offer(&notice(incident));
    }
    let mut tries = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        match lane.next() {
            Next::Digest(all) => {
                tries += 1;
                lane.start(all);
                assert_eq!(
                    lane.failed("down".into(), None),
                    tries == 1,
                    "the problem is new once"
                );
            }
            Next::At(at) => sleep(at - lane.clock.now()).await,
            other => panic!("{other:?}"),
        }
    }
    assert!((5..=9).contains(&tries), "{tries} tries in a minute");
    // Meanwhile half of them got well: they are told as well, once, and the rest as failing, once.
    for incident in incidents.iter_mut().take(15) {
        incident.status.phase = Phase::Resolved;
        lane.offer(&notice(incident));
    }
    advance(Duration::from_secs(15)).await;
    let Next::Digest(all) = lane.next() else {
        panic!("{:?}", lane.next())
    };
    assert_eq!(all.len(), 30);
    assert_eq!(
        all.iter().filter(|n| n.phase == Phase::Resolved).count(),
        15
    );
    lane.start(all);
    assert!(lane.arrived().1, "the problem is over");
    assert_eq!(lane.next(), Next::Idle);
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_a_message_is_under_way_is_told_next() {
    let mut lane = lane(2);
    let mut api = sample::incident("api");
    lane.offer(&notice(&api));
    let Next::Single(first) = lane.next() else {
        panic!("due")
    };
    lane.start(vec![first]);
    assert_eq!(lane.next(), Next::Idle, "one at a time");
    lane.offer(&notice(&api));
    api.status.phase = Phase::Escalated;
    lane.offer(&notice(&api));
    lane.arrived();
    advance(Duration::from_secs(2)).await;
    let Next::Single(second) = lane.next() else {
        panic!("due")
    };
    assert_eq!(
        (second.phase, second.told),
        (Phase::Escalated, Some(Phase::Detected))
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_patience_gets_it() {
    let mut lane = lane(2);
    lane.offer(&notice(&sample::incident("api")));
    let Next::Single(first) = lane.next() else {
        panic!("due")
    };
    lane.start(vec![first]);
    lane.failed("busy".into(), Some(Duration::from_secs(90)));
    advance(Duration::from_secs(89)).await;
    assert!(matches!(lane.next(), Next::At(_)));
    advance(Duration::from_secs(2)).await;
    assert!(matches!(lane.next(), Next::Single(_)));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_a_restart_is_not_told_again() {
    let mut lane = lane(2);
    let mut api = sample::incident("api");
    api.status.phase = Phase::Verifying;
    api.status.told = Some(podmender_policy::incident::Told {
        phase: Phase::Detected,
        at: sample::now(),
    });
    assert!(!lane.offer(&notice(&api)));
    api.status.phase = Phase::Resolved;
    assert!(lane.offer(&notice(&api)));
}

/// What may have been a passing weakness is not: whoever read the first message waits for just this one.
#[tokio::test(start_paused = true)]
async fn detected_still_may_recover_then_escalated_is_told() {
    let mut lane = lane(2);
    let mut api = sample::incident("api");
    api.status.reason = Reason::StillMayRecover;
    assert!(lane.offer(&notice(&api)));
    assert_eq!(send_due(&mut lane), Some(1));
    api.status.told = Some(podmender_policy::incident::Told {
        phase: Phase::Detected,
        at: sample::now(),
    });
    api.status.phase = Phase::Escalated;
    api.status.reason = Reason::VerifyFailed;
    assert!(lane.offer(&notice(&api)), "the escalation is lost");
    advance(Duration::from_secs(2)).await;
    assert_eq!(send_due(&mut lane), Some(1));
}

/// As [`lane`], with cards.
fn app_lane() -> Lane {
    lane(2).with_cards("#ops".into())
}

/// A question is not lost in a digest, where it would have no buttons; and it does not wait for the pause after one.
#[tokio::test(start_paused = true)]
async fn a_question_in_a_storm_has_a_card_of_its_own() {
    let mut lane = app_lane();
    for i in 0..50 {
        let mut incident = sample::incident(&format!("app-{i}"));
        incident.status.reason = Reason::Storm;
        lane.offer(&notice(&incident));
    }
    let mut question = sample::incident("api");
    question.status.phase = Phase::AwaitingApproval;
    lane.offer(&notice(&question));
    let Next::Single(first) = lane.next() else {
        panic!("{:?}", lane.next())
    };
    assert_eq!(first.id, question.id);
    lane.start(vec![first]);
    lane.arrived();
    advance(Duration::from_secs(3)).await;
    assert_eq!(send_due(&mut lane), Some(50), "the digest");
    let mut another = sample::incident("web");
    another.status.phase = Phase::AwaitingApproval;
    lane.offer(&notice(&another));
    advance(Duration::from_secs(1)).await;
    assert_eq!(send_due(&mut lane), Some(1));
}

#[tokio::test(start_paused = true)]
async fn cards_are_brought_up_to_date_slower_than_slack_allows() {
    let mut lane = app_lane();
    let mut updates = 0;
    for step in 0..600_u32 {
        for i in 0..4 {
            let mut incident = sample::incident(&format!("app-{i}"));
            incident.status.phase = Phase::Verifying;
            incident.status.told = Some(podmender_policy::incident::Told {
                phase: Phase::Detected,
                at: sample::now(),
            });
            incident.note_post(
                &"#ops".into(),
                Some(podmender_policy::incident::Post {
                    channel: "#ops".into(),
                    conversation: "C1".into(),
                    ts: Text::new(&i.to_string()),
                }),
            );
            // Something changes on each card all the time.
            incident.status.replicas.ready = step;
            lane.offer(&notice(&incident));
        }
        if let Next::Refresh(refresh) = lane.next() {
            lane.start_refresh();
            lane.keep(&Standing {
                notice: refresh.notice,
                place: Some(refresh.place),
                shown: crate::alert::cards::Shown::Newest,
            });
            lane.arrived();
            updates += 1;
        }
        advance(Duration::from_millis(100)).await;
    }
    assert!((45..=50).contains(&updates), "{updates} in a minute");
}

/// An Alertmanager forgets what it does not hear of again.
#[tokio::test(start_paused = true)]
async fn what_is_active_is_said_again_each_minute_until_it_ends() {
    let mut lane = lane(2).with_beats(Duration::from_secs(60));
    let mut api = sample::incident("api");
    let mut again = 0;
    for second in 0..600 {
        if second == 310 {
            api.status.phase = Phase::Resolved;
        }
        lane.offer(&notice(&api));
        match lane.next() {
            Next::Again(notices) => {
                assert_eq!(notices.len(), 1);
                assert!(second <= 310, "said again after its end");
                lane.start_again(&notices);
                lane.arrived();
                again += 1;
            }
            Next::Single(_) => assert!(send_due(&mut lane).is_some()),
            Next::Idle | Next::At(_) => {}
            other => panic!("{other:?}"),
        }
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(again, 5);
}

/// What becomes of incidents, each at its millisecond, on a lane whose receiver takes 20 ms. Gives when each message arrived,
/// and about what.
async fn told_of(
    lane: &mut Lane,
    mut news: Vec<(u64, &str, Phase)>,
) -> Vec<(Duration, Vec<Arc<Notice>>)> {
    const RECEIVER: Duration = Duration::from_millis(20);
    news.sort_by_key(|(at, ..)| *at);
    let mut news = news.into_iter().peekable();
    let mut messages = Vec::new();
    loop {
        let now = lane.clock.now();
        while let Some((_, name, phase)) = news.next_if(|n| Duration::from_millis(n.0) <= now) {
            let mut incident = sample::incident(name);
            incident.status.phase = phase;
            lane.offer(&notice(&incident));
        }
        let about = match lane.next() {
            Next::Single(notice) => vec![notice],
            Next::Digest(all) => all,
            next => {
                let due = news.peek().map(|n| Duration::from_millis(n.0));
                let due = due.into_iter().chain(match next {
                    Next::At(at) => Some(at),
                    _ => None,
                });
                let Some(at) = due.min() else {
                    return messages;
                };
                sleep_until(lane.clock.at(at)).await;
                continue;
            }
        };
        lane.start(about);
        sleep(RECEIVER).await;
        messages.push((lane.clock.now(), lane.arrived().0));
    }
}

/// Both rounds of `scenarios bench --only detect`, as they were on 2026-11-21: when the agent had written the incident of each of
/// eight Deployments that begin at once on one node, in milliseconds.
const ROUNDS: [(u64, &str); 16] = [
    (0, "cm-r1"),
    (180, "pull-r1"),
    (880, "oom-r1"),
    (900, "init-r1"),
    (2030, "crash-r1"),
    (4550, "startup-r1"),
    (11_980, "live-r1"),
    (12_270, "ready-r1"),
    (23_020, "pull-r2"),
    (23_160, "cm-r2"),
    (23_500, "init-r2"),
    (23_710, "oom-r2"),
    (24_760, "crash-r2"),
    (26_900, "startup-r2"),
    (34_830, "live-r2"),
    (34_900, "ready-r2"),
];

/// In between it is told, too, that somebody is needed, and that all are well again.
#[tokio::test(start_paused = true)]
async fn first_news_is_there_within_100_ms_for_most_of_eight_failures_at_once() {
    for (burst, quick) in [(2, 9), (3, 12)] {
        let mut lane = lane(burst);
        let first = ROUNDS.map(|(at, name)| (at, name, Phase::Detected));
        let later = ROUNDS.map(|(at, name)| (at + 1100, name, Phase::Escalated));
        let well = ROUNDS.map(|(_, name)| match name.ends_with("r1") {
            true => (14_850, name, Phase::Resolved),
            false => (37_650, name, Phase::Resolved),
        });
        let messages = told_of(&mut lane, [first, later, well].concat()).await;
        let when = |name: &str, is_it: fn(Phase) -> bool| {
            let id = sample::incident(name).id;
            let told = messages
                .iter()
                .find(|m| m.1.iter().any(|n| n.id == id && is_it(n.phase)));
            told.expect(name).0
        };
        let wait = |(at, name)| when(name, |_| true) - Duration::from_millis(at);
        let waits = ROUNDS.map(wait);
        let there = waits.iter().filter(|w| w.as_millis() <= 100).count();
        assert!(there >= quick, "burst {burst}: {waits:?}");
        assert!(waits.iter().all(|w| w.as_secs() < 2), "{waits:?}");
        for (_, name) in ROUNDS {
            let well = when(name, |phase| phase == Phase::Resolved);
            assert!(well < Duration::from_secs(42), "{name}: {well:?}");
        }
    }
}

/// News of new failures, one each second, takes all that the pace allows: what became of the others is told all the same.
#[tokio::test(start_paused = true)]
async fn a_follow_up_waits_a_quarter_of_a_minute_at_most() {
    let mut lane = lane(2);
    let names: Vec<_> = (0..60).map(|i| format!("app-{i}")).collect();
    let mut news: Vec<_> = (0u64..)
        .zip(&names)
        .map(|(i, name)| (i * 900, name.as_str(), Phase::Detected))
        .collect();
    news.push((10_000, "app-0", Phase::Escalated));
    let messages = told_of(&mut lane, news).await;
    let told = messages
        .iter()
        .find(|m| m.1.iter().any(|n| n.phase == Phase::Escalated));
    let at = told.expect("told").0;
    assert!(at <= Duration::from_secs(27), "{at:?}");
}

/// Whoever is told of recoveries hears of what fails next at once.
#[tokio::test(start_paused = true)]
async fn recoveries_hold_up_no_news() {
    let mut lane = lane(3);
    let names: Vec<_> = (0..30).map(|i| format!("app-{i}")).collect();
    let at = |ms, phase| names.iter().map(move |n| (ms, n.as_str(), phase));
    let mut news: Vec<_> = at(0, Phase::Detected)
        .chain(at(60_000, Phase::Resolved))
        .collect();
    news.push((62_500, "api", Phase::Detected));
    let messages = told_of(&mut lane, news).await;
    let last = messages.last().expect("messages");
    assert_eq!(last.1.len(), 1, "the recoveries were not told before");
    assert!(last.0 <= Duration::from_millis(62_600), "{:?}", last.0);
}

/// Questions are never part of a digest, so nothing but the pace holds them back.
#[tokio::test(start_paused = true)]
async fn questions_alone_are_60_messages_in_any_minute_at_most() {
    for burst in [2, 3] {
        let mut lane = lane(burst).with_cards("#ops".into());
        let names: Vec<_> = (0..200).map(|i| format!("app-{i}")).collect();
        let news = names
            .iter()
            .map(|n| (0, n.as_str(), Phase::AwaitingApproval));
        let messages = told_of(&mut lane, news.collect()).await;
        assert_eq!(messages.len(), 200);
        for (first, _) in &messages {
            let minute = *first..=*first + Duration::from_secs(60);
            let count = messages.iter().filter(|m| minute.contains(&m.0)).count();
            assert!(count <= 60, "{count} from {first:?} on");
        }
    }
}
