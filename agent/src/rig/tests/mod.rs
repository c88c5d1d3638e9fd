//! Rows of docs/faults.md, each against the whole agent.

mod answers;
mod down;
mod jobs;
mod many;
mod quiet;
mod ready;
mod recovers;
mod rights;
mod shapes;
mod soak;
mod stopping;
mod versions;

use super::{After, Agent, Ask, Fault, PODS, POLICIES, Shop, pass, pods, until};
use serde_json::{Value, json};
use std::time::Duration;

/// An agent that is Ready before a shop with one healthy Deployment of two replicas.
async fn settled() -> (Shop, Agent) {
    let shop = Shop::new();
    shop.deploy("web", 2);
    let agent = Agent::start(&shop);
    until("ready", || agent.is_ready()).await;
    (shop, agent)
}

/// Waits until the one incident is over, and holds that it took one act, which was paid for once.
async fn mended_by_one_act(shop: &Shop) {
    until("mended", || shop.phase() == "Resolved").await;
    assert_eq!((shop.acts().len(), shop.incidents().len()), (1, 1));
    until("written down", || shop.spent() == 1).await;
    assert_eq!(shop.outcomes(), [executed()]);
}

fn executed() -> Value {
    json!({"type": "Executed"})
}

fn refused(why: &str) -> Value {
    json!({"type": "Refused", "why": why})
}

fn is_eviction(ask: &Ask) -> bool {
    ask.is("POST", "/eviction")
}

/// Requests of this kind.
fn asked(shop: &Shop, is: impl Fn(&Ask) -> bool) -> Vec<Ask> {
    let mut asked = shop.0.asked();
    asked.retain(|ask| is(ask));
    asked
}

/// The most requests that came within one second.
fn busiest_second(asked: &[Ask]) -> usize {
    let within = |first: &Ask| {
        let end = first.at + Duration::from_secs(1);
        let same = asked.iter().filter(|a| (first.at..end).contains(&a.at));
        same.count()
    };
    asked.iter().map(within).max().unwrap_or_default()
}
