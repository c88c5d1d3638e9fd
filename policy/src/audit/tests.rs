//! Corpus C11 and invariant I15: any flip, drop, reorder or truncation before the head shows.

use super::*;
use crate::remedy::Refusal;
use proptest::prelude::*;
use serde_json::json;

fn facts() -> Vec<Fact> {
    let stamp = Timestamp::from_second(1_790_000_000).unwrap();
    let action = ActionId("a1b2".into());
    let evict = Effect::Evict {
        pod: "web-1".into(),
        uid: "u-1".into(),
    };
    let rollout = Effect::RolloutRestart {
        uid: "u-2".into(),
        generation: i64::MAX,
        stamp,
    };
    vec![
        Fact::Detected {
            failure: FailureKind::OOMKilled,
        },
        Fact::Rediagnosed {
            failure: FailureKind::CrashLoopBackOff,
        },
        Fact::Held {
            reason: Reason::Cooldown,
        },
        Fact::WouldHave { effect: rollout },
        Fact::Asked { expires_at: stamp },
        Fact::Answered {
            answer: Answer::Approve,
            by: "Ann <a&b> \"é\u{1F600}\"".into(),
            approval: "x".into(),
            via: Entrance::Kubernetes,
        },
        Fact::Expired,
        Fact::ApprovalRefused {
            by: "".into(),
            approval: "y".into(),
            because: Reason::ChangedSince,
            via: Entrance::Kubernetes,
        },
        Fact::Intended {
            action: action.clone(),
            effect: evict,
        },
        Fact::Ended {
            action: action.clone(),
            outcome: Outcome::Refused(Refusal::DisruptionBudget),
        },
        Fact::Ended {
            action: action.clone(),
            outcome: Outcome::Executed,
        },
        Fact::Verified {
            action,
            verdict: Verdict::Recovered,
        },
        Fact::Reopened,
        Fact::Escalated {
            reason: Reason::VerifyFailed,
        },
        Fact::Resolved {
            reason: Reason::Mended,
        },
        Fact::Foreign(
            json!({"type": "defrosted", "by": {"z": [1, {"b": null, "a": true}], "a": -1}}),
        ),
        Fact::Withdrawn {
            because: Reason::ChangedSince,
        },
        Fact::Paused {
            policy: "ops/main".into(),
            by: "U1".into(),
            via: Entrance::Slack {
                user: "U1".into(),
                team: "T1".into(),
            },
        },
        Fact::Resumed {
            policy: "ops/main".into(),
            by: "ann".into(),
            via: Entrance::Kubernetes,
        },
    ]
}

/// A chain of `n` records over three incidents.
fn chain(n: usize) -> Vec<AuditRecord> {
    let mut chain = Chain::default();
    let facts = facts();
    (0..n)
        .map(|i| {
            let at = Timestamp::from_millisecond(1_790_000_000_123 + 1_000 * i as i64).unwrap();
            chain.append(
                at,
                IncidentId(Name::new(&format!("inc-{}", i % 3))),
                facts[i % facts.len()].clone(),
            )
        })
        .collect()
}

fn head(records: &[AuditRecord]) -> Head {
    records.last().map_or_else(Head::default, |r| Head {
        seq: r.seq,
        hash: r.hash.clone(),
    })
}

fn check(records: &[AuditRecord], head: &Head) -> Result<Verified, Vec<Breach>> {
    verify(records.iter().cloned(), &Head::default(), head)
}

/// How the API server stores it, and gives it back.
fn stored(record: &AuditRecord) -> AuditRecord {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

#[test]
fn every_fact_is_stored_and_read_byte_for_byte() {
    for fact in facts() {
        let text = serde_json::to_string(&fact).unwrap();
        let again: Fact = serde_json::from_str(&text).unwrap();
        assert_eq!(again, fact, "{text}");
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
    let records = chain(32);
    assert_eq!(records.iter().map(stored).collect::<Vec<_>>(), records);
}

/// The form of the hash is fixed: a change here makes every chain in every cluster unverifiable.
#[test]
fn fault_38_the_form_of_the_chain_never_changes() {
    let records = chain(16);
    assert_eq!(
        records[0].hash.as_str(),
        "dcbf5c98a2a9b90a6f265ec07be1e8dd6d142925f4fa5f9817621ba0214b129a"
    );
    assert_eq!(
        records[15].hash.as_str(),
        "bb5b36b0652a01b4e79e00353a35d31ff8bafa92f71e12cdf5965306191b2fda"
    );
}

#[test]
fn fault_38_facts_of_another_version_stay_verifiable() {
    let mut records = chain(3);
    for odd in [
        json!({"type": "teleported", "to": "mars"}),
        // A known fact with a field that a newer version added, or a word that it knows.
        json!({"type": "detected", "failure": "OOMKilled", "node": "n1"}),
        json!({"type": "held", "reason": "FullMoon"}),
        json!({"type": 7}),
        json!("just a text"),
    ] {
        let mut chain = Chain {
            head: head(&records),
        };
        let fact: Fact = serde_json::from_value(odd.clone()).unwrap();
        assert_eq!(fact, Fact::Foreign(odd));
        records.push(chain.append(records[0].at, records[0].incident.clone(), fact));
    }
    let records: Vec<_> = records.iter().map(stored).collect();
    assert_eq!(check(&records, &head(&records)).unwrap().records, 8);
}

#[test]
fn a_record_of_no_incident_is_chained_like_any_other() {
    let mut records = chain(3);
    let mut chain = Chain {
        head: head(&records),
    };
    records.push(chain.append(records[0].at, None, Fact::Reopened));
    records.push(chain.append(records[0].at, IncidentId("inc-1".into()), Fact::Expired));
    let records: Vec<_> = records.iter().map(stored).collect();
    assert_eq!(check(&records, &head(&records)).unwrap().records, 5);
    records
        .iter()
        .for_each(|r| assert!(r.incident.is_some() || r.seq == 4));
    let without: Vec<_> = records.iter().filter(|r| r.seq != 4).cloned().collect();
    assert_eq!(
        check(&without, &head(&records)),
        Err(vec![Breach::Missing { from: 4, to: 4 }])
    );
}

#[test]
fn an_empty_chain_is_sound() {
    assert_eq!(
        check(&[], &Head::default()),
        Ok(Verified {
            records: 0,
            tail: 0,
            older: 0
        })
    );
}

#[test]
fn fault_35_records_behind_the_head_are_a_crash_tail_if_they_chain() {
    let records = chain(9);
    let known = head(&records[..6]);
    assert_eq!(check(&records, &known).unwrap().tail, 3);
    let mut torn = records.clone();
    torn.remove(7);
    assert_eq!(
        check(&torn, &known),
        Err(vec![Breach::Missing { from: 8, to: 8 }])
    );
    let mut forged = records;
    forged[8].prev = Hash::default();
    forged[8].hash = forged[8].digest();
    assert_eq!(
        check(&forged, &known),
        Err(vec![Breach::Reordered { seq: 9 }])
    );
}

#[test]
fn what_pruning_leaves_is_checked_and_does_not_count_as_missing() {
    let records = chain(9);
    let anchor = head(&records[..5]);
    let mut rest: Vec<_> = records.clone();
    rest.retain(|r| r.seq != 2 && r.seq != 4);
    assert_eq!(
        verify(rest.iter().cloned(), &anchor, &head(&records)),
        Ok(Verified {
            records: 4,
            tail: 0,
            older: 3
        })
    );
    rest[1].at = Timestamp::UNIX_EPOCH;
    assert_eq!(
        verify(rest.into_iter(), &anchor, &head(&records)),
        Err(vec![Breach::Edited { seq: 3 }])
    );
}

#[test]
fn two_writers_are_a_fork() {
    let mut records = chain(5);
    let mut other = Chain {
        head: head(&records[..4]),
    };
    records.push(other.append(Timestamp::UNIX_EPOCH, "inc-9".into_id(), Fact::Expired));
    assert_eq!(
        check(&records, &head(&records[..5])),
        Err(vec![Breach::Forked { seq: 5 }])
    );
    let copy = [&records[..5], &records[1..2]].concat();
    assert!(
        check(&copy, &head(&records[..5])).is_ok(),
        "a copy is no fork"
    );
}

trait IntoId {
    fn into_id(self) -> IncidentId;
}

impl IntoId for &str {
    fn into_id(self) -> IncidentId {
        IncidentId(Name::new(self))
    }
}

#[test]
fn the_ledger_must_agree() {
    let records = chain(4);
    let wrong = Head {
        seq: 4,
        hash: records[2].hash.clone(),
    };
    assert_eq!(
        check(&records, &wrong),
        Err(vec![Breach::HeadMismatch { seq: 4 }])
    );
    let back = verify(std::iter::empty(), &head(&records), &head(&records[..2]));
    assert_eq!(back, Err(vec![Breach::HeadMismatch { seq: 2 }]));
    assert!(verify(std::iter::empty(), &head(&records), &head(&records)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn invariant_15_order_does_not_matter_to_a_sound_chain(n in 0usize..40, seed in any::<u64>()) {
        let mut records = chain(n);
        let head = head(&records);
        records.sort_by_key(|r| r.seq.wrapping_add(1).wrapping_mul(seed | 1));
        prop_assert_eq!(check(&records, &head), Ok(Verified { records: n as u64, tail: 0, older: 0 }));
    }

    /// A flipped bit in what is stored either cannot be read, means the same, or shows.
    #[test]
    fn invariant_15_corpus_c11_any_flip_shows(n in 1usize..20, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut records = chain(n);
        let head = head(&records);
        let target = at.index(n);
        let mut text = serde_json::to_vec(&records[target]).unwrap();
        let place = byte.index(text.len());
        text[place] ^= 1 << bit;
        if let Ok(flipped) = serde_json::from_slice::<AuditRecord>(&text) && flipped != records[target] {
            records[target] = flipped;
            prop_assert!(check(&records, &head).is_err());
        }
    }

    #[test]
    fn invariant_15_any_drop_or_truncation_before_the_head_shows(n in 1usize..30, at in any::<prop::sample::Index>(), count in 1usize..5) {
        let mut records = chain(n);
        let head = head(&records);
        let from = at.index(n);
        records.drain(from..n.min(from + count));
        prop_assert!(check(&records, &head).is_err());
    }

    #[test]
    fn invariant_15_a_swap_shows_even_with_new_hashes(n in 2usize..20, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), rehash: bool) {
        let mut records = chain(n);
        let head = head(&records);
        let (a, b) = (a.index(n), b.index(n));
        prop_assume!(a != b);
        let (one, two) = (records[a].seq, records[b].seq);
        records[a].seq = two;
        records[b].seq = one;
        if rehash {
            records[a].hash = records[a].digest();
            records[b].hash = records[b].digest();
        }
        prop_assert!(check(&records, &head).is_err());
    }

    /// Whoever edits a record and all that follow it still meets the head in the ledger.
    #[test]
    fn invariant_15_a_chain_that_was_rewritten_from_some_record_on_shows(n in 1usize..20, at in any::<prop::sample::Index>()) {
        let records = chain(n);
        let (mut forged, from) = (records[..at.index(n)].to_vec(), at.index(n));
        let mut chain = Chain { head: head(&forged) };
        for (i, record) in records[from..].iter().enumerate() {
            let incident = if i == 0 { Some(IncidentId("another".into())) } else { record.incident.clone() };
            forged.push(chain.append(record.at, incident, record.fact.clone()));
        }
        prop_assert_eq!(check(&forged, &head(&records)), Err(vec![Breach::HeadMismatch { seq: n as u64 }]));
    }

    #[test]
    fn corpus_c11_anything_is_checked_without_a_panic(
        seqs in prop::collection::vec(prop_oneof![0u64..6, Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()], 0..8),
        anchor in prop_oneof![0u64..6, Just(u64::MAX), any::<u64>()], head in prop_oneof![0u64..6, Just(u64::MAX), any::<u64>()],
    ) {
        let mut records = chain(seqs.len());
        for (record, seq) in records.iter_mut().zip(seqs) {
            record.seq = seq;
            record.hash = record.digest();
        }
        let _ = verify(records.into_iter(), &Head { seq: anchor, hash: Hash::default() }, &Head { seq: head, hash: Hash::default() });
    }
}
