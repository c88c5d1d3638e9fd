//! `podmender incidents`: what is failing, one line each; and how the other commands find an incident.

use crate::{
    alert::story,
    api,
    args::{Global, IncidentsCommand, Output},
    cli::{
        connect::{Cluster, connect},
        exit, now, out,
        share::Reader,
        show,
        table::{Colour, Table, Tone},
        watch,
    },
};
use anyhow::{anyhow, bail};
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::ListParams};
use podmender_policy::{
    bounds::Name,
    incident::{Incident, IncidentId, Phase},
    workload::WorkloadKind,
};
use std::io;

/// Runs `podmender incidents ...`.
///
/// # Errors
/// The cluster cannot be reached or refuses.
pub async fn run(global: &Global, what: Option<IncidentsCommand>, all: bool) -> anyhow::Result<u8> {
    let cluster = connect(global).await?;
    match what.unwrap_or(IncidentsCommand::List { all }) {
        IncidentsCommand::List { all: too } => list(global, &cluster, all || too).await,
        IncidentsCommand::Show { id, share } => {
            let reader = if share {
                Reader::Anybody
            } else {
                Reader::Oneself
            };
            show::run(global, &cluster, &id, reader).await
        }
        IncidentsCommand::Watch { id } => watch::run(global, &cluster, id).await,
    }
}

/// The incidents of the cluster's namespace, or of all.
pub(crate) fn api(cluster: &Cluster) -> Api<api::Incident> {
    match &cluster.namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    }
}

/// ` in namespace shop`, ` in any namespace`.
pub(crate) fn place(cluster: &Cluster) -> String {
    match &cluster.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "in any namespace".to_owned(),
    }
}

/// The object as the policy crate knows it; `None` until the agent has written its status.
pub(crate) fn read(object: &api::Incident) -> Option<Incident> {
    Some(Incident {
        id: IncidentId(Name::new(&object.name_any())),
        spec: object.spec.0.clone(),
        status: object.status.clone()?,
    })
}

async fn all_of(cluster: &Cluster) -> anyhow::Result<Vec<api::Incident>> {
    let list = api(cluster).list(&ListParams::default()).await;
    let doing = format!("list incidents {}", place(cluster));
    Ok(list.map_err(|e| cluster.explain(&doing, e))?.items)
}

/// Finds an incident by its name, or the newest of a workload by the workload's name.
///
/// # Errors
/// There is none, or the cluster cannot be asked.
pub(crate) async fn find(cluster: &Cluster, id: &str) -> anyhow::Result<api::Incident> {
    if let Some(namespace) = &cluster.namespace {
        let api: Api<api::Incident> = Api::namespaced(cluster.client.clone(), namespace);
        let doing = format!("read incident {id} in namespace {namespace}");
        if let Some(found) = api
            .get_opt(id)
            .await
            .map_err(|e| cluster.explain(&doing, e))?
        {
            return Ok(found);
        }
    }
    let all = all_of(cluster).await?;
    let named: Vec<_> = all.iter().filter(|i| i.name_any() == id).collect();
    if named.len() > 1 {
        bail!(
            "{} namespaces have an incident {id}: say which with -n",
            named.len()
        );
    }
    let newest = all
        .iter()
        .filter(|i| i.spec.0.workload.name.as_str() == id)
        .max_by_key(|i| (is_open(i), i.spec.0.first_seen));
    named
        .first()
        .copied()
        .or(newest)
        .cloned()
        .ok_or_else(|| anyhow!("no incident or workload {id} {}; `podmender incidents -A --all` lists all that there are", place(cluster)))
}

fn is_open(object: &api::Incident) -> bool {
    object
        .status
        .as_ref()
        .is_none_or(|s| s.phase != Phase::Resolved)
}

async fn list(global: &Global, cluster: &Cluster, all: bool) -> anyhow::Result<u8> {
    let mut items = all_of(cluster).await?;
    let total = items.len();
    if !all {
        items.retain(is_open);
    }
    let hidden = total - items.len();
    items.sort_by_key(|i| (rank(i), i.spec.0.first_seen));
    match global.output {
        Output::Json | Output::Yaml => documents(global.output, &items)?,
        Output::Table | Output::Wide if items.is_empty() => {}
        Output::Table | Output::Wide => {
            let colour = Colour::of(global, &io::stdout());
            let table = table(
                &items,
                cluster.namespace.is_none(),
                global.output == Output::Wide,
                now(),
            );
            out::stdout(|to| table.print(to, colour))?;
        }
    }
    hints(cluster, &items, hidden, global.output)?;
    Ok(exit::OK)
}

/// Those that wait for a person first.
fn rank(object: &api::Incident) -> u8 {
    match object.status.as_ref().map(|s| s.phase) {
        Some(Phase::AwaitingApproval) => 0,
        Some(Phase::Escalated) => 1,
        Some(Phase::Resolved) => 3,
        _ => 2,
    }
}

fn table(items: &[api::Incident], namespaces: bool, wide: bool, now: Timestamp) -> Table {
    let mut header = vec!["WORKLOAD", "FAILURE", "PHASE", "READY", "AGE", "INCIDENT"];
    if namespaces {
        header.insert(0, "NAMESPACE");
    }
    if wide {
        header.extend(["DECISION", "REASON", "CAUSE"]);
    }
    let mut table = Table::new(&header);
    for item in items {
        table.row(row(item, namespaces, wide, now));
    }
    table
}

fn row(item: &api::Incident, namespaces: bool, wide: bool, now: Timestamp) -> Vec<(String, Tone)> {
    let plain = |text: String| (text, Tone::Plain);
    let spec = &item.spec.0;
    let workload = match spec.workload.kind {
        WorkloadKind::Deployment | WorkloadKind::Foreign => spec.workload.name.to_string(),
        kind => format!("{}/{}", kind.as_str(), spec.workload.name),
    };
    let age = story::age(now.duration_since(spec.first_seen));
    let mut cells = Vec::new();
    if namespaces {
        cells.push(plain(item.namespace().unwrap_or_default()));
    }
    let id = plain(item.name_any());
    cells.push(plain(workload));
    let Some(status) = &item.status else {
        cells.extend([
            plain(format!("{:?}", spec.failure)),
            plain("-".into()),
            plain("-".into()),
            plain(age),
            id,
        ]);
        return cells;
    };
    let replicas = status.replicas;
    cells.extend([
        plain(format!("{:?}", status.diagnosis.failure)),
        (status.phase.as_str().to_owned(), tone(status.phase)),
        plain(format!("{}/{}", replicas.ready, replicas.desired)),
        plain(age),
        id,
    ]);
    if wide {
        cells.extend([
            plain(format!("{:?}", status.decision)),
            plain(format!("{:?}", status.reason)),
            plain(status.evidence.sentence.to_string()),
        ]);
    }
    cells
}

/// The colour of a phase.
pub(crate) fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Resolved => Tone::Good,
        Phase::AwaitingApproval | Phase::Escalated => Tone::Warn,
        Phase::Detected | Phase::Remediating | Phase::Verifying => Tone::Bad,
    }
}

/// A list as kubectl prints it, or one object by itself.
fn documents(output: Output, items: &[api::Incident]) -> anyhow::Result<()> {
    let items: Vec<_> = items.iter().map(tidy).collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    document(output, &list)
}

/// Without what only the API server needs.
pub(crate) fn tidy(object: &api::Incident) -> api::Incident {
    let mut object = object.clone();
    object.metadata.managed_fields = None;
    object
}

/// Prints one document as JSON or YAML.
pub(crate) fn document(output: Output, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = match output {
        Output::Yaml => serde_saphyr::to_string(value)?,
        _ => serde_json::to_string_pretty(value)? + "\n",
    };
    Ok(out::stdout(|to| to.write_all(text.as_bytes()))?)
}

/// What to do next, on stderr: programs do not read it.
fn hints(
    cluster: &Cluster,
    items: &[api::Incident],
    hidden: usize,
    output: Output,
) -> io::Result<()> {
    if matches!(output, Output::Json | Output::Yaml) {
        return Ok(());
    }
    let resolved = match hidden {
        0 => String::new(),
        n => format!(" ({n} resolved: --all shows them)"),
    };
    let waiting = items.iter().find(|i| rank(i) < 2);
    out::stderr(|to| {
        if items.is_empty() {
            return writeln!(to, "Nothing fails {}{resolved}.", place(cluster));
        }
        if let Some(first) = waiting {
            let ns = first.namespace().unwrap_or_default();
            writeln!(
                to,
                "\nSomebody is needed. Look at one: podmender incidents show {} -n {ns}",
                first.name_any()
            )?;
        }
        Ok(())
    })
}
