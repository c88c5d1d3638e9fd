//! One message about many incidents: every workload by name, grouped so that a person sees the shape of the trouble.

use crate::alert::notice::Notice;
use podmender_policy::{
    bounds::Name,
    decide::Reason,
    diagnose::FailureKind,
    incident::Phase,
    workload::{WorkloadKind, WorkloadRef},
};
use std::{collections::BTreeSet, fmt::Write, sync::Arc};

/// So many characters of names and headings fit into one message (Slack's limit is near 13,000 for all blocks together).
const ROOM: usize = 10_000;
/// So many namespaces get a command of their own.
const COMMANDS: usize = 3;

/// What is wrong, in the order in which a person should read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Waits for a person.
    NeedsYou,
    /// Fails.
    Failing,
    /// Well again.
    Well,
}

impl Group {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::AwaitingApproval | Phase::Escalated => Self::NeedsYou,
            Phase::Detected | Phase::Remediating | Phase::Verifying => Self::Failing,
            Phase::Resolved => Self::Well,
        }
    }

    /// The group's heading.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::NeedsYou => "🟠 Needs a person",
            Self::Failing => "🔴 Failing",
            Self::Well => "✅ Well again",
        }
    }
}

/// Workloads of one namespace with one failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The group.
    pub group: Group,
    /// The namespace.
    pub namespace: Name,
    /// The failure.
    pub failure: FailureKind,
    /// The workloads' names; with their kind unless they are Deployments.
    pub names: Vec<String>,
}

/// A digest.
#[derive(Clone, Debug)]
pub struct Digest {
    /// Those that fit, in the order of the lines. The rest stays pending and comes with the next message.
    pub named: Vec<Arc<Notice>>,
    /// How many did not fit.
    pub more: usize,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Digest {
    /// Groups as many as fit.
    #[must_use]
    pub fn of(mut notices: Vec<Arc<Notice>>) -> Self {
        notices.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut lines: Vec<Line> = Vec::new();
        let mut room = ROOM;
        let mut fits = 0;
        for notice in &notices {
            let name = name(&notice.workload);
            let (group, namespace) = (Group::of(notice.phase), &notice.workload.namespace);
            let failure = notice.diagnosis.failure;
            let same = lines.last().is_some_and(|l| {
                l.group == group && &l.namespace == namespace && l.failure == failure
            });
            let heading = if same {
                0
            } else {
                namespace.as_str().len() + 80
            };
            let Some(left) = room.checked_sub(name.len() + 2 + heading) else {
                break;
            };
            room = left;
            fits += 1;
            match lines.last_mut().filter(|_| same) {
                Some(line) => line.names.push(name),
                None => lines.push(Line {
                    group,
                    namespace: namespace.clone(),
                    failure,
                    names: vec![name],
                }),
            }
        }
        let more = notices.len() - fits;
        notices.truncate(fits);
        Self {
            named: notices,
            more,
            lines,
        }
    }

    /// One line: how many need what.
    #[must_use]
    pub fn title(&self) -> String {
        let count = |group| {
            self.named
                .iter()
                .filter(|n| Group::of(n.phase) == group)
                .count()
        };
        let mut parts = Vec::new();
        for (group, one, many) in [
            (
                Group::Failing,
                "workload is failing",
                "workloads are failing",
            ),
            (Group::NeedsYou, "needs a person", "need a person"),
            (Group::Well, "is well again", "are well again"),
        ] {
            match count(group) {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                n => parts.push(format!("{n} {many}")),
            }
        }
        let sign = match self.lines.first().map(|l| l.group) {
            Some(Group::Well) => "✅",
            Some(Group::NeedsYou) => "🟠",
            _ => "🔴",
        };
        format!("{sign} {}", parts.join(", "))
    }

    /// What to know and do: storm, what did not fit.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.named.iter().any(|n| n.reason == Reason::Storm) {
            out.push("So much fails at once that Podmender touches no pod until it is calm. Look for one shared cause: a node, the network, the registry, a database.".to_owned());
        }
        if self.more > 0 {
            out.push(format!("{} more in the next message.", self.more));
        }
        out
    }

    /// Commands to look closer.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        let namespaces: BTreeSet<&Name> = self.lines.iter().map(|l| &l.namespace).collect();
        if namespaces.len() > COMMANDS {
            return vec!["kubectl get incidents -A".to_owned()];
        }
        namespaces
            .into_iter()
            .map(|ns| {
                format!(
                    "kubectl -n {} get incidents",
                    crate::alert::story::shell(ns)
                )
            })
            .collect()
    }

    /// The whole digest as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = self.title();
        let mut group = None;
        for line in &self.lines {
            if group != Some(line.group) {
                group = Some(line.group);
                let _ = write!(out, "\n{}", line.group.heading());
            }
            let _ = write!(out, "\n  {}", line.text());
        }
        for note in self.notes() {
            let _ = write!(out, "\n{note}");
        }
        for command in self.commands() {
            let _ = write!(out, "\n  {command}");
        }
        out
    }
}

impl Line {
    /// `shop: OOMKilled (2): api, web`.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}: {:?} ({}): {}",
            self.namespace,
            self.failure,
            self.names.len(),
            self.names.join(", ")
        )
    }
}

fn key(notice: &Notice) -> (Group, &Name, FailureKind, &Name) {
    let w = &notice.workload;
    (
        Group::of(notice.phase),
        &w.namespace,
        notice.diagnosis.failure,
        &w.name,
    )
}

fn name(workload: &WorkloadRef) -> String {
    match workload.kind {
        WorkloadKind::Deployment | WorkloadKind::Foreign => workload.name.to_string(),
        kind => format!("{}/{}", kind.as_str(), workload.name),
    }
}
