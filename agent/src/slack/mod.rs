//! Slack, both ways: the Web API that posts, and what people answer: proven, then read.

pub mod answer;
pub mod api;
#[cfg(test)]
mod api_tests;
pub mod apis;
pub mod arrival;
pub mod chatops;
pub mod doorway;
pub mod ears;
pub mod endpoint;
pub mod entrance;
pub mod frame;
#[cfg(test)]
mod fuzz_tests;
pub mod intake;
pub mod interaction;
pub mod order;
pub mod people;
pub mod private;
pub mod record;
pub mod response;
#[cfg(test)]
pub(crate) mod rig;
pub mod ruling;
#[cfg(test)]
pub(crate) mod sample;
pub mod secret;
pub mod socket;
pub mod verify;
#[cfg(test)]
mod wire_tests;
