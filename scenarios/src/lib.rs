//! The local cluster, the agent's image and (beside them) the scenarios that use both.
pub mod bench;
pub mod browser;
pub mod chaos;
pub mod cluster;
pub mod demo;
pub mod env;
pub mod exec;
pub mod image;
pub mod llm;
pub mod slack;
pub mod ui;
