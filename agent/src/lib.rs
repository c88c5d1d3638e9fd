//! Everything that touches the world.

// The bodies of fuzzing name this crate as others do.
#[cfg(test)]
extern crate self as podmender;

#[cfg(test)]
#[path = "../../fuzz/bodies.rs"]
pub mod fuzz_bodies;

#[cfg(test)]
#[path = "../../fuzz/words.rs"]
pub mod fuzz_words;

#[cfg(test)]
mod fuzz_corpus;

pub mod access;
pub mod alert;
pub mod api;
pub mod approvals;
pub mod args;
mod begin;
pub mod cli;
pub mod connect;
pub mod context;
pub mod error;
pub mod evidence;
pub mod execute;
pub mod expiry;
mod health;
pub mod http;
pub mod lease;
pub mod llm;
pub mod load;
pub mod logs;
pub mod metrics;
mod objects;
pub mod observe;
pub mod outdated;
pub mod policies;
pub mod proof;
pub mod publish;
pub mod queue;
pub mod reconcile;
pub mod record;
pub mod request;
#[cfg(test)]
mod rig;
pub mod run;
pub mod slack;
pub mod store;
pub mod telemetry;
pub mod upkeep;
pub mod watch;
mod worker;
