//! One scenario at work: its namespace, its workloads, its policy, and what it may ask about them.
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::agent::Agent;
use super::alerts::Alert;
use super::deeds::Deed;
use super::incident::Incident;
use super::objects::{self, App};
use super::stage::Stage;
use super::{api, wait};

/// A workload counts as mended only when it has been Ready for this long, with the replicas it had before.
const MENDED: Duration = Duration::from_secs(30);

/// A scenario in its namespace.
pub struct Case<'a> {
    /// What it shares with the others.
    pub stage: &'a Stage,
    /// The agent that looks after it.
    pub agent: &'a Agent<'a>,
    /// Its own namespace.
    pub namespace: String,
}

impl Case<'_> {
    /// Applies the scenario's policy and waits until the agent follows it. `restart`: settings of autoRestart; `fields`: of the spec.
    pub fn policy(&self, restart: Value, fields: Value) -> Result<()> {
        self.policy_named(&self.namespace, restart, fields)
    }

    /// A policy of another name, for scenarios with two.
    pub fn policy_named(&self, name: &str, restart: Value, fields: Value) -> Result<()> {
        let agent = &self.agent.namespace;
        let policy = objects::policy(agent, &self.namespace, name, restart, fields);
        self.stage.api.apply(&policy)?;
        self.followed(name)
    }

    /// Waits until the agent has taken over the newest version of a policy.
    fn followed(&self, name: &str) -> Result<()> {
        wait::eventually("the agent follows the policy", || {
            let policy = self.stage.api.get(&self.agent.policy_path(name))?;
            let status = policy.get("status").context("no status yet")?;
            let seen = status.get("observedGeneration").and_then(Value::as_i64);
            let generation = policy
                .pointer("/metadata/generation")
                .and_then(Value::as_i64);
            let conditions = status.get("conditions").and_then(Value::as_array);
            let ready = conditions.is_some_and(|all| {
                all.iter()
                    .any(|c| c["type"] == "Ready" && c["status"] == "True")
            });
            ensure!(ready && seen == generation, "its status is {status}");
            Ok(())
        })
    }

    /// Waits until the policy's condition Degraded says so.
    pub fn degraded(&self, says: &str) -> Result<()> {
        let path = self.agent.policy_path(&self.namespace);
        wait::eventually("the condition of the policy", || {
            let policy = self.stage.api.get(&path)?;
            let conditions = policy.pointer("/status/conditions");
            let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
            let found = conditions.into_iter().find(|c| c["type"] == "Degraded");
            let message = found
                .and_then(|c| c["message"].as_str())
                .unwrap_or_default();
            ensure!(message.contains(says), "Degraded says {message:?}");
            Ok(())
        })
    }

    /// Changes fields of the policy's spec.
    pub fn edit_policy(&self, spec: Value) -> Result<()> {
        let path = self.agent.policy_path(&self.namespace);
        self.stage.api.merge(&path, &json!({"spec": spec}))?;
        self.followed(&self.namespace)
    }

    /// The folder that pods see as `/world`.
    pub fn world(&self) -> PathBuf {
        self.stage.dir.join(&self.namespace)
    }

    /// Makes a fault come or go.
    pub fn fault(&self, file: &str, present: bool) -> Result<()> {
        let path = self.world().join(file);
        if present {
            fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))
        } else {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
        }
    }

    /// Whether a pod has written that file there.
    pub fn is_in_world(&self, file: &str) -> bool {
        self.world().join(file).exists()
    }

    /// Makes one pod sick, by name; what replaces it is not.
    pub fn sicken(&self, pod: &Value) -> Result<()> {
        self.fault(&format!("sick-{}", name_of(pod)), true)
    }

    /// Creates a workload.
    pub fn start(&self, app: &App) -> Result<()> {
        self.stage.api.apply(&self.object(app)).map(drop)
    }

    /// A workload of the scenario's namespace.
    pub fn object(&self, app: &App) -> Value {
        app.object(&self.namespace, &self.world().display().to_string())
    }

    /// Creates a workload and lets it run well; returns its pods.
    pub fn run(&self, app: &App, name: &str, replicas: usize) -> Result<Vec<Value>> {
        self.start(app)?;
        self.runs_well(|| {
            let pods = self.ready_pods(name)?;
            ensure!(
                pods.len() == replicas,
                "{} of {replicas} of {name} are Ready",
                pods.len()
            );
            Ok(pods)
        })
    }

    /// The only pod of a workload that runs well with one replica.
    pub fn run_one(&self, app: &App, name: &str) -> Result<Value> {
        self.run(app, name, 1)?.pop().context("no pod")
    }

    /// The pods of two workloads that run well with one replica each.
    pub fn run_both(&self, apps: [&App; 2], names: [&str; 2]) -> Result<[Value; 2]> {
        apps.into_iter().try_for_each(|app| self.start(app))?;
        let only = |name: &str| {
            let pod = self.ready_pods(name)?.pop();
            pod.with_context(|| format!("{name} is not Ready"))
        };
        let [first, second] = names;
        self.runs_well(|| Ok([only(first)?, only(second)?]))
    }

    /// Waits until that is Ready, and sees it run well for a while: what fails within its first 15 s is a failure at start
    /// for the agent, and another story.
    fn runs_well<T>(&self, ready: impl Fn() -> Result<T>) -> Result<T> {
        wait::eventually("the workload is Ready at first", &ready)?;
        wait::throughout("the workload runs well", 16, || ready().map(drop))?;
        ready()
    }

    /// The path of an object of the scenario's namespace.
    pub fn path(&self, api_version: &str, kind: &str, name: &str) -> String {
        format!(
            "{}/{name}",
            api::path(api_version, kind, Some(&self.namespace))
        )
    }

    /// The pods of a workload that stay.
    pub fn pods(&self, app: &str) -> Result<Vec<Value>> {
        let path = api::path("v1", "Pod", Some(&self.namespace));
        let mut pods = self
            .stage
            .api
            .list(&format!("{path}?labelSelector=app%3D{app}"))?;
        pods.retain(|p| p.pointer("/metadata/deletionTimestamp").is_none());
        Ok(pods)
    }

    /// Those of them that are Ready.
    pub fn ready_pods(&self, app: &str) -> Result<Vec<Value>> {
        let mut pods = self.pods(app)?;
        pods.retain(is_ready);
        Ok(pods)
    }

    /// Waits until a workload is mended: all replicas Ready for half a minute without a break.
    pub fn mended(&self, app: &str, replicas: usize) -> Result<()> {
        let mut since: Option<Instant> = None;
        wait::eventually("the workload is mended", || {
            let ready = self.ready_pods(app)?.len();
            if ready != replicas {
                since = None;
                bail!("{ready} of {replicas} are Ready");
            }
            let well = since.get_or_insert_with(Instant::now).elapsed();
            ensure!(well >= MENDED, "Ready for {} s so far", well.as_secs());
            Ok(())
        })
    }

    /// The newest incident of a workload.
    pub fn incident(&self, workload: &str) -> Result<Incident> {
        let newest = self
            .incidents()?
            .into_iter()
            .filter(|i| i.workload() == workload)
            .max_by(|a, b| a.first_seen().cmp(b.first_seen()));
        newest.with_context(|| format!("no incident of {workload}"))
    }

    /// All incidents of the namespace.
    pub fn incidents(&self) -> Result<Vec<Incident>> {
        let path = api::path("podmender.io/v1alpha1", "Incident", Some(&self.namespace));
        Ok(self
            .stage
            .api
            .list(&path)?
            .into_iter()
            .map(Incident)
            .collect())
    }

    /// Waits until the newest incident of a workload stands there for that reason.
    pub fn stands(&self, workload: &str, phase: &str, reason: &str) -> Result<Incident> {
        wait::eventually("the incident's phase", || {
            let incident = self.incident(workload)?;
            incident.stands(phase, reason)?;
            Ok(incident)
        })
    }

    /// Evictions in the namespace that were carried out, by whomever of ours.
    pub fn evictions(&self) -> Result<Vec<Deed>> {
        self.stage.deeds.evictions(&self.namespace)
    }

    /// Waits until so many evictions were carried out; more is a failure.
    pub fn evicted(&self, times: usize) -> Result<Vec<Deed>> {
        wait::eventually("the eviction", || {
            let evictions = self.evictions()?.len();
            ensure!(evictions >= times, "{evictions} of {times} evictions");
            Ok(())
        })?;
        self.evicted_only(times)
    }

    /// Fails unless exactly so many evictions were carried out by now.
    pub fn evicted_only(&self, times: usize) -> Result<Vec<Deed>> {
        let evictions = self.evictions()?;
        ensure!(
            evictions.len() == times,
            "{} evictions instead of {times}",
            evictions.len()
        );
        Ok(evictions)
    }

    /// What people were told about the namespace.
    pub fn alerts(&self) -> Vec<Alert> {
        self.stage.alerts.about(&self.namespace)
    }

    /// Waits until people have been told of that phase.
    pub fn told(&self, phase: &str) -> Result<Alert> {
        wait::eventually("the alert", || {
            let alerts = self.alerts();
            let says = |a: &&Alert| {
                let briefs = a.briefs(&self.namespace);
                briefs.iter().any(|brief| brief["phase"] == phase)
            };
            alerts.iter().find(says).cloned().with_context(|| {
                let told = alerts.iter().flat_map(|a| a.briefs(&self.namespace));
                let phases: Vec<&Value> = told.map(|brief| &brief["phase"]).collect();
                format!("nothing was told of {phase}, only {phases:?}")
            })
        })
    }

    /// Waits until the incident itself says that people have been told of that phase: from then on a new agent knows it.
    pub fn noted_as_told(&self, workload: &str, phase: &str) -> Result<()> {
        wait::eventually("the note of the alert", || {
            let incident = self.incident(workload)?;
            let told = incident.told_phase();
            ensure!(told == phase, "people were told of {told:?}");
            Ok(())
        })
    }

    /// Waits until people know that it is theirs: told so at once, or in the first message (then not told again).
    pub fn handed_over(&self) -> Result<Alert> {
        wait::eventually("the alert", || {
            let alerts = self.alerts();
            let theirs = |a: &&Alert| {
                let briefs = a.briefs(&self.namespace);
                briefs
                    .iter()
                    .any(|b| b["phase"] == "Escalated" || b["decisionReason"] == "PersonIfAgain")
            };
            alerts.iter().find(theirs).cloned().with_context(|| {
                format!(
                    "nobody was told that it is theirs, in {} messages",
                    alerts.len()
                )
            })
        })
    }

    /// Fails if, in that time, anything more is done or told.
    pub fn silence(&self, seconds: u64) -> Result<()> {
        let (done, told) = (self.evictions()?.len(), self.alerts().len());
        wait::throughout("silence", seconds, || {
            let (done_now, told_now) = (self.evictions()?.len(), self.alerts().len());
            ensure!(done_now == done, "{} more acts", done_now - done);
            ensure!(told_now == told, "{} more messages", told_now - told);
            Ok(())
        })
    }

    /// Fails if anything is evicted in that time.
    pub fn untouched(&self, seconds: u64) -> Result<()> {
        let before = self.evictions()?.len();
        wait::throughout("no act", seconds, || {
            let now = self.evictions()?.len();
            ensure!(now == before, "{} evictions", now - before);
            Ok(())
        })
    }

    /// Waits until a container of the workload has been restarted so often, and sits in its back-off.
    pub fn crashed(&self, app: &str, times: u64) -> Result<()> {
        wait::eventually("the crash loop", || {
            let loops = |pod: &Value| {
                let status = pod.pointer("/status/containerStatuses/0")?;
                let waits = status.pointer("/state/waiting/reason")? == "CrashLoopBackOff";
                waits.then(|| status.get("restartCount")?.as_u64())?
            };
            let most = self.pods(app)?.iter().filter_map(loops).max();
            ensure!(
                most.is_some_and(|m| m >= times),
                "restarts in back-off: {most:?}"
            );
            Ok(())
        })
    }
}

/// A field of a pod as text, empty if there is none.
pub fn text_of<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The name of an object.
pub fn name_of(object: &Value) -> &str {
    object
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The UID of an object.
pub fn uid_of(object: &Value) -> &str {
    object
        .pointer("/metadata/uid")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether a pod is Ready.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| {
        all.iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
    })
}
