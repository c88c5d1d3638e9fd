//! What people were told, and where.

use super::Phase;
use crate::bounds::Text;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the people who are alerted were last told, so that nobody is told twice, across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The phase that was told.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// The most cards of an incident whose places are kept.
pub const MAX_POSTS: usize = 8;

/// Where a card about the incident stands, so that it is brought up to date after a restart too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The channel as the policy names it.
    pub channel: Text<80>,
    /// The channel's id.
    pub conversation: Text<32>,
    /// The message's id in the channel.
    pub ts: Text<32>,
}
