//! `--share`: what is shown is made fit to paste elsewhere. Secrets are out of an incident anyway; here go whose it is and where
//! it runs: people, names of the namespace and the workload, addresses.

use podmender_policy::{approval::Entrance, audit::Fact, incident::Incident, redact};
use serde_json::Value;
use std::net::IpAddr;

/// Who is going to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whoever asked.
    Oneself,
    /// Anybody: it will be pasted somewhere.
    Anybody,
}

/// Replaces what tells whose an incident is, the same by the same.
#[derive(Debug, Default)]
pub struct Sharer {
    /// Names that are known, the longest first, and what stands for them.
    names: Vec<(String, String)>,
    addresses: Vec<IpAddr>,
    mailboxes: Vec<String>,
}

impl Sharer {
    /// Knows the names of one incident.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        let workload = &incident.spec.workload;
        let mut names = vec![
            (incident.id.to_string(), "<incident>".to_owned()),
            (
                incident.status.diagnosis.pod.to_string(),
                "<pod>".to_owned(),
            ),
            (workload.namespace.to_string(), "<namespace>".to_owned()),
            (workload.name.to_string(), "<workload>".to_owned()),
        ];
        for (n, person) in people(incident).into_iter().enumerate() {
            names.push((person, format!("<person-{}>", n + 1)));
        }
        for post in &incident.status.posts {
            for name in [post.channel.to_string(), post.conversation.to_string()] {
                names.push((name, "<channel>".to_owned()));
            }
        }
        names.retain(|(name, _)| !name.is_empty());
        // Of two names that begin alike, the longer one is meant.
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self {
            names,
            ..Self::default()
        }
    }

    /// A text that may be read by anybody.
    pub fn text(&mut self, raw: &str) -> String {
        let mut text = redact::raw(raw);
        for (name, stands_for) in &self.names {
            text = replaced(&text, name, stands_for);
        }
        self.pieces(&text)
    }

    /// The same for every text in a document.
    pub fn document(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(all) => all.into_iter().map(|v| self.document(v)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter();
                Value::Object(fields.map(|(k, v)| (k, self.document(v))).collect())
            }
            other => other,
        }
    }

    /// Replaces addresses of machines and of mailboxes.
    fn pieces(&mut self, text: &str) -> String {
        let outside =
            |c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '@' | '-' | '_' | '+'));
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(outside) {
            let word = piece.trim_end_matches(outside);
            out.push_str(&self.piece(word));
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        }
        out
    }

    fn piece(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches(['.', ':']);
        let behind = word.get(bare.len()..).unwrap_or_default();
        if is_mailbox(bare) {
            let n = number(&mut self.mailboxes, bare.to_owned());
            return format!("<email-{n}>{behind}");
        }
        let (host, port) = match bare.parse::<IpAddr>() {
            Ok(ip) => (Some(ip), ""),
            Err(_) => match bare.rsplit_once(':') {
                Some((host, port)) => (host.parse().ok(), port),
                None => (None, ""),
            },
        };
        match host {
            Some(ip) if !ip.is_loopback() && !ip.is_unspecified() => {
                let n = number(&mut self.addresses, ip);
                let colon = if port.is_empty() { "" } else { ":" };
                format!("<ip-{n}>{colon}{port}{behind}")
            }
            _ => word.to_owned(),
        }
    }
}

/// The place of `value` among those that were seen, from 1.
fn number<T: PartialEq>(seen: &mut Vec<T>, value: T) -> usize {
    match seen.iter().position(|v| *v == value) {
        Some(at) => at + 1,
        None => {
            seen.push(value);
            seen.len()
        }
    }
}

fn is_mailbox(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, host)| {
        !who.is_empty() && host.contains('.') && !host.contains(['@', ':'])
    })
}

/// Everybody who is named in an incident.
fn people(incident: &Incident) -> Vec<String> {
    let facts = incident.status.timeline.iter().map(|record| &record.fact);
    let named = facts.filter_map(|fact| match fact {
        Fact::Answered {
            via: Entrance::Agent,
            ..
        } => None,
        Fact::Answered { by, .. } | Fact::Snoozed { by, .. } | Fact::ApprovalRefused { by, .. } => {
            Some(by.to_string())
        }
        _ => None,
    });
    let mut people: Vec<String> = Vec::new();
    for person in incident
        .status
        .decided_by
        .iter()
        .map(ToString::to_string)
        .chain(named)
    {
        if !people.contains(&person) {
            people.push(person);
        }
    }
    people
}

/// `text` with `name` replaced where it stands as a word, or as the beginning of a pod's name.
fn replaced(text: &str, name: &str, stands_for: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, found) = rest.split_at(at);
        let after = found.get(name.len()..).unwrap_or_default();
        // Not in `<…>`: what stands for a name is not replaced again.
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '<' | '_'));
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '>' | '_'));
        out.push_str(before);
        out.push_str(if begins && ends { stands_for } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;

    #[test]
    fn whose_it_is_and_where_is_gone_and_what_fails_stays() {
        let mut incident = sample::incident("billing");
        incident.status.decided_by = Some("alice@corp.example".into());
        let mut sharer = Sharer::of(&incident);
        let text = sharer.text(
            "billing in shop: dial tcp 10.96.0.7:5432 from 10.88.0.3, again 10.96.0.7: refused; \
             Approved by alice@corp.example. Mail ops@corp.example. 127.0.0.1:80 at 09:30:45, std::io::Error, billing-7c9f8d6b5-x2x4z",
        );
        assert_eq!(
            text,
            "<workload> in <namespace>: dial tcp <ip-1>:5432 from <ip-2>, again <ip-1>: refused; \
             Approved by <person-1>. Mail <email-1>. 127.0.0.1:80 at 09:30:45, std::io::Error, <pod>"
        );
        assert_eq!(
            sharer.text("fe80::1 is not 10.88.0.3"),
            "<ip-3> is not <ip-2>"
        );
        assert_eq!(sharer.text("workshop, bishop_"), "workshop, bishop_");
        assert!(!sharer.text("password=hunter2-and-more").contains("hunter2"));
        // What nobody sees hides neither a secret nor a name.
        assert_eq!(
            sharer.text("pass\u{200b}word=hun\u{0}ter2-and-more of bil\u{2060}ling"),
            "password=<password-1> of <workload>"
        );
    }

    #[test]
    fn a_document_keeps_its_form() {
        let incident = sample::incident("billing");
        let value = serde_json::json!({"a": ["billing", 3, {"b": "shop", "c": null}]});
        let shared = Sharer::of(&incident).document(value);
        let fit = serde_json::json!({"a": ["<workload>", 3, {"b": "<namespace>", "c": null}]});
        assert_eq!(shared, fit);
    }
}
