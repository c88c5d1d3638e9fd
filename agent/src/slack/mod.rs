//! Slack, both ways: the Web API that posts, and the two entrances by which people answer.

pub mod answer;
pub mod api;
pub mod secret;
