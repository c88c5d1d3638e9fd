//! A real one-node Kubernetes cluster on a bare Linux machine, without Docker.
pub mod addons;
pub mod certs;
pub mod choose;
pub mod cleanup;
pub mod components;
pub mod config;
pub mod images;
pub mod kubectl;
pub mod lock;
pub mod network;
pub mod node;
pub mod packages;
pub mod process;
pub mod state;
pub mod status;
pub mod tools;
pub mod up;
