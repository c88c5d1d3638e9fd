//! Scenarios on real pods: the agent as the chart installs it, failing workloads on a real node, and the API server's
//! audit log as the witness of who did what.
//!
//! `cargo run -p scenarios -- test` runs them all, many at a time, each in a namespace of its own.
pub mod agent;
pub mod alerts;
pub mod api;
pub mod case;
pub mod channel;
pub mod deeds;
mod dump;
pub mod gate;
mod http;
pub mod incident;
pub mod objects;
mod oracle;
pub mod runner;
pub mod scenarios;
pub mod stage;
mod transcript;
pub mod wait;
