//! Which of several replicas leads: the rule. `hold.rs` asks the API server.
//!
//! The lease keeps replicas out of each other's way (one card, one socket, one set of watches); what keeps acts single is the ledger's
//! compare-and-swap, also between two that both believe they lead (design.md, section 2). Times are those of client-go's
//! `tools/leaderelection`. No clock of another machine is read: a claim is dead when it has stood unchanged, on our own monotonic
//! clock, for as long as it says it lasts (faults.md, K12 and row 24).

mod hold;

pub use hold::{Lease, Lost};

use std::time::Duration;
use tokio::time::Instant;

/// So long a claim lasts without being renewed.
pub const LASTS: Duration = Duration::from_secs(15);
/// A leader that could not renew its claim for so long stops: before the claim ends for the others.
pub const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often a leader renews, and the others look.
pub const EVERY: Duration = Duration::from_secs(2);
/// A claim counts for no longer, whatever it says: an edited one must not lock everybody out.
const LONGEST: Duration = Duration::from_secs(60);

/// What a Lease says about who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The replica's name; empty: nobody.
    pub holder: String,
    /// What the holder wrote when it renewed: compared, never read as a time.
    pub renewed: String,
    /// How long it lasts.
    pub lasts: Duration,
}

/// What a replica does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Writes its own name, by compare-and-swap.
    Take,
    /// Looks again after this time.
    Wait(Duration),
}

/// One Lease as one replica sees it.
#[derive(Clone, Debug)]
pub struct View {
    me: String,
    seen: Option<(Claim, Instant)>,
}

impl View {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(me: &str) -> Self {
        Self {
            me: me.to_owned(),
            seen: None,
        }
    }

    /// Who leads, as far as this replica knows: nobody, while nothing was seen.
    #[must_use]
    pub fn leader(&self) -> &str {
        self.seen.as_ref().map_or("", |(claim, _)| &claim.holder)
    }

    /// Takes in what the Lease says now (`None`: there is none).
    pub fn look(&mut self, claim: Option<Claim>, now: Instant) -> Move {
        let Some(claim) = claim.filter(|c| !c.holder.is_empty()) else {
            self.seen = None;
            return Move::Take;
        };
        // A process that was restarted in its pod: the one before it is gone.
        if claim.holder == self.me {
            self.seen = Some((claim, now));
            return Move::Take;
        }
        let since = match &self.seen {
            Some((before, since)) if *before == claim => *since,
            _ => now,
        };
        let left = claim
            .lasts
            .min(LONGEST)
            .saturating_sub(now.saturating_duration_since(since));
        self.seen = Some((claim, since));
        if left.is_zero() {
            return Move::Take;
        }
        Move::Wait(left.min(EVERY))
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
