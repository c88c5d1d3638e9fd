//! `podmender doctor`: is the agent set up so that it can work? Every finding says what to fix.

mod cluster;
mod model;
mod policies;
mod proof;
mod rights;
mod slack;

pub(crate) use policies::named;

use crate::{
    args::{DoctorArgs, Global},
    cli::{
        connect::{connect, in_cluster},
        exit, out,
        table::{Colour, Tone},
    },
};
use std::{collections::BTreeSet, io};

/// How one check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// All is well.
    Good(String),
    /// It works, with a restriction that may be meant.
    Note(String),
    /// To be fixed: what is wrong, and how to fix it.
    Bad(String, String),
}

/// Runs all checks; exit code 1 if anything is to be fixed.
///
/// # Errors
/// There is no cluster to ask at all.
pub async fn run(global: &Global, args: &DoctorArgs) -> anyhow::Result<u8> {
    let cluster = if args.in_cluster {
        in_cluster()?
    } else {
        connect(global).await?
    };
    let colour = Colour::of(global, &io::stdout());
    let mut report = Report {
        colour,
        bad: 0,
        notes: 0,
    };
    report.say(cluster::version(&cluster).await?)?;
    let objects = cluster::kinds(&cluster).await;
    let known = matches!(objects, Finding::Good(_));
    report.say(objects)?;
    if known {
        let found = policies::all(&cluster, args).await?;
        let mut namespaces: BTreeSet<String> = args.scope.namespaces.iter().cloned().collect();
        if namespaces.is_empty() {
            namespaces = policies::named(&found);
        }
        if namespaces.is_empty() {
            report.say(Finding::Note(
                "no namespace to look after: name them with --namespaces, or in the chart's rbac.namespaces".into(),
            ))?;
        }
        rights::check(&cluster, args, &namespaces, &mut report).await?;
        proof::check(&cluster, args, &found, &mut report).await?;
        policies::check(&found, args, &namespaces, &mut report).await?;
    }
    report.end()
}

/// Prints findings as they come, and counts them.
pub(crate) struct Report {
    colour: Colour,
    bad: usize,
    notes: usize,
}

impl Report {
    pub(crate) fn say(&mut self, finding: Finding) -> io::Result<()> {
        let (sign, tone, text, fix) = match finding {
            Finding::Good(text) => ("✓", Tone::Good, text, None),
            Finding::Note(text) => {
                self.notes += 1;
                ("!", Tone::Warn, text, None)
            }
            Finding::Bad(text, fix) => {
                self.bad += 1;
                ("✗", Tone::Bad, text, Some(fix))
            }
        };
        let sign = self.colour.paint(tone, sign);
        out::stdout(|to| {
            writeln!(to, "{sign} {text}")?;
            match fix {
                Some(fix) => writeln!(to, "  fix: {fix}"),
                None => Ok(()),
            }
        })
    }

    fn end(&self) -> anyhow::Result<u8> {
        let (text, code) = match (self.bad, self.notes) {
            (0, 0) => ("All is well.".to_owned(), exit::OK),
            (0, _) => ("Nothing has to be fixed.".to_owned(), exit::OK),
            (1, _) => ("1 thing to fix.".to_owned(), exit::FINDINGS),
            (n, _) => (format!("{n} things to fix."), exit::FINDINGS),
        };
        out::stdout(|to| writeln!(to, "\n{text}"))?;
        Ok(code)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::args::{Own, Scope, SlackApi};

    pub(crate) fn args() -> DoctorArgs {
        DoctorArgs {
            scope: Scope {
                namespaces: vec!["shop".into()],
                own: Own {
                    namespace: "podmender".into(),
                },
            },
            secrets_dir: "/nonexistent".into(),
            slack: SlackApi {
                url: "https://slack.com/api/".parse().expect("address"),
            },
            send_test: false,
            in_cluster: false,
            service_account: "podmender".into(),
        }
    }
}
