//! Everything that decides in Podmender.
//!
//! Pure: no async, no clock, no Kubernetes client. The same inputs and `now` give the same [`plan::Plan`].
//!
//! # The decision ladder
//! First match wins: paused, frozen, out of scope, storm, budget, cooldown, approval, remediate. Each rung names its
//! [`decide::Reason`]; whoever reads an incident can tell which rung held it, and what would have to change.

pub mod approval;
pub mod audit;
pub mod bounds;
pub mod clean;
pub mod decide;
pub mod diagnose;
mod escapes;
pub mod freeze;
mod hidden;
pub mod incident;
pub mod inert;
pub mod ledger;
pub mod logs;
pub mod observation;
pub mod plan;
pub mod reason;
pub mod redact;
pub mod remedy;
pub mod request;
pub mod rules;
pub mod severity;
pub mod summary;
pub mod verify;
pub mod workload;
