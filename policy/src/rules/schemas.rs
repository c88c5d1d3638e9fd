//! Schemas of single fields of a policy: what a derive cannot say.

use super::duration::{self, Bounds};
use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) fn namespaces(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 256,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 63,
            "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "x-kubernetes-validations": [{
                "rule": "!(self in ['kube-system', 'kube-public', 'kube-node-lease'])",
                "message": "the namespaces of the cluster itself are never in scope"
            }]
        }
    })
}

pub(super) fn slack_users(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "maxLength": 32, "pattern": "^[UW][A-Z0-9]+$"}
    })
}

pub(super) fn slack_groups(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "maxLength": 32, "pattern": "^S[A-Z0-9]+$"}
    })
}

pub(super) fn min_approvals(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 5},
        "x-kubernetes-validations": [{
            "rule": "self.all(k, k in ['restart', 'rollback', 'raiseMemory', 'scale', 'deleteStuckPod', 'deleteDeployment', 'scaleToZero', 'modifySecrets'])",
            "message": "minApprovals takes remedies by name"
        }]
    })
}

pub(super) fn slack_team(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 32, "pattern": "^T[A-Z0-9]+$"})
}

pub(super) fn memory(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 20, "pattern": "^[0-9]{1,15}(Ki|Mi|Gi|Ti|k|M|G|T)?$"})
}

pub(super) fn schedule(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 128,
        "pattern": r"^\s*(\S+\s+){5}\S+\s*$"
    })
}

macro_rules! durations {
    ($($name:ident: $bounds:ident),* $(,)?) => {
        $(pub(super) fn $name(_: &mut SchemaGenerator) -> Schema { schema_of(&duration::$bounds) })*
    };
}

durations!(
    window: WINDOW,
    cooldown: COOLDOWN,
    hold: HOLD,
    approval_timeout: APPROVAL_TIMEOUT,
    freeze_duration: FREEZE,
    actions_window: WINDOW,
    storm_calm: STORM_CALM,
    healthy_delay: HEALTHY_DELAY,
    deadline: DEADLINE,
    relapse_window: RELAPSE_WINDOW,
    min_interval: MIN_INTERVAL,
);

fn schema_of(bounds: &Bounds) -> Schema {
    let (least, most) = (bounds.least, bounds.most);
    json_schema!({
        "type": "string",
        "maxLength": 16,
        "pattern": duration::PATTERN,
        "x-kubernetes-validations": [{
            "rule": format!("duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"),
            "message": format!("must be between {least} and {most}")
        }]
    })
}
