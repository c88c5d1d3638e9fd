//! Rows 20 and 21: nothing happens for long, and Events that do not come.

use super::*;
use std::{
    io,
    sync::{Arc, Mutex},
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("lock")).into_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn fault_20_half_an_hour_of_quiet_and_a_410_at_each_compaction_are_no_news() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (shop, agent) = settled().await;
    tracing::info!("a line of the test's own");
    let started = log.text();
    assert!(started.contains("of the test's own"), "the log is read");
    let before = shop.0.asked().len();
    for _ in 0..6 {
        pass(300).await;
        shop.0.compact("events");
        assert!(agent.is_ready(), "{:?}", agent.missing());
    }
    let gone = asked(&shop, |ask| {
        ask.path.contains("/events") && ask.query.contains("sendInitialEvents=true")
    });
    assert!(gone.len() >= 6, "each compaction was met: {}", gone.len());
    let quiet = log.text()[started.len()..].to_owned();
    assert_eq!(quiet, "", "nothing to say");
    assert_eq!((shop.acts().len(), shop.incidents().len()), (0, 0));
    let requests = shop.0.asked().len() - before;
    // 12 watches that last 25 s to 45 s, and the namespace every half minute.
    assert!(requests <= 1200, "{requests} requests in half an hour");
    agent.ends_well().await;
}

#[tokio::test(start_paused = true)]
async fn fault_21_without_events_a_crash_is_found_and_mended_all_the_same() {
    for blocked in [
        Fault::Status(
            403,
            "events is forbidden: User \"x\" cannot list resource \"events\"",
        ),
        Fault::Status(500, "etcdserver: mvcc: database space exceeded"),
        Fault::Silence,
    ] {
        let shop = Shop::new();
        shop.deploy("web", 2);
        shop.0
            .fault(move |ask| ask.path.contains("/events").then_some(blocked));
        let agent = Agent::start(&shop);
        pass(60).await;
        let since = shop.0.now();
        shop.crash("web");
        until("found", || !shop.incidents().is_empty()).await;
        assert!(
            shop.0.now().duration_since(since).as_secs() <= 5,
            "{blocked:?}"
        );
        mended_by_one_act(&shop).await;
        agent.ends_well().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_21_events_that_stop_coming_hold_up_nothing() {
    let (shop, agent) = settled().await;
    shop.0
        .fault(|ask| ask.path.contains("/events").then_some(Fault::Silence));
    shop.0.cut();
    pass(300).await;
    assert!(
        agent
            .missing()
            .iter()
            .all(|m| m.contains("watch on events")),
        "{:?}",
        agent.missing()
    );
    shop.crash("web");
    mended_by_one_act(&shop).await;
    agent.ends_well().await;
}
