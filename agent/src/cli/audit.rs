//! `podmender audit verify`: is the record of what the agent did complete and unchanged?

use crate::{
    api,
    args::{AuditCommand, Global, Output},
    cli::{
        connect::{Cluster, connect},
        doctor, exit,
        incidents::document,
        out,
        table::{Colour, Tone},
    },
    record::{AGENT_LABEL, LEDGER},
};
use anyhow::{Context as _, anyhow};
use kube::{Api, Error, api::ListParams};
use podmender_policy::audit::{AuditRecord, Breach, Head, Verified, verify};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::Path,
};

/// Runs `podmender audit ...`.
///
/// # Errors
/// The records cannot be read. That they were tampered with is exit code 1.
pub async fn run(global: &Global, what: AuditCommand) -> anyhow::Result<u8> {
    let AuditCommand::Verify { file, own } = what;
    let (records, anchor, head) = match &file {
        Some(path) => from_file(path)?,
        None => from_cluster(&connect(global).await?, &own.namespace).await?,
    };
    say(global, &verify(records.into_iter(), &anchor, &head))
}

type Chain = (Vec<AuditRecord>, Head, Head);

/// One JSON object a line. There is no ledger to compare with: only what lies between the oldest and the newest counts.
fn from_file(path: &Path) -> anyhow::Result<Chain> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        text
    } else {
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
    };
    let mut records = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let record: AuditRecord = serde_json::from_str(line)
            .map_err(|e| anyhow!("line {} is no audit record: {e}", number + 1))?;
        records.push(record);
    }
    let oldest = records.iter().min_by_key(|r| r.seq);
    let anchor = oldest.map_or_else(Head::default, |r| Head {
        seq: r.seq.saturating_sub(1),
        hash: r.prev.clone(),
    });
    let newest = records.iter().max_by_key(|r| r.seq);
    let head = newest.map_or_else(Head::default, |r| Head {
        seq: r.seq,
        hash: r.hash.clone(),
    });
    Ok((records, anchor, head))
}

/// The ledger, and the timelines of all incidents that its agent wrote. RBAC: `get` on the ledger, `list` on incidents
/// in all namespaces, or else in those that the agent's policies name.
async fn from_cluster(cluster: &Cluster, own: &str) -> anyhow::Result<Chain> {
    let ledgers: Api<api::Ledger> = Api::namespaced(cluster.client.clone(), own);
    let doing = format!("read the ledger in namespace {own}");
    let ledger = ledgers
        .get_opt(LEDGER)
        .await
        .map_err(|e| cluster.explain(&doing, e))?;
    let ledger = ledger.ok_or_else(|| {
        anyhow!("there is no ledger in namespace {own}: no agent has run there yet, or --own-namespace is another")
    })?;
    // Two agents in one cluster have a chain each.
    let ours = ListParams::default().labels(&format!("{AGENT_LABEL}={own}"));
    let incidents = match list(Api::all(cluster.client.clone()), &ours).await {
        Ok(incidents) => incidents,
        Err(Error::Api(status)) if status.code == 403 => scoped(cluster, own, &ours).await?,
        Err(e) => return Err(cluster.explain("list incidents in all namespaces", e)),
    };
    let records = incidents
        .into_iter()
        .filter_map(|i| i.status)
        .flat_map(|s| s.timeline);
    let ledger = ledger.spec.0;
    // What belongs to no incident is in the ledger itself.
    let records = records.chain(ledger.records);
    Ok((records.collect(), ledger.anchor, ledger.head))
}

async fn scoped(
    cluster: &Cluster,
    own: &str,
    ours: &ListParams,
) -> anyhow::Result<Vec<api::Incident>> {
    let policies = list(
        Api::namespaced(cluster.client.clone(), own),
        &ListParams::default(),
    )
    .await;
    let doing = format!("list policies in namespace {own}");
    let policies = policies.map_err(|e| cluster.explain(&doing, e))?;
    let mut namespaces: BTreeSet<String> = doctor::named(&policies);
    namespaces.extend(cluster.namespace.clone());
    let mut all = Vec::new();
    for namespace in &namespaces {
        let found = list(Api::namespaced(cluster.client.clone(), namespace), ours).await;
        let doing = format!("list incidents in namespace {namespace}");
        all.extend(found.map_err(|e| cluster.explain(&doing, e))?);
    }
    Ok(all)
}

async fn list<K>(api: Api<K>, which: &ListParams) -> Result<Vec<K>, Error>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    Ok(api.list(which).await?.items)
}

fn say(global: &Global, result: &Result<Verified, Vec<Breach>>) -> anyhow::Result<u8> {
    let code = if result.is_ok() {
        exit::OK
    } else {
        exit::FINDINGS
    };
    if matches!(global.output, Output::Json | Output::Yaml) {
        let value = match result {
            Ok(v) => json!({"sound": true, "records": v.records, "tail": v.tail, "older": v.older}),
            Err(breaches) => {
                let texts: Vec<_> = breaches.iter().map(ToString::to_string).collect();
                json!({"sound": false, "breaches": texts})
            }
        };
        document(global.output, &value)?;
        return Ok(code);
    }
    let colour = Colour::of(global, &io::stdout());
    out::stdout(|to| match result {
        Ok(v) => writeln!(to, "{} {}", colour.paint(Tone::Good, "✓"), sound(v)),
        Err(breaches) => {
            for breach in breaches {
                writeln!(to, "{} {breach}", colour.paint(Tone::Bad, "✗"))?;
            }
            writeln!(
                to,
                "\nThe record is not as the agent wrote it. The API server's audit log says who changed what."
            )
        }
    })?;
    Ok(code)
}

fn sound(v: &Verified) -> String {
    let mut text = format!("{} records, complete and unchanged.", v.records);
    if v.tail > 0 {
        text.push_str(&format!(
            " {} of them are newer than the ledger, which follows.",
            v.tail
        ));
    }
    if v.older > 0 {
        text.push_str(&format!(
            " {} older ones are still there, and unchanged.",
            v.older
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;
    use podmender_policy::audit::{Chain as Writer, Fact};

    fn records() -> Vec<AuditRecord> {
        let mut chain = Writer {
            head: Head::default(),
        };
        let incident = sample::incident("api");
        let fact = |i| match i {
            0 => Fact::Detected {
                failure: incident.spec.failure,
            },
            _ => Fact::Reopened,
        };
        (0..4)
            .map(|i| chain.append(sample::now(), incident.id.clone(), fact(i)))
            .collect()
    }

    fn verified(records: &[AuditRecord]) -> Result<Verified, Vec<Breach>> {
        let path = std::env::temp_dir().join(format!(
            "podmender-audit-{}-{}",
            std::process::id(),
            records.len()
        ));
        let lines: Vec<_> = records
            .iter()
            .map(|r| serde_json::to_string(r).expect("JSON"))
            .collect();
        fs::write(&path, lines.join("\n")).expect("written");
        let (records, anchor, head) = from_file(&path).expect("read");
        fs::remove_file(&path).expect("removed");
        verify(records.into_iter(), &anchor, &head)
    }

    #[test]
    fn a_file_is_checked_between_its_ends() {
        let all = records();
        assert_eq!(verified(&all[1..]).map(|v| v.records), Ok(3));
        let mut cut = all.clone();
        cut.remove(2);
        assert_eq!(
            verified(&cut),
            Err(vec![Breach::Missing { from: 3, to: 3 }])
        );
        let mut edited = all;
        edited[1].fact = Fact::Expired;
        edited.push(edited[1].clone());
        assert_eq!(verified(&edited), Err(vec![Breach::Edited { seq: 2 }]));
    }
}
