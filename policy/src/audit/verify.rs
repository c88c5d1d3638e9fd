//! Is the record complete and as it was written?

use super::{AuditRecord, Head};
use std::collections::BTreeMap;

/// What a sound chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Records after the anchor, all of them sound.
    pub records: u64,
    /// How many of them are newer than the ledger: written, and not yet noted there when the agent was stopped.
    pub tail: u64,
    /// Records from before the anchor that are still there (their neighbours went with other incidents).
    pub older: u64,
}

/// How the record was tampered with or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Breach {
    /// A record is not what its hash says.
    #[error("Record {seq} was edited: its content does not match its hash.")]
    Edited {
        /// Its number.
        seq: u64,
    },
    /// Records in between are gone.
    #[error(
        "Records {from} to {to} are missing: an incident was deleted, or its timeline was cut."
    )]
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A record does not follow from the one before it.
    #[error(
        "Record {seq} does not follow from the one before it: one of the two was replaced, or they were put in another order."
    )]
    Reordered {
        /// The later of the two.
        seq: u64,
    },
    /// Two different records have one number.
    #[error("There are two different records {seq}: two writers, or one was forged.")]
    Forked {
        /// Their number.
        seq: u64,
    },
    /// The newest records are gone.
    #[error(
        "Records {from} to {to} are missing: the ledger knows of them, and no incident has them."
    )]
    Truncated {
        /// The first.
        from: u64,
        /// The newest, as the ledger has it.
        to: u64,
    },
    /// The ledger names another hash.
    #[error(
        "The ledger has another hash for record {seq}: the ledger or the whole chain was rewritten."
    )]
    HeadMismatch {
        /// The number of the ledger's head.
        seq: u64,
    },
}

/// Checks all records, in whatever order they come, from `anchor` to `head` and beyond.
///
/// Records behind the head are what a crash leaves (the incident is written before the ledger) and count if they chain.
/// Records before the anchor are what pruning leaves: each is checked by itself and against its neighbours, if it has any.
///
/// # Errors
/// Every breach, by number.
pub fn verify(
    records: impl Iterator<Item = AuditRecord>,
    anchor: &Head,
    head: &Head,
) -> Result<Verified, Vec<Breach>> {
    let mut breaches = Vec::new();
    let by_seq = collect(records, &mut breaches);
    let (older, chain): (Vec<_>, Vec<_>) = by_seq.values().partition(|r| r.seq <= anchor.seq);
    links(&older, &mut breaches);
    gaps(&chain, anchor, head, &mut breaches);
    links(&chain, &mut breaches);
    ends(&chain, older.last().copied(), anchor, head, &mut breaches);
    if breaches.is_empty() {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        return Ok(Verified {
            records: count(chain.len()),
            tail: count(chain.iter().filter(|r| r.seq > head.seq).count()),
            older: count(older.len()),
        });
    }
    breaches.sort_unstable();
    breaches.dedup();
    Err(breaches)
}

/// Sorts the records by number, and checks each by itself. A copy of a record is no breach.
fn collect(
    records: impl Iterator<Item = AuditRecord>,
    breaches: &mut Vec<Breach>,
) -> BTreeMap<u64, AuditRecord> {
    let mut by_seq = BTreeMap::new();
    for record in records {
        let seq = record.seq;
        if record.digest() != record.hash {
            breaches.push(Breach::Edited { seq });
        }
        if let Some(other) = by_seq.get(&seq) {
            if *other != record {
                breaches.push(Breach::Forked { seq });
            }
        } else {
            by_seq.insert(seq, record);
        }
    }
    by_seq
}

/// Whether each record follows from the one before it, where both are there.
fn links(records: &[&AuditRecord], breaches: &mut Vec<Breach>) {
    for pair in records.windows(2) {
        if let [before, after] = pair
            && after.seq == before.seq + 1
            && after.prev != before.hash
        {
            breaches.push(Breach::Reordered { seq: after.seq });
        }
    }
}

/// Which numbers are missing between the anchor and the newest record.
fn gaps(chain: &[&AuditRecord], anchor: &Head, head: &Head, breaches: &mut Vec<Breach>) {
    let mut last = anchor.seq;
    for record in chain {
        if record.seq > last.saturating_add(1) {
            breaches.push(Breach::Missing {
                from: last + 1,
                to: record.seq - 1,
            });
        }
        last = record.seq;
    }
    if last < head.seq {
        breaches.push(Breach::Truncated {
            from: last + 1,
            to: head.seq,
        });
    }
}

/// Whether the chain hangs on the anchor and holds the head.
fn ends(
    chain: &[&AuditRecord],
    oldest: Option<&AuditRecord>,
    anchor: &Head,
    head: &Head,
    breaches: &mut Vec<Breach>,
) {
    if let Some(first) = chain
        .first()
        .filter(|r| r.seq == anchor.seq.saturating_add(1))
        && first.prev != anchor.hash
    {
        breaches.push(Breach::Reordered { seq: first.seq });
    }
    let known = |seq: u64| match chain.iter().find(|r| r.seq == seq) {
        Some(record) => Some(&record.hash),
        None if seq == anchor.seq => Some(&anchor.hash),
        None => None,
    };
    let anchored = oldest
        .filter(|r| r.seq == anchor.seq)
        .is_none_or(|r| r.hash == anchor.hash);
    if head.seq < anchor.seq || known(head.seq).is_some_and(|hash| *hash != head.hash) {
        breaches.push(Breach::HeadMismatch { seq: head.seq });
    }
    if !anchored {
        breaches.push(Breach::HeadMismatch { seq: anchor.seq });
    }
}
