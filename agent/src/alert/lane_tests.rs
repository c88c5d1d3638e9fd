//! The pace of a channel, on a clock that the tests hold.

use super::*;
use crate::alert::sample;
use podmender_policy::incident::Incident;
use tokio::time::{advance, sleep};

fn notice(incident: &Incident) -> Arc<Notice> {
    Arc::new(Notice::of(incident))
}

fn lane(burst: u32) -> Lane {
    let burst = NonZeroU32::new(burst).expect("burst");
    Lane::new(Pace::with_burst(burst), Uptime::start())
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
    assert_eq!(send_due(&mut lane), Some(1), "the follow-up");
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
        for i in 0..20 {
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
    assert!((48..=53).contains(&updates), "{updates} in a minute");
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
