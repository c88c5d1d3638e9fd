//! A Slack app's channel against a Slack that behaves, and then does not, over real HTTP on loopback.

use super::{tests::outbox_at, *};
use crate::alert::{channel::Source, sample};
use axum::{
    Router,
    extract::State as Shared,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use podmender_policy::{decide::Reason, incident::Told};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::VecDeque, path::PathBuf};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{sleep, timeout},
};

/// A method, and what it answers once, in place of what it should: a status, Retry-After, and a code.
type Order = (&'static str, u16, u32, &'static str);

#[derive(Default)]
struct Slack {
    /// Methods and bodies, in the order in which they came.
    calls: Vec<(String, Value)>,
    /// Messages that stand: `ts`.
    stand: Vec<String>,
    orders: VecDeque<Order>,
    token: String,
    delay: Duration,
    /// Paths of everything that came, understood or not.
    asked: Vec<String>,
}

impl Slack {
    fn of(&self, method: &str) -> Vec<&Value> {
        let calls = self.calls.iter().filter(|(m, _)| m == method);
        calls.map(|(_, body)| body).collect()
    }

    fn posts(&self) -> Vec<&Value> {
        self.of("chat.postMessage")
    }

    fn updates(&self) -> Vec<&Value> {
        self.of("chat.update")
    }
}

async fn answer(
    Shared(slack): Shared<Arc<Mutex<Slack>>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    let delay = slack.lock().expect("lock").delay;
    sleep(delay).await;
    let mut slack = slack.lock().expect("lock");
    let method = uri.path().trim_start_matches("/api/").to_owned();
    slack.asked.push(method.clone());
    let token = headers.get("authorization").and_then(|v| v.to_str().ok());
    let no = |code: &str| json!({"ok": false, "error": code});
    let mut fields = HeaderMap::new();
    if slack.orders.front().is_some_and(|o| o.0 == method)
        && let Some((_, status, wait, code)) = slack.orders.pop_front()
    {
        if wait > 0 {
            fields.insert("retry-after", wait.into());
        }
        let status = StatusCode::from_u16(status).expect("status");
        return (status, fields, no(code).to_string());
    }
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let reply = if token != Some(&format!("Bearer {}", slack.token)) {
        no("token_revoked")
    } else if method == "chat.update" {
        let ts = body["ts"].as_str().expect("ts").to_owned();
        if slack.stand.contains(&ts) {
            slack.calls.push((method, body));
            json!({"ok": true, "channel": "C1", "ts": ts})
        } else {
            no("message_not_found")
        }
    } else {
        let ts = format!("1700000000.{:06}", slack.calls.len());
        slack.stand.push(ts.clone());
        slack.calls.push((method, body));
        json!({"ok": true, "channel": "C1", "ts": ts})
    };
    (StatusCode::OK, fields, reply.to_string())
}

/// A Slack, the folder with its token, and an outbox that hurries.
struct Rig {
    slack: Arc<Mutex<Slack>>,
    base: reqwest::Url,
    dir: PathBuf,
    outbox: Outbox,
    news: RefCell<Vec<News>>,
    _serving: JoinSet<()>,
}

const TOKEN: &str = "xoxb-s3cret";

fn ops() -> Channel {
    Channel::SlackApp {
        channel: "#ops".into(),
        token: Source::Named("SLACK_BOT_TOKEN".into()),
    }
}

fn outbox(base: &reqwest::Url, dir: &std::path::Path, channels: Vec<Channel>) -> Outbox {
    outbox_at(base.clone(), Secrets::new(dir.to_owned()), channels)
}

impl Rig {
    async fn new(test: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = std::env::temp_dir().join(format!("podmender-app-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        std::fs::write(dir.join("SLACK_BOT_TOKEN"), TOKEN).expect("token");
        std::fs::write(dir.join("SLACK_APP_TOKEN"), "xapp-1").expect("token");
        let slack = Arc::new(Mutex::new(Slack {
            token: TOKEN.to_owned(),
            ..Slack::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let base = format!("http://{}/api/", listener.local_addr().expect("address"));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&slack));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        let base = base.parse().expect("address");
        Self {
            slack,
            outbox: outbox(&base, &dir, vec![ops()]),
            base,
            dir,
            news: RefCell::default(),
            _serving: serving,
        }
    }

    /// The agent was killed and starts again.
    fn restart(&mut self) {
        self.outbox = outbox(&self.base, &self.dir, vec![ops()]);
        self.news.take();
    }

    fn order(&self, orders: &[Order]) {
        self.slack.lock().expect("lock").orders.extend(orders);
    }

    /// Runs until `done`, or fails with what Slack was asked.
    async fn until(&self, done: impl Fn(&Slack, &[News]) -> bool) {
        let finished = async {
            while !done(&self.slack.lock().expect("lock"), &self.news.borrow()) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let all = async {
            tokio::select! {
                () = self.outbox.run(|news| self.news.borrow_mut().push(news)) => {}
                () = finished => {}
            }
        };
        if timeout(Duration::from_secs(20), all).await.is_err() {
            let calls = &self.slack.lock().expect("lock").calls;
            panic!(
                "not in time: {:?}, Slack was asked {calls:#?}",
                self.news.borrow()
            );
        }
    }

    /// Runs until nothing is left to do.
    async fn settle(&self) {
        self.until(|_, _| {
            let state = self.outbox.state();
            state.lanes.values().all(Lane::is_settled)
        })
        .await;
    }

    /// Offers it, sends what is due, and notes on it what is to be noted, as the agent does.
    async fn tell(&self, incident: &mut Incident) {
        self.outbox.offer(incident);
        self.settle().await;
        self.note(incident);
    }

    fn note(&self, incident: &mut Incident) {
        for news in self.news.take() {
            match news {
                News::Told(told) => {
                    for told in told.iter().filter(|t| t.incident == incident.id) {
                        let (phase, at) = (told.phase, sample::now());
                        incident.status.told = Some(Told { phase, at });
                    }
                }
                News::Posted(p) if p.incident == incident.id => {
                    incident.note_post(&p.channel, p.post);
                }
                News::Posted(_) | News::Problems => {}
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.outbox.state().lanes.values().all(Lane::is_idle)
    }

    fn slack(&self) -> MutexGuard<'_, Slack> {
        self.slack.lock().expect("lock")
    }

    /// How many messages were posted, and how often one was changed.
    fn count(&self) -> (usize, usize) {
        let slack = self.slack();
        (slack.posts().len(), slack.updates().len())
    }

    fn problems(&self) -> String {
        format!("{:?}", self.outbox.problems(&"podmender/shop".into()))
    }
}

fn asking() -> Incident {
    let mut incident = sample::asking();
    let asked = incident.status.approval.as_mut().expect("a question");
    asked.effect = Some(podmender_policy::remedy::Effect::Evict {
        pod: "api-7c9f8d6b5-x2x4z".into(),
        uid: "uid-p".into(),
    });
    incident
}

fn answered(incident: &mut Incident) {
    let record = |fact| podmender_policy::audit::AuditRecord {
        seq: 1,
        at: sample::now(),
        incident: Some(incident.id.clone()),
        fact,
        prev: "".into(),
        hash: "".into(),
    };
    let timeline = vec![record(podmender_policy::audit::Fact::Answered {
        answer: podmender_policy::approval::Answer::Approve,
        by: "U0ANN0001".into(),
        approval: "a".into(),
        via: podmender_policy::approval::Entrance::Slack {
            user: "U0ANN0001".into(),
            team: "T0SHOP".into(),
        },
    })];
    incident.status.timeline = timeline;
    incident.status.approval = None;
    incident.status.phase = Phase::Verifying;
}

fn end(incident: &mut Incident) {
    incident.status.phase = Phase::Resolved;
    incident.status.resolved_at = Some(sample::now());
}

fn has_button(body: &Value, action: &str) -> bool {
    body["blocks"].to_string().contains(action)
}

#[tokio::test]
async fn one_card_tells_the_whole_life_of_an_incident() {
    let rig = Rig::new("life").await;
    let mut api = asking();
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 0));
    let ticket = Notice::of(&api).ticket;
    {
        let slack = rig.slack();
        let card = slack.posts()[0];
        assert_eq!(card["channel"], "#ops");
        assert!(has_button(card, "podmender_approve") && has_button(card, ticket.as_str()));
        let said = card["blocks"].to_string();
        assert!(
            said.contains("pod api-7c9f8d6b5-x2x4z is evicted"),
            "{said}"
        );
    }
    assert_eq!(api.status.posts.len(), 1, "nobody knows where it stands");
    assert!(api.status.told.is_some());

    // Who decided, at once, and no buttons to decide again; nobody is called for it.
    answered(&mut api);
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 1));
    // The same again is no reason to write.
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 1));
    end(&mut api);
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 2));
    let slack = rig.slack();
    let (decided, ended) = (slack.updates()[0], slack.updates()[1]);
    let name = r#""text":"Approved by ","type":"text"},{"type":"user","user_id":"U0ANN0001"}"#;
    let said = decided["blocks"].to_string();
    assert!(said.contains(name), "{said}");
    assert!(!has_button(decided, "podmender_approve"));
    assert!(ended["text"].to_string().contains("Well again"), "{ended}");
    let reply = slack.posts()[1];
    assert_eq!(reply["thread_ts"], decided["ts"]);
    assert_eq!(reply["reply_broadcast"], false);
}

/// A button that leads nowhere is worse than none; as soon as presses come in, the card that stands has them.
#[tokio::test]
async fn where_nobody_listens_the_card_says_how_to_answer_and_has_buttons_later() {
    let rig = Rig::new("deaf").await;
    let app_token = rig.dir.join("SLACK_APP_TOKEN");
    std::fs::remove_file(&app_token).expect("no token");
    let mut api = asking();
    rig.tell(&mut api).await;
    {
        let slack = rig.slack();
        let card = slack.posts()[0];
        assert!(!has_button(card, "podmender_") && !has_button(card, "actions"));
        assert!(has_button(card, "kubectl podmender approve api-1 -n shop"));
    }
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 0));
    std::fs::write(&app_token, "xapp-1").expect("token");
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 1));
    let slack = rig.slack();
    let card = slack.updates()[0];
    assert!(has_button(card, "podmender_approve"));
    assert!(!has_button(card, "kubectl podmender approve"));
}

#[tokio::test]
async fn a_question_about_a_known_incident_is_seen_by_the_whole_channel() {
    let rig = Rig::new("asked").await;
    let mut api = sample::incident("api");
    rig.tell(&mut api).await;
    assert!(!has_button(rig.slack().posts()[0], "podmender_approve"));
    let asked = asking().status;
    (api.status.phase, api.status.approval) = (asked.phase, asked.approval);
    rig.tell(&mut api).await;
    let slack = rig.slack();
    assert!(has_button(slack.updates()[0], "podmender_approve"));
    let reply = slack.posts()[1];
    assert_eq!(
        (&reply["thread_ts"], &reply["reply_broadcast"]),
        (&slack.updates()[0]["ts"], &json!(true))
    );
    assert!(
        reply["blocks"].to_string().contains("Answer until"),
        "{reply}"
    );
    let methods: Vec<_> = slack.calls.iter().map(|(m, _)| m.as_str()).collect();
    assert_eq!(
        methods,
        ["chat.postMessage", "chat.update", "chat.postMessage"],
        "the buttons come first"
    );
}

/// Row 50.
#[tokio::test]
async fn fault_50_a_deleted_card_is_posted_anew_once() {
    let rig = Rig::new("deleted").await;
    let mut api = sample::incident("api");
    rig.tell(&mut api).await;
    let first = api.status.posts.clone();
    rig.slack().stand.clear();
    api.status.replicas.ready = 0;
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 0));
    assert_ne!(api.status.posts, first);
    assert_eq!(api.status.posts.len(), 1, "the old place is forgotten");
    // Deleted again: somebody means it.
    rig.slack().stand.clear();
    api.status.replicas.ready = 1;
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 0));
    assert!(api.status.posts.is_empty());
    // What is news is told all the same.
    api.status.phase = Phase::Escalated;
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (3, 0));
}

/// Row 50.
#[tokio::test]
async fn fault_50_a_revoked_token_and_an_archived_channel_lose_nothing() {
    for (code, says) in [
        ("token_revoked", "renew it in the Secret"),
        ("is_archived", "unarchive it"),
        ("missing_scope", "Slack refuses (missing_scope)"),
    ] {
        let rig = Rig::new(code).await;
        rig.order(&[("chat.postMessage", 200, 0, code); 3]);
        let mut api = asking();
        rig.outbox.offer(&api);
        rig.until(|_, _| rig.is_idle() && rig.problems().contains(says))
            .await;
        assert!(!rig.problems().contains(TOKEN));
        rig.settle().await;
        rig.note(&mut api);
        assert_eq!(rig.count(), (1, 0), "{code}");
        assert_eq!(rig.problems(), "[]", "{code}");
        assert!(api.status.told.is_some());
    }
}

/// Row 50.
#[tokio::test]
async fn fault_50_the_token_that_was_renewed_counts_at_once() {
    let rig = Rig::new("renewed").await;
    rig.slack().token = "xoxb-other".into();
    rig.outbox.offer(&asking());
    rig.until(|_, _| rig.is_idle() && rig.problems().contains("renew it"))
        .await;
    std::fs::write(rig.dir.join("SLACK_BOT_TOKEN"), "xoxb-other\n").expect("renewed");
    rig.settle().await;
    assert_eq!((rig.count(), rig.problems().as_str()), ((1, 0), "[]"));
}

/// Row 50.
#[tokio::test]
async fn fault_50_a_limited_card_holds_up_no_news_and_a_limited_post_waits() {
    let rig = Rig::new("limited").await;
    let mut api = sample::incident("api");
    rig.order(&[("chat.postMessage", 429, 1, "ratelimited")]);
    let started = Instant::now();
    rig.tell(&mut api).await;
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    rig.order(&[("chat.update", 429, 2, "ratelimited")]);
    api.status.phase = Phase::Escalated;
    rig.outbox.offer(&api);
    let started = Instant::now();
    rig.until(|slack, _| rig.is_idle() && slack.posts().len() == 2)
        .await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "the news waited for the card"
    );
    rig.settle().await;
    assert_eq!(rig.count(), (2, 1), "the card follows");
}

/// Row 50.
#[tokio::test]
async fn fault_50_blocks_that_slack_refuses_become_plain_text_with_buttons() {
    let rig = Rig::new("unfit").await;
    rig.order(&[("chat.postMessage", 200, 0, "msg_blocks_too_long")]);
    rig.tell(&mut asking()).await;
    let slack = rig.slack();
    let card = slack.posts()[0];
    assert!(has_button(card, "podmender_approve"));
    let blocks = card["blocks"].to_string();
    assert!(
        !blocks.contains("rich_text") && blocks.contains("api in shop"),
        "{blocks}"
    );
}

/// Row 51.
#[tokio::test]
async fn fault_51_a_slow_slack_holds_up_no_other_channel() {
    let rig = Rig::new("slow").await;
    rig.slack().delay = Duration::from_millis(1500);
    let quick = Rig::new("quick").await;
    let hook = Channel::SlackWebhook {
        url: Source::Literal(Text::new(&format!("{}hook", quick.base))),
    };
    let alerting = Alerting {
        routes: vec![ops().into(), hook.into()],
        min_interval: Duration::ZERO,
    };
    rig.outbox.set_alerting(&"podmender/shop".into(), alerting);
    quick.slack().token = String::new();
    rig.outbox.offer(&asking());
    let started = Instant::now();
    rig.until(|_, _| !quick.slack().asked.is_empty()).await;
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

/// Row 31.
#[tokio::test]
async fn fault_31_after_a_restart_the_card_is_found_and_brought_up_to_date() {
    let mut rig = Rig::new("restart").await;
    let mut api = asking();
    rig.tell(&mut api).await;
    rig.restart();
    answered(&mut api);
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (1, 1));
    end(&mut api);
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 2));
    // It is over, and everybody knows: nothing is written at the next start.
    rig.restart();
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 2));
}

/// Row 31.
#[tokio::test]
async fn fault_31_killed_before_it_is_noted_where_the_card_stands_there_are_two_and_never_none() {
    let mut rig = Rig::new("killed").await;
    let mut api = asking();
    rig.outbox.offer(&api);
    rig.settle().await;
    rig.restart();
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 0));
    answered(&mut api);
    rig.tell(&mut api).await;
    assert_eq!(rig.count(), (2, 1), "the second one lives");
}

#[tokio::test]
async fn a_storm_is_one_digest_and_cards_that_stand_are_kept_up_to_date() {
    let rig = Rig::new("storm").await;
    let mut known = sample::incident("api");
    rig.tell(&mut known).await;
    let mut all: Vec<_> = (0..40)
        .map(|i| sample::incident(&format!("app-{i}")))
        .collect();
    for incident in &mut all {
        incident.status.reason = Reason::Storm;
        rig.outbox.offer(incident);
    }
    known.status.phase = Phase::Escalated;
    rig.outbox.offer(&known);
    rig.settle().await;
    let told = |news: &[News]| -> usize {
        let told = news.iter().filter_map(|n| match n {
            News::Told(told) => Some(told.len()),
            News::Problems | News::Posted(_) => None,
        });
        told.sum()
    };
    assert_eq!(told(&rig.news.borrow()), 41);
    assert_eq!(rig.count(), (2, 1));
    let slack = rig.slack();
    let digest = slack.posts()[1];
    assert!(digest.get("thread_ts").is_none());
    let text = digest["blocks"].to_string();
    assert!(text.contains("app-39") && text.contains("api"), "{text}");
}
