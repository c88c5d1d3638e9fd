//! The watch: what happens in the scoped namespaces, kept as compact records of our own.
//!
//! [`Watches`] runs one kube-runtime watcher per namespace and [`Resource`] and folds what arrives into the [`World`].
//! A healthy pod costs a record of some 200 bytes; a pod that is not plainly healthy is kept as
//! [`podmender_policy::observation::PodSeen`], made from the watch event itself: observing needs no API request.
//!
//! RBAC, per scoped namespace: `list, watch` on every [`Resource`], and `get` on the namespace itself (for its annotations).
//!
//! `telemetry` keeps the client library's own log off: it prints whole response bodies when it cannot decode them (fault K7).

mod budget;
pub(crate) mod consent;
mod facts;
mod follow;
mod life;
pub(crate) mod live;
mod notes;
mod observe;
mod owners;
mod pace;
mod record;
mod seen;
mod shape;
mod slim;
mod space;
mod tap;
#[cfg(test)]
mod tests;
mod uid;
mod wakes;
mod watches;
mod world;

pub use life::{Resource, STALE_AFTER, WatchState, WatchTrouble};
pub use watches::{Clock, WatchLost, Watches};
pub use world::{Counts, Seen, World, Worlds};
