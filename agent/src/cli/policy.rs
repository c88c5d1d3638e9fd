//! `podmender policy check FILE`: what is wrong with the policies in a file, before they are applied. No cluster needed.
//!
//! Reads as the API server does (a quoted number is no number), and names the line of everything that it finds.

mod located;

use crate::{
    api::{GROUP, VERSION},
    cli::{exit, out},
};
use anyhow::Context as _;
use located::Document;
use podmender_policy::{
    bounds::Name,
    rules::{AgentPolicySpec, Ground, Parsed, Policy},
};
use std::{
    io::{self, Read},
    path::Path,
};

/// Longer files are no policies: an API object may have 1.5 MiB.
const MAX_LEN: u64 = 4 << 20;

/// Where the agent is installed unless the file says otherwise.
const HOME: &str = "podmender";

/// Something to say about a file.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: u64,
    text: String,
    is_wrong: bool,
}

/// Checks the file (`-`: stdin) and prints what it finds. Gives the exit code: 0 if all is well, 1 if anything is wrong.
///
/// # Errors
/// The file cannot be read.
pub fn check(path: &Path) -> anyhow::Result<u8> {
    let (name, text) = read(path)?;
    let findings = examine(&text);
    let wrong = findings.iter().any(|finding| finding.is_wrong);
    out::stdout(|to| {
        for Finding { line, text, .. } in &findings {
            writeln!(to, "{name}:{line}: {text}")?;
        }
        Ok(())
    })?;
    Ok(if wrong { exit::FINDINGS } else { exit::OK })
}

fn read(path: &Path) -> anyhow::Result<(String, String)> {
    let (name, from): (_, Box<dyn Read>) = if path == Path::new("-") {
        ("stdin".to_owned(), Box::new(io::stdin()))
    } else {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {name}"))?;
        (name, Box::new(file))
    };
    let mut bytes = Vec::new();
    from.take(MAX_LEN + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= MAX_LEN,
        "{name} is larger than 4 MiB: is it a policy?"
    );
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not text"))?;
    Ok((name, text))
}

/// Everything that there is to say about the documents in `text`, in the order of their lines.
fn examine(text: &str) -> Vec<Finding> {
    let documents = match located::documents(text) {
        Ok(documents) => documents,
        Err((line, what)) => return vec![wrong(line, format!("not YAML: {what}"))],
    };
    let mut findings = Vec::new();
    let mut policies = 0;
    for document in &documents {
        let text = |path: &str| {
            document
                .at(path)
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let (kind, version) = (text("kind"), text("apiVersion"));
        if kind != "AgentPolicy" {
            let other = if kind.is_empty() {
                "no kind".to_owned()
            } else {
                kind
            };
            findings.push(note(
                document.line(""),
                format!("skipped: {other}, not an AgentPolicy"),
            ));
            continue;
        }
        policies += 1;
        if version != format!("{GROUP}/{VERSION}") {
            findings.push(wrong(
                document.line("apiVersion"),
                format!("apiVersion: {version:?} is not known; write {GROUP}/{VERSION}"),
            ));
        }
        findings.extend(examine_policy(document));
    }
    if policies == 0 {
        findings.push(wrong(
            1,
            "no AgentPolicy in it; write one with kind: AgentPolicy".to_owned(),
        ));
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

fn examine_policy(document: &Document) -> Vec<Finding> {
    let Some(spec) = document.at("spec") else {
        return vec![wrong(
            document.line(""),
            "spec: missing; an AgentPolicy has a spec".to_owned(),
        )];
    };
    let spec: AgentPolicySpec = match serde_path_to_error::deserialize(spec.clone()) {
        Ok(spec) => spec,
        Err(error) => {
            let path = match error.path().to_string().as_str() {
                "." => "spec".to_owned(),
                path => format!("spec.{path}"),
            };
            return vec![wrong(
                document.line(&path),
                format!("{path}: {}", error.inner()),
            )];
        }
    };
    let text = |path: &str| {
        document
            .at(path)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let (name, namespace) = (text("metadata.name"), text("metadata.namespace"));
    let ground = ground(&namespace, &spec);
    let namespace = if namespace.is_empty() {
        ground.own.to_string()
    } else {
        namespace
    };
    match Policy::parse(&name, &namespace, &spec, &ground) {
        Ok(parsed) => fine(document, &namespace, &parsed),
        Err(problems) => {
            let say =
                |p: &podmender_policy::rules::Problem| wrong(document.line(&p.path), p.to_string());
            problems.0.iter().map(say).collect()
        }
    }
}

/// What a file tells of the place that it is for: whatever it names is granted, and its namespace is the agent's own,
/// unless the policy covers just that one.
fn ground(namespace: &str, spec: &AgentPolicySpec) -> Ground {
    let itself = spec.scope.namespaces.as_slice() == [namespace];
    let own = if namespace.is_empty() || itself {
        HOME
    } else {
        namespace
    };
    Ground {
        own: own.into(),
        granted: spec.scope.namespaces.iter().map(|n| Name::new(n)).collect(),
    }
}

fn fine(document: &Document, namespace: &str, parsed: &Parsed) -> Vec<Finding> {
    let policy = &parsed.policy;
    let covers = match policy.namespaces.len() {
        0 => "nothing: spec.scope.namespaces is empty".to_owned(),
        _ => policy
            .namespaces
            .iter()
            .map(Name::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let warnings = parsed
        .warnings
        .iter()
        .map(|p| note(document.line(&p.path), format!("warning: {p}")));
    warnings
        .chain([note(
            document.line(""),
            format!(
                "AgentPolicy {namespace}/{} is fine; it covers {covers}",
                policy.name
            ),
        )])
        .collect()
}

fn wrong(line: u64, text: String) -> Finding {
    Finding {
        line,
        text,
        is_wrong: true,
    }
}

fn note(line: u64, text: String) -> Finding {
    Finding {
        line,
        text,
        is_wrong: false,
    }
}

#[cfg(test)]
mod tests;
