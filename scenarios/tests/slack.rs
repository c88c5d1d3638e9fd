//! The agent's own Slack client and entrances against the stand-in: each fault by name, met by the code that has to bear it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what these tests share fails as they do"
)]
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use podmender::alert::Secrets;
use podmender::metrics::Metrics;
use podmender::slack::answer::ApiError;
use podmender::slack::api::{Api, Message, Posted};
use podmender::slack::arrival::Arrival;
use podmender::slack::endpoint::{Endpoint, router};
use podmender::slack::interaction::{Click, Interaction};
use podmender::slack::private::Private;
use podmender::slack::secret::Secret;
use podmender::slack::socket::{Patience, Socket};
use scenarios::slack::Slack;
use scenarios::slack::fault::Fault;
use scenarios::slack::signed::App;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Nothing here takes longer, however slow the machine.
const SOON: Duration = Duration::from_secs(60);
const SIGNING: &str = "8f742231b10e8888";

/// An app at the stand-in: its client, and what came in by one of its entrances.
struct Rig {
    slack: Slack,
    api: Api,
    taken: mpsc::Receiver<Arrival>,
    metrics: Arc<Metrics>,
    transport: &'static str,
    /// The entrance lives as long as this.
    _tasks: JoinSet<()>,
}

fn secrets(test: &str) -> Secrets {
    let dir =
        std::env::temp_dir().join(format!("podmender-stand-in-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    for (name, value) in [
        ("SLACK_BOT_TOKEN", "xoxb-1"),
        ("SLACK_APP_TOKEN", "xapp-1"),
        ("SLACK_SIGNING_SECRET", SIGNING),
    ] {
        std::fs::write(dir.join(name), value).expect("secret");
    }
    Secrets::new(dir)
}

fn client(slack: &Slack, secrets: &Secrets) -> Api {
    let base = reqwest::Url::parse(&slack.api()).expect("address");
    Api::new(base, Secret::named(secrets.clone(), "SLACK_BOT_TOKEN"))
}

/// Impatient, so that a test does not wait for long.
fn impatient() -> Patience {
    Patience {
        ping: Duration::from_millis(50),
        silence: Duration::from_millis(1500),
        retry: (Duration::from_millis(20), Duration::from_millis(200)),
        ..Patience::default()
    }
}

/// An app that listens over a socket.
async fn by_socket(test: &str, patience: Patience) -> Rig {
    let slack = Slack::start("127.0.0.1:0", &["ops"]).expect("stand-in");
    let secrets = secrets(test);
    let (sink, taken) = mpsc::channel(64);
    let metrics = Arc::new(Metrics::new("0", "test"));
    let api = client(&slack, &secrets);
    let socket = Socket {
        api: api.clone(),
        app_token: Secret::named(secrets, "SLACK_APP_TOKEN"),
        sink,
        metrics: Arc::clone(&metrics),
        ears: Arc::default(),
        patience,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { match socket.run().await {} });
    let rig = Rig {
        slack,
        api,
        taken,
        metrics,
        transport: "socket",
        _tasks: tasks,
    };
    rig.until("the socket is open", || rig.slack.sockets() == 1)
        .await;
    rig
}

/// An app that listens over HTTP.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in signs with the time of this machine"
)]
async fn by_http(test: &str) -> Rig {
    let slack = Slack::start("127.0.0.1:0", &["ops"]).expect("stand-in");
    let secrets = secrets(test);
    let (sink, taken) = mpsc::channel(64);
    let metrics = Arc::new(Metrics::new("0", "test"));
    let endpoint = Arc::new(Endpoint {
        secret: Secret::named(secrets.clone(), "SLACK_SIGNING_SECRET"),
        now: Arc::new(jiff::Timestamp::now),
        sink,
        metrics: Arc::clone(&metrics),
        taken: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("port");
    slack.post_to(Some(App {
        base: format!("http://{}", listener.local_addr().expect("address")),
        secret: SIGNING.to_owned(),
    }));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        axum::serve(listener, router(endpoint))
            .await
            .expect("serves");
    });
    Rig {
        api: client(&slack, &secrets),
        slack,
        taken,
        metrics,
        transport: "http",
        _tasks: tasks,
    }
}

impl Rig {
    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !is_so() {
            assert!(
                Instant::now() < deadline,
                "{what}: {:#?}\n{}",
                self.slack.world().deliveries,
                self.metrics.encode()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often the entrance counted this.
    fn counted(&self, result: &str) -> u64 {
        let name = format!(
            "podmender_slack_requests_total{{transport=\"{}\",result=\"{result}\"}} ",
            self.transport
        );
        let page = self.metrics.encode();
        let line = page.lines().find_map(|l| l.strip_prefix(&name));
        line.map_or(0, |n| n.parse().expect("a number"))
    }

    /// A card with one button.
    async fn card(&self) -> Posted {
        let message = Message {
            text: "web fails".to_owned(),
            blocks: vec![
                json!({"type": "actions", "block_id": "podmender_question", "elements": [{
                "type": "button", "action_id": "podmender_approve", "value": "abcdefghijklmnopqrstuvwxyz",
                "text": {"type": "plain_text", "text": "Approve"}}]}),
            ],
            ..Message::default()
        };
        self.api.post("#ops", &message).await.expect("posted")
    }

    /// Ada clicks it; returns what was sent to the app.
    fn click(&self, card: &Posted) -> Vec<String> {
        let (channel, ts) = (card.channel.as_str(), card.ts.as_str());
        let sent = self.slack.click("ada", channel, ts, "podmender_approve");
        sent.expect("clicked")
    }

    fn is_acknowledged(&self, id: &str) -> bool {
        let world = self.slack.world();
        let found = world.deliveries.iter().find(|d| d.id == id);
        found.is_some_and(|d| d.acknowledged.is_some())
    }

    /// The HTTP statuses of the newest delivery.
    fn answers(&self) -> Vec<u16> {
        let world = self.slack.world();
        let last = world.deliveries.last();
        last.map_or_else(Vec::new, |d| d.answers.clone())
    }

    async fn next(&mut self) -> Interaction {
        let next = tokio::time::timeout(SOON, self.taken.recv()).await;
        next.expect("in time").expect("an interaction").what
    }

    async fn next_click(&mut self) -> Click {
        match self.next().await {
            Interaction::Click(click) => click,
            other => panic!("no click: {other:?}"),
        }
    }

    /// A click arrives, is taken once and acknowledged.
    async fn works(&mut self) {
        let card = self.card().await;
        let id = self.click(&card).remove(0);
        assert_eq!(self.next_click().await.message_ts, card.ts);
        self.until("the click is acknowledged", || self.is_acknowledged(&id))
            .await;
        assert!(self.taken.try_recv().is_err());
    }
}

/// Row 52: for whatever reason Slack says goodbye, there is a new socket, and it works.
#[tokio::test]
async fn fault_52_after_each_farewell_there_is_a_working_socket() {
    for (reason, counted) in [
        ("warning", "disconnect_warning"),
        ("refresh_requested", "disconnect_refresh"),
        ("link_disabled", "disconnect_link_disabled"),
        ("brand_new_reason", "disconnect"),
    ] {
        let mut rig = by_socket(&format!("farewell-{reason}"), impatient()).await;
        let opened = rig.counted("opened");
        rig.slack.order(Fault::Disconnect(reason.to_owned()));
        rig.until("another socket is open", || {
            rig.counted("opened") > opened && rig.slack.sockets() == 1
        })
        .await;
        assert!(rig.counted(counted) > 0, "{reason}");
        rig.works().await;
    }
}

/// Row 52: while there are too many sockets none stays open, and none is opened in a loop; afterwards there is one.
#[tokio::test]
async fn fault_52_when_there_are_no_longer_too_many_sockets_there_is_one() {
    let mut rig = by_socket("too-many", impatient()).await;
    rig.slack.order(Fault::TooManyWebsockets);
    rig.slack.order(Fault::Disconnect("warning".to_owned()));
    rig.until("it was told three times", || {
        rig.counted("disconnect_too_many") >= 3
    })
    .await;
    rig.slack.behave();
    rig.until("a socket is open", || rig.slack.sockets() == 1)
        .await;
    rig.works().await;
}

/// Row 52: what was clicked while the socket was deaf is not acknowledged, so it is delivered again, and then taken.
#[tokio::test]
async fn fault_52_what_was_clicked_on_a_half_open_socket_comes_again() {
    let mut rig = by_socket("half-open", impatient()).await;
    let card = rig.card().await;
    rig.slack.order(Fault::HalfOpen);
    let id = rig.click(&card).remove(0);
    rig.until("the deaf socket is noticed and replaced", || {
        rig.counted("silent") > 0 && rig.counted("opened") > 1
    })
    .await;
    assert!(!rig.is_acknowledged(&id));
    assert!(rig.taken.try_recv().is_err());
    // On a busy machine the new socket may be given up, too, and what is on its way over it is lost: Slack sends it again.
    let sent = Cell::new(0);
    rig.until("it is acknowledged", || {
        if rig.slack.joined() > sent.get() {
            sent.set(rig.slack.joined());
            rig.slack.redeliver(&id).expect("known");
        }
        rig.is_acknowledged(&id)
    })
    .await;
    rig.next_click().await;
    rig.works().await;
}

/// Row 51: Slack goes down under open connections, and comes back.
#[tokio::test]
async fn fault_51_slack_goes_down_on_open_connections_and_comes_back() {
    let mut rig = by_socket("down", impatient()).await;
    let card = rig.card().await;
    rig.slack.order(Fault::Down);
    rig.until("its sockets are gone", || rig.slack.sockets() == 0)
        .await;
    let message = Message {
        text: "x".to_owned(),
        ..Message::default()
    };
    for _ in 0..2 {
        let (channel, ts) = (card.channel.as_str(), card.ts.as_str());
        let told = rig.api.update(channel, ts, &message).await;
        assert!(matches!(told, Err(ApiError::Unreachable(_))), "{told:?}");
    }
    rig.until("it is tried again", || rig.counted("unreachable") >= 2)
        .await;
    rig.slack.behave();
    rig.until("a socket is open", || rig.slack.sockets() == 1)
        .await;
    rig.works().await;
}

/// Row 51: what answers a click gives up before Slack does; a message waits for a slow Slack.
#[tokio::test]
async fn fault_51_a_slow_slack_holds_up_no_answer_to_a_click() {
    let rig = by_socket("slow", impatient()).await;
    rig.slack.order(Fault::Slow(Duration::from_secs(6)));
    let began = Instant::now();
    let told = rig
        .api
        .ephemeral("C0OPS", "U0ADA0000", None, &Private::text("noted"))
        .await;
    assert!(matches!(told, Err(ApiError::Unreachable(_))), "{told:?}");
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    let card = rig.card().await;
    assert!(began.elapsed() >= Duration::from_secs(6));
    assert!(
        rig.slack
            .world()
            .message(card.channel.as_str(), card.ts.as_str())
            .is_some()
    );
}

/// Row 50: each refusal of the stand-in is told apart by the client.
#[tokio::test]
async fn fault_50_each_refusal_by_name_is_told_apart() {
    let rig = by_socket("refusals", impatient()).await;
    let card = rig.card().await;
    let message = Message {
        text: "x".to_owned(),
        ..Message::default()
    };
    let mut kinds = BTreeSet::new();
    for (fault, expected) in [
        ("revoked", "revoked"),
        ("archived", "channel_gone"),
        ("message-deleted", "message_gone"),
        ("not-ok:internal_error", "unreachable"),
        ("not-ok:missing_scope", "refused"),
        ("not-ok:msg_blocks_too_long", "unfit"),
        // The last, since the method rests from then on.
        ("rate-limited:30", "limited"),
    ] {
        rig.slack.order(fault.parse().expect(fault));
        let told = rig
            .api
            .update(card.channel.as_str(), card.ts.as_str(), &message)
            .await
            .expect_err(fault);
        assert_eq!(told.category(), expected, "{fault}: {told}");
        kinds.insert(expected);
        rig.slack.behave();
    }
    assert_eq!(kinds.len(), 7);
}

/// Row 53 in small: a person deletes the card; that is a refusal of its own, not a failure of Slack.
#[tokio::test]
async fn fault_50_a_card_that_somebody_deleted_is_gone() {
    let rig = by_socket("deleted", impatient()).await;
    let card = rig.card().await;
    let (channel, ts) = (card.channel.as_str(), card.ts.as_str());
    rig.slack.delete(channel, ts);
    let told = rig.api.update(channel, ts, &Message::default()).await;
    // Also an empty message is refused, and for another reason.
    assert!(
        matches!(told, Err(ApiError::Unfit(_) | ApiError::MessageGone)),
        "{told:?}"
    );
    let message = Message {
        text: "x".to_owned(),
        ..Message::default()
    };
    let told = rig.api.update(channel, ts, &message).await;
    assert_eq!(told, Err(ApiError::MessageGone));
}

/// Rows 45 and 49: the same envelope is taken once; a nervous finger's clicks, and one click in two envelopes, are each
/// acknowledged and handed on with the same ticket, so that the first answer's object decides.
#[tokio::test]
async fn fault_45_and_49_whatever_comes_twice_carries_the_same_ticket() {
    for (fault, expected) in [
        (Fault::EnvelopeTwice, 1),
        (Fault::ClickTwice, 2),
        (Fault::NewEnvelopeSameClick, 2),
    ] {
        let mut rig = by_socket(&format!("twice-{fault}"), impatient()).await;
        let card = rig.card().await;
        rig.slack.order(fault.clone());
        let sent = rig.click(&card);
        assert_eq!(sent.len(), expected, "{fault}");
        let mut tickets = BTreeSet::new();
        for _ in 0..expected {
            let click = rig.next_click().await;
            tickets.insert((click.ticket.to_string(), click.speaker.user.to_string()));
        }
        for id in &sent {
            rig.until("it is acknowledged", || rig.is_acknowledged(id))
                .await;
        }
        assert_eq!(tickets.len(), 1, "{fault}");
        if fault == Fault::EnvelopeTwice {
            rig.until("the second is known", || rig.counted("redelivered") == 1)
                .await;
        }
        assert!(rig.taken.try_recv().is_err(), "{fault}");
    }
}

/// What people do reaches the agent by either entrance alike.
#[tokio::test]
async fn clicks_commands_and_mentions_arrive_by_either_entrance() {
    let rigs = [
        by_socket("alike-socket", impatient()).await,
        by_http("alike-http").await,
    ];
    for mut rig in rigs {
        rig.works().await;
        let card = rig.card().await;
        let say = |thread, text: &str| rig.slack.say("ben", "ops", thread, text).expect("said");
        say(None, "/podmender status shop/web");
        say(Some(card.ts.as_str()), "@podmender why");
        say(None, "nothing of yours");
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(match rig.next().await {
                Interaction::Command(typed) => (typed.text.to_string(), typed.speaker),
                Interaction::Mention(said) => {
                    assert_eq!(said.thread.as_ref(), Some(&card.ts));
                    (said.text.to_string(), said.speaker)
                }
                other => panic!("neither: {other:?}"),
            });
        }
        // Two requests may overtake one another.
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(seen[0].0, "<@U0PODMENDER> why");
        assert_eq!(seen[1].0, "status shop/web");
        assert!(seen.iter().all(|(_, who)| who.user.as_str() == "U0BEN0000"));
        assert!(seen.iter().all(|(_, who)| who.team.as_str() == "T0SHOP"));
        assert!(rig.taken.try_recv().is_err());
    }
}

/// Row 43, from the sender's side: what is not proven, not text or too long has its status, and nothing of it is taken.
#[tokio::test]
async fn fault_43_each_bad_request_by_name_has_its_status() {
    let mut rig = by_http("bad").await;
    let card = rig.card().await;
    for (fault, status, counted) in [
        (Fault::BadSignature, 401, "bad_signature"),
        (Fault::StaleTimestamp, 401, "out_of_window"),
        (Fault::WrongEncoding, 400, "not_utf8"),
        (Fault::Oversize, 413, "too_large"),
    ] {
        rig.slack.order(fault.clone());
        rig.click(&card);
        rig.until("it is answered", || rig.answers() == [status])
            .await;
        assert_eq!(rig.counted(counted), 1, "{fault}");
        rig.slack.behave();
    }
    assert!(rig.taken.try_recv().is_err());
    rig.works().await;
}

/// Rows 44 and 49, from the sender's side.
#[tokio::test]
async fn fault_44_and_49_a_replayed_and_a_redelivered_request_are_taken_once() {
    let mut rig = by_http("replay").await;
    let card = rig.card().await;
    rig.slack.order(Fault::Replay);
    rig.click(&card);
    rig.until("both are answered", || rig.answers() == [200, 200])
        .await;
    rig.next_click().await;
    assert_eq!(rig.counted("replayed"), 1);
    rig.slack.behave();
    rig.slack.order(Fault::EnvelopeTwice);
    rig.slack
        .say("ada", "ops", None, "@podmender status")
        .expect("said");
    rig.until("both are answered", || rig.answers() == [200, 200])
        .await;
    assert!(matches!(rig.next().await, Interaction::Mention(_)));
    assert_eq!(rig.counted("redelivered"), 1);
    assert!(rig.taken.try_recv().is_err());
}

/// What a busy agent answers to a command is shown to the one who typed it, and to nobody else.
#[tokio::test]
async fn fault_48_a_command_that_finds_no_room_is_answered_in_private() {
    let rig = by_http("full").await;
    for _ in 0..65 {
        rig.slack
            .say("carl", "ops", None, "/podmender status")
            .expect("typed");
    }
    rig.until("one is told so", || !rig.slack.world().notices.is_empty())
        .await;
    let world = rig.slack.world();
    assert!(world.notices[0].text.contains("Nothing was done"));
    assert_eq!(world.notices[0].user, "U0CARL000");
    assert!(world.messages.is_empty());
    let by_carl = |v: &Value| v["user_id"] == "U0CARL000";
    assert!(world.deliveries.iter().all(|d| by_carl(&d.payload)));
}
