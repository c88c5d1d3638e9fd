//! Runs scenarios: many at a time, since most of the time is waiting; one line each, and a dump of what went wrong.
#![expect(clippy::print_stdout, reason = "the results are this command's output")]
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::agent::{Agent, Interactions};
use super::case::Case;
use super::scenarios::{self, Scenario};
use super::stage::{Setup, Stage};
use super::{api, dump, oracle, wait};

/// What to run and how.
pub struct Options {
    /// Only scenarios whose name contains one of these; empty: all.
    pub only: Vec<String>,
    /// Also those on probation.
    pub all: bool,
    /// So many copies of each beside each other.
    pub times: usize,
    /// How many at a time.
    pub jobs: usize,
    /// Leave everything as it is afterwards.
    pub keep: bool,
    /// Take the cluster that runs as it is.
    pub reuse: bool,
    /// Cargo profile of the agent's image.
    pub profile: String,
}

/// The namespace of the agent that most scenarios share.
const SHARED: &str = "podmender";

/// Prints what there is: name, rows of the fault list, what it is about.
pub fn list() {
    for s in scenarios::all() {
        let rows: Vec<String> = s.faults.iter().map(ToString::to_string).collect();
        let note = if s.on_probation {
            " (on probation)"
        } else {
            ""
        };
        println!("{:24} {:14} {}{note}", s.name, rows.join(","), s.about);
    }
}

/// Runs them and returns whether all passed.
pub fn run(options: &Options) -> Result<bool> {
    let named = |s: &Scenario| options.only.iter().any(|o| s.name.contains(o.as_str()));
    let usual = |s: &Scenario| options.only.is_empty() && (options.all || !s.on_probation);
    let chosen: Vec<Scenario> = scenarios::all()
        .into_iter()
        .filter(|s| usual(s) || named(s))
        .flat_map(|s| s.copies(options.times))
        .collect();
    if chosen.is_empty() {
        bail!("no scenario has such a name: `--list` shows them");
    }
    let began = Instant::now();
    let stage = Stage::set(&Setup {
        profile: &options.profile,
        reuse: options.reuse,
    })?;
    for scenario in &chosen {
        prepare(&stage, scenario)?;
    }
    let shared = chosen.iter().filter(|s| !s.own_agent);
    let shared: Vec<String> = shared.map(Scenario::namespace).collect();
    let agent = Agent::install(&stage, SHARED, &shared, Interactions::Socket)?;
    agent
        .up()
        .inspect_err(|_| dump::namespace(&stage, SHARED))?;
    let agents = Mutex::new(BTreeMap::from([(SHARED.to_owned(), shared.clone())]));
    let (mut passed, mut failed) = perform(&stage, &agent, &chosen, options.jobs.max(1), &agents);

    let agents = agents.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (name, result) in oracle::judge(&stage, &agents) {
        match result {
            Ok(()) => passed += 1,
            Err(_) => failed += 1,
        }
        report(name, None, &result);
    }
    if !options.keep {
        stage.session.down()?;
    }
    println!("in {} s", began.elapsed().as_secs());
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

/// Namespace, and the folder that its pods see as `/world`.
fn prepare(stage: &Stage, scenario: &Scenario) -> Result<()> {
    let namespace = scenario.namespace();
    let world = stage.dir.join(&namespace);
    if world.exists() {
        fs::remove_dir_all(&world)?;
    }
    fs::create_dir_all(&world).with_context(|| format!("cannot create {}", world.display()))?;
    fs::set_permissions(&world, fs::Permissions::from_mode(0o777))?;
    let folder = api::path("v1", "Namespace", None);
    stage.api.delete(&format!("{folder}/{namespace}"))?;
    wait::eventually("the old namespace is gone", || {
        let old = stage.api.find(&format!("{folder}/{namespace}"))?;
        old.map_or(Ok(()), |_| bail!("it is still there"))
    })?;
    stage.api.apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
    )?;
    let account = api::path("v1", "ServiceAccount", Some(&namespace)) + "/default";
    wait::eventually("the namespace's account", || stage.api.get(&account)).map(drop)
}

/// Runs all, `jobs` at a time, in the given order; returns how many passed and failed.
fn perform(
    stage: &Stage,
    shared: &Agent<'_>,
    chosen: &[Scenario],
    jobs: usize,
    agents: &Mutex<BTreeMap<String, Vec<String>>>,
) -> (usize, usize) {
    let queue: Mutex<VecDeque<&Scenario>> = Mutex::new(chosen.iter().collect());
    let counts = Mutex::new((0, 0));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some(scenario) = next else { break };
                    let passed = perform_one(stage, shared, scenario, agents);
                    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                    match passed {
                        true => counts.0 += 1,
                        false => counts.1 += 1,
                    }
                }
            });
        }
    });
    counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Performs it, with an agent of its own if it needs one, and reports; what went wrong is shown while that agent is still known.
fn perform_one(
    stage: &Stage,
    shared: &Agent<'_>,
    scenario: &Scenario,
    agents: &Mutex<BTreeMap<String, Vec<String>>>,
) -> bool {
    let began = Instant::now();
    let own = scenario.own_agent.then(|| {
        let home = scenario.agent_namespace();
        let scoped = vec![scenario.namespace()];
        let mut agents = agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.insert(home.clone(), scoped.clone());
        drop(agents);
        Agent::install(stage, &home, &scoped, scenario.interactions)
    });
    let (agent, result) = match &own {
        None => (Some(shared), play(stage, shared, scenario)),
        Some(Ok(own)) => {
            let result = own.up().and_then(|()| play(stage, own, scenario));
            (Some(own), result)
        }
        Some(Err(error)) => (None, Err(anyhow::anyhow!("{error:#}"))),
    };
    report(&scenario.label(), Some(began), &result);
    if result.is_err() {
        dump::scenario(stage, agent, scenario);
    }
    result.is_ok()
}

fn play(stage: &Stage, agent: &Agent<'_>, scenario: &Scenario) -> Result<()> {
    (scenario.run)(&Case {
        stage,
        agent,
        namespace: scenario.namespace(),
    })
}

fn report(name: &str, began: Option<Instant>, result: &Result<()>) {
    let time = began.map_or_else(String::new, |b| {
        format!("{:6.1} s", b.elapsed().as_secs_f64())
    });
    match result {
        Ok(()) => println!("ok      {name:24} {time}"),
        Err(e) => println!("FAILED  {name:24} {time}  {e:#}"),
    }
}
