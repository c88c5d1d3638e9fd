//! `podmender crd`: the definitions of the four kinds, as YAML to apply.

use anyhow::Context as _;
use std::fmt::Write as _;

/// The definitions as a stream of YAML documents: the same bytes for the same program.
///
/// # Errors
/// A definition cannot be written: a mistake in this program, which a test rules out.
pub fn render() -> anyhow::Result<String> {
    let mut out = String::from(
        "# What `podmender crd` prints; made from the types in agent/src/api. Do not edit.\n",
    );
    for crd in crate::api::crds().context("a type has no structural schema")? {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let mut value = serde_json::to_value(&crd)?;
        sort(&mut value);
        let yaml = serde_saphyr::to_string(&value).with_context(|| format!("{name} as YAML"))?;
        write!(out, "---\n{yaml}")?;
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    Ok(out)
}

/// Sorts every object by key, whatever the features of `serde_json` in this build.
fn sort(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            let mut pairs: Vec<_> = std::mem::take(object).into_iter().collect();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.iter_mut().for_each(|(_, child)| sort(child));
            *object = pairs.into_iter().collect();
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    /// To bring the chart up to date: `cargo run -p podmender -- crd > charts/podmender-crds/files/crds.yaml`.
    #[test]
    fn the_chart_carries_the_types() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../charts/podmender-crds/files/crds.yaml"
        );
        let rendered = super::render().unwrap();
        assert_eq!(rendered, super::render().unwrap(), "not deterministic");
        let chart = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            chart == rendered,
            "{path} is not what `podmender crd` prints"
        );
    }
}
