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
        Next::Idle | Next::At(_) => return None,
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
