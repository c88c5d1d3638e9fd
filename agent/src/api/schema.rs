//! Makes the schemas of serde types structural, as the API server asks of a CustomResourceDefinition.
//!
//! A structural schema has no `$ref`, no `oneOf` that declares properties, no `null` type, no `additionalProperties:
//! false`, and only the integer formats int32 and int64. Enums with data (`#[serde(tag = "type")]`) therefore become
//! one object with the properties of all variants, of which only those common to all are required.
//! Rules: kubernetes.io, "Specifying a structural schema".

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceValidation,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// A CEL rule on a whole object: the rule, and what is said when it does not hold.
pub(super) type Rule = (&'static str, &'static str);

/// What an incident or an approval is about never changes.
pub(super) const IMMUTABLE_SPEC: Rule = ("self.spec == oldSelf.spec", "spec cannot be changed");
/// An approval is used up once.
pub(super) const USED_UP_ONCE: Rule = (
    "!has(oldSelf.status) || !has(oldSelf.status.consumedAt) || (has(self.status) && self.status == oldSelf.status)",
    "an approval that was used up cannot be changed",
);

/// For a kind without a status.
#[derive(JsonSchema)]
pub(super) struct NoStatus {}

/// A type whose schema cannot be made structural.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {what}")]
pub struct NotStructural {
    /// Where in the schema.
    at: String,
    /// What is wrong.
    what: String,
}

/// Gives `crd` the schema of its spec and status, and the rules.
pub(super) fn complete<Spec: JsonSchema, Status: JsonSchema>(
    mut crd: CustomResourceDefinition,
    rules: &[Rule],
    required: &[&str],
) -> Result<CustomResourceDefinition, NotStructural> {
    let mut properties = Object::new();
    properties.insert("spec".into(), structural::<Spec>()?);
    if Status::schema_name() != NoStatus::schema_name() {
        properties.insert("status".into(), structural::<Status>()?);
    }
    let mut root = json!({"type": "object", "properties": properties, "required": required});
    if !rules.is_empty() {
        root["x-kubernetes-validations"] = rules
            .iter()
            .map(|(rule, message)| json!({"rule": rule, "message": message}))
            .collect();
    }
    let props = serde_json::from_value(root).map_err(|e| NotStructural {
        at: "root".into(),
        what: e.to_string(),
    })?;
    if let Some(version) = crd.spec.versions.first_mut() {
        version.schema = Some(CustomResourceValidation {
            open_api_v3_schema: Some(props),
        });
    }
    Ok(crd)
}

/// The structural schema of `T`.
///
/// # Errors
/// Two variants of an enum give one property two meanings, or a subschema is of a kind that is not known here.
pub fn structural<T: JsonSchema>() -> Result<Value, NotStructural> {
    let mut settings = SchemaSettings::openapi3();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    rewrite(&mut schema, &T::schema_name())?;
    Ok(schema)
}

/// `metav1.Condition`, as every list of conditions has it.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
                "message": {"type": "string", "maxLength": 32768}
            }
        }
    })
}

/// Rewrites one schema and everything below it.
fn rewrite(schema: &mut Value, at: &str) -> Result<(), NotStructural> {
    let Some(object) = schema.as_object_mut() else {
        return Err(wrong(at, "a schema that is not an object"));
    };
    for key in ["title", "$schema", "default", "nullable", "examples"] {
        object.remove(key);
    }
    if object.contains_key("$ref") {
        return Err(wrong(at, "a recursive type"));
    }
    merge_variants(object, at)?;
    plain_types(object);
    integers(object);
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
    below(object, at)
}

/// Rewrites the schemas below `object`.
fn below(object: &mut Object, at: &str) -> Result<(), NotStructural> {
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            rewrite(property, &format!("{at}.{name}"))?;
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = object.get_mut(key).filter(|child| child.is_object()) {
            rewrite(child, &format!("{at}[]"))?;
        }
    }
    Ok(())
}

/// Replaces `oneOf`, `anyOf` and `allOf` by one schema that allows what any of them allows.
fn merge_variants(object: &mut Object, at: &str) -> Result<(), NotStructural> {
    for key in ["oneOf", "anyOf", "allOf"] {
        let Some(Value::Array(variants)) = object.remove(key) else {
            continue;
        };
        let several = variants.len() > 1;
        for (index, variant) in variants.into_iter().filter(|v| !is_null(v)).enumerate() {
            let Value::Object(mut variant) = variant else {
                return Err(wrong(at, "a variant that is not an object"));
            };
            merge_variants(&mut variant, at)?;
            plain_types(&mut variant);
            if several
                && variant.contains_key("const")
                    | variant.contains_key("enum")
                    | variant.contains_key("properties")
            {
                variant.remove("description");
            }
            join(object, variant, index == 0, at)?;
        }
    }
    let open = object.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    if let Some(tag) = object
        .get_mut("properties")
        .and_then(|p| p.get_mut("type"))
        .and_then(Value::as_object_mut)
        && open
    {
        // A newer version of the agent may know more variants: the schema must not lose them.
        *tag = Object::from_iter([
            ("type".into(), json!("string")),
            ("maxLength".into(), json!(64)),
        ]);
    }
    Ok(())
}

/// Adds one variant to what was merged so far.
fn join(into: &mut Object, variant: Object, first: bool, at: &str) -> Result<(), NotStructural> {
    for (key, value) in variant {
        match (key.as_str(), into.get_mut(&key)) {
            ("required", Some(Value::Array(common))) => {
                let also = value.as_array().cloned().unwrap_or_default();
                common.retain(|name| also.contains(name));
            }
            ("required", None) if !first => {}
            ("enum", Some(Value::Array(all))) => {
                let more = value.as_array().cloned().unwrap_or_default();
                all.extend(
                    more.into_iter()
                        .filter(|v| !all.contains(v))
                        .collect::<Vec<_>>(),
                );
            }
            ("properties", Some(Value::Object(all))) => {
                for (name, property) in value.as_object().cloned().unwrap_or_default() {
                    join_property(all, name, property, at)?;
                }
            }
            ("description" | "additionalProperties", Some(_)) => {}
            (_, Some(known)) if *known != value => {
                return Err(wrong(at, &format!("variants disagree on {key}")));
            }
            (_, Some(_)) => {}
            (_, None) => {
                into.insert(key, value);
            }
        }
    }
    Ok(())
}

/// Adds one property of a variant: a new one as it is, a known one if both mean the same.
fn join_property(
    all: &mut Object,
    name: String,
    property: Value,
    at: &str,
) -> Result<(), NotStructural> {
    let Value::Object(mut property) = property else {
        return Err(wrong(at, "a property that is not an object"));
    };
    merge_variants(&mut property, at)?;
    plain_types(&mut property);
    match all.get_mut(&name) {
        Some(Value::Object(known)) => join(known, property, false, &format!("{at}.{name}")),
        _ => {
            all.insert(name, Value::Object(property));
            Ok(())
        }
    }
}

/// `const` becomes an `enum` of one, and a type that may also be `null` becomes the type alone: optional fields are
/// left out, never null.
fn plain_types(object: &mut Object) {
    if let Some(value) = object.remove("const") {
        object.insert("enum".into(), json!([value]));
    }
    if let Some(Value::Array(types)) = object.get("type") {
        let kept = types.iter().find(|t| **t != json!("null")).cloned();
        object.insert("type".into(), kept.unwrap_or(json!("string")));
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
        // schemars puts variants with a doc comment last: a new comment must not change the definition's order.
        values.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
}

/// Kubernetes knows int32 and int64 only; the limits of the narrower and unsigned types become bounds.
fn integers(object: &mut Object) {
    let (format, least, most) = match object.get("format").and_then(Value::as_str) {
        Some("uint8") => ("int32", 0, Some(i64::from(u8::MAX))),
        Some("uint16") => ("int32", 0, Some(i64::from(u16::MAX))),
        Some("uint32") => ("int64", 0, Some(i64::from(u32::MAX))),
        Some("uint64" | "uint") => ("int64", 0, None),
        _ => return,
    };
    object.insert("format".into(), json!(format));
    object.entry("minimum").or_insert(json!(least));
    if let Some(most) = most {
        object.entry("maximum").or_insert(json!(most));
    }
}

fn is_null(variant: &Value) -> bool {
    variant.get("type") == Some(&json!("null"))
        || variant.get("const") == Some(&Value::Null)
        || variant.get("enum") == Some(&json!([null]))
}

fn wrong(at: &str, what: &str) -> NotStructural {
    NotStructural {
        at: at.into(),
        what: what.into(),
    }
}
