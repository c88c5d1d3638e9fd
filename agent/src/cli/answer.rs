//! `podmender approve` and `podmender deny`: a person's answer becomes an `Approval` next to the incident.

use crate::{
    api,
    args::{AnswerArgs, Global},
    cli::{
        connect::{Cluster, connect},
        exit, incidents, now, out,
    },
};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{Api, ResourceExt, api::PostParams};
use podmender_policy::{
    approval::{Answer, ApprovalRequest},
    bounds::Text,
    incident::{Incident, Phase},
};

/// Creates the Approval. RBAC of the person: `get,list` on incidents, `create` on approvals.
///
/// # Errors
/// The cluster cannot be reached or refuses. That nothing is asked is exit code 1.
pub async fn run(global: &Global, args: &AnswerArgs, answer: Answer) -> anyhow::Result<u8> {
    let cluster = connect(global).await?;
    let object = incidents::find(&cluster, &args.incident).await?;
    let namespace = object.namespace().unwrap_or_default();
    let asked = match incidents::read(&object) {
        Some(incident) => question(&incident, now()),
        None => Err("it has no status yet: try again in a moment".to_owned()),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => {
            let id = object.name_any();
            out::stderr(|to| {
                writeln!(to, "podmender: nothing to {} in {id}: {why}", verb(answer))
            })?;
            return Ok(exit::FINDINGS);
        }
    };
    let approval = approval(&object.name_any(), &asked, answer, who(&cluster).await);
    let api: Api<api::Approval> = Api::namespaced(cluster.client.clone(), &namespace);
    let doing = format!("create approvals in namespace {namespace}");
    let made = api.create(&PostParams::default(), &approval).await;
    let made = made.map_err(|e| cluster.explain(&doing, e))?;
    let id = object.name_any();
    out::stdout(|to| writeln!(to, "approval.podmender.io/{} created", made.name_any()))?;
    out::stderr(|to| {
        let does = match answer {
            Answer::Approve => format!(
                "The agent looks at it again and does it ({})",
                asked.remedy.as_str()
            ),
            Answer::Deny => "The agent leaves it, and a person has to see to it".to_owned(),
        };
        writeln!(
            to,
            "{does}. Follow it: podmender incidents watch {id} -n {namespace}"
        )
    })?;
    Ok(exit::OK)
}

fn verb(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Deny => "deny",
    }
}

/// What is asked, or why nothing is.
fn question(incident: &Incident, now: Timestamp) -> Result<ApprovalRequest, String> {
    let status = &incident.status;
    match &status.approval {
        Some(asked) if status.phase == Phase::AwaitingApproval && now < asked.expires_at => {
            Ok(asked.clone())
        }
        Some(asked) if status.phase == Phase::AwaitingApproval => Err(format!(
            "the time for an answer ended at {}",
            asked.expires_at.strftime("%H:%M:%S UTC")
        )),
        _ => Err(format!(
            "it asks for no answer (it is {}: {})",
            status.phase.as_str(),
            status.reason.explain()
        )),
    }
}

/// Binds the answer to just what was shown: remedy, UID and generation.
fn approval(
    incident: &str,
    asked: &ApprovalRequest,
    answer: Answer,
    by: Option<Text<256>>,
) -> api::Approval {
    let mut approval = api::Approval::new(
        "",
        api::ApprovalBody {
            incident: podmender_policy::incident::IncidentId(incident.into()),
            answer,
            remedy: asked.remedy,
            uid: asked.uid.clone(),
            generation: asked.generation,
            by,
        },
    );
    approval.metadata.name = None;
    // A name may be 63 characters where it becomes a label; the API server appends five.
    let stem: String = incident.chars().take(50).collect();
    approval.metadata.generate_name = Some(format!("{}-", stem.trim_end_matches(['-', '.'])));
    approval
}

/// Who the API server says that we are: a note for people, the API server's audit log is the proof.
async fn who(cluster: &Cluster) -> Option<Text<256>> {
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let review = api
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .ok()?;
    let name = review.status?.user_info?.username?;
    Some(Text::new(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;
    use podmender_policy::remedy::RemedyName;

    fn asking() -> Incident {
        let mut incident = sample::incident("api");
        incident.status.phase = Phase::AwaitingApproval;
        incident.status.approval = Some(ApprovalRequest {
            remedy: RemedyName::Restart,
            uid: "uid-w".into(),
            generation: 4,
            asked_at: sample::now(),
            expires_at: sample::time("2026-11-21T03:34:30Z"),
            because: "asked".into(),
        });
        incident
    }

    #[test]
    fn an_answer_copies_what_was_shown() {
        let asked = question(&asking(), sample::now()).expect("asked");
        let made = approval(&"x".repeat(80), &asked, Answer::Approve, Some("ada".into()));
        assert_eq!((made.spec.uid.as_str(), made.spec.generation), ("uid-w", 4));
        assert_eq!(
            made.metadata.generate_name,
            Some(format!("{}-", "x".repeat(50)))
        );
    }

    #[test]
    fn nothing_asked_and_too_late_are_told_apart() {
        let calm = question(&sample::incident("api"), sample::now()).expect_err("not asked");
        assert!(
            calm.contains("asks for no answer (it is Detected"),
            "{calm}"
        );
        let late = question(&asking(), sample::time("2026-11-21T04:00:00Z")).expect_err("late");
        assert!(late.contains("ended at 03:34:30 UTC"), "{late}");
    }
}
