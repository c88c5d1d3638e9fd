//! `podmender incidents watch`: a line for every change, until Ctrl-C.

use crate::{
    api,
    args::{Global, Output},
    cli::{
        connect::Cluster,
        exit,
        incidents::{self, read, tidy, tone},
        now, out,
        table::Colour,
    },
};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Error, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use podmender_policy::{
    decide::Reason,
    diagnose::FailureKind,
    incident::{Incident, Phase},
};
use std::{collections::HashMap, io};

/// What a line says of an incident: printed again when it changes.
type Seen = (Phase, FailureKind, Reason, usize);

/// Watches until Ctrl-C.
///
/// # Errors
/// The cluster cannot be reached or refuses.
pub async fn run(global: &Global, cluster: &Cluster, id: Option<String>) -> anyhow::Result<u8> {
    let mut config = watcher::Config::default();
    if let Some(id) = &id {
        // Fails clearly if there is none; a watch would wait for it for ever.
        let found = incidents::find(cluster, id).await?;
        config = config.fields(&format!("metadata.name={}", found.name_any()));
    }
    let place = incidents::place(cluster);
    out::stderr(|to| writeln!(to, "Watching incidents {place}; Ctrl-C ends it."))?;
    let colour = Colour::of(global, &io::stdout());
    let events = watcher(incidents::api(cluster), config);
    let mut events = std::pin::pin!(events.default_backoff().boxed());
    let mut seen: HashMap<String, Seen> = HashMap::new();
    let mut broken = false;
    loop {
        let event = tokio::select! {
            event = events.try_next() => event,
            _ = tokio::signal::ctrl_c() => return Ok(exit::OK),
        };
        match event {
            Ok(Some(watcher::Event::Apply(object))) => {
                line(global.output, &object, &mut seen, colour, false)?;
            }
            Ok(Some(watcher::Event::InitApply(object))) => {
                line(global.output, &object, &mut seen, colour, true)?;
            }
            Ok(Some(watcher::Event::Delete(object))) => {
                seen.remove(&object.uid().unwrap_or_default());
            }
            Ok(Some(watcher::Event::InitDone)) => broken = false,
            Ok(Some(watcher::Event::Init)) => {}
            Ok(None) => return Ok(exit::OK),
            Err(error) => complain(cluster, error, &mut broken)?,
        }
    }
}

/// A refusal ends the watch; anything else is said once, and tried again.
fn complain(cluster: &Cluster, error: watcher::Error, broken: &mut bool) -> anyhow::Result<()> {
    let doing = format!("watch incidents {}", incidents::place(cluster));
    let (error, first) = match error {
        watcher::Error::InitialListFailed(e) => (e, true),
        watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => (e, false),
        watcher::Error::WatchError(status) => (Error::Api(status), false),
        watcher::Error::NoResourceVersion => return Ok(()),
    };
    let refused = matches!(&error, Error::Api(s) if matches!(s.code, 401 | 403 | 404));
    let said = cluster.explain(&doing, error);
    if refused || (first && !*broken) {
        return Err(said);
    }
    if !*broken {
        *broken = true;
        out::stderr(|to| writeln!(to, "podmender: {said:#}; trying again"))?;
    }
    Ok(())
}

fn line(
    output: Output,
    object: &api::Incident,
    seen: &mut HashMap<String, Seen>,
    colour: Colour,
    first: bool,
) -> anyhow::Result<()> {
    let Some(incident) = read(object) else {
        return Ok(());
    };
    let s = &incident.status;
    // What is over before we look is no change.
    let old = first && s.phase == Phase::Resolved;
    let new = (s.phase, s.diagnosis.failure, s.reason, s.attempts.len());
    if seen.insert(object.uid().unwrap_or_default(), new) == Some(new) || old {
        return Ok(());
    }
    let text = match output {
        // One document a line, so that a program can read while it goes on.
        Output::Json => serde_json::to_string(&tidy(object))?,
        Output::Yaml => format!(
            "---\n{}",
            serde_saphyr::to_string(&tidy(object))?.trim_end()
        ),
        Output::Table | Output::Wide => sentence(&incident, colour),
    };
    Ok(out::stdout(|to| writeln!(to, "{text}"))?)
}

fn sentence(incident: &Incident, colour: Colour) -> String {
    let (s, w) = (&incident.status, &incident.spec.workload);
    let phase = format!("{:<16}", s.phase.as_str());
    let why = if s.message.is_empty() {
        s.reason.explain()
    } else {
        s.message.as_str()
    };
    format!(
        "{}  {}  {}/{}  {:?}  {why}",
        now().strftime("%H:%M:%S"),
        colour.paint(tone(s.phase), &phase),
        w.namespace,
        w.name,
        s.diagnosis.failure,
    )
}
