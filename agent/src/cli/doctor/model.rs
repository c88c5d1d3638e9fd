//! Does the model's endpoint of each policy answer, and does it accept the key? It is asked for its list of models, and nothing
//! else: no word of a failure leaves for this.

use super::{Finding, Report};
use crate::{
    alert::{Secrets, channel::Source},
    args::DoctorArgs,
    llm::{
        Trouble,
        client::{Caller, Known, TIMEOUT},
        endpoint::Endpoint,
    },
};
use podmender_policy::rules::{Reach, SummaryRules};
use std::collections::BTreeMap;

/// Who asks whom: endpoints, and the policies that name them.
pub(super) type Models = BTreeMap<SummaryRules, Vec<String>>;

/// Checks each endpoint once.
pub(super) async fn check(
    models: &Models,
    args: &DoctorArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let secrets = Secrets::new(args.secrets_dir.clone());
    for (rules, policies) in models {
        let what = format!(
            "summaries by model {} (policy {})",
            rules.model,
            policies.join(", ")
        );
        let sources = [&rules.base_url, &rules.api_key];
        let named = sources.iter().any(|s| matches!(s, Some(Source::Named(_))));
        if named && !args.secrets_dir.is_dir() {
            report.say(Finding::Note(format!(
                "{what}: the Secret is mounted in the cluster only; `helm test podmender` checks it there"
            )))?;
            continue;
        }
        let answer = ask(rules, &secrets).await;
        report.say(judge(&what, rules, answer, args))?;
    }
    Ok(())
}

async fn ask(rules: &SummaryRules, secrets: &Secrets) -> Result<Known, Trouble> {
    let endpoint = Endpoint::of(rules, secrets)?;
    let caller = Caller::new(&endpoint, TIMEOUT)?;
    caller.knows(&endpoint, rules.model.as_str()).await
}

fn judge(
    what: &str,
    rules: &SummaryRules,
    answer: Result<Known, Trouble>,
    args: &DoctorArgs,
) -> Finding {
    let trouble = match answer {
        Ok(Known::Yes) => {
            return Finding::Good(format!("{what}: the endpoint answers and lists the model"));
        }
        Ok(Known::NotListed) => {
            return Finding::Note(format!(
                "{what}: the endpoint answers, and its list of models does not have this one: check spec.summary.model"
            ));
        }
        Ok(Known::NoList) => {
            return Finding::Note(format!(
                "{what}: the endpoint answers and has no list of models; whether it is the right address (most end in /v1) and knows the model shows with the first failure"
            ));
        }
        Err(trouble) => trouble,
    };
    // A name of the cluster means nothing here.
    let inside = rules.reach == Reach::Private && !args.in_cluster;
    if inside && matches!(trouble, Trouble::Unreachable(_) | Trouble::Timeout) {
        return Finding::Note(format!(
            "{what}: not reached from here, and perhaps from inside the cluster; `helm test podmender` checks it there"
        ));
    }
    Finding::Bad(format!("{what}: {trouble}"), fix(&trouble).into())
}

fn fix(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Misconfigured(_) => {
            "mend spec.summary of the policy, or the Secret that the chart's existingSecret names"
        }
        Trouble::Unauthorized => {
            "put a valid key into the Secret under the name that spec.summary.apiKey gives"
        }
        Trouble::RateLimited(_) => {
            "try again in a minute, or raise the limit of that key at the provider"
        }
        Trouble::Timeout | Trouble::Unreachable(_) => {
            "check spec.summary.baseUrl, DNS, the certificate, and the NetworkPolicy's egress"
        }
        Trouble::Failing(_) => "see that the endpoint is well",
        Trouble::Redirected => "write the final address as spec.summary.baseUrl",
        Trouble::UnknownModel
        | Trouble::NotUnderstood(_)
        | Trouble::TooLong
        | Trouble::Unparsable
        | Trouble::Refused
        | Trouble::OtherLanguage
        | Trouble::OverBudget
        | Trouble::Unwritten => "see that spec.summary.baseUrl is that of an OpenAI-compatible API",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::args, *};
    use crate::llm::sample::rules;

    fn said(answer: Result<Known, Trouble>) -> Finding {
        judge("x", &rules(), answer, &args())
    }

    #[test]
    fn each_answer_has_its_finding_and_each_trouble_its_fix() {
        assert!(matches!(said(Ok(Known::Yes)), Finding::Good(_)));
        for (answer, says) in [
            (Known::NotListed, "spec.summary.model"),
            (Known::NoList, "/v1"),
        ] {
            let Finding::Note(text) = said(Ok(answer)) else {
                panic!("{answer:?}")
            };
            assert!(text.contains(says), "{text}");
        }
        for (trouble, says) in [
            (Trouble::Unauthorized, "valid key"),
            (Trouble::Unreachable("no DNS".into()), "egress"),
            (Trouble::Redirected, "final address"),
        ] {
            let Finding::Bad(_, fix) = said(Err(trouble)) else {
                panic!("not bad")
            };
            assert!(fix.contains(says), "{fix}");
        }
    }

    #[test]
    fn what_only_pods_reach_is_no_fault_of_a_doctor_outside() {
        let inside = SummaryRules {
            reach: Reach::Private,
            ..rules()
        };
        let far = || Err(Trouble::Unreachable("no DNS".into()));
        let outside = judge("x", &inside, far(), &args());
        assert!(matches!(outside, Finding::Note(_)), "{outside:?}");
        let mut args = args();
        args.in_cluster = true;
        let within = judge("x", &inside, far(), &args);
        assert!(matches!(within, Finding::Bad(..)), "{within:?}");
    }
}
