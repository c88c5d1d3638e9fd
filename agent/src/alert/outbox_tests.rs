//! The outbox against receivers that misbehave, over real HTTP on loopback.

use super::*;
use crate::{
    alert::{channel::Source, sample},
    args::Interactions,
};
use std::{cell::RefCell, collections::VecDeque, sync::Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};

/// Answers each request with the next of `answers` (then with 200) after `delay`; keeps the bodies.
struct Receiver {
    listener: TcpListener,
    answers: Mutex<VecDeque<&'static str>>,
    delay: Duration,
    bodies: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
}

const OK: &str = "200 OK\r\ncontent-length: 2\r\n\r\nok";
const DOWN: &str = "500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
const TOO_LONG: &str = "400 Bad Request\r\ncontent-length: 19\r\n\r\nmsg_blocks_too_long";
const AWAY: &str = "302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";

impl Receiver {
    async fn new(answers: &[&'static str], delay: Duration) -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.expect("port"),
            answers: Mutex::new(answers.iter().copied().collect()),
            delay,
            bodies: Mutex::default(),
            heads: Mutex::default(),
        }
    }

    fn url(&self) -> Source {
        let at = self.listener.local_addr().expect("address");
        Source::Literal(Text::new(&format!("http://{at}/s3cret")))
    }

    async fn serve(&self) {
        loop {
            let (mut stream, _) = self.listener.accept().await.expect("accepted");
            let mut raw = Vec::new();
            let (head, body) = loop {
                let mut part = [0; 16_384];
                let n = stream.read(&mut part).await.expect("read");
                raw.extend_from_slice(&part[..n]);
                let text = String::from_utf8_lossy(&raw);
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.lines().find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse::<usize>()
                        .ok()
                });
                if body.len() >= length.expect("length") {
                    break (head.to_ascii_lowercase(), body.to_owned());
                }
            };
            sleep(self.delay).await;
            let answer = self.answers.lock().expect("lock").pop_front().unwrap_or(OK);
            if answer == OK {
                self.bodies.lock().expect("lock").push(body);
                self.heads.lock().expect("lock").push(head);
            }
            let answer = format!(
                "HTTP/1.1 {}",
                answer.replacen("\r\n", "\r\nconnection: close\r\n", 1)
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("lock").clone()
    }
}

pub(super) fn hurried() -> Pace {
    Pace {
        period: Duration::from_millis(20),
        patience: Duration::from_millis(300),
        settle: Duration::from_millis(40),
        pause_each: Duration::from_millis(1),
        pause_min: Duration::from_millis(40),
        pause_max: Duration::from_millis(300),
        pause_storm: Duration::from_millis(300),
        retry: Duration::from_millis(10),
        retry_max: Duration::from_millis(40),
        ..Pace::per_minute(NonZeroU32::MIN, NonZeroU32::MIN)
    }
}

/// An outbox that hurries, so that nothing has to be waited for long.
pub(super) fn outbox_at(slack: reqwest::Url, secrets: Secrets, channels: Vec<Channel>) -> Outbox {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut outbox = Outbox::new(
        secrets.clone(),
        Arc::new(Apis::new(slack, secrets).heard_by(Interactions::Socket)),
        Arc::new(Metrics::new("0", "test")),
        Arc::new(sample::now),
    );
    outbox.pace = |_| hurried();
    let alerting = Alerting {
        routes: channels.into_iter().map(Into::into).collect(),
        min_interval: Duration::ZERO,
    };
    outbox.set_alerting(&"podmender/shop".into(), alerting);
    outbox
}

/// One for channels that are no Slack app's.
fn outbox(channels: Vec<Channel>) -> Outbox {
    let nowhere = "http://127.0.0.1:1/api/".parse().expect("address");
    outbox_at(nowhere, Secrets::new("/nonexistent".into()), channels)
}

/// Runs until `done`, or fails with what arrived.
async fn until(
    outbox: &Outbox,
    receivers: &[&Receiver],
    done: impl Fn(&[News]) -> bool,
) -> Vec<News> {
    let heard = RefCell::new(Vec::new());
    let servers = futures::future::join_all(receivers.iter().map(|r| r.serve()));
    let finished = async {
        while !done(&heard.borrow()) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let all = async {
        tokio::select! {
            () = outbox.run(|news| heard.borrow_mut().push(news)) => {}
            _ = servers => {}
            () = finished => {}
        }
    };
    if timeout(Duration::from_secs(20), all).await.is_err() {
        let bodies: Vec<_> = receivers.iter().map(|r| r.bodies()).collect();
        panic!(
            "not done in time: {:?}, arrived {bodies:#?}",
            heard.borrow()
        );
    }
    heard.into_inner()
}

fn told(news: &[News]) -> usize {
    let told = news.iter().filter_map(|n| match n {
        News::Told(told) => Some(told.len()),
        News::Problems | News::Posted(_) => None,
    });
    told.sum()
}

fn offer_many(outbox: &Outbox, count: usize) {
    for i in 0..count {
        outbox.offer(&sample::incident(&format!("app-{i}")));
    }
}

#[tokio::test]
async fn a_receiver_that_fails_for_a_while_hears_every_workload() {
    let down = [DOWN, BUSY, AWAY, DOWN, DOWN, DOWN];
    let receiver = Receiver::new(&down, Duration::ZERO).await;
    let outbox = outbox(vec![Channel::Webhook {
        signing: None,
        url: receiver.url(),
    }]);
    offer_many(&outbox, 200);
    let news = until(&outbox, &[&receiver], |news| told(news) == 200).await;
    let bodies = receiver.bodies();
    assert!(bodies.len() <= 5, "{} messages", bodies.len());
    let all = bodies.concat();
    for i in 0..200 {
        assert!(all.contains(&format!("\"app-{i}\"")), "app-{i} was lost");
    }
    assert!(
        news.contains(&News::Problems),
        "nobody was told that it fails"
    );
    assert!(outbox.problems(&"podmender/shop".into()).is_empty());
    assert_eq!(outbox.pending(), 0);
}

#[tokio::test]
async fn a_webhook_with_a_secret_gets_signed_messages_and_none_without_it() {
    let receiver = Receiver::new(&[], Duration::ZERO).await;
    let dir = std::env::temp_dir().join(format!("podmender-signing-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let channel = |name: &str| Channel::Webhook {
        url: receiver.url(),
        signing: Some(Source::Named(name.into())),
    };
    for (name, value) in [("KEY", "key\n"), ("NONE", "\n")] {
        std::fs::write(dir.join(name), value).expect("file");
    }
    let mut outbox = outbox(Vec::new());
    outbox.secrets = Secrets::new(dir);
    let alerting = Alerting {
        routes: vec![
            channel("KEY").into(),
            channel("NONE").into(),
            channel("ABSENT").into(),
        ],
        min_interval: Duration::ZERO,
    };
    outbox.set_alerting(&"podmender/shop".into(), alerting);
    outbox.offer(&sample::incident("api"));
    until(&outbox, &[&receiver], |news| told(news) == 1).await;
    let (bodies, heads) = (
        receiver.bodies(),
        receiver.heads.lock().expect("lock").clone(),
    );
    assert_eq!(bodies.len(), 1, "one without a usable secret was sent");
    let signed =
        crate::alert::sign::sign("key", bodies[0].as_bytes(), sample::now()).expect("signed");
    for part in [
        format!("x-podmender-timestamp: {}", signed.timestamp),
        format!("x-podmender-signature: {}", signed.signature),
    ] {
        assert!(heads[0].contains(&part), "no {part:?} in {}", heads[0]);
    }
    let problems = format!("{:?}", outbox.problems(&"podmender/shop".into()));
    assert!(
        problems.contains("`${NONE}` is empty") && problems.contains("`${ABSENT}` is not mounted"),
        "{problems}"
    );
}

#[tokio::test]
async fn a_slow_receiver_holds_up_no_other() {
    let slow = Receiver::new(&[], Duration::from_millis(1500)).await;
    let quick = Receiver::new(&[], Duration::ZERO).await;
    let outbox = outbox(vec![
        Channel::SlackWebhook { url: slow.url() },
        Channel::Webhook {
            signing: None,
            url: quick.url(),
        },
    ]);
    outbox.offer(&sample::incident("api"));
    let started = Instant::now();
    until(&outbox, &[&slow, &quick], |_| !quick.bodies().is_empty()).await;
    assert!(
        started.elapsed() < Duration::from_millis(1000),
        "{:?}",
        started.elapsed()
    );
    assert!(slow.bodies().is_empty());
}

#[tokio::test]
async fn it_counts_as_told_when_every_channel_has_it() {
    let broken = Receiver::new(&[DOWN, DOWN], Duration::ZERO).await;
    let well = Receiver::new(&[], Duration::ZERO).await;
    let outbox = outbox(vec![
        Channel::Webhook {
            signing: None,
            url: broken.url(),
        },
        Channel::SlackWebhook { url: well.url() },
        // Nobody waits for one that has no address.
        Channel::Webhook {
            signing: None,
            url: Source::Named("ABSENT".into()),
        },
    ]);
    outbox.offer(&sample::incident("api"));
    let news = until(&outbox, &[&broken, &well], |news| told(news) > 0).await;
    assert_eq!(told(&news), 1);
    assert_eq!((broken.bodies().len(), well.bodies().len()), (1, 1));
    let problems = outbox.problems(&"podmender/shop".into());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].as_str().contains("`${ABSENT}` is not mounted"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn blocks_that_slack_refuses_become_plain_text() {
    let receiver = Receiver::new(&[TOO_LONG], Duration::ZERO).await;
    let outbox = outbox(vec![Channel::SlackWebhook {
        url: receiver.url(),
    }]);
    outbox.offer(&sample::incident("api"));
    until(&outbox, &[&receiver], |news| told(news) == 1).await;
    let body = receiver.bodies().concat();
    assert!(
        !body.contains("blocks") && body.contains("api in shop"),
        "{body}"
    );
}

#[tokio::test]
async fn an_address_never_shows() {
    let receiver = Receiver::new(&[DOWN, DOWN], Duration::ZERO).await;
    let gone = Source::Literal("http://127.0.0.1:1/s3cret".into());
    let outbox = outbox(vec![
        Channel::Webhook {
            signing: None,
            url: gone,
        },
        Channel::Webhook {
            signing: None,
            url: receiver.url(),
        },
        Channel::Webhook {
            signing: None,
            url: Source::Literal("hooks.example/s3cret".into()),
        },
        Channel::SlackApp {
            channel: "#ops".into(),
            token: Source::Literal("xoxb-s3cret".into()),
        },
    ]);
    outbox.offer(&sample::incident("api"));
    let policy = "podmender/shop".into();
    until(&outbox, &[&receiver], |_| {
        outbox.problems(&policy).len() == 4
    })
    .await;
    let text = format!("{:?} {outbox:?}", outbox.problems(&policy));
    assert!(
        !text.contains("s3cret") && !text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(
        text.contains("Slack channel #ops: Connection refused")
            && text.contains("is not an address"),
        "{text}"
    );
}

#[tokio::test]
async fn channels_that_are_gone_are_forgotten() {
    let receiver = Receiver::new(&[], Duration::ZERO).await;
    let outbox = outbox(vec![Channel::Webhook {
        signing: None,
        url: receiver.url(),
    }]);
    outbox.offer(&sample::incident("api"));
    outbox.forget(&sample::incident("api").id);
    assert_eq!(outbox.pending(), 0);
    outbox.offer(&sample::incident("api"));
    outbox.forget_policy(&"podmender/shop".into());
    assert_eq!(outbox.pending(), 0);
    outbox.offer(&sample::incident("api"));
    assert_eq!(outbox.pending(), 0);
}

/// Bodies as JSON.
fn events(receiver: &Receiver) -> Vec<serde_json::Value> {
    let bodies = receiver.bodies();
    let read = |body: &String| serde_json::from_str(body).expect("JSON");
    bodies.iter().map(read).collect()
}

/// Offers it, waits until it was told, and notes that on it, as the agent does.
async fn tell(outbox: &Outbox, receiver: &Receiver, incident: &mut Incident) {
    outbox.offer(incident);
    let news = until(outbox, &[receiver], |news| told(news) == 1).await;
    for news in news {
        if let News::Told(told) = news {
            incident.status.told = Some(podmender_policy::incident::Told {
                phase: told[0].phase,
                at: sample::now(),
            });
        }
    }
    outbox.offer(incident);
}

#[tokio::test]
async fn pagerduty_is_told_of_each_step_under_one_key() {
    let receiver = Receiver::new(&[], Duration::ZERO).await;
    let dir = std::env::temp_dir().join(format!("podmender-pager-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    std::fs::write(dir.join("KEY"), "0123456789abcdef\n").expect("key");
    let mut outbox = outbox(Vec::new());
    outbox.secrets = Secrets::new(dir);
    outbox.pace = |channel| Pace {
        bundle: pace(channel).bundle,
        ..hurried()
    };
    let pager = Channel::PagerDuty {
        key: Source::Named("KEY".into()),
        url: Some(receiver.url()),
    };
    let only = podmender_policy::rules::Only {
        min_severity: podmender_policy::severity::Severity::Critical,
        ..Default::default()
    };
    let alerting = Alerting {
        routes: vec![Route {
            channel: pager,
            only,
        }],
        min_interval: Duration::ZERO,
    };
    outbox.set_alerting(&"podmender/shop".into(), alerting);
    let mut api = sample::incident("api");
    outbox.offer(&api);
    assert_eq!(
        outbox.pending(),
        0,
        "nobody is woken for what Podmender deals with"
    );
    let asked = podmender_policy::audit::Fact::Asked {
        expires_at: sample::now(),
    };
    api.status.timeline = vec![podmender_policy::audit::AuditRecord {
        seq: 1,
        at: sample::now(),
        incident: Some(api.id.clone()),
        fact: asked,
        prev: "".into(),
        hash: "".into(),
    }];
    for phase in [Phase::AwaitingApproval, Phase::Remediating, Phase::Resolved] {
        api.status.phase = phase;
        tell(&outbox, &receiver, &mut api).await;
    }
    let events = events(&receiver);
    let field = |name: &str| -> Vec<&str> {
        let values = events.iter().filter_map(|e| e[name].as_str());
        values.collect()
    };
    assert_eq!(field("event_action"), ["trigger", "acknowledge", "resolve"]);
    assert_eq!(field("dedup_key"), ["podmender/shop/api-1"; 3]);
    assert_eq!(field("routing_key"), ["0123456789abcdef"; 3]);
    assert_eq!(events[0]["payload"]["severity"], "critical");
    assert!(!format!("{outbox:?}").contains("0123456789"));
}

#[tokio::test]
async fn alertmanager_hears_of_all_at_its_own_path() {
    let receiver = Receiver::new(&[DOWN], Duration::ZERO).await;
    let outbox = outbox(vec![Channel::Alertmanager {
        url: receiver.url(),
    }]);
    offer_many(&outbox, 150);
    until(&outbox, &[&receiver], |news| told(news) == 150).await;
    let messages = events(&receiver);
    assert!(messages.len() <= 3, "{} messages", messages.len());
    let alerts: usize = messages
        .iter()
        .map(|m| m.as_array().expect("list").len())
        .sum();
    assert_eq!(alerts, 150);
    let heads = receiver.heads.lock().expect("lock").clone();
    assert!(
        heads[0].starts_with("post /s3cret/api/v2/alerts "),
        "{}",
        heads[0]
    );
}
