//! Tells people: one message per incident and a follow-up when it ends, over Slack or any webhook.
//!
//! Level-triggered, like everything else: what is still to be told follows from an incident's `status.told` and its
//! phase, so a receiver that is down loses nothing, and one that comes back hears the newest state once.

pub mod address;
pub mod alertmanager;
mod beats;
mod cards;
pub mod channel;
pub mod digest;
pub mod discord;
pub mod fact;
#[cfg(test)]
mod form_tests;
pub mod guess;
pub mod lane;
pub mod notice;
#[cfg(test)]
mod other_tests;
pub mod outbox;
pub mod pace;
pub mod pagerduty;
pub mod payload;
pub mod post;
#[cfg(test)]
pub(crate) mod sample;
pub mod sentence;
pub mod sign;
pub mod slack;
mod slack_app;
pub mod slack_card;
pub mod slack_details;
pub mod story;
pub mod teams;

pub use address::Secrets;
pub use channel::{Channel, Source};
pub use outbox::{News, Outbox, PostedNow, ToldNow};
