//! Everything that touches the world.

pub mod access;
pub mod alert;
pub mod api;
pub mod args;
pub mod cli;
pub mod connect;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod telemetry;
pub mod watch;
