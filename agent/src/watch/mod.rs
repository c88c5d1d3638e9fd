//! The watch: what happens in the scoped namespaces, kept as compact records of our own.
//!
//! [`Watches`] runs one kube-runtime watcher per namespace and [`Resource`] and folds what arrives into the [`World`].
//! A healthy pod costs a record of some 200 bytes; a pod that is not plainly healthy is kept as
//! [`podmender_policy::observation::PodSeen`], made from the watch event itself: observing needs no API request.
//!
//! RBAC, per scoped namespace: `list, watch` on every [`Resource`], and `get` on the namespace itself (for its annotations).
//!
//! Log targets that must stay at `error` or be off, because they can print a whole response body (fault K7):
//! `kube_client::client`, `kube_runtime::watcher`, `hyper`, `hyper_util`, `rustls`, `tower`: see [`QUIET_TARGETS`].

mod budget;
pub(crate) mod consent;
mod facts;
mod follow;
mod life;
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
mod watches;
mod world;

pub use life::{Resource, STALE_AFTER, WatchState, WatchTrouble};
pub use watches::{Clock, WatchLost, Watches};
pub use world::{Counts, Seen, World, Worlds};

/// Log targets of the client library that the subscriber must silence below `error`.
///
/// `kube_client::client` logs the whole body at `warn` when it cannot be decoded (kube-client 5.0, `client/mod.rs`, `request`);
/// `kube_runtime::watcher` warns at every 403, which this module reports itself, once per change.
pub const QUIET_TARGETS: [&str; 6] = [
    "kube_client",
    "kube_runtime",
    "hyper",
    "hyper_util",
    "rustls",
    "tower",
];
