//! `podmender incidents show`: one incident as a page to read.

use crate::{
    alert::{
        fact,
        notice::Notice,
        story::{self, Story},
    },
    args::{Global, Output},
    cli::{
        connect::Cluster,
        exit,
        incidents::{document, find, read, tidy, tone},
        now, out,
        share::{Reader, Sharer},
        table::{Colour, Tone},
    },
};
use jiff::Timestamp;
use podmender_policy::incident::Incident;
use serde_json::json;
use std::io::{self, Write};

/// Shows the incident.
///
/// # Errors
/// There is none of that name, or the cluster cannot be asked.
pub async fn run(
    global: &Global,
    cluster: &Cluster,
    id: &str,
    reader: Reader,
) -> anyhow::Result<u8> {
    let object = find(cluster, id).await?;
    let incident = read(&object);
    if matches!(global.output, Output::Json | Output::Yaml) {
        match incident.filter(|_| reader == Reader::Anybody) {
            // Without metadata: nobody else needs it, and it names who wrote what where.
            Some(incident) => {
                let said = json!({"spec": incident.spec, "status": incident.status});
                document(global.output, &Sharer::of(&incident).document(said))?;
            }
            None if reader == Reader::Anybody => document(global.output, &json!({}))?,
            None => document(global.output, &tidy(&object))?,
        }
        return Ok(exit::OK);
    }
    let Some(incident) = incident else {
        out::stderr(|to| {
            writeln!(
                to,
                "{id} was only just created: its status follows in a moment."
            )
        })?;
        return Ok(exit::OK);
    };
    match reader {
        Reader::Oneself => {
            let colour = Colour::of(global, &io::stdout());
            out::stdout(|to| page(to, &incident, now(), colour))?;
        }
        Reader::Anybody => {
            let mut whole = Vec::new();
            page(&mut whole, &incident, now(), Colour::NONE)?;
            let whole = Sharer::of(&incident).text(&String::from_utf8_lossy(&whole));
            out::stdout(|to| to.write_all(whole.as_bytes()))?;
        }
    }
    Ok(exit::OK)
}

fn page(to: &mut dyn Write, incident: &Incident, now: Timestamp, colour: Colour) -> io::Result<()> {
    let Story {
        title,
        facts,
        evidence,
        guess,
        commands,
    } = story::of(&Notice::of(incident), now);
    writeln!(
        to,
        "{}\n",
        colour.paint(tone(incident.status.phase), &title)
    )?;
    // The attempts have a section of their own.
    let facts = facts.iter().filter(|(label, _)| *label != "Tried");
    let own = own_facts(incident, now);
    for (label, text) in facts.chain(&own) {
        let label = format!("{label:<10}");
        let text = wrapped(text).join("\n           ");
        writeln!(to, "{} {text}", colour.paint(Tone::Bold, &label))?;
    }
    section(to, colour, "What the cluster says", &evidence)?;
    if let Some(guess) = guess {
        let said = guess.facts.iter().flat_map(|(label, text)| {
            let lines = wrapped(&format!("{label}: {text}"));
            let (first, rest) = (lines.first().cloned(), lines.into_iter().skip(1));
            first
                .into_iter()
                .chain(rest.map(|line| format!("  {line}")))
        });
        section(to, colour, &guess.heading, &said.collect::<Vec<_>>())?;
    }
    let attempts: Vec<_> = incident
        .status
        .attempts
        .iter()
        .map(story::attempt)
        .collect();
    section(to, colour, "What was tried", &attempts)?;
    section(to, colour, "Timeline", &timeline(incident, now))?;
    section(to, colour, "What you can do", &commands)
}

/// What only this page says: how far a question is answered, until when it is put off, and what to call it.
fn own_facts(incident: &Incident, now: Timestamp) -> Vec<(&'static str, String)> {
    let status = &incident.status;
    let mut facts = Vec::new();
    if let Some(asked) = status.approval.as_ref().filter(|asked| asked.needed > 1) {
        let names: Vec<_> = asked.votes.iter().map(|v| v.by.as_str()).collect();
        let by = if names.is_empty() {
            "nobody yet".to_owned()
        } else {
            names.join(", ")
        };
        facts.push((
            "Approvals",
            format!("{} of {}: {by}", names.len(), asked.needed),
        ));
    }
    if let Some(until) = status.snoozed_until.filter(|until| *until > now) {
        facts.push(("Snoozed", format!("until {}", story::clock(until, now))));
    }
    facts.push(("Incident", incident.id.to_string()));
    facts.push(("Policy", incident.spec.policy.to_string()));
    facts
}

/// Lines that fit a terminal of 80 columns beside their label.
fn wrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 68;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn section(to: &mut dyn Write, colour: Colour, heading: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n{}", colour.paint(Tone::Bold, heading))?;
    for line in lines {
        writeln!(to, "  {line}")?;
    }
    Ok(())
}

fn timeline(incident: &Incident, now: Timestamp) -> Vec<String> {
    let records = incident.status.timeline.iter();
    records
        .map(|r| format!("{}  {}", story::clock(r.at, now), fact::words(&r.fact)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;
    use podmender_policy::{
        audit::{AuditRecord, Fact},
        verify::Verdict,
    };

    #[test]
    fn a_page_reads_from_the_failure_to_what_to_do() {
        let mut incident = sample::incident("api");
        incident.status.attempts = vec![sample::evicted(Verdict::Pending)];
        incident.status.timeline = vec![AuditRecord {
            seq: 1,
            at: incident.spec.first_seen,
            incident: Some(incident.id.clone()),
            fact: Fact::Detected {
                failure: incident.spec.failure,
            },
            prev: "".into(),
            hash: "".into(),
        }];
        incident.status.summary = Some(crate::llm::sample::summary());
        let mut out = Vec::new();
        page(&mut out, &incident, sample::now(), Colour::NONE).expect("written");
        let out = String::from_utf8_lossy(&out);
        let mut from = 0;
        for part in [
            "🔴 Failing: api in shop (CrashLoopBackOff)\n\nWorkload   Deployment api",
            "\nWhy        The database at db:5432",
            "\nPolicy     podmender/shop\n",
            "\nWhat the cluster says\n  back-off",
            "\nA language model's guess, checked by nobody\n  Perhaps: The database refuses connections.\n",
            "\nWhat was tried\n  restart by evicting pod",
            "\nTimeline\n  03:01:05 UTC  seen: CrashLoopBackOff\n",
            "\nWhat you can do\n  kubectl -n shop describe pod",
        ] {
            from += out[from..]
                .find(part)
                .unwrap_or_else(|| panic!("no {part:?} in\n{out}"));
        }
    }
}
