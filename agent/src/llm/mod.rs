//! Explanations by a language model: optional, off by default, after the alert, and never an input to a decision.
//!
//! A [`Brief`](podmender_policy::summary::Brief) (redacted by construction) becomes a prompt, a reply becomes plain text or
//! nothing, and that text is added to the incident. Down, slow, hostile or absurd: the alert stands without it.

pub mod breaker;
pub mod budget;
pub mod cache;
pub mod client;
pub mod endpoint;
#[cfg(test)]
mod fuzz_tests;
mod language;
pub mod prompt;
pub mod reply;
pub mod request;
#[cfg(test)]
pub(crate) mod sample;
pub mod summaries;
pub mod trouble;

pub use summaries::{Explained, Summaries};
pub use trouble::Trouble;
