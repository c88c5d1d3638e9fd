//! For tests: the whole agent in this process, before an API server in memory, in virtual time.
//!
//! What a real API server does beyond this (admission, RBAC, etcd's own limits) is held by `make scenarios`; what takes minutes or
//! a fault at one certain moment is held here.

mod agent;
mod ask;
mod body;
mod kept;
pub(crate) mod pods;
pub(crate) mod server;
mod tests;

pub(crate) use agent::{Agent, PODS, POLICIES, Shop, pass, until};
pub(crate) use ask::{Ask, Fault};
pub(crate) use kept::After;
