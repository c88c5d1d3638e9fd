//! What either transport hands on: something that a person did, and when it came in.

use super::interaction::Interaction;
use tokio::time::Instant;

/// So many wait at most. What finds no room is not acknowledged: Slack says so to the person, or delivers again.
pub const ROOM: usize = 256;

/// Something that came in, proven and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What a person did.
    pub what: Interaction,
    /// When the first byte of it was here.
    pub at: Instant,
}
