//! Label selectors, as `metav1.LabelSelector` has them.

use super::problem::{Problems, quoted};
use crate::bounds::Name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A label selector as written: everything in it must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "match_labels")]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub match_expressions: Vec<Expression>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self.operator in ['In', 'NotIn'] == (has(self.values) && size(self.values) > 0)", "message": "In and NotIn take values, Exists and DoesNotExist take none"}
]))]
pub struct Expression {
    /// The label's key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "values")]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names of metav1.LabelSelectorOperator")]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

fn match_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 63}
    })
}

fn values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {"type": "string", "maxLength": 63}
    })
}

/// A label selector that makes sense: all requirements must hold; without any, everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(BTreeSet<Requirement>);

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Requirement {
    In(Name, BTreeSet<Name>),
    /// Holds without the label, too.
    NotIn(Name, BTreeSet<Name>),
    Exists(Name),
    DoesNotExist(Name),
}

impl Selector {
    /// Reads a selector as written.
    pub(super) fn parse(spec: &LabelSelector, path: &str, problems: &mut Problems) -> Self {
        let mut all = BTreeSet::new();
        if spec.match_labels.len() > 32 || spec.match_expressions.len() > 32 {
            problems.add(path, "more than 32 requirements", "write fewer");
            return Self::default();
        }
        for (key, value) in &spec.match_labels {
            let at = format!("{path}.matchLabels");
            check_key(key, &at, problems);
            check_value(value, &at, problems);
            all.insert(Requirement::In(
                Name::new(key),
                BTreeSet::from([Name::new(value)]),
            ));
        }
        for (index, expression) in spec.match_expressions.iter().enumerate() {
            all.extend(Requirement::parse(
                expression,
                &format!("{path}.matchExpressions[{index}]"),
                problems,
            ));
        }
        Self(all)
    }

    /// Whether a workload with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &[(Name, Name)]) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }

    /// Selects what both select.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Requirement {
    fn parse(spec: &Expression, path: &str, problems: &mut Problems) -> Option<Self> {
        check_key(&spec.key, &format!("{path}.key"), problems);
        for (index, value) in spec.values.iter().enumerate().take(64) {
            check_value(value, &format!("{path}.values[{index}]"), problems);
        }
        let key = Name::new(&spec.key);
        let values: BTreeSet<Name> = spec.values.iter().take(64).map(|v| Name::new(v)).collect();
        match (spec.operator, spec.values.len()) {
            (Operator::In, 1..=64) => Some(Self::In(key, values)),
            (Operator::NotIn, 1..=64) => Some(Self::NotIn(key, values)),
            (Operator::Exists, 0) => Some(Self::Exists(key)),
            (Operator::DoesNotExist, 0) => Some(Self::DoesNotExist(key)),
            (Operator::In | Operator::NotIn, _) => {
                problems.add(
                    format!("{path}.values"),
                    "In and NotIn take 1 to 64 values",
                    "list the values",
                );
                None
            }
            (Operator::Exists | Operator::DoesNotExist, _) => {
                problems.add(
                    format!("{path}.values"),
                    "Exists and DoesNotExist take no values",
                    "remove them",
                );
                None
            }
        }
    }

    fn holds(&self, labels: &[(Name, Name)]) -> bool {
        let value = |key: &Name| labels.iter().find(|(k, _)| k == key).map(|(_, v)| v);
        match self {
            Self::In(key, values) => value(key).is_some_and(|v| values.contains(v)),
            Self::NotIn(key, values) => value(key).is_none_or(|v| !values.contains(v)),
            Self::Exists(key) => value(key).is_some(),
            Self::DoesNotExist(key) => value(key).is_none(),
        }
    }
}

/// A label's key: `name` or `prefix/name` (apimachinery, `validation.IsQualifiedName`).
fn check_key(key: &str, path: &str, problems: &mut Problems) {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(p, n)| (Some(p), n));
    let prefix_fits = prefix.is_none_or(|p| {
        !p.is_empty()
            && p.len() <= 253
            && p.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
    });
    if !prefix_fits || name.is_empty() || !is_label(name) {
        problems.add(
            path,
            format!("{} is not a label's key", quoted(key)),
            "write name or prefix/name, as in kubectl get --show-labels",
        );
    }
}

fn check_value(value: &str, path: &str, problems: &mut Problems) {
    if !is_label(value) {
        problems.add(path, format!("{} is not a label's value", quoted(value)), "write at most 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends");
    }
}

/// Empty, or what Kubernetes takes as a label's value.
fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(inner)
        && ends(text.chars().next())
        && ends(text.chars().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(json: &str, labels: &[(&str, &str)]) -> bool {
        let mut problems = Problems::default();
        let selector = Selector::parse(&serde_json::from_str(json).unwrap(), "s", &mut problems);
        assert_eq!(problems, Problems::default());
        let labels: Vec<_> = labels
            .iter()
            .map(|(k, v)| (Name::new(k), Name::new(v)))
            .collect();
        selector.matches(&labels)
    }

    #[test]
    fn selects_as_kubernetes_does() {
        assert!(selects("{}", &[]));
        assert!(selects(
            r#"{"matchLabels":{"a":"1"}}"#,
            &[("b", "2"), ("a", "1")]
        ));
        assert!(!selects(r#"{"matchLabels":{"a":"1"}}"#, &[("a", "2")]));
        let not_in = r#"{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1"]}]}"#;
        assert!(selects(not_in, &[]));
        assert!(!selects(not_in, &[("a", "1")]));
        let both = r#"{"matchExpressions":[{"key":"a","operator":"Exists"},{"key":"b","operator":"DoesNotExist"}]}"#;
        assert!(selects(both, &[("a", "")]));
        assert!(!selects(both, &[("a", ""), ("b", "")]));
    }

    #[test]
    fn odd_selectors_are_problems() {
        for json in [
            r#"{"matchLabels":{"":"1"}}"#,
            r#"{"matchLabels":{"a b":"1"}}"#,
            r#"{"matchLabels":{"a":"*"}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}"#,
        ] {
            let mut problems = Problems::default();
            Selector::parse(&serde_json::from_str(json).unwrap(), "s", &mut problems);
            assert_eq!(problems.0.len(), 1, "{json}: {problems}");
        }
    }
}
