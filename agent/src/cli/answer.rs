//! `podmender approve`, `deny` and `snooze`: a person's answer becomes an `Approval` next to the incident.

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
    approval::{Answer, ApprovalRequest, NoPlace, Search},
    bounds::{Name, Text},
    incident::{Incident, IncidentId, Phase},
};

/// Creates the Approval. RBAC of the person: `get,list` on incidents, `get,create` on approvals.
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
    let by = who(&cluster).await;
    let api: Api<api::Approval> = Api::namespaced(cluster.client.clone(), &namespace);
    let made = match place(&cluster, &api, &object, &asked, answer, by).await? {
        Place::Made(made) => made,
        Place::Taken(said) => {
            out::stderr(|to| writeln!(to, "podmender: {said}"))?;
            return Ok(exit::FINDINGS);
        }
    };
    let id = object.name_any();
    out::stdout(|to| writeln!(to, "approval.podmender.io/{} created", made.name_any()))?;
    out::stderr(|to| {
        let does = match answer {
            Answer::Approve => format!(
                "The agent looks at it again and does it ({})",
                asked.remedy.as_str()
            ),
            Answer::Deny => "The agent leaves it, and a person has to see to it".to_owned(),
            Answer::Snooze => "The agent asks for an hour longer".to_owned(),
            Answer::Expired => "The time for an answer is over".to_owned(),
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
        Answer::Snooze => "snooze",
        Answer::Expired => "close",
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

/// What came of an answer.
enum Place {
    Made(Box<api::Approval>),
    /// Somebody was faster, in words.
    Taken(String),
}

/// Takes the first free place among the answers: the API server refuses a taken name, so that the first decision wins.
async fn place(
    cluster: &Cluster,
    api: &Api<api::Approval>,
    incident: &api::Incident,
    asked: &ApprovalRequest,
    answer: Answer,
    by: Option<Text<256>>,
) -> anyhow::Result<Place> {
    let id = IncidentId(Name::new(&incident.name_any()));
    let made = approval(&id, asked, answer, by).beside(&id, &incident.uid().unwrap_or_default());
    let mut search = Search::new(&id, asked, made.given());
    loop {
        let made = match answer {
            Answer::Approve | Answer::Deny | Answer::Expired => at(&search.name(), made.clone()),
            // Putting it off decides nothing: it takes nobody's place.
            Answer::Snooze => beside(&asked.slot(&id, 0), made.clone()),
        };
        match api.create(&PostParams::default(), &made).await {
            Ok(made) => return Ok(Place::Made(Box::new(made))),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain("create the approval", error)),
        }
        let name = search.name();
        let taken = api.get(name.as_str()).await;
        let taken = taken.map_err(|e| cluster.explain(&format!("read approval {name}"), e))?;
        if let Some(why) = search.taken_by(taken.given()) {
            return Ok(Place::Taken(explain(&why)));
        }
    }
}

fn explain(why: &NoPlace) -> String {
    match why {
        NoPlace::Before => "you have answered so already".to_owned(),
        NoPlace::Otherwise(before) => {
            format!(
                "you have {} it before, and the first answer counts",
                before.done()
            )
        }
        NoPlace::Taken(other) if other.answer == Answer::Expired => {
            "the time for an answer is over, so nothing is done".to_owned()
        }
        NoPlace::Taken(other) if other.by.is_empty() => {
            format!("somebody {} it before you", other.answer.done())
        }
        NoPlace::Taken(other) => format!("{} {} it before you", other.by, other.answer.done()),
    }
}

/// Binds the answer to just what was shown: remedy, UID and generation.
fn approval(
    incident: &IncidentId,
    asked: &ApprovalRequest,
    answer: Answer,
    by: Option<Text<256>>,
) -> api::Approval {
    let body = api::ApprovalBody {
        by,
        ..api::ApprovalBody::answering(incident, asked, answer)
    };
    let mut made = api::Approval::new("", body);
    made.metadata.name = None;
    made
}

/// With this name.
fn at(name: &Name, mut made: api::Approval) -> api::Approval {
    made.metadata.name = Some(name.to_string());
    made
}

/// With a name that nothing has yet.
fn beside(stem: &Name, mut made: api::Approval) -> api::Approval {
    made.metadata.generate_name = Some(format!("{stem}-"));
    made
}

/// Who the API server says that we are. Where the admission policy of approvals is in force, another name is refused; elsewhere it is
/// a note for people, and the API server's audit log is the proof.
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
            effect: None,
            needed: 1,
            votes: Vec::new(),
            round: 0,
        });
        incident
    }

    #[test]
    fn an_answer_copies_what_was_shown() {
        let asked = question(&asking(), sample::now()).expect("asked");
        let incident = IncidentId("x".repeat(63).into());
        let made = approval(&incident, &asked, Answer::Approve, Some("ada".into()))
            .beside(&incident, "uid-i");
        let owner = &made.metadata.owner_references.as_ref().expect("an owner")[0];
        assert_eq!(
            (owner.kind.as_str(), owner.uid.as_str()),
            ("Incident", "uid-i")
        );
        assert_eq!((made.spec.uid.as_str(), made.spec.generation), ("uid-w", 4));
        let search = Search::new(&incident, &asked, made.given());
        let name = at(&search.name(), made).metadata.name.expect("a place");
        assert!(name.len() <= 63 && name.ends_with("-0-1"), "{name}");
    }

    #[test]
    fn why_there_is_no_place_is_said() {
        let mut other = approval(
            &IncidentId("x".into()),
            &question(&asking(), sample::now()).expect("asked"),
            Answer::Deny,
            Some("ann".into()),
        )
        .given();
        assert_eq!(
            explain(&NoPlace::Taken(other.clone())),
            "ann denied it before you"
        );
        other.by = Text::default();
        assert_eq!(
            explain(&NoPlace::Taken(other)),
            "somebody denied it before you"
        );
        assert_eq!(
            explain(&NoPlace::Otherwise(Answer::Approve)),
            "you have approved it before, and the first answer counts"
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
