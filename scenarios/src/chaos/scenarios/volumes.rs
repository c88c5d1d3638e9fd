//! A volume that one pod at a time may use: who mends its pod keeps to one, and the next pod finds its data.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::Scenario;
use crate::chaos::case::{Case, name_of, uid_of};
use crate::chaos::objects::{App, CRASHES_WHEN_SICK};
use crate::chaos::{api, wait};

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "statefulset-volume",
    &[91],
    "the agent restarts my whole database, or the pod comes back without its data",
    volume,
)];

/// Two ordinals with a volume each; one of them fails, and a person lets it be restarted.
fn volume(case: &Case<'_>) -> Result<()> {
    case.policy(json!({}), json!({}))?;
    let folders = [0, 1].map(|n| case.world().join(format!("volume-{n}")));
    for (n, folder) in folders.iter().enumerate() {
        fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?;
        provide(case, n, &folder.display().to_string())?;
    }
    // A StatefulSet's new pod has the name of the old one, and another UID.
    let uid = json!({"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}});
    let sick = CRASHES_WHEN_SICK.replace("$HOSTNAME", "$UID");
    let db = App::new("db", &format!("echo $UID >> /data/pods; {sick}"))
        .kind("StatefulSet")
        .replicas(2)
        .container(json!({
            "env": [uid],
            "volumeMounts": [{"name": "world", "mountPath": "/world"}, {"name": "data", "mountPath": "/data"}],
        }))
        .spec(json!({"volumeClaimTemplates": [{
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                "resources": {"requests": {"storage": "1Mi"}},
            },
        }]}));
    let pods = case.run(&db, "db", 2)?;
    let of = |name: &str| {
        let pod = pods.iter().find(|p| name_of(p) == name);
        pod.with_context(|| format!("no {name}"))
    };
    let (other, failing) = (of("db-0")?, of("db-1")?);
    case.fault(&format!("sick-{}", uid_of(failing)), true)?;
    let asks = case.stands("db", "AwaitingApproval", "ApprovalRequired")?;
    case.untouched(5)?;
    case.evicted_only(0)?;
    let answer = ["approve", asks.name(), "-n", &case.namespace];
    case.stage.podmender(&answer)?;
    let evictions = case.evicted(1)?;
    ensure!(
        evictions[0].uid.as_deref() == Some(uid_of(failing)),
        "another pod was evicted"
    );
    case.stands("db", "Resolved", "Mended")?;
    let new = wait::eventually("both are Ready", || {
        let ready = case.ready_pods("db")?;
        ensure!(ready.len() == 2, "{} are", ready.len());
        let new = ready.into_iter().find(|p| name_of(p) == "db-1");
        new.context("db-1 is not")
    })?;
    let stays = case.pods("db")?.iter().any(|p| uid_of(p) == uid_of(other));
    ensure!(stays, "the other ordinal was restarted");
    let written = fs::read_to_string(folders[1].join("pods"))?;
    let users: Vec<&str> = written.lines().collect();
    let [first, .., last] = users.as_slice() else {
        bail!("its volume was used by {users:?}")
    };
    ensure!(
        (*first, *last) == (uid_of(failing), uid_of(&new)),
        "its volume was used by {users:?}"
    );
    case.evicted_only(1).map(drop)
}

/// A volume of this node, kept for one ordinal's claim.
fn provide(case: &Case<'_>, ordinal: usize, folder: &str) -> Result<()> {
    let name = format!("{}-{ordinal}", case.namespace);
    let path = format!("{}/{name}", api::path("v1", "PersistentVolume", None));
    // Of an earlier run on the same cluster: it was kept for a claim that is gone.
    case.stage.api.delete(&path)?;
    wait::eventually("the old volume is gone", || {
        let old = case.stage.api.find(&path)?;
        old.map_or(Ok(()), |_| bail!("it is still there"))
    })?;
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "namespace": case.namespace, "name": format!("data-db-{ordinal}"),
    });
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": folder, "type": "Directory"}, "claimRef": claim,
        },
    });
    case.stage.api.apply(&volume).map(drop)
}
