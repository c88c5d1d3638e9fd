//! What the person on call reads, in full.

use super::*;
use crate::alert::sample::{self, now, time};
use podmender_policy::{
    approval::ApprovalRequest, incident::Incident, observation::Replicas, remedy::RemedyName,
};

fn text(change: impl FnOnce(&mut Incident)) -> String {
    let mut incident = sample::incident("api");
    change(&mut incident);
    of(&Notice::of(&incident), now()).text()
}

#[test]
fn crash_loop() {
    let told = text(|i| {
        i.status.phase = Phase::Remediating;
        i.status.message =
            "the pod is restarted: it ran well before and its dependency may be back".into();
    });
    assert_eq!(
        told,
        "\
🔴 Failing: api in shop (CrashLoopBackOff)
Workload: Deployment api in namespace shop
What: Container web starts and ends again and again (exit code 1, 5 restarts)
Since: 03:01:05 UTC (3 min ago)
Pods: 2 failing, 1 of 3 ready; for example api-7c9f8d6b5-x2x4z
Why: The database at db:5432 refuses connections. (90 % sure)
Decision: The pod is restarted: it ran well before and its dependency may be back.
Next: You hear again when it is well, or when a person is needed.

What the cluster says:
  back-off 40s restarting failed container=web
  Log:
    ERROR dial tcp 10.96.0.7:5432: connect: connection refused

Look closer:
  kubectl -n shop describe pod api-7c9f8d6b5-x2x4z
  kubectl -n shop logs api-7c9f8d6b5-x2x4z -c web --previous
  kubectl -n shop get incident api-1 -o yaml"
    );
}

#[test]
fn out_of_memory_asks_for_an_answer() {
    let told = text(|i| {
        i.status.phase = Phase::AwaitingApproval;
        i.status.diagnosis.failure = FailureKind::OOMKilled;
        i.status.diagnosis.exit_code = Some(137);
        i.status.diagnosis.restarts = 1;
        i.status.evidence.sentence = "It used more memory than its limit of 256 MiB.".into();
        i.status.evidence.lines.clear();
        i.status.evidence.message = "".into();
        i.status.approval = Some(ApprovalRequest {
            remedy: RemedyName::Restart,
            uid: "uid-w".into(),
            generation: 4,
            asked_at: now(),
            expires_at: time("2026-11-21T03:34:30Z"),
            because: "the policy wants to be asked before a restart".into(),
            effect: None,
            needed: 1,
            votes: Vec::new(),
            round: 0,
        });
    });
    assert_eq!(
        told,
        "\
🟡 Needs your answer: api in shop (OOMKilled)
Workload: Deployment api in namespace shop
What: Container web was killed for using more memory than its limit (exit code 137, 1 restart)
Since: 03:01:05 UTC (3 min ago)
Pods: 2 failing, 1 of 3 ready; for example api-7c9f8d6b5-x2x4z
Why: It used more memory than its limit of 256 MiB. (90 % sure)
Decision: Podmender asks: may it restart? The policy wants to be asked before a restart.
Next: Answer until 03:34 UTC. Without an answer nothing is done and it is left to a person.

Look closer:
  kubectl podmender approve api-1 -n shop
  kubectl podmender deny api-1 -n shop
  kubectl -n shop describe pod api-7c9f8d6b5-x2x4z
  kubectl -n shop logs api-7c9f8d6b5-x2x4z -c web --previous
  kubectl -n shop get incident api-1 -o yaml"
    );
}

#[test]
fn readiness() {
    let told = text(|i| {
        i.status.diagnosis.failure = FailureKind::ReadinessProbeFailed;
        i.status.diagnosis.exit_code = None;
        i.status.diagnosis.restarts = 0;
        i.status.evidence.sentence = "container web runs but fails its readiness probe, so it gets no traffic (statuscode: 404)".into();
        i.status.reason = Reason::StillMayRecover;
        i.status.message = "it may still recover by itself; looked at again at 03:06:05 UTC".into();
    });
    assert!(
        told.contains(
            "What: Container web runs but fails its readiness probe, so it gets no traffic (statuscode: 404) (90 % sure)\n"
        ),
        "{told}"
    );
    assert!(
        told.contains("Decision: Nothing is done yet. It may still recover by itself; looked"),
        "{told}"
    );
    assert!(told.contains("logs api-7c9f8d6b5-x2x4z -c web\n"), "{told}");
}

#[test]
fn image_has_no_logs_to_look_at() {
    let told = text(|i| {
        i.status.phase = Phase::Escalated;
        i.status.diagnosis.failure = FailureKind::ImagePullBackOff;
        i.status.diagnosis.exit_code = None;
        i.status.diagnosis.restarts = 0;
        i.status.evidence.lines.clear();
        i.status.message = "a restart cannot help: the image is not there".into();
    });
    assert!(
        told.starts_with("🟠 Needs a person: api in shop (ImagePullBackOff)\n"),
        "{told}"
    );
    assert!(
        told.contains("What: The image of container web cannot be pulled\n"),
        "{told}"
    );
    assert!(
        told.contains(
            "Decision: Podmender leaves it to you. A restart cannot help: the image is not there.\n"
        ),
        "{told}"
    );
    assert!(
        told.contains("  Image: registry.example/shop/api:1.4\n"),
        "{told}"
    );
    assert!(!told.contains(" logs "), "{told}");
}

#[test]
fn escalated_says_what_was_tried() {
    let told = text(|i| {
        i.status.phase = Phase::Escalated;
        i.status.attempts = vec![sample::evicted(Verdict::Relapsed); 5];
        i.status.message = "three restarts did not help".into();
        i.status.told = Some(podmender_policy::incident::Told {
            phase: Phase::Detected,
            at: now(),
        });
    });
    let once = "restart by evicting pod api-7c9f8d6b5-x2x4z at 03:01:12 UTC: it did not help";
    assert!(
        told.contains(&format!("Tried: 2 earlier; {once}; {once}; {once}\n")),
        "{told}"
    );
    assert!(
        told.contains("Next: Podmender tries nothing more. You hear again when it is well.\n"),
        "{told}"
    );
}

#[test]
fn resolved_is_short() {
    let told = text(|i| {
        i.status.phase = Phase::Resolved;
        i.status.attempts = vec![sample::evicted(Verdict::Recovered)];
        i.status.replicas = Replicas {
            desired: 3,
            ready: 3,
        };
        i.status.resolved_at = Some(time("2026-11-21T03:01:50Z"));
        i.status.message = "well for 30 s after the restart".into();
    });
    assert_eq!(
        told,
        "\
✅ Well again: api in shop (CrashLoopBackOff)
Workload: Deployment api in namespace shop
What: Container web starts and ends again and again (exit code 1, 5 restarts)
Since: 03:01:05 UTC, for 45 s
Pods: 3 of 3 ready
Why: The database at db:5432 refuses connections. (90 % sure)
Tried: restart by evicting pod api-7c9f8d6b5-x2x4z at 03:01:12 UTC: it helped
Now: Well for 30 s after the restart.

Look closer:
  kubectl -n shop get incident api-1 -o yaml"
    );
}

#[test]
fn a_name_that_is_none_is_never_pasted() {
    let told = text(|i| i.status.diagnosis.pod = "x; rm -rf /".into());
    assert!(told.contains("describe pod NAME\n"), "{told}");
}

#[test]
fn spans_are_round() {
    for (secs, says) in [
        (0, "0 s"),
        (89, "89 s"),
        (90, "1 min"),
        (7200, "2 h 0 min"),
        (200_000, "2 d 7 h"),
        (-5, "0 s"),
    ] {
        assert_eq!(span(SignedDuration::from_secs(secs)), says);
    }
}
