//! Slack, both ways: the Web API that posts, and what people answer: proven, then read.

pub mod answer;
pub mod api;
#[cfg(test)]
mod api_tests;
pub mod apis;
pub mod endpoint;
pub mod frame;
pub mod interaction;
pub mod secret;
pub mod socket;
pub mod verify;
